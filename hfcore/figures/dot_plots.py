"""Rows of dots with their intervals, the figure written at the end of each."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hfcore.figures.plot_style import (
    GREY,
    INK,
    PALETTE,
    WIDTH,
    is_narrow,
    new_axes,
    number_axis,
    percent_axis,
)
from hfcore.i18n.formats import quantity, span
from hfcore.i18n.texts import text

ROW_HEIGHT, NARROW_ROW_HEIGHT = 0.36, 0.74


# Variants of rows that say where one more municipality would lie: an interval, no dot.
ONE_MORE = ("predicted", "another")


def name_of_all(variant: str, language: str) -> str:
    """What a row of all municipalities together is called, by its variant."""
    known = variant in (*ONE_MORE, "these")
    return text("forest", variant if known else "pooled", language)


def row_axes(ax: Axes | None, rows: int) -> Axes:
    """The axes given, or a figure as high as its rows need."""
    height = NARROW_ROW_HEIGHT if is_narrow() else ROW_HEIGHT
    return new_axes(ax, WIDTH, 1.3 + height * max(rows, 3))


def value_axis(ax: Axes, unit: str, language: str) -> None:
    """A bare axis of values in the format of their unit, rows without a spine."""
    if unit == "share":
        percent_axis(ax.xaxis, language)
    else:
        number_axis(ax.xaxis, language)
    ax.xaxis.set_major_locator(MaxNLocator(4 if is_narrow() else 5))
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
    """One dot with its interval a row, the first row on top, its figure written at the right.

    In a narrow figure name and figure stand above the interval.
    """
    unit = rows["unit"].iloc[0] if len(rows) else "count"
    for place, (is_strong, (_, row)) in enumerate(zip(is_main, rows.iterrows(), strict=True)):
        colour = PALETTE[0] if is_strong else GREY
        if pd.notna(row["estimate"]):
            draw_interval(ax, row, place, colour, "D" if is_strong else "o")
        words, shade = row_words(row, language)
        write_beside(ax, place, words, shade)
    name_rows(ax, names)
    value_axis(ax, unit, language)


def draw_interval(ax: Axes, row: pd.Series, place: float, colour: str, marker: str) -> None:
    """A figure as a dot on its interval; hollow where it rests on too few to say anything.

    Where one more municipality would lie is an interval only.
    """
    if row["variant"] in ONE_MORE:
        look = {"color": colour, "linewidth": 1.6, "linestyle": (0, (4, 2))}
        ax.hlines(place, row["ci_low"], row["ci_high"], **look)
        return
    face = colour if row["status"] == "ok" else "white"
    ax.hlines(place, row["ci_low"], row["ci_high"], color=colour, linewidth=2.2)
    look = {"marker": marker, "markerfacecolor": face, "markersize": 7}
    ax.plot(row["estimate"], place, color=colour, clip_on=False, **look)


def row_words(row: pd.Series, language: str) -> tuple[str, str]:
    """A row's figure in words, or that there is none, and the colour to write it in."""
    if pd.isna(row["estimate"]):
        return text("axes", "too_few", language), GREY
    return _figure_words(row, language), INK


def write_beside(ax: Axes, place: float, words: str, colour: str) -> None:
    """Words to the right of a row, or below its name in a narrow figure."""
    look = {"transform": ax.get_yaxis_transform(), "fontsize": 9.5, "color": colour}
    if is_narrow():
        ax.text(0, place - 0.26, words, va="center", **look)
    else:
        ax.text(1.02, place, words, va="center", **look)


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """The rows' names to their left, or above their left end in a narrow figure."""
    ax.set_ylim(len(names) - (0.6 if is_narrow() else 0.4), -0.75 if is_narrow() else -0.6)
    if not is_narrow():
        ax.set_yticks(range(len(names)), names)
        return
    ax.set_yticks([])
    for place, name in enumerate(names):
        look = {"transform": ax.get_yaxis_transform(), "fontsize": 9.5, "fontweight": "bold"}
        ax.text(0, place - 0.53, name.replace("\n", " "), va="center", **look)


def _figure_words(row: pd.Series, language: str) -> str:
    interval = span(row["ci_low"], row["ci_high"], row["unit"], language)
    if row["variant"] in ONE_MORE:
        return interval
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
