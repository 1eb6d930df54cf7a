"""Clean tables written in random layouts come back equal; broken files end in sentences."""

from __future__ import annotations

import contextlib
import csv
import io
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from open_document import sheet, write_open_document
from raw_study import HOUSEHOLDS, PAYMENTS, PERSONS, PLANS, STUDY, write_lines, write_plans

from hfcore.clean import workbooks
from hfcore.clean.file_layouts import RawFile, adapted
from hfcore.clean.source_reading import read_source
from hfcore.clean.table_cleaning import Cleaned, clean_table
from hfcore.errors import RawDataError
from hfcore.study import ColumnSource, Source
from hfcore.study_file import build_study
from hfrun.draft_mapping import suggest_source

SAMPLE, NIGHTLY = 400, 10_000
WORKBOOK_SHARE = 10

words = st.text(st.sampled_from("abcåäöÅÄÖéNA 'x"), min_size=1, max_size=12).map(str.strip)
days = st.dates(date(1950, 1, 1), date(2021, 12, 31))
rows = st.lists(
    st.tuples(
        st.integers(1, 10**6),
        st.sampled_from(["participant", "control"]),
        days,
        st.integers(1, 9),
        st.integers(0, 12_345_678),
        words.filter(lambda text: text not in ("", "-", "..", "saknas")) | st.none(),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda row: row[0],
)
layouts = st.fixed_dictionaries(
    {
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
        "separator": st.sampled_from([";", ",", "\t", "|"]),
        "decimal": st.sampled_from([",", "."]),
        "space": st.sampled_from(["", " ", "\u00a0", "\u202f"]),
        "form": st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%Y%m%d", "%d.%m.%y", "%m/%d/%Y"]),
        "null": st.sampled_from(["", "-", "..", "saknas"]),
        "codes": st.sampled_from([{}, {"D": "participant", "K": "control"}]),
        "titles": st.integers(0, 3),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        "end": st.sampled_from(["\r\n", "\n"]),
        "order": st.permutations(range(6)),
        "kind": st.sampled_from(["csv"] * (WORKBOOK_SHARE - 2) + ["xlsx", "ods"]),
    }
)
HEADERS = ["Ärende", "Grupp", "Start", "Vuxna", "Belopp", "Vårdcentral"]


@pytest.fixture(scope="module")
def study():
    import tomllib

    return build_study(tomllib.loads(STUDY))


@pytest.fixture
def no_process(monkeypatch):
    """Read workbooks in this process: quicker, and these are known to be whole."""
    monkeypatch.setattr(
        workbooks, "_read_apart", lambda path, *rest: workbooks._read_here(str(path), *rest[:2])
    )


def written(row: tuple, layout: dict) -> list[str]:
    """One row in the words of a layout."""
    number, group, start, adults, cents, centre = row
    word = {code: text for text, code in layout["codes"].items()}.get(group, group)
    whole, part = f"{cents // 100:,}".replace(",", layout["space"]), f"{cents % 100:02}"
    amount = f"{whole}{layout['decimal']}{part}"
    cells = [f"Ä-{number:07}", word, start.strftime(layout["form"]), str(adults), amount]
    return [*cells, layout["null"] if centre is None else centre]


def write_file(path, table: list[tuple], layout: dict) -> None:
    """The table as a file in a layout."""
    order = layout["order"]
    titles = [[f"Utdrag {number}"] for number in range(layout["titles"])]
    lines = [[HEADERS[i] for i in order]]
    lines += [[written(row, layout)[i] for i in order] for row in table]
    if layout["kind"] == "ods":
        write_open_document(path, sheet("Blad1", titles + lines))
        return
    if layout["kind"] == "xlsx":
        book = openpyxl.Workbook()
        for line in titles + lines:
            book.active.append(line)
        book.save(path)
        return
    text = io.StringIO()
    form = {"delimiter": layout["separator"], "lineterminator": layout["end"]}
    csv.writer(text, quoting=layout["quoting"], **form).writerows(titles + lines)
    path.write_bytes(text.getvalue().encode(layout["encoding"]))


def source_of(layout: dict) -> Source:
    """The mapping that tells a layout."""
    return Source(
        table="households",
        files=("x",),
        columns={
            "household_id": ColumnSource("Ärende"),
            "group": ColumnSource("Grupp", codes=layout["codes"]),
            "started_on": ColumnSource("Start", format=layout["form"]),
            "adults": ColumnSource("Vuxna"),
            "other_agencies": ColumnSource(value="2"),
            "children": ColumnSource(value="0"),
            "care_centre": ColumnSource("Vårdcentral"),
        },
        format="csv" if layout["kind"] == "csv" else "excel",
        encoding=layout["encoding"],
        separator=layout["separator"],
        decimal=layout["decimal"],
        options={"version": "Belopp"},
    )


@settings(
    max_examples=500,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows, layouts)
def test_what_is_written_is_read(tmp_path, study, no_process, table, layout):
    """500 tables in random layouts: dates, numbers, codes, nulls, texts, order, titles."""
    if layout["form"] == "%d.%m.%y":
        table = [(*row[:2], max(row[2], date(1969, 1, 1)), *row[3:]) for row in table]
    if layout["encoding"] == "cp1252":
        layout = layout | {"space": layout["space"].replace("\u202f", "\u00a0")}
    path = tmp_path / "x"
    write_file(path, table, layout)
    text = read_source(path, source_of(layout))
    done = clean_table(text, source_of(layout), study)
    assert [each.sentence() for each in done.problems if each.is_error] == []
    back = done.rows
    assert back["household_id"].tolist() == [f"Ä-{row[0]:07}" for row in table]
    assert back["group"].tolist() == [row[1] for row in table]
    assert back["started_on"].dt.date.tolist() == [row[2] for row in table]
    assert back["adults"].tolist() == [row[3] for row in table]
    assert back["_version"].tolist() == [row[4] / 100 for row in table]
    centres = [None if pd.isna(each) else each for each in back["care_centre"]]
    assert centres == [row[5] for row in table]


def mutated(rng: np.random.Generator, raw: bytes) -> bytes:
    """A file with a few bytes changed, lost, doubled, cut off, or put in from elsewhere."""
    content = bytearray(raw)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(0, len(content) + 1))
        until = at + int(rng.integers(0, 40))
        kind = rng.integers(0, 6)
        if kind == 0:
            content[at:until] = rng.integers(0, 256, until - at, dtype=np.uint8).tobytes()
        elif kind == 1:
            del content[at:until]
        elif kind == 2:
            content[at:at] = content[at:until] * int(rng.integers(1, 5))
        elif kind == 3:
            del content[at:]
        elif kind == 4:
            content[at:at] = rng.choice(np.array(INSERTS, object)).encode("utf-8", "replace")
        else:
            content[at : at + 1] = bytes([int(rng.integers(0, 256))])
    return bytes(content)


