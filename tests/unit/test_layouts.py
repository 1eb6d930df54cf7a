"""Layouts of their own: the monthly file, Lifecare, Kolada; households out of their adults."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from raw_study import STUDY, write_lines

from hfcore.clean.household_linkage import link_households
from hfcore.clean.lifecare import _told_by_number
from hfcore.errors import StudyError
from hfcore.store import read_table
from hfrun.ingest import ingest_study

ONE, TWO, THREE = "198112189876", "197010632391", "191212121212"
LISTED = """
[[sources]]
table = "households"
files = ["lista.csv"]
[sources.columns]
household_id = "Pnr"
group = {value = "participant"}
started_on = "Start"
adults = {value = "2"}
children = {value = "0"}
"""
MONTHLY = """
[[sources]]
table = "payments"
files = ["ekbist*.txt"]
separator = "\\t"
options = {layout = "monthly", header = "none"}

[[sources]]
table = "persons"
files = ["ekbist*.txt"]
separator = "\\t"
options = {layout = "monthly", header = "none"}
"""
LIFECARE = """
[[sources]]
table = "payments"
files = ["payments*.json"]
options = {layout = "lifecare"}

[[sources]]
table = "persons"
files = ["payments*.json"]
options = {layout = "lifecare"}
"""


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """A study with a list of households by the applicant's number, and no other source."""
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))
    folder = tmp_path / "raw" / "liten"
    write_lines(folder / "0180" / "lista.csv", ["Pnr;Start", f"{ONE};2019-03-01"], "utf-8")
    return folder


def define(raw, sources: str) -> None:
    first, _, rest = STUDY.partition('[[municipalities]]\ncode = "1290"')
    head = first + rest[rest.index("[definitions]") : rest.index("[[sources]]")]
    (raw / "study.toml").write_text(head + LISTED + sources, encoding="utf-8")


def monthly(month: str, *payments: tuple[str, str, str]) -> list[str]:
    """Rows of one month's file: amount, applicant, co-applicant; all 18 columns."""
    first_half = ["2019", month, "0180", "", "1"]
    rows = []
    for amount, first, second in payments:
        own = [amount, first, "1", "0", "0", "2", "38"]
        other = [second, "1" if second else "", "0", "0", "1" if second else "", "49"]
        rows.append("\t".join([*first_half, *own, *other]))
    return rows


def test_the_monthly_file_gives_payments_and_persons(raw):
    define(raw, MONTHLY)
    write_lines(raw / "0180" / "ekbist1901.txt", monthly("01", ("9000", ONE, TWO)))
    write_lines(
        raw / "0180" / "ekbist1902.txt", monthly("02", ("8000", ONE, ""), ("500", THREE, ""))
    )
    write_lines(raw / "0180" / "ekbist1903.txt", monthly("03", ("7000", TWO, ONE)))
    report = ingest_study("liten")
    told = [each.sentence() for each in report.problems if each.is_error]
    # The household of the third person is on no list: its rows are stopped, and told.
    assert [text.split()[0] for text in told] == ["E-REFERENCE", "E-REFERENCE"]
    payments = read_table("liten", "payments", "0180")
    assert payments["amount_sek"].tolist() == [9000, 8000, 7000]
    assert payments["household_id"].nunique() == 1
    persons = read_table("liten", "persons", "0180").sort_values("birth_year")
    assert persons["role"].tolist() == ["co_applicant", "applicant"]
    assert persons["sex"].tolist() == ["man", "woman"]
    assert persons["birth_year"].tolist() == [1970, 1981]


def test_bad_rows_of_the_monthly_file_are_told_by_file_and_row(raw):
    define(raw, MONTHLY)
    bad = [*monthly("13", ("x", ONE, "")), "2019\t01"]
    write_lines(raw / "0180" / "ekbist1901.txt", [*monthly("01", ("9000", ONE, TWO)), *bad])
    found = {(e.rule, e.rows) for e in ingest_study("liten").problems if e.table == "payments"}
    assert {("E-DATE", (2,)), ("E-NUMBER", (2,)), ("E-FIELDS", (3,))} <= found


def test_lifecare_takes_ids_amounts_and_months_alone(raw):
    define(raw, LIFECARE)
    members = [{"CustomerNumber": ONE, "ConcernedMonth": "2019-03", "Name": "Anna Hemlig"}]
    members += [{"CustomerNumber": TWO, "ConcernedMonth": "2019-03"}]
    first = {"Id": 7, "CustomerNumber": ONE, "Amount": 9000.5, "PayDate": "2019-02-25T00:00:00"}
    payments = [
        first | {"Version": 1, "persons": members, "Account": "1234 5678"},
        first | {"Version": 2, "Amount": 9100, "persons": members},
        {"Id": 8, "CustomerNumber": TWO, "Amount": -100, "PayDate": "2019-04-03", "persons": []},
    ]
    (raw / "0180" / "payments.json").write_text(json.dumps({"value": payments}), encoding="utf-8")
    report = ingest_study("liten")
    assert [each.sentence() for each in report.problems if each.is_error] == []
    assert {"W-VERSION", "W-MONTH", "W-NEGATIVE"} <= {each.rule for each in report.problems}
    table = read_table("liten", "payments", "0180")
    assert table["amount_sek"].tolist() == [9100.0, -100.0]
    assert table["month"].dt.month.tolist() == [3, 4]
    persons = read_table("liten", "persons", "0180").sort_values("birth_year")
    assert persons["role"].tolist() == ["co_applicant", "applicant"]
    # The last digit but one is odd for men, and all printed examples of numbers are men's.
    assert persons["sex"].tolist() == ["man", "man"]
    assert _told_by_number("19811218" + "9861") == ("woman", "1981")


@pytest.mark.parametrize("content", ["", "[[[", "{}", "[" * 100_000, "[1, null]", '[{"Id": {}}]'])
def test_broken_extracts_end_in_sentences(raw, content):
    define(raw, LIFECARE)
    (raw / "0180" / "payments.json").write_text(content, encoding="utf-8")
    report = ingest_study("liten")
    assert report.has_errors and all(each.sentence("sv") for each in report.problems)


def test_a_layout_that_does_not_exist(raw):
    define(raw, MONTHLY.replace('"monthly"', '"procapita"'))
    write_lines(raw / "0180" / "ekbist1901.txt", monthly("01", ("9000", ONE, TWO)))
    with pytest.raises(StudyError, match="monthly, lifecare"):
        ingest_study("liten")


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ([(1, "AB"), (2, "A"), (3, "AB")], ["A", "A", "A"]),
        ([(1, "AB"), (2, "A"), (2, "B")], ["A", "A", "B"]),
        ([(1, "A"), (2, "AB"), (3, "BC")], ["A", "A", "A"]),
        ([(1, "A"), (1, "B")], ["A", "B"]),
        ([(1, "AB"), (1, "AC")], ["A", "A/2"]),
        ([(1, "A"), (9, "A")], ["A", "A"]),
    ],
    ids=["leaves and returns", "parts", "changes partner", "two", "twice at once", "comes back"],
)
def test_half_of_the_adults_the_same_is_the_same_household(units, expected):
    frame = pd.DataFrame(
        {
            "month": [month for month, _ in units],
            "adults": [frozenset(adults) for _, adults in units],
            "first": [adults[0] for _, adults in units],
        }
    )
    assert link_households(frame)["household"].tolist() == expected
    turned = link_households(frame.iloc[::-1])["household"].iloc[::-1]
    assert turned.tolist() == expected
