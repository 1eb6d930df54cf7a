"""What is found in the rows of one file: what stops them, what cannot be, what is a total."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from hfcore.clean.parsing import parse_numbers
from hfcore.clean.rules import code_of, harmless, problem
from hfcore.clean.source_reading import TextTable, normal_header, stopped_rows
from hfcore.schema import TABLES
from hfcore.study import Source, Study


class FileFindings:
    """The rows of a file under work: which are stopped by which rule, and the problems found."""

    def __init__(self, text: TextTable, decimal: str):
        self.text, self.decimal = text, decimal
        self.stopped = [text.stopped]
        self.problems = list(text.problems)

    def note(self, rule: str, column: str, rows: pd.Index, **words: str) -> None:
        """Write down a rule that rows break; those of an E-rule are stopped."""
        if not len(rows):
            return
        self.problems.append(
            problem(
                rule,
                self.text.file,
                sheet=self.text.sheet,
                column=harmless(column),
                rows=rows,
                count=len(rows),
                **words,
            )
        )
        if rule.startswith("E-"):
            self.stopped.append(stopped_rows(rows, harmless(column), code_of(rule)))

    def left(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that no rule has stopped so far."""
        gone = pd.concat([part["row"] for part in self.stopped]).unique()
        is_gone = np.isin(rows.index, gone)
        return rows.loc[~is_gone] if is_gone.any() else rows


NORM_SEK = 12_000
NORMS = 5
# Of words for a total, in Swedish and English.
FIRST_LETTERS = tuple("STDGstdg")
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
    if source.table in ORDERED:
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
    if texts.dtype != "category":
        return texts.str[:1].isin(FIRST_LETTERS)
    likely = texts.cat.categories.str[:1].isin(FIRST_LETTERS)
    return pd.Series(np.append(likely, False)[texts.cat.codes], texts.index)


def is_total_word(texts: pd.Series) -> pd.Series:
    """Whether each text says that its row is a total."""
    return texts.str.fullmatch(TOTAL_WORD).fillna(False).astype(bool)
