"""Who stands behind a figure: counts, shares and means per cell with what protection needs.

Each function takes one row a contributor with its ``record_key`` and returns one row a declared
cell, empty cells included, with result columns and inside columns filled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hfcore.estimators import intervals
from hfcore.results import require_columns

Cells = Mapping[str, Sequence]


def entered(cohort: pd.DataFrame) -> pd.DataFrame:
    """The participants that started, with a known time since."""
    require_columns(cohort, ("group", "observed_months"), "cohort")
    return cohort.loc[cohort["group"].eq("participant") & has_stay(cohort)]


def has_stay(cohort: pd.DataFrame) -> pd.Series:
    """Whether a household has a start and ends no earlier than that."""
    return (cohort["observed_months"] >= 0).fillna(False).astype(bool)


def count_rows(frame: pd.DataFrame, cells: Cells) -> pd.DataFrame:
    """How many rows lie in each cell, zeros included.

    >>> frame = pd.DataFrame({"group": ["control"] * 2, "record_key": [0.5, 0.25]})
    >>> count_rows(frame, {"group": ["participant", "control"]})[["group", "n", "key_n"]]
             group  n  key_n
    0  participant  0   0.00
    1      control  2   0.75
    """
    require_columns(frame, (*cells, "record_key"), "the frame to count")
    grouped = frame.groupby(list(cells))["record_key"]
    rows = complete(pd.DataFrame({"n": grouped.size(), "key_n": grouped.sum()}), cells)
    rows = rows.fillna({"n": 0, "key_n": 0.0}).astype({"n": "int64"})
    return rows.assign(estimate=rows["n"].astype("float64"))


def share_rows(frame: pd.DataFrame, cells: Cells, event: str) -> pd.DataFrame:
    """The share of rows in each cell for which ``event`` holds, with Wilson's interval.

    Rows where ``event`` is unknown are not counted. A cell without rows is ``too_few``.

    >>> frame = pd.DataFrame({"group": ["a"] * 4, "record_key": 0.0, "hit": [1, 0, 0, 0]})
    >>> share_rows(frame, {"group": ["a", "b"]}, "hit")[["n", "n_events", "estimate", "status"]]
       n  n_events  estimate   status
    0  4         1      0.25       ok
    1  0         0       NaN  too_few
    """
    known = frame.loc[frame[event].notna()].reset_index(drop=True)
    happened = known[event].astype("float64")
    sums = known.assign(n_events=happened, key_events=happened * known["record_key"])
    rows = count_rows(known, cells).drop(columns="estimate")
    events = complete(sums.groupby(list(cells))[["n_events", "key_events"]].sum(), cells)
    rows = rows.assign(
        n_events=events["n_events"].fillna(0).round().astype("int64"),
        key_events=events["key_events"].fillna(0.0),
    )
    return add_share(rows)


def distribution_rows(frame: pd.DataFrame, cells: Cells, label: Cells) -> pd.DataFrame:
    """The share of rows in each cell that carry each declared label, with Wilson's interval.

    ``label`` names one column and its values. Rows with a null or undeclared label count in n.

    >>> frame = pd.DataFrame({"cause": ["x", "x", "y", None]}).assign(group="a", record_key=0.0)
    >>> rows = distribution_rows(frame, {"group": ["a"]}, {"cause": ["x", "y", "z"]})
    >>> rows[["cause", "n", "n_events", "estimate"]]
      cause  n  n_events  estimate
    0     x  4         2      0.50
    1     y  4         1      0.25
    2     z  4         0      0.00
    """
    whole = count_rows(frame, cells).drop(columns="estimate")
    parts = count_rows(frame, {**cells, **label}).drop(columns="estimate")
    parts = parts.rename(columns={"n": "n_events", "key_n": "key_events"})
    return add_share(parts.merge(whole, on=list(cells), how="left"))


def add_share(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with n and n_events, plus their share, Wilson's interval, method and status."""
    n = rows["n"].to_numpy(dtype="float64")
    events = rows["n_events"].to_numpy(dtype="float64")
    low, high = intervals.wilson(events, n)
    return rows.assign(
        estimate=np.divide(events, n, out=np.full(len(n), np.nan), where=n > 0),
        ci_low=low,
        ci_high=high,
        method="wilson",
        status=np.where(n > 0, "ok", "too_few"),
    )


def mean_rows(frame: pd.DataFrame, cells: Cells, value: str) -> pd.DataFrame:
    """The mean of a column in each cell with Student's interval; unknown values left out.

    >>> frame = pd.DataFrame({"group": "a", "record_key": 0.1, "months": [1.0, 3.0, None]})
    >>> mean_rows(frame, {"group": ["a"]}, "months")[["n", "estimate", "largest"]]
       n  estimate  largest
    0  2       2.0      3.0
    """
    known = frame.loc[frame[value].notna()].reset_index(drop=True)
    values = known[value].astype("float64")
    known = known.assign(_value=values, _size=values.abs(), _below=values.lt(0))
    grouped = known.groupby(list(cells))
    sums = grouped.agg(
        estimate=("_value", "mean"),
        sd=("_value", "std"),
        sum_absolute=("_size", "sum"),
        n_negative=("_below", "sum"),
    )
    rows = count_rows(known, cells).drop(columns="estimate")
    sums = complete(sums.join(_two_largest(known, cells)), cells).drop(columns=list(cells))
    rows = pd.concat([rows, sums], axis=1)
    n = rows["n"].to_numpy(dtype="float64")
    low, high = intervals.mean_t(rows["estimate"].to_numpy(), rows["sd"].to_numpy(), n)
    return rows.drop(columns="sd").assign(
        ci_low=low,
        ci_high=high,
        method="mean_t",
        status=np.where(n > 0, "ok", "too_few"),
    )


def _two_largest(known: pd.DataFrame, cells: Cells) -> pd.DataFrame:
    ordered = known.sort_values("_size", ascending=False, kind="stable")
    place = ordered.groupby(list(cells)).cumcount()
    largest = {
        name: ordered.loc[place.eq(number)].set_index(list(cells))["_size"]
        for number, name in enumerate(("largest", "second_largest"))
    }
    return pd.DataFrame(largest)


def complete(rows: pd.DataFrame, cells: Cells) -> pd.DataFrame:
    """One row for every combination of the declared values, in their order."""
    names = list(cells)
    if len(names) == 1:
        index = pd.Index(list(cells[names[0]]), name=names[0])
    else:
        index = pd.MultiIndex.from_product([list(cells[name]) for name in names], names=names)
    return rows.reindex(index).reset_index()
