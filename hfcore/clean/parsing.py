"""Texts → typed values, by declared forms only; what does not fit is marked, never guessed.

Each function takes distinct texts (no nulls among them) and returns values in the same order,
null where the text does not fit, and marks by the code of a warning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

SERIAL_ORIGIN = "1899-12-30"
SERIALS = (20_000, 60_000)
MONTHS_KNOWN = 1_000
MIDNIGHT = r"(?:[ T]00:00(?::00(?:\.0+)?)?)?"

_BLANKS = " \u00a0\u202f\u2009"
_MINUS = "\u2212\u2012\u2013\u2014"
_ISO_DAY = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}{MIDNIGHT}")
_ISO_MONTH = re.compile(r"\d{4}-\d{2}")
_TRUTH = {"true": True, "1": True, "ja": True, "yes": True}
_UNTRUTH = {"false": False, "0": False, "nej": False, "no": False}


@dataclass(frozen=True)
class Parsed:
    """Values in the order of the texts, and for each warning which texts it is about."""

    values: pd.Series
    warnings: Mapping[str, pd.Series] = field(default_factory=dict)


def parse_numbers(texts: pd.Series, decimal: str = ",") -> Parsed:
    """Numbers with the declared decimal mark and thousands in groups of three parted by blanks.

    A minus may stand before, behind, be typographic, or be a pair of brackets (accounting).

    >>> parse_numbers(pd.Series(["1 234,50", "500-", "(500)", "1.234"])).values.tolist()
    [1234.5, -500.0, -500.0, nan]
    """
    array = _in_one_piece(texts)
    # Patterns and replacements only of marks that occur: far quicker than those of all.
    odd_marks = _occurring(f"-+{_MINUS}(){_BLANKS}", array)
    fits = pc.match_substring_regex(array, _number_pattern(decimal, odd_marks))
    bare = array
    for mark in odd_marks:
        bare = pc.replace_substring(bare, mark, "")
    bare = pc.if_else(fits, _with_points(bare, decimal), None)
    numbers = pc.cast(bare, pa.float64())
    is_negative = pa.scalar(False)
    if set(odd_marks) & set(f"-{_MINUS}("):
        is_negative = pc.and_(fits, pc.match_substring_regex(array, rf"[-{_MINUS}(]"))
    odd = pc.and_not(is_negative, pc.starts_with(array, "-"))
    values = pc.if_else(is_negative, pc.negate(numbers), numbers)
    return Parsed(
        pd.Series(values.to_numpy(zero_copy_only=False), texts.index, dtype="float64"),
        {"W-NUMBER": pd.Series(_truth(odd), texts.index)},
    )


def _number_pattern(decimal: str, marks: Sequence[str]) -> str:
    """What a number looks like where no other marks than these occur."""
    blanks = "".join(mark for mark in marks if mark in _BLANKS)
    grouped = f"[0-9]{{1,3}}(?:[{blanks}][0-9]{{3}})+|" if blanks else ""
    digits = f"(?:{grouped}[0-9]+)(?:{re.escape(decimal)}[0-9]+)?"
    after = f"[{blanks}]?" if blanks else ""
    if len(blanks) == len(marks):
        return f"^{after}{digits}$"
    return rf"^(?:[-+{_MINUS}]?{after}{digits}|{digits}[-{_MINUS}]|\({digits}\))$"


def _with_points(texts: pa.Array, decimal: str) -> pa.Array:
    """The texts with a point for the decimal mark, in place as both are one byte."""
    there, ends, letters = texts.buffers()
    pointed = pa.py_buffer(bytes(letters or b"").replace(decimal.encode(), b"."))
    return pa.LargeStringArray.from_buffers(
        len(texts), ends, pointed, there, texts.null_count, texts.offset
    )


def _in_one_piece(texts: pd.Series) -> pa.Array:
    array = pa.array(texts, pa.large_string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _occurring(marks: str, texts: pa.Array) -> list[str]:
    """The marks that may be in the texts, as far as a count of their bytes can tell."""
    data = bytes(texts.buffers()[2] or b"")
    return [mark for mark in marks if all(byte in data for byte in mark.encode())]


def _truth(marks: pa.Array) -> np.ndarray:
    return pc.fill_null(marks, False).to_numpy(zero_copy_only=False)


def parse_integers(texts: pd.Series, decimal: str = ",") -> Parsed:
    """Whole numbers, written like other numbers; a fraction does not fit.

    >>> parse_integers(pd.Series(["3", "3,0", "3,5"])).values.tolist()
    [3, 3, <NA>]
    """
    parsed = parse_numbers(texts, decimal)
    whole = parsed.values.where((parsed.values % 1 == 0) & (parsed.values.abs() < 2**53))
    return Parsed(whole.astype("Int64"), parsed.warnings)


def parse_days(texts: pd.Series, form: str = "") -> Parsed:
    """Days in the declared form or as 2021-05-31; Excel's day numbers are counted.

    >>> texts = pd.Series(["2021-05-31", "31/05/2021", "190501"])
    >>> parse_days(texts, "%d/%m/%Y").values.isna().tolist()
    [False, False, True]
    """
    days = _strict(texts.where(texts.str.fullmatch(_ISO_DAY)).str[:10], "%Y-%m-%d")
    if form:
        days = _strict(texts, form).fillna(days)
    is_serial = texts.str.fullmatch(r"\d{5}(?:[.,]0+)?") & days.isna()
    if not is_serial.any():
        return Parsed(days, {"W-SERIAL": is_serial})
    serial = pd.to_numeric(texts.where(is_serial).str[:5]).astype("float64")
    is_serial &= serial.between(*SERIALS)
    counted = pd.to_datetime(serial.where(is_serial), unit="D", origin=SERIAL_ORIGIN)
    return Parsed(days.fillna(counted.astype("datetime64[s]")), {"W-SERIAL": is_serial})


def parse_months(texts: pd.Series, form: str = "") -> Parsed:
    """Months in the declared form, as 2021-05, or as any day in them; the first of the month.

    >>> parse_months(pd.Series(["2021-05", "2021-05-31"])).values.dt.day.tolist()
    [1, 1]
    """
    order = texts.sort_values()
    known = _months(tuple(order), form) if len(order) <= MONTHS_KNOWN else _read_months(order, form)
    marks = {rule: each.set_axis(order.index) for rule, each in known.warnings.items()}
    values = known.values.set_axis(order.index).reindex(texts.index)
    return Parsed(values, {rule: each.reindex(texts.index) for rule, each in marks.items()})


@lru_cache(maxsize=64)
def _months(texts: tuple[str, ...], form: str) -> Parsed:
    """Months of one file, which are mostly those of the next one too."""
    return _read_months(pd.Series(texts, dtype="str"), form)


def _read_months(texts: pd.Series, form: str) -> Parsed:
    days = parse_days(texts, form)
    is_month = texts.str.fullmatch(_ISO_MONTH) & days.values.isna()
    months = _strict(texts.where(is_month), "%Y-%m")
    values = days.values.fillna(months)
    first = values - pd.to_timedelta(values.dt.day - 1, unit="D")
    return Parsed(first.astype("datetime64[s]"), days.warnings)


def _strict(texts: pd.Series, form: str) -> pd.Series:
    """Days read by a form and no other: written back they give the same text (zeros aside)."""
    if texts.isna().all():
        return pd.Series(pd.NaT, texts.index, dtype="datetime64[s]")
    days = pd.to_datetime(texts, format=form, errors="coerce", exact=True)
    if days.dt.tz is not None:
        return pd.Series(pd.NaT, texts.index, dtype="datetime64[s]")
    again = days.dt.strftime(form)
    same = _without_zeros(again) == _without_zeros(texts)
    return days.where(same & days.dt.year.between(1800, 2200)).astype("datetime64[s]")


def _without_zeros(texts: pd.Series) -> pd.Series:
    return texts.str.casefold().str.replace(r"(?<!\d)0+(?=\d)", "", regex=True)


def parse_codes(texts: pd.Series, codes: Mapping[str, str], allowed: tuple[str, ...]) -> Parsed:
    """Codes by the mapping's translation, or as they are where the table or study knows them.

    Where neither says which codes there are, a code is lower-case ASCII letters, digits and
    underscores.

    >>> parse_codes(pd.Series(["K", "man", "?"]), {"K": "woman"}, ("woman", "man")).values.tolist()
    ['woman', 'man', nan]
    """
    translated = texts.map(dict(codes)).astype("str")
    own = texts.isin(allowed) if allowed else texts.str.fullmatch(r"[a-z0-9_]{1,40}")
    if codes and not allowed:
        own &= texts.isin(list(codes.values()))
    return Parsed(translated.fillna(texts.where(own)))


def parse_truths(texts: pd.Series, codes: Mapping[str, str]) -> Parsed:
    """Yes and no, in Swedish, English, or by the mapping's translation to true and false.

    >>> parse_truths(pd.Series(["Ja", "0", "?"]), {}).values.tolist()
    [True, False, <NA>]
    """
    words = texts.map(dict(codes)).astype("str").fillna(texts).str.casefold()
    return Parsed(words.map(_TRUTH | _UNTRUTH).astype("boolean"))


def parse_lists(texts: pd.Series, codes: Mapping[str, str], separator: str) -> Parsed:
    """Lists of codes in one cell, each translated by the mapping.

    >>> parse_lists(pd.Series(["A, b"]), {"A": "health"}, ",").values.tolist()
    [['health', 'b']]
    """

    def split(text: str) -> list[str] | None:
        parts = [part.strip() for part in text.split(separator) if part.strip()]
        found = [codes.get(part, part) for part in parts]
        return found if all(re.fullmatch(r"[a-z0-9_]{1,40}", each) for each in found) else None

    return Parsed(texts.map(split).astype("object"))


_UNSAFE = re.compile(
    r"[<>\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_COMMAND = re.compile(r"^[=+\-@|\s]+")
_REPLACED = {"<": "‹", ">": "›"}


def parse_texts(texts: pd.Series) -> Parsed:
    """Words as they are, without what a page or a spreadsheet could run or hide.

    >>> parse_texts(pd.Series(["<b>Vilan", "=1+1", "Näsby"])).values.tolist()
    ['‹b›Vilan', '1+1', 'Näsby']
    """

    def tame(text: str) -> str:
        safe = _UNSAFE.sub(lambda found: _REPLACED.get(found.group(), ""), text)
        return _COMMAND.sub("", safe)

    composed = texts.map(lambda text: unicodedata.normalize("NFC", text)).astype("str")
    tamed = composed.map(tame).astype("str")
    return Parsed(tamed, {"W-TEXT": tamed != composed})
