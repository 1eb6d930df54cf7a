"""Figures of how many went from where to where."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hfcore.figures.plot_style import GREY, INK, PALETTE, new_axes, styled, title
from hfcore.i18n.formats import label, number
from hfcore.i18n.texts import text
from hfcore.metrics.planning import plan_pairs
from hfcore.results import require_columns

GAP = 0.03
_LEFT, _RIGHT, _BAR = 0.0, 1.0, 0.02


@styled
def plot_plan_transitions(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """From which plan to which: a band for each pair, as wide as it has adults.

    Parameters
    ----------
    rows : rows of ``planning.plan_transitions`` for one group and one measurement point.

    Returns
    -------
    The axes; those given, or of a new figure. Bands that stay with their plan are grey.
    """
    require_columns(rows, ("level", "estimate", "month"), "rows")
    flows = _flows(rows)
    ax = new_axes(ax, height=0.45 * max(4, flows["start"].nunique()) + 1.0)
    ends = {side: _bars(flows, side) for side in ("start", "then")}
    below = {side: dict(ends[side]["low"]) for side in ends}
    for flow in flows.itertuples(index=False):
        low_left, low_right = below["start"][flow.start], below["then"][flow.then]
        _draw_band(ax, low_left, low_right, flow.share, flow.start == flow.then)
        below["start"][flow.start] += flow.share
        below["then"][flow.then] += flow.share
    _draw_bars(ax, ends["start"], _LEFT, "right", language)
    _draw_bars(ax, ends["then"], _RIGHT, "left", language)
    ax.set_xlim(-0.45, 1.45)
    ax.axis("off")
    month = number(float(rows["month"].iloc[0]), language) if len(rows) else ""
    return title(ax, text("axes", "plans_then", language, month=month))


def _flows(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a pair of plans with adults: start, then, adults, share of all; in declared order."""
    adults = rows["estimate"].fillna(0).to_numpy(dtype="float64")
    flows = plan_pairs(rows).assign(adults=adults)
    total = flows["adults"].sum()
    shown = flows.loc[flows["adults"].gt(0)]
    return shown.assign(share=shown["adults"] / total if total else 0.0)


def _bars(flows: pd.DataFrame, side: str) -> pd.DataFrame:
    """One row a plan on one side: adults, and where its bar begins and ends."""
    order = dict.fromkeys([*flows["start"], *flows["then"]])
    found = flows.groupby(side)[["adults", "share"]].sum()
    sums = found.reindex([plan for plan in order if plan in found.index])
    high = sums["share"].cumsum() + GAP * np.arange(len(sums))
    return sums.assign(low=high - sums["share"], high=high)


def _draw_band(ax: Axes, left: float, right: float, width: float, is_same: bool) -> None:
    x = np.linspace(_LEFT + _BAR, _RIGHT - _BAR, 60)
    bend = (1 - np.cos(np.pi * np.linspace(0, 1, len(x)))) / 2
    low = left + (right - left) * bend
    colour = GREY if is_same else PALETTE[0]
    ax.fill_between(x, low, low + width, color=colour, alpha=0.35 if is_same else 0.28, linewidth=0)


def _draw_bars(ax: Axes, bars: pd.DataFrame, x: float, side: str, language: str) -> None:
    places = _apart([(low + high) / 2 for low, high in zip(bars["low"], bars["high"], strict=True)])
    for (plan, bar), place in zip(bars.iterrows(), places, strict=True):
        start = x if side == "right" else x - _BAR
        ax.fill_between([start, start + _BAR], bar["low"], bar["high"], color=INK, linewidth=0)
        words = f"{label('plans', str(plan), language)} {number(bar['adults'], language)}"
        shift = -0.03 if side == "right" else 0.03
        ax.text(x + shift, place, words, ha=side, va="center", fontsize=9)


def _apart(places: list[float], least: float = 0.055) -> list[float]:
    """Heights in the same order, each at least so far above the one before."""
    moved = list(places)
    for before, here in pairwise(range(len(moved))):
        moved[here] = max(moved[here], moved[before] + least)
    return moved
