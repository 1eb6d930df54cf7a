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
SAMPLE = 1_000
NEARLY_ALL = 0.9
# Two digits of a year: 70 and later are of the last century.
CENTURY_TURNS = 70

_BLANKS = " \u00a0\u202f\u2009"
_MINUS = "\u2212\u2012\u2013\u2014"
_TIME = r"[ T]\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?"
_ISO_DAY = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}(?:{_TIME})?")
_INSTANT = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}{_TIME}(?:Z|[+-]\d{{2}}:?\d{{2}})")
WEEK = re.compile(r"(?i)(?:\d{2,4}[- ]?)?(?:v|w|vecka|week)[. ]*\d{1,2}(?:\D.*)?")
_NAMES = (
    "jan januari january|feb februari february|mar mars march|apr april|maj may|jun juni june|"
    "jul juli july|aug augusti august|sep sept september|okt oktober oct october|"
    "nov november|dec december"
)
_MONTH_OF = {
    name: f"m{number:02}"
    for number, names in enumerate(_NAMES.split("|"), start=1)
    for name in names.split()
}
_MONTH_NAME = re.compile(
    rf"(?i)(?<![^\W\d_])({'|'.join(sorted(_MONTH_OF, key=len, reverse=True))})\.?(?![^\W\d_])"
)
_UNIT = r"(?i)^(?:sek|kr)\.?\s*|\s*(?:kr(?:onor)?\.?|sek|h|tim(?:mar)?\.?|st\.?|:-|[,.]-)$"
_GROUPED = r"\D*\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{1,2})?(?:\D.*)?"
_ISO_MONTH = re.compile(r"\d{4}-\d{2}")
_TRUTH = {"true": True, "1": True, "ja": True, "yes": True}
_UNTRUTH = {"false": False, "0": False, "nej": False, "no": False}


@dataclass(frozen=True)
class Parsed:
    """Values in the order of the texts, and for each warning which texts it is about."""

    values: pd.Series
    warnings: Mapping[str, pd.Series] = field(default_factory=dict)


def parse_numbers(texts: pd.Series, decimal: str = ",", thousands: str = "") -> Parsed:
    """Numbers with the declared decimal mark and thousands in groups of three parted by blanks.

    A minus may stand before, behind, be typographic, or be a pair of brackets (accounting). A unit
    (kronor, hours, pieces) is taken off, and so is the declared mark of thousands.

    >>> parse_numbers(pd.Series(["1 234,50", "500-", "(500)", "1.234"])).values.tolist()
    [1234.5, -500.0, -500.0, nan]
    >>> parse_numbers(pd.Series(["SEK 900:-", "1.234,50 kr", "4.50"]), ",", ".").values.tolist()
    [900.0, 1234.5, nan]
    """
    parsed = _bare_numbers(texts, decimal)
    is_rest = texts.notna().to_numpy()
    if not thousands.strip():
        is_rest = is_rest & parsed.values.isna().to_numpy()
    rest = texts.loc[is_rest].astype("str")
    if thousands.strip():
        group = rf"(?<!\d)\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?!\d)"
        rest = rest.str.replace(group, lambda found: found[0].replace(thousands, ""), regex=True)
    if not len(rest):
        return parsed
    bare = rest.str.replace(_UNIT, "", regex=True).str.replace(_UNIT, "", regex=True)
    found = _bare_numbers(bare, decimal)
    values, odd = parsed.values.to_numpy().copy(), parsed.warnings["W-NUMBER"].to_numpy().copy()
    values[is_rest], odd[is_rest] = found.values, found.warnings["W-NUMBER"]
    marks = {"W-NUMBER": pd.Series(odd, texts.index)}
    return Parsed(pd.Series(values, texts.index), marks)


def thousands_mark(texts: pd.Series) -> str:
    """The mark that has three digits after it in nearly all amounts that have one; else nothing.

    >>> thousands_mark(pd.Series(["4.500", "12.300", "900"])), thousands_mark(pd.Series(["4.50"]))
    ('.', '')
    """
    sample = texts.iloc[:SAMPLE].dropna().astype("str")
    marked = sample.loc[sample.str.contains(r"\d[.,]\d")]
    if not len(marked) or marked.str.fullmatch(_GROUPED).mean() <= NEARLY_ALL:
        return ""
    return max(",.", key=lambda mark: marked.str.contains(rf"\{mark}\d{{3}}").sum())


def _bare_numbers(texts: pd.Series, decimal: str) -> Parsed:
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


