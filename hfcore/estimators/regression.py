"""Differences between two groups with intervals that hold for few households.

Arrays in, numbers out: Welch's comparison of two means, and least squares with cluster-robust
CR2 errors (HC2 where every cluster is one row) and Bell–McCaffrey degrees of freedom. Nothing
here knows what a household or a month is, so the same code runs on published microdata.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from hfcore.errors import MetricInputError

_EIGENVALUE_FLOOR = 1e-10


@dataclass(frozen=True)
class Contrast:
    """One estimated difference, treated − control, with what its interval needs.

    ``df`` are the degrees of freedom of the t distribution; ``n_treated`` and ``n_control`` count
    rows. The fields are floats, or arrays of one length where many columns are compared at once.
    """

    estimate: float | np.ndarray
    standard_error: float | np.ndarray
    df: float | np.ndarray
    n_treated: int | np.ndarray
    n_control: int | np.ndarray

    def interval(self, level: float = 0.95) -> tuple:
        """Low and high end of the two-sided interval; null where there is no error.

        >>> low, high = Contrast(1.0, 2.0, 10.0, 6, 6).interval()
        >>> print(round(low, 4), round(high, 4))
        -3.4563 5.4563
        """
        reach = stdtrit(self.df, 0.5 + level / 2) * self.standard_error
        return self.estimate - reach, self.estimate + reach


def welch(treated: ArrayLike, control: ArrayLike) -> Contrast:
    """Welch's difference of two means, each group with its own variance.

    Parameters
    ----------
    treated, control : arrays (n,) or (n, columns)
        One row a household. NaN is unknown and left out of its column.

    Returns
    -------
    Contrast
        Floats for one column, arrays for several. A column with fewer than two known rows in a
        group, or no spread at all, has null error and degrees of freedom.

    Notes
    -----
    Many columns at once, each by its own known rows, where scipy's ``ttest_ind`` goes one by one
    and gives no standard error.

    References
    ----------
    Welch (1947) Biometrika 34:28.

    Examples
    --------
    >>> found = welch([1.0, 3.0], [4.0, 6.0, 8.0])
    >>> found.estimate, round(found.standard_error**2, 6)
    (-4.0, 2.333333)
    """
    first, second = (np.asarray(each, dtype=float) for each in (treated, control))
    n1, mean1, part1 = _mean_and_part(first)
    n2, mean2, part2 = _mean_and_part(second)
    variance = part1 + part2
    with np.errstate(divide="ignore", invalid="ignore"):
        df = variance**2 / (part1**2 / (n1 - 1) + part2**2 / (n2 - 1))
        error = np.where(variance > 0, np.sqrt(variance), np.nan)
    fields = (mean1 - mean2, error, df, n1, n2)
    return Contrast(*(each.item() if first.ndim == 1 else each for each in map(np.asarray, fields)))


def _mean_and_part(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count, mean and variance of the mean, column by column."""
    known = ~np.isnan(values)
    n = known.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, values, 0).sum(axis=0) / n
        squares = np.where(known, values - mean, 0) ** 2
        part = np.where(n > 1, squares.sum(axis=0) / (n - 1) / n, np.nan)
    return n, mean, part


def adjusted_difference(
    outcome: ArrayLike,
    is_treated: ArrayLike,
    covariates: ArrayLike,
    clusters: ArrayLike | None = None,
) -> Contrast:
    """Regression-adjusted difference between the groups, by least squares.

    Parameters
    ----------
    outcome : array (n,)
        One number a row, e.g. the change of a household's mean monthly payment in SEK.
    is_treated : bool array (n,)
    covariates : array (n, p)
        As they were before the start; constant columns are dropped.
    clusters : array (n,), optional
        What rows belong together (a control that serves several start months). Each row is its
        own cluster when absent.

    Returns
    -------
    Contrast
        Treated − control, in the unit of the outcome.

    Raises
    ------
    MetricInputError
        If a value is unknown, a group is empty, or the columns determine each other.

    Notes
    -----
    outcome = a + tau T + (X − mean X)'b. The error of tau is CR2, that is HC2 for single rows; the
    degrees of freedom are their Satterthwaite approximation, under equal and independent errors as
    working model.

    References
    ----------
    Bell & McCaffrey (2002), equation 6; Imbens & Kolesár (2016), equation 10.

    Examples
    --------
    >>> outcome, treated = [1.0, 2.0, 4.0, 6.0, 9.0], [True, True, False, False, False]
    >>> found = adjusted_difference(outcome, treated, [[0], [1], [0], [1], [2]])
    >>> round(found.estimate, 4), round(found.standard_error, 4), round(found.df, 4)
    (-3.7333, 0.7211, 1.661)
    """
    y, treated, design = _check_arrays(outcome, is_treated, covariates)
    estimate, error, df = robust_coefficient(y, design, 1, clusters)
    return Contrast(estimate, error, df, int(treated.sum()), int((~treated).sum()))


