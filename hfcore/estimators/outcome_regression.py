"""The mean effect on the treated by a regression on controls alone, which predicts the treated.

Arrays in, numbers out. A control may stand in several rows (months in which it was at risk); what
varies is the household, so its rows make one error together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hfcore.errors import MetricInputError
from hfcore.estimators.regression import Contrast

_SMALLEST_GAP = 1e-10


@dataclass(frozen=True)
class TreatedEffect:
    """The contrast, and how each row of a control counts in it.

    ``row_weights`` sum to 1 and give the controls the treated means of all covariates; they may be
    negative where the regression reaches beyond the controls. ``without_one`` are, where asked for,
    the estimates without each treated row and then without each control household, weights held.
    """

    contrast: Contrast
    row_weights: np.ndarray
    without_one: np.ndarray


def effect_on_treated(
    treated: ArrayLike,
    control: ArrayLike,
    treated_covariates: ArrayLike | None = None,
    control_covariates: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    households: ArrayLike | None = None,
    places: tuple[ArrayLike, ArrayLike] | None = None,
    leave_one_out: bool = False,
) -> TreatedEffect:
    """Mean outcome of the treated minus what a regression on controls predicts for them.

    Parameters
    ----------
    treated, control : arrays (n1,) and (n0,)
        The outcome, one number a row, all known.
    treated_covariates, control_covariates : arrays (n1, p) and (n0, p), optional
    weights : array (n0,), optional
        Of the controls' rows in the regression, equal when absent.
    households : array (n0,), optional
        Which household a control's row belongs to; each its own when absent.
    places : arrays (n1,) and (n0,), optional
        Numbers 0 … k − 1: each place has its own intercept, all share the slopes.
    leave_one_out : bool
        Whether ``without_one`` is wanted.

    Returns
    -------
    TreatedEffect
        ``n_control`` counts households.

    Raises
    ------
    MetricInputError
        If a group is empty or the columns determine each other among the controls.

    Notes
    -----
    tau = mean(D − P1 β), β by weighted least squares on controls (Heckman, Ichimura & Todd 1997,
    equation 14; identical to Lin's interacted regression centred at the treated). Variance: spread
    of the treated around their predictions within places, plus HC2 of the controls' households;
    degrees of freedom by Satterthwaite. The slopes are free, so an effect that varies with the
    covariates does not bend the mean.

    Examples
    --------
    >>> found = effect_on_treated([1.0, 3.0], [4.0, 6.0, 8.0])
    >>> found.contrast.estimate, round(found.contrast.standard_error**2, 6)
    (-4.0, 2.333333)
    """
    d1, d0 = (np.asarray(each, dtype=float) for each in (treated, control))
    n1, n0 = len(d1), len(d0)
    if not n1 or not n0:
        raise MetricInputError("The effect on the treated needs rows of both groups.")
    weight = np.ones(n0) if weights is None else np.asarray(weights, dtype=float)
    own = np.arange(n0) if households is None else np.unique(households, return_inverse=True)[1]
    place1, place0 = (np.zeros(n1, int), np.zeros(n0, int)) if places is None else places
    p1, p0 = _designs(treated_covariates, control_covariates, place1, place0)
    weighted = p0 * weight[:, None]
    gram = p0.T @ weighted
    if np.linalg.matrix_rank(gram) < len(gram):
        raise MetricInputError(
            "The columns of the model determine each other among the controls, or there are fewer "
            "rows than columns: leave out a covariate."
        )
    inverse = np.linalg.inv(gram)
    beta = inverse @ (weighted.T @ d0)
    row_weights = weighted @ (inverse @ p1.mean(axis=0))
    leverage = np.bincount(own, np.einsum("ij,jk,ik->i", weighted, inverse, p0))
    pull = np.bincount(own, row_weights * (d0 - p0 @ beta))
    share = np.bincount(own, row_weights)
    gap = 1 - leverage
    part0 = float(
        (np.where(gap > _SMALLEST_GAP, pull, 0) ** 2 / np.maximum(gap, _SMALLEST_GAP)).sum()
    )
    df0 = (share**2).sum() ** 2 / (share**4).sum() - p0.shape[1]
    residual = d1 - p1 @ beta
    part1, df1 = _spread_of_treated(residual, np.asarray(place1))
    variance = part1 + part0
    df = variance**2 / (part1**2 / df1 + part0**2 / df0) if min(df0, df1, variance) > 0 else np.nan
    error = np.sqrt(variance) if np.isfinite(df) else np.nan
    found = Contrast(float(residual.mean()), float(error), float(df), n1, int(own.max()) + 1)
    alone = _without_one(d1, d0, p1, p0, weight, own, residual) if leave_one_out else np.empty(0)
    return TreatedEffect(found, row_weights, alone)


def _designs(
    treated: ArrayLike | None, control: ArrayLike | None, place1: ArrayLike, place0: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Intercepts of the places, and covariates centred at the treated in the controls' spread."""
    codes = np.arange(int(np.max(place1)) + 1)
    blocks = [np.asarray(each)[:, None] == codes for each in (place1, place0)]
    if treated is None or control is None:
        return blocks[0].astype(float), blocks[1].astype(float)
    x1, x0 = (
        np.asarray(each, dtype=float).reshape(len(b), -1)
        for each, b in zip((treated, control), blocks, strict=True)
    )
    spread = x0.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    middle = x1.mean(axis=0)
    return tuple(
        np.column_stack([b, (x - middle) / scale]) for b, x in zip(blocks, (x1, x0), strict=True)
    )


def _spread_of_treated(residual: np.ndarray, place: np.ndarray) -> tuple[float, float]:
    """Variance of the treated's mean error within places, and its degrees of freedom."""
    n = np.bincount(place)
    middle = np.bincount(place, residual) / n
    squares = np.bincount(place, (residual - middle[place]) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = n / (n - 1) * squares / len(residual) ** 2
        df = part.sum() ** 2 / (part**2 / (n - 1)).sum()
    return float(part.sum()), float(df)


def _without_one(
    d1: np.ndarray,
    d0: np.ndarray,
    p1: np.ndarray,
    p0: np.ndarray,
    weight: np.ndarray,
    own: np.ndarray,
    residual: np.ndarray,
) -> np.ndarray:
    """The estimate without each treated row, and without each household of the controls."""
    n1, columns, size = len(d1), p0.shape[1], int(own.max()) + 1
    weighted = p0 * weight[:, None]
    grams, sums = np.zeros((size, columns, columns)), np.zeros((size, columns))
    np.add.at(grams, own, weighted[:, :, None] * p0[:, None, :])
    np.add.at(sums, own, weighted * d0[:, None])
    rest = grams.sum(axis=0) - grams
    solvable = np.linalg.matrix_rank(rest) == columns
    betas = np.full((size, columns), np.nan)
    if solvable.any():
        right = (sums.sum(axis=0) - sums)[solvable]
        betas[solvable] = np.linalg.solve(rest[solvable], right[:, :, None])[:, :, 0]
    without_treated = (residual.sum() - residual) / max(n1 - 1, 1)
    return np.concatenate([without_treated, d1.mean() - betas @ p1.mean(axis=0)])


def clustered_means(
    values: ArrayLike, weights: ArrayLike, households: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weighted mean of each column over rows in which households stand several times.

    Parameters
    ----------
    values : array (n, columns)
        NaN is unknown and left out of its column.
    weights : array (n, columns)
        Of each row in each column; 0 leaves it out.
    households : array (n,)

    Returns
    -------
    mean, variance, df, n : arrays (columns,)
        Variance of the mean by HC2 of households, its degrees of freedom, and how many households.
        With one row a household and equal weights these are mean, s²/n, n − 1, n.

    Examples
    --------
    >>> found = clustered_means([[1.0], [3.0]], [[1.0], [1.0]], ["a", "b"])
    >>> [each.tolist() for each in found]
    [[2.0], [1.0], [1.0], [2]]
    """
    y = np.asarray(values, dtype=float)
    known = ~np.isnan(y)
    weight = np.where(known, weights, 0.0)
    own = np.unique(households, return_inverse=True)[1]
    size = int(own.max()) + 1 if len(own) else 0
    with np.errstate(divide="ignore", invalid="ignore"):
        share = weight / weight.sum(axis=0)
        filled = np.where(known, y, 0.0)
        mean = (share * filled).sum(axis=0) + np.where(known.any(axis=0), 0, np.nan)
        pull, part = (_by_household(each, own, size) for each in (share * (filled - mean), share))
        variance = (pull**2 / (1 - part)).sum(axis=0)
        df = (part**2).sum(axis=0) ** 2 / (part**4).sum(axis=0) - 1
        n = (_by_household((weight > 0).astype(float), own, size) > 0).sum(axis=0)
        enough = df > 0
        return mean, np.where(enough, variance, np.nan), np.where(enough, df, np.nan), n


def _by_household(values: np.ndarray, own: np.ndarray, size: int) -> np.ndarray:
    found = np.zeros((size, values.shape[1]))
    np.add.at(found, own, values)
    return found
