"""What a survey's families answered, drawn as one bar a question with those who did not answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hfcore.figures.dot_plots import row_axes
from hfcore.figures.plot_style import INK, PALE, PALETTE, percent_axis, styled, title
from hfcore.i18n.formats import label, percent
from hfcore.i18n.texts import text

_NARROWEST_NAMED = 0.07


@styled
def plot_answers(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """One bar a question: the favourable answers, the others, and those who did not answer (grey).

    Parameters
    ----------
    rows : ``survey_answer`` rows of one wave; those of the bounds of one denominator are drawn. A
        bracket above each bar shows between which ends the favourable share lies for everybody.
    """
    shown = rows.loc[rows["variant"].eq("bounds_frame") & rows["ci_low"].notna()]
    ax = row_axes(ax, len(shown))
    names = [label("causes", each, language) for each in shown["cause"]]
    low, high = (shown[each].to_numpy(dtype="float64") for each in ("ci_low", "ci_high"))
    n, said, answered = (
        shown[each].to_numpy(dtype="float64") for each in ("n", "n_events", "n_at_risk")
    )
    yes, other = said / n, (answered - said) / n
    parts = {
        "favourable_answer": (yes, PALETTE[0]),
        "other_answer": (other, PALETTE[1]),
        "no_answer": (1 - yes - other, PALE),
    }
    left = np.zeros(len(shown))
    for key, (width, colour) in parts.items():
        word = text("axes", key, language)
        ax.barh(names, width, left=left, color=colour, height=0.5, label=word)
        for place, size in enumerate(width):
            if size >= _NARROWEST_NAMED:
                ink = INK if key == "no_answer" else "white"
                where = (left[place] + size / 2, place)
                ax.text(*where, percent(size, language), ha="center", va="center", color=ink)
        left = left + width
    for place, ends in enumerate(zip(low, high, strict=True)):
        ax.plot(ends, [place - 0.36] * 2, color=INK, linewidth=1.4, marker="|", clip_on=False)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlim(0, 1)
    percent_axis(ax.xaxis, language)
    ax.grid(False, axis="y")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, frameon=False, fontsize=9)
    return title(ax, label("metrics", "survey_answer", language))
