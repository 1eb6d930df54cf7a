"""A small study of raw files for the tests of ingest: two municipalities, all usual formats."""

from __future__ import annotations

from pathlib import Path

import openpyxl

STUDY = """
name = "liten"
title = {sv = "Liten", en = "Small"}
is_simulated = true
cutoff = 2021-12-31
price_year = 2021

[[municipalities]]
code = "0180"
name = "Stockholm"
first_day = 2019-01-01
last_day = 2021-12-31
payments_from = "2019-01"
payments_to = "2021-12"

[[municipalities]]
code = "1290"
name = "Kristianstad"
first_day = 2019-01-01
last_day = 2021-12-31
payments_from = "2019-01"
payments_to = "2021-12"

[definitions]
plans = ["job_seeking", "sick_leave"]

[[sources]]
table = "households"
files = ["hushall*.csv"]
encoding = "cp1252"
[sources.columns]
household_id = "Ärendenummer"
group = {header = "Grupp", codes = {Deltagare = "participant", Kontroll = "control"}}
started_on = "Start"
closed_on = "Avslut"
closure_reason = {header = "Orsak", codes = {Arbete = "work", Flytt = "moved"}}
closure_assessment = {header = "Bedömning", codes = {Positivt = "positive"}}
adults = "Vuxna"
children = "Barn"
care_centre = "Vårdcentral"

[[sources]]
table = "persons"
files = ["personer*.csv"]
encoding = "cp1252"
[sources.columns]
person_id = "Personnummer"
household_id = "Ärendenummer"
birth_year = "Födelseår"
[sources.columns.role]
header = "Roll"
codes = {"Sökande" = "applicant", "Medsökande" = "co_applicant", Barn = "child"}
[sources.columns.sex]
header = "Kön"
codes = {Kvinna = "woman", Man = "man"}

[[sources]]
table = "payments"
files = ["utbetalningar*.csv"]
encoding = "utf-8"
options = {row_id = "Id"}
[sources.columns]
household_id = "Ärendenummer"
month = {header = "Avser", format = "%Y%m"}
amount_sek = "Belopp"

[[sources]]
table = "plans"
files = ["planering.xlsx"]
format = "excel"
sheet = "Planering"
[sources.columns]
person_id = "Personnummer"
from_on = {header = "Från", format = "%d/%m/%Y"}
plan = {header = "Planering", codes = {"Jobbsök" = "job_seeking", Sjukskriven = "sick_leave"}}
"""
HOUSEHOLDS = [
    "Ärendenummer;Grupp;Start;Avslut;Orsak;Bedömning;Vuxna;Barn;Vårdcentral",
    "0001;Deltagare;2019-03-01;2020-01-15;Arbete;Positivt;2;1;Näsby",
    "0002;Deltagare;2019-05-10;;;;1;0;NA",
    "0003;Kontroll;;;;;1;2;-",
]
PERSONS = [
    "Personnummer;Ärendenummer;Roll;Kön;Födelseår",
    "19811218-9876;0001;Sökande;Kvinna;1981",
    "197010632391;0001;Medsökande;Man;1970",
    "T120101-001;0001;Barn;Kvinna;2012",
    "670919-9530;0002;Sökande;Man;1967",
    "A-3;0003;Sökande;Kvinna;1990",
]
PAYMENTS = [
    "Id;Ärendenummer;Avser;Belopp",
    "1;0001;201903;8 000,50",
    "2;0001;201903;1\u00a0000",
    "3;0001;201904;−500",
    "4;0002;201906;12\u202f000,00",
]
PLANS = [
    ("19811218-9876", "01/03/2019", "Jobbsök"),
    ("6709199530", "10/05/2019", "Sjukskriven"),
]


def write_lines(path: Path, lines: list[str], encoding: str = "cp1252", end: str = "\r\n") -> None:
    """Write lines as a file of an export."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((end.join(lines) + end).encode(encoding))


def write_plans(path: Path, plans: list[tuple] = PLANS) -> None:
    """Write a workbook with two rows above the header."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Planering"
    sheet.append(["Utdrag"])
    sheet.append([])
    sheet.append(["Personnummer", "Från", "Planering"])
    for plan in plans:
        sheet.append(plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def write_municipality(folder: Path) -> None:
    """Write the files of one municipality, all of them right."""
    write_lines(folder / "hushall.csv", HOUSEHOLDS)
    write_lines(folder / "personer.csv", PERSONS)
    write_lines(folder / "utbetalningar.csv", PAYMENTS, "utf-8-sig")
    write_plans(folder / "planering.xlsx", [PLANS[0]])


def write_study(root: Path, study: str = STUDY, codes: tuple[str, ...] = ("0180", "1290")) -> Path:
    """Write the whole study below a root and return the folder of its raw files."""
    raw = root / "raw" / "liten"
    raw.mkdir(parents=True, exist_ok=True)
    (raw / "study.toml").write_text(study, encoding="utf-8")
    for code in codes:
        write_municipality(raw / code)
    return raw
