"""Files that want to do harm: each ends in a sentence, and nothing of it runs downstream."""

from __future__ import annotations

import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import openpyxl
import pytest
from raw_study import HOUSEHOLDS, STUDY, write_lines, write_plans, write_study

from hfcore.clean.archive_checks import RefusedFileError, look_into
from hfcore.clean.file_discovery import public_name
from hfcore.clean.rules import harmless
from hfcore.clean.workbooks import read_grid
from hfcore.store import processed_folder, read_table
from hfcore.study import Source
from hfrun.ingest import ingest_study

MEGABYTE = 1_000_000
RUNNABLE = '<script>alert("x")</script>'


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """The small study; its workbook of plans is the one that is exchanged."""
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))
    return write_study(tmp_path)


def workbook(path: Path, *rows: tuple, sheet: str = "Planering") -> Path:
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def with_member(path: Path, name: str, content: bytes) -> Path:
    """The same workbook with one member exchanged or added."""
    with zipfile.ZipFile(path) as book:
        members = {each: book.read(each) for each in book.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for each, old in (members | {name: content}).items():
            book.writestr(each, old)
    return path


def refusal(path: Path) -> str:
    """The rule by which a workbook is refused, and that it took little memory."""
    tracemalloc.start()
    with pytest.raises(RefusedFileError) as refused:
        read_grid(path, "Planering", ",")
    assert tracemalloc.get_traced_memory()[1] < 100 * MEGABYTE
    tracemalloc.stop()
    return refused.value.rule


def test_a_file_that_unpacks_to_hundreds_of_megabytes(tmp_path):
    path = workbook(tmp_path / "bomb.xlsx", ("a",))
    with_member(path, "xl/worksheets/sheet1.xml", bytes(500 * MEGABYTE))
    assert path.stat().st_size < MEGABYTE
    assert refusal(path) == "E-SIZE"


def test_a_directory_that_lies_about_its_sizes(tmp_path):
    path = workbook(tmp_path / "lie.xlsx", ("a",))
    with_member(path, "xl/media/zeros.xml", bytes(50 * MEGABYTE))
    raw = path.read_bytes()
    true, told = struct.pack("<I", 50 * MEGABYTE), struct.pack("<I", 1000)
    assert raw.count(true) == 2
    path.write_bytes(raw.replace(true, told))
    assert refusal(path) == "E-SIZE"


def test_a_package_of_too_many_members(tmp_path):
    path = workbook(tmp_path / "many.xlsx", ("a",))
    with zipfile.ZipFile(path, "a") as book:
        for number in range(3000):
            book.writestr(f"xl/x{number}.xml", "")
    assert refusal(path) == "E-SIZE"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(tmp_path, encoding):
    path = workbook(tmp_path / "entities.xlsx", ("a",))
    laughs = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "haha"><!ENTITY b "&a;&a;">]><l>&b;</l>'
    with_member(path, "xl/sharedStrings.xml", laughs.encode(encoding))
    assert refusal(path) == "E-XML"


def test_a_sheet_with_one_cell_at_each_end_of_the_world(tmp_path):
    path = workbook(tmp_path / "wide.xlsx", ("a",))
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1"><v>1</v></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    with_member(path, "xl/worksheets/sheet1.xml", sheet.encode())
    assert refusal(path) in ("E-FORMAT", "E-SIZE")


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"no workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)],
    ids=["empty", "beginning", "text", "old"],
)
def test_what_is_no_workbook(tmp_path, content):
    (tmp_path / "x.xlsx").write_bytes(content)
    assert refusal(tmp_path / "x.xlsx") == "E-FORMAT"


def test_a_locked_workbook_and_a_sheet_that_is_not_there(tmp_path):
    path = workbook(tmp_path / "x.xlsx", ("a",), sheet="Annat")
    assert refusal(path) == "E-SHEET"
    raw = bytearray(path.read_bytes())
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 8] |= 1
    path.write_bytes(bytes(raw))
    assert refusal(path) == "E-FORMAT"


def test_links_to_other_files_are_told_and_not_followed(raw):
    path = raw / "0180" / "planering.xlsx"
    with_member(path, "xl/externalLinks/externalLink1.xml", b"<externalLink/>")
    rules = {each.rule for each in ingest_study("liten", ["0180"]).problems}
    assert "W-LINK" in rules
    assert len(read_table("liten", "plans", "0180")) == 1


def test_a_file_that_is_a_link_is_refused(raw, tmp_path):
    secret = tmp_path / "secret.csv"
    write_lines(secret, HOUSEHOLDS)
    path = raw / "0180" / "hushall.csv"
    path.unlink()
    os.symlink(secret, path)
    problems = ingest_study("liten", ["0180"]).problems
    assert [each.file for each in problems if each.rule == "E-PATH"] == ["0180/hushall.csv"]


