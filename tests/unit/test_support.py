"""What is paid, and how it changes against the controls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t
from support_cases import (
    MUNICIPALITY,
    REFERENCE,
    cohort_of,
    panel_of,
    reference_case,
    scrambled,
    study,
)

from hfcore.cohort import support_panel
from hfcore.errors import MetricInputError
from hfcore.metrics.difference_in_differences import (
    change_by_start,
    gate,
    window_change,
    without_departed,
)
from hfcore.metrics.support import (
    detectable,
    detectable_difference,
    pretrend,
    support_difference_naive,
    support_effect,
    support_mean,
)
from hfcore.study import Definitions

P, C = "participant", "control"


def row(results: pd.DataFrame, **values: object) -> pd.Series:
    """The one row with these values."""
    kept = results
    for column, value in values.items():
        kept = kept.loc[kept[column].eq(value).fillna(False)]
    assert len(kept) == 1, f"{len(kept)} rows"
    return kept.iloc[0]


def by_hand() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two participants, two controls, months −1, 0, 1."""
    cohort = cohort_of([P, P, C, C])
    amounts = [[10, 9, 4], [6, 9, -2], [5, 0, 7], [3, 0, np.nan]]
    return panel_of(cohort, np.array(amounts, dtype=float), first=-1), cohort


def test_means_by_hand():
    panel, _ = by_hand()
    means = support_mean(panel, study(min_households_interval=2))
    one = row(means, group=P, month=1)
    assert (one["estimate"], one["n"], one["status"]) == (1.0, 2, "ok")
    # Mean 1, deviations 3: half the interval is t(1) × 3.
    assert one["ci_high"] == pytest.approx(1 + 12.706204736 * 3)
    assert (one["largest"], one["second_largest"], one["sum_absolute"]) == (4.0, 2.0, 6.0)
    assert one["n_negative"] == 1
    assert one["key_n"] == pytest.approx(1 / 16 + 2 / 16)
    lone = row(means, group=C, month=1)
    assert (lone["estimate"], lone["n"], lone["status"]) == (7.0, 1, "too_few")
    assert np.isnan(lone["ci_low"])


def test_every_group_and_month_stands():
    panel, _ = by_hand()
    means = support_mean(panel, study())
    assert len(means) == 2 * 49
    empty = row(means, group=C, month=20)
    assert (empty["status"], empty["n"]) == ("not_available", 0)
    assert np.isnan(empty["estimate"])


def test_zero_is_a_value_and_missing_is_not():
    cohort = cohort_of([P, P, P])
    panel = panel_of(cohort, np.array([[0.0], [6.0], [np.nan]]), first=3)
    one = row(support_mean(panel, study()), group=P, month=3)
    assert (one["estimate"], one["n"]) == (3.0, 2)


def test_means_agree_with_r():
    means = support_mean(reference_case()[0], study())
    for name, group, month in (("participant_minus_6", P, -6), ("control_12", C, 12)):
        expected = REFERENCE["means"][name]
        one = row(means, group=group, month=month)
        assert one["n"] == expected["n"]
        assert one["estimate"] == pytest.approx(expected["estimate"], rel=1e-12)
        assert [one["ci_low"], one["ci_high"]] == pytest.approx(expected["ci"], rel=1e-10)


def agrees(one: pd.Series, expected: dict) -> None:
    assert one["n"] == expected["n"]
    assert one["estimate"] == pytest.approx(expected["estimate"], rel=1e-10)
    assert [one["ci_low"], one["ci_high"]] == pytest.approx(expected["ci"], rel=1e-10)
    assert one["df"] == pytest.approx(expected["df"], rel=1e-10)


def test_naive_differences_agree_with_r():
    naive = support_difference_naive(reference_case()[0], study())
    agrees(row(naive, month=12), REFERENCE["naive"]["month_12"])
    agrees(row(naive, dimension="window", level="1-24"), REFERENCE["naive"]["window_1_24"])


def test_the_effect_agrees_with_r():
    panel, cohort = reference_case()
    effect = support_effect(panel, cohort, study())
    for window in ("1-12", "13-24", "1-24"):
        expected = REFERENCE["unadjusted"]["w_" + window.replace("-", "_")]
        agrees(row(effect, dimension="window", level=window), expected)
    agrees(row(effect, month=-20), REFERENCE["event_study"]["minus_20"])
    agrees(row(effect, month=7), REFERENCE["event_study"]["plus_7"])


