"""Intervals of the difference of two shares, unpaired, paired and clustered, and of one share.

Beside the defaults (Wilson's in ``intervals``, Newcombe's here) stand those that a reviewer knows,
so that an answer can be shown not to hang on the choice. Arrays in and out where the formula is
closed; ``mid_p`` and ``miettinen_nurminen`` solve one case at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import betainc, betaincinv

from hfcore.estimators.intervals import (
    LEVEL,
    Ends,
    checked_counts,
    difference_of,
    normal_quantile,
    wilson,
)


def clopper_pearson(events: ArrayLike, n: ArrayLike, level: float = LEVEL) -> Ends:
    """The exact interval of a share: never covers less than its level, mostly more.

    References
    ----------
    Clopper & Pearson (1934); Newcombe (1998) Stat Med 17:857, method 5.

    Examples
    --------
    >>> low, high = clopper_pearson(15, 148)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0578, 0.1617)
    """
    events, n = checked_counts(events, n)
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(events > 0, betaincinv(events, n - events + 1, tail), 0.0)
        high = np.where(events < n, betaincinv(events + 1, n - events, 1 - tail), 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def mid_p(events: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval with what was observed counted half: covers its level on average.

    References
    ----------
    Lancaster (1961); Newcombe (1998) Stat Med 17:857, method 6.

    Examples
    --------
    >>> low, high = mid_p(15, 148)
    >>> round(low, 4), round(high, 4)
    (0.0601, 0.1581)
    """
    checked_counts(events, n)
    if n == 0:
        return np.nan, np.nan
    tail = (1 - level) / 2

    def at_least(share: float) -> float:
        """P(X > events) + P(X = events) / 2 under a share."""
        above = betainc(events + 1, n - events, share) if events < n else 0.0
        here = betainc(events, n - events + 1, share) if events > 0 else 1.0
        return float(above + here) / 2

    low = 0.0 if events == 0 else _root(lambda share: at_least(share) - tail, 0, 1)
    high = 1.0 if events == n else _root(lambda share: at_least(share) - (1 - tail), 0, 1)
    return low, high


def newcombe(
    events: ArrayLike,
    n: ArrayLike,
    events_other: ArrayLike,
    n_other: ArrayLike,
    level: float = LEVEL,
) -> Ends:
    """Newcombe's hybrid score interval of the difference of two shares, first minus other.

    Parameters
    ----------
    events, n, events_other, n_other : arrays of one shape
        How many of how many in each group.
    level : float
        Of the interval, 0.95 where not given.

    Returns
    -------
    low, high : arrays of that shape
        Within [−1, 1]; NaN where a group has nobody.

    Raises
    ------
    MetricInputError
        Where events are not between 0 and n.

    References
    ----------
    Newcombe (1998) Stat Med 17:873, method 10.

    Examples
    --------
    >>> low, high = newcombe(56, 70, 48, 80)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0524, 0.3339)
    """
    first, other = wilson(events, n, level), wilson(events_other, n_other, level)
    share, share_other = _share(events, n), _share(events_other, n_other)
    return difference_of(share, first, share_other, other)


def newcombe_clustered(
    events: ArrayLike,
    n: ArrayLike,
    n_eff: ArrayLike,
    events_other: ArrayLike,
    n_other: ArrayLike,
    n_eff_other: ArrayLike,
    level: float = LEVEL,
) -> Ends:
    """Newcombe's interval where members of a household resemble each other.

    Parameters
    ----------
    events, n, events_other, n_other : arrays of one shape
        As for ``newcombe``, persons.
    n_eff, n_eff_other : arrays of that shape
        How many independent persons each group is worth (``effective_n``); the shares stay as
        observed.

    Returns
    -------
    low, high : arrays of that shape

    References
    ----------
    Rao & Scott (1992) Biometrics 48:577, for effective numbers in such intervals.

    Examples
    --------
    >>> low, high = newcombe_clustered(56, 70, 35, 48, 80, 40)
    >>> round(float(low), 4), round(float(high), 4)
    (-0.0095, 0.3834)
    """
    n_eff, n_eff_other = np.asarray(n_eff, float), np.asarray(n_eff_other, float)
    share, share_other = _share(events, n), _share(events_other, n_other)
    return newcombe(share * n_eff, n_eff, share_other * n_eff_other, n_eff_other, level)


def newcombe_paired(
    both: ArrayLike,
    first_only: ArrayLike,
    other_only: ArrayLike,
    neither: ArrayLike,
    n_eff: ArrayLike | None = None,
    level: float = LEVEL,
) -> Ends:
    """Newcombe's interval of the difference of two shares of the same persons, first minus other.

    Parameters
    ----------
    both, first_only, other_only, neither : arrays of one shape
        How many persons have it at both times, at one only, at none.
    n_eff : array of that shape, optional
        How many independent persons they are worth; all, where not given. The shares and their
        correlation stay as observed.

    Returns
    -------
    low, high : arrays of that shape
        NaN where there is nobody.

    Notes
    -----
    The correlation has Newcombe's correction for continuity and is 0 where a share is 0 or 1.

    References
    ----------
    Newcombe (1998) Stat Med 17:2635, method 10.

    Examples
    --------
    >>> low, high = newcombe_paired(36, 12, 2, 0)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0569, 0.3404)
    """
    cells = [np.asarray(each, float) for each in (both, first_only, other_only, neither)]
    n = sum(cells)
    n_eff = n if n_eff is None else np.asarray(n_eff, float)
    first, other = _share(cells[0] + cells[1], n), _share(cells[0] + cells[2], n)
    (low, high), (low_other, high_other) = (
        wilson(share * n_eff, n_eff, level) for share in (first, other)
    )
    alike = _correlation(*(cell * _share(n_eff, n) for cell in cells))
    down = _correlated(first - low, high_other - other, alike)
    up = _correlated(high - first, other - low_other, alike)
    return first - other - down, first - other + up


