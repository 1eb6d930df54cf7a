"""Budgets over time: stated increases, the months that a sum covers, and posts by the month.

A budget's months come from the dates that its section prints, else from its money: the total
divided by a twelfth of a whole year's cell.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from hfclaims.numbers import Days, months_between, read_period, shown
from hfclaims.printed_values import CHANGE, Check, Claim, ids, is_total, told
from hfclaims.sum_checks import TOTAL, YEAR, base_metric, coordinates

DATED = re.compile(r"\d{4}(?:-\d{2}){0,2}/\d{4}(?:-\d{2}){0,2}")
NEARLY_WHOLE = Fraction(1, 20)
WORD_START = 8


@dataclass
class Section:
    """One printed budget: its dates, its totals by party, its cells by party and year."""

    source: str
    place: str
    metric: str
    days: Days | None = None
    totals: dict[str, Claim] = field(default_factory=dict)
    cells: dict[str, dict[int, Claim]] = field(default_factory=lambda: defaultdict(dict))

    def months(self, party: str) -> Fraction | None:
        """How many months the party's total covers: by the dates, else by the money."""
        if self.days:
            return months_between(*self.days) or None
        rate = self.rate(party)
        return _whole_or_half(self.totals[party].value / rate) or None if rate else None

    def rate(self, party: str) -> Fraction | None:
        """What the party pays a month in the years between the first and the last, if the same."""
        years = self.cells.get(party, {})
        inner = [years[year].value for year in years if min(years) < year < max(years)]
        return inner[0] / 12 if inner and len(set(inner)) == 1 and inner[0] > 0 else None


def _whole_or_half(months: Fraction) -> Fraction | None:
    nearest = Fraction(round(2 * months), 2)
    return nearest if abs(months - nearest) <= NEARLY_WHOLE else None


def build_sections(claims: Sequence[Claim]) -> list[Section]:
    """The budgets of the file: tables of money with one total a party."""
    found: dict[tuple, Section] = {}
    for claim in claims:
        if claim.unit != "SEK" or not claim.is_additive:
            continue
        key = (claim.source, claim.place, base_metric(claim))
        section = found.setdefault(key, Section(*key))
        dated = DATED.search(claim.place)
        section.days = section.days or read_period(dated[0] if dated else claim.period)
        _, party, at = coordinates(claim)
        if at == TOTAL:
            section.totals[party] = claim
        elif YEAR.fullmatch(at):
            section.cells[party][int(at)] = claim
    return [each for each in found.values() if each.totals]


def check_changes(claims: Sequence[Claim]) -> Iterator[Check]:
    """A stated increase is the difference of two budgets, and both cover the same months."""
    sections = build_sections(claims)
    for claim in claims:
        match = CHANGE.fullmatch(claim.metric)
        if not match or claim.is_list or claim.unit != "SEK":
            continue
        sign = -1 if match[2] == "decrease" else 1
        near = [each for each in sections if each.source == claim.source]
        near = [each for each in near if each.metric == match[1]]
        pair = _pair(claim, near)
        parties = _parties(claim, *pair) if pair else []
        if parties:
            yield from _change(claim, *pair, parties, sign)


def _pair(claim: Claim, sections: list[Section]) -> tuple[Section, Section] | None:
    """The new budget, whose heading begins as the claim's, and the one other of its source."""
    new = [each for each in sections if each.place.startswith(claim.place)]
    old = [each for each in sections if not each.place.startswith(claim.place)]
    return (new[0], old[0]) if len(new) == 1 and len(old) == 1 else None


def _parties(claim: Claim, new: Section, old: Section) -> list[str]:
    if is_total(claim.group) or not claim.group:
        named = sorted(set(new.totals) - {TOTAL})
        return named if set(named) & set(old.totals) else []
    return [claim.group] if claim.group in new.totals and claim.group in old.totals else []


def _change(
    claim: Claim, new: Section, old: Section, parties: list[str], sign: int
) -> Iterator[Check]:
    shared = [party for party in parties if party in old.totals]
    later = sum(new.totals[party].value for party in parties)
    earlier = sum(old.totals[party].value for party in shared)
    exact = sign * (later - earlier)
    others = ids([*(new.totals[each] for each in parties), *(old.totals[each] for each in shared)])
    agrees = abs(exact - claim.value) <= claim.spread + Fraction(len(parties) + len(shared), 2)
    terms = {lang: (shown(later, lang), shown(earlier, lang)) for lang in ("sv", "en")}
    sv = "{} − {} är {} kr".format(*terms["sv"], shown(sign * exact, "sv"))
    en = "{} − {} is {} SEK".format(*terms["en"], shown(sign * exact, "en"))
    sv += "." if agrees else f", inte {told(claim.value, claim, 'sv')}."
    en += "." if agrees else f", not {told(claim.value, claim, 'en')}."
    yield Check(claim, "difference", agrees, sv, en, exact, others)
    yield from _unequal(claim, new, old, parties, sign, others)


