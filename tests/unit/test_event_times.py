"""Curves on arrays: by hand, their properties, edges and error texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfcore.errors import MetricInputError
from hfcore.estimators import competing_risks as et

SAMPLES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=60)


def counted(sample, n_causes=3):
    times, causes = zip(*sample, strict=True)
    return et.count_events(times, causes, n_causes)


def test_ties_by_hand():
    # At 3: one event of each cause and one censored, of six; the censored is still at risk at 3.
    counts = et.count_events([3, 3, 3, 5, 5, 8], [1, 2, 0, 1, 0, 0], 2)
    share, error = et.aalen_johansen(counts)
    survival, _ = et.kaplan_meier(counts)
    assert survival.tolist() == pytest.approx([4 / 6, 4 / 9, 4 / 9])
    assert share[-1].tolist() == pytest.approx([1 / 6 + 4 / 6 / 3, 1 / 6])
    assert error[0].tolist() == pytest.approx([np.sqrt(5 / 216)] * 2)


def test_restricted_mean_and_losses_by_hand():
    counts = et.count_events([2, 4, 4, 6], [1, 2, 0, 0], 2)
    mean, _ = et.restricted_mean(counts, 6)
    lost, _ = et.months_lost(counts, 6)
    # S = 3/4 from 2, 1/2 from 4: 2 + 2 · 3/4 + 2 · 1/2; F1 = 1/4 over 4, F2 = 1/4 over 2.
    assert mean == pytest.approx(4.5)
    assert lost.tolist() == pytest.approx([1.0, 0.5])


def test_horizon_between_and_before_times():
    counts = et.count_events([2, 4], [1, 1], 1)
    assert et.restricted_mean(counts, 1) == (1.0, 0.0)
    assert et.restricted_mean(counts, 3)[0] == pytest.approx(2.5)
    assert et.months_lost(counts, 1)[0].tolist() == [0.0]


@given(SAMPLES)
def test_shares_and_survival_add_up_to_one(sample):
    counts = counted(sample)
    share, _ = et.aalen_johansen(counts)
    survival, _ = et.kaplan_meier(counts)
    assert np.allclose(share.sum(axis=1) + survival, 1)
    assert np.all(np.diff(share, axis=0) >= -1e-12)


@given(SAMPLES, st.integers(1, 40))
def test_mean_and_losses_add_up_to_the_horizon(sample, horizon):
    counts = counted(sample)
    total = et.restricted_mean(counts, horizon)[0] + et.months_lost(counts, horizon)[0].sum()
    assert total == pytest.approx(horizon)


@given(SAMPLES)
def test_without_censoring_the_share_is_the_plain_share(sample):
    times = [time for time, _ in sample]
    causes = [cause or 1 for _, cause in sample]
    share, error = et.aalen_johansen(et.count_events(times, causes, 3))
    plain = np.bincount(causes, minlength=4)[1:] / len(sample)
    assert np.allclose(share[-1], plain)
    assert np.allclose(error[-1], np.sqrt(plain * (1 - plain) / len(sample)), atol=1e-7)


@given(SAMPLES)
def test_one_cause_has_the_errors_of_kaplan_meier(sample):
    counts = counted([(time, min(cause, 1)) for time, cause in sample], 1)
    survival, error = et.kaplan_meier(counts)
    share, share_error = et.aalen_johansen(counts)
    assert np.allclose(share[:, 0], 1 - survival)
    inside = survival > 1e-9
    assert np.allclose(share_error[inside, 0], error[inside], atol=1e-7)
    for horizon in (5, 20):
        mean, mean_error = et.restricted_mean(counts, horizon)
        lost, lost_error = et.months_lost(counts, horizon)
        assert lost[0] == pytest.approx(horizon - mean)
        assert lost_error[0] == pytest.approx(mean_error, abs=1e-7)


@given(SAMPLES)
def test_whole_and_fractional_times_count_alike(sample):
    times, causes = (np.array(each) for each in zip(*sample, strict=True))
    whole = et.count_events(times, causes, 3)
    fractional = et.count_events(times.astype(float), causes, 3)
    assert whole.times.tolist() == fractional.times.tolist()
    assert whole.at_risk.tolist() == fractional.at_risk.tolist()
    assert whole.events.tolist() == fractional.events.tolist()


@given(SAMPLES)
def test_losses_have_the_error_of_leaving_out_one_household(sample):
    """For samples without censoring the jackknife error of a mean is exact."""
    times = np.array([time for time, _ in sample])
    causes = np.array([cause or 2 for _, cause in sample])
    _, error = et.months_lost(et.count_events(times, causes, 3), 20)
    for cause in (1, 2, 3):
        own = np.where(causes == cause, np.clip(20 - times, 0, None), 0)
        assert error[cause - 1] == pytest.approx(own.std() / np.sqrt(len(own)), abs=1e-7)


def test_nobody():
    counts = et.count_events([], [], 2)
    assert counts.n == 0
    assert et.aalen_johansen(counts)[0].shape == (0, 2)
    assert et.at_risk_at(counts, [0, 5]).tolist() == [0, 0]
    assert not et.is_known_at(counts, [0]).any()


def test_all_at_time_zero():
    counts = et.count_events([0, 0, 0], [1, 1, 2], 2)
    share, error = et.aalen_johansen(counts)
    assert share.tolist() == pytest.approx(np.array([[2 / 3, 1 / 3]]))
    assert error[0].tolist() == pytest.approx([np.sqrt(2 / 27)] * 2)
    assert et.restricted_mean(counts, 5) == (0.0, 0.0)
    assert et.is_known_at(counts, [24]).all()


def test_known_as_long_as_somebody_is_followed():
    counts = et.count_events([4, 7], [1, 0], 1)
    assert et.is_known_at(counts, [6, 7, 8]).tolist() == [True, True, False]
    closed = et.count_events([4, 7], [0, 1], 1)
    assert et.is_known_at(closed, [8]).all()


@pytest.mark.parametrize(
    ("times", "causes", "message"),
    [
        ([-1], [0], "at least 0"),
        ([np.nan], [0], "at least 0"),
        ([1], [3], "from 0 (no event) to 2"),
        ([1], [-1], "from 0 (no event) to 2"),
        ([1, 2], [1], "same length"),
    ],
)
def test_what_cannot_be_is_refused(times, causes, message):
    with pytest.raises(MetricInputError) as refused:
        et.count_events(times, causes, 2)
    assert message in str(refused.value)


def test_many_households_cost_their_distinct_months():
    rng = np.random.default_rng(1)
    counts = et.count_events(rng.integers(0, 60, 200_000), rng.integers(0, 4, 200_000), 3)
    assert len(counts.times) == 60
    assert counts.n == 200_000
