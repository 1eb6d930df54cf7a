"""From a drop of raw files to tables: the whole way, again, interrupted, and twice at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from raw_study import (
    HOUSEHOLDS,
    PAYMENTS,
    PERSONS,
    STUDY,
    write_lines,
    write_study,
)

from hfcore.clean import municipality_cleaning
from hfcore.errors import KeyMissingError, LockedError, StudyError, UsageError
from hfcore.metrics.data_quality import rules_met
from hfcore.schema import MOVE_TABLES, TABLES
from hfcore.store import processed_folder, read_ingest, read_table
from hfrun import moves
from hfrun.ingest import ingest_study
from hfrun.journal import study_lock

REAL = STUDY.replace("is_simulated = true", "is_simulated = false")


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """The small study, two municipalities, nothing wrong."""
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))
    return write_study(tmp_path)


def bytes_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder but the lock and the parts."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock" and "parts" not in path.parts
    }


def test_a_drop_becomes_typed_tables(raw):
    report = ingest_study("liten")
    assert not report.has_errors
    assert report.counts["kept"].tolist() == report.counts["read"].tolist()
    households = read_table("liten", "households", "0180")
    assert list(households.columns) == list(TABLES["households"].columns)
    assert households["adults"].sum() == 4
    assert households["closed_on"].dropna().tolist() == [pd.Timestamp("2020-01-15")]
    amounts = read_table("liten", "payments", "0180")["amount_sek"]
    assert sorted(amounts) == [-500.0, 9000.5, 12000.0]
    persons = read_table("liten", "persons", "0180")
    assert set(persons["household_id"]) == set(households["household_id"])
    plans = read_table("liten", "plans", "0180")
    assert set(plans["person_id"]) <= set(persons["person_id"])


def test_no_raw_id_is_left_anywhere(raw):
    ingest_study("liten")
    numbers = ["198112189876", "8112189876", "19811218-9876", "7010632391", "A-3"]
    for name, content in bytes_of(processed_folder("liten")).items():
        assert not [each for each in numbers if each.encode() in content], name
    parts = list((processed_folder("liten") / "parts").rglob("*.arrow"))
    assert parts
    for path in parts:
        cells = pd.read_feather(path).astype("str").to_numpy().ravel()
        assert not set(numbers) & set(cells), path.name


def test_case_numbers_are_of_one_municipality_and_persons_of_the_country(raw):
    report = ingest_study("liten")
    here, there = (read_table("liten", "persons", code) for code in ("0180", "1290"))
    assert not set(here["household_id"]) & set(there["household_id"])
    assert len(set(here["person_id"]) & set(there["person_id"])) == 3
    told = {(e.municipality, e.rule): e.count for e in report.problems if e.rule in moves.RULES}
    assert told == {("0180", "W-MOVED"): 2, ("1290", "W-ELSEWHERE"): 2}


def test_every_household_and_person_has_a_record_key(raw):
    ingest_study("liten")
    keys = read_table("liten", "record_keys", "0180")
    ids = {*read_table("liten", "households", "0180")["household_id"]}
    ids |= {*read_table("liten", "persons", "0180")["person_id"]}
    assert set(keys["id"]) == ids
    assert keys["record_key"].between(0, 1, inclusive="left").all()


def test_same_input_same_bytes_in_any_order_and_with_any_number_of_workers(raw):
    ingest_study("liten")
    first = bytes_of(processed_folder("liten"))
    shutil.rmtree(processed_folder("liten"))
    ingest_study("liten", workers=2)
    assert bytes_of(processed_folder("liten")) == first
    ingest_study("liten", municipalities=["1290"])
    ingest_study("liten", municipalities=["0180"])
    assert bytes_of(processed_folder("liten")) == first


def test_rows_and_files_may_come_in_any_order(raw):
    ingest_study("liten")
    before = {name: read_table("liten", name, "0180") for name in ("persons", "payments")}
    write_lines(raw / "0180" / "personer.csv", [PERSONS[0], *PERSONS[:0:-1]])
    head, *rows = PAYMENTS
    write_lines(raw / "0180" / "utbetalningar.csv", [head, *rows[2:]], "utf-8")
    write_lines(raw / "0180" / "utbetalningar_2.csv", [head, *rows[:2]], "utf-8")
    ingest_study("liten")
    for name, rows in before.items():
        pd.testing.assert_frame_equal(read_table("liten", name, "0180"), rows)


def test_check_writes_nothing_and_says_the_same(raw):
    write_lines(raw / "0180" / "utbetalningar.csv", [*PAYMENTS, "9;0002;209913;1"], "utf-8-sig")
    checked = ingest_study("liten", write=False)
    assert not processed_folder("liten").exists()
    done = ingest_study("liten")
    pd.testing.assert_frame_equal(checked.counts, done.counts)
    assert {each for each in done.problems if each.rule not in moves.RULES} == set(checked.problems)
    assert done.has_errors


def test_only_changed_files_are_read_again(raw, monkeypatch):
    ingest_study("liten")
    read = []

    def note(path, source, name=""):
        read.append(name)
        return intake_read(path, source, name)

    intake_read = municipality_cleaning.read_source
    monkeypatch.setattr(municipality_cleaning, "read_source", note)
    before = bytes_of(processed_folder("liten"))
    ingest_study("liten")
    assert read == []
    assert bytes_of(processed_folder("liten")) == before
    write_lines(raw / "1290" / "utbetalningar.csv", PAYMENTS[:-1], "utf-8-sig")
    ingest_study("liten")
    assert read == ["1290/utbetalningar.csv"]
    assert len(read_table("liten", "payments", "1290")) == 2


def test_a_changed_mapping_is_a_changed_file(raw):
    ingest_study("liten")
    changed = STUDY.replace('Arbete = "work"', 'Arbete = "studies"')
    (raw / "study.toml").write_text(changed, encoding="utf-8")
    ingest_study("liten")
    assert read_table("liten", "households", "0180")["closure_reason"].dropna().item() == "studies"


@pytest.mark.parametrize("moment", (1, 3, 8, 14, 20))
def test_a_run_killed_at_any_moment_leaves_whole_tables(raw, monkeypatch, moment):
    ingest_study("liten")
    for code in ("0180", "1290"):
        write_lines(raw / code / "hushall.csv", HOUSEHOLDS[:-1])
        write_lines(raw / code / "utbetalningar.csv", PAYMENTS[:-1], "utf-8-sig")
    before, moves = bytes_of(processed_folder("liten")), iter(range(1, 1000))
    move = Path.replace

    def killed(self, target):
        if next(moves) == moment:
            raise KeyboardInterrupt
        return move(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        ingest_study("liten")
    monkeypatch.undo()
    monkeypatch.setenv("HFCORE_DATA", str(raw.parent.parent))
    left = {k: v for k, v in bytes_of(processed_folder("liten")).items() if "tables/" in k}
    assert all(left[name] == before[name] for name in left)
    for code in ("0180", "1290"):
        write_lines(raw / code / "hushall.csv", HOUSEHOLDS)
        write_lines(raw / code / "utbetalningar.csv", PAYMENTS, "utf-8-sig")
    ingest_study("liten")
    assert bytes_of(processed_folder("liten")) == before


def test_a_really_killed_process_leaves_whole_tables(raw):
    ingest_study("liten")
    before = bytes_of(processed_folder("liten"))
    write_lines(raw / "0180" / "hushall.csv", HOUSEHOLDS[:-1])
    code = (
        "import os, signal; from hfrun import ingest;"
        "ingest._commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "ingest.ingest_study('liten')"
    )
    home = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", code], cwd=home, env=dict(os.environ))
    assert ended.returncode == -9
    after = bytes_of(processed_folder("liten"))
    kept = [name for name in before if name != "ingest.json"]
    assert [after[name] for name in kept] == [before[name] for name in kept]
    ingest_study("liten")
    assert not (processed_folder("liten") / ".staged").exists()
    assert len(read_table("liten", "households", "0180")) == 2


def test_two_at_once(raw):
    with study_lock(processed_folder("liten")), pytest.raises(LockedError) as locked:
        ingest_study("liten")
    assert locked.value.exit_code == 4


def test_another_key_is_an_error_and_not_another_population(raw, tmp_path, monkeypatch):
    (raw / "study.toml").write_text(REAL, encoding="utf-8")
    monkeypatch.setenv("HFCORE_KEY", "ab" * 32)
    ingest_study("liten")
    before = bytes_of(processed_folder("liten"))
    monkeypatch.setenv("HFCORE_KEY", "cd" * 32)
    with pytest.raises(KeyMissingError, match="another key"):
        ingest_study("liten")
    with pytest.raises(KeyMissingError, match="needs a key"):
        ingest_study("liten")
    assert bytes_of(processed_folder("liten")) == before
    account = json.loads(before["ingest.json"])
    assert len(account["key_fingerprint"]) == 16 and not account["key_is_simulated"]


def test_a_replaced_number_is_followed(raw):
    # A coordination number (specimen) that became a personal number (specimen).
    write_lines(raw / "aliases.csv", ["old_id;new_id", "701063-2391;19121212-1212"])
    report = ingest_study("liten", ["0180"])
    assert [each.count for each in report.problems if each.rule == "W-ALIAS"] == [1]
    followed = set(read_table("liten", "persons", "0180")["person_id"])
    write_lines(raw / "aliases.csv", ["old_id;new_id"])
    replaced = [*PERSONS[:2], PERSONS[2].replace("197010632391", "191212121212"), *PERSONS[3:]]
    write_lines(raw / "0180" / "personer.csv", replaced)
    ingest_study("liten", ["0180"])
    assert set(read_table("liten", "persons", "0180")["person_id"]) == followed


@pytest.mark.parametrize("pairs", [["A;B", "A;C"], ["A;B", "B;A"]])
def test_aliases_that_contradict_themselves_are_told(raw, pairs):
    write_lines(raw / "aliases.csv", ["old_id;new_id", *pairs])
    problems = ingest_study("liten").problems
    assert [each.rows for each in problems if each.rule == "E-ALIAS"] == [(2, 3)]


def test_a_household_that_comes_back_is_one(raw):
    again = "0009;Deltagare;2020-06-01;;;;2;1;Näsby"
    write_lines(raw / "0180" / "hushall.csv", [*HOUSEHOLDS, again])
    members = ["198112189876;0009;Sökande;Kvinna;1981", "19121212-1212;0009;Medsökande;Man;1912"]
    write_lines(raw / "0180" / "personer.csv", [*PERSONS, *members])
    write_lines(raw / "0180" / "utbetalningar.csv", [*PAYMENTS, "7;0009;202007;5 000"], "utf-8-sig")
    report = ingest_study("liten", ["0180"])
    assert not report.has_errors
    households = read_table("liten", "households", "0180")
    assert len(households) == 3
    first = households.loc[households["started_on"] == "2019-03-01", "household_id"].item()
    payments = read_table("liten", "payments", "0180")
    assert payments.loc[payments["month"] == "2020-07-01", "household_id"].item() == first
    told = rules_met(read_ingest("liten"), "0180").query("rule == 'W-HOUSEHOLD'")
    assert told["rows"].sum() == 2


def test_a_household_that_splits_goes_on_as_one_of_two(raw):
    parted = [
        "0008;Deltagare;2020-06-01;;;;1;0;Näsby",
        "0009;Deltagare;2020-07-01;;;;1;1;Näsby",
    ]
    write_lines(raw / "0180" / "hushall.csv", [*HOUSEHOLDS, *parted])
    members = ["198112189876;0008;Sökande;Kvinna;1981", "197010632391;0009;Sökande;Man;1970"]
    write_lines(raw / "0180" / "personer.csv", [*PERSONS, *members])
    assert not ingest_study("liten", ["0180"]).has_errors
    households = read_table("liten", "households", "0180")
    starts = households["started_on"].dropna().dt.strftime("%Y-%m-%d").tolist()
    assert sorted(starts) == ["2019-03-01", "2019-05-10", "2020-07-01"]
    persons = read_table("liten", "persons", "0180")
    assert persons["person_id"].is_unique and len(persons) == 5


def test_a_grown_child_with_a_household_of_its_own_counts_there(raw):
    grown = [*PERSONS, "19121212-1212;0001;Barn;Man;1912", "19121212-1212;0002;Medsökande;Man;1912"]
    write_lines(raw / "0180" / "personer.csv", grown)
    report = ingest_study("liten", ["0180"])
    assert not report.has_errors
    assert {"W-GROWN", "W-HOUSEHOLD"} <= {each.rule for each in report.problems}
    persons = read_table("liten", "persons", "0180")
    assert persons.loc[persons["birth_year"] == 1912, "role"].tolist() == ["co_applicant"]


def test_all_mistakes_are_told_in_one_go_what_stops_files_first(raw):
    write_lines(raw / "0180" / "hushall.csv", [line.replace(";", ",") for line in HOUSEHOLDS])
    write_lines(raw / "1290" / "utbetalningar.csv", [*PAYMENTS, "5;0002;19;x"], "utf-8-sig")
    rules = [each.rule for each in ingest_study("liten").problems]
    assert rules[0] == "E-HEADER"
    assert {"E-DATE", "E-NUMBER", "W-NEGATIVE"} <= set(rules)
    assert [rule[0] for rule in rules] == sorted(rule[0] for rule in rules)


def test_a_mapping_that_lacks_a_column_is_told_before_anything_is_read(raw):
    (raw / "study.toml").write_text(STUDY.replace('adults = "Vuxna"\n', ""), encoding="utf-8")
    with pytest.raises(StudyError, match="households needs the column adults"):
        ingest_study("liten")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('Flytt = "moved"', 'Flytt = ""', "closure_reason has 1 codes that are not known. Some"),
        ('Flytt = "moved"', 'Flytt = "mooved"', "Known: work, subsidised_work"),
        ('"sick_leave"}}', '"sick_leaf"}}', "plan has 1 codes .* Known: job_seeking, sick_leave"),
        ('{row_id = "Id"}', '{rowid = "Id"}', "number 3: options has no rowid; it has: row_id"),
        ('format = "excel"', 'format = "xlsx"', "number 4: format is one of: csv or excel"),
        ('sheet = "Planering"', 'decimal = ";"', "number 4: decimal is one of: , or ."),
    ],
)
def test_a_mapping_that_would_mislead_is_told_before_anything_is_read(raw, old, new, told):
    assert STUDY.count(old) == 1
    (raw / "study.toml").write_text(STUDY.replace(old, new), encoding="utf-8")
    with pytest.raises(StudyError, match=told):
        ingest_study("liten")
    assert not processed_folder("liten").exists()


def test_an_unknown_municipality(raw):
    with pytest.raises(UsageError, match=r"0180 \(Stockholm\), 1290 \(Kristianstad\)"):
        ingest_study("liten", ["9999"])


def test_a_table_without_files_is_absent(raw):
    (raw / "0180" / "planering.xlsx").unlink()
    report = ingest_study("liten")
    assert not report.has_errors
    assert "W-MISSING" in set(rules_met(read_ingest("liten"), "0180")["rule"])
    assert not (processed_folder("liten") / "tables" / "plans" / "municipality=0180").exists()


def test_the_rest_of_the_tables(raw):
    """All tables of the contract, each from one small file."""
    text = (raw / "study.toml").read_text(encoding="utf-8") + MORE_SOURCES
    (raw / "study.toml").write_text(text, encoding="utf-8")
    for file, lines in MORE_FILES.items():
        write_lines(raw / "0180" / file, lines, "utf-8")
    report = ingest_study("liten", ["0180"])
    assert [each.sentence() for each in report.problems if each.is_error] == []
    names = [name for name in TABLES if name not in (*MOVE_TABLES, "care_centres", "meetings")]
    tables = {name: read_table("liten", name, "0180") for name in names}
    assert {name: len(rows) for name, rows in tables.items() if name not in MAIN} == {
        "contacts": 2,
        "worktime": 1,
        "caseload": 1,
        "budget": 2,
        "survey": 1,
        "needs": 1,
        "measures": 2,
        "fidelity": 1,
    }
    assert tables["contacts"]["coordinated_plan"].tolist() == [True, pd.NA]
    assert [list(each) for each in tables["measures"]["requires"]] == [[], ["health", "swedish"]]
    assert tables["budget"]["fte"].isna().tolist() == [True, False]


MAIN = ("households", "persons", "payments", "plans", "record_keys")
MORE_SOURCES = (
    """
