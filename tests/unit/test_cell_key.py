"""The noise of counts: its table, its look-up, and what it never does."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfcore.errors import StudyError
from hfcore.study import Publication
from hfpublish.disclosure.cell_key import add_noise, midpoint, noise_probabilities

DEFAULT = Publication()
CHANGES = np.arange(-3, 4)


def shown(count, key, publication=DEFAULT):
    noisy = add_noise(pd.Series([count]), pd.Series([key], dtype="float64"), publication)
    return noisy.iloc[0]


def test_zero_stays_zero_and_one_becomes_zero_or_three():
    # By hand: from 1 only 0, 3 and 4 may be shown; mean 0 and variance 2 leave 2/3, 1/3 and none.
    table = noise_probabilities(3, 2.0, 3)
    assert table[0].tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert table[1] == pytest.approx([0, 0, 2 / 3, 0, 0, 1 / 3, 0], abs=1e-9)
    assert table[2] == pytest.approx([0, 1 / 3, 0, 0, 2 / 3, 0, 0], abs=1e-9)


def test_large_counts_have_the_even_symmetric_noise():
    # exp(b v²) over −3 … 3 with variance 2, b found here by bisection.
    low, high = -2.0, 2.0
    for _ in range(200):
        b = (low + high) / 2
        weights = np.exp(b * CHANGES**2)
        low, high = (low, b) if weights @ CHANGES**2 / weights.sum() > 2 else (b, high)
    assert noise_probabilities(3, 2.0, 3)[6] == pytest.approx(weights / weights.sum(), abs=1e-9)


@pytest.mark.parametrize(("noise_max", "variance", "shown_from"), [(3, 2.0, 3), (4, 3.0, 3)])
def test_every_row_is_unbiased_with_the_variance(noise_max, variance, shown_from):
    table = noise_probabilities(noise_max, variance, shown_from)
    changes = np.arange(-noise_max, noise_max + 1)
    assert table.sum(axis=1) == pytest.approx(np.ones(len(table)), abs=1e-9)
    assert table @ changes == pytest.approx(np.zeros(len(table)), abs=1e-9)
    assert (table @ changes**2)[1:] == pytest.approx([variance] * (len(table) - 1), abs=1e-9)
    for count in range(1, len(table)):
        never = [c for c in range(count - noise_max, count + noise_max + 1) if c < 0]
        never += range(1, shown_from)
        places = [c - count + noise_max for c in never if 0 <= c - count + noise_max < len(changes)]
        assert not table[count][places].any()


def test_impossible_parameters_are_told():
    with pytest.raises(StudyError, match="noise_variance"):
        noise_probabilities(1, 5.0, 3)


@pytest.mark.parametrize(
    ("key", "expected"), [(0.0, 0), (0.66666, 0), (0.66667, 3), (0.9999, 3), (5.66667, 3)]
)
def test_both_sides_of_the_edge_of_a_single_contributor(key, expected):
    assert shown(1, key) == expected


def test_without_keys_a_count_is_the_middle_of_its_six():
    assert [shown(count, np.nan) for count in (0, 1, 6, 7, 12, 13)] == [0, 3, 3, 9, 9, 15]
    assert midpoint(np.array([0])).tolist() == [0]


def test_the_same_contributors_have_the_same_noise_in_any_order():
    keys = np.random.default_rng(4).random(25)
    assert shown(25, keys.sum()) == shown(25, keys[::-1].sum()) == shown(25, keys.sum() + 3)


def test_null_stays_null_and_input_is_unchanged():
    counts = pd.Series([None, 5], dtype="Int64")
    before = counts.copy()
    noisy = add_noise(counts, pd.Series([0.5, 0.5]), DEFAULT)
    assert noisy.isna().tolist() == [True, False]
    pd.testing.assert_series_equal(counts, before)


@given(st.integers(0, 2000), st.floats(0, 1000, allow_nan=False))
def test_noise_is_small_and_never_shows_one_or_two(count, key):
    value = shown(count, key)
    assert abs(value - count) <= 3
    assert value == 0 or value >= 3


def test_the_noise_of_many_keys_follows_the_table():
    keys = (np.arange(6000) + 0.5) / 6000
    noise = add_noise(pd.Series([20] * 6000), pd.Series(keys), DEFAULT).to_numpy("int64") - 20
    shares = np.array([(noise == change).mean() for change in CHANGES])
    assert shares == pytest.approx(noise_probabilities(3, 2.0, 3)[-1], abs=1e-3)
