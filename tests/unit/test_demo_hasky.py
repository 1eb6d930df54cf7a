"""HASKY's closures, returns, caseload and working time in the committed raw files."""

import numpy as np
import pandas as pd
import pytest
from plain_reading import (
    RAW,
    months,
    read_caseload,
    read_households,
    read_payments,
    read_text,
)

TEAM = RAW / "hasky" / "2180"


@pytest.fixture(scope="module")
def published():
    return pd.read_csv(RAW / "published_figures.csv", dtype=str).set_index("claim_id")


@pytest.fixture(scope="module")
def participants():
    rows = read_households(TEAM)
    return rows[rows["Grupp"] == "Deltagare"]


def closed(rows):
    return rows[rows["Avslutad"].notna()]


def of_year(rows, year):
    return rows[rows["Avslutad"].dt.year == year]


def test_reasons_of_2014(participants):
    found = of_year(participants, 2014)["Avslutsorsak"].value_counts()
    assert found.to_dict() == {
        "Försäkringskassan": 36,
        "Arbete": 11,
        "Nystartsjobb": 7,
        "OSA": 5,
        "Ej sökt": 4,
        "Studier (CSN)": 3,
        "Sammanboende": 2,
        "Avliden": 1,
        "Flytt till annan kommun": 1,
        "Annan orsak": 1,
    }


def test_closures_by_quarter(participants):
    quarters = closed(participants)["Avslutad"].dt.to_period("Q").value_counts()
    found = {str(quarter): int(count) for quarter, count in quarters.items()}
    assert (found["2013Q3"], found["2013Q4"]) == (23, 13)
    assert sum(found.values()) == 107
    of_2014 = sorted(found, key=found.get, reverse=True)
    assert {quarter for quarter in of_2014 if quarter.startswith("2014")} - set(of_2014[:3]) == {
        "2014Q2",
        "2014Q4",
    }


def test_mean_time_on_support_and_the_longest_case(participants):
    rows = closed(participants)
    assert 36 < rows["support"].mean() < 42
    assert rows.loc[rows["support"].idxmax(), "Avslutsorsak"] == "Arbete"


def test_three_households_are_paid_again_after_closure():
    households = read_households(TEAM)
    rows = closed(households[households["Grupp"] == "Deltagare"])
    paid = read_payments(TEAM).reset_index().merge(rows, on="Ärendenummer")
    later = paid[paid["month"] > months(paid["Avslutad"])]
    assert later["Ärendenummer"].nunique() == 3
    wait = (later["month"] - months(later["Avslutad"])).groupby(later["Ärendenummer"]).min()
    assert (wait >= 3).all()


def test_payments_before_closure_are_those_behind_the_saving(published):
    households = read_households(TEAM)
    rows = closed(households[households["Grupp"] == "Deltagare"])
    paid = read_payments(TEAM).reset_index().merge(rows, on="Ärendenummer")
    before = months(paid["Avslutad"]) - paid["month"]
    mean = paid[before.between(1, 3)]["amount"].sum() / len(rows) / 3
    low = float(published.loc["ha-26", "value"]) / 107 / 6
    high = float(published.loc["ha-27", "value"]) / 107 / 12
    assert low < mean < high


def test_caseload(participants, published):
    caseload = read_caseload(TEAM).pivot(index="Datum", columns="Team")
    cases, posts = caseload["Aktuella ärenden"], caseload["Årsarbetare"]
    assert cases.loc["2013-09-01", "HASKY"] == int(published.loc["ha-19", "value"])
    assert cases.loc["2014-12-01", "HASKY"] == int(published.loc["ha-20", "value"])
    assert (posts["HASKY"] == float(published.loc["ha-21", "value"])).all()
    assert cases.sum(axis=1).between(280, 300).all()
    fewer = 1 - (cases["HASKY"] / posts["HASKY"]) / (
        cases["Övriga teamet"] / posts["Övriga teamet"]
    )
    assert fewer.between(0.40, 0.50).all()
    rows = participants
    for day, count in cases["HASKY"].items():
        is_open = (rows["Inskriven"] <= day) & ~(rows["Avslutad"] <= day)
        assert is_open.sum() == count


@pytest.mark.parametrize(
    ("claim", "team", "category"),
    [
        ("ha-12", "HASKY", "Direkt klienttid"),
        ("ha-13", "Övriga teamet", "Direkt klienttid"),
        ("ha-14", "HASKY", "Indirekt klienttid"),
        ("ha-15", "Övriga teamet", "Indirekt klienttid"),
        ("ha-16", "HASKY", "Ledning och styrning"),
        ("ha-17", "HASKY", "Samverkan ej individnivå"),
        ("ha-18", "Övriga teamet", "Samverkan ej individnivå"),
    ],
)
def test_worktime(claim, team, category, published):
    rows = read_text(TEAM / "arbetstid.csv", "cp1252")
    hours = rows["Timmar"].str.replace(",", ".").astype(float)
    of_team = rows["Team"] == team
    share = hours[of_team & (rows["Kategori"] == category)].sum() / hours[of_team].sum()
    assert abs(100 * share - float(published.loc[claim, "value"])) < 1e-9


def test_worktime_is_that_of_five_and_four_workers_over_two_weeks():
    rows = read_text(TEAM / "arbetstid.csv", "cp1252")
    assert rows.groupby("Team")["Handläggare"].nunique().to_dict() == {
        "HASKY": 5,
        "Övriga teamet": 4,
    }
    assert rows["Datum"].nunique() == 10
    hours = rows["Timmar"].str.replace(",", ".").astype(float)
    days = hours.groupby([rows["Handläggare"], rows["Datum"]]).sum()
    assert np.allclose(days, 7.5)
