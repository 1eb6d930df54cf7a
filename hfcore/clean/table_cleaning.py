"""Texts → typed, checked rows of one table, with what was stopped and what was noticed.

One file at a time; what needs several files (references, duplicates, households over time) is
in ``hfcore.clean.cross_table_checks``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from hfcore.clean.parsing import (
    NEARLY_ALL,
    WEEK,
    Parsed,
    parse_codes,
    parse_days,
    parse_integers,
    parse_lists,
    parse_months,
    parse_numbers,
    parse_texts,
    parse_truths,
    thousands_mark,
)
from hfcore.clean.row_checks import (
    UNKNOWN,
    FileFindings,
    check_ranges,
    is_total_word,
    without_totals,
)
from hfcore.clean.rules import harmless, problem
from hfcore.clean.source_reading import TextTable, normal_header, wide_columns
from hfcore.errors import Problem
from hfcore.identifiers import normal_ids
from hfcore.schema import DTYPES, TABLES, Column
from hfcore.study import ColumnSource, Source, Study

SAMPLE = 1000
GROUPED = 0.3
# Warnings of rows that are known to be left out.
LEFT_OUT = ("W-TOTAL", "W-EMPTY-ID")
EXAMPLE = date(2021, 5, 31)
NUMERIC = "_is_numeric"
BY_NUMBER, NUMBER_LENGTH = "personal_number", 12
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
    them. ``read`` counts the rows that the file held, ``gone`` those that are not in ``rows``, by
    the rule that took them first.
    """

    table: str
    file: str
    sheet: str
    rows: pd.DataFrame
    stopped: pd.DataFrame
    problems: list[Problem]
    read: int
    gone: dict[str, int] = field(default_factory=dict)


def clean_table(text: TextTable, source: Source, study: Study, municipality: str = "") -> Cleaned:
    """Type and check the rows of one file by the mapping of its source.

    Rows that break an E-rule are left out and listed; no message holds what a cell held.
    """
    wide = {name: ColumnSource(name) for name in wide_columns(source)}
    source = replace(source, columns={**source.columns, **wide})
    notes = FileFindings(text, source.decimal)
    of_all = {each.rule for each in text.problems if not each.rows}
    for (column, rule), rows in text.stopped.groupby(["column", "rule"], sort=True)["row"]:
        if rule in of_all:
            continue
        notes.problems.append(
            problem(rule, text.file, sheet=text.sheet, column=harmless(column), rows=rows)
        )
    read = len(text.rows) + text.stopped["row"].nunique()
    cells = pd.DataFrame(
        {name: _cell_texts(text.rows[name], source.nulls) for name in text.rows}, text.rows.index
    )
    cells = without_totals(_filled(cells, source), source, notes)
    if "second" in source.options:
        cells = _without_empty(cells, source, notes)
    rows = _typed_rows(cells, source, study, notes)
    rows = notes.left(_with_options(rows, cells, source, notes))
    if source.table == "households":
        is_unsaid = rows["closed_on"].notna() & rows["closure_reason"].isna()
        rows = rows.assign(closure_reason=rows["closure_reason"].mask(is_unsaid, UNKNOWN))
    check_ranges(rows, source, study, notes)
    problems = [_placed(each, source.table, municipality) for each in notes.problems]
    stopped = pd.concat(notes.stopped, ignore_index=True)
    gone = _gone(text, stopped, problems)
    kept = notes.left(rows)
    return Cleaned(source.table, text.file, text.sheet, kept, stopped, problems, read, gone)


def _gone(text: TextTable, stopped: pd.DataFrame, problems: list[Problem]) -> dict[str, int]:
    """How many rows each rule took away, every row by the first that did."""
    gone: Counter[str] = Counter()
    if len(stopped):
        first = stopped.drop_duplicates("row").set_index("row")["rule"]
        own = text.rows.index[text.rows.index.isin(first.index)]
        rows = [*own, *first.index.difference(own)]
        gone.update(first.reindex(rows).dropna().value_counts().to_dict())
    for each in problems:
        if each.rule in LEFT_OUT:
            gone[each.rule] += each.count
    return {rule: int(gone[rule]) for rule in sorted(gone)}


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


