"""Ratio of two sums over clusters, such as windows met of all windows of households."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hfcore.estimators.intervals import estimate_t

MIN_SIDE = 10


def cluster_ratio(
    y: ArrayLike, x: ArrayLike, scale: str = "logit"
) -> tuple[float, float, float, float]:
    """Σy / Σx with an interval that holds for twenty clusters.

    Parameters
    ----------
    y, x : arrays (clusters,)
        What is counted of each cluster, and out of how much; x above 0.
    scale : ``logit`` for shares (y ≤ x), ``log`` for rates.

    Returns
    -------
    ratio, low, high, df
        The ends are NaN where there are fewer than two clusters, the ratio is 0 (or, of a share,
        1), or on the logit scale fewer than ten clusters met, or missed, anything.

    Notes
    -----
    Each cluster's residual as if it were left out, e_i = (y_i − R x_i) / (Σx (1 − x_i / Σx)), and
    se² = Σ e_i²; Student's t with 1 / Σ (x_i / Σx)² − 1 degrees of freedom, at least 2, so that few
    large clusters count as few. The plain linearised interval covers .86–.94 of 20 to 95.

    References
    ----------
    Cochran (1977), section 6.8; Bell & McCaffrey (2002) for leaving clusters out. Coverage by
    simulation: ``benchmarks/simulate_cluster_ratio.py``.

    Examples
    --------
    >>> ratio, low, high, df = cluster_ratio([1, 2, 3, 4] * 5, [4, 4, 4, 4] * 5)
    >>> round(ratio, 3), round(low, 3), round(high, 3), round(df, 1)
    (0.625, 0.481, 0.75, 19.0)
    """
    y, x = np.asarray(y, float), np.asarray(x, float)
    whole = x.sum()
    if not whole > 0:
        return np.nan, np.nan, np.nan, np.nan
    ratio = y.sum() / whole
    df = max(1 / np.sum((x / whole) ** 2) - 1, 2.0)
    is_share = scale == "logit"
    sides = (np.sum(y > 0), np.sum(y < x)) if is_share else (len(x),)
    is_inside = 0 < ratio < 1 if is_share else ratio > 0
    if len(x) < 2 or not is_inside or min(sides) < (MIN_SIDE if is_share else 2):
        return float(ratio), np.nan, np.nan, float(df)
    residual = (y - ratio * x) / (whole * (1 - x / whole))
    error = np.sqrt(np.sum(residual**2))
    if is_share:
        ends = estimate_t(np.log(ratio / (1 - ratio)), error / (ratio * (1 - ratio)), df)
        low, high = (1 / (1 + np.exp(-end)) for end in ends)
    else:
        low, high = np.exp(estimate_t(np.log(ratio), error / ratio, df))
    return float(ratio), float(low), float(high), float(df)
