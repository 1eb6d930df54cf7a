"""Figures of one share over months, a line a group: step curves, or points that are joined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hfcore.figures.plot_style import (
    DASHES,
    GREY,
    GROUP_STYLE,
    MARKERS,
    PALETTE,
    floats,
    label_ends,
    month_axis,
    new_axes,
    numbers_below,
    percent_axis,
    styled,
    title,
)
from hfcore.i18n.formats import label, part_labels
from hfcore.i18n.texts import text

_MANY_POINTS = 8


@styled
def plot_shares(
    rows: pd.DataFrame,
    language: str = "sv",
    by: str = "group",
    months: str = "months_since_start",
    ax: Axes | None = None,
) -> Axes:
    """One share by month, a line for each group, with intervals and the numbers behind it below.

    Parameters
    ----------
    rows : rows of one metric in the unit share, one a month and group. Months in a row are drawn
        as steps with bands; others as points with their intervals.
    by : ``group`` or ``part``, what the lines tell apart; lines without a figure are left out.
    months : what the months are counted from: a text of the section axes.

    Returns
    -------
    The axes; those given, or of a new figure. Below them the numbers still followed, or where
    nobody is followed over time those counted.
    """
    rows = rows.assign(part=part_labels(rows, language))
    shown = rows.loc[rows["estimate"].notna() & rows["month"].notna()].sort_values("month")
    lines = [shown.loc[shown[by].eq(name)] for name in dict.fromkeys(rows[by])]
    lines = [line for line in lines if len(line)]
    ax = new_axes(ax)
    points = sorted(shown["month"].astype(int).unique())
    is_curve = len(points) > 2 and np.diff(points).max() == 1
    last = max(points, default=1) + is_curve
    month_axis(ax, [min(points, default=0), last], text("axes", months, language), language)
    percent_axis(ax.yaxis, language)
    ax.set_ylim(0, top_of(shown))
    styles = [_style(line[by].iloc[0], place) for place, line in enumerate(lines)]
    for place, (line, style) in enumerate(zip(lines, styles, strict=True)):
        aside = (place - (len(lines) - 1) / 2) * 0.35
        _draw_steps(ax, line, style) if is_curve else _draw_points(ax, line, style, aside)
    if not is_curve:
        _mark_points(ax, points)
    names = [_name(line[by].iloc[0], by, language) for line in lines]
    _name_lines(ax, lines, names, styles)
    _numbers(ax, lines, names, points, is_curve, language)
    if not lines:
        middle: dict[str, Any] = {"transform": ax.transAxes, "ha": "center", "color": GREY}
        ax.text(0.5, 0.5, text("axes", "too_few", language), **middle)
    return title(ax, measure(rows, language))


def measure(rows: pd.DataFrame, language: str) -> str:
    """What a figure of one metric shows, with the cause where there is only one."""
    words = [label("metrics", metric, language) for metric in rows["metric"].head(1)]
    causes = [cause for cause in dict.fromkeys(rows["cause"]) if cause]
    if len(causes) == 1:
        words.append(label("causes", causes[0], language))
    return ": ".join(words)


def top_of(shown: pd.DataFrame) -> float:
    """The upper end of an axis of shares: a little above the highest interval, at most 1."""
    highest = shown[["estimate", "ci_high"]].max().max() if len(shown) else 0
    return min(1.0, max(0.2, float(highest) * 1.08)) if pd.notna(highest) else 1.0


def _style(name: str, place: int) -> dict[str, Any]:
    if name in GROUP_STYLE:
        return GROUP_STYLE[name]
    kinds = {"color": PALETTE, "linestyle": DASHES, "marker": MARKERS}
    return {key: looks[place % len(looks)] for key, looks in kinds.items()}


def _name(name: str, by: str, language: str) -> str:
    if not name:
        return text("words", "whole", language)
    return name if by == "part" else label("groups", name, language)


def _draw_steps(ax: Axes, line: pd.DataFrame, style: dict) -> None:
    month, *heights = (floats(line, each) for each in ("month", "estimate", "ci_low", "ci_high"))
    # The last step is drawn to the end of its month.
    month = np.append(month, month[-1] + 1)
    share, low, high = (np.append(each, each[-1]) for each in heights)
    ax.step(month, share, where="post", color=style["color"], linestyle=style["linestyle"])
    ax.fill_between(month, low, high, step="post", color=style["color"], alpha=0.10, linewidth=0)


def _draw_points(ax: Axes, line: pd.DataFrame, style: dict, aside: float) -> None:
    month, share, low, high = (
        floats(line, each) for each in ("month", "estimate", "ci_low", "ci_high")
    )
    if len(line) > _MANY_POINTS:
        ax.fill_between(month, low, high, color=style["color"], alpha=0.10, linewidth=0)
        ax.plot(month, share, color=style["color"], linestyle=style["linestyle"])
        return
    ax.vlines(month + aside, low, high, color=style["color"], linewidth=1.4)
    ax.plot(month + aside, share, **style, markersize=6)


def _mark_points(ax: Axes, points: list[int]) -> None:
    """Ticks at the points alone, with room on both sides; every second where there are many."""
    if len(points) <= _MANY_POINTS:
        ax.set_xlim(min(points, default=0) - 1.5, max(points, default=1) + 1.5)
        ax.set_xticks(points, [str(point) for point in points])
    else:
        ax.set_xticks(points[::2], [str(point) for point in points[::2]])


def _name_lines(ax: Axes, lines: list[pd.DataFrame], names: list[str], styles: list[dict]) -> None:
    """Each line's name at the right, as high as its end; lines that end early are named there too,
    clear of the others."""
    ends = [float(line["estimate"].iloc[-1]) for line in lines]
    label_ends(ax, ax.get_xlim()[1], ends, names, [str(style["color"]) for style in styles])


def _numbers(
    ax: Axes,
    lines: list[pd.DataFrame],
    names: list[str],
    points: list[int],
    is_curve: bool,
    language: str,
) -> None:
    """The numbers behind each line, every half year or at every point."""
    followed = any(line["n_at_risk"].notna().any() for line in lines)
    told = points if not is_curve else [point for point in points if point % 6 == 0]
    told = told[:: 1 if len(told) <= _MANY_POINTS else 4]
    rows = {}
    for name, line in zip(names, lines, strict=True):
        counts = line.set_index("month")["n_at_risk" if followed else "n"]
        rows[name] = counts.loc[[each for each in told if each in counts.index]].dropna()
    word = text("axes", "at_risk" if followed else "counted", language)
    numbers_below(ax, rows, word, language)
