"""Rule 8: curves in steps of several events, so that no step is the fate of one household."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators.intervals import wilson
from hfcore.results import OWNER_COLUMNS
from hfcore.study import Publication
from hfpublish.disclosure.cell_key import add_noise
from hfpublish.disclosure.protection import is_kind, mark, round_to, withhold

AT_RISK_EVERY_MONTHS = 6
SINGLE_SHARE_MONTH = 12
FALLING = ("still_in_intervention", "support_duration_band")
SHARE_STEP = 0.01


def coarse_curves(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 8: a curve rises in steps of ``min_step_events`` or more and ends with few at risk.

    Events wait until enough have come together and are shown then, never before they happened.
    The height of a step is the exact curve's, moved by the noise of the events counted so far
    and of the group, in whole percent. A curve with fewer than ``min_curve_events`` events before
    its end is one share at 12 months. The at-risk row stands every half year.
    """
    curves = is_kind(rows, "curve")
    few = rows["n"].lt(publication.min_share_denominator).fillna(True).astype(bool)
    few |= rows["shown_n"].lt(publication.min_share_denominator).fillna(True).astype(bool)
    rows = withhold(rows, curves & few)
    curves = curves & ~few
    rows = _hide_counts(rows)
    if not curves.any():
        return rows
    keys = [column for column in OWNER_COLUMNS if column in rows]
    keys += ["metric", "variant", "group", "dimension", "level", "period", "cause"]
    drawn = [
        _coarse(curve.sort_values("month"), publication)
        for _, curve in rows.loc[curves].groupby(keys, sort=False)
    ]
    return pd.concat([rows.loc[~curves], *drawn]).sort_index()


def _hide_counts(rows: pd.DataFrame) -> pd.DataFrame:
    is_curve = rows["kind"].eq("curve")
    between = rows["month"].mod(AT_RISK_EVERY_MONTHS).ne(0).fillna(True).astype(bool)
    return rows.assign(
        shown_events=rows["shown_events"].mask(is_curve),
        shown_at_risk=rows["shown_at_risk"].mask(is_curve & between),
    )


def _coarse(curve: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """One curve, months in order, as steps; or its share at 12 months; or nothing."""
    at_risk = curve["n_at_risk"].fillna(0).to_numpy(dtype="int64")
    within = np.logical_and.accumulate(at_risk >= publication.min_at_risk)
    so_far = curve["n_events"].fillna(0).to_numpy(dtype="int64")
    is_curve = so_far[within].max(initial=0) >= publication.min_curve_events
    last_step = step_of(np.diff(so_far, prepend=0), publication.min_step_events)
    source = last_step if is_curve else np.arange(len(curve))
    is_share_month = curve["month"].eq(SINGLE_SHARE_MONTH).fillna(False).to_numpy(dtype=bool)
    visible = within & (is_curve | is_share_month)
    shown = _shown_heights(curve, so_far, source, publication)
    drawn = mark(curve.assign(**shown), pd.Series(True, index=curve.index), "cell_key")
    return withhold(drawn, pd.Series(~visible, index=curve.index))


def step_of(events: np.ndarray, least: int) -> np.ndarray:
    """For each month the place of the last month whose step is out; -1 before the first step.

    >>> step_of(np.array([0, 4, 1, 1, 5, 0, 7]), 6).tolist()
    [-1, -1, -1, 3, 3, 3, 6]
    """
    source = np.empty(len(events), dtype="int64")
    waiting, last = 0, -1
    for place, count in enumerate(events):
        waiting += count
        if waiting >= least:
            waiting, last = 0, place
        source[place] = last
    return source


def _shown_heights(
    curve: pd.DataFrame, so_far: np.ndarray, source: np.ndarray, publication: Publication
) -> dict[str, np.ndarray]:
    """Estimate and interval of each month from the month that its step comes from."""
    falls = curve["metric"].iloc[0] in FALLING
    columns = [curve[name].to_numpy(dtype="float64") for name in ("estimate", "ci_low", "ci_high")]
    risk, low, high = (1 - columns[0], 1 - columns[2], 1 - columns[1]) if falls else columns
    keys = curve["key_events"].reset_index(drop=True)
    noisy = add_noise(pd.Series(so_far), keys, publication).to_numpy(dtype="float64")
    true_n, shown_n = (curve[name].to_numpy(dtype="float64") for name in ("n", "shown_n"))
    moved = np.clip(risk * noisy / np.maximum(so_far, 1) * true_n / shown_n, 0, 1)
    is_step = source == np.arange(len(curve))
    moved = np.maximum.accumulate(np.where(is_step, moved, 0.0))
    ends = _moved_interval(risk, low, high, moved, shown_n)
    # Before the first step nothing is shown to have happened; that nothing has is not known.
    starts = (np.zeros(len(curve)), *wilson(np.zeros(len(curve)), shown_n))
    held = [
        np.where(source < 0, start, each[source])
        for start, each in zip(starts, (moved, *ends), strict=True)
    ]
    whole = [round_to(pd.Series(each), SHARE_STEP).round(2).to_numpy() for each in held]
    if falls:
        whole = [(1 - whole[place]).round(2) for place in (0, 2, 1)]
    return dict(zip(("shown", "shown_low", "shown_high"), whole, strict=True))


def _moved_interval(
    risk: np.ndarray, low: np.ndarray, high: np.ndarray, moved: np.ndarray, n: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The exact interval carried over to the moved estimate on the log(-log) scale.

    Where there is none on that scale, Wilson's for the moved share of the group.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = [np.log(-np.log1p(-each)) for each in (risk, low, high, moved)]
        ends = [-np.expm1(-np.exp(scale[3] + scale[place] - scale[0])) for place in (1, 2)]
    fallback = wilson(np.nan_to_num(moved) * n, n)
    usable = np.isfinite(scale[3]) & np.isfinite(ends[0]) & np.isfinite(ends[1])
    return tuple(np.where(usable, end, other) for end, other in zip(ends, fallback, strict=True))
