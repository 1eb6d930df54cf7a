"""Tests and models of the cumulative incidence of one cause: Gray's test and Fine–Gray's model.

Both keep in the risk set those whom another cause took, by the share that would still be followed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from hfcore.errors import MetricInputError
from hfcore.estimators.competing_risks import count_events

_STEPS, _TOLERANCE, _LARGEST_LOG_RATIO = 50, 1e-11, 20


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
    times, causes : arrays (n,)
        One a household, as ``count_events`` takes them.
    groups : array (n,) of whole numbers
        0 … K − 1, one a household.
    cause : int
        The number of the cause that is tested; the other causes compete.

    Returns
    -------
    ChiSquare
        With K − 1 degrees of freedom, K the groups that occur; NaN below two groups or where
        nothing of the cause happened.

    Raises
    ------
    MetricInputError
        Where the lists differ in length.

    Notes
    -----
    Compares whole curves, unlike a difference at one month. Exact with ties in the way of R's
    cmprsk (rho = 0).

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
    score, variance = _gray_score(*_tables(times, causes, groups, present, cause))
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


def _gray_score(
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


def fine_gray(
    times: ArrayLike, causes: ArrayLike, covariates: ArrayLike, cause: int
) -> tuple[np.ndarray, np.ndarray]:
    """Log subdistribution hazard ratios of one cause, and their standard errors.

    Parameters
    ----------
    times, causes : arrays (n,)
        One a household, as ``count_events`` takes them.
    covariates : array (n, p)
    cause : int
        The number of the cause; the other causes compete.

    Returns
    -------
    log_ratio, standard_error : arrays (p,)
        NaN where the ratio is not finite (a group without the cause).

    Raises
    ------
    MetricInputError
        Where the lists differ in length.

    Notes
    -----
    Breslow's handling of ties; the error is the sandwich that takes the estimated censoring into
    account, as in R's cmprsk. A ratio is not a difference of shares and hard to read: it stands
    beside them for those who know it.

    References
    ----------
    Fine & Gray (1999) JASA 94:496, sections 3 and 5.

    Examples
    --------
    >>> ratio, error = fine_gray([1, 2, 3, 4], [1, 1, 2, 0], [[0], [1], [0], [1]], cause=1)
    >>> ratio.round(4).tolist()
    [-0.3466]
    """
    times, causes, x = (np.asarray(each) for each in (times, causes, covariates))
    if x.ndim != 2 or not len(times) == len(causes) == len(x):
        raise MetricInputError("Times, causes and covariates must have a row a household.")
    kind = np.where(causes == 0, 0, np.where(causes == cause, 1, 2))
    rows = np.column_stack([times, kind, x]).astype(float)
    rows, many = np.unique(rows, axis=0, return_counts=True)
    time, kind, x = rows[:, 0], rows[:, 1], rows[:, 2:]
    at = np.unique(time)
    weight = _weights(time, kind, many, at)
    happened = (kind == 1)[:, None] & (time[:, None] == at)
    beta = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        score, information, *_ = _model_score(beta, x, many, weight, happened)
        if (
            np.linalg.matrix_rank(information) < len(beta)
            or np.abs(beta).max(initial=0) > _LARGEST_LOG_RATIO
        ):
            return np.full(len(beta), np.nan), np.full(len(beta), np.nan)
        step = np.linalg.solve(information, score)
        beta = beta + step
        if np.abs(step).max(initial=0) < _TOLERANCE:
            break
    return beta, _errors(beta, x, many, weight, happened, time, kind, at)


def _weights(time: np.ndarray, kind: np.ndarray, many: np.ndarray, at: np.ndarray) -> np.ndarray:
    """How much of each row is at risk at each time, shape (rows, T)."""
    is_followed = time[:, None] >= at
    lost = many @ ((kind == 0)[:, None] & (time[:, None] == at))
    kept = np.cumprod(1 - lost / (many @ is_followed))
    before = np.append(1.0, kept)[: len(at)]
    own = before[np.searchsorted(at, time)]
    stays = before / np.where(own > 0, own, 1.0)[:, None]
    return np.where(is_followed, 1.0, np.where((kind == 2)[:, None], stays, 0.0))


def _model_score(
    beta: np.ndarray, x: np.ndarray, many: np.ndarray, weight: np.ndarray, happened: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Score, information, the mean covariates at risk (T, p) and the baseline steps (T,)."""
    risk = (many * np.exp(x @ beta))[:, None] * weight
    total = risk.sum(axis=0)
    mean = (risk.T @ x) / total[:, None]
    events = many @ happened
    second = np.einsum("it,ip,iq->tpq", risk, x, x) / total[:, None, None]
    spread = second - mean[:, :, None] * mean[:, None, :]
    score = (many[:, None] * happened).sum(axis=1) @ x - events @ mean
    return score, np.tensordot(events, spread, axes=1), mean, events / total


def _errors(
    beta: np.ndarray,
    x: np.ndarray,
    many: np.ndarray,
    weight: np.ndarray,
    happened: np.ndarray,
    time: np.ndarray,
    kind: np.ndarray,
    at: np.ndarray,
) -> np.ndarray:
    _, information, mean, steps = _model_score(beta, x, many, weight, happened)
    away = x[:, None, :] - mean
    expected = (weight * steps * np.exp(x @ beta)[:, None])[:, :, None] * away
    own = (happened[:, :, None] * away).sum(axis=1) - expected.sum(axis=1)
    later = expected.sum(axis=1)[:, None, :] - expected.cumsum(axis=1) + expected
    gone = (kind == 2)[:, None] & (time[:, None] < at)
    pull = np.einsum("it,itp->tp", many[:, None] * gone, later)
    is_followed = time[:, None] >= at
    at_risk = many @ is_followed
    lost = (kind == 0)[:, None] & (time[:, None] == at)
    martingale = lost - is_followed * ((many @ lost) / at_risk)
    own = own + martingale @ (pull / at_risk[:, None])
    bread = np.linalg.inv(information)
    return np.sqrt(np.diag(bread @ (own.T * many) @ own @ bread))
