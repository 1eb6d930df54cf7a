"""Savings by hand, break-even against closed forms, and their edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hfcore.metrics import savings
from hfcore.results import build_results
from hfcore.study import Definitions, Municipality, Study

STUDY = Study("s", {"sv": "s", "en": "s"}, True, date(2017, 12, 31), 2017, ())
PLACE = Municipality(
    "0001", "A", date(2016, 1, 1), date(2017, 12, 31), date(2016, 1, 1), date(2017, 12, 1)
)
COHORT = pd.DataFrame(
    {
        "household_id": list("abc"),
        "group": "participant",
        "closed_on": pd.to_datetime(["2017-01-15", "2016-02-20", None]),
        "closure_reason": pd.array(["work", "social_insurance", None], dtype="str"),
        "closure_assessment": pd.array([None] * 3, dtype="str"),
        "is_closed": [True, True, False],
        "month_closed": pd.array([3, 0, None], dtype="Int64"),
        "observed_months": pd.array([3, 0, 12], dtype="Int64"),
        "record_key": [0.5, 0.25, 0.125],
    }
)
PAYMENTS = pd.DataFrame(
    {
        "household_id": ["a", "a", "a", "b"],
        "month": pd.to_datetime(["2016-10-01", "2016-12-01", "2017-01-01", "2016-01-01"]),
        "amount_sek": [3_000.0, 6_000.0, 9_000.0, 900.0],
    }
)


def bases(*amounts):
    n = len(amounts)
    return pd.DataFrame(
        {
            "base_sek": np.array(amounts, dtype="float64"),
            "closure_reason": pd.array((["work", "moved", "social_insurance"] * n)[:n], "str"),
            "closure_assessment": pd.array([None] * n, dtype="str"),
            "payer": (["nobody", "other", "state"] * n)[:n],
            "month_closed": pd.array(([0, 4, 5] * n)[:n], dtype="Int64"),
            "record_key": 0.1,
        }
    )


def test_the_base_counts_zeros_and_leaves_out_what_is_unknown():
    found = savings.closure_bases(COHORT, PAYMENTS, PLACE, STUDY).set_index("household_id")
    assert found["base_sek"].to_dict() == pytest.approx({"a": 3_000.0, "b": np.nan}, nan_ok=True)
    assert found["payer"].to_dict() == {"a": "nobody", "b": "state"}


def test_gross_by_hand_and_by_an_independent_interval():
    rows = savings.saving_gross(bases(1_000, 2_000, 6_000), STUDY)
    row = rows.loc[rows["variant"].eq("all_closures") & rows["level"].eq("12")].iloc[0]
    low, high = stats.t.interval(0.95, 2, loc=3_000, scale=stats.sem([1_000, 2_000, 6_000]))
    assert row["estimate"] == 108_000
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([36 * low, 36 * high])
    own = rows.set_index(["variant", "level"])["estimate"]
    assert own["default", "6"] == 42_000 and own["published", "6"] == 54_000
    assert own["without_first_month", "6"] == 48_000
    payers = rows.loc[rows["dimension"].eq("payer"), "estimate"]
    assert payers.sum() == row["estimate"]


def test_break_even_by_hand():
    gross = savings.saving_gross(bases(1_000, 2_000, 6_000), STUDY)
    rows = savings.break_even(gross, 32_000, 16).set_index(["metric", "variant", "level"])
    found = rows["estimate"]
    assert found["saving_net", "all_closures", "12"] == 76_000
    assert found["saving_net", "as_published", "12"] == 84_000
    assert found["break_even_share", "cost_12_months", "12"] == pytest.approx(24 / 108)
    assert found["break_even_share", "cost_16_months", "6"] == pytest.approx(32 / 54)
    assert found["break_even_share", "cost_6_months", "6"] == pytest.approx(12 / 54)
    assert found["break_even_months", "all_closures", ""] == pytest.approx(32 / 9)


def test_the_shares_of_the_published_sums():
    figures = {"estimate": 7.5e6, "ci_low": 7e6, "ci_high": 8e6, "status": "ok", "n": 107}
    half = {name: 3.5e6 if name == "estimate" else value for name, value in figures.items()}
    gross = build_results(
        pd.DataFrame([figures | {"level": "12"}, half | {"level": "6"}]),
        metric="saving_gross",
        variant="all_closures",
        dimension="months",
        unit="sek",
    )
    rows = savings.break_even(gross, 1.1e6 * 16 / 12, 16)
    found = rows.set_index(["metric", "variant", "level"])["estimate"]
    share = found["break_even_share"].mul(100).round(1)
    assert share["cost_12_months", "12"] == 14.7 and share["cost_16_months", "12"] == 19.6
    assert share["cost_12_months", "6"] == 31.4 and share["cost_16_months", "6"] == 41.9
    assert share["cost_6_months", "6"] == 15.7
    scaled = replace(STUDY, definitions=Definitions(national_shares={"population": 0.01}))
    nation = savings.national_saving(rows, scaled, 16 / 12).set_index(["variant", "level"])
    estimate = nation["estimate"] / 1e6
    assert estimate["population_as_published", "12"] == pytest.approx(640)
    assert estimate["population_as_published", "6"] == pytest.approx(295)
    assert estimate["population_all_closures_a_year", "12"].round() == 452
    assert estimate["population_all_closures_a_year", "6"].round() == 152


def expected_case(controls=25):
    """Two closers in month 1; every control on support keeps just half of its base."""
    ids = [f"k{number}" for number in range(controls)]
    months = pd.date_range("2016-01-01", "2017-12-01", freq="MS")
    paid = [
        (each, month, 1_000.0 if month < pd.Timestamp("2017-02-01") else 500.0)
        for each in ids
        for month in months
    ]
    paid += [(each, month, 2_000.0) for each in "ab" for month in months[:13]]
    closed = COHORT.head(2).assign(
        closed_on=pd.Timestamp("2017-01-15"), month_closed=pd.array([1, 1], dtype="Int64")
    )
    payments = pd.DataFrame(paid, columns=["household_id", "month", "amount_sek"])
    start = pd.Timestamp("2016-12-01")
    return closed, pd.DataFrame({"household_id": ids, "start_month": start}), payments


def test_expected_follows_the_controls():
    closed, controls, payments = expected_case()
    own = savings.closure_bases(closed, payments, PLACE, STUDY)
    rows = savings.expected_saving(own, controls, payments, PLACE, STUDY)
    found = rows.set_index(["variant", "level"])["estimate"]
    assert found["same_closures", "6"] == 2 * 6 * 2_000
    assert found["expected", "6"] == 2 * 2_000 * 6 / 2
    few = savings.expected_saving(own, controls.head(19), payments, PLACE, STUDY)
    assert few.loc[few["variant"].eq("expected"), "status"].eq("too_few").all()


def effects(estimate=-1_500.0, low=-2_500.0, high=-500.0, **more):
    row = {"estimate": estimate, "ci_low": low, "ci_high": high, "df": 98.0, "n": 200}
    row |= {"n_events": 100, "status": "ok", "level": "1-24"} | more
    constants = {"metric": "support_effect", "dimension": "window", "unit": "sek_per_month"}
    return build_results(pd.DataFrame([row]), group="difference", **constants)


def prices(cost=60_000.0, low=np.nan, high=np.nan):
    row = {"estimate": cost, "ci_low": low, "ci_high": high, "variant": "default"}
    return build_results(pd.DataFrame([row]), metric="cost_per_household", unit="sek")


def test_saving_by_effect_by_hand():
    rows = savings.saving_by_effect(effects(), prices(), STUDY)
    ends = rows.set_index(["metric", "variant", "level"])[["estimate", "ci_low", "ci_high"]]
    assert ends.loc[("saving_per_household", "default", "")].tolist() == [36e3, 12e3, 60e3]
    assert ends.loc[("net_per_household", "default", "")].tolist() == [-24e3, -48e3, 0]
    assert ends.loc[("break_even_effect", "default", ""), "estimate"] == 2_500
    payback = ends.loc["break_even_months"]
    assert payback.loc[("effect_discount_0", "0")].tolist() == [40, 24, 120]
    assert payback.loc[("effect_discount_3.5", "0"), "estimate"] == 43
    assert payback.loc[("effect_discount_0", "0.5"), "estimate"] == 77
    assert np.isnan(payback.loc[("effect_discount_3.5", "0.5"), "estimate"])


def test_payback_against_the_annuity_formula():
    rate = 1.035 ** (1 / 12) - 1
    exact = -np.log1p(-60_000 * rate / 1_500) / np.log1p(rate)
    assert savings.months_to_cover(60_000, 1_500, 0.0, 0.035) == np.ceil(exact)
    assert np.isnan(savings.months_to_cover(60_000, -10, 0.0, 0.0))


def test_the_net_takes_the_range_of_the_cost_in():
    rows = savings.saving_by_effect(effects(), prices(60_000, 50_000, 90_000), STUDY)
    net = rows.loc[rows["metric"].eq("net_per_household")].iloc[0]
    assert net["ci_low"] == pytest.approx(-24e3 - np.hypot(24e3, 30e3))
    assert net["ci_high"] == pytest.approx(-24e3 + np.hypot(24e3, 10e3))


def test_the_chance_by_simulation_and_its_limits():
    row = savings.break_even_chance(effects(-2_000.0, -3_000.0, -1_000.0), prices(), 3, STUDY)
    error = 1_000 / stats.t.ppf(0.975, 98)
    draws = 2_000 + error * np.random.default_rng(1).standard_t(98, 400_000)
    assert row["estimate"].iloc[0] == pytest.approx((24 * draws > 60_000).mean(), abs=0.003)
    for told in (
        savings.break_even_chance(effects(), prices(), 2, STUDY),
        savings.break_even_chance(effects(n=120), prices(), 4, STUDY),
    ):
        assert told["status"].eq("too_few").all() and told["estimate"].isna().all()


def test_no_effect_and_no_closure_are_answers():
    none = effects(np.nan, np.nan, np.nan)
    assert savings.saving_by_effect(none, prices(), STUDY)["status"].eq("not_available").all()
    assert savings.break_even_chance(none, prices(), 4, STUDY)["status"].eq("not_available").all()
    rows = savings.saving_gross(bases(), STUDY)
    assert rows["status"].eq("too_few").all() and rows["estimate"].isna().all()


def test_order_does_not_matter_and_the_input_stays():
    closed, _controls, payments = expected_case()
    own = savings.closure_bases(closed, payments, PLACE, STUDY)
    before = own.copy(deep=True)
    first = savings.saving_gross(own, STUDY)
    pd.testing.assert_frame_equal(first, savings.saving_gross(own.iloc[::-1], STUDY))
    pd.testing.assert_frame_equal(own, before)