[[sources]]
table = "contacts"
files = ["kontakter.csv"]
[sources.columns]
household_id = "Ärende"
on = "Dag"
kind = {header = "Form", codes = {Hembesök = "home_visit", Telefon = "phone"}}
counterpart = {header = "Med", codes = {Skola = "school", Familj = "household"}}
coordinated_plan = {header = "SIP"}

[[sources]]
table = "worktime"
files = ["arbetstid.csv"]
[sources.columns]
worker_id = "Handläggare"
team = {value = "intervention"}
on = "Dag"
category = {header = "Kategori", codes = {Klient = "direct_client"}}
hours = "Timmar"

[[sources]]
table = "caseload"
files = ["ärenden.csv"]
[sources.columns]
team = {value = "comparison"}
on = "Dag"
staff_fte = "Tjänster"
open_cases = "Ärenden"

[[sources]]
table = "budget"
files = ["budget.csv"]
[sources.columns]
party = "Part"
item = "Post"
from_month = "Från"
to_month = "Till"
monthly_salary_sek = "Lön"
fee_factor = "Faktor"
fte = "Tjänst"
amount_sek = "Belopp"

[[sources]]
table = "survey"
files = ["enkat.csv"]
[sources.columns]
wave = {value = "2020"}
household_id = "Ärende"
status = {header = "Status", codes = {Svar = "answered"}}
question = "Fråga"
answer = {header = "Svar", codes = {Bra = "good"}}