INSERTS = ('"', ";", "\n", "\r", "\0", "\ufeff", "\u202e", "=1+1", "<x>", "1e308", "-", "∞", "½",
           "9" * 400, ";" * 400, '"' * 99, "\ud800", "0000-00-00", "٣", "summa;;;;")  # fmt: skip


LAYOUTS = {
    "monthly": {"separator": "\t", "options": {"layout": "monthly", "header": "none"}},
    "lifecare": {"options": {"layout": "lifecare"}},
}
MONTHLY = [
    "2019\t01\t0180\t\t1\t9000\t198112189876\t1\t0\t0\t2\t38\t197010632391\t1\t0\t0\t1\t49",
    "2019\t02\t0180\t\t1\t500\t191212121212\t1\t0\t0\t1\t99\t\t\t\t\t\t",
]
LIFECARE = """{"value": [{"Id": 7, "CustomerNumber": "198112189876", "Amount": 9000.5,
"PayDate": "2019-02-25T00:00:00", "Version": 1, "persons": [{"CustomerNumber": "197010632391",
"ConcernedMonth": "2019-03"}]}, {"Id": 8, "CustomerNumber": "A-3", "Amount": -1, "persons": []}]}"""


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory, study):
    """Whole files of every kind, each with its source: text files first, then workbooks."""
    folder = tmp_path_factory.mktemp("whole")
    write_lines(folder / "hushall.csv", HOUSEHOLDS)
    write_lines(folder / "personer.csv", PERSONS)
    write_lines(folder / "utbetalningar.csv", PAYMENTS, "utf-8-sig")
    write_lines(folder / "monthly.txt", MONTHLY)
    write_lines(folder / "lifecare.json", LIFECARE.split("\n"), "utf-8")
    write_plans(folder / "planering.xlsx")
    shutil.copy(Path(__file__).parents[1] / "reference" / "plans.xls", folder)
    rows = [["Personnummer", "Från", "Planering"], *map(list, PLANS)]
    write_open_document(folder / "plans.ods", sheet("Planering", rows))
    households, persons, payments, plans = study.sources
    sources = {
        "hushall.csv": households,
        "personer.csv": persons,
        "utbetalningar.csv": payments,
        "monthly.txt": replace(payments, columns={}, **LAYOUTS["monthly"]),
        "lifecare.json": replace(persons, columns={}, **LAYOUTS["lifecare"]),
        "planering.xlsx": plans,
        "plans.xls": plans,
        "plans.ods": plans,
    }
    return [(source, (folder / name).read_bytes()) for name, source in sources.items()]


