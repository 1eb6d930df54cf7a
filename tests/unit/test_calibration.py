"""Conditioning on published figures, the people of the households, and the team's tables."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfdemo.calibration import Margins, condition_changes, condition_stays, stretch
from hfdemo.caseflow import build_worktime, open_cases
from hfdemo.household_process import stream
from hfdemo.people import CHANGES, build_plans, draw_changes, personal_numbers

# Conditioning


@given(
    st.lists(st.floats(0.1, 50), min_size=1, max_size=30),
    st.floats(0.05, 0.95),
)
def test_stretch_reaches_the_mean_and_keeps_the_order(values, share):
    values = np.array(values)
    low, high = np.full(len(values), 1.0), np.full(len(values), 60.0)
    stretched = stretch(values, 1 + 59 * share, low, high)
    assert stretched.mean() == pytest.approx(1 + 59 * share, abs=1e-6)
    assert (np.diff(stretched[np.argsort(values)]) >= -1e-9).all()


def test_stays_have_the_counts_and_means_of_the_margins():
    rng = np.random.default_rng(1)
    started = np.datetime64("2018-01-01") + np.sort(rng.integers(0, 1_300, 60))
    rows = pd.DataFrame({"started_on": started})
    margins = Margins(
        couples=0,
        single_women=0,
        children=0,
        closures={"self_sufficiency": (9, 7.0), "negative": (21, 11.0)},
        mean_participation=14.0,
    )
    latent = rng.exponential(400, (60, 5))
    period = (np.datetime64("2018-01-01"), np.datetime64("2021-12-31"))
    closed = condition_stays(rows, latent, margins, period, period[1])
    stay = (closed["closed_on"].fillna(pd.Timestamp(period[1])) - closed["started_on"]).dt.days
    stay = stay / 30.4375
    assert closed["cause"].value_counts().to_dict() == {
        "": 30,
        "negative": 21,
        "self_sufficiency": 9,
    }
    by_cause = stay.groupby(closed["cause"]).mean()
    assert by_cause["self_sufficiency"] == pytest.approx(7.0, abs=0.02)
    assert by_cause["negative"] == pytest.approx(11.0, abs=0.02)
    assert stay.mean() == pytest.approx(14.0, abs=0.02)
    assert not (closed["closed_on"] > period[1]).any()
    assert (closed["started_on"] >= period[0]).all()


def test_changes_of_plan_have_the_published_shares_among_those_followed():
    adults = pd.DataFrame(
        {
            "group": ["participant"] * 200,
            "started_on": pd.to_datetime(["2019-01-10"] * 100 + ["2021-01-10"] * 100),
        }
    )
    changes = np.random.default_rng(2).exponential(9, 200)
    margins = Margins(0, 0, 0, {}, 0, plans={"participant": {6: 0.57, 18: 0.89}})
    placed = condition_changes(adults, changes, margins, np.datetime64("2021-12-31"))
    assert (placed < 6).sum() == 114
    assert (placed[:100] < 18).sum() == 89
    order = np.argsort(changes)
    assert (np.diff(placed[order][:114]) > 0).all()


# People


def two_adults():
    return pd.DataFrame(
        {
            "household_id": np.repeat(np.arange(800), 2),
            "group": np.repeat(["participant", "control"], 800),
            "number": [str(each) for each in range(1_600)],
            "started_on": pd.Timestamp("2019-08-31"),
        }
    )


def test_changes_follow_their_curve_and_are_alike_within_a_household():
    adults = two_adults()
    changes = draw_changes(stream(1, "changes"), adults)
    for group, (scale, shape) in CHANGES.items():
        expected = 1 - np.exp(-((6 / scale) ** shape))
        found = (changes[adults["group"] == group] < 6).mean()
        assert found == pytest.approx(expected, abs=0.06)
    assert np.corrcoef(np.log(changes[:800:2]), np.log(changes[1:800:2]))[0, 1] > 0.15


def test_a_plan_is_in_force_at_start_and_no_change_leads_back_to_it():
    adults = two_adults()
    changes = draw_changes(stream(1, "changes"), adults)
    plans = build_plans(stream(1, "plans"), adults, changes, np.datetime64("2021-12-31"))
    start = pd.Timestamp("2019-08-31")
    first = plans.groupby("number").first()
    assert (first["from_on"] < start).all()
    later = plans[plans["from_on"] > start]
    assert (later["plan"] != later["number"].map(first["plan"])).all()
    assert plans["from_on"].max() <= pd.Timestamp("2021-12-31")
    by_month = later.groupby("number")["from_on"].min()
    point = start + pd.DateOffset(months=6)
    expected = set(adults.loc[changes < 6, "number"])
    assert set(by_month[by_month <= point].index) == expected


def test_numbers_stand_once_even_where_many_are_born_on_a_day():
    born = np.full(2_000, 12_000)
    is_woman = np.arange(2_000) % 2 == 0
    days, numbers = personal_numbers(np.random.default_rng(1), born, is_woman)
    assert len(set(numbers)) == 2_000
    told = np.char.replace(np.datetime_as_string(days), "-", "")
    assert [number[:8] for number in numbers] == told.tolist()
    assert (days.astype(int) <= 12_000).all()


# The team


def test_open_cases_by_hand():
    rows = pd.DataFrame(
        {
            "started_on": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-02-01"]),
            "closed_on": pd.to_datetime(["2020-02-01", None, None]),
        }
    )
    days = np.array(["2020-01-01", "2020-01-31", "2020-02-01"], "datetime64[D]")
    assert open_cases(rows, days).tolist() == [1, 2, 2]


def test_working_time_has_exact_shares():
    shares = {"intervention": {"direct_client": 0.3, "other": 0.7}}
    days = np.array(["2020-01-01", "2020-01-02"], "datetime64[D]")
    rows = build_worktime(np.random.default_rng(1), shares, {"intervention": 2}, days)
    hours = rows.groupby("category")["hours"].sum()
    assert hours["direct_client"] == pytest.approx(9.0)
    assert hours.sum() == pytest.approx(30.0)
    assert rows.groupby(["worker", "on"])["hours"].sum().tolist() == pytest.approx([7.5] * 4)
