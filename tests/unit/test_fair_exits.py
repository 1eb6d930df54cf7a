"""Exits against the weighted comparison group: by another road, and its edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reference_cohort import REFERENCE, build_study, reference_cohort

from hfcore.errors import MetricInputError
from hfcore.metrics import adjusted_exits, comparison_group, support_spells
from hfcore.metrics.paid_months import paid_months

STUDY = build_study(covariates=("months_on_support", "children"), min_households_arm=20)
COHORT = reference_cohort()
PAYMENTS = pd.read_csv(REFERENCE / "payments.csv", parse_dates=["month"])
ROWS = adjusted_exits.fair_exit_difference(COHORT, PAYMENTS, STUDY)


def weighted_share(rows, month):
    """Weighted share that has left by a month, month by month in a loop."""
    remaining, left = 1.0, 0.0
    for now in range(month + 1):
        at_risk = rows.loc[rows["observed_months"].ge(now)]
        here = at_risk.loc[at_risk["observed_months"].eq(now)]
        total = at_risk["weight"].sum()
        left += remaining * here.loc[here["cause"].eq("exit"), "weight"].sum() / total
        remaining *= 1 - here.loc[here["cause"].notna(), "weight"].sum() / total
    return left


@pytest.mark.parametrize("month", [0, 6, 12, 24])
def test_the_estimate_is_the_weighted_one_by_a_loop(month):
    compared = comparison_group.build_comparison(COHORT, STUDY)
    timed = support_spells.timed_exits(
        support_spells.spells_of(paid_months(compared, PAYMENTS, STUDY), 2)
    )
    timed = timed.loc[timed["weight"].gt(0)]
    shares = [
        weighted_share(timed.loc[timed["group"].eq(group)], month)
        for group in ("participant", "control")
    ]
    row = ROWS.loc[ROWS["month"].eq(month)].iloc[0]
    assert row["estimate"] == pytest.approx(shares[0] - shares[1])
    assert row["n_events"] == timed["group"].eq("participant").sum()
    assert row["n"] == len(timed)


def test_equal_weights_give_the_plain_difference():
    # All are the same in what is balanced.
    pairs = COHORT.assign(months_on_support=12, children=1)
    found = adjusted_exits.fair_exit_difference(pairs, PAYMENTS, STUDY)
    plain = support_spells.exit_difference(pairs, PAYMENTS, STUDY)
    plain = plain.loc[plain["variant"].eq("default")]
    for column in ("estimate", "ci_low", "ci_high", "n", "n_events"):
        np.testing.assert_allclose(
            found[column].astype(float), plain[column].astype(float), atol=1e-6
        )


def test_row_order_and_ids_do_not_matter_and_input_stays():
    before = COHORT.copy(deep=True)
    shuffled = [frame.sample(frac=1, random_state=6) for frame in (COHORT, PAYMENTS)]
    pd.testing.assert_frame_equal(
        adjusted_exits.fair_exit_difference(*shuffled, STUDY), ROWS, rtol=1e-6, atol=1e-9
    )
    pd.testing.assert_frame_equal(COHORT, before)


@pytest.mark.parametrize("groups", [["participant"], []])
def test_without_anybody_to_compare_nothing_is_told(groups):
    cohort = COHORT.loc[COHORT["group"].isin(groups)]
    rows = adjusted_exits.fair_exit_difference(cohort, PAYMENTS, STUDY)
    assert rows["status"].eq("not_available").all()
    assert rows["estimate"].isna().all()
    assert rows["month"].tolist() == list(range(25))


def test_groups_without_overlap_have_no_comparison():
    apart = COHORT.assign(children=COHORT["group"].eq("control").astype(int) * 9)
    rows = adjusted_exits.fair_exit_difference(apart, PAYMENTS, STUDY)
    assert rows["status"].eq("not_available").all()


def test_a_missing_covariate_is_named():
    with pytest.raises(MetricInputError, match="cohort lacks the column children"):
        adjusted_exits.fair_exit_difference(COHORT.drop(columns="children"), PAYMENTS, STUDY)


def test_small_groups_are_not_told():
    rows = adjusted_exits.fair_exit_difference(
        COHORT, PAYMENTS, build_study(covariates=("children",), min_households_arm=61)
    )
    assert rows["status"].eq("too_few").all()
    assert rows["estimate"].isna().all()


def test_the_interval_lies_around_the_estimate():
    told = ROWS.loc[ROWS["ci_low"].notna()]
    assert len(told) > 12
    assert (told["ci_low"] < told["estimate"]).all()
    assert (told["estimate"] < told["ci_high"]).all()