def _unequal(
    claim: Claim,
    new: Section,
    old: Section,
    parties: list[str],
    sign: int,
    others: tuple[str, ...],
) -> Iterator[Check]:
    """Whether the two budgets cover the same months, and the difference if they did."""
    shared = [party for party in parties if party in old.totals]
    lengths = {(new.months(party), old.months(party)) for party in shared}
    if len(lengths) != 1 or None in (pair := next(iter(lengths))):
        return
    now, before = pair
    common = min(now, before)
    later = sum(new.totals[party].value for party in parties) * common / now
    earlier = sum(old.totals[party].value for party in shared) * common / before
    fair = sign * (later - earlier)
    agrees = now == before
    months = {
        lang: [shown(each, lang, each.denominator > 1) for each in (now, before, common)]
        for lang in ("sv", "en")
    }
    if agrees:
        sv = f"Båda budgetarna gäller {months['sv'][0]} månader."
        en = f"Both budgets cover {months['en'][0]} months."
    else:
        sv = "{} kr jämför {} månader med {}. Över lika många månader ({}) är det {} kr.".format(
            shown(claim.value, "sv"), *months["sv"], shown(fair, "sv")
        )
        en = "{} SEK compares {} months with {}. Over as many months ({}) it is {} SEK.".format(
            shown(claim.value, "en"), *months["en"], shown(fair, "en")
        )
    yield Check(claim, "equal_periods", agrees, sv, en, fair, others)


def check_months_paid(claims: Sequence[Claim]) -> Iterator[Check]:
    """A dated budget pays for no more months of its first and last year than it has there.

    Only parties that pay by the month are held to it: whole or half months, exactly, at the rate
    of the years between.
    """
    for section in build_sections(claims):
        if not section.days:
            continue
        steady = [party for party in section.cells if party != TOTAL and _is_steady(section, party)]
        for year in _edge_years(section):
            rows = [
                (section.cells[party][year], section.rate(party))
                for party in sorted(steady)
                if year in section.cells[party]
            ]
            if rows:
                yield _paid(section, year, rows)


def _edge_years(section: Section) -> list[int]:
    first, last = section.days
    return sorted({first.year, (last - timedelta(days=1)).year})


def _is_steady(section: Section, party: str) -> bool:
    rate = section.rate(party)
    edges = [section.cells[party].get(year) for year in _edge_years(section)]
    return bool(rate) and all(
        each is None or abs(each.value - rate * _nearest_half(each.value / rate)) <= each.half
        for each in edges
    )


def _nearest_half(months: Fraction) -> Fraction:
    return Fraction(round(2 * months), 2)


def _paid(section: Section, year: int, rows: list[tuple[Claim, Fraction]]) -> Check:
    first, last = section.days
    has = months_between(max(first, date(year, 1, 1)), min(last, date(year + 1, 1, 1)))
    paid = {claim.claim_id: _nearest_half(claim.value / rate) for claim, rate in rows}
    over = [(claim, rate) for claim, rate in rows if paid[claim.claim_id] > has]
    agrees = not over
    claim, rate = max(over or rows, key=lambda row: row[0].value)
    months = paid[claim.claim_id]
    names = ", ".join(each.group for each, _ in over or rows)
    told_sv, told_en = (
        [shown(each, lang, each.denominator > 1) for each in (months, has)] for lang in ("sv", "en")
    )
    sv = (
        "{}: beloppen för {} räcker till {} månader i de hela årens takt; perioden har {} "
        "månader det året.".format(names, year, *told_sv)
    )
    en = (
        "{}: the sums of {} pay for {} months at the rate of the whole years; the period has {} "
        "months in that year.".format(names, year, *told_en)
    )
    others = ids(each for each, _ in over or rows if each is not claim)
    return Check(claim, "months_paid", agrees, sv, en, rate * min(months, has), others)


def check_monthly_costs(claims: Sequence[Claim]) -> Iterator[Check]:
    """A budget cell of a party is a whole or half number of months of that party's posts."""
    costs = defaultdict(list)
    for claim in claims:
        if claim.unit == "SEK/month" and "cost" in claim.metric and not claim.is_list:
            costs[claim.source, _words(claim.group)].append(claim)
    for section in build_sections(claims):
        for party, years in section.cells.items():
            known = costs.get((section.source, _words(party)), [])
            if len(known) == 1 and known[0].value > 0:
                for _, cell in sorted(years.items()):
                    yield _monthly(cell, known[0])


def _words(label: str) -> frozenset[str]:
    """A label's words without order, case and ending: "Vårdcentralen X" is "X vårdcentral"."""
    return frozenset(word[:WORD_START] for word in re.findall(r"\w+", label.casefold()))


def _monthly(cell: Claim, cost: Claim) -> Check:
    months = _nearest_half(cell.value / cost.value)
    exact = months * cost.value
    agrees = True if abs(exact - cell.value) <= cell.half else None
    count = {lang: shown(months, lang, months.denominator > 1) for lang in ("sv", "en")}
    sv = f"{count['sv']} månader à {told(cost.value, cost, 'sv')} är {told(exact, cell, 'sv')}."
    en = f"{count['en']} months of {told(cost.value, cost, 'en')} are {told(exact, cell, 'en')}."
    return Check(cell, "monthly_cost", agrees, sv, en, exact, (cost.claim_id,))
