"""The Fine–Gray model: how a covariate shifts the cumulative incidence of one cause."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hfcore.errors import MetricInputError

_STEPS, _ENOUGH = 50, 1e-11


def fine_gray(
    times: ArrayLike, causes: ArrayLike, covariates: ArrayLike, cause: int
) -> tuple[np.ndarray, np.ndarray]:
    """Log subdistribution hazard ratios of one cause, and their standard errors.

    Parameters
    ----------
    times, causes : one a household, as ``event_times.count_events`` takes them.
    covariates : shape (n, p).
    cause : the number of the cause; the other causes compete.

    Returns
    -------
    Two arrays of shape (p,); NaN where the ratio is not finite (a group without the cause).

    Raises
    ------
    MetricInputError
        Where the lists differ in length.

    Notes
    -----
    Those that left for another cause stay at risk by the share that would still be followed.
    Breslow's handling of ties; the error is the sandwich that takes the estimated follow-up into
    account, as in R's cmprsk. A ratio is not a difference of shares and hard to read: it stands
    beside them for those who know it.

    References
    ----------
    Fine & Gray (1999) JASA 94:496, sections 3 and 5.
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
        score, information, *_ = _score(beta, x, many, weight, happened)
        if np.linalg.matrix_rank(information) < len(beta) or np.abs(beta).max(initial=0) > 20:
            return np.full(len(beta), np.nan), np.full(len(beta), np.nan)
        step = np.linalg.solve(information, score)
        beta = beta + step
        if np.abs(step).max(initial=0) < _ENOUGH:
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


def _score(
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
    _, information, mean, steps = _score(beta, x, many, weight, happened)
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
