"""Result frame → table for readers: caption, headings with scope, figures in their units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_float_dtype,
    is_numeric_dtype,
)

from hfcore.figures.html_table import Table
from hfcore.i18n.formats import (
    day,
    joined,
    label,
    month_name,
    number,
    p_value,
    part_labels,
    quantity,
    span,
)
from hfcore.i18n.texts import has_text, text

NAMES = ("municipality", "metric", "variant", "group", "part", "cause", "month")
COUNTS = ("n", "n_events", "n_at_risk")
_SECTIONS = {
    "metric": "metrics",
    "variant": "variants",
    "group": "groups",
    "cause": "causes",
    "covariate": "covariates",
    "kind": "ratios",
    "test": "tests",
    "status": "statuses",
    "rule": "rules_of_grade",
    "left_out": "left_out_reasons",
}


def show_table(
    rows: pd.DataFrame,
    caption: str | None = None,
    language: str = "sv",
    across: str | None = None,
    is_sortable: bool = False,
    always: str | None = None,
) -> Table:
    """A frame as a table for readers.

    Parameters
    ----------
    rows : result rows, exact or protected, or any small frame.
    caption : what the table shows; made from the rows where not given.
    language : ``sv`` or ``en``.
    across : for result rows a column (``group``, ``cause``, ``month``, ``variant``) whose values
        become columns, each cell a figure with its interval.
    is_sortable : whether pages let the reader sort and filter it.
    always : for result rows a column (``municipality``) that stands even where all rows share it.

    Returns
    -------
    Table, shown as HTML by notebooks and as text elsewhere. Columns that are the same in all
    rows, or empty, are left out; figures are written by their unit.

    Examples
    --------
    >>> from hfcore.results import build_results
    >>> rows = build_results(pd.DataFrame({"group": ["participant", "control"],
    ...     "estimate": [0.57, 0.39], "n": [121, 363]}), metric="plan_changed", unit="share")
    >>> show_table(rows, "Plans", "en")
    Plans
            group value   n
     participants   57% 121
    control group   39% 363
    """
    rows = _with_parts(rows, language)
    is_result = {"metric", "estimate", "unit"} <= set(rows.columns)
    makes_caption = caption is None and is_result and len(rows)
    words = caption_of_rows(rows, language) if makes_caption else caption or ""
    if not len(rows):
        words = f"{words} {text('words', 'no_rows', language)}".strip()
    if not is_result:
        return Table(*_plain_cells(rows, language), words, language, is_sortable)
    if across and len(rows):
        cells = _crossed_cells(rows, language, across, always)
    else:
        cells = _result_cells(rows, language, always)
    return Table(*cells, words, language, is_sortable)


def _with_parts(rows: pd.DataFrame, language: str) -> pd.DataFrame:
    """The rows with one column ``part``, in words, instead of dimension, level and period."""
    if not {"dimension", "level"} <= set(rows.columns):
        return rows
    place = list(rows.columns).index("dimension")
    told = rows.drop(columns=["dimension", "level", "period"], errors="ignore")
    told.insert(place, "part", part_labels(rows, language))
    return told


def _result_cells(
    rows: pd.DataFrame, language: str, always: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    cells, values = _name_columns(rows, language, always)
    heading = text("columns", "estimate", language)
    cells[heading] = _estimates(rows, language)
    values[heading] = rows["estimate"].to_numpy(dtype="float64", na_value=np.nan)
    intervals = _intervals(rows, language)
    if any(intervals):
        cells[text("columns", "interval", language)] = intervals
    for column in COUNTS:
        counts = rows[column].astype("Float64")
        same = column != "n" and counts.fillna(-1).eq(rows["estimate"].fillna(-1)).all()
        is_estimate = column == "n" and counts.fillna(-1).eq(rows["estimate"].fillna(-1)).all()
        if counts.notna().any() and not same and not is_estimate:
            name = text("columns", _counted(column, rows), language)
            cells[name] = [quantity(count, "count", language) for count in counts]
            values[name] = counts.to_numpy(dtype="float64", na_value=np.nan)
    is_weak = rows["status"].eq("too_few") & rows["estimate"].notna()
    if is_weak.any():
        words = [text("axes", key, language) for key in ("own_answer", "too_few_answer")]
        cells[text("columns", "status", language)] = [words[each] for each in is_weak.astype(int)]
    frame = pd.DataFrame(cells)
    return frame, pd.DataFrame(values).reindex(columns=frame.columns)


def _counted(column: str, rows: pd.DataFrame) -> str:
    """What a column of counts holds: a difference has both groups in n, the first as its events."""
    if column == "n_events" and rows["group"].eq("difference").all():
        return "participants"
    if column == "n_events" and rows["metric"].eq("incidence_difference").all():
        return "in_group"
    return column


def _name_columns(rows: pd.DataFrame, language: str, always: str | None) -> tuple[dict, dict]:
    """The columns that tell rows apart, as words; at least one."""
    told = [name for name in NAMES if name in rows and rows[name].nunique(dropna=False) > 1]
    kept = [name for name in NAMES if name in told or name == always]
    kept = kept or ["metric"]
    cells = {
        text("columns", name, language): [_name(name, each, language) for each in rows[name]]
        for name in kept
    }
    values = {}
    if "month" in kept and len(kept) > 1:
        months = rows["month"].to_numpy(dtype="float64", na_value=np.nan)
        values[text("columns", "month", language)] = months
    return cells, values


def _name(column: str, value: Any, language: str) -> str:
    if pd.isna(value) or value == "":
        # Never an empty heading of a row: screen readers announce it as nothing.
        return text("words", "whole", language) if column == "part" else ""
    if column == "month":
        return number(int(value), language)
    if column == "part":
        return str(value)
    return label(_SECTIONS.get(column, column), str(value), language)


def _estimates(rows: pd.DataFrame, language: str) -> list[str]:
    """Each figure in its unit, or why there is none."""
    return [
        text("statuses", status, language)
        if pd.isna(estimate) and status != "ok"
        else quantity(estimate, unit, language)
        for estimate, unit, status in zip(
            rows["estimate"], rows["unit"], rows["status"], strict=True
        )
    ]


def _intervals(rows: pd.DataFrame, language: str) -> list[str]:
    return [
        span(low, high, unit, language)
        for low, high, unit in zip(rows["ci_low"], rows["ci_high"], rows["unit"], strict=True)
    ]


def _crossed_cells(
    rows: pd.DataFrame, language: str, across: str, always: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    estimates, intervals = _estimates(rows, language), _intervals(rows, language)
    figures = [
        f"{estimate} ({interval})" if interval else estimate
        for estimate, interval in zip(estimates, intervals, strict=True)
    ]
    cells, _ = _name_columns(rows.drop(columns=across), language, always)
    heads = [_head(across, each, language) for each in rows[across]]
    names = list(cells)
    long = pd.DataFrame(cells).assign(_head=heads, _figure=figures)
    wide = long.pivot_table(
        index=names, columns="_head", values="_figure", aggfunc="first", sort=False
    )
    wide = wide[list(dict.fromkeys(heads))].fillna(text("words", "missing", language))
    frame = wide.reset_index().rename_axis(columns=None)
    return frame, pd.DataFrame(np.nan, index=frame.index, columns=frame.columns)


def _head(across: str, value: Any, language: str) -> str:
    """The heading of a column that stands for one value."""
    if across == "month" and pd.notna(value):
        return text("words", "after_months", language, month=int(value))
    return _name(across, value, language)


def _plain_cells(frame: pd.DataFrame, language: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Any frame as texts: headings as words, numbers, dates and truths in the language."""
    cells, values = {}, {}
    for column in frame:
        series = frame[column]
        heading = _heading(str(column), language)
        cells[heading] = [_plain_text(value, str(column), series, language) for value in series]
        if is_numeric_dtype(series) and not is_bool_dtype(series):
            values[heading] = series.to_numpy(dtype="float64", na_value=np.nan)
    shown = pd.DataFrame(cells, columns=list(cells))
    return shown, pd.DataFrame(values, index=shown.index).reindex(columns=shown.columns)


