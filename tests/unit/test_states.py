"""Shares in states: by hand, against R's survfit, properties, edges and error texts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_cohort import REFERENCE, read_reference

from hfcore.errors import MetricInputError
from hfcore.estimators import competing_risks
from hfcore.estimators.multistate import occupation

OPEN, AWAY, BACK, GONE = range(4)
R = read_reference("states.json")
SAMPLES = st.lists(
    st.tuples(
        st.integers(0, 20), st.sampled_from([AWAY, GONE]), st.integers(1, 9), st.integers(0, 25)
    ),
    min_size=1,
    max_size=40,
)


def path(left, kind, back, end, last=24):
    """A household's states from before month 0 to the last month; NaN where a step is absent."""
    months = np.arange(last + 1)
    state = np.where(months >= left, kind, OPEN)
    state = np.where((kind == AWAY) & (months >= back), BACK, state)
    # Who has come back or gone has nowhere to go from there, and is known for ever.
    final = back if kind == AWAY else left
    is_known = (months <= end) | ((months >= final) & (final <= end))
    return np.append(OPEN, np.where(is_known, state, -1))


def reference_paths():
    months = pd.read_csv(REFERENCE / "states.csv")
    left, back = (months[name].fillna(np.inf) for name in ("left", "back"))
    kind = months["kind"].map({"away": AWAY, "gone": GONE}).fillna(OPEN).astype(int)
    paths = [path(*each) for each in zip(left, kind, back, months["end"], strict=True)]
    return np.array(paths), months["weight"]


def drawn(sample):
    return np.array([path(left, kind, left + wait, end) for left, kind, wait, end in sample])


def test_by_hand():
    # Month 1: 2 of 4 go away. Month 2: of the two away one is followed, and comes back. Month 3:
    # of the two left open one goes away; the state of the one lost in month 2 is what 1 of 1 did.
    paths = [
        [OPEN, AWAY, BACK, BACK],
        [OPEN, AWAY, -1, -1],
        [OPEN, OPEN, OPEN, OPEN],
        [OPEN, OPEN, OPEN, AWAY],
    ]
    found = occupation(paths, 3)
    assert found.share.tolist() == [[0.5, 0.5, 0], [0.5, 0, 0.5], [0.25, 0.25, 0.5]]
    assert found.at_risk.tolist() == [[4, 0, 0], [2, 1, 0], [2, 0, 1]]
    # The share away in month 1 is a plain share of four; all of the two then have come back, so
    # in month 2 the share back has the same error.
    assert found.error[0].tolist() == pytest.approx([0.25, 0.25, 0])
    assert found.error[1].tolist() == pytest.approx([0.25, 0, 0.25])
    assert found.is_known.all()


@pytest.mark.parametrize("kind", ["plain", "weighted"])
def test_agrees_with_r(kind):
    paths, weight = reference_paths()
    found = occupation(paths, 4, weight if kind == "weighted" else None)
    assert R[kind]["state"] == ["(s0)", "away", "back", "gone"]
    np.testing.assert_allclose(found.share, R[kind]["share"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.error, R[kind]["error"], rtol=0, atol=1e-12)


@given(SAMPLES)
def test_shares_add_up_to_one_and_lie_within(sample):
    found = occupation(drawn(sample), 4)
    assert np.allclose(found.share.sum(axis=1), 1)
    assert found.share.min() >= -1e-12
    # Who has come back or gone stays so.
    assert np.all(np.diff(found.share[:, [BACK, GONE]], axis=0) >= -1e-12)


@given(SAMPLES)
def test_leaving_is_the_cumulative_incidence(sample):
    left, kind, _, end = (np.array(each) for each in zip(*sample, strict=True))
    cause = np.where(left <= end, np.where(kind == AWAY, 1, 2), 0)
    counts = competing_risks.count_events(np.minimum(left, end), cause, 2)
    share, error = (
        competing_risks.at_times(counts, each, np.arange(25))
        for each in competing_risks.aalen_johansen(counts)
    )
    found = occupation(drawn(sample), 4)
    assert np.allclose(found.share[:, AWAY] + found.share[:, BACK], share[:, 0])
    assert np.allclose(found.share[:, GONE], share[:, 1])
    assert np.allclose(found.error[:, GONE], error[:, 1], atol=1e-7)


@given(SAMPLES, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_whole_weights_are_copies(sample, random):
    paths = drawn(sample)
    weight = np.array([random.randint(1, 3) for _ in sample])
    order = random.sample(range(len(paths)), len(paths))
    whole = occupation(paths, 4, weight)
    assert np.allclose(occupation(paths[order], 4, weight[order]).error, whole.error)
    assert np.allclose(occupation(np.repeat(paths, weight, axis=0), 4).share, whole.share)
    assert np.allclose(occupation(paths, 4, weight / 7).error, whole.error)


def test_without_end_of_follow_up_the_share_is_the_plain_share():
    paths = drawn([(3, AWAY, 4, 24), (5, AWAY, 30, 24), (30, AWAY, 1, 24), (2, GONE, 1, 24)])
    found = occupation(paths, 4)
    assert found.share[-1].tolist() == [0.25] * 4
    assert found.error[-1].tolist() == pytest.approx([np.sqrt(0.25 * 0.75 / 4)] * 4)


def test_a_state_that_nobody_is_followed_in_is_unknown_from_then_on():
    found = occupation([[OPEN, AWAY, -1], [OPEN, OPEN, OPEN]], 3)
    assert found.is_known.tolist() == [True, False]


def test_nobody_one_and_everybody_lost():
    nobody = occupation(np.empty((0, 3), int), 4)
    assert nobody.share.tolist() == [[0] * 4] * 2
    assert not nobody.is_known.any()
    one = occupation([path(2, AWAY, 4, 24)], 4)
    assert one.share[[1, 2, 4]].argmax(axis=1).tolist() == [OPEN, AWAY, BACK]
    assert one.error.max() == 0
    lost = occupation([[OPEN, -1]] * 3, 4)
    assert lost.share.tolist() == [[1, 0, 0, 0]]
    assert lost.is_known.tolist() == [False]


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ([[0, 4]], "whole numbers from -1"),
        ([[-1, 0]], "The first state must be known"),
        ([[0, -1, 0]], "none after an unknown one"),
        ([0, 1], "a row a household"),
    ],
)
def test_errors(paths, words):
    with pytest.raises(MetricInputError, match=words):
        occupation(paths, 4)
