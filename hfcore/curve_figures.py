"""Figures over months: curves of closures, states, monthly support and its difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hfcore.drawing import (
    DASHES,
    GREY,
    GROUP_STYLE,
    INK,
    PALE,
    PALETTE,
    at_risk_row,
    label_ends,
    month_axis,
    new_axes,
    number_axis,
    percent_axis,
    styled,
    title,
)
from hfcore.formats import label, money, percent, subgroup_label
from hfcore.texts import text

STATE_FILLS = ("#0b3c5d", "#5f8fb0", "#333333", "#9dbf9e", "#c7c7c7", "#e0d6b0", "#8a7a66")
_HATCHES = ("", "//", "", "..", "\\\\", "", "xx")


def _shown(rows: pd.DataFrame, metric: str, group: str | None = None) -> pd.DataFrame:
    """Rows of a metric that have a month and a figure, in the order of months."""
    kept = rows.loc[rows["metric"].eq(metric) & rows["month"].notna() & rows["estimate"].notna()]
    if group is not None:
        kept = kept.loc[kept["group"].eq(group)]
    return kept.sort_values("month", kind="stable")


def _floats(rows: pd.DataFrame, column: str) -> np.ndarray:
    return rows[column].to_numpy(dtype="float64", na_value=np.nan)


def _gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the months that are missing between the first and the last, as gaps."""
    months = range(int(rows["month"].min()), int(rows["month"].max()) + 1)
    filled = rows.set_index("month").reindex(pd.Index(months, name="month"))
    return filled.reset_index()


@styled
def plot_cumulative_incidence(
    rows: pd.DataFrame, language: str = "sv", group: str = "participant", ax: Axes | None = None
) -> Axes:
    """Share of families closed to each cause by month, with bands and the at-risk row.

    Parameters
    ----------
    rows : ``cumulative_incidence`` rows, exact or protected; causes without a curve are left out,
        a cause with one month only is drawn as a point with its interval.
    group : whose curves.

    Returns
    -------
    The axes; those given, or of a new figure.
    """
    ax = new_axes(ax)
    shown = _shown(rows, "cumulative_incidence", group)
    last = int(rows.loc[rows["metric"].eq("cumulative_incidence"), "month"].max())
    ax.set_ylim(0, _top(shown))
    month_axis(ax, [0, max(last, 1)], text("axes", "months_since_start", language), language)
    percent_axis(ax.yaxis, language)
    named: dict[float, list[tuple[float, str, str]]] = {}
    for place, cause in enumerate(dict.fromkeys(rows.loc[rows["cause"].ne(""), "cause"])):
        curve = shown.loc[shown["cause"].eq(cause)]
        if len(curve):
            colour = PALETTE[place % len(PALETTE)]
            _draw_curve(ax, curve, colour, DASHES[place % len(DASHES)])
            end, share = float(curve["month"].iloc[-1]), float(curve["estimate"].iloc[-1])
            words = f"{label('causes', cause, language)} {percent(share, language)}"
            named.setdefault(end, []).append((share, words, colour))
    for end, names in named.items():
        label_ends(ax, end, *zip(*names, strict=True))
    _risk_row(ax, shown, language)
    return title(ax, text("axes", "share_of_families", language))


def _top(shown: pd.DataFrame) -> float:
    highest = shown[["estimate", "ci_high"]].max().max() if len(shown) else 0
    return min(1.0, max(0.2, float(highest) * 1.08)) if pd.notna(highest) else 1.0


def _draw_curve(ax: Axes, curve: pd.DataFrame, colour: str, dash: object) -> None:
    months, share = _floats(curve, "month"), _floats(curve, "estimate")
    low, high = _floats(curve, "ci_low"), _floats(curve, "ci_high")
    if len(curve) == 1:
        ax.vlines(months, low, high, color=colour, linewidth=1.2)
        ax.plot(months, share, marker="o", color=colour)
        return
    ax.step(months, share, where="post", color=colour, linestyle=dash)
    ax.fill_between(months, low, high, step="post", color=colour, alpha=0.10, linewidth=0)


