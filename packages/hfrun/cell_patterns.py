"""What the cells of a column look like, without telling what any of them holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pandas as pd

from hfcore.clean.parsing import (
    parse_days,
    parse_months,
    parse_numbers,
    parse_truths,
    thousands_mark,
)
from hfcore.identifiers import normal_ids

DAY_FORMS = ("", "%Y%m%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%y%m%d")
MONTH_FORMS = ("%Y-%m", "%Y%m", "%m/%Y", "%m-%Y")
NULLS = ("", "-", "..", "saknas")
MOST = 0.9
MAX_WORDS = 30
MIN_REPEATED = 3
KINDS_OF = {
    "id": ("number_of_person", "id", "year", "integer", "words"),
    "date": ("date",),
    "month": ("month", "date"),
    "int": ("integer", "year"),
    "float": ("decimal", "integer", "year"),
    "bool": ("truth", "words"),
    "code": ("words", "truth", "integer"),
    "text": ("words", "text", "id"),
    "list": ("words", "text"),
}


@dataclass(frozen=True)
class Shape:
    """The kind of a column's cells; the form of its dates; its words where they are codes.

    ``is_unique`` is a column that is full and never says the same twice.
    """

    kind: str
    form: str = ""
    decimal: str = ""
    thousands: str = ""
    words: tuple[str, ...] = field(default=(), repr=False)
    is_unique: bool = False


def shape_of(cells: pd.Series) -> Shape:
    """The shape that nearly all cells of a column have; nulls do not count."""
    is_unique = cells.is_unique and not cells.isin(NULLS).any()
    return replace(_shape(cells), is_unique=bool(is_unique))


def _shape(cells: pd.Series) -> Shape:
    texts = cells.str.strip()
    texts = texts.loc[~texts.isin(NULLS)].reset_index(drop=True)
    if not len(texts):
        return Shape("empty")
    ids = normal_ids(texts)
    persons = ids["is_national"] | (ids["rule"] == "E-ID-CENTURY")
    if persons.mean() > MOST:
        return Shape("number_of_person")
    for kind, forms in (("month", MONTH_FORMS), ("date", DAY_FORMS)):
        for form in forms:
            if _share(parse_days(texts, form).values) > MOST and _is_length(texts, kind, form):
                return Shape(kind, form)
    if _share(parse_months(texts).values) > MOST and _is_length(texts, "date", ""):
        return Shape("month")
    return _number(texts) or _words(texts)


def _share(values: pd.Series) -> float:
    return float(values.notna().mean())


def _is_length(texts: pd.Series, kind: str, form: str) -> bool:
    """Months have seven characters or six; five digits are day numbers only by declaration."""
    lengths = texts.str.len()
    return bool((lengths <= 7).mean() > MOST if kind == "month" else (lengths >= 6).mean() > MOST)


def _number(texts: pd.Series) -> Shape | None:
    mark = thousands_mark(texts)
    other = "." if mark == "," else ","
    if mark and _share(parse_numbers(texts, other, mark).values) > MOST:
        return Shape("decimal", decimal=other, thousands=mark)
    for decimal in (",", "."):
        numbers = parse_numbers(texts, decimal).values
        if _share(numbers) > MOST:
            whole = (numbers.dropna() % 1 == 0).all() and not texts.str.contains("[.,]").any()
            if whole and numbers.between(1880, 2100).mean() > MOST:
                return Shape("year")
            if whole and texts.str.fullmatch(r"\d{4,}").mean() > MOST and texts.is_unique:
                return Shape("id")
            return Shape("integer" if whole else "decimal", decimal=decimal)
    return None


def _words(texts: pd.Series) -> Shape:
    counts = texts.value_counts()
    if len(counts) <= MAX_WORDS and len(texts) >= MIN_REPEATED * len(counts):
        common = counts.index[counts >= MIN_REPEATED]
        told = tuple(sorted(word for word in common if not _may_be_personal(word)))
        is_truth = parse_truths(pd.Series(counts.index, dtype="str"), {}).values.notna().all()
        return Shape("truth" if is_truth else "words", words=told)
    has_digit = texts.str.contains(r"\d").mean() > MOST
    return Shape("id" if has_digit else "text")


def _may_be_personal(word: str) -> bool:
    """Whether a word could be a number of somebody; codes have no long runs of digits."""
    return sum(character.isdigit() for character in word) > 3 or "@" in word
