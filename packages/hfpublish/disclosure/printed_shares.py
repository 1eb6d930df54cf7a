"""Rule 8: shares followed over time, right on average, with a range from printed numbers only.

Each told point is the exact estimate moved by the noise of those closed so far, so that its mean
over the noise is the exact figure; nothing waits, and nothing depends on how many closed. The
range is a score interval that contains what protection adds beside chance. It is made of what is
printed, so that it tells nothing new, and therefore exists at 0 as elsewhere.

References: Wilson (1927) for the interval; Barlow et al. (1972) for isotonic regression.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from hfcore.estimators.intervals import LEVEL, normal_quantile
from hfcore.results import OWNER_COLUMNS, is_whole
from hfcore.study import Publication
from hfpublish.disclosure.cell_key import noise_of
from hfpublish.disclosure.protection import ESTIMATE, is_kind, mark, withhold

FALLING = ("still_in_intervention",)
QUARTER, HALF_YEAR, YEAR, LAST = 3, 6, 12, 24
SHARE_STEP = 0.01
# Which part of the group each household is worth is told in steps, and never as nought.
WORTH_STEPS, LEAST_WORTH = 20, 0.05
# From this many closed so for each known not to have, the noise is that of the others.
NEARLY_ALL = 3


class PrintedShare(NamedTuple):
    """One curve at its told months: moved (not rounded), printed share, its range, its worth."""

    moved: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    worth_n: np.ndarray


def score_range(
    share: np.ndarray, worth_n: np.ndarray, step: float, spread: float | np.ndarray = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % range of a printed share, protection included.

    Parameters
    ----------
    share : the printed share, or a printed mean of what lies between 0 and 1.
    worth_n : how many independent households the printed group is worth.
    step : what the share is rounded to.
    spread : mean square of one household's contribution as a part of its mean: 1 for a share.

    Returns
    -------
    low, high : within [0, 1], not rounded. At a share of 0 the upper end lies above 0.

    Notes
    -----
    The values θ with (share − θ)² ≤ z² [θ (spread − θ) / n + 2 (spread² + share²) / n² + step² /
    12]: chance, the noise (variance 2) of those counted and of the group, and rounding.

    Examples
    --------
    >>> low, high = score_range(np.array([0.0, 0.24]), np.array([30.0, 95.0]), 0.01)
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.0, 0.16], [0.16, 0.34])
    """
    z = normal_quantile(LEVEL)
    noise = 2 * (spread**2 + share**2) / worth_n**2 + step**2 / 12
    a = 1 + z**2 / worth_n
    b = share + spread * z**2 / (2 * worth_n)
    c = share**2 - z**2 * noise
    root = np.sqrt(b**2 - a * c)
    return np.clip((b - root) / a, 0, 1), np.clip((b + root) / a, 0, 1)


def to_step(values: np.ndarray, step: float) -> np.ndarray:
    """Values of at least 0 to the nearest whole step, halves upwards."""
    return np.floor(values / step + 0.5) * step


