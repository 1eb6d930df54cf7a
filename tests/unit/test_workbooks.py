"""Workbooks of every kind through one reader: .xls and .ods have the traps of .xlsx."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest
from open_document import cell, row, sheet, write_open_document
from raw_study import STUDY, write_study

from hfcore.clean.archive_checks import RefusedFileError, look_into
from hfcore.clean.workbooks import read_grid
from hfcore.store import processed_folder, read_table
from hfrun.draft_mapping import suggest_source
from hfrun.ingest import ingest_study

REFERENCE = Path(__file__).parents[1] / "reference"
MEGABYTE = 1_000_000
HEAD = [["Utdrag"], [], ["Personnummer", "Från", "Planering"]]
PLAN = ["19811218-9876", "01/03/2019", "Jobbsök"]
OTHER = ["19670919-9530", "10/05/2019", "Sjukskriven"]


@pytest.fixture
def plans(tmp_path, monkeypatch):
    """Ingest the small study with another workbook of plans; return its problems by rule."""
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))

    def plans(name: str, write) -> dict[str, tuple[int, ...]]:
        study = STUDY.replace("planering.xlsx", name)
        raw = write_study(tmp_path, study, codes=("0180",))
        (raw / "0180" / "planering.xlsx").unlink()
        write(raw / "0180" / name)
        report = ingest_study("liten", ["0180"])
        told = "\n".join(each.sentence("sv") for each in report.problems)
        assert "1212-1212" not in told and "191212121212" not in told
        return {each.rule: each.rows for each in report.problems if each.table == "plans"}

    return plans


def kept() -> list[str]:
    return read_table("liten", "plans", "0180")["plan"].tolist()


def test_an_old_workbook(plans):
    found = plans("planering.xls", lambda path: shutil.copy(REFERENCE / "plans.xls", path))
    # Row 5 is hidden, with a day as a date; row 6 has the number of a person as a number.
    assert found == {"W-HEADER-ROW": (3,), "W-HIDDEN": (), "W-OLD": (), "E-ID": (6,)}
    assert sorted(kept()) == ["job_seeking", "sick_leave"]
    days = read_table("liten", "plans", "0180")["from_on"].dt.strftime("%Y-%m-%d")
    assert sorted(days) == ["2019-03-01", "2019-05-10"]


def test_an_old_workbook_that_hides_persons(plans):
    found = plans("planering.xls", lambda path: shutil.copy(REFERENCE / "hidden.xls", path))
    assert set(found) == {"E-HIDDEN"}


def test_an_open_document(plans):
    rows = [*HEAD, PLAN, [191212121212, *PLAN[1:]], ["6709199530", *OTHER[1:]]]
    found = plans("planering.ods", lambda path: write_open_document(path, sheet("Planering", rows)))
    assert found == {"W-HEADER-ROW": (3,), "E-ID": (5,), "E-ID-CENTURY": (6,)}
    assert kept() == ["job_seeking"]


@pytest.mark.parametrize(
    ("rule", "rows", "left", "sheets"),
    [
        (
            "W-HIDDEN",
            (5,),
            2,
            [sheet("Planering", [*HEAD, PLAN, row(OTHER, 'table:visibility="collapse"')])],
        ),
        (
            "W-HIDDEN",
            (4,),
            2,
            [sheet("Planering", [*HEAD, row(PLAN, 'table:visibility="filter"'), OTHER])],
        ),
        ("W-HIDDEN", (), 1, [sheet("Planering", [*HEAD, PLAN]), sheet("Dolt", [["x"]], True)]),
        (
            "E-HIDDEN",
            (),
            0,
            [sheet("Planering", [*HEAD, PLAN]), sheet("Dolt", [["19121212-1212"]], True)],
        ),
        ("E-SHEET", (), 0, [sheet("Annat", [*HEAD, PLAN])]),
        ("E-SHEET", (), 0, [sheet("Planering", [*HEAD, PLAN], True), sheet("Annat", [["x"]])]),
        ("E-FORMULA", (5,), 1, [sheet("Planering", [*HEAD, PLAN, [*OTHER[:2], "=[.A1]"]])]),
        (
            "W-LINK",
            (),
            1,
            [sheet("Planering", [*HEAD, PLAN], more="<table:table-source/>")],
        ),
    ],
    ids=["row", "filtered", "sheet", "persons", "no sheet", "named sheet", "formula", "link"],
)
def test_traps_of_an_open_document(plans, rule, rows, left, sheets):
    found = plans("planering.ods", lambda path: write_open_document(path, *sheets))
    assert found[rule] == rows
    there = (processed_folder("liten") / "tables/plans/municipality=0180/part.parquet").is_file()
    assert there and len(kept()) == left


READ = """
import resource, sys
from pathlib import Path
from hfcore.clean.archive_checks import RefusedFileError
from hfcore.clean.workbooks import read_grid
try:
    read_grid(Path(sys.argv[1]), "Planering", ",")
