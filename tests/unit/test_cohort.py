"""One household, one row; months counted by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from hfcore.cohort import assign_cause, build_cohort, support_panel
from hfcore.schema import empty_table
from hfcore.study import Municipality, Study

MUNICIPALITY = Municipality(
    "1290", "K", date(2019, 1, 1), date(2020, 12, 31), date(2019, 1, 1), date(2020, 12, 1)
)
STUDY = Study("s", {"sv": "s", "en": "s"}, True, date(2020, 12, 31), 2020, (MUNICIPALITY,))


class Drop:
    """The part of Tables that the cohort reads, from frames in memory."""

    study = STUDY
    municipality = MUNICIPALITY

    def __init__(self, households, persons):
        self.households = households
        self.persons = persons


@pytest.fixture
def drop():
    households = pd.DataFrame(
        {
            "household_id": ["a", "b", "c"],
            "group": ["participant", "participant", "control"],
            "referred_on": pd.to_datetime(["2019-12-01", None, None]),
            "started_on": pd.to_datetime(["2020-01-31", "2020-12-01", None]),
            "closed_on": pd.to_datetime(["2020-02-01", None, None]),
            "closure_reason": ["work", None, None],
            "closure_assessment": ["positive", None, None],
            "support_since": pd.to_datetime(["2019-01-01", "2020-12-01", None]),
            "adults": [1, 2, 1],
            "children": [0, 3, 1],
            "record_key": [0.1, 0.2, 0.3],
        }
    )
    table = empty_table("households")
    households = households.astype(
        {c: table[c].dtype for c in households if c in table and c != "record_key"}
    )
    persons = pd.DataFrame(
        {
            "person_id": ["p", "q", "r"],
            "household_id": ["a", "b", "b"],
            "role": ["applicant", "applicant", "co_applicant"],
            "sex": ["woman", "man", "woman"],
            "birth_year": pd.array([1980, 1990, 1991], dtype="Int64"),
            "obstacle": ["illness", None, None],
        }
    )
    return Drop(households, persons)


def test_months_by_hand(drop):
    cohort = build_cohort(drop).set_index("household_id")
    closed, ongoing, control = cohort.loc["a"], cohort.loc["b"], cohort.loc["c"]
    assert closed["stay_months"] == pytest.approx(1 / 30.4375)
    assert (closed["month_closed"], closed["observed_months"], closed["followup_months"]) == (
        1,
        1,
        11,
    )
    assert closed["cause"] == "self_sufficiency"
    assert closed["months_on_support"] == 12
    assert closed["queue_months"] == pytest.approx(61 / 30.4375)
    assert (closed["applicant_is_woman"], closed["applicant_age"]) == (1.0, 40.0)
    assert pd.isna(ongoing["cause"]) and ongoing["observed_months"] == 0
    assert (ongoing["applicant_is_woman"], ongoing["applicant_age"]) == (0.0, 30.0)
    assert pd.isna(control["start_month"]) and pd.isna(control["observed_months"])
    assert pd.isna(control["applicant_age"])


def test_order_of_rows_does_not_matter(drop):
    shuffled = Drop(drop.households.iloc[::-1], drop.persons.iloc[[2, 0, 1]])
    pd.testing.assert_frame_equal(build_cohort(drop), build_cohort(shuffled))


def test_every_variant_assigns_every_closure(drop):
    cohort = build_cohort(drop)
    for variant in ("default", "published", "strict"):
        causes = assign_cause(cohort, STUDY, variant)["cause"]
        assert causes.notna().tolist() == cohort["is_closed"].tolist()


def test_strict_variant_leaves_subsidised_work_to_the_assessment():
    cohort = pd.DataFrame(
        {"closure_reason": ["subsidised_work"] * 2, "closure_assessment": ["positive", "negative"]}
    )
    strict = assign_cause(cohort, STUDY, "strict")["cause"]
    assert strict.tolist() == ["other_positive", "negative"]


def test_panel_tells_zero_from_unknown(drop):
    payments = pd.DataFrame(
        {
            "household_id": ["a", "a", "zzz"],
            "month": pd.to_datetime(["2020-01-01", "2019-12-01", "2020-01-01"]),
            "amount_sek": [100.0, -20.0, 9.0],
        }
    )
    cohort = build_cohort(drop)
    before = cohort.copy()
    panel = support_panel(cohort, payments, MUNICIPALITY)
    a = panel.loc[panel["household_id"].eq("a")].set_index("month")["amount_sek"]
    assert len(a) == 49 and len(panel) == 98
    assert (a[0], a[-1], a[-2]) == (100.0, -20.0, 0.0)
    assert np.isnan(a[-13]) and a[-12] == 0.0
    assert a[11] == 0.0 and np.isnan(a[12])
    assert "c" not in set(panel["household_id"])
    pd.testing.assert_frame_equal(cohort, before)


def test_export_that_reaches_nowhere_leaves_all_unknown(drop):
    late = replace(MUNICIPALITY, payments_from=date(2030, 1, 1), payments_to=date(2030, 2, 1))
    payments = empty_table("payments")
    panel = support_panel(build_cohort(drop), payments, late)
    assert panel["amount_sek"].isna().all()
