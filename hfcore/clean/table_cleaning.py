"""Texts → typed, checked rows of one table, with what was stopped and what was noticed.

One file at a time; what needs several files (references, duplicates, households over time) is
in ``hfcore.clean.cross_table_checks``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from hfcore.clean.file_findings import Desk
from hfcore.clean.parsing import (
    Parsed,
    parse_codes,
    parse_days,
    parse_integers,
    parse_lists,
    parse_months,
    parse_numbers,
    parse_texts,
    parse_truths,
)
from hfcore.clean.plausibility import check_ranges
from hfcore.clean.rules import harmless, problem
from hfcore.clean.source_reading import TextTable, normal_header
from hfcore.clean.total_rows import without_totals
from hfcore.errors import Problem
from hfcore.identifiers import normal_ids
from hfcore.schema import DTYPES, TABLES, Column
from hfcore.study import ColumnSource, Source, Study

SAMPLE = 1000
PROTECTED_MARKS = ("1", "J", "Ja", "ja", "JA", "true", "X", "x")
BAD_RULE = {
    "id": "E-ID",
    "date": "E-DATE",
    "month": "E-DATE",
    "int": "E-NUMBER",
    "float": "E-NUMBER",
    "bool": "E-CODE",
    "code": "E-CODE",
    "list": "E-CODE",
    "text": "E-NULL",
}


@dataclass(frozen=True)
class Cleaned:
    """Typed rows of one file, indexed by row number, with what was stopped and noticed.

    ``rows`` has the table's columns (ids normal, not yet pseudonyms; ``<id>_is_national`` beside
    each) and the columns ``_row_id``, ``_version`` and ``_is_protected`` where the options name
    them. ``read`` counts the rows that the file held.
    """

    table: str
    file: str
    sheet: str
    rows: pd.DataFrame
    stopped: pd.DataFrame
    problems: list[Problem]
    read: int


def clean_table(text: TextTable, source: Source, study: Study, municipality: str = "") -> Cleaned:
    """Type and check the rows of one file by the mapping of its source.

    Rows that break an E-rule are left out and listed; no message holds what a cell held.
    """
    desk = Desk(text, source.decimal)
    for (column, rule), rows in text.stopped.groupby(["column", "rule"], sort=True)["row"]:
        desk.problems.append(
            problem(rule, text.file, sheet=text.sheet, column=harmless(column), rows=rows)
        )
    read = len(text.rows) + text.stopped["row"].nunique()
    cells = pd.DataFrame(
        {name: _cell_texts(text.rows[name], source.nulls) for name in text.rows}, text.rows.index
    )
    cells = without_totals(cells, source, desk)
    rows = _typed_rows(cells, source, study, desk)
    rows = desk.left(_with_options(rows, cells, source, desk))
    check_ranges(rows, source, study, desk)
    problems = [_placed(each, source.table, municipality) for each in desk.problems]
    stopped = pd.concat(desk.stopped, ignore_index=True)
    return Cleaned(source.table, text.file, text.sheet, desk.left(rows), stopped, problems, read)


def _cell_texts(column: pd.Series, nulls: tuple[str, ...]) -> pd.Series:
    """The texts of a column without blanks around them, null where the mapping says so.

    They are categorical where the first rows say that many rows share a text.
    """
    if column.iloc[:SAMPLE].nunique() > SAMPLE // 2:
        return _stripped(column, nulls)
    places, distinct = pd.factorize(column)
    codes, texts = pd.factorize(_stripped(pd.Series(distinct, dtype="str"), nulls))
    return pd.Series(pd.Categorical.from_codes(np.append(codes, -1)[places], texts), column.index)


def _stripped(texts: pd.Series, nulls: tuple[str, ...]) -> pd.Series:
    stripped = texts.str.strip()
    is_null = stripped.isin(nulls)
    return stripped.mask(is_null) if is_null.any() else stripped


def _placed(found: Problem, table: str, municipality: str) -> Problem:
    return replace(found, table=table, municipality=municipality)


def _cells_of(column: ColumnSource, cells: pd.DataFrame) -> pd.Series:
    if column.header:
        return cells[normal_header(column.header)]
    return pd.Series(column.value, cells.index, dtype="str")


def _typed_rows(cells: pd.DataFrame, source: Source, study: Study, desk: Desk) -> pd.DataFrame:
    """Each column of the table, typed; columns that the mapping does not name are null."""
    typed = {}
    for name, kind in TABLES[source.table].columns.items():
        given = source.columns.get(name)
        if given is None or (given.header and not len(cells.columns)):
            typed[name] = pd.Series(pd.NA, cells.index).astype(DTYPES[kind.kind])
            continue
        texts = _cells_of(given, cells)
        if kind.kind == "id":
            typed |= _typed_ids(name, texts, cells, source, study, desk)
        else:
            typed[name] = _typed_column(name, texts, kind, given, source, study, desk)
        if not (kind.nullable or kind.kind == "list" or _may_come_later(name, source)):
            desk.note("E-NULL", given.header, texts.index[texts.isna()])
    return pd.DataFrame(typed, index=cells.index)


def _may_come_later(name: str, source: Source) -> bool:
    return name == "month" and "paid_on" in source.options


def _typed_ids(
    name: str, texts: pd.Series, cells: pd.DataFrame, source: Source, study: Study, desk: Desk
) -> dict[str, pd.Series]:
    given = source.columns[name]
    header = str(source.options.get("birth_year", ""))
    years = None
    if header and name == "person_id":
        years = _by_distinct(parse_integers, cells[normal_header(header)]).values
    elif name == "person_id" and source.columns.get("birth_year", ColumnSource()).header:
        years = _by_distinct(parse_integers, _cells_of(source.columns["birth_year"], cells)).values
    found = normal_ids(texts, years, study.cutoff)
    if given.format == "local":
        found = found.assign(id=texts.str.upper().astype("category"), rule="", is_national=False)
    numeric = desk.text.numeric.get(normal_header(given.header), pd.Index([]))
    desk.note("E-ID", given.header, texts.index.intersection(numeric))
    for rule in ("E-ID", "E-ID-CENTURY"):
        desk.note(rule, given.header, texts.index[found["rule"] == rule])
    return {name: found["id"], f"{name}_is_national": found["is_national"]}


def _typed_column(
    name: str,
    texts: pd.Series,
    kind: Column,
    given: ColumnSource,
    source: Source,
    study: Study,
    desk: Desk,
) -> pd.Series:
    parse = _parser(name, kind, given, source, study)
    is_shared = kind.kind != "float" or texts.dtype == "category"
    parsed = _by_distinct(parse, texts) if is_shared else parse(texts)
    values = parsed.values.astype(DTYPES[kind.kind])
    is_bad = values.isna() & texts.notna()
    words = _words(kind, given, source, study, name)
    desk.note(BAD_RULE[kind.kind], given.header, texts.index[is_bad], **words)
    for rule, marks in parsed.warnings.items():
        desk.note(rule, given.header, texts.index[marks.to_numpy(dtype=bool)])
    if kind.kind == "list":
        values = values.where(texts.notna(), pd.Series([[] for _ in texts], texts.index))
    if kind.maximum is not None:
        desk.note("E-RANGE", given.header, texts.index[(values > kind.maximum).fillna(False)])
    if kind.minimum is not None:
        desk.note("E-RANGE", given.header, texts.index[(values < kind.minimum).fillna(False)])
    return values


def _by_distinct(parse: Callable[[pd.Series], Parsed], texts: pd.Series) -> Parsed:
    """Parse each distinct text once."""
    places, distinct = pd.factorize(texts)
    parsed = parse(pd.Series(distinct, dtype="str"))
    rows = [*range(len(distinct)), -1]
    values = parsed.values.reindex(rows).take(places).set_axis(texts.index)
    warnings = {
        rule: marks.reindex(rows, fill_value=False).take(places).set_axis(texts.index)
        for rule, marks in parsed.warnings.items()
        if marks.any()
    }
    return Parsed(values, warnings)


def _parser(
    name: str, kind: Column, given: ColumnSource, source: Source, study: Study
) -> Callable[[pd.Series], Parsed]:
    separator = str(source.options.get("list_separator", ","))
    return {
        "text": lambda texts: parse_texts(texts),
        "code": lambda texts: parse_codes(texts, given.codes, _allowed(name, kind, study)),
        "date": lambda texts: parse_days(texts, given.format),
        "month": lambda texts: parse_months(texts, given.format),
        "int": lambda texts: parse_integers(texts, source.decimal),
        "float": lambda texts: parse_numbers(texts, source.decimal),
        "bool": lambda texts: parse_truths(texts, given.codes),
        "list": lambda texts: parse_lists(texts, given.codes, separator),
    }[kind.kind]


def _allowed(name: str, kind: Column, study: Study) -> tuple[str, ...]:
    return study.definitions.plans if name == "plan" else kind.codes


def _words(
    kind: Column, given: ColumnSource, source: Source, study: Study, name: str
) -> dict[str, str]:
    known = [*given.codes, *_allowed(name, kind, study)] or ["a-z, 0-9, _"]
    words = {
        "E-DATE": {"format": given.format or "%Y-%m-%d"},
        "E-NUMBER": {"mark": source.decimal},
        "E-CODE": {"allowed": ", ".join(map(harmless, dict.fromkeys(known)))},
    }
    return words.get(BAD_RULE[kind.kind], {})


def _with_options(
    rows: pd.DataFrame, cells: pd.DataFrame, source: Source, desk: Desk
) -> pd.DataFrame:
    """Columns that only the ingest needs: record id, version, protection; the month paid in."""
    options = {key: normal_header(str(value)) for key, value in source.options.items()}
    nothing = pd.Series(pd.NA, rows.index, dtype="str")

    def cells_of(option: str) -> pd.Series:
        return cells[options[option]] if option in options and len(cells.columns) else nothing

    marks = source.options.get("protected_values", PROTECTED_MARKS)
    added = rows.assign(_row_id=cells_of("row_id"), _version=float("nan"), _is_protected=False)
    if "version" in options:
        added = added.assign(_version=_versions(cells_of("version"), options["version"], desk))
    if "protected" in options:
        added = added.assign(_is_protected=cells_of("protected").isin(list(marks)))
    if "paid_on" not in options or source.table != "payments":
        return added
    form = str(source.options.get("paid_on_format", ""))
    months = _paid_months(rows["month"], cells_of("paid_on"), options["paid_on"], form, desk)
    return added.assign(month=months)


def _versions(texts: pd.Series, header: str, desk: Desk) -> pd.Series:
    """Versions as numbers that rise: numbers as they are, else days."""
    numbers = _by_distinct(partial(parse_numbers, decimal=desk.decimal), texts).values
    days = _by_distinct(parse_days, texts).values
    counted = days.astype("int64").astype("float64").where(days.notna())
    values = numbers if numbers.notna().eq(texts.notna()).all() else counted
    desk.note("E-DATE", header, texts.index[values.isna() & texts.notna()], format="1, 2, 3")
    return values


def _paid_months(
    concerned: pd.Series, paid: pd.Series, header: str, form: str, desk: Desk
) -> pd.Series:
    """The month that a payment concerns, else the month it was paid in."""
    months = _by_distinct(partial(parse_months, form=form), paid).values
    lacking = concerned.isna()
    desk.note("E-NULL", header, paid.index[lacking & paid.isna()])
    bad = lacking & paid.notna() & months.isna()
    desk.note("E-DATE", header, paid.index[bad], format=form or "%Y-%m-%d")
    desk.note("W-MONTH", header, paid.index[lacking & months.notna()])
    return concerned.fillna(months)
