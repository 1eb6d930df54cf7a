"""Municipalities together: one pooled estimate, how much they differ, and each one shrunk.

Arrays in, one entry a municipality. Nothing here ranks: small places are drawn towards the rest as
far as the data say that places are alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import betaincinv, betaln, expit, logit, logsumexp, stdtrit

from hfcore.errors import MetricInputError
from hfcore.estimators.intervals import LEVEL, checked_counts, normal_quantile

_RHO_NODES = 60
_PRIOR_SIZE = 9
_MU_NODES = np.linspace(-10, 10, 121)


@dataclass(frozen=True)
class PooledEffect:
    """Effects of several places pooled, with how much they differ beyond chance.

    ``tau_squared`` is the variance between places, ``i_squared`` its share of the whole variance.
    ``predicted`` are the ends of the interval in which the effect of a new place would lie.
    """

    estimate: float
    ci_low: float
    ci_high: float
    standard_error: float
    df: float
    tau_squared: float
    i_squared: float
    predicted: tuple[float, float]


def pool_effects(
    effects: ArrayLike, standard_errors: ArrayLike, level: float = LEVEL
) -> PooledEffect:
    """The mean effect over places, each with its own true effect (random effects).

    Parameters
    ----------
    effects, standard_errors : arrays (k,)
        One entry a place, in one unit; places with an unknown one are left out.
    level : float
        Of the intervals.

    Returns
    -------
    PooledEffect
        In the unit of the effects; NaN throughout without places, no interval for a single one.

    Raises
    ------
    MetricInputError
        Where a standard error is not above 0.

    Notes
    -----
    Variance between places by restricted maximum likelihood; interval by Hartung and Knapp with
    t(k − 1), never narrower than the plain one.

    References
    ----------
    Viechtbauer (2005) J Educ Behav Stat 30:261; Hartung & Knapp (2001) Stat Med 20:3875;
    Röver, Knapp & Friede (2015) for the bound.

    Examples
    --------
    >>> pooled = pool_effects([1.0, 2.0, 6.0], [1.0, 1.0, 1.0])
    >>> round(pooled.estimate, 3), round(pooled.tau_squared, 3)
    (3.0, 6.0)
    """
    effects, errors = np.asarray(effects, float), np.asarray(standard_errors, float)
    known = np.isfinite(effects) & np.isfinite(errors)
    effects, variances = effects[known], errors[known] ** 2
    if np.any(errors[known] <= 0):
        raise MetricInputError("Pooling needs standard errors above 0.")
    if not len(effects):
        return PooledEffect(*[np.nan] * 7, (np.nan, np.nan))
    tau_squared = _between(effects, variances)
    weights = 1 / (variances + tau_squared)
    mean = float(np.average(effects, weights=weights))
    df = len(effects) - 1.0
    spread = np.sum(weights * (effects - mean) ** 2) / df if df else np.nan
    error = float(np.sqrt(max(spread, 1.0) / weights.sum()))
    quantile = stdtrit(df, 0.5 + level / 2) if df else np.nan
    reach, beyond = quantile * error, quantile * np.hypot(error, np.sqrt(tau_squared))
    return PooledEffect(
        estimate=mean,
        ci_low=float(mean - reach),
        ci_high=float(mean + reach),
        standard_error=error,
        df=df,
        tau_squared=tau_squared,
        i_squared=tau_squared / (tau_squared + _within(variances)) if df else np.nan,
        predicted=(float(mean - beyond), float(mean + beyond)),
    )


def _between(effects: np.ndarray, variances: np.ndarray) -> float:
    """Restricted maximum likelihood estimate of the variance between places."""

    def slope(tau_squared: float) -> float:
        weights = 1 / (variances + tau_squared)
        mean = np.average(effects, weights=weights)
        fit = np.sum((weights * (effects - mean)) ** 2)
        return fit - weights.sum() + np.sum(weights**2) / weights.sum()

    if len(effects) < 2 or slope(0.0) <= 0:
        return 0.0
    top = max(float(np.var(effects)), float(variances.max()))
    while slope(top) > 0:
        top *= 2
    return float(brentq(slope, 0.0, top, xtol=1e-14 * max(top, 1.0), rtol=1e-14))


def _within(variances: np.ndarray) -> float:
    """The typical variance within places (Higgins & Thompson 2002, equation 9)."""
    weights = 1 / variances
    return float((len(weights) - 1) * weights.sum() / (weights.sum() ** 2 - np.sum(weights**2)))


@dataclass(frozen=True)
class PooledShares:
    """Shares of several places, each drawn towards the rest, with intervals.

    ``estimate``, ``ci_low`` and ``ci_high`` have one entry a place; ``pooled`` is the mean over
    places with its ends; ``correlation`` how alike households of one place are (0: places do not
    differ).
    """

    estimate: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    pooled: float
    pooled_low: float
    pooled_high: float
    correlation: float


def pool_shares(events: ArrayLike, n: ArrayLike, level: float = LEVEL) -> PooledShares:
    """The share of each place, shrunk towards the shares of the others.

    Parameters
    ----------
    events, n : arrays (k,)
        One entry a place; a place with n = 0 gets the share that a new place would have.
    level : float
        Of the intervals.

    Returns
    -------
    PooledShares

    Raises
    ------
    MetricInputError
        Where events are not between 0 and n.

    Notes
    -----
    Empirical Bayes with a beta distribution of the true shares. Its mean and its correlation are
    not fixed at an estimate but averaged over what the data allow, so that three places are not
    taken to be alike because three cannot show that they differ. Beforehand the mean is uniform
    and the correlation beta(1, 9): a share of 30 % would vary between places by some 14 points.
    Intervals: the beta distribution with the posterior's mean and variance.

    References
    ----------
    Griffiths (1973) for the beta-binomial; Deely & Lindley (1981) JASA 76:833 for the averaging.

    Examples
    --------
    >>> shares = pool_shares([2, 30], [20, 60])
    >>> bool(2 / 20 < shares.estimate[0] < shares.estimate[1] < 30 / 60)
    True
    """
    events, n = (np.atleast_1d(each) for each in checked_counts(events, n))
    mean, rho, weight = _posterior_nodes(events, n)
    size = (1 - rho) / rho
    a = (mean * size)[:, None] + events
    total = size[:, None] + n
    share, square = (weight @ each for each in (a / total, a * (a + 1) / (total * (total + 1))))
    pooled, pooled_square = weight @ mean, weight @ mean**2
    low, high = _beta_ends(share, square - share**2, level)
    pooled_low, pooled_high = _beta_ends(pooled, pooled_square - pooled**2, level)
    return PooledShares(
        share, low, high, float(pooled), float(pooled_low), float(pooled_high), float(weight @ rho)
    )


def worth_of(share: ArrayLike, low: ArrayLike, high: ArrayLike) -> np.ndarray:
    """How many independent members a share with a 95 % interval is worth; NaN without interval.

    Wilson's limits solve (p − limit)² = z² limit (1 − limit) / n, so n follows from a limit: the
    lower where there is one below the share, else the upper.

    Examples
    --------
    >>> worth_of([0.25, 0.0], [0.1375, 0.0], [0.4107, 0.16113]).round(1).tolist()
    [36.0, 20.0]
    """
    share, low, high = (np.asarray(each, float) for each in (share, low, high))
    limit = np.where(share > low, low, high)
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = normal_quantile(0.95) ** 2 * limit * (1 - limit) / (share - limit) ** 2
    return np.where(np.isfinite(worth) & (worth > 0), worth, np.nan)


def _posterior_nodes(
    events: np.ndarray, n: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (mean, correlation) with posterior weights that sum to 1.

    Correlations are Gauss–Legendre nodes, dense near 0; for each, means lie evenly on the logit
    scale around the weighted share, as wide as its error.
    """
    nodes, node_weights = np.polynomial.legendre.leggauss(_RHO_NODES)
    root = (nodes + 1) / 2
    rho = root**2
    rho_weight = root * node_weights * (1 - rho) ** (_PRIOR_SIZE - 1)
    worth = n / (1 + (n - 1).clip(0) * rho[:, None])
    whole = worth.sum(axis=1)
    share = np.divide(events, n, out=np.zeros_like(n), where=n > 0)
    centre = (worth @ share + 0.5) / (whole + 1)
    width = 1 / np.sqrt((whole + 1) * centre * (1 - centre))
    mean = expit(logit(centre)[:, None] + width[:, None] * _MU_NODES)
    measure = np.log(rho_weight * width)[:, None] + np.log(mean * (1 - mean))
    mean, rho = mean.ravel(), np.repeat(rho, len(_MU_NODES))
    size = (1 - rho) / rho
    a, b = (mean * size)[:, None], ((1 - mean) * size)[:, None]
    likelihood = (betaln(a + events, b + n - events) - betaln(a, b)).sum(axis=1)
    posterior = likelihood + measure.ravel()
    return mean, rho, np.exp(posterior - logsumexp(posterior))


def _beta_ends(mean: ArrayLike, variance: ArrayLike, level: float) -> tuple:
    """Ends of the beta distribution that has a mean and a variance."""
    size = mean * (1 - mean) / variance - 1
    tail = (1 - level) / 2
    return tuple(betaincinv(mean * size, (1 - mean) * size, end) for end in (tail, 1 - tail))
