"""Files as offices write them: each kind of trouble ends in right rows, or in its true cause."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from raw_study import write_lines

from hfcore.clean.rules import sentences
from hfcore.errors import StudyError
from hfcore.store import read_ingest, read_table
from hfrun import cli
from hfrun.ingest import IngestReport, ingest_study

CODE = "1290"
HEAD = """
name = "liten"
title = {sv = "Liten", en = "Small"}
is_simulated = true
cutoff = 2021-12-31
price_year = 2021

[[municipalities]]
code = "1290"
name = "Kristianstad"
first_day = 2019-01-01
last_day = 2021-12-31
payments_from = "2018-01"
payments_to = "2021-12"
[definitions]
plans = ["job"]
"""
HOUSEHOLDS = """
[[sources]]
table = "households"
files = ["hushall.*"]
[sources.columns]
household_id = "Arende"
group = {header = "Grupp", codes = {D = "participant", K = "control"}}
started_on = "Start"
closed_on = "Avslut"
closure_reason = {header = "Orsak", codes = {Arbete = "work", Flytt = "moved"}}
adults = "Vuxna"
children = "Barn"
"""
PERSONS = """
[[sources]]
table = "persons"
files = ["personer.csv"]
[sources.columns]
person_id = "Personnummer"
household_id = "Arende"
birth_year = "Fodd"
role = {header = "Roll", codes = {S = "applicant", M = "co_applicant", B = "child"}}
sex = {header = "Kon", codes = {K = "woman", M = "man"}}
"""
PAYMENTS = """
[[sources]]
table = "payments"
files = ["utb*"]
[sources.columns]
household_id = "Arende"
month = "Avser"
amount_sek = "Belopp"
"""
PLANS = """
[[sources]]
table = "plans"
files = ["plan.csv"]
[sources.columns]
person_id = "Personnummer"
from_on = "Fran"
plan = {header = "Plan", codes = {Jobb = "job"}}
"""
OFFICE = HEAD + HOUSEHOLDS + PERSONS + PAYMENTS
FILES = {
    "hushall.csv": [
        "Arende;Grupp;Start;Avslut;Orsak;Vuxna;Barn",
        "A1;D;2019-03-01;2020-01-15;Arbete;2;1",
        "A2;D;2019-05-10;;;1;0",
        "A3;K;;;;1;2",
    ],
    "personer.csv": [
        "Personnummer;Arende;Roll;Kon;Fodd",
        "A-1;A1;S;K;1981",
        "A-2;A1;M;M;1970",
        "A-3;A2;S;M;1967",
        "A-4;A3;S;K;1990",
    ],
    "utb.csv": [
        "Arende;Avser;Belopp",
        "A1;2019-03;8000,50",
        "A1;2019-04;4000",
        "A2;2019-06;12000",
        "A3;2019-06;900",
    ],
}
PAID = [900.0, 4000.0, 8000.5, 12000.0]


@pytest.fixture
def office(tmp_path, monkeypatch):
    """Ingest a small study with some files changed; what was said stands in the report."""
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))
    raw = tmp_path / "raw" / "liten"

    def take_in(files: dict | None = None, study: str = OFFICE) -> IngestReport:
        (raw / CODE).mkdir(parents=True, exist_ok=True)
        (raw / "study.toml").write_text(study, encoding="utf-8")
        for name, content in (FILES | (files or {})).items():
            write(raw / CODE / name, content)
        report = ingest_study("liten")
        for each in report.files:
            gone = sum(each["stopped"].values()) + sum(each["left_out"].values())
            assert each["read"] == each["kept"] + gone, each
        return report

    return take_in


def write(path: Path, content: object) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for name, rows in content.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        book.save(path)
    else:
        write_lines(path, content, "utf-8")


def paid() -> list[float]:
    return sorted(read_table("liten", "payments", CODE)["amount_sek"])


def months() -> list[str]:
    return sorted(read_table("liten", "payments", CODE)["month"].dt.strftime("%Y-%m-%d"))


def rules_of(report: IngestReport) -> set[str]:
    return {each.rule for each in report.problems} - {"W-GAP", "W-IDENTITY"}


def said(report: IngestReport, language: str = "sv") -> str:
    return "\n".join(sentences(report.problems, language))


def utb(*rows: str) -> dict:
    return {"utb.csv": ["Arende;Avser;Belopp", *rows]}


# Fabricated coordination numbers: without a month, and without a day.
COORDINATION = {
    "personer.csv": [
        "Personnummer;Arende;Roll;Kon;Fodd",
        "19800073-2399;A1;S;K;1980",
        "198106602389;A2;S;M;1981",
        "A-4;A3;S;K;1990",
    ],
    "plan.csv": [
        "Personnummer;Fran;Plan",
        "198000732399;2019-04-01;Jobb",
        "19810660-2389;2019-05-01;Jobb",
    ],
}


def test_a_coordination_number_without_month_or_day_is_one_person(office):
    report = office(COORDINATION, OFFICE + PLANS)
    assert rules_of(report) == set()
    plans, persons = (read_table("liten", each, CODE) for each in ("plans", "persons"))
    assert len(plans) == 2 and set(plans["person_id"]) < set(persons["person_id"])


def test_an_impossible_date_is_no_personal_number(office):
    rows = ["Personnummer;Arende;Roll;Kon;Fodd", "198113452399;A1;S;K;1981", "A-4;A3;S;K;1990"]
    found = {each.rule: each.rows for each in office({"personer.csv": rows}).problems}
    assert found["E-ID"] == (2,)


@pytest.mark.parametrize("mark", [".", ","])
def test_a_mark_of_thousands_is_never_a_decimal_mark(office, mark):
    files = utb(*(f"A{n % 3 + 1};2019-{n + 1:02};{n + 4}{mark}500" for n in range(9)))
    report = office(files, OFFICE.replace('"payments"\n', f'"payments"\ndecimal = "{mark}"\n'))
    assert rules_of(report) == {"E-NUMBER"} and f'thousands = "{mark}"' in said(report)
    other = "," if mark == "." else "."
    setting = f'"payments"\ndecimal = "{other}"\nthousands = "{mark}"\n'
    assert rules_of(office(files, OFFICE.replace('"payments"\n', setting))) == set()
    assert paid() == [n * 1000 + 500.0 for n in range(4, 13)]


def test_units_are_taken_off(office):
    report = office(
        utb(
            "A1;2019-03;8 000,50 kr",
            "A1;2019-04;4 000 kr",
            "A2;2019-06;SEK 12 000",
            "A3;2019-06;900:-",
        )
    )
    assert rules_of(report) == set() and paid() == PAID
    assert rules_of(office(utb("A1;2019-03;8 tkr"))) == {"E-NUMBER"}


def test_months_have_swedish_names(office):
    rows = ["A1;jan-19;1", "A1;maj-19;2", "A1;Okt 2019;3", "A1;mars 2019;4", "A1;2019M11;5"]
    report = office(utb(*rows, "A1;v. 32;6"))
    assert months() == ["2019-01-01", "2019-03-01", "2019-05-01", "2019-10-01", "2019-11-01"]
    assert "En vecka är ingen månad" in said(report)
    declared = OFFICE.replace('month = "Avser"', 'month = {header = "Avser", format = "%b-%y"}')
    assert not rules_of(office(utb("A1;maj-19;2", "A1;okt-19;3"), declared))
    assert months() == ["2019-05-01", "2019-10-01"]


WIDE = {"utb.csv": ["Arende;2019-01;2019-02;Summa", "A1;8000;4000;12000", "A2;;9000;9000"]}


def test_months_may_be_columns(office):
    assert 'wide = "%Y-%m"' in said(office(WIDE))
    wide = OFFICE.replace('"payments"\n', '"payments"\nwide = "%Y-%m"\n')
    assert rules_of(office(WIDE, wide)) == set()
    assert paid() == [4000, 8000, 9000] and set(months()) == {"2019-01-01", "2019-02-01"}
    bare = wide.replace('month = "Avser"\namount_sek = "Belopp"\n', "")
    assert rules_of(office(WIDE, bare)) == set() and paid() == [4000, 8000, 9000]


def test_subtotals_that_add_up_are_left_out(office):
    rows = ["A1;2019-03;8000", "A1;2019-04;4000", "Summa A1;;12000", "A2;2019-06;900"]
    report = office(utb(*rows, "Summa A2;;900", "Totalt;;12900"))
    assert rules_of(report) == {"W-TOTAL"} and paid() == [900, 4000, 8000]
    assert rules_of(office(utb(*rows, "Summa A2;;901"))) == {"W-TOTAL", "E-TOTAL"}
    by_month = ["A1;2019-03;8000", "A2;2019-03;1000", "A2;Summa;9000"]
    assert rules_of(office(utb(*by_month))) == {"W-TOTAL"} and paid() == [1000, 8000]


def test_ids_in_the_first_row_of_a_group_are_repeated(office):
    files = utb("A1;2019-03;8000", ";2019-04;4000", "A2;2019-06;900", ";2019-07;700")
    report = office(files)
    assert rules_of(report) == {"E-NULL"} and 'fill = ["Arende"]' in said(report)
    filled = OFFICE.replace('"payments"\n', '"payments"\nfill = ["Arende"]\n')
    assert rules_of(office(files, filled)) == set() and paid() == [700, 900, 4000, 8000]


def test_times_of_day_are_cut(office):
    rows = [FILES["hushall.csv"][0], "A1;D;2019-03-01 08:30:00;;;2;1"]
    rows += ["A2;D;2019-05-10 14:00:00;2019-05-10;Arbete;1;0", "A3;K;2019-05-09T22:00:00Z;;;1;2"]
    report = office({"hushall.csv": rows})
    assert rules_of(report) == set()
    started = read_table("liten", "households", CODE)["started_on"]
    assert sorted(started.dt.strftime("%Y-%m-%d %H")) == [
        "2019-03-01 00",
        "2019-05-10 00",
        "2019-05-10 00",
    ]


def test_a_reversal_is_netted_whatever_the_time_of_day(office):
    rows = ["A1;2019-06-01 10:00;4000", "A1;2019-06-02 11:30;-4000", "A2;2019-06-03 09:00;900"]
    form = 'month = {header = "Avser", format = "%Y-%m-%d %H:%M"}'
    office(utb(*rows), OFFICE.replace('month = "Avser"', form))
    assert paid() == [0, 900] and set(months()) == {"2019-06-01"}


def test_case_numbers_that_excel_made_numbers_find_their_match(office):
    files = {
        "hushall.csv": [row.replace("A1;", "1001;") for row in FILES["hushall.csv"]],
        "personer.csv": [row.replace(";A1;", ";1001;") for row in FILES["personer.csv"]],
        "utb.csv": None,
        "utb.xlsx": {"U": [["Arende", "Avser", "Belopp"], [1001, "2019-03", 8000.5]]},
    }
    excel = OFFICE.replace('files = ["utb*"]', 'files = ["utb*"]\nformat = "excel"')
    assert rules_of(office(files, excel)) == {"W-ID-NUMBER"} and paid() == [8000.5]
    zeros = {n: [r.replace("1001", "001001") for r in rows] for n, rows in files.items() if rows}
    del zeros["utb.xlsx"]
    assert "E-ID" in rules_of(office(files | zeros, excel))
    form = excel.replace(
        'household_id = "Arende"\nmonth',
        'household_id = {header = "Arende", format = "000000"}\nmonth',
    )
    assert rules_of(office(files | zeros, form)) == set() and paid() == [8000.5]


def test_ids_written_otherwise_are_one_sentence_about_the_file(office):
    rows = [f"10{n % 3};2019-0{n};{n}00" for n in range(1, 8)]
    report = office(utb(*rows))
    assert [each.rule for each in report.problems if each.is_error] == ["E-REFERENCE"]
    assert "nollor i början" in said(report) and "rad" not in said(report).split(":")[0]
    assert rules_of(office(utb("A1.0;2019-03;1"))) == {"E-REFERENCE"}


def test_ids_with_point_nought_are_whole(office):
    def numbered(name: str) -> list[str]:
        head, *rows = FILES[name]
        return [head, *(row.replace("A1;", "7;").replace("A2;", "8;") for row in rows)]

    files = {name: numbered(name) for name in ("hushall.csv", "personer.csv")}
    report = office(files | utb("7.0;2019-03;1", "8.0;2019-03;2"))
    assert rules_of(report) == {"W-ID-NUMBER"} and paid() == [1, 2]


def test_an_error_cell_is_not_empty(office):
    rows = [row.split(";") for row in FILES["hushall.csv"]]
    rows[1][3] = rows[1][4] = "#N/A"
    office({"hushall.csv": None, "hushall.xlsx": {"Blad1": rows}}, as_excel(OFFICE))
    table = read_table("liten", "households", CODE)
    assert len(table) == 2 and table["closed_on"].isna().all()
    rules = {each["rule"] for each in read_ingest("liten")["rules"]}
    assert "E-FORMULA" in rules


def as_excel(study: str) -> str:
    return study.replace('files = ["hushall.*"]', 'files = ["hushall.*"]\nformat = "excel"')


YEARS = {
    "utb.csv": None,
    "utb.xlsx": {
        "2019": [["Arende", "Avser", "Belopp"], ["A1", "2019-03", 1]],
        "2020": [["Arende", "Avser", "Belopp"], ["A1", "2020-03", 2]],
        "Om uttaget": [["Taget ur systemet", None], ["av enheten", None]],
    },
}


def test_sheets_that_nobody_read_are_told(office):
    excel = OFFICE.replace('files = ["utb*"]', 'files = ["utb*"]\nformat = "excel"')
    report = office(YEARS, excel)
    assert {each.sheet for each in report.problems if each.rule == "W-UNUSED"} == {
        "2020",
        "(3)",
    }
    report = office(YEARS, excel.replace('"excel"', '"excel"\nsheet = "*"'))
    assert {each.sheet for each in report.problems if each.rule == "W-UNUSED"} == {"(3)"}
    assert paid() == [1, 2]
    named = excel.replace('"excel"', '"excel"\nsheet = ["2019", "2020"]')
    office(YEARS, named)
    assert paid() == [1, 2]


@pytest.mark.parametrize("header", ["Arende;Avser;Belopp", "Arende;Avser;Belopp;"])
@pytest.mark.parametrize("end", ["", ";"])
def test_a_separator_at_the_end_is_no_column(office, header, end):
    rows = [header, "A1;2019-03;8000,50" + end, "A2;2019-06;900" + end]
    assert rules_of(office({"utb.csv": rows})) == set() and paid() == [900, 8000.5]


def test_rows_that_are_all_too_wide_are_one_sentence(office):
    report = office(utb("A1;2019-03;8000;x", "A2;2019-06;900;y", "A2;2019-07;900;y"))
    assert "rubrikraden har 3 kolumner, raderna 4" in said(report)
    assert not [each.rows for each in report.problems if each.rule == "E-FIELDS" and each.rows]


def test_a_header_twice_that_nobody_maps_does_no_harm(office):
    rows = ["ID;Arende;Avser;Belopp;ID", "1;A1;2019-03;8000;1", "2;A2;2019-06;900;2"]
    assert rules_of(office({"utb.csv": rows})) == set() and paid() == [900, 8000]


def test_a_birth_year_comes_from_the_personal_number(office):
    rows = ["Personnummer;Arende;Roll;Kon", "19811218-9876;A1;S;K", "197010632391;A2;S;M"]
    number = 'birth_year = {header = "Personnummer", format = "personal_number"}'
    study = OFFICE.replace('birth_year = "Fodd"', number)
    report = office({"personer.csv": [*rows, "A-4;A3;S;K"]}, study)
    assert sorted(read_table("liten", "persons", CODE)["birth_year"]) == [1970, 1981]
    assert "Ta ut födelseåret som egen kolumn" in said(report)


def test_applicant_and_co_applicant_in_one_row(office):
    first = PERSONS.replace('"Personnummer"', '"Sokande"').replace('"Fodd"', '"F1"')
    first = first.replace(
        'header = "Roll", codes = {S = "applicant", M = "co_applicant", B = "child"}',
        'value = "applicant"',
    )
    second = (
        first.replace("Sokande", "Medsokande")
        .replace("F1", "F2")
        .replace('"applicant"', '"co_applicant"')
    )
    rows = ["Arende;Sokande;Medsokande;Kon;F1;F2", "A1;A-1;A-2;K;1981;1970"]
    rows += ["A2;A-3;;M;1967;", "A3;A-4;;K;1990;"]
    report = office({"personer.csv": rows}, HEAD + HOUSEHOLDS + first + second + PAYMENTS)
    assert rules_of(report) == {"W-EMPTY-ID"}
    assert len(read_table("liten", "persons", CODE)) == 4


def test_a_closure_without_a_reason_is_of_unknown_reason(office):
    rows = [row.replace("2020-01-15;Arbete", "2020-01-15;") for row in FILES["hushall.csv"]]
    report = office({"hushall.csv": rows})
    assert rules_of(report) == {"W-CLOSURE"} and paid() == PAID
    reasons = read_table("liten", "households", CODE)["closure_reason"].dropna()
    assert reasons.tolist() == ["unknown"]


@pytest.mark.parametrize("day", ["9999-12-31", "2099-12-31", "1900-01-01", "0001-01-01"])
def test_a_date_far_off_names_the_setting_that_reads_it_as_open(office, day):
    rows = [row.replace(";;;1;0", f";{day};;1;0") for row in FILES["hushall.csv"]]
    assert "nulls" in said(office({"hushall.csv": rows}))
    nulls = OFFICE.replace('"households"\n', f'"households"\nnulls = ["", "{day}"]\n')
    assert rules_of(office({"hushall.csv": rows}, nulls)) == set()


def test_the_same_file_under_another_name_counts_once(office):
    report = office({"utb_ny.csv": FILES["utb.csv"]})
    assert rules_of(report) == {"E-DUPLICATE"} and paid() == PAID
    assert "1290/utb.csv" in said(report) and "tecken för tecken" in said(report)


def test_a_file_of_rows_sent_before_counts_once(office):
    more = ["Arende;Avser;Belopp", *reversed(FILES["utb.csv"][1:]), "A2;2019-09;77"]
    report = office({"utb_allt.csv": more})
    assert rules_of(report) == {"E-DUPLICATE"} and paid() == [77.0, *PAID]
    assert "100 % av raderna" in said(report)


@pytest.mark.parametrize("kind", ["parquet", "gz", "zip"])
def test_packed_files_are_read(office, tmp_path, kind):
    text = "\n".join(FILES["utb.csv"]).encode()
    if kind == "gz":
        content = gzip.compress(text)
    elif kind == "zip":
        with zipfile.ZipFile(tmp_path / "x", "w") as package:
            package.writestr("utb.csv", text)
        content = (tmp_path / "x").read_bytes()
    else:
        rows = [row.split(";") for row in FILES["utb.csv"]]
        frame = pd.DataFrame(rows[1:], columns=rows[0])
        amounts = frame["Belopp"].str.replace(",", ".").astype("float64")
        days = pd.to_datetime(frame["Avser"], format="%Y-%m")
        frame.assign(Belopp=amounts, Avser=days).to_parquet(tmp_path / "x")
        content = (tmp_path / "x").read_bytes()
    report = office({"utb.csv": None, f"utb.{kind}": content})
    assert rules_of(report) == set() and paid() == PAID


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"$FL2@(#) SPSS", "SPSS"),
        (b"<stata_dta><header>", "Stata"),
        (b"%PDF-1.7", "PDF"),
        (b"<html><table><tr><td>Arende", "HTML"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "lösenord"),
    ],
)
def test_a_file_is_named_by_its_first_bytes(office, content, words):
    report = office({"utb.csv": content})
    assert rules_of(report) == {"E-FORMAT"} and words in said(report)


def test_a_workbook_that_is_declared_as_text_names_the_setting(office):
    book = {"utb.csv": None, "utb.xlsx": {"U": [["Arende", "Avser", "Belopp"]]}}
    assert 'format = "excel"' in said(office(book))
    excel = OFFICE.replace('files = ["utb*"]', 'files = ["utb*"]\nformat = "excel"')
    assert 'format = "csv"' in said(office({"utb.xlsx": None}, excel))


def test_fixed_widths(office):
    own = PAYMENTS.replace("Arende", "1").replace("Avser", "2").replace("Belopp", "3")
    own = own.replace('"payments"\n', '"payments"\nwidths = [4, 7, 8]\nheader = "none"\n')
    rows = ["A1  2019-03  8000,5", "A2  2019-06     900"]
    report = office({"utb.csv": rows}, HEAD + HOUSEHOLDS + PERSONS + own)
    assert rules_of(report) == set() and paid() == [900, 8000.5]


def test_names_of_files_are_compared_as_people_read_them(office):
    study = OFFICE.replace('"hushall.*"', '"hushåll.csv"')
    report = office({"hushall.csv": None, "Husha\u030all.CSV": FILES["hushall.csv"]}, study)
    assert rules_of(report) == set() and paid() == PAID


WRONG = {
    "files": ('files = ["utb*"]', 'files = ["**a"]'),
    "separator": ('files = ["utb*"]', 'files = ["utb*"]\nseparator = 3'),
    "encoding int": ('files = ["utb*"]', 'files = ["utb*"]\nencoding = 3'),
    "encoding base64": ('files = ["utb*"]', 'files = ["utb*"]\nencoding = "base64"'),
    "encoding zlib": ('files = ["utb*"]', 'files = ["utb*"]\nencoding = "zlib"'),
    "encoding nul": ('files = ["utb*"]', 'files = ["utb*"]\nencoding = "utf\\u0000"'),
    "nulls": ('files = ["utb*"]', 'files = ["utb*"]\nnulls = 3'),
    "sheet int": ('files = ["utb*"]', 'files = ["utb*"]\nformat = "excel"\nsheet = 3'),
    "sheet nul": ('files = ["utb*"]', 'files = ["utb*"]\nformat = "excel"\nsheet = "a\\u0000"'),
    "options": ('files = ["utb*"]', 'files = ["utb*"]\noptions = 3'),
    "header": ('month = "Avser"', "month = {header = 3}"),
    "codes": ('codes = {D = "participant", K = "control"}', 'codes = ["D"]'),
    "form int": ('month = "Avser"', 'month = {header = "Avser", format = 3}'),
    "form %": ('month = "Avser"', 'month = {header = "Avser", format = "%"}'),
    "form %Q": ('month = "Avser"', 'month = {header = "Avser", format = "%Q"}'),
    "table": ('table = "payments"', 'table = ["payments"]'),
    "cutoff": ("cutoff = 2021-12-31", "cutoff = 9999-12-31"),
    "payments_from": ('payments_from = "2018-01"', 'payments_from = "0000-01"'),
    "deep": ("[definitions]\n", "[definitions]\nx = " + "[" * 2000 + "]" * 2000 + "\n"),
    "deep tables": ("[definitions]\n", "[definitions]\n" + ".".join("a" * 3000) + " = 1\n"),
    "many digits": ("price_year = 2021", "price_year = " + "9" * 5000),
    "price year": ("price_year = 2021", "price_year = " + "2" * 20),
    "horizon": ("[definitions]\n", "[definitions]\nhorizon_months = 999999999\n"),
    "thousands": ('files = ["utb*"]', 'files = ["utb*"]\nthousands = ","'),
    "widths": ('files = ["utb*"]', 'files = ["utb*"]\nwidths = [0]'),
    "fill": ('files = ["utb*"]', 'files = ["utb*"]\nfill = "Arende"'),
    "wide": ('files = ["utb*"]', 'files = ["utb*"]\nwide = "%Q"'),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_of_the_definition_is_a_sentence_and_2(office, capsys, monkeypatch, name):
    old, new = WRONG[name]
    assert old in OFFICE
    monkeypatch.setenv("LANG", "C")
    with pytest.raises(StudyError):
        office(study=OFFICE.replace(old, new, 1))
    assert cli.run_command(["check", "liten"]) == 2
    assert "fault" not in capsys.readouterr().err


def test_the_definition_may_have_a_mark_of_its_encoding(office, tmp_path):
    office()
    path = tmp_path / "raw" / "liten" / "study.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert not ingest_study("liten").has_errors
    path.write_bytes(OFFICE.encode() + "\n# utkast".encode("utf-16-le"))
    with pytest.raises(StudyError, match=r"UTF-16 from line .* as PowerShell"):
        ingest_study("liten")
    path.write_bytes(OFFICE.replace("Liten", "Liten å").encode("cp1252"))
    with pytest.raises(StudyError, match=r"line 3 .*cp1252"):
        ingest_study("liten")


def test_very_wide_headers_take_no_time(office):
    import time

    head = ";".join(["Arende", "Avser", "Belopp", *(f"x{n}" for n in range(16_000))])
    row = ";".join(["A1", "2019-03", "7", *["1"] * 16_000])
    before = time.process_time()
    office({"utb.csv": [head, row]})
    assert paid() == [7.0] and time.process_time() - before < 10
    wider = ";".join(["Arende", *(f"x{n}" for n in range(100_000))])
    assert rules_of(office({"utb.csv": [wider, "A1"]})) == {"E-SIZE"}