def parse_integers(texts: pd.Series, decimal: str = ",", thousands: str = "") -> Parsed:
    """Whole numbers, written like other numbers; a fraction does not fit.

    >>> parse_integers(pd.Series(["3", "3,0", "3,5"])).values.tolist()
    [3, 3, <NA>]
    """
    parsed = parse_numbers(texts, decimal, thousands)
    whole = parsed.values.where((parsed.values % 1 == 0) & (parsed.values.abs() < 2**53))
    return Parsed(whole.astype("Int64"), parsed.warnings)


def parse_days(texts: pd.Series, form: str = "") -> Parsed:
    """Days in the declared form or as 2021-05-31; Excel's day numbers are counted.

    A time of day is cut off; a point in time with its zone is the day that it was in Sweden.

    >>> texts = pd.Series(["2021-05-31", "31/05/2021", "190501"])
    >>> parse_days(texts, "%d/%m/%Y").values.isna().tolist()
    [False, False, True]
    """
    days = _strict(texts.where(texts.str.fullmatch(_ISO_DAY)).str[:10], "%Y-%m-%d")
    if form:
        days = _strict(texts, form).fillna(days)
    is_instant = texts.str.fullmatch(_INSTANT)
    if is_instant.any():
        instants = pd.to_datetime(
            texts.loc[is_instant], utc=True, errors="coerce", format="ISO8601"
        )
        swedish = instants.dt.tz_convert("Europe/Stockholm").dt.tz_localize(None).dt.normalize()
        days = days.fillna(swedish.reindex(texts.index).astype("datetime64[s]"))
    is_serial = texts.str.fullmatch(r"\d{5}(?:[.,]0+)?") & days.isna()
    if not is_serial.any():
        return Parsed(days, {"W-SERIAL": is_serial})
    serial = pd.to_numeric(texts.where(is_serial).str[:5]).astype("float64")
    is_serial &= serial.between(*SERIALS)
    counted = pd.to_datetime(serial.where(is_serial), unit="D", origin=SERIAL_ORIGIN)
    return Parsed(days.fillna(counted.astype("datetime64[s]")), {"W-SERIAL": is_serial})


def parse_months(texts: pd.Series, form: str = "") -> Parsed:
    """Months in the declared form, as 2021-05, or as any day in them; the first of the month.

    A month may have its Swedish or English name, and the form of Statistics Sweden.

    >>> texts = pd.Series(["2021-05-31", "maj-21", "okt 2019", "mars 2019", "2019M11", "v. 32"])
    >>> parse_months(texts).values.dt.strftime("%Y-%m").tolist()
    ['2021-05', '2021-05', '2019-10', '2019-03', '2019-11', nan]
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
    if values.isna().any():
        values = values.fillna(_named_months(texts.where(values.isna())))
    first = values - pd.to_timedelta(values.dt.day - 1, unit="D")
    return Parsed(first.astype("datetime64[s]"), days.warnings)


def _named_months(texts: pd.Series) -> pd.Series:
    """Months that are written with a name and a year, in either order, or as 2019M11."""
    named = _numbered(texts).str.casefold()
    found = named.str.extract(r"^m(?P<m>\d\d)[ '/.-]*(?P<y>\d{4}|\d\d)$")
    found = found.fillna(named.str.extract(r"^(?P<y>\d{4})[ /.-]*m(?P<m>\d{1,2})$"))
    years = pd.to_numeric(found["y"]).astype("Int64")
    years = years.mask(years < CENTURY_TURNS, years + 2000).mask(lambda y: y < 100, years + 1900)
    return _strict(years.astype("str") + "-" + found["m"].str.zfill(2), "%Y-%m")


def _numbered(texts: pd.Series, before: str = "m") -> pd.Series:
    """Texts with names of months as two digits behind a letter."""
    return texts.str.replace(
        _MONTH_NAME, lambda found: before + _MONTH_OF[found[1].casefold()][1:], regex=True
    )


def _strict(texts: pd.Series, form: str) -> pd.Series:
    """Days read by a form and no other: written back they give the same text (zeros aside)."""
    if texts.isna().all():
        return pd.Series(pd.NaT, texts.index, dtype="datetime64[s]")
    if "%b" in form or "%B" in form:
        texts, form = _numbered(texts, ""), form.replace("%b", "%m").replace("%B", "%m")
    days = pd.to_datetime(texts, format=form, errors="coerce", exact=True)
    if days.dt.tz is not None:
        return pd.Series(pd.NaT, texts.index, dtype="datetime64[s]")
    again = days.dt.strftime(form)
    same = _without_zeros(again) == _without_zeros(texts)
    return days.where(same).dt.normalize().astype("datetime64[s]")


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
