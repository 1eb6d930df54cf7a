"""Counts that may be printed: each is moved by a small random number drawn from its own members.

The record keys of a cell's contributors, added up modulo 1, look up the noise in a table of
probabilities. The same contributors so get the same noise in every table, notebook and release,
and asking again teaches nothing.

References: Fraser & Wooton (2005), A proposed method for confidentialising tabular output;
Giessing (2016), Computational issues in the design of transition probabilities, eqs. 1-5.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from hfcore.errors import StudyError
from hfcore.study import Publication

MIDPOINT_WIDTH = 6
# The probabilities are cut here, so that the last bits of a machine's arithmetic change no noise.
DECIMALS = 12


@cache
def noise_probabilities(noise_max: int, variance: float, shown_from: int) -> np.ndarray:
    """How likely each noise is, for each true count.

    Parameters
    ----------
    noise_max : largest change of a count.
    variance : variance of the change, for every count above 0.
    shown_from : the smallest count, besides 0, that may be shown.

    Returns
    -------
    Array of shape (noise_max + shown_from + 1, 2 noise_max + 1): row i for the true count i (the
    last row for it and all larger ones), columns for the changes -noise_max … noise_max. Rows sum
    to 1, have mean 0 and the variance, and are otherwise as even as can be (largest entropy).

    Raises
    ------
    StudyError where no such probabilities exist.

    Examples
    --------
    A single contributor is shown as 0 (two times in three) or as 3:

    >>> noise_probabilities(3, 2.0, 3)[1].round(3).tolist()
    [0.0, 0.0, 0.667, 0.0, 0.0, 0.333, 0.0]
    """
    changes = np.arange(-noise_max, noise_max + 1)
    rows = [(changes == 0).astype(float)]
    for count in range(1, noise_max + shown_from + 1):
        shown = count + changes
        allowed = (shown == 0) | (shown >= shown_from)
        row = np.zeros(len(changes))
        row[allowed] = _most_even(changes[allowed].astype(float), variance)
        rows.append(row)
    return np.vstack(rows).round(DECIMALS)


def _most_even(changes: np.ndarray, variance: float) -> np.ndarray:
    """The largest-entropy probabilities with mean 0 and a variance on some changes."""
    moments = np.vstack([np.ones_like(changes), changes, changes**2])
    targets = np.array([1.0, 0.0, variance])
    possible = _possible(moments, targets)
    if not possible.any():
        raise StudyError(
            "publication: noise_max, noise_variance and never_shown_below do not fit together; "
            "3, 2.0 and 3 do."
        )
    found = np.zeros_like(changes)
    found[possible] = _newton(moments[:, possible], targets)
    return found


def _possible(moments: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Which changes can have a probability above 0 at all under the moments."""
    from scipy.optimize import linprog

    best = []
    for place in range(moments.shape[1]):
        goal = np.zeros(moments.shape[1])
        goal[place] = -1.0
        answer = linprog(goal, A_eq=moments, b_eq=targets, bounds=(0, 1), method="highs")
        best.append(-answer.fun if answer.status == 0 else 0.0)
    return np.array(best) > 1e-9


def _newton(moments: np.ndarray, targets: np.ndarray, steps: int = 200) -> np.ndarray:
    """Probabilities exp(moments' x) that meet the targets, by damped Newton steps."""
    multipliers = np.zeros(len(moments))
    for _ in range(steps):
        chances = np.exp(moments.T @ multipliers)
        gap = targets - moments @ chances
        if np.abs(gap).max() < 1e-14:
            break
        slope = (moments * chances) @ moments.T
        step = np.linalg.lstsq(slope, gap, rcond=None)[0]
        multipliers = multipliers + step / max(1.0, np.abs(step).max())
    return chances


def add_noise(counts: pd.Series, key_sums: pd.Series, publication: Publication) -> pd.Series:
    """Counts moved by the noise that belongs to their contributors.

    Parameters
    ----------
    counts : true counts, null where there is none.
    key_sums : sum of the record keys of the contributors of each count; only its part after the
        decimal point matters.
    publication : the study's parameters of disclosure control.

    Returns
    -------
    Counts (Int64) as they may be shown. A count without keys becomes the middle of its group of
    six (1–6 → 3, 7–12 → 9), since no noise of its own can be drawn; 0 stays 0.

    Examples
    --------
    >>> add_noise(pd.Series([0, 1, 26, 26]), pd.Series([0.3, 0.9, 0.5, 7.5]), Publication())
    0     0
    1     3
    2    26
    3    26
    dtype: Int64
    """
    true = pd.to_numeric(counts).astype("Int64")
    known = true.notna().to_numpy()
    whole = true.fillna(0).to_numpy(dtype="int64")
    position = pd.to_numeric(key_sums).to_numpy(dtype="float64", na_value=np.nan)
    noisy = whole + noise_of(whole, position, publication)
    shown = np.where((whole > 0) & np.isnan(position), midpoint(whole), noisy)
    return pd.Series(shown, index=counts.index).astype("Int64").where(known)


def noise_of(counts: np.ndarray, key_sums: np.ndarray, publication: Publication) -> np.ndarray:
    """The noise that belongs to the contributors of counts (0 where there are none).

    >>> noise_of(np.array([0, 1, 25]), np.array([0.0, 0.9, 0.97]), Publication()).tolist()
    [0, 2, 3]
    """
    table = noise_probabilities(
        publication.noise_max, float(publication.noise_variance), publication.never_shown_below
    )
    whole = np.nan_to_num(np.asarray(counts, float)).astype("int64")
    position = np.mod(np.nan_to_num(np.asarray(key_sums, float)), 1.0)
    limits = table.cumsum(axis=1)[np.minimum(whole, len(table) - 1)]
    place = (position[..., None] >= limits[..., :-1]).sum(axis=-1)
    return np.where(whole == 0, 0, place - publication.noise_max)


def midpoint(counts: np.ndarray) -> np.ndarray:
    """The middle of the group of six that each count lies in; 0 stays 0.

    >>> midpoint(np.array([0, 1, 6, 7])).tolist()
    [0, 3, 3, 9]
    """
    groups = -(-np.asarray(counts) // MIDPOINT_WIDTH)
    return np.where(groups > 0, groups * MIDPOINT_WIDTH - MIDPOINT_WIDTH // 2, 0)