def cleaned(path: Path, source: Source, study) -> Cleaned:
    """One file through the reader of its kind."""
    if "layout" not in source.options:
        return clean_table(read_source(path, source), source, study)
    (text,), mapped, _ = adapted([RawFile(path, path.name, "")], source, study)
    return clean_table(text, mapped, study)


def try_broken_files(count: int, seed: int, whole_files, study, folder) -> dict[str, int]:
    """Read broken files; each must end in rows or sentences. Returns how many ended how."""
    rng = np.random.default_rng(seed)
    ends = {"rows": 0, "sentences": 0}
    for number in range(count):
        is_book = number % WORKBOOK_SHARE == 0
        chosen = [each for each in whole_files if (each[0].format == "excel") == is_book]
        source, raw = chosen[int(rng.integers(0, len(chosen)))]
        path = folder / "broken"
        path.write_bytes(mutated(rng, raw))
        done = cleaned(path, source, study)
        # A payment of a Lifecare extract holds several persons.
        several = source.options.get("layout") == "lifecare"
        assert several or len(done.rows) + done.stopped["row"].nunique() <= done.read + 1
        assert all(each.sentence("sv") for each in done.problems)
        assert len(done.rows) or done.problems or not done.read
        ends["rows" if len(done.rows) else "sentences"] += 1
    return ends


def test_a_sample_of_broken_files(whole_files, study, tmp_path):
    ends = try_broken_files(SAMPLE, 1, whole_files, study, tmp_path)
    assert ends["rows"] > SAMPLE / 10 and ends["sentences"] > SAMPLE / 20


@pytest.mark.nightly
def test_ten_thousand_broken_files(whole_files, study, tmp_path):
    ends = try_broken_files(NIGHTLY, 2, whole_files, study, tmp_path)
    assert ends["rows"] > NIGHTLY / 10 and ends["sentences"] > NIGHTLY / 20


@pytest.mark.parametrize("seed", range(3))
def test_drafts_of_broken_files(whole_files, tmp_path, seed):
    """What is no study's drop ends in an answer or a sentence, too."""
    rng = np.random.default_rng(seed)
    for _, raw in whole_files * 3:
        (tmp_path / "broken").write_bytes(mutated(rng, raw))
        with contextlib.suppress(RawDataError):
            suggest_source(tmp_path / "broken")


@given(st.binary(max_size=400))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_end_in_sentences(tmp_path, study, content):
    path = tmp_path / "bytes"
    path.write_bytes(content)
    for source in study.sources[:3]:
        done = clean_table(read_source(path, source), source, study)
        assert done.problems and not len(done.rows)


def test_serials_count_days_like_a_spreadsheet(study):
    """Day 44197 is 2021-01-01 and the days after follow, by the calendar."""
    from hfcore.clean.parsing import parse_days

    numbers = pd.Series([str(number) for number in range(44197, 44197 + 800)])
    expected = [date(2021, 1, 1) + timedelta(each) for each in range(800)]
    assert parse_days(numbers).values.dt.date.tolist() == expected
