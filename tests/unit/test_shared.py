"""Files that several municipalities share: each gets its own rows, and nobody's are told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_study import PAYMENTS, STUDY, write_lines, write_study
from test_layouts import LISTED, MONTHLY, ONE, TWO, monthly
from test_roundtrip import mutated

from hfcore.clean.source_reading import read_source
from hfcore.clean.table_cleaning import clean_table
from hfcore.errors import StudyError
from hfcore.metrics.data_quality import rules_met
from hfcore.store import has_table, load_study, processed_folder, read_ingest, read_table
from hfrun import chunking, ingest, shared_files
from hfrun.chunking import Head, Places, cut_again, cut_file
from hfrun.ingest import ingest_study
from hfrun.shared_files import Shared

SHARED = STUDY.replace(
    'files = ["utbetalningar*.csv"]\n', 'files = ["riket*.csv"]\nmunicipality = "Kommun"\n'
)
CODES = ("0180", "1290")
TABLES = ("households", "persons", "payments", "plans", "record_keys")


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """The small study with one file of payments for both municipalities."""
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))
    folder = write_study(tmp_path, SHARED)
    for code in CODES:
        (folder / code / "utbetalningar.csv").unlink()
    return folder


def rows_of(*codes: str, payments: list[str] = PAYMENTS[1:]) -> list[str]:
    """Payments of municipalities in one list, in turns, with the code at the end of each row."""
    return [f"{row};{code}" for row in payments for code in codes]


def put(raw: Path, rows: list[str], **how: str) -> None:
    write_lines(raw / "riket.csv", [f"{PAYMENTS[0]};Kommun", *rows], **{"encoding": "utf-8"} | how)


def tables_of(study: str = "liten") -> list[pd.DataFrame]:
    return [read_table(study, name, code) for name in TABLES for code in CODES]


def told(report: ingest.IngestReport) -> list[tuple]:
    """What is told of shared files, and of rows that are stopped."""
    own = ("W-NOT-OURS", "W-NO-ROWS", "W-HEADER-ROW")
    found = [e for e in report.problems if e.is_error or e.rule in own]
    found = [e for e in found if e.file.endswith(("/", "riket.csv", "alla.xlsx"))]
    return [(each.rule, each.file, each.rows, each.count) for each in found]


_APART: dict[tuple[str, ...], list[pd.DataFrame]] = {}


def apart(tmp_path: Path, monkeypatch, payments: list[str] = PAYMENTS) -> list[pd.DataFrame]:
    """The tables of the same study where each municipality has a file of its own, read once."""
    if tuple(payments) not in _APART:
        _APART[tuple(payments)] = _read_apart(tmp_path, monkeypatch, payments)
    return _APART[tuple(payments)]


def _read_apart(tmp_path: Path, monkeypatch, payments: list[str]) -> list[pd.DataFrame]:
    with monkeypatch.context() as patch:
        patch.setenv("HFCORE_DATA", str(tmp_path / "apart"))
        raw = write_study(tmp_path / "apart")
        for code in CODES:
            write_lines(raw / code / "utbetalningar.csv", payments, "utf-8")
        ingest_study("liten")
        return tables_of()


def same(found: list[pd.DataFrame], expected: list[pd.DataFrame]) -> None:
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"end": "\n"},
        {"end": "\r"},
        {"encoding": "utf-8-sig"},
        {"encoding": "utf-16"},
        {"encoding": "utf-16-le"},
    ],
    ids=["crlf", "lf", "cr", "mark", "two bytes", "two bytes declared"],
)
@pytest.mark.parametrize("size", [40, 200, 10_000])
def test_each_municipality_gets_what_a_file_of_its_own_would_give(
    raw, tmp_path, monkeypatch, how, size
):
    monkeypatch.setattr(chunking, "BLOCK_BYTES", size)
    monkeypatch.setattr(chunking, "HEAD_BYTES", 200)
    if how.get("encoding") == "utf-16-le":
        declared = SHARED.replace('encoding = "utf-8"', 'encoding = "utf-16-le"')
        (raw / "study.toml").write_text(declared, encoding="utf-8")
    put(raw, rows_of(*CODES), **how)
    report = ingest_study("liten")
    assert told(report) == []
    same(tables_of(), apart(tmp_path, monkeypatch))


def test_rows_with_quotation_marks_and_ends_of_lines_go_whole_to_their_municipality(
    raw, tmp_path, monkeypatch
):
    payments = [PAYMENTS[0], '"1";0001;201903;"8 000,50"', '2;"00\n01";201903;5', *PAYMENTS[3:]]
    monkeypatch.setattr(chunking, "BLOCK_BYTES", 90)
    put(raw, rows_of(*CODES, payments=payments[1:]))
    report = ingest_study("liten")
    # The line end within the id is a control sign that stops the row, at its own number.
    assert {(e.rule, e.file) for e in report.problems if e.is_error} <= {
        ("E-REFERENCE", "0180/riket.csv"),
        ("E-REFERENCE", "1290/riket.csv"),
    }
    same(tables_of(), apart(tmp_path, monkeypatch, payments))


def test_workers_and_little_memory_change_nothing(raw, tmp_path, monkeypatch):
    put(raw, rows_of(*CODES))
    monkeypatch.setattr(chunking, "BLOCK_BYTES", 60)
    expected = apart(tmp_path, monkeypatch)
    for room, workers in ((0, 1), (150, 1), (150, 2), (10**6, 2)):
        monkeypatch.setattr(ingest, "room_within", lambda memory, workers, room=room: room)
        (processed_folder("liten") / "ingest.json").unlink(missing_ok=True)
        ingest_study("liten", workers=workers)
        same(tables_of(), expected)


def test_rows_that_are_nobodys_are_told_by_their_number_and_never_by_what_they_hold(raw):
    rows = rows_of(*CODES)
    rows[2:2] = ["7;0001;201905;10;1480", "8;0001;201905;11;Hemlige Karl", "9;0001;201905;12;"]
    rows += ["5;0002;201907", ";;;;", "", "6;0002;201907;1;0180;x"]
    put(raw, rows)
    report = ingest_study("liten")
    assert told(report) == [
        ("E-FIELDS", "liten/riket.csv", (13, 16), 2),
        ("E-MUNICIPALITY", "liten/riket.csv", (5, 6), 2),
        ("W-NOT-OURS", "liten/riket.csv", (), 1),
    ]
    quarantine = pd.read_csv(processed_folder("liten") / "quarantine" / "payments.csv")
    assert quarantine[["row", "rule"]].values.tolist() == [
        [5, "E-MUNICIPALITY"],
        [6, "E-MUNICIPALITY"],
        [13, "E-FIELDS"],
        [16, "E-FIELDS"],
    ]
    everything = b"".join(
        path.read_bytes() for path in processed_folder("liten").rglob("*") if path.is_file()
    )
    assert b"Hemlige" not in everything and b"Karl" not in str(report.problems).encode()
    for language, words in (("en", "left out"), ("sv", "togs inte med")):
        met = rules_met(read_ingest("liten"), "1290", language)
        assert {"E-FIELDS", "E-MUNICIPALITY", "W-NOT-OURS"} <= set(met["rule"])
        assert words in met.set_index("rule")["meaning"]["W-NOT-OURS"]


def test_a_file_of_strangers_is_refused_as_a_whole(raw, monkeypatch):
    put(raw, rows_of("nowhere", "0180"))
    found = told(ingest_study("liten"))
    assert ("E-MUNICIPALITY", "liten/riket.csv", (2, 4, 6, 8), 4) in found
    assert len(read_table("liten", "payments", "0180")) == 3
    monkeypatch.setattr(shared_files, "MOST_STOPPED", 3)
    (processed_folder("liten") / "parts" / "shared").rename(processed_folder("liten") / "gone")
    found = told(ingest_study("liten"))
    assert ("E-MUNICIPALITY", "liten/riket.csv", (), 0) in found
    assert not has_table("liten", "payments", "0180")


def test_a_bad_cell_is_told_by_its_row_in_the_shared_file(raw):
    rows = rows_of(*CODES)
    rows[3] = "2;0001;201903;mycket;1290"
    put(raw, rows)
    report = ingest_study("liten")
    assert told(report) == [("E-NUMBER", "1290/riket.csv", (5,), 1)]


def test_the_names_of_municipalities_are_translated_and_codes_stay_text(raw, tmp_path, monkeypatch):
    (raw / "study.toml").write_text(
        SHARED.replace(
            'municipality = "Kommun"',
            'municipality = {header = "Kommun", codes = {"Malmö stad" = "1290", "180" = "0180"}}',
        ),
        encoding="utf-8",
    )
    put(raw, rows_of("180", "Malmö stad"))
    assert told(ingest_study("liten")) == []
    same(tables_of(), apart(tmp_path, monkeypatch))


def test_a_municipality_without_a_row_is_told(raw):
    put(raw, rows_of("0180"))
    report = ingest_study("liten")
    assert ("W-NO-ROWS", "1290/", (), 0) in told(report)
    assert len(read_table("liten", "payments", "0180")) == 3


def test_a_shared_file_that_is_not_there_or_lacks_a_column_is_told_once(raw):
    report = ingest_study("liten")
    assert ("E-MISSING", "liten/", (), 0) in told(report)
    write_lines(raw / "riket.csv", PAYMENTS, "utf-8")
    found = [each for each in ingest_study("liten").problems if each.rule == "E-HEADER"]
    assert len(found) == 1 and "Kommun" in found[0].message
    (raw / "riket.csv").write_bytes(b"x" * 1000)
    assert [e.rule for e in ingest_study("liten").problems if e.is_error] == ["E-HEADER"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe", b"\0" * 99, b'"'])
def test_a_shared_file_with_nothing_in_it_is_a_sentence(raw, content):
    (raw / "riket.csv").write_bytes(content)
    found = [each for each in ingest_study("liten").problems if each.file == "liten/riket.csv"]
    assert [each.rule for each in found] == [found[0].rule]
    assert found[0].rule in ("E-HEADER", "E-ENCODING")


def test_title_rows_above_the_header_count_as_rows(raw, tmp_path, monkeypatch):
    rows = rows_of(*CODES)
    rows[3] = "2;0001;201903;mycket;1290"
    lines = ["Utdrag", "", f"{PAYMENTS[0]};Kommun", *rows]
    write_lines(raw / "riket.csv", lines, "utf-8")
    found = told(ingest_study("liten"))
    assert found == [
        ("E-NUMBER", "1290/riket.csv", (7,), 1),
        ("W-HEADER-ROW", "liten/riket.csv", (3,), 2),
    ]


def test_only_the_municipality_whose_rows_changed_is_read_again(raw, monkeypatch):
    rows, taken, clean = rows_of(*CODES), [], ingest.clean_municipality
    put(raw, rows)
    ingest_study("liten")

    def note(context, *arguments):
        taken.append(context.municipality.code)
        return clean(context, *arguments)

    monkeypatch.setattr(ingest, "clean_municipality", note)
    ingest_study("liten")
    assert taken == []
    put(raw, [*rows[:-1], "4;0002;201906;1;1290"])
    ingest_study("liten")
    assert taken == ["1290"]
    assert read_table("liten", "payments", "1290")["amount_sek"].min() == -500
    put(raw, [*rows, "9;0002;201906;1;"])
    ingest_study("liten")
    assert "E-MUNICIPALITY" in {each["rule"] for each in read_ingest("liten")["rules"]}
    put(raw, rows)
    ingest_study("liten")
    listed = pd.read_csv(processed_folder("liten") / "quarantine" / "payments.csv")
    assert not len(listed)


def test_one_municipality_alone_leaves_the_other_as_it_was(raw, tmp_path, monkeypatch):
    put(raw, rows_of(*CODES))
    ingest_study("liten")
    put(raw, rows_of("0180"))
    ingest_study("liten", municipalities=["0180"])
    same(tables_of(), apart(tmp_path, monkeypatch))


def test_checking_writes_nothing(raw):
    put(raw, rows_of(*CODES))
    ingest_study("liten", write=False)
    assert not processed_folder("liten").exists()


def test_a_workbook_is_shared_row_by_row(raw):
    (raw / "study.toml").write_text(
        SHARED.replace('files = ["planering.xlsx"]', 'files = ["alla.xlsx"]\nmunicipality = "Vem"'),
        encoding="utf-8",
    )
    put(raw, rows_of(*CODES))
    for code in CODES:
        (raw / code / "planering.xlsx").unlink()
    book = openpyxl.Workbook()
    book.active.title = "Planering"
    for row in [
        ("Personnummer", "Från", "Planering", "Vem"),
        ("19811218-9876", "01/03/2019", "Jobbsök", "0180"),
        ("6709199530", "10/05/2019", "Sjukskriven", "1290"),
        ("197010632391", "10/05/2019", "Sjukskriven", ""),
        ("197010632391", "10/05/2019", "Okänd", "1290"),
        ("197010632391", "10/05/2019", "Jobbsök", "0114"),
    ]:
        book.active.append(row)
    book.save(raw / "alla.xlsx")
    found = told(ingest_study("liten"))
    assert ("E-MUNICIPALITY", "liten/alla.xlsx", (4,), 1) in found
    assert ("W-NOT-OURS", "liten/alla.xlsx", (), 1) in found
    assert ("E-CODE", "1290/alla.xlsx", (5,), 1) in found
    assert [read_table("liten", "plans", code)["plan"].tolist() for code in CODES] == [
        ["job_seeking"],
        [],
    ]


def test_the_monthly_file_of_the_whole_nation(raw):
    first = SHARED[: SHARED.index("[definitions]")]
    sources = MONTHLY.replace("\nseparator", '\nmunicipality = "Kommun"\nseparator')
    (raw / "study.toml").write_text(first + LISTED + sources, encoding="utf-8")
    for code, adult in (("0180", ONE), ("1290", TWO)):
        write_lines(raw / code / "lista.csv", ["Pnr;Start", f"{adult};2019-03-01"], "utf-8")
    lines = monthly("01", ("9000", ONE, ""), ("500", TWO, ""))
    lines[1] = lines[1].replace("\t0180\t", "\t1290\t")
    write_lines(raw / "ekbist1901.txt", lines)
    write_lines(raw / "ekbist1902.txt", [line.replace("\t01\t", "\t02\t", 1) for line in lines])
    report = ingest_study("liten")
    assert [e.sentence() for e in report.problems if e.is_error] == []
    amounts = [read_table("liten", "payments", code)["amount_sek"].tolist() for code in CODES]
    assert amounts == [[9000, 9000], [500, 500]]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("municipality = {}", "municipality is the header of the column"),
        ("municipality = 3", "municipality is the header of the column"),
        ('municipality = {value = "0180"}', "municipality is the header of the column"),
        ('municipality = {header = "a", colour = "b"}', "colour"),
        (
            'municipality = "Kommun"\noptions = {layout = "lifecare"}',
            "an extract of Lifecare is one municipality's, not shared",
        ),
        ('municipality = "Kommun"\nseparator = "¤"', "separator of a shared file is one ASCII"),
        ('municipality = "Kommun"\nseparator = ";;"', "separator is one character"),
        ('municipality = "Kommun"\nseparator = ""', "separator is one character"),
        ('municipality = "Kommun"\nseparator = \'"\'', "separator is one character"),
    ],
)
def test_a_mistake_in_the_mapping_is_a_sentence(raw, wrong, sentence):
    definition = SHARED.replace('municipality = "Kommun"', wrong)
    if "options" in wrong:
        definition = definition.replace('options = {row_id = "Id"}\n', "")
    (raw / "study.toml").write_text(definition, encoding="utf-8")
    with pytest.raises(StudyError, match=re.escape(sentence)):
        ingest_study("liten")


LINES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["a", "b", "9999", "", "Ö"]), st.text("xy é", max_size=4)).map(
            ";".join
        ),
        st.sampled_from(["", ";", 'a;"x', 'b;"x;""y"', 'a;"x\ny"', "a;b;c", "a", '"', '"a";"b"']),
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(LINES, st.integers(1, 60), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_no_record_is_lost_or_moved_whatever_the_blocks(tmp_path_factory, lines, size, end, ends):
    path = tmp_path_factory.mktemp("cut") / "x.csv"
    body = end.join(["Vem;Vad", *(line.replace("\n", end) for line in lines)])
    path.write_bytes((body + end * ends).encode())
    head = Head(b"Vem;Vad\n", 1, 2, 0, b";")

    def cuts(block: int) -> list:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(chunking, "BLOCK_BYTES", block)
            return list(cut_file(path, head, Places(("a", "b"), {})))

    def whose(found: list) -> tuple[dict, list]:
        kinds: dict[int, str] = {}
        for cut in found:
            for kind, numbers in [*cut.numbers.items(), *cut.apart.items()]:
                kinds |= {int(number): kind for number in numbers}
        text = {code: b"".join(c.lines.get(code, b"") for c in found) for code in ("a", "b")}
        # A line end is written in another way in some blocks; the reader takes all alike.
        return kinds, [re.sub(rb"\r\n?", b"\n", each) for each in text.values()]

    one, small = cuts(10_000), cuts(size)
    assert whose(small) == whose(one)
    kinds = whose(one)[0]
    assert sorted(kinds) == list(range(1, len(kinds) + 1))
    again = list(cut_again(path, head, Places(("a", "b"), {}), [cut.block for cut in small]))
    assert whose(again) == whose(one)
    assert sum(cut.block.size for cut in small) == path.stat().st_size


def test_a_shared_file_without_a_row_leaves_households_without_payments(raw):
    put(raw, [])
    found = told(ingest_study("liten"))
    assert [each[:2] for each in found] == [("W-NO-ROWS", "0180/"), ("W-NO-ROWS", "1290/")]
    write_lines(raw / "riket.csv", [f"{PAYMENTS[0]};Kommun", *rows_of(*CODES)], "utf-8")
    ingest_study("liten")
    bad = [f"{number};0001;aldrig;x;{code}" for number, code in enumerate(CODES)]
    put(raw, bad)
    ingest_study("liten")
    assert [len(read_table("liten", "payments", code)) for code in CODES] == [0, 0]


def try_broken_shared_files(count: int, seed: int, raw: Path) -> dict[str, int]:
    """Part broken files; each must end in pieces that can be read, or in sentences."""
    rng, ends = np.random.default_rng(seed), {"rows": 0, "sentences": 0}
    study = load_study("liten")
    whole = [f"{PAYMENTS[0]};Kommun", *rows_of(*CODES)]
    quoted = [";".join(f'"{each}"' for each in line.split(";")) for line in whole]
    for _ in range(count):
        lines = (whole, quoted)[int(rng.integers(0, 2))]
        encoding = ("utf-8", "cp1252", "utf-16")[int(rng.integers(0, 3))]
        content = "\r\n".join(lines).encode(encoding, "replace")
        (raw / "riket.csv").write_bytes(mutated(rng, content))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(chunking, "BLOCK_BYTES", int(rng.integers(10, 400)))
            room = int(rng.integers(0, 400))
            pieces = Shared(study, CODES, room)
            rows, problems = 0, list(pieces.problems)
            for batch in pieces.batches(CODES):
                for given in (each for own in batch.values() for each in own.get(2, ())):
                    text = read_source(given.raw, study.sources[2], given.name)
                    done = clean_table(text, study.sources[2], study)
                    rows, problems = rows + len(done.rows), problems + done.problems
        # Of a file cut off below its header the intake says that it has no rows.
        assert rows or problems or not any(each.found.pieces for each in pieces.files)
        assert all(each.sentence("sv") for each in problems)
        ends["rows" if rows else "sentences"] += 1
    return ends


def test_a_sample_of_broken_shared_files(raw):
    ends = try_broken_shared_files(300, 1, raw)
    assert min(ends.values()) > 30


@pytest.mark.nightly
def test_thousands_of_broken_shared_files(raw):
    ends = try_broken_shared_files(5_000, 2, raw)
    assert min(ends.values()) > 500
