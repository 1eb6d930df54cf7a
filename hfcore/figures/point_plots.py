"""Figures of single figures side by side: bars of counts, dots with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from hfcore.estimators.matching import SMALL_SAMPLE, balance_limit
from hfcore.figures.dot_plots import draw_dots, mark_zero, row_axes, value_axis
from hfcore.figures.plot_style import (
    GREY,
    GROUP_STYLE,
    PALETTE,
    WIDTH,
    new_axes,
    number_axis,
    styled,
    title,
)
from hfcore.figures.share_plots import measure, plot_shares
from hfcore.i18n.formats import label, part_label, part_labels, quantity
from hfcore.i18n.texts import text


@styled
def plot_closure_reasons(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """How many closed for each reason, as bars with their numbers.

    Parameters
    ----------
    rows : count rows that tell their parts by level (``closure_reason``), in the order drawn.
    """
    ax = row_axes(ax, len(rows))
    names = part_labels(rows, language)
    counts = rows["estimate"].to_numpy(dtype="float64")
    sns.barplot(
        x=np.nan_to_num(counts),
        y=names,
        color=PALETTE[0],
        ax=ax,
        width=0.66,
        saturation=1,
        errorbar=None,
    )
    for place, (count, status) in enumerate(zip(counts, rows["status"], strict=True)):
        missing = text("statuses", status if status != "ok" else "not_available", language)
        words = missing if np.isnan(count) else quantity(count, "count", language)
        ax.text(np.nan_to_num(count), place, f"  {words}", va="center", fontsize=9.5)
    ax.xaxis.set_visible(False)
    ax.spines["bottom"].set_visible(False)
    value_axis(ax, "count", language)
    ax.set_ylabel("")
    return title(ax, text("axes", "closures", language))


@styled
def plot_closures_per_quarter(
    rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None
) -> Axes:
    """How many closed in each quarter (or half-year, or year), as bars.

    Parameters
    ----------
    rows : ``closures_per_quarter`` rows; those of all causes together are drawn.
    """
    together = rows.loc[rows["cause"].eq("")]
    ax = new_axes(ax, WIDTH, 3.2)
    names = part_labels(together, language)
    counts = together["estimate"].fillna(0).to_numpy(dtype="float64")
    places = np.arange(len(together))
    ax.bar(places, counts, color=PALETTE[0], width=0.72)
    every = max(1, -(-len(names) // 8))
    ax.set_xticks(places[::every], names[::every], rotation=0, fontsize=8.5)
    number_axis(ax.yaxis, language)
    ax.grid(False, axis="x")
    return title(ax, text("axes", "closures", language))


@styled
def plot_plan_changed(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """Share of adults with another plan at each measurement point, by group, with intervals.

    Parameters
    ----------
    rows : ``plan_changed`` rows by group and month; other metrics and variants are left out.
    """
    main = rows["metric"].eq("plan_changed") & rows["variant"].eq("default")
    shown = rows.loc[main & rows["group"].isin(list(GROUP_STYLE)) & rows["estimate"].notna()]
    shown = shown.loc[shown["unit"].eq("share") & shown["group"].ne("difference")]
    ax = plot_shares(shown, language, ax=ax)
    ax.set_ylim(0, 1)
    return title(ax, text("axes", "share_of_adults", language))


@styled
def plot_specifications(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """The same figure under every declared choice, in the order declared.

    Parameters
    ----------
    rows : rows that differ by variant, else by method or part too; the variant ``default`` is
        the main one.
    """
    rows = rows.loc[rows["unit"].eq(rows["unit"].mode().iloc[0])]
    rows = rows.assign(part=part_labels(rows, language))
    ax = row_axes(ax, len(rows))
    varying = ["variant"]
    if rows["variant"].duplicated().any():
        varying = [c for c in ("variant", "method", "part") if rows[c].nunique() > 1] or varying
    names = [_choice(row, varying, language) for _, row in rows.iterrows()]
    draw_dots(ax, rows, names, language, rows["variant"].eq("default"))
    above = mark_zero(ax, rows, language)
    return title(ax, measure(rows, language), above)


def _choice(row: pd.Series, varying: Sequence[str], language: str) -> str:
    words = {
        "variant": label("variants", row["variant"], language),
        "method": label("methods", row["method"], language),
        "part": row["part"],
    }
    return ", ".join(words[column] for column in varying if words[column])


@styled
def plot_balance(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """How alike the groups are before and after weighting, covariate by covariate.

    Parameters
    ----------
    rows : ``balance`` rows: standardised mean differences by covariate, group control (before)
        and comparison (after). A line at 0.1 and, under 50 participants, where chance alone
        exceeds it, at 0.25.
    """
    shown = rows.loc[rows["metric"].eq("balance")]
    covariates = list(dict.fromkeys(shown["level"]))
    ax = row_axes(ax, len(covariates))
    for group, filled in (("control", False), ("comparison", True)):
        style = GROUP_STYLE["participant" if filled else "control"]
        dots = shown.loc[shown["group"].eq(group)].set_index("level")["estimate"].abs()
        heights = np.arange(len(covariates))
        x = dots.reindex(covariates).to_numpy(dtype="float64")
        face = style["color"] if filled else "white"
        look = {"color": style["color"], "markerfacecolor": face, "markersize": 7}
        name = label("groups", group, language)
        ax.plot(x, heights, style["marker"], **look, clip_on=False, zorder=3, label=name)
    place = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2}
    ax.legend(**place, ncols=2, frameon=False, fontsize=9, handletextpad=0.3)
    limit = balance_limit(int(shown["n_events"].fillna(0).max() if len(shown) else 0))
    for line in dict.fromkeys((balance_limit(SMALL_SAMPLE), limit)):
        ax.axvline(line, color=GREY, linewidth=0.9, linestyle=":")
    names = [label("covariates", each, language) for each in covariates]
    ax.set_yticks(range(len(covariates)), names)
    ax.set_ylim(len(covariates) - 0.4, -0.6)
    ax.set_xlim(0, max(ax.get_xlim()[1], 1.1 * limit))
    value_axis(ax, "ratio", language)
    ax.xaxis.set_major_formatter(lambda value, _: quantity(value, "ratio", language))
    ax.set_xlabel(text("axes", "difference_in_sd", language))
    return title(ax, label("metrics", "balance", language))


@styled
def plot_naive_beside(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """The figure of the old reports beside the fair one, each with its interval.

    Parameters
    ----------
    rows : rows of one unit, one a way of counting, naive ones first; those of the metrics
        ``…_naive`` and ``closure_share_entered`` are drawn grey.
    """
    names = [_way_of_counting(row, language) for _, row in rows.iterrows()]
    most_lines = max((name.count("\n") + 1 for name in names), default=1)
    ax = row_axes(ax, round(len(rows) * (1 + (most_lines - 1) * 0.55)))
    is_main = ~rows["metric"].str.contains("naive|entered", regex=True)
    draw_dots(ax, rows, names, language, is_main)
    above = mark_zero(ax, rows, language)
    causes = [each for each in dict.fromkeys(rows["cause"]) if each]
    words = label("causes", causes[0], language) if len(causes) == 1 else ""
    return title(ax, words[:1].upper() + words[1:], above)


def _way_of_counting(row: pd.Series, language: str) -> str:
    """The measure, of whom and when, and below it the definition where it is not the main one."""
    words = [label("metrics", row["metric"], language)]
    if part := part_label(row["dimension"], row["level"], row["period"], language):
        words.append(part)
    if pd.notna(row["month"]):
        words.append(text("words", "after_months", language, month=int(row["month"])))
    lines = [", ".join(words)]
    if row["variant"] != "default":
        lines.append(label("variants", row["variant"], language))
    return ",\n".join(lines)
