"""Intervals against R and against what they must be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reference_cohort import REFERENCE, read_reference
from scipy import stats

from hfcore.errors import MetricInputError
from hfcore.estimators import intervals, proportions
from hfcore.estimators.regression import adjusted_difference

R = read_reference("shares.json")
ADULTS = pd.read_csv(REFERENCE / "adults.csv")


@pytest.mark.parametrize(("pair", "wanted"), list(zip(R["pairs"], R["wilson"], strict=True)))
def test_wilson_agrees_with_r(pair, wanted):
    assert list(intervals.wilson(*pair)) == pytest.approx(wanted, abs=1e-10)


def test_mean_agrees_with_r():
    values = np.array(R["values"])
    found = intervals.mean_t(values.mean(), values.std(ddof=1), len(values))
    assert list(found) == pytest.approx(R["mean_t"], abs=1e-10)


def test_detectable_difference_agrees_with_r():
    wanted = R["detectable"]
    found = intervals.detectable_difference(wanted["n"], wanted["n"], wanted["p"])
    numbers = [np.nan if value is None else value for value in wanted["difference"]]
    assert found.tolist() == pytest.approx(numbers, abs=1e-6, nan_ok=True)
    for case in R["unequal"]:
        found = intervals.detectable_difference(case["n"], case["n_other"], case["p"])
        assert float(found) == pytest.approx(case["difference"], abs=1e-9)


class TestAdults:
    """Adults in households of one or two."""

    codes = pd.factorize(ADULTS["household"])[0]
    groups = pd.factorize(ADULTS["group"])[0]

    def test_correlation_agrees_with_r(self):
        found = intervals.icc(ADULTS["y"], self.codes, self.groups)
        assert found == pytest.approx(R["icc"], abs=1e-10)

    def test_correlation_does_not_depend_on_names(self):
        swapped = self.codes.max() - self.codes
        found = intervals.icc(ADULTS["y"], swapped, 1 - self.groups)
        assert found == pytest.approx(R["icc"], abs=1e-10)

    def test_newcombe_on_effective_numbers_agrees_with_r(self):
        arms = R["arms"]
        for name, arm in arms.items():
            sizes = ADULTS.loc[ADULTS["group"].eq(name)].groupby("household").size()
            found = intervals.effective_n(arm["n"], (sizes**2).sum(), R["icc"])
            assert float(found) == pytest.approx(arm["neff"], abs=1e-9)
        keys = [(arm, key) for arm in ("participant", "control") for key in ("x", "n", "neff")]
        found = proportions.newcombe_clustered(*(arms[arm][key] for arm, key in keys))
        assert [float(end) for end in found] == pytest.approx(R["newcombe"], abs=1e-9)

    def test_cluster_robust_agrees_with_r(self):
        found = adjusted_difference(
            ADULTS["y"], ADULTS["group"].eq("participant"), np.empty((len(ADULTS), 0)), self.codes
        )
        assert found.estimate == pytest.approx(R["difference"], abs=1e-10)
        assert found.standard_error == pytest.approx(R["cr2"]["se"], abs=1e-10)
        assert found.df == pytest.approx(R["cr2"]["df"], abs=1e-8)


def test_wilson_at_the_edges():
    low, high = intervals.wilson([0, 20, 0], [20, 20, 0])
    assert low[:2].tolist() == pytest.approx([0, 1 - high[0]])
    assert high[1] == 1
    assert np.isnan(low[2])
    assert np.isnan(high[2])


def test_wilson_inverts_the_score_test():
    for end in intervals.wilson(7, 30):
        z = (7 / 30 - end) / np.sqrt(end * (1 - end) / 30)
        assert abs(z) == pytest.approx(stats.norm.ppf(0.975))


def test_log_log_is_null_at_none_and_all():
    low, high = intervals.log_log([0.0, 1.0, 0.3], [0.0, 0.0, 0.1])
    assert np.isnan(low[:2]).all()
    assert np.isnan(high[:2]).all()
    assert 0 < low[2] < 0.3 < high[2] < 1


def test_mean_of_one_has_no_interval():
    assert np.isnan(intervals.mean_t([3.0], [np.nan], [1])).all()


def test_correlation_of_single_persons_is_none():
    assert intervals.icc([1, 0, 1], [0, 1, 2]) == 0
    assert intervals.icc([], []) == 0


def test_more_events_than_members_are_refused():
    with pytest.raises(MetricInputError, match="between 0 and n"):
        intervals.wilson(21, 20)
    with pytest.raises(MetricInputError, match="between 0 and n"):
        intervals.wilson(-1, 20)


@pytest.mark.parametrize("n", [20, 30, 95])
@pytest.mark.parametrize("share", [0.08, 0.3])
def test_wilson_covers(n, share):
    """Exact coverage by adding up the binomial probabilities, no simulation."""
    events = np.arange(n + 1)
    low, high = intervals.wilson(events, n)
    covered = stats.binom.pmf(events, n, share)[(low <= share) & (share <= high)].sum()
    assert 0.92 < covered < 0.985
