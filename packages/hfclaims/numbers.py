"""Numbers, products and periods as reports write them: read exactly, told in two languages."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

FACTOR = re.compile(r"\s*+(\d[\d \u00a0]*+(?:[.,]\d+)?+)[^\d]*+", re.ASCII)
PERIOD = re.compile(r"(\d{4}(?:-\d{2}){0,2})(?:/(\d{4}(?:-\d{2}){0,2}))?", re.ASCII)

Interval = tuple[Fraction, Fraction]
Days = tuple[date, date]


def shown(value: Fraction, language: str, digits: int = 0) -> str:
    """A number as it is written in Swedish or English.

    >>> shown(Fraction(-2279, 2), "sv", 1), shown(Fraction(1135680), "en")
    ('−1\\xa0139,5', '1,135,680')
    """
    step = Decimal(1).scaleb(-digits)
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    text = f"{exact.quantize(step, ROUND_HALF_UP):,f}".replace("-", "−")
    if language == "sv":
        text = text.translate(str.maketrans(",.", "\xa0,"))
    return text


def overlap(one: Interval, other: Interval) -> bool:
    """Whether two closed intervals share a point."""
    return max(one[0], other[0]) <= min(one[1], other[1])


def read_factors(text: str) -> list[Fraction]:
    """The numbers of a product written out; none where the text is not one.

    >>> [float(each) for each in read_factors("31000 SEK/month x 1.4 x 2.0 FTE")]
    [31000.0, 1.4, 2.0]
    >>> read_factors("6 months")
    []
    """
    parts = re.split(r"\s[x×*]\s", text)
    matches = [FACTOR.fullmatch(part) for part in parts]
    if len(parts) < 2 or not all(matches):
        return []
    return [Fraction(re.sub(r"[ \u00a0]", "", each[1]).replace(",", ".")) for each in matches]


def read_period(text: str) -> Days | None:
    """First day of a period, and the day after its last; None where it is not one.

    >>> read_period("2017-06-01/2019-04-30")
    (datetime.date(2017, 6, 1), datetime.date(2019, 5, 1))
    >>> read_period("2016/2021")[1], read_period("2017-13")
    (datetime.date(2022, 1, 1), None)
    """
    match = PERIOD.fullmatch(text)
    if not match:
        return None
    try:
        first, last = _day(match[1]), _day(match[2] or match[1], past=True)
    except (ValueError, OverflowError):
        return None
    return (first, last) if first < last else None


def _day(text: str, past: bool = False) -> date:
    numbers = [int(part) for part in text.split("-")]
    year, month, day = (*numbers, 1, 1)[:3]
    first = date(year, month, day)
    if not past:
        return first
    if len(numbers) == 3:
        return first + timedelta(days=1)
    months = first.year * 12 + first.month - 1 + (1 if len(numbers) == 2 else 12)
    return date(months // 12, months % 12 + 1, 1)


def months_between(first: date, last: date) -> Fraction:
    """Months from a day up to another, in halves.

    >>> months_between(date(2017, 6, 1), date(2019, 5, 1))
    Fraction(23, 1)
    """
    whole = (last.year - first.year) * 12 + last.month - first.month
    return Fraction(round(2 * (whole + Fraction(last.day - first.day, 30))), 2)
