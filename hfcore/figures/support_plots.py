"""Figures of monthly support: the means of the groups, and their difference."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from hfcore.figures.plot_style import (
    GREY,
    GROUP_STYLE,
    INK,
    PALE,
    PALETTE,
    floats,
    label_ends,
    month_axis,
    new_axes,
    number_axis,
    shown_rows,
    styled,
    title,
)
from hfcore.i18n.formats import label, money, part_label, span
from hfcore.i18n.texts import text
from hfcore.metrics.difference_in_differences import WINDOWS

# No estimator is safe in later months: there a range is told and no point (METHODS.md).
MONTHS_WITH_POINT = 12


def _gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the months that are missing between the first and the last, as gaps."""
    months = range(int(rows["month"].min()), int(rows["month"].max()) + 1)
    filled = rows.set_index("month").reindex(pd.Index(months, name="month"))
    return filled.reset_index()


@styled
def plot_support_mean(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """Mean monthly support of each group around the start, with bands; gaps where too few.

    Parameters
    ----------
    rows : ``support_mean`` rows, one a group and month.
    """
    ax = new_axes(ax)
    shown = shown_rows(rows, "support_mean")
    ends, words, colours = [], [], []
    for group in dict.fromkeys(shown["group"]):
        series = _gaps(shown.loc[shown["group"].eq(group)])
        style = {key: GROUP_STYLE[group][key] for key in ("color", "linestyle")}
        months = floats(series, "month")
        ax.plot(months, floats(series, "estimate"), **style)
        band = [floats(series, end) for end in ("ci_low", "ci_high")]
        ax.fill_between(months, *band, color=style["color"], alpha=0.13, linewidth=0)
        ends.append(float(series["estimate"].iloc[-1]))
        words.append(label("groups", group, language))
        colours.append(style["color"])
    _support_axes(ax, rows, language)
    ax.set_ylim(bottom=0)
    label_ends(ax, ax.get_xlim()[1], ends, words, colours)
    return title(ax, text("axes", "kronor_a_month", language))


def _support_axes(ax: Axes, rows: pd.DataFrame, language: str) -> None:
    months = rows.loc[rows["month"].notna(), "month"].astype(int)
    bounds = [months.min(), months.max()] if len(months) else [-24, 24]
    month_axis(ax, bounds, text("axes", "months_since_start", language), language)
    number_axis(ax.yaxis, language)
    ax.axvline(0, color=GREY, linewidth=0.9)
    place = ax.get_xaxis_transform()
    word = f" {text('axes', 'start', language)}"
    ax.text(0, 0.985, word, transform=place, color=GREY, fontsize=8.5, va="top", ha="left")


@styled
def plot_support_effect(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """The difference in support by month (thin, description) and over the windows (boxes).

    Parameters
    ----------
    rows : ``support_effect`` rows: by month, and rows of ``window``, drawn over their months with
        their intervals as boxes. A window that overlaps an earlier row's window is left out. The
        first year has its estimate as a thick line; a later window is told as a range alone.
    """
    ax = new_axes(ax)
    effects = rows.loc[rows["metric"].eq("support_effect") & rows["estimate"].notna()]
    by_month = shown_rows(effects, "support_effect")
    if len(by_month):
        series = _gaps(by_month)
        months = floats(series, "month")
        ends = [floats(series, end) for end in ("ci_low", "ci_high")]
        ax.vlines(months, *ends, color=PALE, linewidth=1.4)
        ax.plot(months, floats(series, "estimate"), color=GREY, marker=".", linewidth=0.9)
    ax.axhline(0, color=INK, linewidth=0.9)
    _support_axes(ax, effects if len(by_month) else effects.assign(month=-24), language)
    if not len(by_month):
        ax.set_xlim(-24, 24)
    for first, last, window in _windows(effects):
        _draw_window(ax, first, last, window, language)
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.2 * (high - low), high)
    title(ax, text("axes", "kronor_less_or_more", language))
    if len(by_month):
        note = text("axes", "description_only", language)
        ax.text(0, -0.24, note, transform=ax.transAxes, color=GREY, fontsize=8.5)
    return ax


def _windows(effects: pd.DataFrame) -> list[tuple[int, int, pd.Series]]:
    """First and last month of each window that overlaps no earlier one, with its row."""
    found: list[tuple[int, int, pd.Series]] = []
    for _, row in effects.loc[effects["dimension"].eq("window")].iterrows():
        first, last = WINDOWS[row["level"]]
        if all(last < begun or first > ended for begun, ended, _ in found):
            found.append((first, last, row))
    return found


def _draw_window(ax: Axes, first: int, last: int, row: pd.Series, language: str) -> None:
    is_told = row["status"] == "ok"
    colour = PALETTE[0] if is_told else GREY
    ends = [first - 0.4, last + 0.4]
    ax.fill_between(ends, row["ci_low"], row["ci_high"], color=colour, alpha=0.18, linewidth=0)
    is_point = is_told and last <= MONTHS_WITH_POINT
    if is_point:
        ax.hlines(row["estimate"], *ends, color=colour, linewidth=3)
    answer = text("axes", "too_few_answer", language)
    if is_told:
        range_words = span(row["ci_low"], row["ci_high"], row["unit"], language)
        answer = money(row["estimate"], language) if is_point else range_words
    words = f"{part_label('window', row['level'], '', language)}\n{answer}"
    look = {"color": colour, "fontsize": 9, "fontweight": "bold", "linespacing": 1.3}
    place = ax.get_xaxis_transform()
    ax.text((first + last) / 2, 0.03, words, transform=place, ha="center", va="bottom", **look)