def _heading(column: str, language: str) -> str:
    if has_text("columns", column):
        return text("columns", column, language)
    return column.replace("_", " ")


def _plain_text(value: Any, column: str, series: pd.Series, language: str) -> str:
    if not isinstance(value, list | tuple) and pd.isna(value):
        return text("words", "missing", language)
    if is_bool_dtype(series):
        return text("words", "yes" if value else "no", language)
    if is_datetime64_any_dtype(series):
        is_month = column.endswith("month")
        return month_name(value, language) if is_month else day(value, language)
    if is_numeric_dtype(series):
        if column.startswith("p_"):
            return p_value(value, language)
        unit = column.rpartition("_")[2]
        if unit in ("share", "sek"):
            return quantity(value, unit, language)
        is_whole = not is_float_dtype(series) or float(value).is_integer()
        return number(value, language, 0 if is_whole else 2)
    return _name(column, value, language) if column in (*_SECTIONS, "part") else str(value)


def caption_of_rows(rows: pd.DataFrame, language: str) -> str:
    """What a figure or table shows, from its rows: the measure, whose, and how sure."""
    shown = rows.loc[rows["estimate"].notna()]
    metrics = list(dict.fromkeys(rows["metric"]))
    title = " / ".join(label("metrics", metric, language) for metric in metrics[:2])
    groups = [each for each in dict.fromkeys(rows["group"]) if each and each != "difference"]
    who = ", " + joined([label("groups", each, language) for each in groups], language)
    notes = [text("captions", "interval", language)] if shown["ci_low"].notna().any() else []
    is_curve = rows["metric"].eq("cumulative_incidence").any()
    if is_curve and "protection" in rows:
        notes.append(text("captions", "steps", language))
    sentence = f"{title}{who if groups else ''}."
    return " ".join([sentence, *notes])
