"""A household that moves between municipalities of a study counts once and is followed, by hand.

The couple of the specimen numbers starts in 0180 in March 2019, is paid there until December 2019
and moves; 1290 pays it from February 2020.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from raw_study import (
    HOUSEHOLDS,
    PAYMENTS,
    PERSONS,
    STUDY,
    write_lines,
    write_plans,
    write_study,
)

from hfcore.cohort import build_cohort, support_panel
from hfcore.metrics.data_quality import rules_met
from hfcore.metrics.difference_in_differences import without_departed
from hfcore.metrics.paid_months import paid_months
from hfcore.metrics.support_spells import exit_from_support
from hfcore.store import load, read_ingest, read_table
from hfrun.ingest import ingest_study

COUPLE = [PERSONS[1], PERSONS[2]]
LEFT = "0001;Deltagare;2019-03-01;2020-01-15;Flytt;;2;0;Näsby"
HERE = [f"{n};0001;2019{m:02};{n}00" for n, m in enumerate(range(1, 13), start=1)]
THERE = ["91;77;202002;5000", "92;77;202003;4000"]


def person(row: str, household: str) -> str:
    return row.replace(";0001;", f";{household};")


@pytest.fixture
def moved(tmp_path, monkeypatch):
    """Write both municipalities and ingest; ``there`` are the rows of the second."""
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))

    def moved(
        household="77;Kontroll;;;;;2;0;-",
        persons=tuple(COUPLE),
        study=STUDY,
        here=LEFT,
        there=tuple(THERE),
    ):
        raw = write_study(tmp_path, study)
        write_lines(raw / "0180" / "hushall.csv", [HOUSEHOLDS[0], here])
        write_lines(raw / "0180" / "personer.csv", [PERSONS[0], *COUPLE])
        write_lines(raw / "0180" / "utbetalningar.csv", [PAYMENTS[0], *HERE], "utf-8-sig")
        write_lines(raw / "1290" / "hushall.csv", [HOUSEHOLDS[0], household, HOUSEHOLDS[3]])
        others = [PERSONS[0], *(person(each, "77") for each in persons), PERSONS[5]]
        write_lines(raw / "1290" / "personer.csv", others)
        write_lines(raw / "1290" / "utbetalningar.csv", [PAYMENTS[0], *there], "utf-8-sig")
        for code in ("0180", "1290"):
            (raw / code / "planering.xlsx").unlink(missing_ok=True)
        report = ingest_study("liten")
        assert not [each.sentence() for each in report.problems if each.is_error]
        return report

    return moved


def panel_of(code: str) -> pd.Series:
    """Known support by month since the start of the one household of a municipality."""
    data = load("liten", code)
    cohort = build_cohort(data)
    panel = without_departed(support_panel(cohort, data.payments, data.municipality), cohort)
    return panel.set_index("month")["amount_sek"]


def participants(rows: pd.DataFrame) -> pd.DataFrame:
    mine = rows["group"].eq("participant") & rows["variant"].eq("default")
    return rows.loc[mine].set_index("month")


def told(report) -> dict[tuple[str, str], int]:
    found = (each for each in report.problems if each.rule.startswith(("W-MOV", "W-ELS", "W-PAR")))
    return {(each.municipality, each.rule): each.count for each in found}


def test_it_counts_where_it_took_part_and_is_paid_on(moved):
    report = moved()
    assert told(report) == {("0180", "W-MOVED"): 1, ("1290", "W-ELSEWHERE"): 1}
    amounts = panel_of("0180")
    # December 2019 is month 9, February and March 2020 are months 11 and 12.
    assert amounts.loc[[9, 10, 11, 12, 13, 24]].tolist() == [1200, 0, 5000, 4000, 0, 0]
    assert len(load("liten", "1290").households) == 1
    assert len(load("liten", "1290").persons) == 1
    assert len(load("liten", "1290").payments) == 0


def test_no_money_and_no_household_counts_twice(moved):
    moved()
    everything = [load("liten", code) for code in ("0180", "1290")]
    assert sum(len(each.households) for each in everything) == 2
    assert sum(each.payments["amount_sek"].sum() for each in everything) == 7800 + 9000
    # What each municipality exported stands in its own tables as it came.
    assert len(read_table("liten", "households", "1290")) == 2
    assert read_table("liten", "payments", "1290")["amount_sek"].sum() == 9000


def test_a_move_is_no_exit_from_support(moved):
    moved(there=[f"{90 + m};77;20{20 + m // 12}{m % 12 + 1:02};5000" for m in range(24)])
    data = load("liten", "0180")
    rows = exit_from_support(build_cohort(data), data.payments, data.study)
    mine = participants(rows).loc[20]
    assert mine["estimate"] == 0 and mine["n_at_risk"] == 1


def test_an_exit_after_the_move_is_seen(moved):
    moved()
    data = load("liten", "0180")
    rows = exit_from_support(build_cohort(data), data.payments, data.study)
    # Paid until March 2020 (month 12): without payment from month 13 on.
    assert participants(rows).loc[[12, 13], "estimate"].tolist() == [0, 1]


def test_who_moves_out_of_sight_stays_unknown(moved):
    moved(persons=())
    amounts = panel_of("0180")
    assert amounts.loc[10] == 0 and amounts.loc[11:].isna().all()


def test_months_outside_the_other_export_are_unknown(moved):
    first, place, second = STUDY.partition('code = "1290"')
    short = second.replace('payments_to = "2021-12"', 'payments_to = "2020-06"', 1)
    moved(study=first + place + short)
    amounts = panel_of("0180")
    # July 2020 is month 16.
    assert amounts.loc[[11, 12, 15]].tolist() == [5000, 4000, 0]
    assert amounts.loc[16:].isna().all()
    data = load("liten", "0180")
    paid = paid_months(build_cohort(data), data.payments, data.study)
    assert paid.last_known.tolist() == [15]
    assert paid.months[paid.is_known[0]].max() == 15


def test_who_became_a_participant_there_brings_its_past(moved):
    report = moved(household="77;Deltagare;2020-02-10;;;;2;0;-", here="0001;Kontroll;;;;;2;0;Näsby")
    assert told(report) == {("1290", "W-MOVED"): 1, ("0180", "W-ELSEWHERE"): 1}
    amounts = panel_of("1290")
    # The start is February 2020: January 2019 is month −13, December 2019 month −2.
    assert amounts.loc[[-13, -2, -1, 0, 1]].tolist() == [100, 1200, 0, 5000, 4000]
    assert amounts.loc[:-14].isna().all()
    assert not len(load("liten", "0180").households)
    assert not load("liten", "1290").households["is_followed"].any()


def test_the_past_outside_the_other_export_is_unknown(moved):
    short = STUDY.replace('payments_from = "2019-01"', 'payments_from = "2019-06"', 1)
    moved(
        household="77;Deltagare;2020-02-10;;;;2;0;-",
        here="0001;Kontroll;;;;;2;0;Näsby",
        study=short,
    )
    amounts = panel_of("1290")
    # June 2019 is month −8; payments before it lie outside the export that was declared.
    assert amounts.loc[-8:-2].tolist() == [600, 700, 800, 900, 1000, 1100, 1200]
    assert amounts.loc[:-9].isna().all()


def test_fewer_than_half_of_the_adults_is_another_household(moved):
    stranger = "19121212-1212;0001;Medsökande;Man;1912"
    third = "A-9;0001;Medsökande;Man;1990"
    report = moved(household="77;Kontroll;;;;;3;0;-", persons=(COUPLE[0], stranger, third))
    assert told(report) == {("", "W-PARTED"): 1}
    assert len(load("liten", "1290").households) == 2
    assert panel_of("0180").loc[11:].isna().all()


def test_half_of_the_adults_is_the_same_household(moved):
    report = moved(household="77;Kontroll;;;;;1;0;-", persons=(COUPLE[0],))
    assert told(report) == {("0180", "W-MOVED"): 1, ("1290", "W-ELSEWHERE"): 1}


def test_the_notebook_counts_it_in_both_languages_and_again_after_a_second_ingest(moved, tmp_path):
    moved()
    first = read_ingest("liten")
    ingest_study("liten", ["1290"])
    assert read_ingest("liten") == first
    assert set(rules_met(first, "0180")["rule"]) >= {"W-MOVED"}
    assert set(rules_met(first, "1290")["rule"]) >= {"W-ELSEWHERE"}


def test_a_move_that_is_corrected_away_leaves_nothing_behind(moved):
    moved()
    moved(persons=())
    assert told(moved(persons=())) == {}
    assert len(load("liten", "1290").households) == 2
    assert not load("liten", "0180").households["is_followed"].any()


def test_the_order_of_rows_is_nothing(moved):
    moved()
    before = {code: panel_of(code) for code in ("0180",)}
    moved(persons=tuple(COUPLE[::-1]), there=tuple(THERE[::-1]))
    assert np.array_equal(before["0180"], panel_of("0180"), equal_nan=True)


def test_plans_of_the_next_municipality_are_those_of_the_household_too(moved, tmp_path):
    moved()
    raw = tmp_path / "raw" / "liten"
    first, second = PERSONS[1].partition(";")[0], PERSONS[2].partition(";")[0]
    write_plans(raw / "0180" / "planering.xlsx", [(first, "01/03/2019", "Sjukskriven")])
    there = [
        (first, "01/06/2020", "Jobbsök"),
        (second, "01/07/2020", "Sjukskriven"),
        ("A-3", "01/01/2019", "Jobbsök"),
    ]
    write_plans(raw / "1290" / "planering.xlsx", there)
    ingest_study("liten")
    followed = load("liten", "0180").plans.set_index("from_on")["plan"].sort_index()
    days = ["2019-03-01", "2020-06-01", "2020-07-01"]
    assert followed.index.strftime("%Y-%m-%d").tolist() == days
    assert followed.loc["2020-06-01"] == "job_seeking"
    # Where the household does not count, only the neighbour's plan is left.
    assert load("liten", "1290").plans["plan"].tolist() == ["job_seeking"]
    # The municipalities' own tables stay as they are, and what is gone from a drop goes.
    assert len(read_table("liten", "plans", "0180")) == 1
    (raw / "1290" / "planering.xlsx").unlink()
    ingest_study("liten")
    assert len(load("liten", "0180").plans) == 1
