"""What a figure shows, in words, for those who do not see it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import pandas as pd

from hfcore.figures.dot_plots import name_of_all
from hfcore.i18n.formats import label, number, quantity, row_label
from hfcore.i18n.texts import text
from hfcore.results import main_rows
from hfpublish.sentences import sentence

MAX_PARTS = 12
_TELLING = (["group"], ["dimension", "level", "period"], ["cause"])


def alt_text(
    rows: pd.DataFrame, language: str = "sv", names: Mapping[str, str] | None = None
) -> str:
    """What a figure of these rows shows, in words, for those who do not see it.

    Curves are told by their last point, monthly series by first, last and highest, all else
    figure by figure, each by what tells it from the others; of more than twelve municipalities
    the lowest and highest figure and what is told of all. ``names`` are those of municipalities
    by code.

    >>> from hfcore.results import build_results
    >>> rows = build_results(pd.DataFrame({"group": ["participant", "control"], "month": [6, 6],
    ...     "estimate": [0.57, 0.39]}), metric="plan_changed", unit="share")
    >>> alt_text(rows, "en")
    'Share of adults with another plan: participants 57%; control group 39%.'
    """
    if rows.empty:
        return text("words", "no_rows", language)
    metrics = set(rows["metric"])
    if "municipality" in rows and rows["municipality"].nunique() > 1:
        return _places_in_words(rows, language, names or {})
    if metrics == {"closures_per_quarter"}:
        rows = rows.loc[rows["cause"].eq("")]
    if metrics <= {"cumulative_incidence", "still_in_intervention"}:
        shown = rows.loc[rows["estimate"].notna()]
        if is_series(shown) or shown.empty:
            return _curves_in_words(rows, language)
        rows = main_rows(shown)
    if metrics & {"support_mean", "support_effect"} and is_series(rows):
        return _series_in_words(rows, language)
    return _points_in_words(rows, language)


def is_series(rows: pd.DataFrame) -> bool:
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
            parts.append(sentence("alt", "not_shown", language, label=name))
            continue
        last = shown.iloc[-1]
        value = quantity(last["estimate"], "share", language)
        words = {"cause": name, "value": value, "month": int(last["month"])}
        parts.append(sentence("alt", "incidence_part", language, **words))
    months = int(rows["month"].max())
    return sentence("alt", "incidence", language, months=months, parts="; ".join(parts))


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
    return sentence("alt", "series", language, parts="; ".join(parts), **ends)


def _one_series(series: pd.DataFrame, group: str, language: str) -> str:
    highest = series.loc[series["estimate"].idxmax()]
    figures = {"start": series.iloc[0], "end": series.iloc[-1], "top": highest}
    words = {
        name: quantity(row["estimate"], row["unit"], language) for name, row in figures.items()
    }
    group_word = label("groups", group, language)
    month = int(highest["month"])
    return sentence("alt", "series_part", language, group=group_word, month=month, **words)


def _places_in_words(rows: pd.DataFrame, language: str, names: Mapping[str, str]) -> str:
    """Each municipality's last figure and its interval, or of many the span they lie in."""
    order = {code: place for place, code in enumerate(dict.fromkeys(rows["municipality"]))}
    shown = rows.loc[rows["estimate"].notna()] if is_series(rows) else rows
    shown = shown.sort_values("month", kind="stable")
    one_each = shown.drop_duplicates(["municipality", "variant"], keep="last")
    one_each = one_each.sort_values(
        ["municipality", "variant"], key=lambda each: each.map(order).fillna(0), kind="stable"
    )
    own = one_each.loc[one_each["municipality"].ne("all")]
    together = one_each.loc[one_each["municipality"].eq("all")]
    if own["municipality"].nunique() <= MAX_PARTS:
        parts = [_place(row, own, language, names) for _, row in own.iterrows()]
    else:
        variant = "steadied" if own["variant"].eq("steadied").any() else own["variant"].iloc[0]
        parts = [_span_of(own.loc[own["variant"].eq(variant)], language)]
    parts += [_place(row, own, language, names) for _, row in together.iterrows()]
    heading = label("metrics", rows["metric"].iloc[0], language)
    causes = [each for each in dict.fromkeys(rows["cause"]) if each]
    if len(causes) == 1:
        heading = text("axes", "share_left_for", language, cause=label("causes", *causes, language))
    return sentence("alt", "points", language, title=heading, parts="; ".join(parts))


def _place(row: pd.Series, own: pd.DataFrame, language: str, names: Mapping[str, str]) -> str:
    """A municipality's figure by its name, with its variant and month where these differ."""
    are_curves = own["month"].nunique() > 1
    if row["municipality"] == "all":
        name = row["variant"]
        words = [text("variants", name, language) if are_curves else name_of_all(name, language)]
    else:
        words = [names.get(row["municipality"], row["municipality"])]
        words += [label("forest", row["variant"], language)] * (own["variant"].nunique() > 1)
    if are_curves and pd.notna(row["month"]):
        words.append(text("words", "after_months", language, month=int(row["month"])))
    return _point(row, ", ".join(words), language)


def _span_of(own: pd.DataFrame, language: str) -> str:
    """Of many municipalities: how many, and the lowest and highest figure."""
    shown = own.loc[own["estimate"].notna()]
    ends = {"low": shown["estimate"].min(), "high": shown["estimate"].max()}
    unit = own["unit"].iloc[0]
    words = {name: quantity(end, unit, language) for name, end in ends.items()}
    return sentence("alt", "places", language, count=number(len(shown), language), **words)


def _points_in_words(rows: pd.DataFrame, language: str) -> str:
    constant = [names for names in _TELLING if len(rows[names].drop_duplicates()) < 2]
    told = rows.head(MAX_PARTS).assign(**dict.fromkeys(chain(*constant), ""))
    parts = []
    for (_, row), month in zip(told.iterrows(), rows["month"], strict=False):
        words = [row_label(row, language)]
        if rows["metric"].nunique() > 1:
            words.insert(0, label("metrics", row["metric"], language))
        if pd.notna(month) and rows["month"].nunique() > 1:
            words.append(f"{text('columns', 'month', language)} {int(month)}")
        parts.append(_point(row, ", ".join(filter(None, words)), language))
    heading = label("metrics", rows["metric"].iloc[0], language)
    return sentence("alt", "points", language, title=heading, parts="; ".join(parts))


def _point(row: pd.Series, name: str, language: str) -> str:
    if pd.isna(row["estimate"]):
        return sentence("alt", "not_shown", language, label=name).strip()
    figures = {
        key: quantity(row[column], row["unit"], language)
        for key, column in (("value", "estimate"), ("low", "ci_low"), ("high", "ci_high"))
    }
    key = "point_part" if pd.isna(row["ci_low"]) else "point_interval"
    return sentence("alt", key, language, label=name, **figures).strip()
