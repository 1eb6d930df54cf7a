"""Month 0 for controls, weights and pairs, and the balance that they leave."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support_cases import (
    MUNICIPALITY,
    REFERENCE,
    cohort_of,
    reference_case,
    scrambled,
    study,
)

from hfcore.cohort import support_panel
from hfcore.errors import MetricInputError
from hfcore.metrics.comparison_group import (
    balance,
    build_comparison,
    comparison_flow,
    effect_sample,
    standardised_difference,
    variance_ratio,
)
from hfcore.metrics.index_months import assign_index_months, risk_set_weights, risk_sets
from hfcore.metrics.support import support_effect

P, C = "participant", "control"
NO_MONTH = pd.Series([None], dtype="datetime64[s]")


def six_households() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Participants start in March and May 2017; four controls without a start.

    h2 is paid in March, h3 in May, h4 in both, h5 in neither (April 2017 counts for May).
    """
    cohort = cohort_of([P, P, C, C, C, C]).assign(
        start_month=pd.to_datetime(["2017-03-01", "2017-05-01", None, None, None, None]),
        started_on=pd.to_datetime(["2017-03-04", "2017-05-09", None, None, None, None]),
        support_since=pd.to_datetime(["2016-01-01"] * 3 + ["2017-04-01", "2016-07-01", None]),
        months_on_support=pd.array([14, 16, None, None, None, None], dtype="Int64"),
        applicant_age=[37.0, 37.0, np.nan, np.nan, np.nan, np.nan],
        month_closed=pd.array([None] * 6, dtype="Int64"),
        observed_months=pd.array([None] * 6, dtype="Int64"),
        followup_months=pd.array([None] * 6, dtype="Int64"),
    )
    paid = [("h2", "2017-02-01"), ("h3", "2017-05-01"), ("h4", "2017-03-01"), ("h4", "2017-04-01")]
    paid += [("h5", "2017-01-01"), ("h5", "2017-06-01")]
    payments = pd.DataFrame(paid, columns=["household_id", "month"]).assign(amount_sek=500.0)
    return cohort, payments.assign(month=pd.to_datetime(payments["month"]))


def test_candidates_are_controls_on_support_in_a_start_month():
    cohort, payments = six_households()
    candidates = risk_sets(cohort, payments, MUNICIPALITY, study())
    controls = candidates.loc[candidates["group"].eq(C)]
    assert sorted(controls["unit_id"]) == ["h2@2017-03", "h3@2017-05", "h4@2017-03", "h4@2017-05"]
    assert candidates.loc[candidates["group"].eq(P), "unit_id"].tolist() == ["h0", "h1"]
    both = controls.set_index("unit_id")
    assert both.loc["h4@2017-03", "months_on_support"] == 8
    assert both.loc["h4@2017-05", "months_on_support"] == 10
    assert both.loc["h3@2017-05", "months_on_support"] == 1
    assert both["applicant_age"].eq(37).all()


@pytest.mark.parametrize(("amount", "candidates"), [(0.0, 0), (-300.0, 0), (0.5, 4)])
def test_a_month_without_payment_is_no_month_on_support(amount, candidates):
    cohort, payments = six_households()
    found = risk_sets(cohort, payments.assign(amount_sek=amount), MUNICIPALITY, study())
    assert found["group"].eq(C).sum() == candidates


def test_index_months_by_hand():
    cohort, payments = six_households()
    placed = assign_index_months(cohort, payments, MUNICIPALITY, study()).set_index("household_id")
    starts = placed["start_month"].dt.strftime("%Y-%m")
    assert starts[["h0", "h1", "h2", "h3"]].tolist() == ["2017-03", "2017-05", "2017-03", "2017-05"]
    assert starts["h4"] in ("2017-03", "2017-05")
    assert pd.isna(starts["h5"])
    assert placed.loc["h2", "followup_months"] == 4 * 12 + 9
    assert placed.loc["h3", "observed_months"] == 4 * 12 + 7
    assert placed.loc["h2", "months_on_support"] == 14


def test_index_months_do_not_know_the_other_rows():
    cohort, payments = six_households()
    many = pd.concat([cohort] + [cohort.iloc[[4]].assign(household_id=f"k{i}") for i in range(60)])
    many = many.reset_index(drop=True)
    copies = payments.loc[payments["household_id"].eq("h4")]
    paid = pd.concat([payments] + [copies.assign(household_id=f"k{i}") for i in range(60)])
    plain = assign_index_months(many, paid, MUNICIPALITY, study())
    other = assign_index_months(scrambled(many), scrambled(paid), MUNICIPALITY, study())
    pd.testing.assert_frame_equal(other.sort_index(), plain)
    share = plain.iloc[6:]["start_month"].dt.month.eq(3).mean()
    assert 0.25 < share < 0.75


def test_a_later_participant_and_an_existing_start_are_left_alone():
    cohort, payments = six_households()
    given = cohort.assign(
        start_month=cohort["start_month"].fillna(pd.Timestamp("2017-03-01")),
    )
    pd.testing.assert_frame_equal(
        assign_index_months(given, payments, MUNICIPALITY, study()), given
    )


