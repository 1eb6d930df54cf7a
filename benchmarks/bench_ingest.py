"""How long a national drop of payments takes: hfcore's ingest beside other ways, at several sizes.

    python benchmarks/bench_ingest.py [MUNICIPALITIES ...]

Writes one messy CSV file (cp1252, semicolons, decimal comma, blanks in thousands, repeated rows,
bad rows) with 124 000 rows of each municipality, year by year, so that each municipality's rows
lie all over the file. The same file is read each way in a process of its own, one way after the
other: a plain pandas read-parse-write, duckdb's bare CSV to Parquet, and hfcore. Writes
``benchmarks/ingest.md``: seconds, processor seconds (steadier than the clock on a shared machine),
peak memory of all processes together, rows kept. The national drop of 36 million rows is
``bench_ingest.py 29 97 290`` and needs 6 GB of disk and 10 GB of memory (for pandas).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

HOME = Path(__file__).resolve().parent.parent
TABLE = HOME / "benchmarks" / "ingest.md"
ROWS, YEARS = 124_000, 10
SIZES = (6, 12, 24)
WORKERS = 2
STUDY = """name = "drop"
title = {sv = "Riket", en = "Nation"}
is_simulated = true
cutoff = 2021-12-31
price_year = 2021
"""
MUNICIPALITY = """
[[municipalities]]
code = "%s"
name = "Kommun %s"
first_day = 2012-01-01
last_day = 2021-12-31
payments_from = "2012-01"
payments_to = "2021-12"
"""
SOURCE = """
[[sources]]
table = "payments"
files = ["riket.csv"]
municipality = "Kommun"
encoding = "cp1252"
options = {row_id = "Id"}
[sources.columns]
household_id = "Ärende"
month = {header = "Avser", format = "%Y-%m"}
amount_sek = "Belopp"
"""


def write_drop(root: Path, municipalities: int, rows: int = ROWS) -> None:
    """Write the study and its file."""
    codes = [f"{1000 + number:04}" for number in range(municipalities)]
    raw = root / "raw" / "drop"
    raw.mkdir(parents=True)
    heads = [MUNICIPALITY % (code, code) for code in codes]
    (raw / "study.toml").write_text("".join([STUDY, *heads, SOURCE]), encoding="utf-8")
    with (raw / "riket.csv").open("wb") as file:
        file.write("Kommun;Id;Ärende;Avser;Belopp\r\n".encode("cp1252"))
        for year in range(YEARS):
            for number, code in enumerate(codes):
                file.write(messy_rows(code, 1000 * number + year, year, rows // YEARS))


def messy_rows(code: str, seed: int, year: int, rows: int) -> bytes:
    """One municipality's payments of a year as an export brings them."""
    rng = np.random.default_rng(seed)
    first = np.datetime64("2012-01") + 12 * year
    months = np.arange(first, first + 12).astype(str)
    households = np.array([f"H{number:06}" for number in range(1, rows * YEARS // 30 + 2)])
    order = np.arange(rows)
    again = rng.integers(1, rows, max(rows // 1000, 1))
    order[again] = again - 1
    columns = [
        pa.array([code] * rows),
        pa.array(np.arange(rows) + year * rows).cast(pa.string()),
        _drawn(households, rng.integers(0, len(households), rows)),
        _drawn(months, rng.integers(0, len(months), rows)),
        amount_texts((rng.gamma(4, 2000, rows) * 100).astype("int64"), rng),
    ]
    lines = pa.table(columns, names=list("abcde")).take(pa.array(order))
    written = pa.BufferOutputStream()
    options = arrow_csv.WriteOptions(
        include_header=False, delimiter=";", eol="\r\n", quoting_style="none"
    )
    arrow_csv.write_csv(lines, written, options)
    return written.getvalue().to_pybytes().decode().encode("cp1252")


def amount_texts(cents: np.ndarray, rng: np.random.Generator) -> pa.Array:
    """Kronor with a comma, thousands parted by a no-break space, one in 5 000 spoilt."""
    thousands, rest = np.divmod(cents // 100, 1000)
    first = np.array(["", *(f"{number}\u00a0" for number in range(1, thousands.max() + 1))])
    middle = np.array([*map(str, range(1000)), *(f"{number:03}" for number in range(1000))])
    last = np.array([f"{mark}{number:02}" for mark in (",", "x") for number in range(100)])
    is_bad = np.zeros(len(cents), dtype="int64")
    is_bad[rng.integers(0, len(cents), max(len(cents) // 5000, 1))] = 1
    return pc.binary_join_element_wise(
        _drawn(first, thousands),
        _drawn(middle, rest + 1000 * (thousands > 0)),
        _drawn(last, cents % 100 + 100 * is_bad),
        "",
    )


def _drawn(texts: np.ndarray, places: np.ndarray) -> pa.Array:
    return pa.array(texts.tolist()).take(pa.array(places))


PLAIN = """
import hashlib, sys
from pathlib import Path
import pandas as pd
raw, out = Path(sys.argv[1]), Path(sys.argv[2])
rows = pd.read_csv(raw / "riket.csv", sep=";", encoding="cp1252", dtype=str, keep_default_na=False)
rows = rows.drop_duplicates()
text = rows["Belopp"].str.replace("\\u00a0", "").str.replace(",", ".")
rows["amount_sek"] = pd.to_numeric(text, errors="coerce")
rows["month"] = pd.to_datetime(rows["Avser"], format="%Y-%m", errors="coerce")
rows = rows.dropna(subset=["amount_sek", "month"])
local = rows["Kommun"] + rows["Ärende"]
keys = {each: hashlib.blake2b(each.encode(), key=b"k" * 32, digest_size=12).hexdigest()
        for each in local.unique()}
rows["household_id"] = local.map(keys)
net = rows.groupby(["Kommun", "household_id", "month"], as_index=False)["amount_sek"].sum()
for code, each in net.groupby("Kommun"):
    folder = out / f"municipality={code}"
    folder.mkdir(parents=True)
    each.drop(columns="Kommun").to_parquet(
        folder / "part.parquet", index=False, compression="zstd")
print(len(rows))
"""
BARE = """
import sys
from pathlib import Path
import duckdb
raw, out = Path(sys.argv[1]), Path(sys.argv[2])
db = duckdb.connect(config={"threads": 2, "memory_limit": "2GB"})
out.mkdir(exist_ok=True)
text = out / "one.csv"
with open(raw / "riket.csv", encoding="cp1252", newline="") as old, open(text, "w") as new:
    while part := old.read(1 << 24):
        new.write(part)
columns = {each: "VARCHAR" for each in ("k", "id", "h", "m", "a")}
db.execute("SET partitioned_write_max_open_files = 400")
db.execute(f"COPY (SELECT * FROM read_csv('{text}', delim=';', header=true, quote='',"
           f"auto_detect=false, columns={columns})) TO '{out}/payments' "
           "(FORMAT parquet, COMPRESSION zstd, PARTITION_BY (k))")
print(db.execute(f"SELECT count(*) FROM '{out}/payments/*/*.parquet'").fetchone()[0])
"""
HFCORE = """
import sys
from hfrun.ingest import ingest_study
if __name__ == "__main__":
    report = ingest_study("drop", workers=int(sys.argv[3]))
    print(report.counts["kept"].sum())
"""


WAYS = (
    ("plain pandas", PLAIN, 1),
    ("bare duckdb, CSV to Parquet", BARE, 1),
    ("hfcore, one worker", HFCORE, 1),
    (f"hfcore, {WORKERS} workers", HFCORE, WORKERS),
    ("hfcore, nothing changed", HFCORE, WORKERS),
)


@dataclass(frozen=True)
class Measured:
    """One way on one size: seconds by the clock and of processors, peak bytes, rows kept."""

    municipalities: int
    way: str
    seconds: float
    processor: float
    peak: int
    kept: int


def measure(municipalities: int, way: str, code: str, root: Path, workers: int) -> Measured:
    """Run one way in a process of its own, while its memory is watched."""
    script = root / "way.py"
    script.write_text(code, encoding="utf-8")
    out = root / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, str(script), str(root / "raw/drop"), str(out), str(workers)]
    environment = os.environ | {"HFCORE_DATA": str(root), "PYTHONPATH": str(HOME)}
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        while not (ended := os.wait4(child.pid, os.WNOHANG))[0]:
            peak = max(peak, sum(map(_resident, _family(child.pid))))
            time.sleep(0.05)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(ended[1])
        kept = int(child.stdout.read())
    processor = ended[2].ru_utime + ended[2].ru_stime
    return Measured(municipalities, way, seconds, processor, peak, kept)


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        texts = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return [pid]
    return [pid, *(one for child in " ".join(texts).split() for one in _family(int(child)))]


def _resident(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        return 0


def measure_all(municipalities: int) -> list[Measured]:
    """All ways on the same files."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_drop(root, municipalities)
        for way, code, workers in WAYS:
            if "nothing" not in way:
                shutil.rmtree(root / "processed", ignore_errors=True)
            found.append(measure(municipalities, way, code, root, workers))
            print(row(found[-1], found[0]), flush=True)
    return found


HEADER = (
    "| rows | way | s | processor s | pandas takes | peak GB | rows kept |\n"
    "|---|---|---|---|---|---|---|"
)


NOTE = (
    "Seconds depend on what else the machine does; processor seconds are of all processes of a way "
    "together. Pandas and duckdb check nothing; hfcore keeps duplicates, unreadable rows and "
    "everything else that it noticed in its account and quarantine."
)


def row(one: Measured, pandas: Measured) -> str:
    """One row of the table; ``pandas`` is the plain way on the same files."""
    return (
        f"| {rows_of(one.municipalities)} | {one.way} | {one.seconds:.1f} | {one.processor:.1f} | "
        f"{pandas.seconds / one.seconds:.1f} × | {one.peak / 1e9:.2f} | {one.kept:,} |"
    )


def rows_of(municipalities: int) -> str:
    """The number of rows as the table tells it."""
    return f"{municipalities * ROWS:,}".replace(",", " ")


def other_rows(sizes: list[int]) -> list[str]:
    """The lines of the table that are of other sizes, measured before."""
    lines = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.is_file() else []
    again = tuple(f"| {rows_of(size)} |" for size in sizes)
    return [line for line in lines if line[:3].strip("| ").isdigit() and not line.startswith(again)]


def main(sizes: list[int]) -> None:
    """Measure every size, print each row and write the table, beside the sizes measured before."""
    print(HEADER)
    measured = [measure_all(size) for size in sizes]
    lines = other_rows(sizes) + [row(one, each[0]) for each in measured for one in each]
    lines.sort(key=lambda line: int(line.split("|")[1].replace(" ", "")))
    title = f"# One file of payments, {ROWS:,} rows a municipality, {os.cpu_count()} processors\n"
    TABLE.write_text("\n".join([title, HEADER, *lines, f"\n{NOTE}"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or list(SIZES))
