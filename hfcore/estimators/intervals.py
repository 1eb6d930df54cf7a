"""Intervals for shares, differences and means that hold for twenty households as for a thousand.

Arrays in, a pair of arrays (low, high) out; NaN where there is no interval. Nothing here knows
what a household is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from hfcore.errors import MetricInputError

LEVEL = 0.95
Ends = tuple[np.ndarray, np.ndarray]


def wilson(events: ArrayLike, n: ArrayLike, level: float = LEVEL) -> Ends:
    """Wilson's score interval of a share.

    Parameters
    ----------
    events, n : arrays of one shape
        How many of how many; fractions where ``n`` is an effective sample size.
    level : float
        Of the interval, 0.95 where not given.

    Returns
    -------
    low, high : arrays of that shape
        Within [0, 1]; 0 of n has an upper end above 0. NaN where n is 0.

    Raises
    ------
    MetricInputError
        Where events are not between 0 and n.

    References
    ----------
    Wilson (1927); Newcombe (1998) Stat Med 17:857, method 3.

    Examples
    --------
    >>> low, high = wilson(81, 263)
    >>> round(float(low), 4), round(float(high), 4)
    (0.2553, 0.3662)
    """
    events, n = checked_counts(events, n)
    z = normal_quantile(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = events / n
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    low = np.where(share == 0, 0.0, centre - reach)
    return low, np.where(share == 1, 1.0, centre + reach)


def difference_of(first: ArrayLike, ends: Ends, other: ArrayLike, ends_other: Ends) -> Ends:
    """Interval of first − other from the intervals of both, which may be lopsided (MOVER).

    Parameters
    ----------
    first, other : arrays of one shape
        Two independent estimates.
    ends, ends_other : pairs of arrays (low, high)
        Their intervals, of one level.

    Returns
    -------
    low, high : arrays of that shape

    References
    ----------
    Zou & Donner (2008) Stat Med 27:1693, equation 5; Newcombe's method 10 is a case of it.

    Examples
    --------
    >>> low, high = difference_of(0.5, (0.4, 0.7), 0.2, (0.1, 0.3))
    >>> round(float(low), 4), round(float(high), 4)
    (0.1586, 0.5236)
    """
    first, other = np.asarray(first, float), np.asarray(other, float)
    down = np.hypot(first - ends[0], ends_other[1] - other)
    up = np.hypot(ends[1] - first, other - ends_other[0])
    return first - other - down, first - other + up


def mean_t(mean: ArrayLike, sd: ArrayLike, n: ArrayLike, level: float = LEVEL) -> Ends:
    """Student's interval of a mean; NaN below two values.

    >>> low, high = mean_t(10.0, 2.0, 4)
    >>> round(float(low), 3), round(float(high), 3)
    (6.818, 13.182)
    """
    n = np.asarray(n, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return estimate_t(mean, np.asarray(sd, float) / np.sqrt(n), n - 1, level)


def estimate_t(estimate: ArrayLike, error: ArrayLike, df: ArrayLike, level: float = LEVEL) -> Ends:
    """Estimate ± t(df) × its standard error; NaN where df is below 1."""
    reach = _quantile(df, level) * np.asarray(error, float)
    return estimate - reach, estimate + reach


def mean_within(mean: ArrayLike, error: ArrayLike, whole: float, df: ArrayLike) -> Ends:
    """Interval of a mean that lies between 0 and ``whole``, such as months lost by a horizon.

    Notes
    -----
    The mean as a part of the whole on the scale log(−log(1 − part)) with Student's t, since few
    large values make it lopsided. NaN where the mean is 0 or the whole.

    Examples
    --------
    >>> low, high = mean_within(1.4, 0.6, 12, 19)
    >>> round(float(low), 2), round(float(high), 2)
    (0.56, 3.31)
    """
    low, high = log_log(np.divide(mean, whole), np.divide(error, whole), df=df)
    return whole * low, whole * high


def _quantile(df: ArrayLike, level: float) -> np.ndarray:
    """The quantile of Student's t; NaN below one degree of freedom."""
    df = np.asarray(df, float)
    return stdtrit(np.where(df >= 1, df, np.nan), 0.5 + level / 2)


def log_log(
    share: ArrayLike, error: ArrayLike, level: float = LEVEL, df: ArrayLike = np.inf
) -> Ends:
    """Interval of a cumulative incidence on the scale log(−log(1 − share)).

    Parameters
    ----------
    share, error : arrays of one shape
        The incidence and its standard error. For a survival curve S give 1 − S and turn the ends
        around.
    level : float
        Of the interval, 0.95 where not given.
    df : array or float
        Takes the quantile of Student's t instead of the normal one.

    Returns
    -------
    low, high : arrays of that shape
        NaN where the share is 0 or 1 or has no error.

    References
    ----------
    Kalbfleisch & Prentice (2002), section 1.4; Choudhury (2002).

    Examples
    --------
    >>> low, high = log_log(0.25, 0.1531)
    >>> round(float(low), 3), round(float(high), 3)
    (0.069, 0.685)
    """
    share, error = np.asarray(share, float), np.asarray(error, float)
    inside = (share > 1e-12) & (share < 1 - 1e-12) & np.isfinite(error)
    rest = np.where(inside, 1 - share, np.nan)
    reach = _quantile(df, level) * error / (rest * -np.log(rest))
    return 1 - rest ** np.exp(-reach), 1 - rest ** np.exp(reach)


