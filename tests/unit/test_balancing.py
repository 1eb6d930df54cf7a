"""Scores, weights, pairs, and the differences made of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit
from support_cases import REFERENCE

from hfcore.errors import MetricInputError
from hfcore.estimators.matching import (
    MAX_EXACT_PAIRS,
    balance_limit,
    match_nearest,
    pair_differences,
    paired_difference,
    propensity_score,
    sign_flip_interval,
)
from hfcore.estimators.outcome_regression import effect_on_treated
from hfcore.estimators.weighting import (
    effective_sample_size,
    entropy_balanced_difference,
    entropy_weights,
    is_usable,
)


def reference_rows():
    data = REFERENCE["data"]
    x = np.column_stack([data["children"], data["age"], data["woman"]]).astype(float)
    return x, np.array(data["treated"])


def test_the_score_of_one_binary_covariate_is_the_share_in_its_cell():
    # Without the covariate 1 of 3 takes part, with it 2 of 3.
    x = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]])
    treated = np.array([True, False, False, True, True, False])
    assert propensity_score(x, treated) == pytest.approx([1 / 3] * 3 + [2 / 3] * 3, abs=1e-9)


def test_the_score_agrees_with_r():
    x, treated = reference_rows()
    assert propensity_score(x, treated) == pytest.approx(REFERENCE["score"], abs=1e-10)


def test_the_score_without_covariates_is_the_share_of_participants():
    treated = np.array([True, False, False, False])
    assert propensity_score(np.empty((4, 0)), treated) == pytest.approx([0.25] * 4)


def test_a_covariate_that_tells_the_groups_apart_has_no_score():
    x = np.array([[0.0], [1.0], [2.0], [5.0], [6.0], [7.0]])
    treated = x[:, 0] > 3
    with pytest.raises(MetricInputError, match="told apart completely"):
        propensity_score(x, treated)


def test_entropy_weights_by_hand():
    # Controls at 0 and 3, participants' mean 1: the weights 2/3 and 1/3 are the only ones.
    found = entropy_weights([[1.0], [1.0]], [[0.0], [3.0]])
    assert found.weights == pytest.approx([2 / 3, 1 / 3])
    assert found.is_balanced
    assert found.effective_sample_size == pytest.approx(9 / 5)


def test_entropy_weights_agree_with_r():
    x, treated = reference_rows()
    found = entropy_weights(x[treated], x[~treated])
    assert found.weights == pytest.approx(REFERENCE["weights"], abs=1e-7)
    assert found.effective_sample_size == pytest.approx(REFERENCE["ess"], rel=1e-6)


def test_a_mean_outside_the_controls_is_not_balanced():
    assert not entropy_weights([[9.0]], [[0.0], [1.0], [2.0]]).is_balanced


def test_weights_without_controls_say_what_is_missing():
    with pytest.raises(MetricInputError, match="both groups"):
        entropy_weights([[1.0]], np.empty((0, 1)))


@given(st.integers(0, 50))
def test_weights_sum_to_one_and_do_not_know_the_order(seed):
    rng = np.random.default_rng(seed)
    treated, control = rng.normal(0.2, 1, (12, 2)), rng.normal(0, 1, (40, 2))
    found = entropy_weights(treated, control)
    order = rng.permutation(40)
    again = entropy_weights(3 - 50 * treated, 3 - 50 * control[order])
    assert found.weights.sum() == pytest.approx(1)
    assert again.weights == pytest.approx(found.weights[order], abs=1e-9)
    assert found.weights @ control == pytest.approx(treated.mean(axis=0), abs=1e-6)


def test_effective_sample_size_of_equal_weights_is_their_number():
    assert effective_sample_size([0.2] * 7) == pytest.approx(7)
    assert effective_sample_size([]) == 0


def test_the_line_of_the_love_plot():
    assert [balance_limit(n) for n in (1, 49, 50, 51)] == [0.25, 0.25, 0.1, 0.1]


def test_nearest_by_hand():
    # The participant of the highest score chooses first; 0.5 is as near to 0.4 as to 0.6.
    found = match_nearest([0.5, 0.9], [0.4, 0.6, 0.8])
    assert found.tolist() == [[0, 0], [1, 2]]


@pytest.mark.parametrize(("caliper", "kept"), [(0.0999, 0), (0.1, 2), (0.1001, 2)])
def test_the_caliper_includes_its_edge(caliper, kept):
    # 0.5 − 0.4 and 0.9 − 0.8 are 0.1 up to rounding: the edge is drawn generously by it.
    caliper = caliper if caliper != 0.1 else 0.1 + 1e-15
    assert len(match_nearest([0.5, 0.9], [0.4, 0.8], caliper=caliper)) == kept


def test_scores_that_differ_by_rounding_are_ties():
    # On another processor the last digits are others: the row decides, not they.
    assert match_nearest([0.3, 0.1 + 0.2], [0.5]).tolist() == [[0, 0]]
    assert match_nearest([0.5], [0.6, 0.4]).tolist() == [[0, 0]]
    assert match_nearest([0.5], [0.1 + 0.2, 0.3]).tolist() == [[0, 0]]


def test_every_control_is_used_once():
    assert match_nearest([1.0, 1.0, 1.0], [1.0, 5.0]).tolist() == [[0, 0], [1, 1]]


def test_ratio_gives_everyone_a_first_before_anyone_a_second():
    found = match_nearest([2.0, 1.0], [1.0, 2.0, 3.0], ratio=2)
    assert sorted(map(tuple, found.tolist())) == [(0, 1), (0, 2), (1, 0)]


def test_exact_codes_must_agree():
    found = match_nearest([1.0, 2.0], [1.0, 2.0], exact=(["a", "b"], ["b", "c"]))
    assert found.tolist() == [[1, 0]]


def test_the_order_of_matching_can_be_given():
    assert match_nearest([1.0, 1.2], [1.1], order=[0, 1]).tolist() == [[0, 0]]
    assert match_nearest([1.0, 1.2], [1.1], order=[1, 0]).tolist() == [[1, 0]]


@pytest.mark.parametrize(("treated", "control"), [([], [1.0]), ([1.0], []), ([], [])])
def test_nobody_to_match_gives_no_pairs(treated, control):
    assert match_nearest(treated, control).shape == (0, 2)


def test_pairs_agree_with_r():
    x, treated = reference_rows()
    odds = logit(propensity_score(x, treated))
    mine, others = np.flatnonzero(treated), np.flatnonzero(~treated)
    found = match_nearest(odds[mine], odds[others], caliper=0.2 * odds.std(ddof=1))
    named = np.column_stack([mine[found[:, 0]], others[found[:, 1]]]) + 1
    assert named.tolist() == REFERENCE["pairs"]


def slow_match(treated, control, caliper):
    """Compare every participant with every control."""
    free, pairs = list(range(len(control))), []
    for row in sorted(range(len(treated)), key=lambda i: (-treated[i], i)):
        near = [j for j in free if abs(control[j] - treated[row]) <= caliper]
        if near:
            best = min(near, key=lambda j: (abs(control[j] - treated[row]), j))
            pairs.append([row, best])
            free.remove(best)
    return sorted(pairs)


@given(
    st.lists(st.integers(0, 12), max_size=12),
    st.lists(st.integers(0, 12), max_size=20),
    st.sampled_from([0.0, 1.0, 3.0, np.inf]),
)
def test_quick_matching_is_slow_matching(treated, control, caliper):
    found = match_nearest(treated, control, caliper=caliper)
    assert found.tolist() == slow_match(treated, control, caliper)


def test_paired_difference_by_hand():
    # Sets: 10 − mean(4, 6) and 7 − 5.
    pairs = [[0, 0], [0, 1], [1, 2]]
    found = paired_difference([10.0, 7.0], [4.0, 6.0, 5.0], pairs)
    assert pair_differences([10.0, 7.0], [4.0, 6.0, 5.0], pairs).tolist() == [5.0, 2.0]
    assert (found.estimate, found.df) == (3.5, pytest.approx(1))
    assert found.standard_error == pytest.approx(np.sqrt(4.5 / 2))
    assert (found.n_treated, found.n_control) == (2, 3)


def test_sets_that_share_a_household_are_one_cluster():
    outcome, control = [1.0, 2.0, 9.0, 8.0], [0.0, 0.0, 0.0, 0.0]
    pairs = [[0, 0], [1, 1], [2, 2], [3, 3]]
    apart = paired_difference(outcome, control, pairs)
    shared = paired_difference(outcome, control, pairs, control_clusters=["a", "a", "b", "b"])
    assert shared.estimate == apart.estimate == 5
    assert shared.standard_error > apart.standard_error
    # Two clusters of equal size: their means 1.5 and 8.5 are two independent numbers.
    assert shared.standard_error == pytest.approx(np.std([1.5, 8.5], ddof=1) / np.sqrt(2))
    assert shared.df == pytest.approx(1)


def flipped_p(differences):
    """Two-sided p-value of no difference: all signs enumerated."""
    d = np.array(differences, dtype=float)
    signs = np.array(np.meshgrid(*[[-1, 1]] * len(d))).reshape(len(d), -1)
    sums, own = signs.T @ d, d.sum()
    tails = (sums >= own - 1e-9).mean(), (sums <= own + 1e-9).mean()
    return min(1.0, 2 * min(tails))


def test_five_pairs_can_reject_nothing():
    assert np.isnan(sign_flip_interval([1.0, 2.0, 3.0, 4.0, 5.0])).all()


def test_the_enumeration_agrees_with_r():
    case = REFERENCE["sign_flip"]
    assert flipped_p(case["gaps"]) == pytest.approx(case["p"], abs=1e-12)


@given(st.lists(st.integers(-30, 30), min_size=1, max_size=9))
def test_the_ends_of_the_flipped_interval_are_where_the_test_turns(differences):
    d = np.array(differences, dtype=float)
    low, high = sign_flip_interval(d)
    if not np.isnan(low):
        assert low <= d.mean() + 1e-9 and d.mean() <= high + 1e-9
        assert flipped_p(d - low - 0.01) > 0.05
        assert flipped_p(d - low + 0.01) <= 0.05 or low == high


@pytest.mark.parametrize("count", [0, MAX_EXACT_PAIRS + 1])
def test_too_many_pairs_to_enumerate_say_so(count):
    with pytest.raises(MetricInputError, match="1 to 20 pairs"):
        sign_flip_interval(np.ones(count))


ESTIMATORS = (
    lambda y, t, x: entropy_balanced_difference(y, t, x)[0],
    lambda y, t, x: effect_on_treated(y[t], y[~t], x[t], x[~t]).contrast,
)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_outcome_that_follows_the_covariates_leaves_the_effect(estimator):
    # Balanced means of x or a right outcome model: y = 5 + x'b + 40 T gives back the 40.
    x, treated = reference_rows()
    y = 5 + x @ [3.0, -1.0, 10.0] + 40 * treated
    assert estimator(y, treated, x).estimate == pytest.approx(40, abs=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_order_of_rows_does_not_matter(estimator):
    x, treated = reference_rows()
    rng = np.random.default_rng(5)
    y, order = rng.normal(size=len(x)), rng.permutation(len(x))
    plain, other = estimator(y, treated, x), estimator(y[order], treated[order], x[order])
    assert other.estimate == pytest.approx(plain.estimate, abs=1e-9)
    assert other.standard_error == pytest.approx(plain.standard_error, rel=1e-6)
    low, high = plain.interval()
    assert low < plain.estimate < high


def test_repeated_controls_widen_the_error_of_the_weighted_difference():
    x, treated = reference_rows()
    rng = np.random.default_rng(1)
    rows = np.concatenate([np.arange(30), np.flatnonzero(~treated)])
    y = rng.normal(size=30)[rows]
    apart = entropy_balanced_difference(y, treated[rows], x[rows])[0]
    together = entropy_balanced_difference(y, treated[rows], x[rows], clusters=rows)[0]
    assert together.estimate == apart.estimate
    assert together.standard_error > apart.standard_error


@pytest.mark.parametrize(("controls", "usable"), [(10, False), (11, True)])
def test_entropy_balancing_needs_ten_controls_beside_the_covariates(controls, usable):
    values = np.linspace(-1, 1, controls)[:, None]
    assert is_usable(entropy_weights([[0.0]], values), 1) is usable


def test_weighting_says_what_is_missing():
    with pytest.raises(MetricInputError, match="two rows of each group"):
        entropy_balanced_difference([1.0, 2.0, 3.0], [True, False, False], [[1.0]] * 3)
    with pytest.raises(MetricInputError, match="known outcome"):
        entropy_balanced_difference([np.nan] * 4, [True, True, False, False], [[1.0]] * 4)
