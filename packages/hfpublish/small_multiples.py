"""One small panel a municipality, all with the same axes; of very many, one a county."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from hfcore.figures.incidence_plots import draw_curve, through_last_month
from hfcore.figures.plot_style import (
    GREY,
    INK,
    NARROW_WIDTH,
    NARROW_WORDS,
    PALETTE,
    WIDTH,
    floats,
    folded,
    is_narrow,
    month_axis,
    new_axes,
    percent_axis,
    styled,
)
from hfcore.i18n.formats import label, quantity
from hfcore.i18n.texts import text

ALL = "all"
MOST_PANELS = 24
_COUNTY_DIGITS = 2


@styled
def plot_small_multiples(
    rows: pd.DataFrame, language: str = "sv", names: Mapping[str, str] | None = None
) -> Axes:
    """One small panel a municipality, all with the same axes, the curve of all in grey.

    Parameters
    ----------
    rows : ``cumulative_incidence`` rows of participants of one cause, exact or protected; those of
        ``all`` are the curve of all families together, drawn in every panel. A municipality with
        one month only is a dot with its interval.
    names : municipality code → name; above 24 municipalities a panel is a county (the first two
        digits of the codes) with the curve of each of its municipalities.

    Returns
    -------
    The axes of the first panel.
    """
    shown = rows.loc[rows["estimate"].notna() & rows["month"].notna()]
    shown = shown.sort_values("month", kind="stable")
    codes = [code for code in dict.fromkeys(rows["municipality"]) if code != ALL]
    if not codes:
        return new_axes(None)
    panels = _panels(codes, names or {}, language)
    together, own = (
        shown.loc[shown["municipality"].eq(ALL)],
        dict(iter(shown.groupby("municipality", sort=False))),
    )
    axes = _panel_axes(len(panels))
    for ax, (heading, members) in zip(axes, panels.items(), strict=True):
        if len(together):
            _draw_line(ax, together, GREY, 1.1)
        curves = [own[code] for code in members if code in own]
        _draw_panel(ax, curves, len(members) > 1, language)
        ax.set_title(heading, loc="left", fontsize=10, fontweight="bold", pad=4)
    _shared_axes(axes, rows, shown, len(panels) < len(codes), language)
    return axes[0]


def _panels(codes: Sequence[str], names: Mapping[str, str], language: str) -> dict[str, list[str]]:
    """What each panel is headed and which municipalities it holds, in the order of their codes."""
    if len(codes) <= MOST_PANELS:
        return {names.get(code, code): [code] for code in codes}
    panels: dict[str, list[str]] = {}
    for code in sorted(codes):
        panels.setdefault(label("counties", code[:_COUNTY_DIGITS], language), []).append(code)
    return panels


def _panel_axes(count: int) -> list[Axes]:
    """So many small axes, left to right and top to bottom, those left over taken away."""
    columns = min(2 if is_narrow() else 3, max(count, 1))
    lines = -(-max(count, 1) // columns)
    width = NARROW_WIDTH if is_narrow() else WIDTH
    figure, grid = plt.subplots(
        lines,
        columns,
        figsize=(width, 0.9 + 1.45 * lines),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    axes = list(grid.ravel())
    for ax in axes[max(count, 1) :]:
        figure.delaxes(ax)
    return axes[: max(count, 1)]


def _draw_panel(ax: Axes, curves: Sequence[pd.DataFrame], is_many: bool, language: str) -> None:
    """The curves of a panel; one alone with its interval and its last figure."""
    if not curves:
        words = text("axes", "too_few", language)
        ax.text(0.5, 0.5, words, transform=ax.transAxes, color=GREY, fontsize=9, ha="center")
    for curve in curves:
        if is_many:
            _draw_line(ax, curve, PALETTE[0], 0.8)
            continue
        draw_curve(ax, curve, PALETTE[0], "-")
        _name_last(ax, curve.iloc[-1], language)


def _name_last(ax: Axes, last: pd.Series, language: str) -> None:
    """A panel's last figure above its right end, with its month where there is room."""
    words = quantity(last["estimate"], "share", language)
    if not is_narrow():
        month = text("words", "after_short", language, month=int(last["month"]))
        words = f"{words}, {month}"
    ax.set_title(words, loc="right", fontsize=9.5, color=PALETTE[0], pad=4)


def _draw_line(ax: Axes, curve: pd.DataFrame, colour: str, width: float) -> None:
    """A curve as a bare line, or a dot where only one month is shown."""
    months, share = floats(curve, "month"), floats(curve, "estimate")
    if len(curve) == 1:
        ax.plot(months, share, ".", color=colour, markersize=4)
        return
    months, share = through_last_month(months, share)
    ax.step(months, share, where="post", color=colour, linewidth=width)


def _shared_axes(
    axes: Sequence[Axes], rows: pd.DataFrame, shown: pd.DataFrame, is_many: bool, language: str
) -> None:
    """The same months and shares in every panel, named once."""
    highest = shown["estimate" if is_many else "ci_high"].max() if len(shown) else np.nan
    top = 1.0 if pd.isna(highest) else min(1.0, max(0.2, float(highest) * 1.08))
    last = int(rows["month"].max()) + 1 if rows["month"].notna().any() else 25
    for ax in axes:
        month_axis(ax, [0, last], "", language)
        ax.xaxis.set_major_locator(MultipleLocator(12))
        percent_axis(ax.yaxis, language)
        ax.set_ylim(0, top)
    figure = axes[0].figure
    below = f"{text('axes', 'months_since_start', language)}\n{text('forest', 'grey', language)}"
    figure.supxlabel(below, fontsize=9.5, color=INK)
    cause = next(iter(rows["cause"]), "")
    words = text("axes", "share_left_for", language, cause=label("causes", cause, language))
    figure.suptitle(folded(words, NARROW_WORDS), x=0.01, ha="left", fontsize=11, fontweight="bold")
