"""Rows of dots with their intervals, the figure written at the end of each."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from hfcore.figures.drawing import GREY, INK, PALETTE, WIDTH, new_axes, number_axis, percent_axis
from hfcore.pages.formats import quantity, span
from hfcore.pages.texts import text

ROW_HEIGHT = 0.36


def row_axes(ax: Axes | None, rows: int) -> Axes:
    """The axes given, or a figure as high as its rows need."""
    return new_axes(ax, WIDTH, 1.3 + ROW_HEIGHT * max(rows, 3))


def value_axis(ax: Axes, unit: str, language: str) -> None:
    """A bare axis of values in the format of their unit, rows without a spine."""
    if unit == "share":
        percent_axis(ax.xaxis, language)
    else:
        number_axis(ax.xaxis, language)
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0, pad=9)
    ax.spines["left"].set_visible(False)


def draw_dots(
    ax: Axes,
    rows: pd.DataFrame,
    names: Sequence[str],
    language: str,
    is_main: Sequence[bool],
) -> None:
    """One dot with its interval a row, the first row on top, its figure written at the right."""
    unit = rows["unit"].iloc[0] if len(rows) else "count"
    for place, (is_strong, (_, row)) in enumerate(zip(is_main, rows.iterrows(), strict=True)):
        colour = PALETTE[0] if is_strong else GREY
        # A hollow dot: the figure stands on too few to say anything by itself.
        face = colour if row["status"] == "ok" else "white"
        right = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": 9}
        if pd.isna(row["estimate"]):
            ax.text(1.02, place, text("axes", "too_few", language), color=GREY, **right)
            continue
        ax.hlines(place, row["ci_low"], row["ci_high"], color=colour, linewidth=2.2)
        look = {"marker": "D" if is_strong else "o", "markerfacecolor": face, "markersize": 7}
        ax.plot(row["estimate"], place, color=colour, clip_on=False, **look)
        ax.text(1.02, place, _figure_words(row, language), color=INK, **right)
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    value_axis(ax, unit, language)


def _figure_words(row: pd.Series, language: str) -> str:
    interval = span(row["ci_low"], row["ci_high"], row["unit"], language)
    figure = quantity(row["estimate"], row["unit"], language)
    return f"{figure} ({interval})" if interval else figure


def mark_zero(ax: Axes, rows: pd.DataFrame, language: str) -> float:
    """A line at no difference where figures lie on its sides; the room its name takes."""
    ends = rows[["estimate", "ci_low", "ci_high"]]
    if not (ends < 0).any().any():
        return 12.0
    ax.axvline(0, color=INK, linewidth=0.9)
    word = text("axes", "no_difference", language)
    place = ax.get_xaxis_transform()
    ax.text(0, 1.0, word, transform=place, ha="center", va="bottom", fontsize=8.5, color=GREY)
    return 26.0
