"""How long a drop of payments takes: hfcore's ingest beside a plain pandas read-parse-write.

    python benchmarks/bench_ingest.py [MUNICIPALITIES] [ROWS EACH] [WORKERS]

Writes messy CSV files (cp1252, semicolons, decimal comma, blanks in thousands, repeated rows, bad
rows), one a municipality, and reads each way in a process of its own. Prints a table: seconds,
peak memory, rows kept. The national drop is 290 municipalities of 124 000 rows.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HOME = Path(__file__).resolve().parent.parent
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
files = ["utbetalningar.csv"]
encoding = "cp1252"
options = {row_id = "Id"}
[sources.columns]
household_id = "Ärende"
month = {header = "Avser", format = "%Y-%m"}
amount_sek = "Belopp"
"""


def write_drop(root: Path, municipalities: int, rows: int) -> None:
    """Write the study and its files."""
    codes = [f"{1000 + number:04}" for number in range(municipalities)]
    raw = root / "raw" / "drop"
    raw.mkdir(parents=True)
    heads = [MUNICIPALITY % (code, code) for code in codes]
    (raw / "study.toml").write_text("".join([STUDY, *heads, SOURCE]), encoding="utf-8")
    for number, code in enumerate(codes):
        (raw / code).mkdir()
        (raw / code / "utbetalningar.csv").write_bytes(messy_csv(number, rows))


def messy_csv(seed: int, rows: int) -> bytes:
    """One municipality's payments as an export brings them."""
    rng = np.random.default_rng(seed)
    months = np.arange(np.datetime64("2012-01"), np.datetime64("2022-01")).astype(str)
    household = rng.integers(1, rows // 30 + 2, rows)
    amount = rng.gamma(4, 2000, rows).round(2)
    texts = [f"{each:,.2f}".replace(",", "\u00a0").replace(".", ",") for each in amount]
    month = months[rng.integers(0, len(months), rows)]
    lines = [
        f"{number};H{h:06};{m};{text}"
        for number, (h, m, text) in enumerate(zip(household, month, texts, strict=True))
    ]
    for at in rng.integers(0, rows, max(rows // 1000, 1)):
        lines[at] = lines[at - 1]
    for at in rng.integers(0, rows, max(rows // 5000, 1)):
        lines[at] = lines[at].replace(",", "x")
    return "\r\n".join(["Id;Ärende;Avser;Belopp", *lines, ""]).encode("cp1252")


PLAIN = """
import hashlib, sys
from pathlib import Path
import pandas as pd
raw, out = Path(sys.argv[1]), Path(sys.argv[2])
kept = 0
for file in sorted(raw.glob("*/utbetalningar.csv")):
    rows = pd.read_csv(file, sep=";", encoding="cp1252", dtype=str, keep_default_na=False)
    rows = rows.drop_duplicates()
    text = rows["Belopp"].str.replace("\\u00a0", "").str.replace(",", ".")
    rows["amount_sek"] = pd.to_numeric(text, errors="coerce")
    rows["month"] = pd.to_datetime(rows["Avser"], format="%Y-%m", errors="coerce")
    rows = rows.dropna(subset=["amount_sek", "month"])
    keys = {each: hashlib.blake2b(each.encode(), key=b"k" * 32, digest_size=12).hexdigest()
            for each in rows["Ärende"].unique()}
    rows["household_id"] = rows["Ärende"].map(keys)
    net = rows.groupby(["household_id", "month"], as_index=False)["amount_sek"].sum()
    folder = out / f"municipality={file.parent.name}"
    folder.mkdir(parents=True)
    net.to_parquet(folder / "part.parquet", index=False, compression="zstd")
    kept += len(rows)
print(kept)
"""
BARE = """
import sys
from pathlib import Path
import duckdb
raw, out = Path(sys.argv[1]), Path(sys.argv[2])
db = duckdb.connect(config={"threads": 2})
kept = 0
for file in sorted(raw.glob("*/utbetalningar.csv")):
    text = out / "one.csv"
    out.mkdir(exist_ok=True)
    text.write_bytes(file.read_bytes().decode("cp1252").encode())
    folder = out / f"municipality={file.parent.name}"
    folder.mkdir()
    columns = {each: "VARCHAR" for each in ("id", "h", "m", "a")}
    db.execute(f"COPY (SELECT * FROM read_csv('{text}', delim=';', header=true, quote='',"
               f"auto_detect=false, columns={columns})) TO '{folder}/part.parquet' "
               "(FORMAT parquet, COMPRESSION zstd)")
    kept += db.execute(f"SELECT count(*) FROM '{folder}/part.parquet'").fetchone()[0]
print(kept)
"""
HFCORE = """
import sys
from hfcore.data_in.ingest import ingest_study
if __name__ == "__main__":
    report = ingest_study("drop", workers=int(sys.argv[3]))
    print(report.counts["kept"].sum())
"""


def measure(name: str, code: str, root: Path, workers: int) -> None:
    """Run one way in a process of its own and print its row."""
    script = root / "way.py"
    script.write_text(code, encoding="utf-8")
    command = [sys.executable, str(script), str(root / "raw/drop"), str(root / name), str(workers)]
    environment = os.environ | {"HFCORE_DATA": str(root), "PYTHONPATH": str(HOME)}
    watched = [sys.executable, "-c", WATCH, *command]
    started = time.perf_counter()
    done = subprocess.run(watched, env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    kept, peak = done.stdout.split()
    print(f"{name:28} {seconds:8.1f} {int(peak) / 1e6:8.2f} {int(kept):12}", flush=True)


WATCH = """
import subprocess, sys, threading, time
from pathlib import Path
def family(pid):
    found = [pid]
    for each in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in each.read_text().split():
            found += family(child)
    return found
def resident(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])
    except (OSError, IndexError):
        return 0
child = subprocess.Popen(sys.argv[1:])
peak = 0
while child.poll() is None:
    try:
        peak = max(peak, sum(map(resident, family(child.pid))))
    except OSError:
        pass
    time.sleep(0.05)
print(peak)
raise SystemExit(child.returncode)
"""


def main() -> None:
    """Measure all ways on the same files."""
    municipalities, rows, workers = (
        int(given) if given else default
        for given, default in zip([*sys.argv[1:], "", "", ""], (12, 124_000, 2), strict=False)
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_drop(root, municipalities, rows)
        print(f"{municipalities} municipalities of {rows} rows, {workers} workers")
        print(f"{'way':28} {'seconds':>8} {'peak GB':>8} {'rows kept':>12}")
        measure("plain pandas", PLAIN, root, 1)
        measure("bare duckdb to parquet", BARE, root, 1)
        measure("hfcore, one worker", HFCORE, root, 1)
        for made in ("parts", "tables"):
            subprocess.run(["rm", "-rf", str(root / "processed" / "drop" / made)], check=True)
        measure(f"hfcore, {workers} workers", HFCORE, root, workers)
        measure("hfcore, nothing changed", HFCORE, root, workers)


if __name__ == "__main__":
    main()
