"""How strong something unmeasured would have to be to explain an effect away.

Numbers in, numbers out: the E-value.
"""

from __future__ import annotations

import numpy as np


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
