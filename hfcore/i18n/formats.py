"""Numbers and names as a reader of Swedish or English expects to see them."""

from __future__ import annotations

import re
from datetime import date

import pandas as pd
from babel.dates import format_date
from babel.numbers import format_decimal

from hfcore.i18n.texts import has_text, text

LOCALES = {"sv": "sv_SE", "en": "en_GB"}
MINUS = "−"
MANY_PARTS = 3
_LEVEL_SECTIONS = {
    "reason": "reasons",
    "covariate": "covariates",
    "step": "steps",
    "category": "categories",
    "window": "windows",
    "cause": "causes",
    "of": "denominators",
    "answer": "answers",
    "outcome": "outcomes",
    "rule": "target_rules",
    "obstacle": "obstacles",
    "kind": "rule_kinds",
    "placement": "placements",
    "contact_kind": "contact_kinds",
    "counterpart": "counterparts",
    "party": "counterparts",
    "arena": "arenas",
    "principle": "principles",
    "gap": "gaps",
}


def number(value: float, language: str, decimals: int = 0) -> str:
    """A number with the language's separators and a real minus sign.

    >>> number(-1300, "en"), number(7.5, "sv", 1)
    ('−1,300', '7,5')
    """
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    written = format_decimal(round(value, decimals) + 0.0, pattern, locale=LOCALES[language])
    return written.replace("-", MINUS)


def percent(value: float, language: str) -> str:
    """A share (0–1) in whole percent.

    >>> percent(0.316, "sv"), percent(0.316, "en")
    ('32\\xa0%', '32%')
    """
    return number(value * 100, language) + ("\u00a0%" if language == "sv" else "%")


def percentage_points(value: float, language: str) -> str:
    """A difference of shares in whole percentage points, without the unit.

    >>> percentage_points(-0.18, "sv")
    '−18'
    """
    return number(value * 100, language)


def p_value(value: float, language: str) -> str:
    """A p-value to three decimals, and below them that it is smaller.

    >>> p_value(0.0421, "sv"), p_value(1.2e-7, "en")
    ('0,042', '<0.001')
    """
    least = 0.001
    return f"<{number(least, language, 3)}" if value < least else number(value, language, 3)


def money(value: float, language: str) -> str:
    """An amount in kronor, short.

    >>> money(-1300, "en"), money(-1300, "sv")
    ('−1,300 kr', '−1\\xa0300\\xa0kr')
    """
    return number(value, language) + ("\u00a0kr" if language == "sv" else " kr")


def months(value: float, language: str) -> str:
    """A duration in months, with halves.

    >>> months(7.5, "sv"), months(1, "en")
    ('7,5 månader', '1 month')
    """
    shown = number(value, language, 0 if float(value).is_integer() else 1)
    unit = {"sv": ("månad", "månader"), "en": ("month", "months")}[language]
    return f"{shown} {unit[int(abs(value) != 1)]}"


def day(value: date, language: str) -> str:
    """A date in words.

    >>> day(date(2021, 12, 31), "sv"), day(date(2021, 12, 31), "en")
    ('31 december 2021', '31 December 2021')
    """
    return format_date(value, "d MMMM y", locale=LOCALES[language])


def month_name(value: date, language: str) -> str:
    """A calendar month in words.

    >>> month_name(date(2016, 5, 1), "sv")
    'maj 2016'
    """
    return format_date(value, "MMMM y", locale=LOCALES[language])


def quantity(value: float, unit: str, language: str) -> str:
    """A figure in the format of its unit; a dash where there is none.

    >>> quantity(0.32, "share", "en"), quantity(26, "count", "sv"), quantity(None, "sek", "sv")
    ('32%', '26', '–')
    """
    if value is None or pd.isna(value):
        return text("words", "missing", language)
    if unit == "share":
        return percent(value, language)
    if unit in ("sek", "sek_per_month"):
        return money(value, language)
    if unit in ("months", "hours"):
        return number(value, language, 1)
    return number(value, language, 0 if unit == "count" or float(value).is_integer() else 2)


def span(low: float, high: float, unit: str, language: str) -> str:
    """An interval in the format of its unit; empty where there is none.

    >>> span(-2100, -500, "sek_per_month", "en")
    '−2,100 to −500 kr'
    >>> span(0.23, 0.42, "share", "sv")
    '23–42\\xa0%'
    """
    if pd.isna(low) or pd.isna(high):
        return ""
    if unit == "share" and low >= 0:
        return f"{number(low * 100, language)}–{percent(high, language)}"
    first = quantity(low, unit, language).removesuffix("%").rstrip("\u00a0 ")
    first = first.removesuffix("kr").rstrip("\u00a0 ")
    join = {"sv": "till", "en": "to"}[language]
    return f"{first} {join} {quantity(high, unit, language)}"