def printed_curve(curve: pd.DataFrame, publication: Publication) -> PrintedShare:
    """What may be printed of one curve at its told months, in their order.

    Parameters
    ----------
    curve : one row a told month: ``estimate`` (the share closed so by then), n, n_events, n_others
        (known not to have closed so), their key sums, and ``worth``.
    publication : the parameters of the noise.

    Notes
    -----
    F · (N + e) / N · n / n′: F the exact share, N closed so far, e their noise, n and n′ the true
    and the shown size; above three quarters 1 − (1 − F) · (M + e) / M · n / n′ with the M known
    not to have closed so. Then isotonic over the told months. As many households as n′ count for
    what the share still in says of all causes together, rounded down to a twentieth.
    """
    column = {
        name: curve[name].to_numpy(dtype="float64", na_value=np.nan)
        for name in ("estimate", "n", "n_events", "n_others", "key_n", "key_events", "key_others")
    }
    share, n, closed, others = (column[name] for name in ("estimate", "n", "n_events", "n_others"))
    noise, noise_others, noise_n = (
        noise_of(column[count], column[key], publication)
        for count, key in (
            ("n_events", "key_events"),
            ("n_others", "key_others"),
            ("n", "key_n"),
        )
    )
    shown_n = np.maximum(n + noise_n, 1)
    size = n / shown_n
    moved = share * (closed + noise) / np.maximum(closed, 1) * size
    left = (1 - share) * (others + noise_others) / np.maximum(others, 1) * size
    moved = np.where(closed > NEARLY_ALL * others, 1 - left, moved)
    moved = np.clip(_rising(moved), 0, 1)
    printed = to_step(moved, SHARE_STEP)
    worth = curve["worth"].to_numpy(dtype="float64")
    part = np.clip(np.floor(worth * WORTH_STEPS) / WORTH_STEPS, LEAST_WORTH, 1)
    worth_n = np.maximum(np.rint(shown_n * part), 1)
    low, high = score_range(printed, worth_n, SHARE_STEP)
    return PrintedShare(
        moved, printed, to_step(low, SHARE_STEP), to_step(high, SHARE_STEP), worth_n
    )


def _rising(values: np.ndarray) -> np.ndarray:
    """The rising values nearest to some (isotonic regression)."""
    from scipy.optimize import isotonic_regression

    return isotonic_regression(values).x


def told_curves(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 8: a curve is told at few months, each right on average, with a range that holds.

    The whole group: each quarter from ``min_quarters_n`` members, else each half year, up to two
    years; a part of it at one and two years. A month is told where at least ``min_started``
    started that long before the end of follow-up and the group has ``min_breakdown_n``. How many
    closed withholds nothing. At risk are told at those months, events never.
    """
    is_curve = rows["kind"].eq("curve")
    rows = rows.loc[~is_curve | _is_told_month(rows, publication)]
    enough = rows["n"].ge(publication.min_breakdown_n)
    enough &= rows["n_started"].ge(publication.min_started) & rows["worth"].notna()
    rows = withhold(rows, rows["kind"].eq("curve") & ~enough.fillna(False).astype(bool))
    rows = rows.assign(shown_events=rows["shown_events"].mask(rows["kind"].eq("curve")))
    curves = is_kind(rows, "curve")
    if not curves.any():
        return rows
    keys = [column for column in OWNER_COLUMNS if column in rows]
    keys += ["metric", "variant", "group", "dimension", "level", "period", "cause"]
    drawn = [
        _drawn(curve.sort_values("month"), publication)
        for _, curve in rows.loc[curves].groupby(keys, sort=False)
    ]
    return pd.concat([rows.loc[~curves], *drawn]).sort_index()


def _is_told_month(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """Which rows stand at a month that is told of a group of their kind and size."""
    whole = is_whole(rows)
    many = rows["n"].ge(publication.min_quarters_n).fillna(False).astype(bool)
    every = np.where(whole, np.where(many, QUARTER, HALF_YEAR), YEAR)
    month = rows["month"].astype("float64")
    return month.between(1, LAST) & month.mod(every).eq(0)


def _drawn(curve: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """One curve, its told months in order, with what may be printed of it."""
    falls = curve["metric"].iloc[0] in FALLING
    closed = curve.assign(estimate=1 - curve["estimate"]) if falls else curve
    told = printed_curve(closed, publication)
    ends = (told.share, told.low, told.high)
    if falls:
        ends = tuple(1 - each for each in (told.share, told.high, told.low))
    shown = {name: each.round(2) + 0.0 for name, each in zip(ESTIMATE, ends, strict=True)}
    moved = 1 - told.moved if falls else told.moved
    drawn = curve.assign(**shown, moved=moved, worth_n=told.worth_n)
    return mark(drawn, pd.Series(True, index=curve.index), "cell_key")
