"""Differences between groups of participants, and Gray's test of their curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reference_cohort import build_study, read_reference, reference_cohort, small_cohort

from hfcore.errors import MetricInputError
from hfcore.estimators.subdistribution import gray_test
from hfcore.metrics import group_tests, subgroups

STUDY = build_study(covariates=("months_on_support", "children", "applicant_is_woman"))
COHORT = reference_cohort()
# The reference cohort has 60 participants: groups of 8 are let through, here only.
SMALL = build_study(
    covariates=("months_on_support", "children", "applicant_is_woman"), min_households_group=8
)
ROWS = group_tests.group_differences(COHORT, SMALL)
GRAY = group_tests.gray_tests(COHORT, SMALL)
R = read_reference("group_differences.json")


def pick(results, **where):
    for column, value in where.items():
        results = results.loc[results[column].eq(value)]
    return results


def split_cohort(early, late):
    """Women that started before and after the split, each (months, closure reason or None)."""
    cohort = small_cohort([("participant", *each) for each in [*early, *late]])
    starts = pd.Series(pd.Timestamp("2018-05-01"), index=cohort.index)
    starts.iloc[len(early) :] = pd.Timestamp("2020-05-01")
    return cohort.assign(start_month=starts)


def test_plain_difference_by_hand():
    # All are followed for the year: 5 of 20 earlier and 8 of 20 later starts left for work by 12.
    early = [(6, "work")] * 5 + [(30, None)] * 15
    late = [(12, "work")] * 8 + [(13, "work")] * 2 + [(19, None)] * 10
    rows = pick(
        group_tests.group_differences(split_cohort(early, late), STUDY),
        dimension="start",
        level="from",
        period="2020-03",
        cause="self_sufficiency",
    ).set_index("variant")
    assert rows["estimate"].tolist() == pytest.approx([8 / 20 - 5 / 20] * 2)
    assert rows["n"].tolist() == [40, 40]
    assert rows["n_events"].tolist() == [20, 20]
    # The covariates are constant: Welch's error of the difference of two shares is HC2's.
    error = np.sqrt(0.4 * 0.6 / 19 + 0.25 * 0.75 / 19)
    found = rows.loc["adjusted"]
    assert (found["ci_high"] - found["ci_low"]) / 2 == pytest.approx(error * 2.0255, rel=2e-3)


@pytest.mark.parametrize("cause", ["self_sufficiency", "moved", "negative"])
def test_adjusted_differences_agree_with_r(cause):
    row = pick(
        ROWS, dimension="applicant_sex", level="woman", variant="adjusted", cause=cause
    ).iloc[0]
    wanted = R["adjusted"][cause]
    assert row["estimate"] == pytest.approx(wanted["estimate"], abs=1e-9)
    assert row["df"] == pytest.approx(wanted["df"], abs=1e-6)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(wanted["interval"], abs=1e-8)


def test_gray_tests_agree_with_r():
    found = GRAY.set_index("covariate")
    for name, wanted in R["gray"].items():
        numbers = found.loc[name, ["statistic", "df", "p_value", "households"]].tolist()
        assert numbers == pytest.approx(
            [wanted["statistic"], wanted["df"], wanted["p"], wanted["n"]], rel=1e-9
        )


@pytest.mark.parametrize(
    ("dimension", "name"),
    [("applicant_sex", "applicant_sex=woman"), ("start", "start=from_2020-03")],
)
def test_hazard_ratios_agree_with_r(dimension, name):
    rows = group_tests.hazard_ratios(COHORT, SMALL)
    rows = rows.loc[rows["dimension"].eq(dimension)].set_index("kind")
    for kind, wanted in R["ratios"][name].items():
        found = rows.loc[kind, ["ratio", "ci_low", "ci_high"]].tolist()
        assert found == pytest.approx(wanted, rel=1e-6)


def test_hazard_ratios_need_groups_that_can_be_told():
    shuffled = COHORT.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(
        group_tests.hazard_ratios(shuffled, SMALL),
        group_tests.hazard_ratios(COHORT, SMALL),
        rtol=1e-8,
    )
    for cohort in (COHORT.head(0), COHORT.head(1), COHORT.assign(closure_reason=None)):
        assert group_tests.hazard_ratios(cohort, SMALL)["ratio"].isna().all()
    assert group_tests.hazard_ratios(COHORT, build_study())["ratio"].isna().any()


@pytest.mark.parametrize(("late", "status"), [(19, "too_few"), (20, "ok"), (21, "ok")])
def test_both_groups_must_be_large_enough(late, status):
    cohort = split_cohort([(6, "work")] * 30, [(6, "work"), *[(19, None)] * (late - 1)])
    rows = pick(
        group_tests.group_differences(cohort, STUDY),
        dimension="start",
        level="from",
        period="2020-03",
        cause="self_sufficiency",
    )
    assert rows["status"].eq(status).all()
    assert rows["estimate"].notna().all() == (status == "ok")


def test_a_share_that_is_not_known_yet_has_no_difference():
    cohort = split_cohort([(6, "work")] * 30, [(5, "work"), *[(9, None)] * 29])
    rows = pick(
        group_tests.group_differences(cohort, STUDY),
        dimension="start",
        level="from",
        period="2020-03",
    )
    assert rows["estimate"].isna().all()
    assert rows["status"].ne("ok").all()


def test_every_cause_dimension_and_variant_stands_once():
    told = ROWS[["cause", "dimension", "variant"]]
    assert not told.duplicated().any()
    assert len(told) == len(STUDY.causes) * 2 * 2


def test_row_order_and_ids_do_not_matter_and_input_stays():
    before = COHORT.copy(deep=True)
    other = COHORT.sample(frac=1, random_state=2).assign(
        household_id=lambda frame: "x" + frame["household_id"]
    )
    again = group_tests.group_differences(other, SMALL)
    pd.testing.assert_frame_equal(again, ROWS, rtol=1e-9)
    pd.testing.assert_frame_equal(group_tests.gray_tests(other, SMALL), GRAY, rtol=1e-9)
    pd.testing.assert_frame_equal(COHORT, before)


def test_small_groups_are_left_out_of_the_test():
    stays = COHORT.loc[COHORT["group"].eq("participant")]
    labels = subgroups.label_groups(stays, STUDY)["months_on_support"]
    large = labels.value_counts().loc[lambda sizes: sizes >= 20]
    found = group_tests.gray_tests(COHORT, STUDY).set_index("covariate")
    assert found.loc["months_on_support", "groups"] == len(large)
    assert found.loc["months_on_support", "households"] == large.sum()


@pytest.mark.parametrize("rows", [0, 1])
def test_nobody_or_one_is_an_answer(rows):
    cohort = COHORT.head(rows)
    found = group_tests.group_differences(cohort, STUDY)
    assert found["estimate"].isna().all()
    assert len(found) == len(ROWS)
    assert group_tests.gray_tests(cohort, STUDY)["p_value"].isna().all()


def test_a_missing_covariate_is_named():
    with pytest.raises(MetricInputError, match="cohort lacks the column adults"):
        group_tests.group_differences(COHORT, build_study())


def test_several_groups_have_a_degree_of_freedom_each_but_one():
    assert gray_test([1, 2, 3, 4, 5, 6], [1] * 6, [0, 1, 2] * 2, cause=1).df == 2
