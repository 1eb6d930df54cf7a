"""Differences between participants and controls made alike by weights, each with its own error.

Arrays in, a Contrast out: entropy balancing (which is the improved doubly robust estimator of
Sant'Anna & Zhao 2020), inverse probability weights, outcome regression, and their doubly robust
combination. The estimand of all is the mean effect on the participants.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hfcore.errors import MetricInputError
from hfcore.estimators.matching import BalancingWeights, entropy_weights, propensity_score
from hfcore.estimators.regression import Contrast

MIN_EFFECTIVE_CONTROLS = 10


def entropy_balanced_difference(
    outcome: ArrayLike,
    is_treated: ArrayLike,
    covariates: ArrayLike,
    clusters: ArrayLike | None = None,
) -> tuple[Contrast, BalancingWeights]:
    """Participants' mean minus the mean of controls weighted to the same covariate means.

    Parameters
    ----------
    outcome : array (n,); is_treated : bool array (n,); covariates : array (n, p).
    clusters : array (n,), optional
        What rows belong together (a control that serves several start months).

    Returns
    -------
    The contrast and the weights. Without balance (``weights.is_balanced`` false) or with fewer
    than p + 10 controls or an effective size under 10 do not use it: see ``is_usable``.

    Notes
    -----
    Variance: var(r of participants)/n1 + sum over clusters of (sum w r/(1 − h))², r the residuals
    of the weighted regression on controls, h its leverages (Zhao & Percival 2017); Satterthwaite
    degrees of freedom from n1 − 1 and effective size − p − 1, the latter at least 2.
    """
    y, treated, x = _arrays(outcome, is_treated, covariates)
    found = entropy_weights(x[treated], x[~treated])
    w, p = found.weights, x.shape[1]
    design = np.column_stack([np.ones(len(y)), _scaled(x)])
    control = design[~treated]
    bread = np.linalg.pinv(control.T @ (control * w[:, None]))
    residual = y - design @ (bread @ (control.T @ (w * y[~treated])))
    leverage = w * np.einsum("ij,jk,ik->i", control, bread, control)
    shares = w * residual[~treated] / np.maximum(1 - leverage, 1e-8)
    part1 = residual[treated].var(ddof=1) / treated.sum()
    part0 = (_sums(shares, clusters, ~treated) ** 2).sum()
    df = _satterthwaite(
        part1, part0, treated.sum() - 1, max(found.effective_sample_size - p - 1, 2)
    )
    estimate = y[treated].mean() - w @ y[~treated]
    return _contrast(estimate, np.sqrt(part1 + part0), df, treated), found


def is_usable(weights: BalancingWeights, covariate_count: int) -> bool:
    """Whether entropy balancing may be trusted: balanced, p + 10 controls, effective size 10."""
    enough = len(weights.weights) >= covariate_count + MIN_EFFECTIVE_CONTROLS
    size = weights.effective_sample_size
    return weights.is_balanced and enough and size >= MIN_EFFECTIVE_CONTROLS


def probability_weighted_difference(
    outcome: ArrayLike, is_treated: ArrayLike, covariates: ArrayLike
) -> Contrast:
    """Participants' mean minus controls weighted by the odds of their propensity score.

    Hájek weights; the error takes in that the score is estimated (Lunceford & Davidian 2004;
    Sant'Anna & Zhao 2020, eq. 3.2). Degrees of freedom n − p − 2.
    """
    y, treated, x = _arrays(outcome, is_treated, covariates)
    score, design, score_part = _score_parts(x, treated)
    w = np.where(treated, 0.0, score / (1 - score))
    mean1, mean0 = y[treated].mean(), w @ y / w.sum()
    pull = design.T @ (w * (y - mean0)) / w.sum()
    influence = treated * (y - mean1) / treated.mean()
    influence = influence - w * (y - mean0) / w.mean() - score_part @ pull
    return _from_influence(mean1 - mean0, influence, treated, x.shape[1])


def outcome_regression_difference(
    outcome: ArrayLike, is_treated: ArrayLike, covariates: ArrayLike
) -> Contrast:
    """Participants' mean minus what least squares on controls predicts for them.

    Heckman, Ichimura & Todd 1997; error from the influence function. Degrees of freedom n − p − 2.
    """
    y, treated, x = _arrays(outcome, is_treated, covariates)
    predicted, design, fit_part = _fit_parts(y, x, treated)
    gap = y - predicted
    estimate = gap[treated].mean()
    influence = treated * (gap - estimate) / treated.mean()
    influence = influence - fit_part @ design[treated].mean(axis=0)
    return _from_influence(estimate, influence, treated, x.shape[1])


def doubly_robust_difference(
    outcome: ArrayLike, is_treated: ArrayLike, covariates: ArrayLike
) -> Contrast:
    """Right if either the propensity score or the regression on controls is right.

    The traditional doubly robust estimator (Sant'Anna & Zhao 2020, eq. 3.1), its error from the
    influence function. Degrees of freedom n − p − 2.
    """
    y, treated, x = _arrays(outcome, is_treated, covariates)
    score, design, score_part = _score_parts(x, treated)
    predicted, _, fit_part = _fit_parts(y, x, treated)
    gap, w = y - predicted, np.where(treated, 0.0, score / (1 - score))
    mean1, mean0 = gap[treated].mean(), w @ gap / w.sum()
    on_treated = treated * (gap - mean1) / treated.mean()
    on_treated = on_treated - fit_part @ design[treated].mean(axis=0)
    on_control = w * (gap - mean0) / w.mean()
    on_control = on_control + score_part @ (design.T @ (w * (gap - mean0)) / w.sum())
    on_control = on_control - fit_part @ (design.T @ w / w.sum())
    return _from_influence(mean1 - mean0, on_treated - on_control, treated, x.shape[1])


def _arrays(outcome: ArrayLike, is_treated: ArrayLike, covariates: ArrayLike) -> tuple:
    y, treated = np.asarray(outcome, dtype=float), np.asarray(is_treated, dtype=bool)
    x = np.asarray(covariates, dtype=float).reshape(len(y), -1)
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise MetricInputError(
            "Weighting needs a known outcome and known covariates in every row: leave out the "
            "other rows and count them."
        )
    if min(treated.sum(), (~treated).sum()) < 2:
        raise MetricInputError("Weighting needs at least two rows of each group.")
    return y, treated, x


def _scaled(x: np.ndarray) -> np.ndarray:
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _score_parts(x: np.ndarray, treated: np.ndarray) -> tuple:
    """Score, its design, and each row's influence on the coefficients of the score."""
    score = propensity_score(x, treated)
    design = np.column_stack([np.ones(len(x)), _scaled(x)])
    information = design.T @ (design * (score * (1 - score))[:, None]) / len(x)
    return score, design, (design * (treated - score)[:, None]) @ np.linalg.pinv(information)


def _fit_parts(y: np.ndarray, x: np.ndarray, treated: np.ndarray) -> tuple:
    """Prediction of the regression on controls, and each row's influence on its coefficients."""
    design = np.column_stack([np.ones(len(y)), _scaled(x)])
    control = design * (~treated)[:, None]
    bread = np.linalg.pinv(control.T @ control)
    predicted = design @ (bread @ (control.T @ y))
    return predicted, design, (control * (y - predicted)[:, None]) @ bread * len(y)


def _from_influence(
    estimate: float, influence: np.ndarray, treated: np.ndarray, covariate_count: int
) -> Contrast:
    error = influence.std(ddof=1) / np.sqrt(len(influence))
    return _contrast(estimate, error, len(treated) - covariate_count - 2, treated)


def _contrast(estimate: float, error: float, df: float, treated: np.ndarray) -> Contrast:
    n1 = int(treated.sum())
    return Contrast(float(estimate), float(error), float(df), n1, len(treated) - n1)


def _sums(shares: np.ndarray, clusters: ArrayLike | None, which: np.ndarray) -> np.ndarray:
    if clusters is None:
        return shares
    ids = np.unique(np.asarray(clusters)[which], return_inverse=True)[1]
    return np.bincount(ids, weights=shares)


def _satterthwaite(part1: float, part0: float, df1: float, df0: float) -> float:
    spread = part1**2 / df1 + part0**2 / df0
    return (part1 + part0) ** 2 / spread if spread > 0 else np.nan
