"""What tables and columns there are, in words: on the screen, in a workbook, in a page."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from hfcore.errors import UsageError
from hfcore.schema import TABLES
from hfrun import cli, table_guide
from hfrun.draft_mapping import suggest_source

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_table_and_column_is_told(language, capsys):
    assert cli.run_command(["tables", "--language", language]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in told] == table_guide.table_names()
    for table in table_guide.table_names():
        assert cli.run_command(["tables", table, "--language", language]) == 0
        columns = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        assert [each[0] for each in columns] == list(TABLES[table].columns)
        assert all(len(each) == 6 and each[4] and each[4] != each[0] for each in columns)
    assert cli.run_command(["tables", "none"]) == 2


def test_a_template_needs_no_mapping_but_its_draft(tmp_path):
    path = tmp_path / "mall.xlsx"
    table_guide.write_template(path, "sv")
    book = openpyxl.load_workbook(path)
    assert len(book.sheetnames) == len(table_guide.table_names())
    for name in [each for each in book.sheetnames if each != "utbetalningar"]:
        del book[name]
    for row in (["A1", "2019-03", 4000], ["A2", "2019-04", 900], ["A1", "2019-05", 70]):
        book["utbetalningar"].append(row)
    book.save(tmp_path / "ifylld.xlsx")
    draft = suggest_source(tmp_path / "ifylld.xlsx")
    assert draft.table == "payments" and draft.headers["amount_sek"] == "Belopp"
    with pytest.raises(UsageError):
        table_guide.write_template(path, "sv")


def test_the_page_of_the_documentation_is_of_the_same_source(tmp_path):
    table_guide.write_page(tmp_path / "tables.md")
    assert PAGE.read_text(encoding="utf-8") == (tmp_path / "tables.md").read_text(encoding="utf-8")
