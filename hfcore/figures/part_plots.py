"""The parts of something side by side as dots with intervals, and the queue over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hfcore.figures.dot_plots import draw_dots, mark_zero, row_axes
from hfcore.figures.plot_style import GREY, PALETTE, WIDTH, new_axes, number_axis, styled, title
from hfcore.figures.share_plots import measure
from hfcore.i18n.formats import label, part_labels, period_label
from hfcore.i18n.texts import text

_MANY_MONTHS = 8


@styled
def plot_parts(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """One dot a row, with its interval where it has one and its figure at the right.

    Parameters
    ----------
    rows : rows of one unit, told apart by part (dimension and level), cause or group, in the order
        drawn.
    """
    ax = row_axes(ax, len(rows))
    parts = part_labels(rows, language)
    causes = [label("causes", each, language) if each else "" for each in rows["cause"]]
    groups = [label("groups", each, language) if each else "" for each in rows["group"]]
    told = [each for each in (parts, causes, groups) if len(set(each)) > 1] or [parts]
    names = [", ".join(filter(None, words)) for words in zip(*told, strict=True)]
    draw_dots(ax, rows, names, language, rows["group"].isin(["", "participant", "difference"]))
    if len(rows) and rows["unit"].iloc[0] == "share" and not (rows["estimate"] < 0).any():
        ax.set_xlim(0, 1)
    return title(ax, measure(rows.assign(cause=""), language), mark_zero(ax, rows, language))


@styled
def plot_queue(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """How many wait at the end of each month, as steps; a gap where it is not told.

    Parameters
    ----------
    rows : ``queue_length`` rows, one a calendar month.
    """
    shown = rows.loc[rows["metric"].eq("queue_length") & rows["period"].ne("")]
    ax = new_axes(ax, WIDTH, 3.2)
    waiting = shown["estimate"].to_numpy(dtype="float64", na_value=np.nan)
    places = np.arange(len(shown))
    if len(shown):
        ax.fill_between(places, waiting, step="post", color=PALETTE[0], alpha=0.25, linewidth=0)
        ax.step(places, waiting, where="post", color=PALETTE[0])
        every = max(1, -(-len(shown) // _MANY_MONTHS))
        names = [period_label(each, language) for each in shown["period"].iloc[::every]]
        ax.set_xticks(places[::every], names, rotation=30, ha="right", fontsize=8.5)
        ax.set_ylim(0, max(1.0, float(np.nanmax(np.append(waiting, 0))) * 1.1))
    else:
        middle = {"transform": ax.transAxes, "ha": "center", "color": GREY}
        ax.text(0.5, 0.5, text("words", "no_rows", language), **middle)
    number_axis(ax.yaxis, language)
    ax.grid(False, axis="x")
    return title(ax, label("metrics", "queue_length", language))
