"""How good the data are: what was read, what is missing, where payments have gaps.

These frames are for analysts bound by secrecy; none of them is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from hfcore.results import require_columns


def rows_read(ingest: Mapping[str, Any], municipality: str) -> pd.DataFrame:
    """How many rows of each table were read, kept and put in quarantine.

    ``ingest`` is the account that ingest gave (``store.read_ingest``). Returns one row a table.

    >>> rows_read({"tables": [{"table": "plans", "municipality": "1290", "files": 1, "read": 3,
    ...     "kept": 2, "quarantined": 1}]}, "1290")
       table  files  read  kept  quarantined
    0  plans      1     3     2            1
    """
    columns = ["table", "files", "read", "kept", "quarantined"]
    own = [row for row in ingest["tables"] if row["municipality"] == municipality]
    return pd.DataFrame(own, columns=columns)


def rules_met(ingest: Mapping[str, Any], municipality: str, language: str = "en") -> pd.DataFrame:
    """Which rules files or rows of a municipality met, those that stop first.

    Returns one row a rule and place: rule, table, rows (how many met it), place, meaning (in
    ``language``, en or sv). Places are files, sheets and columns; a cell's value is nowhere in
    them.
    """
    text = {"en": "message", "sv": "message_sv"}[language]
    own = [each for each in ingest["problems"] if each["municipality"] in ("", municipality)]
    rows = [
        {
            "rule": each["rule"],
            "table": each["table"],
            "rows": each["count"],
            "place": " / ".join(filter(None, (each["file"], each["sheet"], each["column"]))),
            "meaning": each[text],
        }
        for each in own
    ]
    found = pd.DataFrame(rows, columns=["rule", "table", "rows", "place", "meaning"])
    return found.sort_values(["rule", "table", "place"], ignore_index=True, kind="stable")


def rows_by_table(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How many rows and which span of time each table has.

    Returns one row a table: table, rows, first, last (the earliest and latest date or month in
    it, empty where it has none).

    >>> rows_by_table({"payments": pd.DataFrame({"month": pd.to_datetime(["2020-01-01"])})})
          table  rows       first        last
    0  payments     1  2020-01-01  2020-01-01
    """
    rows = []
    for name, frame in frames.items():
        dates = frame.select_dtypes("datetime")
        first, last = dates.min().min(), dates.max().max()
        span = ["" if pd.isna(day) else f"{day:%Y-%m-%d}" for day in (first, last)]
        rows.append((name, len(frame), *span))
    return pd.DataFrame(rows, columns=["table", "rows", "first", "last"])


def missing_values(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Which columns have empty cells, the emptiest first.

    Returns one row a column that has any: table, column, missing (rows), share (0–1).

    >>> missing_values({"persons": pd.DataFrame({"sex": ["woman", None], "role": ["child"] * 2})})
         table column  missing  share
    0  persons    sex        1    0.5
    """
    parts = [
        frame.isna()
        .sum()
        .rename_axis("column")
        .rename("missing")
        .reset_index()
        .assign(table=name, rows=len(frame))
        for name, frame in frames.items()
        if len(frame)
    ]
    columns = ["table", "column", "missing", "share"]
    if not parts:
        return pd.DataFrame(columns=columns)
    counted = pd.concat(parts, ignore_index=True).query("missing > 0")
    shares = counted.assign(share=counted["missing"] / counted["rows"])
    ordered = shares.sort_values(["share", "table", "column"], ascending=[False, True, True])
    return ordered[columns].reset_index(drop=True)


def payment_months(panel: pd.DataFrame) -> pd.DataFrame:
    """How many of the months around the start are known, and how many of them had no payment.

    ``panel`` has one row a household and month. Returns one row a group: group, households,
    months, known, unknown, without_payment.
    """
    require_columns(panel, ("household_id", "group", "amount_sek"), "panel")
    known = panel["amount_sek"].notna()
    marked = panel.assign(known=known, unknown=~known, without_payment=panel["amount_sek"].eq(0))
    counts = marked.groupby("group", as_index=False).agg(
        households=("household_id", "nunique"),
        months=("amount_sek", "size"),
        known=("known", "sum"),
        unknown=("unknown", "sum"),
        without_payment=("without_payment", "sum"),
    )
    return counts
