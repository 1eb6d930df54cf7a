"""Parts and their totals: over parties, years, quarters, bands of time, municipalities.

A total is recognised by its words ("Totalt", "all", ``budget_total``), its parts by standing in
the same table, or the same source, with the same other labels. A figure that breaks its row and
its column by the same amount is named as the cell to blame, instead of the two sums.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from hfclaims.printed_values import Check, Claim, claims_by, ids, is_total, told

DIMENSIONS = ("municipality", "group", "at")
QUARTER = re.compile(r"(\d{4}) ?[QK]([1-4])")
YEAR = re.compile(r"\d{4}")
QUARTERS = 4
TOTAL = "\0total"
COUNTRY = "SE"

Spot = tuple[tuple[str, str, str], Claim]


@dataclass(frozen=True)
class Equation:
    """One printed total and its printed parts over one dimension.

    ``residual`` is total − sum of parts, ``slack`` what rounding may do to it. ``agrees`` is None
    where a part is not in the file and the others do not exceed the total.
    """

    total: Claim
    parts: tuple[Claim, ...]
    dimension: str
    residual: Fraction
    slack: Fraction
    agrees: bool | None


def check_sums(claims: Sequence[Claim]) -> Iterator[Check]:
    """Parts sum to their total; where one cell explains what does not, the cell is named."""
    equations = build_equations(claims)
    pinned = pin_cells(equations)
    explained = {id(each) for _, _, broken in pinned for each in broken}
    for cell, change, broken in pinned:
        yield _cell_check(cell, change, broken)
    for equation in equations:
        if id(equation) not in explained:
            yield _sum_check(equation)


def base_metric(claim: Claim) -> str:
    """What a total and its parts have in common: the metric without ``_total``."""
    return claim.metric.removesuffix("_total")


def coordinates(claim: Claim) -> tuple[str, str, str]:
    """Where in its table a figure stands: municipality, group, time; totals by one mark."""
    place = [
        TOTAL if is_total(getattr(claim, name)) else getattr(claim, name).strip(" :")
        for name in DIMENSIONS
    ]
    if claim.metric.endswith("_total") and TOTAL not in place[2:]:
        for position in (2, 1):
            if not place[position]:
                place[position] = TOTAL
                break
    return tuple(place)


def build_equations(claims: Sequence[Claim]) -> list[Equation]:
    """Every total that has at least two parts in the file, over each of its dimensions."""
    additive = [each for each in claims if each.is_additive]
    cities = defaultdict(set)
    for each in claims:
        if not is_total(each.municipality) and each.municipality not in ("", COUNTRY):
            cities[each.source].add(each.municipality)
    tables = defaultdict(list)
    for each in additive:
        tables[each.source, base_metric(each), each.unit].append((coordinates(each), each))
    found = []
    for (source, _, _), rows in sorted(tables.items(), key=lambda item: item[0]):
        for axis in range(len(DIMENSIONS)):
            found += _along(axis, rows, cities[source])
    return found


def _along(axis: int, rows: list[Spot], cities: set[str]) -> Iterator[Equation]:
    """The equations of one table over one dimension, each line of it by itself."""
    lines = defaultdict(list)
    words: dict[str, set[str]] = defaultdict(set)
    for spot, each in rows:
        lines[spot[:axis] + spot[axis + 1 :]].append((spot[axis], each))
        words[each.place].add(spot[axis])
    everywhere = set().union(*words.values())
    for line in lines.values():
        near = claims_by((each for _, each in line), "place")
        for label, total in line:
            is_near = len(near[total.place,]) > 1
            pool = [(w, each) for w, each in line if each.place == total.place or not is_near]
            parts = list(_parts(label, pool))
            if len(parts) < 2 or len(dict(parts)) < len(parts):
                continue
            scope = words[total.place] if is_near else everywhere
            expected = cities if axis == 0 else _summed(label, scope)
            partial = bool(expected - set(dict(parts)))
            if label != TOTAL:
                partial = len(parts) < QUARTERS
            yield _equation(total, dict(parts), DIMENSIONS[axis], partial)


def _parts(label: str, pool: list[tuple[str, Claim]]) -> Iterator[tuple[str, Claim]]:
    """What a label sums over: all labels for the total, the quarters for a year."""
    if label != TOTAL and not YEAR.fullmatch(label):
        return
    words = _summed(label, {word for word, _ in pool})
    yield from ((word, each) for word, each in pool if word in words)


def _summed(label: str, words: set[str]) -> set[str]:
    year_of = {word: match[1] for word in words if (match := QUARTER.fullmatch(word))}
    if label != TOTAL:
        return {word for word, year in year_of.items() if year == label}
    return {word for word in words if word != TOTAL and year_of.get(word) not in words}


def _equation(total: Claim, parts: dict[str, Claim], dimension: str, partial: bool) -> Equation:
    claims = tuple(parts.values())
    residual = total.value - sum(each.value for each in claims)
    slack = total.spread + sum(each.spread for each in claims)
    agrees: bool | None = abs(residual) <= slack
    if not agrees and partial and residual > 0 and min(each.value for each in claims) >= 0:
        agrees = None
    return Equation(total, claims, dimension, residual, slack, agrees)


def pin_cells(equations: Sequence[Equation]) -> list[tuple[Claim, Fraction, list[Equation]]]:
    """Cells that alone explain two or more broken sums: the cell, what it lacks, the sums.

    A cell is to blame when every sum that it is in is broken by the same amount, and no other
    cell would mend the same sums.
    """
    of_cell: dict[str, list[tuple[Equation, int]]] = defaultdict(list)
    cells: dict[str, Claim] = {}
    for equation in equations:
        members = [(equation.total, -1), *((each, 1) for each in equation.parts)]
        for claim, sign in members if equation.agrees is not None else ():
            of_cell[claim.claim_id].append((equation, sign))
            cells[claim.claim_id] = claim
    suspects = defaultdict(list)
    for name, places in of_cell.items():
        changes = [sign * equation.residual for equation, sign in places]
        slack = max(equation.slack for equation, _ in places)
        if len(places) < 2 or any(equation.agrees for equation, _ in places):
            continue
        if max(changes) - min(changes) <= slack:
            broken = frozenset(id(equation) for equation, _ in places)
            suspects[broken].append((cells[name], changes[0], [e for e, _ in places]))
    return [lone[0] for lone in suspects.values() if len(lone) == 1]


_LINES_SV = {"municipality": "kommunerna", "group": "grupperna", "at": "perioderna"}
_LINES_EN = {"municipality": "the municipalities", "group": "the groups", "at": "the periods"}


def _sum_check(equation: Equation) -> Check:
    total, dimension = equation.total, equation.dimension
    exact = total.value - equation.residual
    number = len(equation.parts)
    sv = f"Summan över {_LINES_SV[dimension]} ({number} delar) är {told(exact, total, 'sv')}"
    en = f"The sum over {_LINES_EN[dimension]} ({number} parts) is {told(exact, total, 'en')}"
    if equation.agrees:
        sv, en = f"{sv}, som tryckt.", f"{en}, as printed."
    elif equation.agrees is None:
        sv = f"{sv} av {told(total.value, total, 'sv')}; någon del saknas i underlaget."
        en = f"{en} of {told(total.value, total, 'en')}; some part is not in the file."
    else:
        sv = f"{sv}, inte {told(total.value, total, 'sv')}."
        en = f"{en}, not {told(total.value, total, 'en')}."
    others = ids(equation.parts)
    return Check(total, f"sum_over_{dimension}", equation.agrees, sv, en, exact, others)


def _cell_check(cell: Claim, change: Fraction, broken: list[Equation]) -> Check:
    right = cell.value + change
    label = ", ".join(each for each in (cell.group, cell.at) if each)
    numbers = {
        lang: [told(each, cell, lang) for each in (cell.value, abs(change), right)]
        for lang in ("sv", "en")
    }
    less = change > 0
    lines = len(broken)
    both = ("sin rad och sin kolumn", "its row and its column")
    where = both if lines == 2 else (f"sina {lines} summor", f"its {lines} sums")
    sv = "{}: {} är {} för {} för {}; med {} stämmer de.".format(
        label, *numbers["sv"][:2], "litet" if less else "stort", where[0], numbers["sv"][2]
    )
    en = "{}: {} is {} too {} for {}; with {} they add up.".format(
        label, *numbers["en"][:2], "small" if less else "large", where[1], numbers["en"][2]
    )
    lines_of = [each.parts if each.total is cell else (each.total,) for each in broken]
    others = ids(claim for line in lines_of for claim in line)
    return Check(cell, "cell", False, sv, en, right, others)