def _filled(cells: pd.DataFrame, source: Source) -> pd.DataFrame:
    """The cells with those of ``fill`` repeated down to the next that is not empty."""
    named = [
        source.columns.get(each, ColumnSource(each)) for each in source.options.get("fill", ())
    ]
    headers = [normal_header(each.header) for each in named if normal_header(each.header) in cells]
    if not headers:
        return cells
    is_total = cells.astype("str").apply(is_total_word).any(axis=1)
    texts = cells[headers].astype("str")
    filled = texts.mask(is_total).ffill().where(~is_total, texts)
    return cells.assign(**{header: filled[header] for header in headers})


def _without_empty(cells: pd.DataFrame, source: Source, notes: FileFindings) -> pd.DataFrame:
    """The rows that name anybody, where another source reads the same rows for somebody else."""
    header = source.columns[next(iter(TABLES[source.table].columns))].header
    empty = cells.index[cells[normal_header(header)].isna()] if header else cells.index[:0]
    notes.note("W-EMPTY-ID", header, empty, header=header)
    return cells.drop(index=empty)


def _placed(found: Problem, table: str, municipality: str) -> Problem:
    return replace(found, table=table, municipality=municipality)


def _cells_of(column: ColumnSource, cells: pd.DataFrame) -> pd.Series:
    if column.header:
        return cells[normal_header(column.header)]
    return pd.Series(column.value, cells.index, dtype="str")


def _typed_rows(
    cells: pd.DataFrame, source: Source, study: Study, notes: FileFindings
) -> pd.DataFrame:
    """Each column of the table, typed; columns that the mapping does not name are null."""
    typed = {}
    for name, kind in TABLES[source.table].columns.items():
        given = source.columns.get(name)
        if given is None or (given.header and not len(cells.columns)):
            typed[name] = pd.Series(pd.NA, cells.index).astype(DTYPES[kind.kind])
            continue
        texts = _cells_of(given, cells)
        if kind.kind == "id":
            typed |= _typed_ids(name, texts, cells, source, study, notes)
        elif given.format == BY_NUMBER:
            typed[name] = _birth_years(normal_ids(texts, None, study.cutoff), given.header, notes)
        else:
            typed[name] = _typed_column(name, texts, kind, given, source, study, notes)
        if not (kind.nullable or kind.kind == "list" or _may_come_later(name, source)):
            rule = "E-NULL fill" if _is_grouped(texts, kind) else "E-NULL"
            header = harmless(given.header)
            notes.note(rule, given.header, texts.index[texts.isna()], header=header)
    return pd.DataFrame(typed, index=cells.index)


def _is_grouped(texts: pd.Series, kind: Column) -> bool:
    """Whether an id may stand in the first row of each group only."""
    return (
        kind.kind == "id" and bool(texts.isna().mean() > GROUPED) and bool(texts[:1].notna().all())
    )


def _may_come_later(name: str, source: Source) -> bool:
    return name == "month" and "paid_on" in source.options


def _typed_ids(
    name: str,
    texts: pd.Series,
    cells: pd.DataFrame,
    source: Source,
    study: Study,
    notes: FileFindings,
) -> dict[str, pd.Series]:
    given = source.columns[name]
    column = source.columns.get("birth_year", ColumnSource())
    if "birth_year" in source.options:
        column = ColumnSource(str(source.options["birth_year"]))
    years = None
    if name == "person_id" and column.header and column.format != BY_NUMBER:
        years = _by_distinct(parse_integers, _cells_of(column, cells)).values
    texts, numeric = _whole_ids(texts, given, notes)
    found = normal_ids(texts, years, study.cutoff)
    if given.format == "local":
        found = found.assign(id=texts.str.upper().astype("category"), rule="", is_national=False)
    elif name == "person_id":
        # Twelve digits that are no personal number, or numeric ones that may lack a zero in front.
        length = found["id"].astype("str").where(~found["is_national"]).str.fullmatch(r"\d+")
        digits = found["id"].astype("str").str.len().where(length.fillna(False).astype(bool), 0)
        is_lost = (digits == NUMBER_LENGTH) | (digits.isin([8, 9, 11]) & digits.index.isin(numeric))
        found = found.assign(rule=found["rule"].astype("str").mask(is_lost, "E-ID"))
    for rule in ("E-ID", "E-ID-CENTURY"):
        notes.note(rule, given.header, texts.index[found["rule"] == rule])
    typed = {name: found["id"], f"{name}_is_national": found["is_national"]}
    if len(numeric):
        # Whether digits are lost is seen where the id is looked for in the other tables.
        typed[NUMERIC] = pd.Series(found.index.isin(numeric), found.index)
    return typed


