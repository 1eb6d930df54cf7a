"""What the reports print, recomputed from the committed raw files by plain pandas."""

import json

import numpy as np
import pandas as pd
import pytest
from plain_reading import (
    CUTOFF,
    DECEASED,
    MOVED,
    PLACES,
    RAW,
    SELF_SUFFICIENT,
    naive_by_start,
    read_households,
    read_panel,
    read_persons,
    read_plans,
)

from hfdemo.designs import BUNDLED


@pytest.fixture(scope="module")
def folders():
    return {code: RAW / study / code for code, study in PLACES.items()}


@pytest.fixture(scope="module")
def participants(folders):
    rows = {code: read_households(folder) for code, folder in folders.items()}
    return {code: each[each["Grupp"] == "Deltagare"] for code, each in rows.items()}


@pytest.fixture(scope="module")
def persons(folders):
    return {code: read_persons(folder) for code, folder in folders.items()}


@pytest.fixture(scope="module")
def published():
    return pd.read_csv(RAW / "published_figures.csv", dtype=str).set_index("claim_id")


# The published figures


def closed(rows, reasons=None):
    rows = rows[rows["Avslutad"].notna()]
    return rows if reasons is None else rows[rows["Avslutsorsak"].isin(reasons)]


def rest(rows, assessment):
    rows = closed(rows)
    return rows[
        ~rows["Avslutsorsak"].isin([*SELF_SUFFICIENT, MOVED, DECEASED])
        & (rows["Bedömning"] == assessment)
    ]


def percent(part, whole):
    return 100 * len(part) / len(whole)


def of_year(rows, year):
    return rows[rows["Avslutad"].dt.year == year]


def in_band(rows, low, high):
    return len(rows[(rows["support"] >= low) & (rows["support"] < high)])


def total(frames, role_or_sex, column):
    each = [f[(f["Grupp"] == "Deltagare") & (f[column] == role_or_sex)] for f in frames]
    return sum(map(len, each))


def adults(frame):
    return frame[frame["Roll"] != "Barn"]


HF = ("1290", "1293", "1256")
WITH_MOVED = [*SELF_SUFFICIENT, MOVED]
FIGURES = {
    "hf-01": lambda p, _: sum(len(p[code]) for code in HF),
    "hf-02": lambda p, _: len(p["1290"]),
    "hf-03": lambda p, _: len(p["1293"]),
    "hf-04": lambda p, _: len(p["1256"]),
    "hf-05": lambda _, m: total([adults(m[code]) for code in HF], "Kvinna", "Kön"),
    "hf-06": lambda _, m: total([adults(m[code]) for code in HF], "Man", "Kön"),
    "hf-07": lambda _, m: total([m[code] for code in HF], "Barn", "Roll"),
    "hf-08": lambda p, _: pd.concat(p[code] for code in HF).pipe(
        lambda rows: (rows["Inskriven"] - rows["Bistånd sedan"]).dt.days.mean() / 365.25
    ),
    "hf-09": lambda p, _: p["1290"]["stay"].mean(),
    "hf-10": lambda p, _: p["1293"]["stay"].mean(),
    "hf-11": lambda p, _: p["1256"]["stay"].mean(),
    "hf-12": lambda p, _: percent(closed(p["1290"], WITH_MOVED), closed(p["1290"])),
    "hf-13": lambda p, _: percent(closed(p["1293"], WITH_MOVED), closed(p["1293"])),
    "hf-14": lambda p, _: percent(closed(p["1256"], WITH_MOVED), closed(p["1256"])),
    "hf-15": lambda p, _: closed(p["1290"], WITH_MOVED)["stay"].mean(),
    "hf-16": lambda p, _: closed(p["1293"], WITH_MOVED)["stay"].mean(),
    "hf-17": lambda p, _: closed(p["1256"], WITH_MOVED)["stay"].mean(),
    "hf-18": lambda p, _: rest(p["1290"], "Positivt")["stay"].mean(),
    "hf-19": lambda p, _: rest(p["1290"], "Negativt")["stay"].mean(),
    "hf-20": lambda p, _: closed(p["1290"])["stay"].mean(),
    "ev-02": lambda p, _: percent(closed(p["1290"], SELF_SUFFICIENT), closed(p["1290"])),
    "ha-01": lambda p, _: len(closed(p["2180"])),
    "ha-02-2013-<6 months": lambda p, _: in_band(of_year(p["2180"], 2013), 0, 6),
    "ha-02-2013-6-12 months": lambda p, _: in_band(of_year(p["2180"], 2013), 6, 12),
    "ha-02-2013->12 months": lambda p, _: in_band(of_year(p["2180"], 2013), 12, 999),
    "ha-02-2013-all": lambda p, _: len(of_year(p["2180"], 2013)),
    "ha-02-2014-<6 months": lambda p, _: in_band(of_year(p["2180"], 2014), 0, 6),
    "ha-02-2014-6-12 months": lambda p, _: in_band(of_year(p["2180"], 2014), 6, 12),
    "ha-02-2014->12 months": lambda p, _: in_band(of_year(p["2180"], 2014), 12, 999),
    "ha-02-2014-all": lambda p, _: len(of_year(p["2180"], 2014)),
    "ha-04": lambda p, _: in_band(closed(p["2180"]), 60, 999),
    "ha-05": lambda p, _: in_band(closed(p["2180"]), 120, 999),
    "ha-06": lambda p, _: np.floor(closed(p["2180"])["support"].max()),
    "ha-08": lambda p, _: (closed(p["2180"])["Avslutad"] < "2013-10-01").sum(),
    "ha-10": lambda p, _: percent(
        closed(of_year(p["2180"], 2013), ["Försäkringskassan"]), of_year(p["2180"], 2013)
    ),
}


