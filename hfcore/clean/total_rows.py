"""Rows at the end of an export that add up the rows above, and would be one more household."""

from __future__ import annotations

import re

import pandas as pd

from hfcore.clean.file_findings import Desk
from hfcore.clean.parsing import parse_numbers
from hfcore.clean.source_reading import normal_header
from hfcore.schema import TABLES
from hfcore.study import Source

TOTAL_WORD = re.compile(
    r"\s*(?:summa|summor|total|totalt|totalsumma|delsumma|sum)\b.*", re.IGNORECASE | re.DOTALL
)
ROUNDING = 0.005


def without_totals(cells: pd.DataFrame, source: Source, desk: Desk) -> pd.DataFrame:
    """Leave out a row that is the sum of the rows above; stop what only looks like one.

    A total has no id, and is the last row or says that it is a total.
    """
    keys, amounts = _headers(source, ("id",)), _headers(source, ("float", "int"))
    if not len(cells) or not keys:
        return cells
    no_id = pd.Series(True, cells.index)
    for key in keys:
        no_id &= cells[key].isna() | _may_be_word(cells[key])
    if not no_id.any():
        return cells
    words = cells.loc[no_id].astype("str").apply(_is_word)
    named = (cells.loc[no_id, keys].isna() | words[keys]).all(axis=1)
    totals = words.index[named & (words.any(axis=1) | (words.index == cells.index[-1]))]
    above, totals = cells.drop(index=totals), cells.loc[totals]
    if len(totals):
        sums = [_is_sum(above[each], totals.iloc[-1][each], source.decimal) for each in amounts]
        desk.note("W-TOTAL" if any(sums) and len(totals) == 1 else "E-TOTAL", "", totals.index)
    return above


def _headers(source: Source, kinds: tuple[str, ...]) -> list[str]:
    columns = TABLES[source.table].columns
    return [
        normal_header(given.header)
        for name, given in source.columns.items()
        if given.header and columns[name].kind in kinds
    ]


def _may_be_word(texts: pd.Series) -> pd.Series:
    """Whether a text begins like a total: a quick look at all rows before the careful one."""
    return texts.str[:1].isin(["S", "s", "T", "t", "D", "d"])


def _is_word(texts: pd.Series) -> pd.Series:
    return texts.str.fullmatch(TOTAL_WORD).fillna(False).astype(bool)


def _is_sum(above: pd.Series, total: str, decimal: str) -> bool:
    if not isinstance(total, str):
        return False
    numbers = parse_numbers(above.astype("str").dropna(), decimal).values
    told = parse_numbers(pd.Series([total], dtype="str"), decimal).values.iloc[0]
    return bool(abs(numbers.sum() - told) < ROUNDING * max(len(numbers), 1))
