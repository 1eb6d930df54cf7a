"""Pooling of places against metafor and against brute force in R."""

from __future__ import annotations

import numpy as np
import pytest
from reference_cohort import read_reference

from hfcore.errors import MetricInputError
from hfcore.estimators.meta_analysis import pool_effects, pool_shares

R = read_reference("pooling.json")


@pytest.mark.parametrize("name", R["effects"])
def test_effects_agree_with_metafor(name):
    wanted = R["effects"][name]
    found = pool_effects(wanted["y"], wanted["se"])
    scale = max(wanted["se"])
    assert found.estimate == pytest.approx(wanted["estimate"], abs=1e-6 * scale)
    assert (found.ci_low, found.ci_high) == pytest.approx(
        (wanted["low"], wanted["high"]), abs=1e-6 * scale
    )
    assert found.tau_squared == pytest.approx(wanted["tau2"], rel=1e-6, abs=1e-9)
    assert found.i_squared == pytest.approx(wanted["i2"], abs=1e-6)
    assert found.predicted == pytest.approx(tuple(wanted["predicted"]), abs=1e-6 * scale)


@pytest.mark.parametrize("name", R["shares"])
def test_shares_agree_with_brute_force(name):
    wanted = R["shares"][name]
    found = pool_shares(wanted["x"], wanted["n"])
    assert found.estimate.tolist() == pytest.approx(wanted["mean"], abs=2e-6)
    assert found.pooled == pytest.approx(wanted["pooled"], abs=2e-6)
    assert found.correlation == pytest.approx(wanted["correlation"], abs=2e-6)
    # R inverts the whole mixture; the ends here are of the beta with its mean and variance.
    assert found.ci_low.tolist() == pytest.approx(wanted["low"], abs=0.012)
    assert found.ci_high.tolist() == pytest.approx(wanted["high"], abs=0.012)


def test_small_places_are_drawn_further():
    events, n = np.array([0, 10, 60]), np.array([10, 50, 200])
    found = pool_shares(events, n)
    drawn = np.abs(found.estimate - events / n) / np.abs(found.pooled - events / n)
    assert drawn[0] > drawn[1]
    assert (np.sign(found.estimate - events / n) == np.sign(found.pooled - events / n)).all()


def test_order_of_places_does_not_matter():
    events, n = np.array([30, 5, 4]), np.array([95, 23, 29])
    order = [2, 0, 1]
    first, other = pool_shares(events, n), pool_shares(events[order], n[order])
    assert other.estimate.tolist() == pytest.approx(first.estimate[order].tolist())
    assert other.pooled == pytest.approx(first.pooled)


def test_a_place_without_households_is_like_a_new_one():
    found = pool_shares([5, 0], [20, 0])
    assert found.estimate[1] == pytest.approx(found.pooled)
    assert found.ci_low[1] < found.ci_low[0]


@pytest.mark.parametrize(("events", "n"), [([0], [20]), ([20], [20]), ([0, 0, 0], [9, 9, 9])])
def test_none_and_all_have_an_interval(events, n):
    found = pool_shares(events, n)
    assert np.isfinite([found.ci_low, found.ci_high]).all()
    assert (found.ci_low < found.estimate).all()
    assert (found.estimate < found.ci_high).all()


def test_one_effect_has_no_interval_and_none_is_null():
    one = pool_effects([2.0], [1.0])
    assert (one.estimate, one.df) == (2.0, 0.0)
    assert np.isnan([one.ci_low, one.ci_high]).all()
    assert np.isnan(pool_effects([], []).estimate)
    assert np.isnan(pool_effects([np.nan], [1.0]).estimate)


def test_scale_carries_over():
    first, other = pool_effects([1, 2, 6], [1, 2, 1]), pool_effects([10, 20, 60], [10, 20, 10])
    assert other.estimate == pytest.approx(10 * first.estimate)
    assert other.tau_squared == pytest.approx(100 * first.tau_squared)


def test_what_cannot_be_is_refused():
    with pytest.raises(MetricInputError, match="standard errors above 0"):
        pool_effects([1.0], [0.0])
    with pytest.raises(MetricInputError, match="between 0 and n"):
        pool_shares([3], [2])