def _check_arrays(outcome: ArrayLike, is_treated: ArrayLike, covariates: ArrayLike) -> tuple:
    y = np.asarray(outcome, dtype=float)
    treated = np.asarray(is_treated, dtype=bool)
    x = np.asarray(covariates, dtype=float).reshape(len(y), -1)
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise MetricInputError(
            "The adjusted difference needs a known outcome and known covariates in every row: "
            "leave out the other rows and count them."
        )
    if treated.all() or not treated.any():
        raise MetricInputError("The adjusted difference needs rows of both groups.")
    spread = x.std(axis=0) if len(x) else np.zeros(0)
    x = x[:, spread > 1e-12]
    scaled = (x - x.mean(axis=0)) / x.std(axis=0) if x.size else x
    return y, treated, np.column_stack([np.ones(len(y)), treated, scaled])


def robust_coefficient(
    outcome: ArrayLike, design: ArrayLike, position: int, clusters: ArrayLike | None = None
) -> tuple[float, float, float]:
    """One coefficient of a least-squares fit, its CR2 error and degrees of freedom.

    Parameters
    ----------
    outcome : array (n,)
    design : array (n, k)
        With a constant where one is wanted.
    position : int
        Which column's coefficient.
    clusters : array (n,), optional
        What rows belong together; each row is its own cluster when absent (HC2).

    Returns
    -------
    coefficient, standard_error, df : float

    Raises
    ------
    MetricInputError
        If the columns determine each other.

    Notes
    -----
    Bell–McCaffrey's error and degrees of freedom, which statsmodels lacks. The work grows with
    rows, never with their square.

    References
    ----------
    Pustejovsky & Tipton (2018) J Bus Econ Stat 36:672, equation 11.

    Examples
    --------
    >>> design = [[1, 0], [1, 0], [1, 1], [1, 1]]
    >>> [round(each, 4) for each in robust_coefficient([1.0, 3.0, 4.0, 8.0], design, 1)]
    [4.0, 2.2361, 2.0]
    """
    y, x = np.asarray(outcome, dtype=float), np.asarray(design, dtype=float)
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise MetricInputError(
            "The columns of the model determine each other, or there are fewer rows than "
            "columns: leave out a covariate."
        )
    bread = np.linalg.inv(x.T @ x)
    coefficients = bread @ (x.T @ y)
    residuals = y - x @ coefficients
    ids = np.arange(len(y)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    roots = _inverse_root(x, bread, ids) if ids.max() + 1 < len(y) else None
    error, df = _cr2(x, bread, x @ bread[:, position], residuals, ids, roots)
    return float(coefficients[position]), float(error), float(df)


def _inverse_root(x: np.ndarray, bread: np.ndarray, ids: np.ndarray) -> list[tuple]:
    """Rows of each cluster and (I − H_gg)^(−1/2), a generalised root where that is singular."""
    order = np.argsort(ids, kind="stable")
    edges = np.flatnonzero(np.diff(ids[order])) + 1
    roots = []
    for rows in np.split(order, edges):
        values, vectors = np.linalg.eigh(np.eye(len(rows)) - x[rows] @ bread @ x[rows].T)
        safe = values > _EIGENVALUE_FLOOR
        inverse = np.where(safe, 1 / np.sqrt(np.where(safe, values, 1)), 0)
        roots.append((rows, (vectors * inverse) @ vectors.T))
    return roots


def _cr2(
    x: np.ndarray,
    bread: np.ndarray,
    pull: np.ndarray,
    residuals: np.ndarray,
    ids: np.ndarray,
    roots: list[tuple] | None,
) -> tuple[float, float]:
    """CR2 error and Satterthwaite degrees of freedom; ``pull`` is each row's weight in it."""
    if roots is None:
        gap = 1 - np.einsum("ij,jk,ik->i", x, bread, x)
        adjusted = pull / np.sqrt(np.where(gap > _EIGENVALUE_FLOOR, gap, np.inf))
    else:
        adjusted = np.empty(len(pull))
        for rows, root in roots:
            adjusted[rows] = root @ pull[rows]
    variance = (np.bincount(ids, weights=adjusted * residuals) ** 2).sum()
    size = np.bincount(ids, weights=adjusted**2)
    reach = np.column_stack([np.bincount(ids, weights=adjusted * column) for column in x.T])
    own = np.einsum("ij,jk,ik->i", reach, bread, reach)
    crossed = bread @ (reach.T @ reach)
    squares = (size**2).sum() - 2 * (size * own).sum() + np.trace(crossed @ crossed)
    return np.sqrt(variance), (size - own).sum() ** 2 / squares
