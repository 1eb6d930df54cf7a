"""What real files do to naive readers: each trap a small fixture, its rule and what comes out.

A trap changes the files of one municipality that are otherwise right. The words that it puts into
cells must be in no message, in no quarantine file and in no account.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest
from raw_study import (
    HOUSEHOLDS,
    PAYMENTS,
    PERSONS,
    PLANS,
    STUDY,
    write_lines,
    write_plans,
    write_study,
)

from hfcore.clean.rules import rules
from hfcore.metrics.data_quality import rules_met
from hfcore.store import processed_folder, read_ingest, read_table
from hfrun.ingest import ingest_study

CODE = "0180"


@dataclass(frozen=True)
class Trap:
    """One trap: what it does to the files, which rule sees it, what is left in the tables.

    ``rows`` are the row numbers that the message names, ``left`` the rows of the table, ``secret``
    a text that may stand nowhere.
    """

    rule: str
    spring: Callable[[Path], None]
    table: str
    left: int
    rows: tuple[int, ...] = ()
    secret: str = ""
    study: str = STUDY


def lines(file: str, whole: list[str], encoding: str = "cp1252") -> Callable[[Path], None]:
    """Another content of one file."""
    return lambda folder: write_lines(folder / file, whole, encoding)


def households(row: str, at: int = 2) -> Callable[[Path], None]:
    """Another row in the households, which have three in all."""
    return lines("hushall.csv", [*HOUSEHOLDS[:at], row, *HOUSEHOLDS[at + 1 :]])


def payments(*rows: str) -> Callable[[Path], None]:
    """More rows after the four payments, which are three months of households."""
    return lines("utbetalningar.csv", [*PAYMENTS, *rows], "utf-8-sig")


def persons(*rows: str) -> Callable[[Path], None]:
    """More rows after the five persons."""
    return lines("personer.csv", [*PERSONS, *rows])


def sheet(change: Callable) -> Callable[[Path], None]:
    """The workbook of plans, changed by openpyxl."""

    def spring(folder: Path) -> None:
        write_plans(folder / "planering.xlsx", [PLANS[0]])
        book = openpyxl.load_workbook(folder / "planering.xlsx")
        change(book)
        book.save(folder / "planering.xlsx")

    return spring


def hide_row(book: openpyxl.Workbook) -> None:
    book.active.row_dimensions[4].hidden = True


def hide_sheet(book: openpyxl.Workbook) -> None:
    hidden = book.create_sheet("Dolt")
    hidden.append(["Anna Hemlig (19121212-1212)"])
    hidden.sheet_state = "hidden"


def two_versions(text: str) -> str:
    return text.replace('{row_id = "Id"}', '{row_id = "Id", version = "Version"}')


def with_paid_on(text: str) -> str:
    return text.replace('{row_id = "Id"}', '{row_id = "Id", paid_on = "Utbetald"}')


def with_protected(text: str) -> str:
    return text.replace(
        'files = ["personer*.csv"]', 'files = ["personer*.csv"]\noptions = {protected = "Skydd"}'
    )


def rows_with(extra: str, rows: list[str], filled: dict[int, str]) -> list[str]:
    """A further column at the end of each row."""
    return [
        f"{row};{filled.get(place, extra if not place else '')}" for place, row in enumerate(rows)
    ]


OPEN = "0002;Deltagare;{};;;;1;0;NA"
MOJIBAKE = [line.encode().decode("cp1252") for line in HOUSEHOLDS]

TRAPS: dict[str, Trap] = {
    "date without a century": Trap(
        "E-DATE", households(OPEN.format("190501")), "households", 2, (3,), "190501"
    ),
    "date the American way": Trap(
        "E-DATE", households(OPEN.format("01/02/2021")), "households", 2, (3,), "01/02/2021"
    ),
    "month 13": Trap(
        "E-DATE", households(OPEN.format("2021-13-01")), "households", 2, (3,), "2021-13-01"
    ),
    "day number of Excel": Trap(
        "W-SERIAL", households(OPEN.format("44197")), "households", 3, (3,)
    ),
    "number that is too large for a day": Trap(
        "E-DATE", households(OPEN.format("70000")), "households", 2, (3,), "70000"
    ),
    "decimal point where a comma is declared": Trap(
        "E-NUMBER", payments("5;0002;201907;1234.50"), "payments", 3, (6,), "1234.50"
    ),
    "typographic minus": Trap("W-NUMBER", payments("5;0002;201907;−500"), "payments", 4, (4, 6)),
    "minus behind": Trap("W-NUMBER", payments("5;0002;201907;500-"), "payments", 4, (4, 6)),
    "minus as brackets": Trap("W-NUMBER", payments("5;0002;201907;(500)"), "payments", 4, (4, 6)),
    "negative amount": Trap("W-NEGATIVE", payments("5;0002;201906;-500"), "payments", 3, (4, 6)),
    "paid in another month": Trap(
        "W-MONTH",
        lines(
            "utbetalningar.csv",
            [*rows_with("Utbetald", PAYMENTS, {1: "2019-04-02"}), "5;0002;;700;2019-08-27"],
            "utf-8-sig",
        ),
        "payments",
        4,
        (6,),
        study=with_paid_on(STUDY),
    ),
    "months of an open case without a row": Trap("W-GAP", payments(), "payments", 3),
    "payment outside the export period": Trap(
        "W-PERIOD", payments("5;0002;201812;900"), "payments", 4, (6,)
    ),
    "same row twice": Trap("W-DUPLICATE", payments(PAYMENTS[4]), "payments", 3, (6,)),
    "same payment under another id": Trap(
        "W-DUPLICATE?", payments("9;0002;201906;12 000,00"), "payments", 3, (6,)
    ),
    "superseded record": Trap(
        "W-VERSION",
        lines(
            "utbetalningar.csv",
            [*rows_with("Version", PAYMENTS, {4: "9"}), "4;0002;201906;11 000,00;10"],
            "utf-8-sig",
        ),
        "payments",
        3,
        (5,),
        study=two_versions(STUDY),
    ),
    "same id with another content": Trap(
        "E-DUPLICATE", payments("4;0002;201906;11 111,00"), "payments", 2, (5, 6), "11 111"
    ),
    "id in powers of ten": Trap(
        "E-ID", persons("1,985071E+11;0003;Barn;Man;2015"), "persons", 5, (7,), "1,985071"
    ),
    "numeric id in Excel": Trap(
        "E-ID",
        sheet(lambda book: book.active.append([191212121212, "01/03/2019", "Jobbsök"])),
        "plans",
        1,
        (5,),
        "191212121212",
    ),
    "wrong check digit": Trap(
        "E-ID", persons("19121212-1213;0003;Barn;Man;1912"), "persons", 5, (7,), "1212-1213"
    ),
    "ten digits without a century": Trap(
        "E-ID-CENTURY",
        sheet(lambda book: book.active.append(["6709199530", "01/03/2019", "Jobbsök"])),
        "plans",
        1,
        (5,),
        "6709199530",
    ),
    "more fields than headers": Trap(
        "E-FIELDS", households(HOUSEHOLDS[2] + ";Olle Hemlig"), "households", 2, (3,), "Hemlig"
    ),
    "separator in free text": Trap(
        "E-FIELDS",
        households("0002;Deltagare;2019-05-10;;;;1;0;Norr; vid ån"),
        "households",
        2,
        (3,),
        "vid ån",
    ),
    "stray quotation mark": Trap(
        "E-FIELDS", households('0002;Deltagare;2019-05-10;;;;1;0;Norr "hus'), "households", 2, (3,)
    ),
    "wrong separator": Trap(
        "E-HEADER",
        lines("hushall.csv", [line.replace(";", ",") for line in HOUSEHOLDS]),
        "households",
        0,
    ),
    "same header twice": Trap(
        "E-HEADER",
        lines("utbetalningar.csv", rows_with("Belopp", PAYMENTS, {}), "utf-8-sig"),
        "payments",
        0,
    ),
    "UTF-8 where cp1252 is declared": Trap(
        "W-ENCODING", lines("hushall.csv", HOUSEHOLDS, "utf-8"), "households", 3
    ),
    "UTF-16": Trap("", lines("hushall.csv", HOUSEHOLDS, "utf-16"), "households", 3),
    "broken letters": Trap("E-ENCODING", lines("hushall.csv", MOJIBAKE, "utf-8"), "households", 0),
    "header after the twentieth row": Trap(
        "E-HEADER", lines("hushall.csv", [*["Utdrag"] * 20, *HOUSEHOLDS]), "households", 0
    ),
    "header in the twentieth row": Trap(
        "W-HEADER-ROW",
        lines("hushall.csv", [*["Utdrag"] * 19, *HOUSEHOLDS]),
        "households",
        3,
        (20,),
    ),
    "byte order mark": Trap("", lines("hushall.csv", HOUSEHOLDS, "utf-8-sig"), "households", 3),
    "title rows": Trap("W-HEADER-ROW", lambda folder: None, "plans", 1, (3,)),
    "total that is right": Trap("W-TOTAL", payments(";;Summa;20 500,50"), "payments", 3, (6,)),
    "total that is wrong": Trap(
        "E-TOTAL", payments(";;Summa;20 501,50"), "payments", 3, (6,), "20 501"
    ),
    "hidden row": Trap("W-HIDDEN", sheet(hide_row), "plans", 1, (4,)),
    "hidden sheet with ids": Trap("E-HIDDEN", sheet(hide_sheet), "plans", 0, (), "1212-1212"),
    "formula without a result": Trap(
        "E-FORMULA",
        sheet(lambda book: book.active.append(["19121212-1212", "01/03/2019", "=A1"])),
        "plans",
        1,
        (5,),
        "1212-1212",
    ),
    "closure before start": Trap(
        "E-RANGE",
        households("0002;Deltagare;2019-05-10;2019-05-09;Flytt;Positivt;1;0;"),
        "households",
        2,
        (3,),
    ),
    "start in the far future": Trap(
        "E-RANGE", households(OPEN.format("2091-05-10")), "households", 2, (3,)
    ),
    "start after the cut-off": Trap(
        "W-RANGE", households(OPEN.format("2022-01-01")), "households", 3, (3,)
    ),
    "amount above five norms": Trap(
        "W-RANGE", payments("5;0002;201907;60 000,01"), "payments", 4, (6,)
    ),
    "no adult": Trap(
        "E-RANGE", households("0002;Deltagare;2019-05-10;;;;0;0;"), "households", 2, (3,)
    ),
    "closed without a reason": Trap(
        "W-CLOSURE",
        households("0002;Deltagare;2019-05-10;2019-06-01;;;1;0;"),
        "households",
        3,
        (3,),
    ),
    "empty cell that must be filled": Trap(
        "E-NULL", households("0002;Deltagare;2019-05-10;;;;;0;"), "households", 2, (3,)
    ),
    "protected identity": Trap(
        "W-PROTECTED",
        lines("personer.csv", rows_with("Skydd", PERSONS, {4: "J"})),
        "households",
        2,
        study=with_protected(STUDY),
    ),
    "unknown code": Trap(
        "E-CODE", households("0002;Hemligt;2019-05-10;;;;1;0;"), "households", 2, (3,), "Hemligt"
    ),
    "row of nobody": Trap(
        "E-REFERENCE", payments("5;Ö-0999;201907;900"), "payments", 3, (6,), "Ö-0999"
    ),
    "person in two open households": Trap(
        "E-TWO-HOUSEHOLDS",
        persons("19670919-9530;0003;Medsökande;Man;1967"),
        "persons",
        4,
        (5, 7),
        "19670919",
    ),
    "child with two homes": Trap(
        "W-HOUSEHOLD", persons("T120101-001;0002;Barn;Kvinna;2012"), "persons", 5, (7,)
    ),
    "file that no source names": Trap(
        "W-UNUSED", lines("anteckningar.txt", ["Olle Hemlig"]), "households", 3, (), "Hemlig"
    ),
    "pseudonyms that protect nobody": Trap("W-IDENTITY", lambda folder: None, "persons", 5),
    "table without a file": Trap(
        "W-MISSING", lambda folder: (folder / "planering.xlsx").unlink(), "plans", 0
    ),
    "missing file": Trap(
        "E-MISSING", lambda folder: (folder / "utbetalningar.csv").unlink(), "payments", 0
    ),
    "null characters": Trap(
        "E-CONTROL", households("0002;Deltagare;2019-05-10;;;;1;0;No\0rr"), "households", 2, (3,)
    ),
}


@pytest.fixture
def take_in(tmp_path, monkeypatch):
    """Ingest the small study with a trap in one municipality."""
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))

    def take_in(trap: Trap):
        raw = write_study(tmp_path, trap.study, codes=())
        (raw / "study.toml").write_text(only_one(trap.study), encoding="utf-8")
        from raw_study import write_municipality

        write_municipality(raw / CODE)
        trap.spring(raw / CODE)
        return ingest_study("liten")

    return take_in


def only_one(study: str) -> str:
    """The definition with its first municipality alone."""
    first, _, rest = study.partition('[[municipalities]]\ncode = "1290"')
    return first + rest[rest.index("[definitions]") :]


@pytest.mark.parametrize("name", TRAPS)
def test_trap(name, take_in):
    trap = TRAPS[name]
    report = take_in(trap)
    found = [e for e in report.problems if e.rule == trap.rule and e.table in ("", trap.table)]
    assert [each.rows for each in found if each.rows or not trap.rows] == (
        [trap.rows] if trap.rule else []
    )
    left = read_table("liten", trap.table, CODE) if trap.left else ()
    assert len(left) == trap.left
    if trap.rule:
        assert told_in_notebook(trap.rule) == set(texts_of(trap.rule))
    if trap.rule.startswith("E-"):
        assert set(quarantined(trap)) >= set(trap.rows)
    told = everything_told(report)
    assert not trap.secret or trap.secret not in told


def told_in_notebook(rule: str) -> set[str]:
    """The languages in which 00_data_quality tells a rule, one row or more."""
    account = read_ingest("liten")
    found = {language: rules_met(account, CODE, language) for language in ("sv", "en")}
    meanings = {k: rows.loc[rows["rule"] == rule, "meaning"] for k, rows in found.items()}
    starts = {k: text.partition("{")[0] for k, text in texts_of(rule).items()}
    return {
        k for k, texts in meanings.items() if len(texts) and all(texts.str.startswith(starts[k]))
    }


def texts_of(rule: str) -> dict[str, str]:
    return rules()[rule]


def quarantined(trap: Trap) -> list[int]:
    """The rows that the trap's rule put into quarantine."""
    path = processed_folder("liten") / "quarantine" / f"{trap.table}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [int(row["row"]) for row in csv.DictReader(file) if row["rule"] == trap.rule]


