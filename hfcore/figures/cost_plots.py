"""Figures of costs by payer and year, of when lower support covers them, and of working time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hfcore.figures.plot_style import (
    GREY,
    GROUP_STYLE,
    INK,
    PALETTE,
    month_axis,
    new_axes,
    number_axis,
    percent_axis,
    styled,
    title,
)
from hfcore.i18n.formats import label
from hfcore.i18n.texts import text
from hfcore.results import one_row, rows_of

_LAST_MONTH = 60


@styled
def plot_costs(
    rows: pd.DataFrame, language: str = "sv", against: str = "plan", ax: Axes | None = None
) -> Axes:
    """Stacked bars of what each payer put in by year, with a version of the budget as outline.

    Parameters
    ----------
    rows : rows of ``cost``, of which the outcome is drawn.
    against : the version of the outline, where there is one.
    """
    own = rows_of(rows, "cost", variant="outcome", dimension="party")
    own = own.loc[own["period"].ne("") & own["estimate"].notna()]
    plan = rows_of(rows, "cost", variant=against, dimension="")
    plan = plan.loc[plan["period"].ne("")].set_index("period")["estimate"]
    years = sorted({*own["period"], *plan.index})
    ax, places, below = new_axes(ax), np.arange(len(years)), np.zeros(len(years))
    for place, party in enumerate(dict.fromkeys(own["level"])):
        part = own.loc[own["level"].eq(party)].set_index("period")["estimate"]
        heights = part.reindex(years).fillna(0.0).to_numpy("float64") / 1e3
        colour = PALETTE[place % len(PALETTE)]
        ax.bar(places, heights, 0.6, bottom=below, color=colour, label=party)
        below = below + heights
    if len(plan):
        heights = plan.reindex(years).to_numpy("float64") / 1e3
        word = text("axes", "planned_cost", language)
        ax.bar(places, heights, 0.74, fill=False, edgecolor=INK, linestyle=":", label=word)
    ax.set_xticks(places, years)
    number_axis(ax.yaxis, language)
    ax.set_ylabel(text("axes", "cost_axis", language))
    ax.grid(False, axis="x")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, frameon=False, fontsize=9)
    return title(ax, label("metrics", "cost", language))


@styled
def plot_payback(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """What lower support adds up to a household by month, as a fan, against the cost as a band.

    Parameters
    ----------
    rows : rows of ``saving_by_effect`` and ``cost_per_household``. Dashed where the time lies
        beyond the months of the estimate: there it is as if the effect lasted.
    """
    ax = new_axes(ax)
    saved = one_row(rows, "saving_per_household")
    costs = [one_row(rows, "cost_per_household", variant=name) for name in ("steady", "default")]
    price = next((each for each in costs if each is not None and pd.notna(each["estimate"])), None)
    month_axis(ax, [0, _LAST_MONTH], text("axes", "months_since_start", language), language)
    number_axis(ax.yaxis, language)
    ax.set_ylabel(text("axes", "thousand_kronor", language))
    if saved is not None and pd.notna(saved["estimate"]):
        horizon, months = int(saved["month"]), np.arange(_LAST_MONTH + 1)
        middle, low, high = (
            float(saved[end]) / horizon * months / 1e3 for end in ("estimate", "ci_low", "ci_high")
        )
        ax.fill_between(months, low, high, color=PALETTE[0], alpha=0.18, linewidth=0)
        ax.plot(months[: horizon + 1], middle[: horizon + 1], color=PALETTE[0])
        ax.plot(months[horizon:], middle[horizon:], color=PALETTE[0], linestyle="--")
        word = text("axes", "lower_support", language)
        ax.text(horizon, middle[horizon], word, color=PALETTE[0], ha="right", va="bottom")
    if price is not None:
        level = float(price["estimate"]) / 1e3
        if pd.notna(price["ci_low"]):
            ends = (float(price["ci_low"]) / 1e3, float(price["ci_high"]) / 1e3)
            ax.axhspan(*ends, color=PALETTE[1], alpha=0.18, linewidth=0)
        ax.axhline(level, color=PALETTE[1])
        word = text("axes", "cost_a_household", language)
        ax.text(0.5, level, word, color=PALETTE[1], ha="left", va="bottom")
    ax.axhline(0, color=GREY, linewidth=0.8)
    return title(ax, text("axes", "payback", language))


@styled
def plot_worktime(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """A line a category of work, with a dot for each team's share of its hours.

    Parameters
    ----------
    rows : rows of ``worktime_share``.
    """
    own = rows_of(rows, "worktime_share", dimension="category")
    levels = list(dict.fromkeys(own["level"]))
    ax = new_axes(ax)
    for group, part in own.groupby("group", sort=False):
        shares = part.set_index("level")["estimate"].reindex(levels).to_numpy("float64")
        style = GROUP_STYLE[str(group)]
        places = np.arange(len(levels))
        word = text("axes", f"team_{group}", language)
        ax.plot(
            shares, places, linestyle="", marker=style["marker"], color=style["color"], label=word
        )
    ax.set_yticks(range(len(levels)), [label("categories", each, language) for each in levels])
    ax.set_ylim(len(levels) - 0.5, -0.5)
    ax.set_xlim(left=0)
    percent_axis(ax.xaxis, language)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, frameon=False, fontsize=9)
    return title(ax, label("metrics", "worktime_share", language))