def test_names_with_markup_come_out_harmless(raw):
    (raw / "0180" / "hushall.csv").unlink()
    evil = 'hushall<img src=x onerror=alert(1)>"\u202egnp.csv'
    write_lines(raw / "0180" / evil, [*HOUSEHOLDS, "x;y"])
    bad = 'hushall 19121212-1212 =cmd|"calc".csv'
    write_lines(raw / "0180" / bad, ["a;b"])
    report = ingest_study("liten", ["0180"])
    folder = processed_folder("liten")
    told = [each.sentence(language) for each in report.problems for language in ("sv", "en")]
    told += [path.read_text(encoding="utf-8") for path in folder.glob("quarantine/*.csv")]
    told.append((folder / "ingest.json").read_text(encoding="utf-8"))
    for text in told:
        assert not {"<img", "\u202e", "=cmd", "1212-1212", "|"} & {
            each for each in ("<img", "\u202e", "=cmd", "1212-1212", "|") if each in text
        }
    assert any("0180/hushall…(1)….csv (file 2)" in text for text in told)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("hushall_2021-03.csv", "hushall_2021-03.csv"),
        ("hushåll 202103 del 2.csv", "hushåll … del ….csv (file 1)"),
        ("ekbist1901.txt", "ekbist1901.txt"),
        ("ekbist202103.txt", "ekbist202103.txt"),
        ("Ekbist 2021 1.TXT", "Ekbist 2021 1.TXT"),
        ("personer_2.csv", "personer_2.csv"),
        ("Kalle Anka.csv", "….csv (file 1)"),
        ("personerKalle.csv", "personer….csv (file 1)"),
        ("personer 85-07-12.csv", "personer ….csv (file 1)"),
        ("personer 850712.csv", "personer ….csv (file 1)"),
        ("personer 20120712.csv", "personer ….csv (file 1)"),
        ("personer 1985.csv", "personer ….csv (file 1)"),
        ("personer 77310.csv", "personer ….csv (file 1)"),
        ("Kalle Anka/personer.csv", "…/personer.csv (file 1)"),
        ("personer Kalle.xlsx", "personer ….xlsx (file 1)"),
        ("a\u030aterkrav.csv", "återkrav.csv"),
        ("personer.Anka", "personer.… (file 1)"),
    ],
)
def test_of_a_file_name_only_what_everybody_expects_is_told(tmp_path, name, told):
    patterns = ("personer*.csv", "hushåll*.csv", "hushall*.csv", "ekbist*.txt", "**/återkrav?.csv")
    path = tmp_path / "1290" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    source = Source("persons", patterns, {})
    assert public_name(tmp_path / "1290", path, [source]) == f"1290/{told}"


def test_a_name_that_the_definition_spells_out_is_told(tmp_path):
    (tmp_path / "lista från Kalle 2.csv").touch()
    source = Source("persons", ("lista från Kalle 2.csv",), {})
    told = public_name(tmp_path, tmp_path / "lista från Kalle 2.csv", [source])
    assert told == f"{tmp_path.name}/lista från Kalle 2.csv"


def test_the_place_of_a_file_tells_files_apart(tmp_path):
    for name in ("B Anka.csv", "A Anka.csv", "personer.csv"):
        (tmp_path / name).touch()
    source = Source("persons", ("personer*.csv",), {})
    told = {p.name: public_name(tmp_path, p, [source]) for p in tmp_path.iterdir()}
    assert told["A Anka.csv"].endswith("….csv (file 1)")
    assert told["B Anka.csv"].endswith("….csv (file 2)")


def test_a_sheet_that_the_definition_does_not_name_is_not_told(raw):
    text = STUDY.replace('sheet = "Planering"\n', "")
    (raw / "study.toml").write_text(text, encoding="utf-8")
    workbook(raw / "0180" / "planering.xlsx", ("Personnummer",), sheet="Kalle Anka")
    ingest_study("liten", ["0180"])
    told = (processed_folder("liten") / "ingest.json").read_text(encoding="utf-8")
    assert "E-HEADER" in told and "Anka" not in told


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\..\\x", "a\0b", "\u202eabc", RUNNABLE])
def test_no_name_keeps_its_teeth(name):
    tame = harmless(name)
    assert not set(tame) & set('<>"\\\0\u202e') and "../" not in tame


def test_markup_formulas_and_directions_in_cells_are_tamed(raw):
    rows = [
        f"0002;Deltagare;2019-05-10;;;;1;0;{RUNNABLE}".replace('"', "'"),
        "0003;Kontroll;;;;;1;2;=HYPERLINK(A1)",
        "0004;Kontroll;;;;;1;2;Norr\u202eröd",
    ]
    write_lines(raw / "0180" / "hushall.csv", [*HOUSEHOLDS[:2], *rows], "utf-8")
    report = ingest_study("liten", ["0180"])
    centres = set(read_table("liten", "households", "0180")["care_centre"])
    assert centres == {"Näsby", "‹script›alert('x')‹/script›", "HYPERLINK(A1)", "Norrröd"}
    assert [each.count for each in report.problems if each.rule == "W-TEXT"] == [3]


def test_a_column_without_a_header_row_is_not_read_out(raw):
    """Where the header is missing, its place holds people; the message may not show them."""
    write_lines(raw / "0180" / "personer.csv", ["19121212-1212;Anna Hemlig;Sökande;Kvinna;1912"])
    report = ingest_study("liten", ["0180"])
    told = "".join(each.sentence() for each in report.problems)
    assert "E-HEADER" in told and "Hemlig" not in told and "1212" not in told


def test_a_workbook_is_never_unpacked_to_disk(raw, tmp_path):
    path = write_plans(raw / "0180" / "planering.xlsx") or raw / "0180" / "planering.xlsx"
    with_member(path, "../../escaped.txt", b"x")
    ingest_study("liten", ["0180"])
    assert not list(tmp_path.rglob("escaped.txt"))


def test_a_stored_part_is_looked_at_as_well(tmp_path):
    path = workbook(tmp_path / "stored.xlsx", ("a",))
    with zipfile.ZipFile(path) as book:
        members = {each: book.read(each) for each in book.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as book:
        for name, content in members.items():
            book.writestr(name, content)
    assert not look_into(path).has_links


def test_hidden_definitions_stay_out(raw):
    """A pattern in the definition may not lead out of the municipality's folder."""
    text = STUDY.replace('"hushall*.csv"', '"../1290/hushall*.csv"')
    (raw / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Exception, match="inside the municipality's folder"):
        ingest_study("liten")
