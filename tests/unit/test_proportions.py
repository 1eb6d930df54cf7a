"""Intervals and tests of shares: what they must be, beside the reference cases elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hfcore.errors import MetricInputError
from hfcore.estimators import exact_tests, proportions

DIFFERENCES = (
    proportions.newcombe,
    proportions.wald,
    proportions.agresti_caffo,
    proportions.miettinen_nurminen,
)
TABLES = [(5, 23, 30, 95), (1, 20, 7, 40), (12, 12, 3, 12)]
counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_newcombe_turns_around_with_the_groups():
    for interval in DIFFERENCES:
        for x1, n1, x2, n2 in TABLES:
            low, high = interval(x1, n1, x2, n2)
            low_turned, high_turned = interval(x2, n2, x1, n1)
            assert (low, high) == pytest.approx((-high_turned, -low_turned), abs=1e-9)


@given(counts, counts)
def test_intervals_lie_around_the_difference(first, other):
    difference = first[0] / first[1] - other[0] / other[1]
    for interval in (proportions.newcombe, proportions.miettinen_nurminen):
        low, high = interval(*first, *other)
        assert -1 <= low <= difference + 1e-9
        assert difference - 1e-9 <= high <= 1


@given(counts)
def test_mid_p_lies_within_the_exact_interval(case):
    wide, narrow = proportions.clopper_pearson(*case), proportions.mid_p(*case)
    share = case[0] / case[1]
    assert wide[0] <= narrow[0] + 1e-9
    assert narrow[0] <= share + 1e-9
    assert share - 1e-9 <= narrow[1] <= wide[1] + 1e-9


def test_the_exact_interval_agrees_with_the_library():
    for events, n in ((0, 20), (15, 148), (20, 20)):
        found = stats.binomtest(events, n).proportion_ci(method="exact")
        assert proportions.clopper_pearson(events, n) == pytest.approx(tuple(found), abs=1e-12)


def test_the_score_interval_inverts_its_test():
    """At its ends the score is 1.96, with the variance of the shares that a search finds."""
    x1, n1, x2, n2 = 5, 23, 30, 95
    for end in proportions.miettinen_nurminen(x1, n1, x2, n2):
        other = np.linspace(max(0, -end), min(1, 1 - end), 2_000_001)[1:-1]
        likely = stats.binom.logpmf(x1, n1, other + end) + stats.binom.logpmf(x2, n2, other)
        best = other[likely.argmax()]
        spread = (best + end) * (1 - best - end) / n1 + best * (1 - best) / n2
        score = (x1 / n1 - x2 / n2 - end) / np.sqrt(spread * (n1 + n2) / (n1 + n2 - 1))
        assert abs(score) == pytest.approx(stats.norm.ppf(0.975), abs=1e-5)


def test_nobody_has_no_interval():
    for interval in DIFFERENCES[:2] + DIFFERENCES[3:]:
        assert np.isnan(interval(0, 0, 3, 10)).all()
    assert np.isnan(proportions.clopper_pearson(0, 0)).all()
    assert np.isnan(proportions.mid_p(0, 0)).all()
    assert np.isnan(proportions.newcombe_paired(0, 0, 0, 0)).all()


def test_full_effective_numbers_change_nothing():
    plain = proportions.newcombe(5, 23, 30, 95)
    clustered = proportions.newcombe_clustered(5, 23, 23, 30, 95, 95)
    assert [float(end) for end in plain] == [float(end) for end in clustered]
    paired = proportions.newcombe_paired(20, 1, 9, 12)
    whole = proportions.newcombe_paired(20, 1, 9, 12, n_eff=42)
    assert [float(end) for end in paired] == [float(end) for end in whole]


def test_pairs_that_are_all_alike_count_as_half():
    pairs = proportions.newcombe_paired(40, 2, 18, 24, n_eff=42)
    ones = proportions.newcombe_paired(20, 1, 9, 12)
    assert [float(end) for end in pairs] == pytest.approx([float(end) for end in ones])


def test_paired_interval_turns_around_with_the_times():
    low, high = proportions.newcombe_paired(20, 1, 9, 12)
    later, earlier = proportions.newcombe_paired(20, 9, 1, 12)
    assert (float(low), float(high)) == pytest.approx((-float(earlier), -float(later)))


def test_boschloo_is_never_weaker_than_fisher():
    for table in TABLES:
        exact, fisher = exact_tests.boschloo(*table), exact_tests.fisher(*table)
        assert exact.greater <= fisher.greater + 1e-12
        assert exact.less <= fisher.less + 1e-12


def test_boschloo_leaves_groups_that_are_too_large():
    found = exact_tests.boschloo(300, 1000, 250, 1000)
    assert np.isnan([found.greater, found.less, found.two_sided]).all()


def test_chi_square_is_the_square_of_the_pooled_score():
    x1, n1, x2, n2 = TABLES[0]
    common = (x1 + x2) / (n1 + n2)
    z = (x1 / n1 - x2 / n2) / np.sqrt(common * (1 - common) * (1 / n1 + 1 / n2))
    found = exact_tests.chi_square(x1, n1, x2, n2)
    assert found == pytest.approx(2 * stats.norm.sf(abs(z)))


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (5, 0), (3, 3), (12, 2)])
def test_mid_p_of_mcnemar_lies_below_the_exact_one_and_knows_no_side(gained, lost):
    assert exact_tests.mcnemar_mid_p(gained, lost) <= exact_tests.mcnemar(gained, lost)
    assert exact_tests.mcnemar_mid_p(gained, lost) == exact_tests.mcnemar_mid_p(lost, gained)


def test_more_events_than_members_are_refused():
    refused = (*DIFFERENCES, exact_tests.fisher, exact_tests.boschloo, exact_tests.chi_square)
    for function in refused:
        with pytest.raises(MetricInputError, match="between 0 and n"):
            function(21, 20, 3, 10)
    for function in (proportions.clopper_pearson, proportions.mid_p):
        with pytest.raises(MetricInputError, match="between 0 and n"):
            function(21, 20)
