"""Welch, least squares with CR2 errors and Bell–McCaffrey degrees of freedom."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_cases import REFERENCE

from hfcore.errors import MetricInputError
from hfcore.estimators.regression import (
    adjusted_difference,
    welch,
)

numbers = st.floats(-1e5, 1e5, allow_nan=False)


def reference_rows():
    data = REFERENCE["data"]
    amounts = np.array(data["amounts"], dtype=float)
    change = amounts[:, 25:37].mean(axis=1) - amounts[:, 12:24].mean(axis=1)
    x = np.column_stack([data["children"], data["age"], data["woman"]]).astype(float)
    return change, np.array(data["treated"]), x


def test_welch_by_hand():
    # Means 2 and 6, variances of the means 2/2 and 4/3.
    found = welch([1.0, 3.0], [4.0, 6.0, 8.0])
    assert (found.estimate, found.n_treated, found.n_control) == (-4.0, 2, 3)
    assert found.standard_error == pytest.approx(np.sqrt(1 + 4 / 3))
    assert found.df == pytest.approx((7 / 3) ** 2 / (1**2 / 1 + (4 / 3) ** 2 / 2))


def test_welch_compares_columns_each_by_its_known_rows():
    first = np.array([[1.0, 5.0], [3.0, np.nan], [5.0, 7.0]])
    second = np.array([[2.0, 1.0], [4.0, 2.0]])
    found = welch(first, second)
    alone = welch([5.0, 7.0], [1.0, 2.0])
    assert found.n_treated.tolist() == [3, 2]
    assert found.estimate[1] == pytest.approx(alone.estimate)
    assert found.standard_error[1] == pytest.approx(alone.standard_error)
    assert found.df[1] == pytest.approx(alone.df)


@pytest.mark.parametrize("treated", [[], [1.0], [2.0, 2.0]])
def test_welch_without_spread_has_no_error(treated):
    found = welch(np.array(treated), np.array([2.0, 2.0]))
    assert np.isnan(found.standard_error)
    assert np.isnan(found.interval()).all()


def test_welch_agrees_with_r():
    change, treated, _ = reference_rows()
    expected = REFERENCE["unadjusted"]["w_1_12"]
    found = welch(change[treated], change[~treated])
    assert found.estimate == pytest.approx(expected["estimate"], rel=1e-12)
    assert found.standard_error == pytest.approx(expected["se"], rel=1e-12)
    assert found.df == pytest.approx(expected["df"], rel=1e-12)
    assert found.interval() == pytest.approx(expected["ci"], rel=1e-10)


def test_adjusted_difference_by_hand():
    # y = 1 + 2 T + 3 x exactly: the coefficient of T is 2 and nothing is left over.
    x = np.array([0.0, 1.0, 2.0, 0.0, 1.0, 3.0])
    treated = np.array([True, True, True, False, False, False])
    found = adjusted_difference(1 + 2 * treated + 3 * x, treated, x)
    assert found.estimate == pytest.approx(2.0)
    assert found.standard_error == pytest.approx(0.0, abs=1e-9)


def test_adjusted_difference_agrees_with_r():
    change, treated, x = reference_rows()
    known = ~np.isnan(change)
    expected = REFERENCE["adjusted"]
    found = adjusted_difference(change[known], treated[known], x[known])
    assert found.estimate == pytest.approx(expected["estimate"], rel=1e-10)
    assert found.standard_error == pytest.approx(expected["se"], rel=1e-10)
    assert found.standard_error == pytest.approx(expected["hc2"], rel=1e-10)
    assert found.df == pytest.approx(expected["df"], rel=1e-10)


def test_a_control_that_serves_twice_is_in_the_error_as_in_r():
    _, treated, x = reference_rows()
    case = REFERENCE["repeated"]
    rows = np.array(case["rows"]) - 1
    found = adjusted_difference(case["outcome"], treated[rows], x[rows], clusters=rows)
    assert found.estimate == pytest.approx(case["found"]["estimate"], rel=1e-10)
    assert found.standard_error == pytest.approx(case["found"]["se"], rel=1e-9)
    assert found.df == pytest.approx(case["found"]["df"], rel=1e-9)


def test_clusters_of_one_row_give_the_unclustered_error():
    change, treated, x = reference_rows()
    plain = adjusted_difference(change, treated, x)
    named = adjusted_difference(change, treated, x, clusters=np.arange(len(x))[::-1])
    assert named.standard_error == pytest.approx(plain.standard_error, rel=1e-12)
    assert named.df == pytest.approx(plain.df, rel=1e-12)


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_scale_of_covariates_do_not_matter(random):
    change, treated, x = reference_rows()
    order = np.array(random.sample(range(len(x)), len(x)))
    plain = adjusted_difference(change, treated, x)
    other = adjusted_difference(change[order], treated[order], 7 - 1000 * x[order])
    assert other.estimate == pytest.approx(plain.estimate, rel=1e-9)
    assert other.standard_error == pytest.approx(plain.standard_error, rel=1e-9)
    assert other.df == pytest.approx(plain.df, rel=1e-9)


@given(st.lists(numbers, min_size=2, max_size=9), st.lists(numbers, min_size=2, max_size=9))
def test_swapping_the_groups_turns_the_sign(first, second):
    there, back = welch(first, second), welch(second, first)
    assert there.estimate == pytest.approx(-back.estimate, abs=1e-6)
    low, high = there.interval()
    assert np.isnan(low) or low <= there.estimate <= high


def test_constant_covariates_are_dropped():
    change, treated, x = reference_rows()
    plain = adjusted_difference(change, treated, x)
    assert adjusted_difference(change, treated, np.column_stack([x, np.ones(len(x))])) == plain


@pytest.mark.parametrize(
    ("outcome", "treated", "x", "words"),
    [
        ([1.0, np.nan], [True, False], [[0.0], [1.0]], "known outcome"),
        ([1.0, 2.0], [True, True], [[0.0], [1.0]], "both groups"),
        ([1.0, 2.0, 3.0], [True, False, False], [[1.0], [0.0], [0.0]], "leave out a covariate"),
    ],
)
def test_what_cannot_be_fitted_says_what_to_do(outcome, treated, x, words):
    with pytest.raises(MetricInputError, match=words):
        adjusted_difference(outcome, treated, x)