def icc(outcome: ArrayLike, household: ArrayLike, group: ArrayLike | None = None) -> float:
    """Intra-household correlation: how alike the members of a household are.

    Parameters
    ----------
    outcome : array (persons,)
    household, group : arrays (persons,) of whole numbers from 0
        Each person's household and group; a household lies in one group. Differences between the
        groups are taken out.

    Returns
    -------
    float
        From 0 to 1; 0 where every household has one member.

    Notes
    -----
    The pooled ANOVA estimate, never below 0.

    References
    ----------
    Donner & Klar (2000), section 1.4.

    Examples
    --------
    >>> icc([1, 1, 0, 0], [0, 0, 1, 1])
    1.0
    >>> icc([1, 0, 1, 0], [0, 0, 1, 1])
    0.0
    """
    outcome, household = np.asarray(outcome, float), np.asarray(household)
    group = np.zeros(len(outcome), int) if group is None else np.asarray(group)
    if not len(outcome):
        return 0.0
    sizes = np.bincount(household)
    first = np.zeros(len(sizes), int)
    first[household] = group
    sizes, of_group = sizes[sizes > 0], first[np.bincount(household) > 0]
    totals = np.bincount(household, weights=outcome)[np.bincount(household) > 0]
    n = np.bincount(group, minlength=group.max() + 1)
    grand = np.bincount(group, weights=outcome, minlength=len(n)) / np.maximum(n, 1)
    between = np.sum(sizes * (totals / sizes - grand[of_group]) ** 2)
    within = np.sum(outcome**2) - np.sum(totals**2 / sizes)
    return _icc_of_squares(between, within, sizes, of_group, n)


def _icc_of_squares(
    between: float, within: float, sizes: np.ndarray, of_group: np.ndarray, n: np.ndarray
) -> float:
    df_between = len(sizes) - np.count_nonzero(n)
    df_within = sizes.sum() - len(sizes)
    if df_between < 1 or df_within < 1:
        return 0.0
    squares = np.bincount(of_group, weights=sizes.astype(float) ** 2, minlength=len(n))
    usual = np.sum(n - squares / np.maximum(n, 1)) / df_between
    ms_between, ms_within = between / df_between, within / df_within
    scale = ms_between + (usual - 1) * ms_within
    return float(np.clip((ms_between - ms_within) / scale, 0, 1)) if scale > 0 else 0.0


def effective_n(n: ArrayLike, sum_of_squares: ArrayLike, correlation: float) -> np.ndarray:
    """Effective sample size: how many independent persons n persons in households are worth.

    Parameters
    ----------
    n : array
        Persons.
    sum_of_squares : array
        The squared numbers of members of their households, added up.
    correlation : array or float
        Between members of a household, as ``icc`` gives it.

    Returns
    -------
    array
        n / design effect; NaN where n is 0.

    References
    ----------
    Kish (1965); Rao & Scott (1992) for its use in score intervals.

    Examples
    --------
    >>> round(float(effective_n(10, 20, 0.5)), 4)  # ten persons in five pairs
    6.6667
    """
    n, sum_of_squares = np.asarray(n, float), np.asarray(sum_of_squares, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return n / (1 + (sum_of_squares / n - 1) * correlation)


def detectable_difference(
    n: ArrayLike, n_other: ArrayLike, share: ArrayLike, power: float = 0.8, level: float = LEVEL
) -> np.ndarray:
    """Minimum detectable difference: the smallest rise above ``share`` that a test would find.

    Parameters
    ----------
    n, n_other : arrays
        (Effective) sizes of the group that rises and of the one that stays at ``share``.
    share : array
        The share in the latter, 0 to 1.
    power, level : float
        Of a two-sided test at 1 − level.

    Returns
    -------
    array
        The difference of the shares at which the test has that power; NaN where even a share of 1
        would be missed.

    References
    ----------
    Fleiss, Levin & Paik (2003), equation 4.14 without continuity correction, for unequal groups.

    Examples
    --------
    >>> round(float(detectable_difference(50, 50, 0.5)), 3)
    0.267
    """
    n, n_other, share = np.broadcast_arrays(
        *(np.asarray(each, float) for each in (n, n_other, share))
    )
    low, high = np.zeros(n.shape), np.where(share < 1, 1 - share, np.nan)
    reachable = _power_gap(high, n, n_other, share, power, level) >= 0
    for _ in range(60):
        middle = (low + high) / 2
        enough = _power_gap(middle, n, n_other, share, power, level) >= 0
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(reachable, high, np.nan)


def _power_gap(
    difference: np.ndarray,
    n: np.ndarray,
    n_other: np.ndarray,
    share: np.ndarray,
    power: float,
    level: float,
) -> np.ndarray:
    """How far a difference exceeds what the test needs; negative: it would be missed too often."""
    risen = share + difference
    with np.errstate(divide="ignore", invalid="ignore"):
        common = (n * risen + n_other * share) / (n + n_other)
        null = np.sqrt(common * (1 - common) * (1 / n + 1 / n_other))
        spread = np.sqrt(np.maximum(risen * (1 - risen), 0) / n + share * (1 - share) / n_other)
        return difference - normal_quantile(level) * null - float(ndtri(power)) * spread


def normal_quantile(level: float) -> float:
    """How many standard errors an interval of that level reaches to each side."""
    return float(ndtri(0.5 + level / 2))


def checked_counts(events: ArrayLike, n: ArrayLike) -> Ends:
    """Events and n as numbers; MetricInputError where events are not between 0 and n."""
    events, n = np.asarray(events, float), np.asarray(n, float)
    if np.any(events < 0) or np.any(events > n * (1 + 1e-12)):
        raise MetricInputError("A share needs events between 0 and n.")
    return events, n