def everything_told(report) -> str:
    """All text that an ingest leaves for people: messages, account, quarantine."""
    folder = processed_folder("liten")
    kept = [*folder.glob("quarantine/*.csv"), folder / "ingest.json"]
    messages = [each.sentence(language) for each in report.problems for language in ("sv", "en")]
    return "\n".join([*messages, *(path.read_text(encoding="utf-8") for path in kept)])


def test_every_rule_says_what_to_do_in_both_languages():
    assert all(set(texts) == {"en", "sv"} for texts in rules().values())
    assert all(len(text) > 30 and text[-1] == "." for t in rules().values() for text in t.values())


@pytest.mark.parametrize("language", ["sv", "en"])
def test_a_header_that_does_not_fit_lists_what_is_missing_and_what_is_there(take_in, language):
    report = take_in(TRAPS["wrong separator"])
    (told,) = [e.sentence(language) for e in report.problems if e.rule == "E-HEADER"]
    assert all(header in told for header in HOUSEHOLDS[0].split(";"))
    (twice,) = [
        each.sentence(language)
        for each in take_in(TRAPS["same header twice"]).problems
        if each.rule == "E-HEADER"
    ]
    assert twice.count("Belopp") == 3 and "Avser" in twice


def test_values_of_traps_that_go_on(take_in):
    take_in(TRAPS["day number of Excel"])
    started = read_table("liten", "households", CODE)["started_on"].dropna()
    # LibreOffice shows day number 44197 as 2021-01-01.
    assert sorted(started.dt.strftime("%Y-%m-%d")) == ["2019-03-01", "2021-01-01"]


def test_money_is_netted_by_the_month_it_concerns(take_in):
    take_in(TRAPS["paid in another month"])
    amounts = read_table("liten", "payments", CODE)
    assert sorted(
        zip(amounts["month"].dt.strftime("%Y%m"), amounts["amount_sek"], strict=True)
    ) == [
        ("201903", 9000.5),
        ("201904", -500.0),
        ("201906", 12000.0),
        ("201908", 700.0),
    ]


def test_the_latest_version_counts(take_in):
    take_in(TRAPS["superseded record"])
    assert 11_000.0 in read_table("liten", "payments", CODE)["amount_sek"].tolist()


def test_a_surname_that_looks_like_a_null_stays(take_in):
    take_in(TRAPS["title rows"])
    assert "NA" in read_table("liten", "households", CODE)["care_centre"].tolist()
