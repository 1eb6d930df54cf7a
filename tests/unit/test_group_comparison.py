"""Gray's test and pseudo-values: by hand, properties, edges and error texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from hfcore.errors import MetricInputError
from hfcore.estimators import competing_risks
from hfcore.estimators.competing_risks import pseudo_values
from hfcore.estimators.subdistribution import gray_test

SAMPLES = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 2), st.integers(0, 2)), min_size=4, max_size=40
)


def share_by(month):
    def share(counts):
        curve = competing_risks.aalen_johansen(counts)[0]
        return competing_risks.at_times(counts, curve, [month])[0, 0]

    return share


def test_gray_by_hand():
    # Without competing causes or censoring. At 1 one of group 0 leaves, of 2 and 2; at 2 one, of 1
    # and 2: the score of group 0 is (1 - 2/4) + (1 - 1/3) = 7/6; after that the risk sets are one
    # group's. The statistic is that of cuminc in R's cmprsk 2.2-11, near (7/6)^2 over the log-rank
    # test's variance 1/4 + 2/9, which is 2.88.
    found = gray_test([1, 2, 3, 4], [1, 1, 1, 1], [0, 0, 1, 1], cause=1)
    assert found.statistic == pytest.approx(2.815081, abs=5e-7)
    assert found.p_value == pytest.approx(0.09338219, abs=5e-9)
    assert found.p_value == pytest.approx(chi2.sf(found.statistic, 1))


def test_equal_groups_have_no_statistic_to_speak_of():
    times, causes = [1, 2, 2, 5, 7], [1, 2, 1, 0, 1]
    found = gray_test(times * 2, causes * 2, [0] * 5 + [1] * 5, cause=1)
    assert found.statistic == pytest.approx(0, abs=1e-12)
    assert found.p_value == pytest.approx(1)


@given(SAMPLES, st.permutations([0, 1, 2]), st.randoms(use_true_random=False))
def test_names_and_order_of_rows_do_not_matter(sample, names, random):
    times, causes, groups = (np.array(each) for each in zip(*sample, strict=True))
    found = gray_test(times, causes, groups, cause=1)
    order = random.sample(range(len(times)), len(times))
    renamed = gray_test(times[order], causes[order], np.array(names)[groups][order], cause=1)
    assert renamed.df == found.df
    if np.isfinite(found.statistic) and np.isfinite(renamed.statistic):
        assert renamed.statistic == pytest.approx(found.statistic, rel=1e-6, abs=1e-8)
        assert found.statistic >= -1e-9


@given(SAMPLES)
def test_later_names_of_months_do_not_matter(sample):
    times, causes, groups = (np.array(each) for each in zip(*sample, strict=True))
    found = gray_test(times, causes, groups, cause=1)
    again = gray_test(times * 3 + 1, causes, groups, cause=1)
    assert again.statistic == pytest.approx(found.statistic, nan_ok=True)


@pytest.mark.parametrize(
    ("causes", "groups", "df"),
    [([1, 0, 1], [0, 0, 0], 0), ([0, 0, 0], [0, 1, 1], 1), ([2, 2, 0], [0, 1, 1], 1), ([], [], 0)],
)
def test_one_group_or_nothing_happened_is_no_test(causes, groups, df):
    found = gray_test(list(range(len(causes))), causes, groups, cause=1)
    assert np.isnan(found.statistic)
    assert np.isnan(found.p_value)
    assert found.df == df


def test_level_of_the_test():
    # Both groups alike, a competing cause and censoring: about 5 in 100 below 0.05.
    rng = np.random.default_rng(3)
    below = []
    for _ in range(400):
        stay, followed = rng.geometric(0.06, 60), rng.integers(6, 37, 60)
        cause = np.where(stay <= followed, rng.integers(1, 3, 60), 0)
        found = gray_test(np.minimum(stay, followed), cause, np.repeat([0, 1], 30), cause=1)
        below.append(found.p_value < 0.05)
    assert 0.02 < np.mean(below) < 0.085


@given(SAMPLES)
def test_pseudo_values_without_censoring_are_what_happened(sample):
    times = np.array([time for time, _, _ in sample])
    causes = np.array([cause or 1 for _, cause, _ in sample])
    values = pseudo_values(times, causes, 2, share_by(6))
    assert np.allclose(values, (times <= 6) & (causes == 1))


@given(SAMPLES, st.randoms(use_true_random=False))
def test_pseudo_values_follow_their_household(sample, random):
    times, causes, _ = (np.array(each) for each in zip(*sample, strict=True))
    values = pseudo_values(times, causes, 2, share_by(6))
    order = random.sample(range(len(times)), len(times))
    assert np.allclose(pseudo_values(times[order], causes[order], 2, share_by(6)), values[order])


def test_pseudo_values_are_the_jackknife_done_in_full():
    times, causes = np.array([1, 2, 2, 4, 6, 8, 8]), np.array([1, 0, 2, 1, 0, 1, 2])
    whole = share_by(6)(competing_risks.count_events(times, causes, 2))
    kept = [np.arange(7) != place for place in range(7)]
    without = [share_by(6)(competing_risks.count_events(times[k], causes[k], 2)) for k in kept]
    values = pseudo_values(times, causes, 2, share_by(6))
    assert values.tolist() == pytest.approx([7 * whole - 6 * each for each in without])


def test_one_household():
    assert pseudo_values([3], [1], 1, share_by(6)).tolist() == [1]


def test_errors():
    with pytest.raises(MetricInputError, match="two lists of the same length"):
        gray_test([1, 2], [1, 1], [0], cause=1)