def label(section: str, code: str, language: str) -> str:
    """The word for a code; codes that were merged are joined, a code without a word is spaced.

    >>> label("causes", "self_sufficiency", "sv")
    'egen försörjning'
    >>> label("causes", "moved+deceased", "en")
    'moved and deceased'
    >>> label("causes", "left_country", "en")
    'left country'
    """
    parts = code.split("+") if "+" in code.strip("+") else [code]
    if len(parts) > MANY_PARTS:
        return text("words", "others", language, count=len(parts))
    words = [
        text(section, part, language) if has_text(section, part) else part.replace("_", " ")
        for part in parts
    ]
    joint = f" {text('words', 'and', language)} "
    return joint.join(filter(None, [", ".join(words[:-1]), words[-1]]))


def part_label(dimension: str, level: str, period: str, language: str) -> str:
    """What a part of the whole is called, or a calendar period; empty for the whole.

    >>> part_label("reason", "work", "", "sv"), part_label("window", "1-12", "", "en")
    ('arbete', 'months 1–12')
    >>> part_label("", "", "2013Q3", "sv"), part_label("start", "from", "2020-03", "en")
    ('kv 3 2013', 'started in March 2020 or later')
    >>> part_label("window", "-6--1", "", "sv"), part_label("months", "6-12", "", "en")
    ('månad −6 till −1', 'from 6 to 12 months')
    >>> part_label("transition", "sick_leave>studies", "", "en")
    'sick leave to studies'
    """
    if dimension == "start":
        return text("words", f"start_{level}", language, month=period_label(period, language))
    if not level:
        return period_label(period, language) or dimension
    # Protected texts that a spreadsheet would take for a formula begin with an apostrophe.
    code = level.removeprefix("'")
    if dimension == "window" and (ends := re.fullmatch(r"(-?\d+)-(-?\d+)", code)):
        first, last = (number(int(end), language) for end in ends.groups())
        # A dash beside a minus sign cannot be read.
        key = "months_window" if int(ends[1]) >= 0 else "months_window_to"
        return text("words", key, language, first=first, last=last)
    if dimension == "months" and (ends := re.fullmatch(r"(\d+)-(\d+)", code)):
        return text("words", "months_apart", language, first=ends[1], last=ends[2])
    if dimension == "months_since_closure" and "+" in code:
        first, last = (_band(each, language) for each in code.split("+"))
        return text("words", "bands_apart", language, first=first, last=last)
    if dimension in (
        "months_on_support",
        "followed_months",
        "months_since_closure",
        "months_since_start",
    ):
        return text("words", dimension, language, band=_band(code, language))
    if dimension == "children":
        return text("words", "children_of", language, band=_band(code, language))
    if dimension == "transition" and ">" in code:
        start, then = (label("plans", each, language) for each in code.split(">", 1))
        return text("words", "from_to", language, start=start, then=then)
    return label(_LEVEL_SECTIONS.get(dimension, dimension), code, language)


def part_labels(rows: pd.DataFrame, language: str) -> list[str]:
    """What the part of each row is called."""
    periods = rows["period"] if "period" in rows else [""] * len(rows)
    return [
        part_label(*each, language)
        for each in zip(rows["dimension"], rows["level"], periods, strict=True)
    ]


def period_label(period: str, language: str) -> str:
    """A calendar month, quarter, half-year or year in words.

    >>> period_label("2020-03", "en"), period_label("2019H2", "en"), period_label("2019", "sv")
    ('March 2020', 'half-year 2, 2019', '2019')
    """
    found = re.fullmatch(r"(\d{4})([QH-])(\d{1,2})", period.upper())
    if not found:
        return period
    year, kind, part = found.groups()
    if kind == "-":
        return month_name(date(int(year), int(part), 1), language)
    return text("words", {"Q": "quarter", "H": "half_year"}[kind], language, year=year, part=part)


def _band(code: str, language: str) -> str:
    """A span of months: ``6-12`` as 6–12, ``61-`` as over 60, ``13-60+61-`` as 13 and more."""
    first, last = re.split(r"[-+]", code)[0], code.rpartition("-")[2]
    if not last and "+" not in code:
        return text("words", "over", language, low=int(first) - 1)
    return f"{first}–{last}" if last != first else first


def row_label(row: pd.Series, language: str) -> str:
    """The words that tell a row from the others of its metric: group, part and cause.

    >>> row = {"group": "control", "dimension": "", "level": "", "period": "", "cause": "moved"}
    >>> row_label(pd.Series(row), "en")
    'control group, moved'
    """
    words = [
        label("groups", row["group"], language) if row["group"] else "",
        part_label(row["dimension"], row["level"], row["period"], language),
        label("causes", row["cause"], language) if row["cause"] else "",
    ]
    return ", ".join(word for word in words if word)


def signed_money(value: float, language: str) -> str:
    """A difference in words: how many kronor less or more.

    >>> signed_money(-1200, "en"), signed_money(0, "sv")
    ('1,200 kronor less', 'ingen skillnad')
    """
    if value == 0:
        return text("words", "no_difference", language)
    direction = text("words", "less" if value < 0 else "more", language)
    amount = number(abs(value), language)
    return text("words", "signed_amount", language, amount=amount, direction=direction)


def joined(words: list[str], language: str) -> str:
    """Words as in a sentence.

    >>> joined(["a", "b", "c"], "en")
    'a, b and c'
    """
    joint = f" {text('words', 'and', language)} "
    return joint.join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
