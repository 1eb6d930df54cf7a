"""Differences within matched sets, and what chance alone could have done to them.

Arrays in, numbers out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hfcore.errors import MetricInputError
from hfcore.estimators.regression import Contrast, robust_coefficient

MAX_EXACT_PAIRS = 20


def gaps_within(outcome: ArrayLike, control_outcome: ArrayLike, pairs: ArrayLike) -> np.ndarray:
    """Participant minus the mean of its controls, one number a matched set.

    ``pairs`` are rows of participants and controls, as ``match_nearest`` gives them.
    """
    y1, y0 = (np.asarray(each, dtype=float) for each in (outcome, control_outcome))
    rows = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    sets, place = np.unique(rows[:, 0], return_inverse=True)
    counts = np.bincount(place, minlength=len(sets))
    return y1[sets] - np.bincount(place, weights=y0[rows[:, 1]], minlength=len(sets)) / counts


def paired_difference(
    outcome: ArrayLike,
    control_outcome: ArrayLike,
    pairs: ArrayLike,
    control_clusters: ArrayLike | None = None,
) -> Contrast:
    """Mean difference within matched sets, error by sets (Abadie & Spiess 2022).

    ``pairs`` are rows of participants and controls; several controls of one are averaged.
    ``control_clusters`` says which controls are the same household: sets that share one are
    one cluster, so that its repeated use is in the error.
    """
    gaps = gaps_within(outcome, control_outcome, pairs)
    rows = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    place = np.unique(rows[:, 0], return_inverse=True)[1]
    n = len(gaps)
    ids = np.arange(n) if control_clusters is None else _linked(place, rows, control_clusters)
    if len(set(ids)) < 2:
        return Contrast(gaps.mean() if n else np.nan, np.nan, np.nan, n, len(rows))
    return Contrast(*robust_coefficient(gaps, np.ones((n, 1)), 0, ids), n, len(rows))


def _linked(place: np.ndarray, rows: np.ndarray, control_clusters: ArrayLike) -> np.ndarray:
    """The cluster of each set: sets are linked where they use the same household."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    households = np.unique(np.asarray(control_clusters)[rows[:, 1]], return_inverse=True)[1]
    sets = int(place.max()) + 1
    size = sets + int(households.max()) + 1
    links = coo_array((np.ones(len(place)), (place, sets + households)), shape=(size, size))
    return connected_components(links, directed=False)[1][:sets]


def sign_flip(gaps: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Exact two-sided p-value of no difference in pairs, and the interval by inverting the test.

    Parameters
    ----------
    gaps : array (pairs,), at most 20.

    Returns
    -------
    p-value, low end, high end; an end is null where so few pairs can reject nothing.

    Notes
    -----
    Each pair's sign is as likely to be the other (Fisher 1935, §21). The 2^n − 1 means of subsets
    of pairs cut the line into parts of equal probability (Hartigan 1969), so the ends are order
    statistics of them: no search.

    Examples
    --------
    >>> [round(float(each), 3) for each in sign_flip([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]
    [0.031, 1.0, 6.0]
    """
    d = np.asarray(gaps, dtype=float)
    if not 1 <= len(d) <= MAX_EXACT_PAIRS:
        raise MetricInputError(f"The exact test needs 1 to {MAX_EXACT_PAIRS} pairs.")
    sums, sizes = np.zeros(1), np.zeros(1)
    for gap in d:
        sums, sizes = np.append(sums, sums + gap), np.append(sizes, sizes + 1)
    means = np.sort(sums[1:] / sizes[1:])
    total = 2.0 ** len(d)
    slack = 1e-9 * max(np.abs(d).max(), 1e-300)
    tails = 1 + min((means <= slack).sum(), (means >= -slack).sum())
    place = int(np.floor((1 - level) * total / 2 + 1e-9))
    ends = (means[place - 1], means[-place]) if place >= 1 else (np.nan, np.nan)
    return min(1.0, float(2 * tails / total)), float(ends[0]), float(ends[1])