def _whole_ids(
    texts: pd.Series, given: ColumnSource, notes: FileFindings
) -> tuple[pd.Series, pd.Index]:
    """Ids that a program made numbers as texts again, and the rows of those that lost nothing."""
    numeric = notes.text.numeric.get(normal_header(given.header), texts.index[:0])
    numeric = texts.index.intersection(numeric) if len(numeric) else texts.index[:0]
    numbers = texts.loc[numeric].astype("str")
    is_whole = numbers.str.fullmatch(r"\d{1,15}").fillna(False).astype(bool)
    notes.note("E-ID", given.header, numeric[~is_whole])
    numeric = numeric[is_whole]
    sample = texts.iloc[:SAMPLE].dropna().astype("str")
    if len(sample) and sample.str.fullmatch(r"\d+[.,]0").mean() > NEARLY_ALL:
        texts = texts.astype("str").str.replace(r"(?<=\d)[.,]0$", "", regex=True)
        numeric = texts.dropna().index
    if given.format and not given.format.strip("0"):
        texts = texts.astype("str").str.replace(
            r"^\d+$", lambda found: found[0].zfill(len(given.format)), regex=True
        )
        return texts, numeric[:0]
    return texts, numeric


def _birth_years(ids: pd.DataFrame, header: str, notes: FileFindings) -> pd.Series:
    """The birth years that personal numbers tell."""
    known = ids["id"].astype("str").where(ids["is_national"])
    notes.note("E-NULL birth year", header, known.index[known.isna() & ids["id"].notna()])
    return pd.to_numeric(known.str[:4]).astype("Int64")


def _typed_column(
    name: str,
    texts: pd.Series,
    kind: Column,
    given: ColumnSource,
    source: Source,
    study: Study,
    notes: FileFindings,
) -> pd.Series:
    parse = _parser(name, kind, given, source, study)
    is_money = name.endswith("_sek") and "thousands" not in source.options
    if is_money and (sign := thousands_mark(texts)):
        words = {"mark": source.decimal, "sign": sign, "other": "," if sign == "." else "."}
        notes.note("E-NUMBER thousands", given.header, texts.index[texts.notna()], **words)
        return pd.Series(float("nan"), texts.index)
    is_shared = kind.kind != "float" or texts.dtype == "category"
    parsed = _by_distinct(parse, texts) if is_shared else parse(texts)
    values = parsed.values.astype(DTYPES[kind.kind])
    is_bad = values.isna() & texts.notna()
    words = _words(kind, given, source, study, name)
    if kind.kind in ("date", "month") and is_bad.any():
        bad = texts.loc[is_bad].astype("str")
        weeks = bad.index[bad.str.fullmatch(WEEK)]
        notes.note("E-DATE week", given.header, weeks, **words)
        is_bad &= ~is_bad.index.isin(weeks)
    notes.note(BAD_RULE[kind.kind], given.header, texts.index[is_bad], **words)
    for rule, marks in parsed.warnings.items():
        notes.note(rule, given.header, texts.index[marks.to_numpy(dtype=bool)])
    if kind.kind == "list":
        values = values.where(texts.notna(), pd.Series([[] for _ in texts], texts.index))
    if kind.maximum is not None:
        notes.note("E-RANGE", given.header, texts.index[(values > kind.maximum).fillna(False)])
    if kind.minimum is not None:
        notes.note("E-RANGE", given.header, texts.index[(values < kind.minimum).fillna(False)])
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
    marks = {"decimal": source.decimal, "thousands": str(source.options.get("thousands", ""))}
    return {
        "text": lambda texts: parse_texts(texts),
        "code": lambda texts: parse_codes(texts, given.codes, _allowed(name, kind, study)),
        "date": lambda texts: parse_days(texts, given.format),
        "month": lambda texts: parse_months(texts, given.format),
        "int": lambda texts: parse_integers(texts, **marks),
        "float": lambda texts: parse_numbers(texts, **marks),
        "bool": lambda texts: parse_truths(texts, given.codes),
        "list": lambda texts: parse_lists(texts, given.codes, separator),
    }[kind.kind]


