"""Shares and counts held against each other: numerators, denominators, categories, repeats.

Each rule takes all claims and yields checks, and finds what it applies to by the claims' words
and numbers alone. Which claims stand in the list, and in which order, does not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, floor

from hfclaims.numbers import overlap, shown
from hfclaims.printed_values import Check, Claim, claims_by, ids, is_total, only, told

MAX_FITS = 3
_SAME = ("metric", "municipality", "group", "at")


def check_shares(claims: Sequence[Claim]) -> Iterator[Check]:
    """Numerator / denominator is the printed share, to its last printed digit.

    Where the row has no counts of its own they come from the same figure in another source, from
    the count of the same name (``share_x`` and ``x``), or from the total of that municipality and
    time. With a denominator alone, some whole numerator must give the share (Brown & Heathers
    2017, the GRIM test).
    """
    twins = claims_by((each for each in claims if not each.is_list), *_SAME)
    totals = claims_by(
        (each for each in claims if is_total(each.group) and each.is_counted),
        "source",
        "municipality",
        "at",
    )
    for claim in claims:
        if not claim.is_share or claim.is_list:
            continue
        same = twins[tuple(getattr(claim, name) for name in _SAME)]
        stem = claim.metric.removeprefix("share_")
        counts = twins.get((stem, claim.municipality, claim.group, claim.at), [])
        wholes = totals.get((claim.source, claim.municipality, claim.at), [])
        named = [each for each in wholes if each.metric == stem] or wholes
        numerator, top = _found(claim.numerator, same, "numerator", counts)
        denominator, bottom = _found(claim.denominator, same, "denominator", named)
        if numerator is not None and denominator:
            yield _share(claim, numerator, denominator, ids([*top, *bottom]))
        elif denominator and denominator.denominator == 1:
            yield from _whole_share(claim, denominator)


def _found(
    own: Fraction | None, same: list[Claim], name: str, counts: list[Claim]
) -> tuple[Fraction | None, list[Claim]]:
    """A count of the row itself, of the same figure elsewhere, or of a claim that counts it."""
    if own is not None:
        return own, []
    having = [each for each in same if getattr(each, name) is not None]
    value = only(getattr(each, name) for each in having)
    if value is not None:
        return value, having
    counted = [each for each in counts if each.is_counted]
    value = only(each.value for each in counted)
    return value, counted if value is not None else []


def _share(claim: Claim, top: Fraction, bottom: Fraction, others: tuple[str, ...]) -> Check:
    exact = claim.whole * top / bottom
    agrees = abs(exact - claim.value) <= claim.spread
    parts = {
        lang: (shown(top, lang), shown(bottom, lang), told(exact, claim, lang, finer=True))
        for lang in ("sv", "en")
    }
    printed = {lang: told(claim.value, claim, lang) for lang in ("sv", "en")}
    sv = "{} av {} är {}".format(*parts["sv"])
    en = "{} of {} is {}".format(*parts["en"])
    if agrees:
        sv, en = f"{sv}, tryckt {printed['sv']}.", f"{en}, printed as {printed['en']}."
    else:
        sv = f"{sv}, inte {printed['sv']}. {_fits(claim, top, bottom, 'sv')}"
        en = f"{en}, not {printed['en']}. {_fits(claim, top, bottom, 'en')}"
    return Check(claim, "share", agrees, sv, en, exact, others)


def _fits(claim: Claim, top: Fraction, bottom: Fraction, language: str) -> str:
    """Which other denominator, or numerator, would give the printed share."""
    low, high = claim.within(claim.half)
    unders = _whole_numbers(claim.whole * top / high, claim.whole * top / low) if low > 0 else []
    overs = _whole_numbers(low * bottom / claim.whole, high * bottom / claim.whole)
    sv, en = [], []
    if 0 < len(unders) <= MAX_FITS:
        listed = ", ".join(map(str, unders))
        sv.append(f"nämnaren {listed}")
        en.append(f"the denominator {listed}")
    if 0 < len(overs) <= MAX_FITS:
        listed = ", ".join(map(str, overs))
        sv.append(f"täljaren {listed}")
        en.append(f"the numerator {listed}")
    if not sv:
        return (
            "Inget litet fel i antalen förklarar det."
            if language == "sv"
            else ("No other whole count explains it.")
        )
    if language == "sv":
        return f"Det tryckta talet fås med {' eller med '.join(sv)}."
    return f"The printed figure needs {' or '.join(en)}."


def _whole_numbers(low: Fraction, high: Fraction) -> list[int]:
    return list(range(max(ceil(low), 1), min(floor(high), ceil(low) + MAX_FITS + 1) + 1))


def _whole_share(claim: Claim, bottom: Fraction) -> Iterator[Check]:
    """Whether any whole number of the denominator gives the share, where that says something."""
    if claim.whole / bottom <= 2 * claim.half:
        return
    nearest = Fraction(round(claim.value * bottom / claim.whole))
    exact = claim.whole * nearest / bottom
    agrees = abs(exact - claim.value) <= claim.spread
    sv = f"{told(claim.value, claim, 'sv')} av {bottom} "
    en = f"{told(claim.value, claim, 'en')} of {bottom} "
    if agrees:
        sv += f"motsvarar {nearest} ({told(exact, claim, 'sv', finer=True)})."
        en += f"is what {nearest} would give ({told(exact, claim, 'en', finer=True)})."
    else:
        sv += (
            f"går inte: närmaste hela antal, {nearest}, ger {told(exact, claim, 'sv', finer=True)}."
        )
        en += f"cannot be: the nearest whole number, {nearest}, gives "
        en += f"{told(exact, claim, 'en', finer=True)}."
    yield Check(claim, "share_of_whole_number", agrees, sv, en, exact)


def check_counts(claims: Sequence[Claim]) -> Iterator[Check]:
    """A count that repeats its numerator is that numerator, and no more than its denominator."""
    for claim in claims:
        if claim.is_share or claim.is_list or claim.numerator is None:
            continue
        top, bottom = claim.numerator, claim.denominator
        agrees = abs(top - claim.value) <= claim.half and (bottom is None or top <= bottom)
        sv = f"Antalet {shown(claim.value, 'sv')} mot täljaren {shown(top, 'sv')}"
        en = f"The count {shown(claim.value, 'en')} against the numerator {shown(top, 'en')}"
        if bottom is not None:
            sv, en = f"{sv} av {shown(bottom, 'sv')}", f"{en} of {shown(bottom, 'en')}"
        yield Check(claim, "count", agrees, f"{sv}.", f"{en}.", top)


def check_distributions(claims: Sequence[Claim]) -> Iterator[Check]:
    """Shares of all categories sum to 100 percent, give or take their rounding."""
    for claim in claims:
        if claim.is_share and claim.is_list:
            yield _distribution(claim, claim.values, len(claim.values) * claim.half, ())
    bands = defaultdict(set)
    for each in claims:
        if each.is_counted and not each.is_list:
            bands[each.source, each.municipality, each.metric, each.at].add(each.group)
    shares = [each for each in claims if each.is_share and not each.is_list]
    for key, rows in claims_by(shares, "source", "place", "municipality", "metric", "at").items():
        parts = [each for each in rows if not is_total(each.group)]
        counted = bands[key[0], key[2], key[3].removeprefix("share_"), key[4]]
        if len(parts) < 2 or len({each.unit for each in parts}) > 1:
            continue
        if _covers(parts, counted):
            values = [each.value for each in parts]
            slack = sum(each.spread for each in parts)
            yield _distribution(parts[0], values, slack, ids(parts[1:]))


def _covers(parts: list[Claim], counted: set[str]) -> bool:
    """Whether the parts are all there are: by the table of their counts, or by their counts."""
    categories = {group for group in counted if not is_total(group)}
    if len(categories) < len(counted) and categories == {each.group for each in parts}:
        return True
    bottoms = {each.denominator for each in parts}
    tops = [each.numerator for each in parts]
    return None not in tops and len(bottoms) == 1 and sum(tops) == bottoms.pop()


def _distribution(
    claim: Claim, values: Sequence[Fraction], slack: Fraction, others: tuple[str, ...]
) -> Check:
    total = sum(values, Fraction(0))
    agrees = abs(total - claim.whole) <= slack
    sv = f"De {len(values)} andelarna blir tillsammans {told(total, claim, 'sv')}."
    en = f"The {len(values)} shares make {told(total, claim, 'en')} together."
    return Check(claim, "distribution", agrees, sv, en, total, others)


def check_repeats(claims: Sequence[Claim]) -> Iterator[Check]:
    """The same figure printed in two sources is the same figure."""
    single = (each for each in claims if not each.is_list)
    for rows in claims_by(single, *_SAME, "unit").values():
        sources = claims_by(rows, "source")
        lone = [each[0] for _, each in sorted(sources.items()) if len(each) == 1]
        periods = {each.period for each in lone} - {""}
        if len(lone) < 2 or len(periods) > 1:
            continue
        first = min(lone, key=lambda each: each.claim_id)
        for other in sorted(lone, key=lambda each: each.claim_id):
            if other is first:
                continue
            agrees = overlap(first.within(first.spread), other.within(other.spread))
            pair = {
                lang: (told(first.value, first, lang), told(other.value, other, lang))
                for lang in ("sv", "en")
            }
            sv = "Samma uppgift i två källor: {} och {}.".format(*pair["sv"])
            en = "The same figure in two sources: {} and {}.".format(*pair["en"])
            yield Check(other, "repeated", agrees, sv, en, first.value, (first.claim_id,))
