"""Weights that make controls like participants at the start, and differences by such weights.

Entropy balancing (which for the change of an outcome is the improved doubly robust estimator of
Sant'Anna & Zhao 2020). Arrays in, a Contrast out; the estimand is the mean effect on the
participants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hfcore.errors import MetricInputError
from hfcore.estimators.regression import Contrast

MAX_IMBALANCE = 1e-6
MIN_EFFECTIVE_CONTROLS = 10
_STEPS = 200


@dataclass(frozen=True)
class BalancingWeights:
    """Weights of the controls, summing to one, and the largest gap that they leave.

    ``gap`` is the largest difference of a covariate's mean, in standard deviations; the weights
    balance where it is at most 1e-6.
    """

    weights: np.ndarray
    gap: float

    @property
    def is_balanced(self) -> bool:
        """Whether the weighted controls have the participants' means."""
        return self.gap <= MAX_IMBALANCE

    @property
    def effective_sample_size(self) -> float:
        """How many equally weighted controls would be as precise: 1 / sum of squares."""
        return effective_sample_size(self.weights)


def effective_sample_size(weights: ArrayLike) -> float:
    """Kish's effective sample size, (sum w)² / sum w²; zero without weights.

    >>> effective_sample_size([1, 1, 2])
    2.6666666666666665
    """
    w = np.asarray(weights, dtype=float)
    squares = float((w**2).sum())
    return float(w.sum()) ** 2 / squares if squares else 0.0


def entropy_weights(treated: ArrayLike, control: ArrayLike) -> BalancingWeights:
    """Weights nearest to equal under which controls have the participants' covariate means.

    Parameters
    ----------
    treated, control : arrays (n1, p) and (n0, p)
        Covariates of both groups.

    Returns
    -------
    BalancingWeights
        Where no weights balance (a mean outside the controls' range) the gap stays above 1e-6.

    Raises
    ------
    MetricInputError
        If a group has no row.

    Notes
    -----
    Weights proportional to exp(x'l): Newton with halved steps on the convex dual log sum exp(x'l),
    in standardised covariates.

    References
    ----------
    Hainmueller (2012) Polit Anal 20:25, equation 10.

    Examples
    --------
    >>> entropy_weights([[0.5], [0.5]], [[0.0], [0.0], [1.0]]).weights.round(6).tolist()
    [0.25, 0.25, 0.5]
    """
    x1, x0 = np.asarray(treated, dtype=float), np.asarray(control, dtype=float)
    if not len(x1) or not len(x0):
        raise MetricInputError("Balancing weights need rows of both groups.")
    scale = np.vstack([x1, x0]).std(axis=0)
    z = (x0 - x1.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    slopes = np.zeros(z.shape[1])
    value, weights = _dual(z, slopes)
    for _ in range(_STEPS):
        gap = weights @ z
        if not z.shape[1] or np.abs(gap).max() < 1e-13:
            break
        curve = (z * weights[:, None]).T @ z - np.outer(gap, gap)
        step = np.linalg.lstsq(curve, gap, rcond=None)[0]
        size = 1.0
        found = _dual(z, slopes - step)
        while found[0] > value + 1e-14 and size > 1e-8:
            size /= 2
            found = _dual(z, slopes - size * step)
        if size <= 1e-8 or np.abs(slopes - size * step).max() > 1e4:
            break
        slopes = slopes - size * step
        value, weights = found
    largest = float(np.abs(weights @ z).max()) if z.shape[1] else 0.0
    return BalancingWeights(weights, largest)


def _dual(z: np.ndarray, slopes: np.ndarray) -> tuple[float, np.ndarray]:
    exponent = z @ slopes
    highest = exponent.max()
    raised = np.exp(exponent - highest)
    total = raised.sum()
    return float(highest + np.log(total)), raised / total


def entropy_balanced_difference(
    outcome: ArrayLike,
    is_treated: ArrayLike,
    covariates: ArrayLike,
    clusters: ArrayLike | None = None,
) -> tuple[Contrast, BalancingWeights]:
    """Participants' mean minus the mean of controls weighted to the same covariate means.

    Parameters
    ----------
    outcome : array (n,)
    is_treated : bool array (n,)
    covariates : array (n, p)
    clusters : array (n,), optional
        What rows belong together (a control that serves several start months).

    Returns
    -------
    contrast : Contrast
        In the unit of the outcome.
    weights : BalancingWeights
        Where ``is_usable`` says no to them, do not use the contrast.

    Raises
    ------
    MetricInputError
        If a value is unknown or a group has fewer than two rows.

    Notes
    -----
    Variance: var(r of participants)/n1 + sum over clusters of (sum w r/(1 − h))², r the residuals
    of the weighted regression on controls, h its leverages; Satterthwaite degrees of freedom from
    n1 − 1 and effective size − p − 1, the latter at least 2.

    References
    ----------
    Hainmueller (2012) Polit Anal 20:25; Zhao & Percival (2017) J Causal Inference 5.

    Examples
    --------
    >>> outcome, treated = [5.0, 6.0, 1.0, 2.0, 4.0], [True, True, False, False, False]
    >>> found, weights = entropy_balanced_difference(outcome, treated, [[1], [1], [0], [1], [2]])
    >>> round(found.estimate, 4), weights.weights.round(4).tolist()
    (3.1667, [0.3333, 0.3333, 0.3333])
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
