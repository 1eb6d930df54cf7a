"""Clean payments in random layouts of offices come back equal; no cell of a file is ever told."""

from __future__ import annotations

import contextlib
import re
import tomllib
from datetime import datetime
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from raw_study import STUDY
from test_roundtrip import mutated, no_process  # noqa: F401

from hfcore.clean.rules import sentences
from hfcore.clean.source_reading import read_source
from hfcore.clean.table_cleaning import Cleaned, clean_table
from hfcore.errors import RawDataError
from hfcore.study import ColumnSource, Source
from hfcore.study_file import build_study
from hfrun.draft_mapping import suggest_source

SWEDISH = ["januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti"]
SWEDISH += ["september", "oktober", "november", "december"]
MONTHS = {
    "iso": lambda y, m: f"{y}-{m:02}",
    "day": lambda y, m: f"{y}-{m:02}-17",
    "time": lambda y, m: f"{y}-{m:02}-17 14:05:09",
    "short": lambda y, m: f"{SWEDISH[m - 1][:3]}-{y % 100:02}",
    "named": lambda y, m: f"{SWEDISH[m - 1].title()} {y}",
    "first": lambda y, m: f"{y} {SWEDISH[m - 1]}",
    "statistics": lambda y, m: f"{y}M{m:02}",
}
UNITS = ["{}", "{} kr", "{}kr", "SEK {}", "{} SEK", "{} kronor", "{}:-"]
layouts = st.fixed_dictionaries(
    {
        "month": st.sampled_from(list(MONTHS)),
        "unit": st.sampled_from(UNITS),
        "marks": st.sampled_from([(",", ""), (",", " "), (",", "\u00a0"), (".", ","), (",", ".")]),
        "titles": st.integers(0, 3),
        "end": st.sampled_from(["", ";"]),
        "is_grouped": st.booleans(),
        "is_wide": st.booleans(),
        "subtotals": st.booleans(),
        "total": st.booleans(),
        "kind": st.sampled_from(["csv"] * 6 + ["xlsx", "widths"]),
    }
)
tables = st.dictionaries(
    st.tuples(st.integers(1, 4), st.integers(2015, 2021), st.integers(1, 12)),
    st.integers(-500_000, 9_999_999).filter(bool),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def study():
    return build_study(tomllib.loads(STUDY))


def amount(cents: int, layout: dict) -> str:
    decimal, thousands = layout["marks"]
    whole = f"{abs(cents) // 100:,}".replace(",", thousands)
    return layout["unit"].format(f"{'-' if cents < 0 else ''}{whole}{decimal}{abs(cents) % 100:02}")


def long_rows(table: dict, layout: dict) -> list[list[str]]:
    """One row a payment, by household, with the sums that reports add."""
    rows, last = [["Ärende", "Avser", "Belopp"]], None
    for number in sorted({each for each, *_ in table}):
        own = {key: cents for key, cents in table.items() if key[0] == number}
        for (_, year, month), cents in sorted(own.items()):
            name = "" if layout["is_grouped"] and last == number else f"Ä-{number:03}"
            rows.append([name, MONTHS[layout["month"]](year, month), amount(cents, layout)])
            last = number
        if layout["subtotals"]:
            rows.append([f"Summa Ä-{number:03}", "", amount(sum(own.values()), layout)])
    if layout["total"]:
        rows.append(["Totalt", "", amount(sum(table.values()), layout)])
    return rows


def wide_rows(table: dict, layout: dict) -> list[list[str]]:
    """One row a household and one column a month, with a sum at the right."""
    months = sorted({(year, month) for _, year, month in table})
    rows = [["Ärende", *(MONTHS[layout["month"]](*each) for each in months), "Summa"]]
    for number in sorted({each for each, *_ in table}):
        own = [table.get((number, *each)) for each in months]
        cells = ["" if cents is None else amount(cents, layout) for cents in own]
        rows.append([f"Ä-{number:03}", *cells, amount(sum(filter(None, own)), layout)])
    return rows


def write_file(path: Path, rows: list[list[str]], layout: dict) -> tuple[int, ...]:
    """The rows as a file; the widths of its columns where these are fixed."""
    titles = [[f"Utdrag {number}"] for number in range(layout["titles"])]
    if layout["kind"] == "xlsx":
        book = openpyxl.Workbook()
        for row in titles + rows:
            book.active.append(row)
        book.save(path)
        return ()
    if layout["kind"] == "widths":
        widths = [max(map(len, column)) + 1 for column in zip(*rows, strict=True)]
        lines = ["".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
        path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8", newline="")
        return tuple(widths)
    lines = [";".join(row) for row in titles] + [";".join(row) + layout["end"] for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ()


def source_of(layout: dict, widths: tuple[int, ...]) -> Source:
    decimal, thousands = layout["marks"]
    options: dict = {"thousands": thousands.strip()}
    if widths:
        options["widths"] = widths
    if layout["is_wide"]:
        options["wide"] = "%Y-%m"
    elif layout["is_grouped"]:
        options["fill"] = ("household_id",)
    columns = {"household_id": "Ärende", "month": "Avser", "amount_sek": "Belopp"}
    return Source(
        table="payments",
        files=("x",),
        columns={name: ColumnSource(header) for name, header in columns.items()},
        format="excel" if layout["kind"] == "xlsx" else "csv",
        decimal=decimal,
        options=options,
    )


def read(path: Path, source: Source, study) -> Cleaned:
    return clean_table(read_source(path, source), source, study)


@settings(
    max_examples=500,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(tables, layouts)
def test_what_an_office_writes_is_read(tmp_path, study, no_process, table, layout):  # noqa: F811
    """500 tables: units, marks of thousands, Swedish months, titles, sub-totals, wide months."""
    rows = wide_rows(table, layout) if layout["is_wide"] else long_rows(table, layout)
    source = source_of(layout, write_file(tmp_path / "x", rows, layout))
    done = read(tmp_path / "x", source, study)
    assert [each.sentence() for each in done.problems if each.is_error] == []
    back = {
        (int(household[2:]), month.year, month.month): round(100 * sek)
        for household, month, sek in zip(
            done.rows["household_id"], done.rows["month"], done.rows["amount_sek"], strict=True
        )
    }
    assert back == table and (done.rows["month"].dt.day == 1).all()
    assert done.read == len(done.rows) + sum(done.gone.values())


@pytest.mark.parametrize(
    ("count", "seed"),
    [
        (200, 1),
        pytest.param(10_000, 2, marks=pytest.mark.nightly),
    ],
)
def test_broken_office_files_end_in_rows_or_sentences(tmp_path, study, count, seed):
    """Mutated files of every layout: tables or sentences, every row accounted for."""
    rng = np.random.default_rng(seed)
    table = {(n % 3 + 1, 2019, n + 1): 1000 * n + 100 for n in range(9)}
    months, ends = list(MONTHS), {"rows": 0, "sentences": 0}
    for number in range(count):
        layout = {
            "month": months[number % len(months)],
            "unit": UNITS[number % len(UNITS)],
            "marks": (",", "."),
            "titles": number % 2,
            "end": ";" * (number % 2),
            "is_grouped": number % 3 == 0,
            "is_wide": number % 5 == 0,
            "subtotals": number % 2 == 0,
            "total": number % 4 == 0,
            "kind": "widths" if number % 7 == 0 else "csv",
        }
        rows = wide_rows(table, layout) if layout["is_wide"] else long_rows(table, layout)
        source = source_of(layout, write_file(tmp_path / "x", rows, layout))
        (tmp_path / "x").write_bytes(mutated(rng, (tmp_path / "x").read_bytes()))
        done = read(tmp_path / "x", source, study)
        assert done.read == len(done.rows) + sum(done.gone.values())
        assert (done.rows.get("month", done.rows.index.to_series()).isna() == 0).all()
        ends["rows" if len(done.rows) else "sentences"] += 1
        if number % 10 == 0:
            with contextlib.suppress(RawDataError):
                suggest_source(tmp_path / "x")
    assert min(ends.values()) > count / 50


CANARIES = ["Kanariefågel", "Zebragatan", "198112189876", "19121212-1212", "070-1234567"]
PHRASES = ["mår dåligt sedan i våras", "Undulat Papegoja", "undulat@example.org", "73419.52"]


@pytest.mark.parametrize("is_headed", [True, False], ids=["header", "no header"])
@pytest.mark.parametrize("kind", ["csv", "xlsx", "wrong separator", "mapped from row one"])
def test_no_cell_of_a_file_is_told(tmp_path, study, is_headed, kind):
    """A canary file: none of its cells stands in a draft or in a sentence, in either language."""
    cells = [*CANARIES, *PHRASES]
    rows = [[f"{cell}" for cell in cells], *([c[::-1] + str(n) for c in cells] for n in range(30))]
    names = [
        "Ärende",
        "Avser",
        "Belopp",
        "Namn",
        "Adress",
        "Telefon",
        "Anteckning",
        "E-post",
        "Kod",
    ]
    rows = [names, *rows] if is_headed else rows
    path = tmp_path / "198112189876 uttag.csv"
    if kind == "xlsx":
        book = openpyxl.Workbook()
        book.active.append(["Utdrag", datetime(2021, 5, 31)])
        for row in rows:
            book.active.append(row)
        book.save(path)
    else:
        mark = "," if kind == "wrong separator" else ";"
        path.write_text("\n".join(mark.join(row) for row in rows), encoding="utf-8")
    headers = rows[0][:3] if kind == "mapped from row one" else names[:3]
    columns = dict(zip(("household_id", "month", "amount_sek"), headers, strict=True))
    source = Source(
        table="payments",
        files=("x",),
        columns={name: ColumnSource(header) for name, header in columns.items()},
        format="excel" if kind == "xlsx" else "csv",
    )
    done = read(path, source, study)
    texts = [*sentences(done.problems, "sv"), *sentences(done.problems, "en")]
    told = "\n".join([*texts, suggest_source(path).text])
    mapped = set(headers) if kind == "mapped from row one" else set()
    for cell in {c for row in rows for c in row} - set(names) - mapped:
        assert not re.search(rf"(?<!\w){re.escape(cell)}(?!\w)", told), cell[:2]