def test_no_participant_leaves_no_month_to_give():
    cohort, payments = six_households()
    with pytest.raises(MetricInputError, match="No participant has a start month"):
        assign_index_months(cohort.tail(4), payments, MUNICIPALITY, study())


def test_units_of_several_months_go_into_one_effect():
    rng = np.random.default_rng(1)
    cohort = cohort_of([P] * 24 + [C] * 40, children=rng.integers(0, 4, 64)).assign(
        start_month=pd.to_datetime(["2017-03-01", "2017-09-01"] * 12 + [None] * 40)
    )
    months = pd.date_range("2015-01-01", "2020-06-01", freq="MS")
    payments = pd.DataFrame(
        [(h, m) for h in cohort["household_id"] for m in months], columns=["household_id", "month"]
    ).assign(amount_sek=lambda frame: rng.gamma(2, 3000, len(frame)))
    units = risk_sets(cohort, payments, MUNICIPALITY, study())
    assert len(units) == 24 + 80
    panel = support_panel(units, payments, MUNICIPALITY)
    assert len(panel) == 49 * len(units)
    effect = support_effect(panel, units, study(covariates=("children",)))
    window = effect.loc[effect["level"].eq("1-12")].iloc[0]
    assert (window["n"], window["n_events"]) == (64, 24)
    assert window["ci_low"] < window["estimate"] < window["ci_high"]
    sample = effect_sample(panel, units, study(covariates=("children",)))
    others = sample.loc[sample["group"].eq(C)]
    assert others["weight"].sum() == pytest.approx(24)
    assert others["risk_set_weight"].sum() == pytest.approx(24)
    alike = balance(sample, study(covariates=("children",))).set_index(["group", "level"])
    assert alike.loc[("comparison", "children"), "estimate"].iloc[0] == pytest.approx(0, abs=1e-9)
    before = alike.loc[("comparison", "support_months_24_13"), "estimate"].iloc[0]
    assert np.isfinite(before) and before != 0


def test_paid_months_in_a_row_up_to_the_start():
    cohort, payments = six_households()
    paid = pd.DataFrame(
        {"household_id": "h4", "month": pd.to_datetime(["2017-01-01", "2017-02-01"])}
    ).assign(amount_sek=1.0)
    units = risk_sets(cohort, pd.concat([payments, paid]), MUNICIPALITY, study())
    spells = units.set_index("unit_id")["months_in_spell"]
    # January to April are paid: three up to March, four up to April, since May is not.
    assert spells[["h4@2017-03", "h4@2017-05"]].tolist() == [3, 4]
    assert spells["h0"] == 0


def test_a_given_month_counts_only_where_controls_were_matched():
    cohort, payments = six_households()
    given = cohort.assign(start_month=cohort["start_month"].fillna(pd.Timestamp("2017-03-01")))
    free = risk_sets(given, payments, MUNICIPALITY, study())
    assert free["group"].eq(C).sum() == 4
    matched = risk_sets(given, payments, MUNICIPALITY, study(controls_matched=True))
    controls = matched.loc[matched["group"].eq(C), "unit_id"]
    assert sorted(controls) == ["h2@2017-03", "h4@2017-03"]


def test_weights_give_controls_the_start_months_of_participants():
    treated = np.array([True] * 3 + [False] * 9)
    start = np.array([0, 0, 12] + [0] * 4 + [12] * 5)
    weights = risk_set_weights(treated, start, np.ones((12, 1), bool))[:, 0]
    assert weights[3:7] == pytest.approx([0.5] * 4)
    assert weights[7:] == pytest.approx([0.2] * 5)


@pytest.mark.parametrize(("gap", "weight"), [(2, 1.0), (3, 0.0)])
def test_a_participant_without_controls_near_leaves(gap, weight):
    treated = np.array([True, True, False, False, False])
    start = np.array([0, gap, 0, 0, 0])
    weights = risk_set_weights(treated, start, np.ones((5, 1), bool))[:, 0]
    assert weights[1] == weight
    assert weights[2:].sum() == pytest.approx(1 + weight)


def test_weights_and_balance_agree_with_r():
    cohort = reference_case()[1]
    comparison = build_comparison(cohort, study())
    controls = comparison.loc[comparison["group"].eq(C)]
    trimmed = REFERENCE["trimmed"]
    compared = int(comparison.loc[comparison["group"].eq(P), "weight"].sum())
    assert compared == trimmed["participants"]
    assert (controls["weight"] / compared).tolist() == pytest.approx(trimmed["weights"], abs=1e-7)
    assert comparison["propensity_score"].tolist() == pytest.approx(REFERENCE["score"], abs=1e-9)
    rows = balance(comparison, study())
    found = rows.set_index(["metric", "level", "group"])["estimate"]
    for metric, name in (("balance", "smd"), ("variance_ratio", "ratio")):
        for each in trimmed[name]:
            covariate = f"{each['_row']}"
            assert found[metric, covariate, C] == pytest.approx(each["before"], rel=1e-9)
            assert found[metric, covariate, "comparison"] == pytest.approx(each["after"], abs=1e-6)
    assert found["effective_sample_size", "", "comparison"] == pytest.approx(trimmed["ess"])
    assert found["effective_sample_size", "", C] == 20
    assert ("variance_ratio", "woman", C) not in found.index
    assert set(rows.loc[rows["group"].eq(C), "n"]) == {30}
    assert set(rows.loc[rows["group"].eq(C), "n_events"]) == {10}


