"""Municipalities side by side, never ranked: forests of intervals, and one small panel each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hfcore.figures.dot_plots import (
    ONE_MORE,
    draw_dots,
    draw_interval,
    mark_zero,
    name_of_all,
    name_rows,
    row_axes,
    row_words,
    value_axis,
    write_beside,
)
from hfcore.figures.plot_style import (
    GREY,
    INK,
    PALETTE,
    is_narrow,
    new_axes,
    number_axis,
    percent_axis,
    styled,
    title,
)
from hfcore.i18n.formats import label
from hfcore.i18n.texts import text

ALL = "all"
# More rows than this cannot be read one by one in a picture: the table beside it names each.
MOST_ROWS = 30
# What rows are that do not tell it.
_UNTOLD = {"variant": "default", "cause": "", "month": None}


@styled
def plot_forest(
    rows: pd.DataFrame,
    language: str = "sv",
    names: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """One figure for each municipality with its interval, and their mean below.

    Parameters
    ----------
    rows : rows of one metric, one a municipality in the order drawn; of ``all`` the mean
        (``pooled``, or ``these`` for the mean over their families) and where one more municipality
        would lie (``predicted``, ``another``). Rows ``steadied``
        are drawn below their municipality's own.
    names : municipality code → name.

    Notes
    -----
    More than 30 municipalities stand side by side in the order of their codes, without names:
    the picture then shows how far they spread around their mean and how unsure each is.
    """
    rows = rows.assign(**{name: word for name, word in _UNTOLD.items() if name not in rows})
    own = rows.loc[rows["municipality"].ne(ALL)]
    if own["municipality"].nunique() > MOST_ROWS:
        ax = _draw_many(rows, language, ax)
    elif own["variant"].eq("steadied").any():
        ax = _draw_steadied(rows, language, names or {}, ax)
    else:
        ax = row_axes(ax, len(rows))
        ordered = pd.concat([own, rows.loc[rows["municipality"].eq(ALL)]])
        draw_dots(
            ax,
            ordered,
            _names(ordered, language, names or {}),
            language,
            ordered["municipality"].eq(ALL),
        )
        _rule_above_all(ax, ordered)
    unseen = own["municipality"].nunique() > MOST_ROWS
    above = 12.0 if unseen else mark_zero(ax, rows, language)
    return title(ax, _title(rows, language), above)


def _title(rows: pd.DataFrame, language: str) -> str:
    """What is drawn: the measure, with cause and month where there is one of each."""
    if rows.empty:
        return ""
    first, is_one = rows.iloc[0], rows["month"].nunique() == 1 and rows["cause"].nunique() == 1
    if first["metric"] == "cumulative_incidence" and is_one:
        words = {"cause": label("causes", first["cause"], language), "month": int(first["month"])}
        return text("axes", "left_for", language, **words)
    return label("metrics", first["metric"], language)


def _names(rows: pd.DataFrame, language: str, names: Mapping[str, str]) -> list[str]:
    """What each row is called: its municipality, or what is told of all."""
    return [
        name_of_all(variant, language) if code == ALL else names.get(code, code)
        for code, variant in zip(rows["municipality"], rows["variant"], strict=True)
    ]


def _rule_above_all(ax: Axes, rows: pd.DataFrame) -> None:
    is_all = rows["municipality"].eq(ALL)
    if is_all.any():
        ax.axhline((~is_all).sum() - (0.75 if is_narrow() else 0.5), color=GREY, linewidth=0.7)


def _draw_steadied(
    rows: pd.DataFrame, language: str, names: Mapping[str, str], ax: Axes | None
) -> Axes:
    """Each municipality's own figure thin and grey, the one drawn towards the rest below it."""
    is_steadied = rows["variant"].eq("steadied")
    raw = rows.loc[~is_steadied].set_index("municipality")
    main = rows.loc[is_steadied | rows["municipality"].eq(ALL)]
    main = main.sort_values("municipality", key=lambda codes: codes.eq(ALL), kind="stable")
    ax = row_axes(ax, round(len(main) * 1.25))
    for place, (code, row) in enumerate(zip(main["municipality"], main.iloc, strict=True)):
        is_all = code == ALL
        if not is_all and pd.notna(raw.loc[code, "estimate"]):
            _draw_raw(ax, raw.loc[code], place - 0.13)
        if pd.notna(row["estimate"]):
            at = place if is_all else place + 0.13
            draw_interval(ax, row, at, PALETTE[0], "D" if is_all else "o")
        write_beside(ax, place, *row_words(row, language))
    name_rows(ax, _names(main, language, names))
    _rule_above_all(ax, main)
    value_axis(ax, rows["unit"].iloc[0], language)
    if rows["unit"].eq("share").all():
        ax.set_xlim(left=0)
    ax.set_xlabel(text("forest", "key", language), fontsize=9, color=GREY, loc="left")
    return ax


def _draw_raw(ax: Axes, row: pd.Series, place: float) -> None:
    ax.hlines(place, row["ci_low"], row["ci_high"], color="#9a9a9a", linewidth=1.1)
    look = {"color": "#9a9a9a", "markerfacecolor": "white", "markersize": 4.5}
    ax.plot(row["estimate"], place, marker="o", clip_on=False, **look)


def _draw_many(rows: pd.DataFrame, language: str, ax: Axes | None) -> Axes:
    """Many municipalities side by side in the order of their codes, their mean as a band."""
    ax = new_axes(ax)
    own = rows.loc[rows["municipality"].ne(ALL)]
    variant = "steadied" if own["variant"].eq("steadied").any() else own["variant"].iloc[0]
    shown = own.loc[own["variant"].eq(variant)].sort_values("municipality", kind="stable")
    shown = shown.loc[shown["estimate"].notna()]
    places = np.arange(len(shown))
    width = max(0.5, 260 / max(len(shown), 1)) * (0.5 if is_narrow() else 1)
    ax.vlines(places, shown["ci_low"], shown["ci_high"], color="#b9c6cf", linewidth=width)
    ax.plot(places, shown["estimate"], ".", color=PALETTE[0], markersize=2.5)
    for _, row in rows.loc[rows["municipality"].eq(ALL) & rows["estimate"].notna()].iterrows():
        _draw_band(ax, row)
    unit = rows["unit"].iloc[0]
    if unit == "share":
        percent_axis(ax.yaxis, language)
        ax.set_ylim(bottom=0)
    else:
        number_axis(ax.yaxis, language)
        ax.axhline(0, color=INK, linewidth=0.9)
    ax.set_xticks([])
    ax.set_xlim(-1, len(shown))
    words = text("forest", "many", language, count=len(shown))
    ax.set_xlabel(words, loc="left", color=GREY, fontsize=9)
    return ax


def _draw_band(ax: Axes, row: pd.Series) -> None:
    """The mean as a line with its interval; where one more would lie, as dotted lines."""
    if row["variant"] in ONE_MORE:
        for end in ("ci_low", "ci_high"):
            ax.axhline(row[end], color=PALETTE[1], linewidth=1, linestyle=":")
        return
    ax.axhspan(row["ci_low"], row["ci_high"], color=PALETTE[1], alpha=0.25, linewidth=0)
    ax.axhline(row["estimate"], color=PALETTE[1], linewidth=1.6)
