"""How strong something unmeasured would have to be to explain an effect away.

Numbers in, numbers out: the E-value and Rosenbaum's bounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import rankdata

_LARGEST_GAMMA = 100.0


def e_value(risk_ratio: float, low: float, high: float) -> tuple[float, float]:
    """E-value of a risk ratio and of the end of its interval nearest to 1.

    Parameters
    ----------
    risk_ratio, low, high : float
        Above 0: the estimate and its interval.

    Returns
    -------
    of_estimate, of_end : float
        The least strength, as a risk ratio with both the programme and the outcome, that something
        unmeasured must have to explain the estimate away; 1 is none at all.

    References
    ----------
    VanderWeele & Ding (2017) Ann Intern Med 167:268, equation 1.

    Examples
    --------
    >>> [round(each, 2) for each in e_value(3.9, 1.8, 8.7)]
    [7.26, 3.0]
    """
    if low <= 1 <= high:
        return _e_value(risk_ratio), 1.0
    return _e_value(risk_ratio), _e_value(high if risk_ratio < 1 else low)


def _e_value(risk_ratio: float) -> float:
    ratio = max(risk_ratio, 1 / risk_ratio)
    return float(ratio + np.sqrt(ratio * (ratio - 1)))


def e_value_of_difference(estimate: float, standard_error: float, sd: float) -> tuple[float, float]:
    """E-values of a difference of means, as an approximate risk ratio exp(0.91 d), d = tau / SD.

    ``sd`` is the standard deviation of the outcome within groups; the interval is exp(0.91 d ±
    1.78 se of d) (VanderWeele & Ding 2017, table 2).
    """
    d, error = estimate / sd, standard_error / sd
    return e_value(*np.exp([0.91 * d, 0.91 * d - 1.78 * error, 0.91 * d + 1.78 * error]))


def signed_rank_bounds(differences: ArrayLike, gamma: float) -> tuple[float, float]:
    """Largest and smallest one-sided p-value of positive differences under hidden bias gamma.

    Wilcoxon's signed ranks, normal approximation; zeros are ranked, then dropped (Pratt), as in
    Rosenbaum 2005, table 1. ``gamma`` is a ratio of odds, 1 or more.
    """
    d = np.asarray(differences, dtype=float)
    ranks = np.where(d != 0, rankdata(np.abs(d)), 0.0)
    statistic, total, squares = ranks[d > 0].sum(), ranks.sum(), (ranks**2).sum()
    if squares == 0:
        return 1.0, 1.0
    tails = []
    for share in (gamma / (1 + gamma), 1 / (1 + gamma)):
        spread = np.sqrt(share * (1 - share) * squares)
        tails.append(float(ndtr(-(statistic - share * total) / spread)))
    return tails[0], tails[1]


def tipping_gamma(differences: ArrayLike, level: float = 0.025) -> float:
    """The hidden bias at which matched pairs no longer show a difference (Rosenbaum's gamma).

    Parameters
    ----------
    differences : array (pairs,)
        Within each pair; the side that their median falls on is tested.
    level : float
        Of the one-sided test.

    Returns
    -------
    float
        A ratio of odds: the larger, the sturdier; 1 where even without bias none is shown, at
        most 100, NaN without pairs.

    References
    ----------
    Rosenbaum (2002), section 4.3.3; Rosenbaum (2005), table 1.

    Examples
    --------
    >>> round(tipping_gamma(range(1, 16)), 3)
    3.023
    """
    d = np.asarray(differences, dtype=float)
    if len(d) == 0:
        return float("nan")
    d = d if np.median(d) >= 0 else -d

    def excess(gamma: float) -> float:
        return signed_rank_bounds(d, gamma)[0] - level

    if excess(1.0) > 0:
        return 1.0
    if excess(_LARGEST_GAMMA) <= 0:
        return _LARGEST_GAMMA
    return float(brentq(excess, 1.0, _LARGEST_GAMMA, xtol=1e-13, rtol=1e-14))