def test_pretrends_agree_with_r():
    found = pretrend(reference_case()[0], study())
    agrees(row(found, dimension="window", level="-6--1"), REFERENCE["pretrend"]["late"])
    agrees(row(found, dimension="window", level="-12--7"), REFERENCE["pretrend"]["early"])


def test_the_effect_by_hand():
    # Participants fall by 6 and 8, controls rise by 2: the effect is −7 − 2 = −9.
    cohort = cohort_of([P] * 5 + [C] * 5, children=range(10))
    before = np.array([10, 6, 10, 6, 8, 5, 5, 5, 5, 5], dtype=float)
    after = before + np.array([-6, -8, -6, -8, -7, 2, 2, 2, 2, 2])
    amounts = np.column_stack([before] * 24 + [np.zeros(10)] + [after] * 24)
    effect = support_effect(panel_of(cohort, amounts), cohort, study(covariates=("children",)))
    for window in ("1-12", "13-24", "1-24"):
        one = row(effect, dimension="window", level=window)
        assert one["estimate"] == pytest.approx(-9)
        assert (one["n"], one["n_events"], one["status"]) == (10, 5, "ok")
        assert one["method"] == "symmetric_did_unadjusted"
        assert one["key_n"] == pytest.approx(55 / 16)
        assert one["key_events"] == pytest.approx(15 / 16)
    assert row(effect, month=5)["estimate"] == pytest.approx(-9)
    assert row(effect, month=-3)["estimate"] == pytest.approx(0)


def test_a_peak_before_the_start_is_no_effect():
    # A symmetric hump around month 0 in the participants alone, and no effect at all.
    hump = 4000 * 0.9 ** np.abs(np.arange(-24, 25))
    rng = np.random.default_rng(2)
    level = rng.normal(8000, 1000, 60)
    treated = np.arange(60) < 25
    amounts = level[:, None] + np.where(treated[:, None], hump, 0)
    cohort = cohort_of([P] * 25 + [C] * 35, children=rng.integers(0, 4, 60))
    effect = support_effect(panel_of(cohort, amounts), cohort, study(covariates=("children",)))
    for window in ("1-12", "13-24", "1-24"):
        one = row(effect, dimension="window", level=window)
        assert one["method"] == "symmetric_did_adjusted"
        assert one["estimate"] == pytest.approx(0, abs=1e-6)
    # The usual base, the month before the start, would have found a saving.
    last = amounts[:, 25:37].mean(axis=1) - amounts[:, 23]
    assert last[treated].mean() - last[~treated].mean() < -1000


@pytest.mark.parametrize(
    ("participants", "controls", "method", "status"),
    [
        (4, 40, "symmetric_did_unadjusted", "too_few"),
        (5, 40, "symmetric_did_unadjusted", "too_few"),
        (19, 60, "symmetric_did_unadjusted", "too_few"),
        (20, 60, "symmetric_did_adjusted", "ok"),
        (21, 60, "symmetric_did_adjusted", "ok"),
        (20, 19, "symmetric_did_adjusted", "too_few"),
    ],
)
def test_the_fallbacks_at_their_edges(participants, controls, method, status):
    rng = np.random.default_rng(4)
    n = participants + controls
    cohort = cohort_of([P] * participants + [C] * controls, children=rng.integers(0, 5, n))
    panel = panel_of(cohort, rng.gamma(2, 3000, (n, 49)))
    definitions = {"covariates": ("children",), "min_households_arm": 20}
    one = row(support_effect(panel, cohort, study(**definitions)), dimension="window", level="1-12")
    assert (one["method"], one["status"]) == (method, status)
    assert np.isnan(one["estimate"]) == (participants < 5)
    assert np.isnan(one["ci_low"]) == (participants < 5)


def test_adjusting_needs_five_households_a_parameter():
    # 45 controls = 5 (p + 2) allow seven covariates and not eight.
    rng = np.random.default_rng(4)
    names = [f"x{i}" for i in range(8)]
    columns = {name: rng.normal(size=65) / 3 for name in names}
    cohort = cohort_of([P] * 20 + [C] * 45, **columns)
    panel = panel_of(cohort, rng.gamma(2, 3000, (65, 49)))
    found = [
        row(
            support_effect(panel, cohort, study(covariates=tuple(names[:k]))),
            dimension="window",
            level="1-12",
        )
        for k in (7, 8)
    ]
    assert [one["method"] for one in found] == [
        "symmetric_did_adjusted",
        "symmetric_did_unadjusted",
    ]