def _risk_row(ax: Axes, shown: pd.DataFrame, language: str) -> None:
    counts = shown.loc[shown["n_at_risk"].notna() & shown["month"].mod(6).eq(0)]
    counts = counts.drop_duplicates("month").sort_values("month")
    if len(counts):
        word = text("axes", "at_risk", language)
        at_risk_row(ax, counts["month"].astype(int), counts["n_at_risk"], word, language)


@styled
def plot_still_in(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """What has become of the families by month: taking part, or closed and to what.

    Parameters
    ----------
    rows : ``cumulative_incidence`` and ``still_in_intervention`` rows of participants. Protected
        parts need not add up: what is left over is the families still taking part.

    Returns
    -------
    The axes. The line between closed and still taking part carries its interval.
    """
    ax = new_axes(ax)
    shown = _shown(rows, "cumulative_incidence", "participant")
    still = _shown(rows, "still_in_intervention")
    months = np.arange(int(rows["month"].max()) + 1)
    closed_to = _stacked(shown, months)
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
    for place, (cause, share) in enumerate(closed_to.items()):
        look = {"facecolor": STATE_FILLS[place % 7], "hatch": _HATCHES[place % 7]}
        look = look if cause else {"facecolor": "#f1f1f1", "hatch": ""}
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
        for end in ("ci_low", "ci_high"):
            line = {"where": "post", "color": INK, "linewidth": 0.8, "linestyle": ":"}
            ax.step(_floats(still, "month"), 1 - _floats(still, end), **line)


@styled
def plot_support_mean(rows: pd.DataFrame, language: str = "sv", ax: Axes | None = None) -> Axes:
    """Mean monthly support of each group around the start, with bands; gaps where too few.

    Parameters
    ----------
    rows : ``support_mean`` rows, one a group and month.
    """
    ax = new_axes(ax)
    shown = _shown(rows, "support_mean")
    ends, words, colours = [], [], []
    for group in dict.fromkeys(shown["group"]):
        series = _gaps(shown.loc[shown["group"].eq(group)])
        style = {key: GROUP_STYLE[group][key] for key in ("color", "linestyle")}
        months = _floats(series, "month")
        ax.plot(months, _floats(series, "estimate"), **style)
        band = [_floats(series, end) for end in ("ci_low", "ci_high")]
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
    """The difference in support by month (thin, description) and over the windows (thick).

    Parameters
    ----------
    rows : ``support_effect`` rows: by month, and ``window=…`` rows, drawn over their months with
        their intervals as boxes. A window that overlaps an earlier row's window is left out.
    """
    ax = new_axes(ax)
    effects = rows.loc[rows["metric"].eq("support_effect") & rows["estimate"].notna()]
    by_month = _shown(effects, "support_effect")
    if len(by_month):
        series = _gaps(by_month)
        months = _floats(series, "month")
        ends = [_floats(series, end) for end in ("ci_low", "ci_high")]
        ax.vlines(months, *ends, color=PALE, linewidth=1.4)
        ax.plot(months, _floats(series, "estimate"), color=GREY, marker=".", linewidth=0.9)
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
    for _, row in effects.loc[effects["subgroup"].str.startswith("window=")].iterrows():
        ends = pd.Series([row["subgroup"]]).str.extract(r"=(-?\d+)-(-?\d+)").iloc[0].astype(int)
        first, last = int(ends[0]), int(ends[1])
        if all(last < begun or first > ended for begun, ended, _ in found):
            found.append((first, last, row))
    return found


def _draw_window(ax: Axes, first: int, last: int, row: pd.Series, language: str) -> None:
    colour = PALETTE[0]
    span_months = [first - 0.4, last + 0.4]
    ax.fill_between(
        span_months, row["ci_low"], row["ci_high"], color=colour, alpha=0.18, linewidth=0
    )
    ax.hlines(row["estimate"], *span_months, color=colour, linewidth=3)
    words = f"{subgroup_label(row['subgroup'], language)}\n{money(row['estimate'], language)}"
    place = ax.get_xaxis_transform()
    look = {"color": colour, "fontsize": 9, "fontweight": "bold", "linespacing": 1.3}
    ax.text((first + last) / 2, 0.03, words, transform=place, ha="center", va="bottom", **look)