except RefusedFileError as error:
    own = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    print(error.rule, own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def refused(path: Path) -> str:
    """The rule that refuses a workbook, having taken little memory in any process."""
    done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True)
    rule, *kilobytes = done.stdout.split()
    assert max(map(int, kilobytes)) * 1024 < 100 * MEGABYTE
    return rule


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the system does not tell a process's memory"
)
MANY = 'table:number-rows-repeated="1048570"'
WIDE = cell("x", 'table:number-columns-repeated="16384"')
BLANKS = '<table:table-cell office:value-type="string"><text:p><text:s text:c="2000000000"/></text:p></table:table-cell>'  # noqa: E501


@needs_proc
@pytest.mark.parametrize(
    "more",
    [row([WIDE], MANY), row(["x"], 'table:number-rows-repeated="4000000000"'), row([BLANKS])],
    ids=["cells", "rows", "blanks"],
)
def test_few_bytes_that_repeat_into_very_many_cells(tmp_path, more):
    path = write_open_document(tmp_path / "x.ods", sheet("Planering", [*HEAD, PLAN, more]))
    assert path.stat().st_size < 3_000
    assert refused(path) == "E-SIZE"


def test_empty_rows_to_the_end_of_the_sheet_are_no_bomb(tmp_path):
    """As LibreOffice saves a sheet whose last columns or rows have a style."""
    empty = cell(None, 'table:number-columns-repeated="16384"')
    hidden = f'{MANY} table:visibility="collapse"'
    path = write_open_document(
        tmp_path / "x.ods", sheet("Planering", [*HEAD, PLAN, row([empty], hidden)])
    )
    assert len(read_grid(path, "Planering", ",").cells) == 4
    assert look_into(path).marks["Planering"].hidden_rows == []


@needs_proc
def test_members_of_an_open_document_that_unpack_to_too_much_or_declare_entities(tmp_path):
    plain = sheet("Planering", [*HEAD, PLAN])
    zeros = {"Pictures/x.png": bytes(500 * MEGABYTE)}
    assert refused(write_open_document(tmp_path / "a.ods", plain, members=zeros)) == "E-SIZE"
    laughs = {"styles.xml": b'<!DOCTYPE l [<!ENTITY a "ha">]><l>&a;</l>'}
    assert refused(write_open_document(tmp_path / "b.ods", plain, members=laughs)) == "E-XML"


@needs_proc
@pytest.mark.parametrize("last", ["XFD1048576", "XFD1000", "Z1000000"])
def test_a_sheet_with_one_cell_at_each_end(tmp_path, last):
    path = tmp_path / "wide.xlsx"
    book = openpyxl.Workbook()
    book.active.title = "Planering"
    book.active["A1"] = book.active[last] = 1
    book.save(path)
    assert refused(path) == "E-SIZE"


def test_the_draft_of_a_mapping_reads_every_kind(tmp_path):
    rows = [["Personnummer", "Från", "Planering"], *[PLAN] * 9]
    drafts = [suggest_source(REFERENCE / "plans.xls")]
    drafts += [suggest_source(write_open_document(tmp_path / "p.ods", sheet("Blad1", rows)))]
    for draft in drafts:
        assert draft.table == "plans" and 'format = "excel"' in draft.text
        assert dict(draft.headers)["person_id"] == "Personnummer"


def test_a_package_that_is_no_workbook(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.ods", "w") as package:
        package.writestr("content.xml", "<a>")
    with pytest.raises(RefusedFileError) as error:
        look_into(tmp_path / "x.ods")
    assert error.value.rule == "E-FORMAT"
