"""Personal numbers and case numbers as exports write them → ids in one form each.

All ways to write one number give one id; what cannot be read is marked by a rule and never
guessed. What is secret about ids is in ``hfcore.identity``.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

COORDINATION = 60
ID_RULES = ("", "E-ID", "E-ID-CENTURY")

_CENTURY = re.compile(r"(\d{8})-?(\d{4})|(\d{6})([-+])?(\d{4})")
_INTERIM = re.compile(r"\b(\d{8}|\d{6})-([A-Z]\d{3}|\d{2}[A-Z]\d)\b")
# Case numbers that are normal as they are: no personal number has a letter first or so few digits.
_PLAIN_CASE = re.compile(r"[A-Z]{1,8}[0-9]{1,20}|[0-9]{1,9}", re.ASCII)
_POWER_OF_TEN = re.compile(r"\d+(?:[.,]\d+)?E\+\d+")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\uff0d"), "-")


def normal_ids(
    values: pd.Series, birth_years: pd.Series | None = None, cutoff: date | None = None
) -> pd.DataFrame:
    """Ids in one form each, with what is wrong with them.

    A personal number or coordination number, however written, becomes its twelve digits. Ten
    digits get their century from the sign (``-`` below 100 years at the cut-off, ``+`` above)
    or from the birth year beside. Other ids keep their letters and digits, in upper case.

    Returns one row a value: ``id`` (categorical, null where refused or missing), ``rule``
    (categorical: ``E-ID``, ``E-ID-CENTURY`` or empty), ``is_national`` (the same person in every
    municipality).

    >>> normal_ids(pd.Series(["19811218-9876", "811218-9876", "A-17"]), cutoff=date(2021, 12, 31))
                 id rule  is_national
    0  198112189876              True
    1  198112189876              True
    2          A-17             False
    """
    places, texts = distinct_texts(values)
    if birth_years is None:
        known = _plain_frame(texts)
        if known is None:
            known = _normal_frame([(text, None) for text in texts.tolist()], cutoff)
        return known.take(places).set_axis(values.index)
    years = birth_years.astype("object").where(birth_years.notna(), None)
    pairs = pd.DataFrame(
        {"text": values.astype("object").where(values.notna(), None), "year": years}
    )
    groups = pairs.groupby(["text", "year"], sort=False, dropna=False).ngroup()
    distinct = pairs.loc[~groups.duplicated()]
    known = _normal_frame(list(distinct.itertuples(index=False, name=None)), cutoff)
    return known.take(groups).set_axis(values.index)


def distinct_texts(texts: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """The place of each text among the distinct ones (-1: null), and these.

    >>> distinct_texts(pd.Series(["b", "a", "b"]))[0].tolist()
    [0, 1, 0]
    """
    if texts.dtype == "category":
        return texts.cat.codes.to_numpy(), texts.cat.categories
    return pd.factorize(texts)


def stands_again(texts: pd.Series) -> np.ndarray:
    """Whether a text may stand in more rows than one; numbers are taken as such, for speed.

    >>> stands_again(pd.Series(["7", "8", "07"])).tolist()
    [True, False, True]
    """
    try:
        return pc.cast(pa.array(texts), pa.int64()).to_pandas().duplicated(keep=False).to_numpy()
    except pa.ArrowInvalid:
        return texts.duplicated(keep=False).to_numpy()


def _plain_frame(texts: pd.Index) -> pd.DataFrame | None:
    """The normal form of distinct ids, and last that of none, where all are plain case numbers."""
    array = pa.array(texts, pa.large_string())
    fits = pc.match_substring_regex(array, f"^(?:{_PLAIN_CASE.pattern})$")
    if not pc.all(fits, min_count=0).as_py():
        return None
    codes = np.append(np.arange(len(texts)), -1)
    rules = np.zeros(len(codes), "int8")
    return pd.DataFrame(
        {
            "id": pd.Categorical.from_codes(codes, texts),
            "rule": pd.Categorical.from_codes(rules, ID_RULES),
            "is_national": np.zeros(len(codes), bool),
        }
    )


def _normal_frame(pairs: list[tuple[object, int | None]], cutoff: date | None) -> pd.DataFrame:
    """The normal form of each distinct id and birth year, and last that of none."""
    found = [_normal(text, year, cutoff) for text, year in [*pairs, (None, None)]]
    ids, rules, is_national = zip(*found, strict=True)
    codes, normal = pd.factorize(pd.Series(ids, dtype="str"))
    return pd.DataFrame(
        {
            "id": pd.Categorical.from_codes(codes, normal),
            "rule": pd.Categorical(rules, ID_RULES),
            "is_national": is_national,
        }
    )


def plain(text: str) -> str:
    """A text in the one form in which ids are compared: NFKC, ASCII digits, no blanks or dashes.

    >>> plain("１９８１\u00a01218‐9876")
    '19811218-9876'
    """
    if text.isascii() and text.isprintable():
        return text.replace(" ", "").upper()
    letters = unicodedata.normalize("NFKC", text).translate(_DASHES)
    kept = (c for c in letters if unicodedata.category(c) not in ("Cf", "Cc", "Zs", "Zl", "Zp"))
    return "".join(_ascii_digit(c) for c in kept).upper()


def _ascii_digit(character: str) -> str:
    if character.isascii() or not character.isdecimal():
        return character
    return str(unicodedata.decimal(character))


def _normal(value: object, year: int | None, cutoff: date | None) -> tuple[str | None, str, bool]:
    if not isinstance(value, str) or not value:
        return None, "", False
    if _PLAIN_CASE.fullmatch(value):
        return value, "", False
    year = None if year is None or pd.isna(year) else int(year)
    text = plain(value)
    match = _CENTURY.fullmatch(text)
    if not match:
        return _local(text)
    if match[1]:
        return _checked(match[1] + match[2], text)
    if not _is_day("20" + match[3]) and not _is_day("19" + match[3]):
        return _local(text)
    is_open = match[3][2:4] == "00" or match[3][4:] == str(COORDINATION)
    if is_open and text.isdecimal() and not is_luhn(text):
        return _local(text)
    century = _century(int(match[3][:2]), match[4], year, cutoff)
    if century is None:
        return None, "E-ID-CENTURY" if year is None else "E-ID", False
    return _checked(f"{century:02}{match[3]}{match[5]}", text)


def _local(text: str) -> tuple[str | None, str, bool]:
    """An id that is no personal number; a number in powers of ten has lost its digits."""
    if _POWER_OF_TEN.fullmatch(text) or not re.search(r"[0-9A-ZÅÄÖ]", text):
        return None, "E-ID", False
    return _INTERIM.sub(r"\1\2", text), "", False


def _checked(digits: str, text: str) -> tuple[str | None, str, bool]:
    if not _is_day(digits[:8]):
        return _local(text)
    if not is_luhn(digits[2:]):
        is_open = digits[4:6] == "00" or digits[6:8] == str(COORDINATION)
        return _local(text) if is_open and text.isdecimal() else (None, "E-ID", False)
    return digits, "", True


def _century(two: int, sign: str | None, year: int | None, cutoff: date | None) -> int | None:
    if year is not None:
        return year // 100 if year % 100 == two else None
    if sign is None or cutoff is None:
        return None
    youngest = cutoff.year // 100 if two <= cutoff.year % 100 else cutoff.year // 100 - 1
    return youngest - 1 if sign == "+" else youngest


def _is_day(digits: str) -> bool:
    """Whether eight digits are a day, where a coordination number has day + 60.

    A coordination number may leave the month (00) or the day (60) open.
    """
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    if day == COORDINATION or (month == 0 and day > COORDINATION):
        return month <= 12 and day <= 91 and 1850 <= year <= 2100
    try:
        date(year, month, day - COORDINATION if day > COORDINATION else day)
    except ValueError:
        return False
    return 1850 <= year <= 2100


def is_luhn(ten: str) -> bool:
    """Whether the last of ten digits is the check digit of the nine before.

    >>> is_luhn("8112189876"), is_luhn("8112189875")
    (True, False)
    """
    doubled = [int(d) * (2 - place % 2) for place, d in enumerate(ten)]
    return sum(each // 10 + each % 10 for each in doubled) % 10 == 0
