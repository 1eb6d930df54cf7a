"""Do groups differ in how and when they leave: Gray's test, and pseudo-values for adjustment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from hfcore.errors import MetricInputError
from hfcore.estimators.competing_risks import EventCounts, count_events


@dataclass(frozen=True)
class ChiSquare:
    """A chi-square statistic with its degrees of freedom and p-value; NaN where there is none."""

    statistic: float
    df: int
    p_value: float


def gray_test(times: ArrayLike, causes: ArrayLike, groups: ArrayLike, cause: int) -> ChiSquare:
    """Gray's test that the cumulative incidence of one cause is the same in all groups.

    Parameters
    ----------
    times, causes : one a household, as ``count_events`` takes them.
    groups : whole numbers 0 … K − 1, one a household.
    cause : the number of the cause that is tested; the other causes compete.

    Returns
    -------
    The test with K − 1 degrees of freedom, K the groups that occur; NaN below two groups or where
    nothing of the cause happened.

    Notes
    -----
    Compares whole curves, unlike a difference at one month. The risk sets hold on to those that
    left for another cause, by the share that would still be followed. Exact with ties in the way
    of R's cmprsk (rho = 0).

    References
    ----------
    Gray (1988) Ann Stat 16:1141, section 2.

    Examples
    --------
    >>> gray_test([1, 2, 3, 4], [1, 1, 2, 1], [0, 0, 1, 1], cause=1).df
    1
    """
    times, causes, groups = (np.asarray(each) for each in (times, causes, groups))
    if groups.shape != times.shape:
        raise MetricInputError("Times and groups must be two lists of the same length.")
    present = np.unique(groups)
    df = len(present) - 1
    if df < 1 or not np.any(causes == cause):
        return ChiSquare(np.nan, max(df, 0), np.nan)
    score, variance = _score(*_tables(times, causes, groups, present, cause))
    score, variance = score[:df], variance[:df, :df]
    if np.linalg.matrix_rank(variance) < df:
        return ChiSquare(np.nan, df, np.nan)
    statistic = float(score @ np.linalg.solve(variance, score))
    return ChiSquare(statistic, df, float(chdtrc(df, statistic)))


def _tables(
    times: np.ndarray, causes: np.ndarray, groups: np.ndarray, present: np.ndarray, cause: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At risk, events of the cause and of others, by time and group, shapes (T, K)."""
    kind = np.where(causes == 0, 0, np.where(causes == cause, 1, 2))
    distinct = np.unique(times[kind > 0])
    at_risk, own, others = (np.zeros((len(distinct), len(present))) for _ in range(3))
    for place, group in enumerate(present):
        counts = count_events(times[groups == group], kind[groups == group], 2)
        row = np.searchsorted(counts.times, distinct)
        at_risk[:, place] = np.append(counts.at_risk, 0)[row]
        here = np.isin(counts.times, distinct)
        column = np.searchsorted(distinct, counts.times[here])
        own[column, place], others[column, place] = counts.events[here].T
    return at_risk, own, others


def _score(
    at_risk: np.ndarray, own: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gray's score of each group and its covariance, time by time.

    ``whole`` is the incidence under equality, ``direct`` and ``pulls`` are a and c of Gray's
    variance, which can be summed up once c at the end is known.
    """
    k = at_risk.shape[1]
    share, survival, whole = np.zeros(k), np.ones(k), 0.0
    score, pulls = np.zeros(k), np.zeros((k, k))
    terms: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for risk, first, other in zip(at_risk, own, others, strict=True):
        here = risk > 0
        safe = np.where(here, risk, 1.0)
        scaled = np.where(here, risk / np.where(here, survival, 1.0), 0.0)
        total, happened = scaled.sum(), first.sum()
        adjusted = scaled * (1 - share)
        if happened:
            score += first - happened * adjusted / adjusted.sum()
        after = np.where(here, survival * (risk - first - other) / safe, survival)
        whole_after = whole + happened / total
        direct = np.diag(scaled) - np.outer(scaled, scaled) / total
        # With one group left there is nothing to compare, and direct is 0.
        rest = np.where(direct != 0, total * (1 - whole), 1.0)
        pulls = pulls + direct * happened / rest
        ratio = np.divide(1 - whole_after, after, out=np.zeros(k), where=after > 0)
        if happened:
            tied = 1 - (happened - 1) / np.maximum(total * survival - 1, 1e-300)
            tied = tied if happened > 1 else np.ones(k)
            step = np.where(here, tied * survival * happened / (total * safe), 0.0)
            terms.append((direct - pulls * (1 - ratio), 1 - ratio, step))
        tied = np.where(other > 1, 1 - (other - 1) / np.maximum(risk - 1, 1), 1.0)
        step = np.where(here & (after > 0), tied * survival**2 * other / safe**2, 0.0)
        terms.append((pulls * ratio, -ratio, step))
        share = np.where(here, share + survival * first / safe, share)
        survival, whole = after, whole_after
    variance = np.zeros((k, k))
    for start, weight, step in terms:
        part = start + pulls * weight
        variance += (part * step) @ part.T
    return score, variance


def pseudo_values(
    times: ArrayLike, causes: ArrayLike, n_causes: int, estimate: Callable[[EventCounts], float]
) -> np.ndarray:
    """What each household adds to an estimate: n × estimate − (n − 1) × the one without it.

    Parameters
    ----------
    times, causes, n_causes : as ``count_events`` takes them.
    estimate : from counts to a number, such as a share at a month or a restricted mean.

    Returns
    -------
    One number a household, as though it had been followed for ever; their mean is nearly the
    estimate. Regressed on covariates they give adjusted differences. They need the end of
    follow-up to be unrelated to the covariates: where groups began at different times, make them
    within each group.

    References
    ----------
    Andersen, Klein & Rosthøj (2003) Biometrika 90:15; Andersen & Perme (2010).

    Examples
    --------
    Without anybody lost from sight a household adds what happened to it.

    >>> def by_two(counts):
    ...     return 1 - (1 - counts.any_event / counts.at_risk)[counts.times <= 2].prod()
    >>> pseudo_values([1, 2, 3], [1, 1, 1], 1, by_two).round(9).tolist()
    [1.0, 1.0, 0.0]
    """
    times, causes = np.asarray(times), np.asarray(causes)
    counts = count_events(times, causes, n_causes)
    whole = estimate(counts)
    pairs, which = np.unique(np.column_stack([times, causes]), axis=0, return_inverse=True)
    without = [estimate(_without(counts, time, int(cause))) for time, cause in pairs]
    return counts.n * whole - (counts.n - 1) * np.array(without, float)[which.ravel()]


def _without(counts: EventCounts, time: float, cause: int) -> EventCounts:
    """The counts with one household fewer; times at which nobody is left fall away."""
    at_risk = counts.at_risk - (counts.times <= time)
    events = counts.events.copy()
    if cause:
        events[np.searchsorted(counts.times, time), cause - 1] -= 1
    left = at_risk > 0
    return EventCounts(counts.times[left], at_risk[left], events[left])