[[sources]]
table = "needs"
files = ["behov.csv"]
[sources.columns]
person_id = "Person"
need = {header = "Behov", codes = {Språk = "swedish"}}

[[sources]]
table = "measures"
files = ["insatser.csv"]
options = {list_separator = "+"}
[sources.columns]
measure = "Insats"
requires = {header = "Kräver", codes = {Språk = "swedish", Hälsa = "health"}}
excludes = "Utesluter"
addresses = "Möter"
places = "Platser"

[[sources]]
table = "fidelity"
files = ["trohet.csv"]
[sources.columns]
wave = {value = "2020"}
principle = "Princip"
aspect = {value = "followed"}
rater_group = {value = "advisers"}
rating = "Grad"
source = {value = "interview"}
""".replace("Hembesök =", '"Hembesök" =')
    .replace("Språk =", '"Språk" =')
    .replace("Hälsa =", '"Hälsa" =')
)
MORE_FILES = {
    "kontakter.csv": [
        "Ärende;Dag;Form;Med;SIP",
        "0001;2019-04-01;Hembesök;Familj;Ja",
        "0002;2019-06-01;Telefon;Skola;-",
    ],
    "arbetstid.csv": ["Handläggare;Dag;Kategori;Timmar", "H1;2019-04-01;Klient;3,5"],
    "ärenden.csv": ["Dag;Tjänster;Ärenden", "2019-04-01;5,5;120"],
    "budget.csv": [
        "Part;Post;Från;Till;Lön;Faktor;Tjänst;Belopp",
        "Kommun;Rådgivare;2019-01;2019-12;38 000;1,4;2;",
        "Kommun;Bil;2019-01;2019-12;;;;12 000",
    ],
    "enkat.csv": ["Ärende;Status;Fråga;Svar", "0001;Svar;q1;Bra"],
    "behov.csv": ["Person;Behov", "198112189876;Språk"],
    "insatser.csv": [
        "Insats;Kräver;Utesluter;Möter;Platser",
        "yrkesspar;Hälsa + Språk;;;12",
        "oppen;-;;;",
    ],
    "trohet.csv": ["Princip;Grad", "p1;3"],
}