@pytest.mark.parametrize("claim", FIGURES)
def test_a_published_figure_is_reproduced_as_printed(claim, published, participants, persons):
    printed = published.loc[claim, "value"]
    decimals = len(printed.partition(".")[2])
    found = FIGURES[claim](participants, persons)
    assert round(float(found), decimals) == float(printed)


def test_households_table_and_persons_tell_the_same(folders, persons):
    for code, folder in folders.items():
        households = read_households(folder).set_index("Ärendenummer")
        members = persons[code].groupby("Ärendenummer")["Roll"].value_counts().unstack(fill_value=0)
        members = members.reindex(households.index)
        assert (members["Sökande"] == 1).all()
        assert (members["Sökande"] + members["Medsökande"] == households["Antal vuxna"]).all()
        assert (members["Barn"] == households["Antal barn"]).all()


@pytest.mark.parametrize(
    ("code", "all_closed", "published", "default"),
    [("1290", 95, 30, 25), ("1293", 23, 5, 5), ("1256", 27, 4, 4)],
)
def test_closed_households_and_those_to_self_sufficiency(
    code, all_closed, published, default, participants
):
    rows = participants[code]
    assert len(closed(rows)) == all_closed
    assert len(closed(rows, WITH_MOVED)) == published
    assert len(closed(rows, SELF_SUFFICIENT)) == default


def test_those_without_movers_have_the_same_mean_time(participants):
    assert abs(closed(participants["1290"], SELF_SUFFICIENT)["stay"].mean() - 8.5) < 0.05


def test_nobody_closes_outside_the_period(participants):
    for study in BUNDLED.values():
        for place in study.places:
            rows = participants[place.municipality.code]
            assert (rows["Inskriven"] >= pd.Timestamp(place.municipality.first_day)).all()
            assert not (rows["Avslutad"] > pd.Timestamp(place.municipality.last_day)).any()
            assert not (rows["Avslutad"] < rows["Inskriven"]).any()
            assert (rows["Anmäld"] < rows["Inskriven"]).all()


@pytest.mark.parametrize(
    ("claim", "group", "month", "is_changed"),
    [
        ("hf-23", "Deltagare", 6, True),
        ("hf-24", "Kontroll", 6, True),
        ("hf-25", "Deltagare", 18, False),
        ("hf-26", "Kontroll", 18, False),
    ],
)
def test_plans_as_printed(claim, group, month, is_changed, folders, persons, published):
    people = adults(persons["1290"])
    people = people[people["Grupp"] == group]
    point = people["Inskriven"] + pd.DateOffset(months=month)
    people = people[point <= CUTOFF["hela-familjen"]]
    plans = read_plans(folders["1290"]).merge(people, on="Personnummer").sort_values("on")

    def in_force(months):
        since = plans["Inskriven"] + pd.DateOffset(months=months)
        last = plans[plans["on"] <= since].groupby("Personnummer")["Planering"].last()
        return last.reindex(people["Personnummer"])

    other = in_force(0) != in_force(month)
    share = 100 * (other if is_changed else ~other).mean()
    assert round(share) == int(published.loc[claim, "value"])


@pytest.fixture(scope="module")
def kristianstad(folders):
    return read_panel(folders["1290"])


def test_the_naive_difference_is_in_the_published_range(kristianstad, published):
    naive = naive_by_start(*kristianstad)
    assert float(published.loc["hf-22", "value"]) < naive < float(published.loc["hf-21", "value"])


def changes(panel):
    """Mean of months 1-12 minus mean of months -12…-1, by group."""
    amounts, since, takes_part = panel
    after, before = (since >= 1) & (since <= 12), (since >= -12) & (since <= -1)
    whole = (after.sum(axis=1) == 12) & (before.sum(axis=1) == 12)
    change = ((amounts * after).sum(axis=1) - (amounts * before).sum(axis=1)) / 12
    return change[whole & takes_part], change[whole & ~takes_part]


def interval(panel):
    treated, others = changes(panel)
    error = np.sqrt(treated.var(ddof=1) / len(treated) + others.var(ddof=1) / len(others))
    difference = treated.mean() - others.mean()
    return difference - 2 * error, difference + 2 * error


def test_kristianstad_shows_the_effect_and_the_small_ones_do_not(folders, kristianstad):
    truth = json.loads((RAW / "hela-familjen" / "truth.json").read_text(encoding="utf-8"))
    effect = truth["municipalities"]["1290"]["effect_complete"][0]["effect_sek"]
    low, high = interval(kristianstad)
    assert low < effect < high < -500
    for code in ("1293", "1256"):
        low, high = interval(read_panel(folders[code]))
        assert low < 0 < high