def test_matching_agrees_with_r():
    comparison = build_comparison(reference_case()[1], study(), method="matching")
    pairs = comparison.dropna(subset="pair").sort_values(["pair", "group"], ascending=[True, False])
    rows = pairs.index.to_numpy().reshape(-1, 2) + 1
    assert sorted(rows.tolist()) == REFERENCE["pairs"]
    flow = comparison_flow(comparison).set_index(["group", "left_out"])["households"]
    assert flow[P, ""] == flow[C, ""] == len(REFERENCE["pairs"])
    assert flow[P, ""] + flow[P, "not_matched"] + flow[P, "no_overlap"] == 10
    assert flow[C, "no_start_month"] == 0


@pytest.mark.parametrize("method", ["entropy", "propensity", "matching"])
def test_your_rows_come_back_with_columns(method):
    cohort = reference_case()[1].assign(mine="kept")
    before = cohort.copy()
    comparison = build_comparison(scrambled(cohort), study(), method)
    pd.testing.assert_frame_equal(cohort, before)
    pd.testing.assert_frame_equal(comparison[list(cohort)].sort_index(), cohort)
    plain = build_comparison(cohort, study(), method)
    pd.testing.assert_frame_equal(comparison.sort_index(), plain, rtol=1e-7)
    treated = plain["group"].eq(P)
    assert plain.loc[~treated, "weight"].sum() == pytest.approx(plain.loc[treated, "weight"].sum())


def test_exact_columns_agree_within_pairs():
    cohort = reference_case()[1]
    comparison = build_comparison(cohort, study(), "matching", exact=("woman",))
    assert comparison.dropna(subset="pair").groupby("pair")["woman"].nunique().eq(1).all()
    weighted = build_comparison(cohort, study(covariates=("age",)), exact=("woman",))
    for _, stratum in weighted.groupby("woman"):
        treated = stratum["group"].eq(P)
        in_weight = stratum.loc[treated, "weight"].sum()
        assert stratum.loc[~treated, "weight"].sum() == pytest.approx(in_weight)


def test_households_far_from_all_others_are_trimmed_and_counted():
    # Overlapping ages but one participant of 90 and one control of 5.
    ages = [30.0, 34.0, 38.0, 42.0, 90.0, 28.0, 31.0, 33.0, 36.0, 39.0, 41.0, 44.0, 5.0]
    cohort = cohort_of([P] * 5 + [C] * 8, age=ages)
    comparison = build_comparison(cohort, study(covariates=("age",)))
    assert comparison["left_out"].tolist().count("no_overlap") == 2
    assert comparison.loc[comparison["age"].isin([90, 5]), "weight"].tolist() == [0, 0]
    flow = comparison_flow(comparison).set_index(["group", "left_out"])["households"]
    assert flow[P, "no_overlap"] == flow[C, "no_overlap"] == 1


def test_a_control_without_a_month_is_left_out_and_counted():
    cohort = reference_case()[1]
    cohort = cohort.assign(start_month=cohort["start_month"].mask(cohort.index == 29))
    comparison = build_comparison(cohort, study())
    assert comparison["left_out"].iloc[29] == "no_start_month"
    assert comparison["weight"].iloc[29] == 0
    assert np.isnan(comparison["propensity_score"].iloc[29])


def test_a_standardised_difference_by_hand():
    treated = np.array([True, True, False, False])
    # Means 3 and 2, participants' standard deviation sqrt(2).
    assert standardised_difference(np.array([2.0, 4.0, 1.0, 3.0]), treated, np.ones(4)) == (
        pytest.approx(1 / np.sqrt(2))
    )
    # A share of one half against a quarter: sqrt(0.5 × 0.5) below.
    weights = np.array([1.0, 1.0, 3.0, 1.0])
    assert standardised_difference(np.array([0.0, 1.0, 0.0, 1.0]), treated, weights) == 0.5
    assert np.isnan(standardised_difference(np.array([2.0, 2.0, 1.0, 3.0]), treated, np.ones(4)))
    assert variance_ratio(np.array([2.0, 4.0, 1.0, 5.0]), treated, np.ones(4)) == 0.25


@pytest.mark.parametrize(
    ("change", "method", "words"),
    [
        ({"weight": 1.0}, "entropy", "already has the column weight"),
        ({}, "magic", "no method 'magic'; there are: entropy, propensity, matching"),
        ({"group": P}, "entropy", "participants and controls with a start month"),
    ],
)
def test_what_cannot_be_compared_says_why(change, method, words):
    with pytest.raises(MetricInputError, match=words):
        build_comparison(reference_case()[1].assign(**change), study(), method)