def test_an_export_that_begins_late_leaves_the_second_year_open():
    panel, cohort = reference_case()
    late = panel.assign(amount_sek=panel["amount_sek"].mask(panel["month"] < -12))
    effect = support_effect(late, cohort, study())
    assert row(effect, dimension="window", level="1-12")["status"] == "ok"
    second = row(effect, dimension="window", level="13-24")
    assert (second["status"], second["n"]) == ("not_available", 0)
    assert np.isnan(second["estimate"])
    assert len(effect) == 3 + 49


@pytest.mark.parametrize("groups", [[P] * 6, [C] * 6, []])
def test_one_group_alone_has_no_effect(groups):
    cohort = cohort_of(groups, children=range(len(groups)))
    panel = panel_of(cohort, np.ones((len(groups), 49)))
    results = study(covariates=("children",))
    for metric in (
        support_effect(panel, cohort, results),
        support_difference_naive(panel, results),
    ):
        assert metric["estimate"].isna().all()
        assert set(metric["status"]) == {"not_available"}


def test_months_after_a_move_or_a_death_are_unknown():
    cohort = cohort_of(
        [P, P, P, C],
        closed_on=pd.Series(
            ["2017-05-20", "2017-05-20", None, "2017-03-02"], dtype="datetime64[s]"
        ),
        closure_reason=pd.Series(["moved", "work", None, "deceased"], dtype="str"),
    )
    panel = without_departed(panel_of(cohort, np.ones((4, 6)), first=-1), cohort)
    last = panel.loc[panel["amount_sek"].notna()].groupby("household_id")["month"].max()
    assert last.tolist() == [2, 4, 4, 0]


def test_detectable_differences_agree_with_r():
    case = REFERENCE["power"]
    found = [detectable(1.0, df) for df in case["df"]]
    assert found == pytest.approx(case["shift"], rel=1e-6)
    assert np.isnan(detectable(np.nan, 10))


def test_the_detectable_difference_belongs_to_the_error_of_the_estimate():
    panel, cohort = reference_case()
    found = row(detectable_difference(panel, cohort, study()), dimension="window", level="1-12")
    expected = REFERENCE["unadjusted"]["w_1_12"]
    assert found["estimate"] == pytest.approx(detectable(expected["se"], expected["df"]), rel=1e-9)
    assert (found["status"], found["unit"]) == ("ok", "sek_per_month")


def test_rows_in_any_order_and_other_names_give_the_same():
    panel, cohort = reference_case()
    plain = support_effect(panel, cohort, study())
    renamed = {old: f"x{97 * i % 31:02d}" for i, old in enumerate(cohort["household_id"])}
    other = support_effect(
        scrambled(panel.assign(household_id=panel["household_id"].map(renamed))),
        scrambled(cohort.assign(household_id=cohort["household_id"].map(renamed))),
        study(),
    )
    pd.testing.assert_frame_equal(other, plain, rtol=1e-9)
    means = support_mean(panel, study())
    pd.testing.assert_frame_equal(support_mean(scrambled(panel), study()), means, rtol=1e-9)


def test_the_callers_frames_are_unchanged():
    panel, cohort = reference_case()
    before = panel.copy(), cohort.copy()
    support_mean(panel, study())
    support_effect(panel, cohort, study())
    pd.testing.assert_frame_equal(panel, before[0])
    pd.testing.assert_frame_equal(cohort, before[1])


@settings(max_examples=10)
@given(st.floats(-5000, 5000), st.floats(0.1, 10))
def test_shifting_everybody_changes_nothing_and_scaling_scales(shift, scale):
    panel, cohort = reference_case()
    other = panel.assign(amount_sek=panel["amount_sek"] * scale + shift)
    plain = row(support_effect(panel, cohort, study()), dimension="window", level="1-12")
    found = row(support_effect(other, cohort, study()), dimension="window", level="1-12")
    assert found["estimate"] == pytest.approx(scale * plain["estimate"], rel=1e-6)
    assert found["ci_low"] < found["estimate"] < found["ci_high"]


