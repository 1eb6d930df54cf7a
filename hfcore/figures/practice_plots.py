"""How a programme was carried out: ratings of its principles, and the steps of its theory."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hfcore.figures.plot_style import GREY, INK, PALETTE, WIDTH, new_axes, styled, title
from hfcore.i18n.formats import label, number
from hfcore.i18n.texts import text
from hfcore.schema import ASPECTS
from hfcore.study import Study

_HIGHEST, _DARK = 3, 2.0
# A sign beside the word, so that colour says nothing alone.
_SIGNS = {"as_expected": "▲", "against": "▼", "unseen": "?", "told": "●", "no_indicator": "–"}
_COLOURS = {"as_expected": PALETTE[0], "against": PALETTE[1]}
_LEVELS = ("activity", "mechanism", "short", "long")
_WORDS_IN_BOX = 24


@styled
def plot_principles(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """Principles by question, the mean rating written in each cell and darker where it is higher.

    Parameters
    ----------
    rows : ``fidelity_rating`` rows of one wave.
    """
    shown = rows.loc[rows["metric"].eq("fidelity_rating")]
    principles = list(dict.fromkeys(shown["level"]))
    table = shown.pivot_table(index="level", columns="cause", values="estimate", dropna=False)
    table = table.reindex(index=principles, columns=list(ASPECTS))
    ax = new_axes(ax, WIDTH, 1.2 + 0.36 * max(len(principles), 3))
    cells = table.to_numpy(dtype="float64", na_value=np.nan)
    if len(principles):
        ax.imshow(cells, cmap="Blues", vmin=0, vmax=_HIGHEST, aspect="auto")
    for (row, column), rating in np.ndenumerate(cells):
        known = not np.isnan(rating)
        words = number(rating, language, 1) if known else text("axes", "nobody_rated", language)
        ink = "white" if known and rating > _DARK else INK
        ax.text(column, row, words, ha="center", va="center", color=ink)
    ax.set_xticks(range(len(ASPECTS)), [label("causes", each, language) for each in ASPECTS])
    ax.set_yticks(range(len(principles)), [label("principles", p, language) for p in principles])
    ax.grid(False)
    ax.tick_params(length=0)
    return title(ax, label("metrics", "fidelity_rating", language))


@styled
def plot_theory(
    rows: pd.DataFrame, study: Study, language: str = "sv", ax: Axes | None = None
) -> Axes:
    """The theory of change as a ladder: a column a level, each step with what became of it.

    Parameters
    ----------
    rows : ``theory_status`` rows.
    study : whose ``theory`` has the texts and what leads to what.
    """
    became = dict(zip(rows["level"], rows["cause"], strict=True))
    ax = new_axes(ax, WIDTH * 1.35, 4.2)
    places = {}
    for column, level in enumerate(_LEVELS):
        steps = [step for step in study.theory if step.level == level]
        for place, step in enumerate(steps):
            places[step.code] = (column, 1 - (place + 0.5) / len(steps))
        ax.text(column, 1.06, label("theory_levels", level, language), ha="center", color=GREY)
    for step in study.theory:
        x, y = places[step.code]
        word = became.get(step.code, "no_indicator")
        colour = _COLOURS.get(word, GREY)
        said = textwrap.fill(step.text[language], _WORDS_IN_BOX)
        told = f"{_SIGNS[word]} {label('theory_words', word, language)}"
        box = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": colour}
        ax.text(x, y, f"{said}\n{told}", ha="center", va="center", fontsize=8, bbox=box)
        for other in step.leads_to:
            if other in places:
                look = {"arrowstyle": "->", "color": GREY, "shrinkA": 48, "shrinkB": 48}
                ax.annotate("", xy=places[other], xytext=(x, y), arrowprops=look, zorder=0)
    ax.set_xlim(-0.5, len(_LEVELS) - 0.5)
    ax.set_ylim(0, 1.1)
    ax.axis("off")
    return title(ax, label("metrics", "theory_status", language))
