"""Result rows → figures, in one style and both languages, and what each figure says in words.

Each ``plot_`` function takes rows and a language and returns the axes, those given or of a new
figure. Public figures are drawn from protected rows, which hold nothing else to draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image, Markdown
from matplotlib.axes import Axes

from hfcore.figures.curves import plot_cumulative_incidence, plot_still_in
from hfcore.figures.drawing import figure_png
from hfcore.figures.flows import plot_plan_transitions
from hfcore.figures.points import (
    plot_balance,
    plot_closure_reasons,
    plot_closures_per_quarter,
    plot_forest,
    plot_naive_beside,
    plot_plan_changed,
    plot_specifications,
)
from hfcore.figures.shares import plot_shares
from hfcore.figures.support import plot_support_effect, plot_support_mean
from hfcore.pages.answers import main_rows
from hfcore.pages.formats import label, number, quantity, row_label
from hfcore.pages.tables import Table, show
from hfcore.pages.texts import text

__all__ = [
    "Picture",
    "alt_text",
    "figure_png",
    "picture",
    "plot_balance",
    "plot_closure_reasons",
    "plot_closures_per_quarter",
    "plot_cumulative_incidence",
    "plot_forest",
    "plot_naive_beside",
    "plot_plan_changed",
    "plot_plan_transitions",
    "plot_shares",
    "plot_specifications",
    "plot_still_in",
    "plot_support_effect",
    "plot_support_mean",
    "table_behind",
]

MAX_PARTS = 12
_TELLING = ("group", "subgroup", "cause")


def alt_text(
    rows: pd.DataFrame, language: str = "sv", names: Mapping[str, str] | None = None
) -> str:
    """What a figure of these rows shows, in words, for those who do not see it.

    Curves are told by their last point, monthly series by first, last and highest, all else
    figure by figure (at most twelve), each by what tells it from the others. ``names`` are
    those of municipalities by code.

    >>> from hfcore.schema import build_results
    >>> rows = build_results(pd.DataFrame({"group": ["participant", "control"], "month": [6, 6],
    ...     "estimate": [0.57, 0.39]}), metric="plan_changed", unit="share")
    >>> alt_text(rows, "en")
    'Share of adults with another plan: participants 57%; control group 39%.'
    """
    if rows.empty:
        return text("words", "no_rows", language)
    metrics = set(rows["metric"])
    if metrics == {"closures_per_quarter"}:
        rows = rows.loc[rows["cause"].eq("")]
    if metrics <= {"cumulative_incidence", "still_in_intervention"}:
        shown = rows.loc[rows["estimate"].notna()]
        if _is_series(shown) or shown.empty:
            return _curves_in_words(rows, language)
        rows = main_rows(shown)
    if metrics & {"support_mean", "support_effect"} and _is_series(rows):
        return _series_in_words(rows, language)
    return _points_in_words(rows, language, names)


def picture(
    ax: Axes,
    rows: pd.DataFrame,
    language: str = "sv",
    names: Mapping[str, str] | None = None,
) -> Picture | Markdown:
    """The figure as a picture for fine screens, with what it shows in words and in a table.

    Where there is nothing to draw, a sentence that says so.

    The drawing itself is closed, so that a notebook shows the picture only.
    """
    if rows["estimate"].isna().all():
        plt.close(ax.figure)
        return Markdown(text("words", "no_rows", language))
    image = Picture(figure_png(ax, 2), alt=alt_text(rows, language, names), retina=True)
    image.table = table_behind(rows, language, names)
    plt.close(ax.figure)
    return image


class Picture(Image):
    """A picture that carries the table behind it, which pages show one click away."""

    table: Table

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(include, exclude)
        return data | {"application/vnd.hfcore.table+html": self.table.to_html()}, metadata


def table_behind(
    rows: pd.DataFrame, language: str = "sv", names: Mapping[str, str] | None = None
) -> Table:
    """The figures that a picture of these rows is drawn from, as a table.

    Curves and series have a row a month and a column a cause or group; what compares
    municipalities can be sorted.
    """
    if "municipality" in rows and rows["municipality"].nunique() > 1:
        known = (names or {}) | {"all": text("words", "pooled", language)}
        places = rows["municipality"].map(lambda code: known.get(code, code))
        return show(rows.assign(municipality=places), language=language, is_sortable=True)
    if not _is_series(rows):
        return show(rows, language=language)
    series = main_rows(rows.loc[rows["month"].notna()])
    parts = {column: series[column].nunique() for column in ("cause", "group")}
    across = max(parts, key=parts.__getitem__)
    return show(series, language=language, across=across if parts[across] > 1 else None)


def _is_series(rows: pd.DataFrame) -> bool:
    return rows["month"].nunique() > 3


def _curves_in_words(rows: pd.DataFrame, language: str) -> str:
    parts = []
    for (metric, _, cause), curve in main_rows(rows).groupby(
        ["metric", "group", "cause"], sort=False
    ):
        name = label("causes", cause if metric == "cumulative_incidence" else "still", language)
        shown = curve.loc[curve["estimate"].notna()].sort_values("month")
        if curve["status"].eq("not_available").all():
            continue
        if shown.empty:
            parts.append(text("alt", "not_shown", language, label=name))
            continue
        last = shown.iloc[-1]
        value = quantity(last["estimate"], "share", language)
        words = {"cause": name, "value": value, "month": int(last["month"])}
        parts.append(text("alt", "incidence_part", language, **words))
    months = int(rows["month"].max())
    return text("alt", "incidence", language, months=months, parts="; ".join(parts))


def _series_in_words(rows: pd.DataFrame, language: str) -> str:
    shown = main_rows(rows.loc[rows["month"].notna()]).loc[lambda each: each["estimate"].notna()]
    if shown.empty:
        return _points_in_words(rows, language)
    parts = [
        _one_series(series.sort_values("month"), str(group), language)
        for group, series in shown.groupby("group", sort=False)
    ]
    windows = rows.loc[rows["month"].isna()]
    parts += [_point(row, row_label(row, language), language) for _, row in windows.iterrows()]
    ends = {"first": number(int(shown["month"].min()), language)}
    ends["last"] = number(int(shown["month"].max()), language)
    return text("alt", "series", language, parts="; ".join(parts), **ends)


def _one_series(series: pd.DataFrame, group: str, language: str) -> str:
    highest = series.loc[series["estimate"].idxmax()]
    figures = {"start": series.iloc[0], "end": series.iloc[-1], "top": highest}
    words = {
        name: quantity(row["estimate"], row["unit"], language) for name, row in figures.items()
    }
    group_word = label("groups", group, language)
    month = int(highest["month"])
    return text("alt", "series_part", language, group=group_word, month=month, **words)


def _points_in_words(
    rows: pd.DataFrame, language: str, names: Mapping[str, str] | None = None
) -> str:
    known = (names or {}) | {"all": text("words", "pooled", language)}
    constant = [name for name in _TELLING if rows[name].nunique() < 2]
    told = rows.head(MAX_PARTS).assign(**dict.fromkeys(constant, ""))
    parts = []
    for (_, row), month in zip(told.iterrows(), rows["month"], strict=False):
        words = [row_label(row, language)]
        if rows["metric"].nunique() > 1:
            words.insert(0, label("metrics", row["metric"], language))
        if "municipality" in rows and rows["municipality"].nunique() > 1:
            words.insert(0, known.get(row["municipality"], row["municipality"]))
        if pd.notna(month) and rows["month"].nunique() > 1:
            words.append(f"{text('columns', 'month', language)} {int(month)}")
        parts.append(_point(row, ", ".join(filter(None, words)), language))
    heading = label("metrics", rows["metric"].iloc[0], language)
    return text("alt", "points", language, title=heading, parts="; ".join(parts))


def _point(row: pd.Series, name: str, language: str) -> str:
    if pd.isna(row["estimate"]):
        return text("alt", "not_shown", language, label=name).strip()
    figures = {
        key: quantity(row[column], row["unit"], language)
        for key, column in (("value", "estimate"), ("low", "ci_low"), ("high", "ci_high"))
    }
    key = "point_part" if pd.isna(row["ci_low"]) else "point_interval"
    return text("alt", key, language, label=name, **figures).strip()
