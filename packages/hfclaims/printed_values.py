"""Printed figures as exact numbers: what was printed, to which digit, and how it is told.

Everything is a fraction of whole numbers, so that a figure exactly half a digit away is told
apart from one just beyond it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import pandas as pd

from hfclaims.numbers import Interval, shown

TOTAL_WORDS = {"all", "alla", "samtliga", "sum", "summa", "total", "totals", "totalt"}
TOTAL_WORDS |= {"all parties", "alla parter"}
COUNTED = {"families", "households", "clients", "cases", "workers"}
COUNTED |= {"persons", "adults", "children", "women", "men"}
ABOUT = re.compile(
    r"\b(about|almost|approximately|around|roughly|nearly|just over|just under|circa|ca"
    r"|cirka|ungefär|omkring|knappt|drygt)\b",
    re.IGNORECASE,
)
CHANGE = re.compile(r"(\w+?)_(increase|decrease)(?:_\w+)?")
ABOUT_SHARE = Fraction(1, 20)
ROUND_FROM = 100_000
ROUND_DIGITS = 3


@dataclass(frozen=True)
class Claim:
    """One printed figure (or a list of them) with everything that says what it is.

    ``half`` is half of the last printed digit, 0 for what is counted in whole persons or cases.
    ``loose`` is how far off the figure may be where its zeros or its words ("about") say that it
    was rounded harder than it was printed.
    """

    claim_id: str
    source: str
    place: str
    municipality: str
    metric: str
    group: str
    at: str
    unit: str
    period: str
    note: str
    values: tuple[Fraction, ...]
    half: Fraction
    loose: Fraction
    numerator: Fraction | None
    denominator: Fraction | None
    product: str

    @property
    def value(self) -> Fraction:
        """The figure; of a list, its first."""
        return self.values[0]

    @property
    def is_list(self) -> bool:
        """Whether several figures stand in the one cell."""
        return len(self.values) > 1

    @property
    def is_share(self) -> bool:
        """Whether the figure is a share of something."""
        return self.unit.startswith(("percent", "share"))

    @property
    def whole(self) -> Fraction:
        """What all shares sum to in the figure's unit: 100 percent, or 1."""
        return Fraction(100 if self.unit.startswith("percent") else 1)

    @property
    def is_counted(self) -> bool:
        """Whether the figure counts whole persons, households or cases."""
        return self.unit.split(" ")[0] in COUNTED

    @property
    def is_additive(self) -> bool:
        """Whether parts of the figure sum to it: counts and sums of money, no means or rates."""
        single = not self.is_list and not self.metric.startswith(("mean_", "min_", "max_"))
        money = self.unit == "SEK" and not CHANGE.fullmatch(self.metric)
        return single and (self.is_counted or money)

    @property
    def spread(self) -> Fraction:
        """How far the true figure may be from the printed one."""
        return max(self.half, self.loose if ABOUT.search(self.note) else Fraction(0))

    def within(self, slack: Fraction) -> Interval:
        """The interval of what may have been printed so."""
        return self.value - slack, self.value + slack


@dataclass(frozen=True)
class Check:
    """One claim held against one rule; ``agrees`` is None where it cannot be decided."""

    claim: Claim
    rule: str
    agrees: bool | None
    sv: str
    en: str
    recomputed: Fraction | None = None
    others: tuple[str, ...] = ()


def build_claims(claims: pd.DataFrame) -> list[Claim]:
    """The rows of a typed claims frame as claims, in the order of their ids."""
    rows = claims.sort_values("claim_id", kind="stable").to_dict("records")
    zeros: dict[tuple, int] = {}
    for row in rows:
        key = (row["source"], row["metric"], row["unit"])
        zeros[key] = min(zeros.get(key, 99), _rounded_zeros(row["printed"]))
    return [_build_claim(row, zeros[row["source"], row["metric"], row["unit"]]) for row in rows]


def _build_claim(row: dict, zeros: int) -> Claim:
    printed = row["printed"].split(";")
    values = tuple(Fraction(each) for each in printed)
    digits = max(len(each.partition(".")[2]) for each in printed)
    exact = row["unit"].split(" ")[0] in COUNTED and not digits
    about = ABOUT_SHARE * abs(values[0]) if ABOUT.search(row["note"]) else Fraction(0)
    texts = ("claim_id", "source", "place", "municipality", "metric", "group", "at", "unit")
    return Claim(
        **{name: row[name] for name in (*texts, "period", "note", "product")},
        values=values,
        half=Fraction(0) if exact else Fraction(1, 2 * 10**digits),
        loose=max(about, Fraction(10**zeros, 2)),
        numerator=_maybe(row["numerator"]),
        denominator=_maybe(row["denominator"]),
    )


def _maybe(number: float) -> Fraction | None:
    return None if pd.isna(number) else Fraction(str(number))


def _rounded_zeros(printed: str) -> int:
    """How many zeros at the end of a large figure say that it was rounded there."""
    digits = printed.lstrip("-")
    if not digits.isdigit() or int(digits) < ROUND_FROM:
        return 0
    kept = digits.rstrip("0")
    return len(digits) - len(kept) if len(kept) <= ROUND_DIGITS else 0


def is_total(label: str) -> bool:
    """Whether a label names all of its dimension together.

    >>> is_total("Totalt:"), is_total("HASKY")
    (True, False)
    """
    return label.strip(" :").casefold() in TOTAL_WORDS


def ids(claims: Iterable[Claim]) -> tuple[str, ...]:
    """The ids of some claims, each once, in order."""
    return tuple(sorted({each.claim_id for each in claims}))


def digits_of(claim: Claim) -> int:
    """How many decimals the claim was printed with."""
    half = claim.half or Fraction(1, 2)
    return max(0, len(str(1 / (2 * half))) - 1)


def told(value: Fraction, claim: Claim, language: str, finer: bool = False) -> str:
    """A number in the claim's unit with its printed decimals.

    ``finer``: one decimal for what is not whole and was printed without any.
    """
    digits = digits_of(claim)
    if finer and not digits and value.denominator > 1:
        digits = 1
    number = shown(value, language, digits)
    if claim.unit.startswith("percent"):
        return f"{number}\xa0%"
    if claim.unit.startswith("SEK"):
        return f"{number}\xa0{'kr' if language == 'sv' else 'SEK'}"
    return number


def claims_by(claims: Iterable[Claim], *names: str) -> dict[tuple, list[Claim]]:
    """Claims that have the same words, by those words."""
    found = defaultdict(list)
    for claim in claims:
        found[tuple(getattr(claim, name) for name in names)].append(claim)
    return found


def only(values: Iterable[Fraction | None]) -> Fraction | None:
    """The one value that all agree on, or None."""
    known = {each for each in values if each is not None}
    return known.pop() if len(known) == 1 else None
