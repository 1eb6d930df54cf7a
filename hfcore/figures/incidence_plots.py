"""Figures of closures over months: curves by cause, and what has become of the families."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hfcore.figures.dot_plots import draw_dots, row_axes
from hfcore.figures.plot_style import (
    DASHES,
    INK,
    PALETTE,
    floats,
    label_ends,
    month_axis,
    new_axes,
    numbers_below,
    percent_axis,
    shown_rows,
    styled,
    title,
)
from hfcore.figures.share_plots import top_of
from hfcore.i18n.formats import label, percent
from hfcore.i18n.texts import text

STATE_FILLS = ("#0b3c5d", "#5f8fb0", "#333333", "#9dbf9e", "#c7c7c7", "#e0d6b0", "#8a7a66")
_HATCHES = ("", "//", "", "..", "\\\\", "", "xx")
_OWN_LOOKS = {
    "": {"facecolor": "#f1f1f1", "hatch": ""},
    "back": {"facecolor": "#e8a33d", "hatch": "xx"},
}


@styled
def plot_cumulative_incidence(
    rows: pd.DataFrame, language: str = "sv", group: str = "participant", ax: Axes | None = None
) -> Axes:
    """Share of families closed to each cause by month, with bands and the at-risk row.

    Parameters
    ----------
    rows : ``cumulative_incidence`` rows, exact or protected; causes without a curve are left out,
        a cause with one month only is drawn as a point with its interval; where all have only
        one, as rows of dots.
    group : whose curves.

    Returns
    -------
    The axes; those given, or of a new figure.
    """
    shown = shown_rows(rows, "cumulative_incidence", group)
    if len(shown) and shown["month"].nunique() == 1:
        return _shares_at_one_month(shown, language, ax)
    ax = new_axes(ax)
    months = rows.loc[rows["metric"].eq("cumulative_incidence"), "month"]
    last = int(months.max()) if len(months) else 0
    ax.set_ylim(0, top_of(shown))
    month_axis(ax, [0, last + 1], text("axes", "months_since_start", language), language)
    percent_axis(ax.yaxis, language)
    named: dict[float, list[tuple[float, str, str]]] = {}
    for place, cause in enumerate(dict.fromkeys(rows.loc[rows["cause"].ne(""), "cause"])):
        curve = shown.loc[shown["cause"].eq(cause)]
        if len(curve):
            colour = PALETTE[place % len(PALETTE)]
            draw_curve(ax, curve, colour, DASHES[place % len(DASHES)])
            share, is_step = float(curve["estimate"].iloc[-1]), len(curve) > 1
            end = float(curve["month"].iloc[-1]) + is_step
            words = f"{label('causes', cause, language)} {percent(share, language)}"
            named.setdefault(end, []).append((share, words, colour))
    for end, names in named.items():
        label_ends(ax, end, *zip(*names, strict=True))
    _risk_row(ax, shown, language)
    return title(ax, text("axes", "share_of_families", language))


def _shares_at_one_month(shown: pd.DataFrame, language: str, ax: Axes | None) -> Axes:
    """Too few closures for a curve: the share of each cause at the one month that is shown."""
    ax = row_axes(ax, len(shown))
    names = [label("causes", cause, language) for cause in shown["cause"]]
    draw_dots(ax, shown, names, language, [True] * len(shown))
    ax.set_xlim(left=0)
    month = text("words", "after_months", language, month=int(shown["month"].iloc[0]))
    return title(ax, f"{text('axes', 'share_of_families', language)}, {month}")


def draw_curve(ax: Axes, curve: pd.DataFrame, colour: str, dash: object) -> None:
    """One curve as steps with its band, as a line through points where months lie between.

    One month alone is a dot with its interval.
    """
    months, share = floats(curve, "month"), floats(curve, "estimate")
    low, high = floats(curve, "ci_low"), floats(curve, "ci_high")
    if len(curve) == 1:
        ax.vlines(months, low, high, color=colour, linewidth=1.2)
        ax.plot(months, share, marker="o", color=colour, clip_on=False)
        return
    if np.diff(months).min() > 1:
        ax.plot(months, share, marker="o", markersize=3, color=colour, linestyle=dash)
        ax.fill_between(months, low, high, color=colour, alpha=0.10, linewidth=0)
        return
    months, share, low, high = through_last_month(months, share, low, high)
    ax.step(months, share, where="post", color=colour, linestyle=dash)
    ax.fill_between(months, low, high, step="post", color=colour, alpha=0.10, linewidth=0)


def through_last_month(months: np.ndarray, *steps: np.ndarray) -> list[np.ndarray]:
    """Months and the steps over them, the last step drawn to the end of its month.

    >>> [each.tolist() for each in through_last_month(np.array([0, 1]), np.array([0.0, 0.2]))]
    [[0, 1, 2], [0.0, 0.2, 0.2]]
    """
    return [np.append(months, months[-1] + 1), *(np.append(each, each[-1]) for each in steps)]


def _risk_row(ax: Axes, shown: pd.DataFrame, language: str) -> None:
    counts = shown.loc[shown["n_at_risk"].notna() & shown["month"].mod(6).eq(0)]
    counts = counts.drop_duplicates("month").sort_values("month").set_index("month")["n_at_risk"]
    numbers_below(ax, {"": counts}, text("axes", "at_risk", language), language)


@styled
def plot_still_in(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """What has become of the families by month: taking part, or closed and to what.

    Parameters
    ----------
    rows : ``cumulative_incidence`` and ``still_in_intervention`` rows of participants, and, where
        those back on support are to be told from those closed to the first cause, ``reactivation``
        rows since the start. Protected parts need not add up: what is left over is the families
        still taking part.

    Returns
    -------
    The axes. The line between closed and still taking part carries its interval.
    """
    ax = new_axes(ax)
    shown = shown_rows(rows, "cumulative_incidence", "participant")
    still = shown_rows(rows, "still_in_intervention")
    last = pd.concat([shown["month"], still["month"]]).max()
    months = np.arange(int(last if pd.notna(last) else 0) + 2)
    closed_to = _with_back(_stacked(shown, months), rows, months)
    if len(still):
        closed_to |= _unnamed(closed_to, 1 - _held(still, months))
    closed = np.sum(list(closed_to.values()), axis=0) if closed_to else np.zeros(len(months))
    ax.set_ylim(0, 1)
    month_axis(ax, months, text("axes", "months_since_start", language), language)
    percent_axis(ax.yaxis, language)
    places = _draw_states(ax, months, closed_to, language)
    places.append((1 - (1 - closed[-1]) / 2, label("causes", "still", language)))
    heights, words = zip(*places, strict=True)
    label_ends(ax, months[-1], heights, words, [INK] * len(words))
    _draw_still(ax, still, closed)
    _risk_row(ax, still, language)
    return title(ax, text("axes", "share_of_families", language))


def _held(rows: pd.DataFrame, months: np.ndarray) -> np.ndarray:
    """The share in each month, the last known one carried on."""
    known = rows.drop_duplicates("month").set_index("month")["estimate"]
    start = 1.0 if rows["metric"].eq("still_in_intervention").any() else 0.0
    held = known.reindex(pd.Index(months, dtype="Int64")).ffill().fillna(start)
    return held.to_numpy(dtype="float64")


def _stacked(shown: pd.DataFrame, months: np.ndarray) -> dict[str, np.ndarray]:
    return {
        cause: _held(shown.loc[shown["cause"].eq(cause)], months)
        for cause in dict.fromkeys(shown["cause"])
    }


def _with_back(
    closed_to: dict[str, np.ndarray], rows: pd.DataFrame, months: np.ndarray
) -> dict[str, np.ndarray]:
    """The parts with those back on support taken out of the first, as a part of their own."""
    is_back = rows["metric"].eq("reactivation") & rows["dimension"].eq("since")
    back = rows.loc[is_back & rows["estimate"].notna()]
    if back.empty or not closed_to:
        return closed_to
    first, *others = closed_to
    share = np.minimum(_held(back, months), closed_to[first])
    return {first: closed_to[first] - share, "back": share} | {o: closed_to[o] for o in others}


def _unnamed(closed_to: dict[str, np.ndarray], closed: np.ndarray) -> dict[str, np.ndarray]:
    """What the parts leave of all closed, as a part without a name; nothing where they fill it.

    Protected parts are each changed a little and told in steps of their own.
    """
    together = np.sum(list(closed_to.values()), axis=0) if closed_to else np.zeros(len(closed))
    rest = np.maximum(closed - together, 0.0)
    return {"": rest} if rest.max(initial=0) > 0.005 else {}


def _draw_states(
    ax: Axes, months: np.ndarray, closed_to: dict[str, np.ndarray], language: str
) -> list[tuple[float, str]]:
    """Fill the states from below; return the height and name of each at the right end."""
    total, places = np.zeros(len(months)), []
    causes = [cause for cause in closed_to if cause not in _OWN_LOOKS]
    looks = {
        cause: {"facecolor": STATE_FILLS[place % 7], "hatch": _HATCHES[place % 7]}
        for place, cause in enumerate(causes)
    } | _OWN_LOOKS
    for cause, share in closed_to.items():
        look = looks[cause]
        ax.fill_between(
            months, total, total + share, step="post", edgecolor="white", linewidth=0.6, **look
        )
        name = label("causes", cause, language) if cause else text("words", "not_told", language)
        if share[-1] > 0:
            places.append((total[-1] + share[-1] / 2, name))
        total = total + share
    return places


def _draw_still(ax: Axes, still: pd.DataFrame, closed: np.ndarray) -> None:
    """The border between closed and still taking part, with the interval of the latter."""
    ax.step(np.arange(len(closed)), closed, where="post", color=INK, linewidth=1.6)
    if len(still) > 1:
        ends = [1 - floats(still, end) for end in ("ci_low", "ci_high")]
        months, *lines = through_last_month(floats(still, "month"), *ends)
        for line in lines:
            ax.step(months, line, where="post", color=INK, linewidth=0.8, linestyle=":")