def _correlation(
    both: np.ndarray, first_only: np.ndarray, other_only: np.ndarray, neither: np.ndarray
) -> np.ndarray:
    n = both + first_only + other_only + neither
    rows, columns = both + first_only, both + other_only
    scale = np.sqrt(np.maximum(rows * (n - rows) * columns * (n - columns), 0))
    excess = both * neither - first_only * other_only
    excess = np.where(excess > 0, np.maximum(excess - n / 2, 0), excess)
    return np.divide(excess, scale, out=np.zeros_like(scale), where=scale > 0)


def _correlated(one: np.ndarray, two: np.ndarray, alike: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(one**2 - 2 * alike * one * two + two**2, 0))


def wald(events: ArrayLike, n: ArrayLike, events_other: ArrayLike, n_other: ArrayLike) -> Ends:
    """The textbook interval, estimate ± 1.96 standard errors: too short in small samples.

    >>> low, high = wald(56, 70, 48, 80)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0575, 0.3425)
    """
    checked_counts(events, n), checked_counts(events_other, n_other)
    share, share_other = _share(events, n), _share(events_other, n_other)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.divide(share * (1 - share), n)
        error = np.sqrt(spread + np.divide(share_other * (1 - share_other), n_other))
    reach = normal_quantile(LEVEL) * error
    return share - share_other - reach, share - share_other + reach


def agresti_caffo(
    events: ArrayLike, n: ArrayLike, events_other: ArrayLike, n_other: ArrayLike
) -> Ends:
    """The textbook interval after one success and one failure are added to each group.

    References
    ----------
    Agresti & Caffo (2000) Am Stat 54:280.

    Examples
    --------
    >>> low, high = agresti_caffo(56, 70, 48, 80)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0525, 0.3358)
    """
    checked_counts(events, n), checked_counts(events_other, n_other)
    return wald(np.add(events, 1), np.add(n, 2), np.add(events_other, 1), np.add(n_other, 2))


def miettinen_nurminen(
    events: float, n: float, events_other: float, n_other: float
) -> tuple[float, float]:
    """Score interval of the difference of two shares, first minus other.

    Notes
    -----
    The differences that the score test does not reject, its variance under each and times
    N / (N − 1), as Miettinen and Nurminen have it; Mee's (1984) interval leaves that factor out
    and is a little shorter. NaN where a group has nobody.

    References
    ----------
    Miettinen & Nurminen (1985) Stat Med 4:213, equations 8 to 10.

    Examples
    --------
    >>> low, high = miettinen_nurminen(56, 70, 48, 80)
    >>> round(low, 4), round(high, 4)
    (0.0528, 0.3382)
    """
    checked_counts(events, n), checked_counts(events_other, n_other)
    if not (n and n_other):
        return np.nan, np.nan
    found = events / n - events_other / n_other
    z = normal_quantile(LEVEL)

    def excess(difference: float) -> float:
        """By how much the squared score exceeds what is not rejected, times its variance."""
        variance = _score_variance(difference, events, n, events_other, n_other)
        return (found - difference) ** 2 - z**2 * variance

    # Just off the estimate, where nobody or everybody makes the variance 0.
    low = -1.0 if found == -1 else _root(excess, -1, found - 1e-8)
    return low, 1.0 if found == 1 else _root(excess, found + 1e-8, 1)


def _score_variance(
    difference: float, events: float, n: float, events_other: float, n_other: float
) -> float:
    """The variance of the difference where the likeliest shares so far apart are true."""
    whole, happened = n + n_other, events + events_other
    second = (n + 2 * n_other) * difference - whole - happened
    first = (n_other * difference - whole - 2 * events_other) * difference + happened
    none = events_other * difference * (1 - difference)
    # The root of the cubic that lies where both are shares, by trigonometry.
    third = second / (3 * whole)
    lean = third**3 - second * first / (6 * whole**2) + none / (2 * whole)
    size = np.copysign(np.sqrt(max(third**2 - first / (3 * whole), 0.0)), lean)
    cosine = lean / size**3 if size else 1.0
    angle = (np.pi + np.arccos(np.clip(cosine, -1, 1))) / 3
    other = float(np.clip(2 * size * np.cos(angle) - third, 0, 1))
    share = float(np.clip(other + difference, 0, 1))
    spread = share * (1 - share) / n + other * (1 - other) / n_other
    return spread * whole / (whole - 1)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=1e-14, rtol=1e-14))


def _share(events: ArrayLike, n: ArrayLike) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(np.asarray(events, float), np.asarray(n, float))
