"""Rows of an export that add up the rows above, and would be one more household or payment."""

from __future__ import annotations

import re

import pandas as pd

from hfcore.clean.file_findings import FileFindings
from hfcore.clean.parsing import parse_numbers
from hfcore.clean.source_reading import normal_header
from hfcore.schema import TABLES
from hfcore.study import Source

TOTAL_WORD = re.compile(
    r"\s*(?:summa|summor|total|totalt|totalsumma|delsumma|sum|subtotal|grand total|slutsumma)\b.*",
    re.IGNORECASE | re.DOTALL,
)


def without_totals(cells: pd.DataFrame, source: Source, notes: FileFindings) -> pd.DataFrame:
    """Leave out rows that are sums of rows above; stop what is called a sum and is none.

    A total says so where an id, a day or a month should be, or is the last row, without an id. It
    may add up all rows above or those since any total before it.
    """
    keys, amounts = _headers(source, ("id",)), _headers(source, ("float", "int"))
    times = _headers(source, ("date", "month"))
    if not len(cells) or not keys:
        return cells
    no_id, said = pd.Series(True, cells.index), pd.Series(False, cells.index)
    for key in keys:
        no_id &= cells[key].isna() | _may_be_word(cells[key])
    for time in times:
        said |= _may_be_word(cells[time])
    if not (no_id | said).any():
        return cells
    rows = cells.loc[no_id | said]
    words = rows.astype("str").apply(is_total_word)
    is_empty = (rows[keys].isna() | words[keys]).all(axis=1)
    named = (is_empty & words.any(axis=1)) | words[times].any(axis=1)
    last = is_empty & (rows.index == cells.index[-1]) & ~named
    fits = _are_sums(cells, named | last, amounts, source)
    notes.note("W-TOTAL", "", rows.index[(named | last) & fits])
    notes.note("E-TOTAL", "", rows.index[named & ~fits])
    return cells.drop(index=rows.index[named | (last & fits)])


def _are_sums(
    cells: pd.DataFrame, totals: pd.Series, amounts: list[str], source: Source
) -> pd.Series:
    """Whether each total adds up the rows above it, back to the beginning or to another total."""
    fits = pd.Series(False, totals.index)
    is_total = pd.Series(cells.index.isin(totals.index[totals]), cells.index)
    for header in amounts:
        marks = (source.decimal, str(source.options.get("thousands", "")))
        numbers = parse_numbers(cells[header].astype("str"), *marks).values
        sums = (numbers.fillna(0).mask(is_total, 0).cumsum() * 100).round()
        starts = {0.0}
        for row in totals.index[totals]:
            told = (numbers[row] * 100).round()
            near = (told + step for step in (-1, 0, 1))
            fits[row] |= any(sums[row] - each in starts for each in near)
            starts.add(float(sums[row]))
    return fits


def _headers(source: Source, kinds: tuple[str, ...]) -> list[str]:
    columns = TABLES[source.table].columns
    named = [
        normal_header(given.header)
        for name, given in source.columns.items()
        if given.header and columns[name].kind in kinds
    ]
    return list(dict.fromkeys(named))


def _may_be_word(texts: pd.Series) -> pd.Series:
    """Whether a text begins like a total: a quick look at all rows before the careful one."""
    return texts.str[:1].isin(["S", "s", "T", "t", "D", "d", "G", "g"])


def is_total_word(texts: pd.Series) -> pd.Series:
    """Whether each text says that its row is a total."""
    return texts.str.fullmatch(TOTAL_WORD).fillna(False).astype(bool)