def test_a_household_is_one_cluster_however_often_it_serves():
    rng = np.random.default_rng(8)
    cohort = cohort_of([P] * 25 + [C] * 25, children=rng.integers(0, 5, 50))
    units = pd.concat([cohort, cohort.tail(25)], ignore_index=True)
    units = units.assign(unit_id=[f"u{i:02d}" for i in range(75)])
    amounts = rng.gamma(2, 3000, (50, 49))
    twice = np.vstack([amounts, amounts[25:]])
    panel = panel_of(units, twice).assign(unit_id=np.repeat(units["unit_id"].to_numpy(), 49))
    setting = study(covariates=("children",))
    once = row(
        support_effect(panel_of(cohort, amounts), cohort, setting), dimension="window", level="1-12"
    )
    both = row(support_effect(panel, units, setting), dimension="window", level="1-12")
    apart = units.assign(household_id=units["unit_id"])
    wrong = row(
        support_effect(panel.assign(household_id=panel["unit_id"]), apart, setting),
        dimension="window",
        level="1-12",
    )
    assert both["n"] == 50
    assert wrong["ci_high"] - wrong["ci_low"] < 0.95 * (both["ci_high"] - both["ci_low"])
    assert both["ci_high"] - both["ci_low"] == pytest.approx(
        once["ci_high"] - once["ci_low"], rel=0.05
    )


def standard_error(one: pd.Series) -> float:
    return (one["ci_high"] - one["estimate"]) / t.ppf(0.975, one["df"])


@pytest.mark.parametrize("participants", [10, 25])
def test_controls_that_serve_twice_make_no_plain_difference_surer(participants):
    # Every control stands in two rows that say the same: its error is that of standing in one.
    rng = np.random.default_rng(9)
    cohort = cohort_of([P] * participants + [C] * 15)
    amounts = rng.gamma(2, 3000, (participants + 15, 49))
    amounts[-1, -1] = np.nan
    units = pd.concat([cohort, cohort.tail(15)], ignore_index=True)
    units = units.assign(unit_id=[f"u{i:02d}" for i in range(len(units))])
    panel = panel_of(units, np.vstack([amounts, amounts[participants:]]))
    panel = panel.assign(unit_id=np.repeat(units["unit_id"].to_numpy(), 49))
    plain, setting = panel_of(cohort, amounts), study(covariates=())
    for each in ({"month": 12}, {"month": 24}, {"dimension": "window", "level": "1-24"}):
        once = row(support_difference_naive(plain, setting), **each)
        both = row(support_difference_naive(panel, setting), **each)
        assert both["estimate"] == pytest.approx(once["estimate"])
        assert standard_error(both) == pytest.approx(standard_error(once), rel=1e-9)
    once = row(support_effect(plain, cohort, setting), dimension="window", level="1-12")
    both = row(support_effect(panel, units, setting), dimension="window", level="1-12")
    assert standard_error(both) == pytest.approx(standard_error(once), rel=1e-9)


def test_running_sums_give_the_change_of_the_panel():
    rng = np.random.default_rng(3)
    cohort = cohort_of([P, P, C, C], start="2016-02-01").assign(
        start_month=pd.to_datetime(["2016-02-01", "2019-12-01", "2017-06-01", "2020-03-01"])
    )
    months = pd.date_range("2013-06-01", "2021-06-01", freq="MS")
    payments = pd.DataFrame(
        [(h, m) for h in cohort["household_id"] for m in months], columns=["household_id", "month"]
    ).assign(amount_sek=lambda f: rng.gamma(2, 3000, len(f)).round())
    panel = support_panel(cohort, payments, MUNICIPALITY)
    wide = panel.pivot(index="household_id", columns="month", values="amount_sek")
    for window, base in (((1, 12), None), ((13, 24), None), ((1, 6), (-6, -1))):
        quick = change_by_start(cohort, payments, MUNICIPALITY, window, base)
        slow = window_change(wide, window, base)
        assert quick.tolist() == pytest.approx(slow.tolist(), nan_ok=True)


def test_the_gate_at_its_edge():
    definitions = Definitions(min_households_arm=20)
    assert [gate(n, 60, definitions) for n in (19, 20, 21)] == ["too_few", "ok", "ok"]
    assert [gate(60, n, definitions) for n in (19, 20, 21)] == ["too_few", "ok", "ok"]
    assert gate(0, 60, definitions) == gate(60, 0, definitions) == "not_available"


def test_a_missing_column_is_named():
    panel, cohort = reference_case()
    with pytest.raises(MetricInputError, match="panel lacks the column record_key"):
        support_mean(panel.drop(columns="record_key"), study())
    with pytest.raises(MetricInputError, match="cohort lacks the column closure_reason"):
        support_effect(panel, cohort.drop(columns="closure_reason"), study())
    with pytest.raises(MetricInputError, match="cohort lacks the column income"):
        support_effect(panel, cohort, study(covariates=("income",)))
