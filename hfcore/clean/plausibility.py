"""What cannot be, and what is unlikely, within one typed row."""

from __future__ import annotations

import pandas as pd

from hfcore.clean.file_findings import FileFindings
from hfcore.schema import TABLES
from hfcore.study import Source, Study

NORM_SEK = 12_000
NORMS = 5
EARLIEST_YEAR = 1900
YEARS_AHEAD = 5
UNKNOWN = "unknown"
ORDERED = {
    "households": (("referred_on", "started_on"), ("started_on", "closed_on")),
    "budget": (("from_month", "to_month"),),
}


def check_ranges(rows: pd.DataFrame, source: Source, study: Study, notes: FileFindings) -> None:
    """Note what breaks a range: E- stops the row, W- is only counted."""
    headers = {name: column.header or name for name, column in source.columns.items()}
    _check_days(rows, headers, source.table, study, notes)
    rows = notes.left(rows)
    for start, end in ORDERED.get(source.table, ()):
        notes.note("E-RANGE", headers.get(end, end), rows.index[rows[end] < rows[start]])
    if source.table == "households":
        reason, is_open = headers.get("closure_reason", ""), rows["closed_on"].isna()
        notes.note("E-CLOSURE", reason, rows.index[is_open & rows["closure_reason"].notna()])
        notes.note("W-CLOSURE", reason, rows.index[rows["closure_reason"].eq(UNKNOWN)])
    if source.table == "persons":
        unborn = (rows["birth_year"] > study.cutoff.year).fillna(False)
        notes.note("E-RANGE", headers.get("birth_year", ""), rows.index[unborn])
    if source.table == "payments":
        _check_amounts(rows["amount_sek"], headers.get("amount_sek", ""), source, notes)


def _check_days(
    rows: pd.DataFrame, headers: dict[str, str], table: str, study: Study, notes: FileFindings
) -> None:
    for name, kind in TABLES[table].columns.items():
        if kind.kind not in ("date", "month") or name not in headers:
            continue
        first = pd.Timestamp(EARLIEST_YEAR, 1, 1)
        after = pd.Timestamp(study.cutoff.year + YEARS_AHEAD + 1, 1, 1)
        never = (rows[name] <= first) | (rows[name] >= after)
        late = (rows[name] > pd.Timestamp(study.cutoff)) & ~never
        notes.note("E-RANGE far" if kind.nullable else "E-RANGE", headers[name], rows.index[never])
        notes.note("W-RANGE", headers[name], rows.index[late])


def _check_amounts(amounts: pd.Series, header: str, source: Source, notes: FileFindings) -> None:
    limit = NORMS * float(source.options.get("norm_sek", NORM_SEK))
    notes.note("W-RANGE", header, amounts.index[amounts.abs() > limit])
    notes.note("W-NEGATIVE", header, amounts.index[amounts < 0])
