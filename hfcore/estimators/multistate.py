"""State occupation over time, when households pass through several states in turn.

Households are followed for unequally long; the estimate is exact with ties. Cumulative incidences
are the case of one step (``competing_risks``, from counts alone); here a household's path is
needed, since its later steps depend on its earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hfcore.errors import MetricInputError

UNKNOWN = -1


@dataclass(frozen=True)
class Occupation:
    """The share in each state at each time, with its standard error, both of shape (T, K).

    ``at_risk`` (T, K) counts those in a state just before a time whose state at it is known;
    ``is_known`` (T,) is false from the first time on at which a state that some are in has nobody
    who is followed.
    """

    share: np.ndarray
    error: np.ndarray
    at_risk: np.ndarray
    is_known: np.ndarray


def occupation(states: ArrayLike, n_states: int, weights: ArrayLike | None = None) -> Occupation:
    """Aalen–Johansen estimate of the share in each state, followed unequally long.

    Parameters
    ----------
    states : array (n, 1 + T) of whole numbers
        One row a household: its first state, then its state at each of T times; −1 from the first
        time on at which it is no longer followed.
    n_states : int
        K; the states are 0 … K − 1.
    weights : array (n,), optional
        Such as balancing weights, whole or not; 1 where not given.

    Returns
    -------
    Occupation

    Raises
    ------
    MetricInputError
        Where a state is not between −1 and K − 1, the first is unknown, or one returns from −1.

    Notes
    -----
    Estimand: the probability of being in the state at the time. Consistent whatever the steps
    depend on, if the end of follow-up is unrelated to them (Datta & Satten 2001). The error is the
    infinitesimal jackknife over households: robust to weights and to steps that depend on what
    went before; with one step and without weights it is Greenwood's.

    References
    ----------
    Aalen & Johansen (1978); Datta & Satten (2001) Stat Probab Lett 55:403; Therneau & Grambsch
    (2000), section 7.2, for the jackknife.

    Examples
    --------
    Of four, one goes to 1 and on to 2, one goes to 1 and is followed no longer.

    >>> paths = [[0, 1, 2, 2], [0, 1, -1, -1], [0, 0, 0, 0], [0, 0, 0, 1]]
    >>> occupation(paths, 3).share.tolist()
    [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.25, 0.25, 0.5]]
    """
    paths, weight, square = _distinct_paths(np.asarray(states), n_states, weights)
    total = weight.sum()
    share = np.bincount(paths[:, 0], weights=weight, minlength=n_states) / max(total, 1e-300)
    influence = (np.eye(n_states)[paths[:, 0]] - share) / max(total, 1e-300)
    steps, is_known = [], bool(total > 0)
    for before, now in zip(paths.T[:-1], paths.T[1:], strict=True):
        followed = np.flatnonzero(now != UNKNOWN)
        moves, at_risk = _moves(before[followed], now[followed], weight[followed], n_states)
        is_known = is_known and not np.any((share > 0) & (at_risk == 0))
        surprise = np.eye(n_states)[now[followed]] - moves[before[followed]]
        pull = (share / np.where(at_risk > 0, at_risk, 1))[before[followed]]
        influence = influence @ moves
        influence[followed] += pull[:, None] * surprise
        share = share @ moves
        steps.append((share, np.sqrt(square @ influence**2), at_risk, is_known))
    parts = [np.array(part) for part in zip(*steps, strict=True)]
    return Occupation(*parts)


def _distinct_paths(
    states: np.ndarray, n_states: int, weights: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The paths that occur, and the sums of the weights and squared weights of who took each."""
    if states.ndim != 2 or states.shape[1] < 2:
        raise MetricInputError("States are a row a household: the first, then one a time.")
    if states.size and not (states.min() >= UNKNOWN and states.max() < n_states):
        raise MetricInputError(f"States are whole numbers from -1 (unknown) to {n_states - 1}.")
    gone = states == UNKNOWN
    if gone[:, 0].any() or np.any(gone[:, :-1] & ~gone[:, 1:]):
        raise MetricInputError("The first state must be known, and none after an unknown one.")
    which = _numbered(states, n_states)
    example = np.empty(which.max(initial=-1) + 1, dtype=np.int64)
    example[which] = np.arange(len(states))
    weight = np.ones(len(states)) if weights is None else np.asarray(weights, float)
    sums = [np.bincount(which, w, minlength=len(example)) for w in (weight, weight**2)]
    return states[example].astype(np.int64), *sums


def _numbered(states: np.ndarray, n_states: int) -> np.ndarray:
    """The number of each row among the distinct rows in their order, by time from left to right.

    Counting instead of sorting: linear in households.

    >>> _numbered(np.array([[0, 1], [0, -1], [0, 1]]), 2).tolist()
    [1, 0, 1]
    """
    number = np.zeros(len(states), dtype=np.int64)
    for column in states.T:
        number = number * (n_states + 1) + column - UNKNOWN
        number = (np.cumsum(np.bincount(number) > 0) - 1)[number]
    return number


def _moves(
    before: np.ndarray, now: np.ndarray, weight: np.ndarray, n_states: int
) -> tuple[np.ndarray, np.ndarray]:
    """The share of each state that goes to each (stays, where nobody is followed), and its size."""
    cells = np.bincount(before * n_states + now, weights=weight, minlength=n_states**2)
    counts = cells.reshape(n_states, n_states)
    at_risk = counts.sum(axis=1)
    moves = np.divide(counts, at_risk[:, None], out=np.eye(n_states), where=at_risk[:, None] > 0)
    return moves, at_risk