def _allowed(name: str, kind: Column, study: Study) -> tuple[str, ...]:
    return study.definitions.plans if name == "plan" else kind.codes


def _words(
    kind: Column, given: ColumnSource, source: Source, study: Study, name: str
) -> dict[str, str]:
    known = [*(given.codes or _allowed(name, kind, study))] or ["a-z, 0-9, _"]
    words = {
        "E-DATE": {"example": _example(given.format, kind.kind)},
        "E-NUMBER": {"mark": source.decimal},
        "E-CODE": {"allowed": ", ".join(map(harmless, dict.fromkeys(known)))},
    }
    return words.get(BAD_RULE[kind.kind], {})


def _example(form: str, kind: str = "date") -> str:
    """A day or month as a form writes it."""
    return EXAMPLE.strftime(form or ("%Y-%m" if kind == "month" else "%Y-%m-%d"))


def _with_options(
    rows: pd.DataFrame, cells: pd.DataFrame, source: Source, notes: FileFindings
) -> pd.DataFrame:
    """Columns that only the ingest needs: record id, version, protection; the month paid in."""
    options = {key: normal_header(str(value)) for key, value in source.options.items()}
    nothing = pd.Series(pd.NA, rows.index, dtype="str")

    def cells_of(option: str) -> pd.Series:
        return cells[options[option]] if option in options and len(cells.columns) else nothing

    marks = source.options.get("protected_values", PROTECTED_MARKS)
    added = rows.assign(_row_id=cells_of("row_id"), _version=float("nan"), _is_protected=False)
    if "version" in options:
        added = added.assign(_version=_versions(cells_of("version"), options["version"], notes))
    if "protected" in options:
        added = added.assign(_is_protected=cells_of("protected").isin(list(marks)))
    if "paid_on" not in options or source.table != "payments":
        return added
    form = str(source.options.get("paid_on_format", ""))
    months = _paid_months(rows["month"], cells_of("paid_on"), options["paid_on"], form, notes)
    return added.assign(month=months)


def _versions(texts: pd.Series, header: str, notes: FileFindings) -> pd.Series:
    """Versions as numbers that rise: numbers as they are, else days."""
    numbers = _by_distinct(partial(parse_numbers, decimal=notes.decimal), texts).values
    days = _by_distinct(parse_days, texts).values
    counted = days.astype("int64").astype("float64").where(days.notna())
    values = numbers if numbers.notna().eq(texts.notna()).all() else counted
    notes.note("E-DATE", header, texts.index[values.isna() & texts.notna()], example="1, 2, 3")
    return values


def _paid_months(
    concerned: pd.Series, paid: pd.Series, header: str, form: str, notes: FileFindings
) -> pd.Series:
    """The month that a payment concerns, else the month it was paid in."""
    months = _by_distinct(partial(parse_months, form=form), paid).values
    lacking = concerned.isna()
    notes.note("E-NULL", header, paid.index[lacking & paid.isna()])
    bad = lacking & paid.notna() & months.isna()
    notes.note("E-DATE", header, paid.index[bad], example=_example(form))
    notes.note("W-MONTH", header, paid.index[lacking & months.notna()])
    return concerned.fillna(months)
