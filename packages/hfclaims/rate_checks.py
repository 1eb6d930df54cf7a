"""Products, sums per client and month, weighted means and figures scaled to the nation.

Each rule takes all claims and yields checks, and finds what it applies to by the claims' words
and numbers alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction

from hfclaims.numbers import Interval, overlap, read_factors, shown
from hfclaims.printed_values import Check, Claim, claims_by, ids, only, told

IMPLIED = re.compile(r"\bimplies (\d[\d \u00a0]{0,20})")
MONTHS = re.compile(r"([1-9]\d{0,2}) (?:months?|månader|mån)")
POPULATION = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?% of the population")
PARTED_MEAN = re.compile(r"(mean_\w+?)_to_(\w+)")
WHOLE_CAUSES = {"closure", "all", "any", "any_closure"}


def check_products(claims: Sequence[Claim]) -> Iterator[Check]:
    """The factors that stand beside a figure give it: salary × fees × posts."""
    for claim in claims:
        if not claim.product or claim.is_list:
            continue
        exact = Fraction(1)
        for factor in read_factors(claim.product):
            exact *= factor
        agrees = abs(exact - claim.value) <= claim.spread
        sv = f"{claim.product} är {told(exact, claim, 'sv')}"
        en = f"{claim.product} is {told(exact, claim, 'en')}"
        sv += "." if agrees else f", inte {told(claim.value, claim, 'sv')}."
        en += "." if agrees else f", not {told(claim.value, claim, 'en')}."
        yield Check(claim, "product", agrees, sv, en, exact)


def check_unit_costs(claims: Sequence[Claim]) -> Iterator[Check]:
    """A sum over clients and months is a rate, which the text may print and lengths may share."""
    rates = defaultdict(list)
    for claim in claims:
        months = MONTHS.fullmatch(claim.at)
        if not (months and claim.denominator and claim.unit == "SEK" and not claim.is_list):
            continue
        scale = claim.denominator * int(months[1])
        rate = claim.value / scale
        implied = IMPLIED.search(claim.note)
        agrees = None
        if implied:
            printed = Fraction(re.sub(r"\D", "", implied[1]))
            agrees = abs(rate - printed) <= Fraction(1, 2)
        sv = f"{shown(claim.value, 'sv')} kr på {claim.denominator} och {months[1]} månader är "
        en = f"{shown(claim.value, 'en')} SEK over {claim.denominator} and {months[1]} months is "
        sv += f"{shown(rate, 'sv')} kr per månad och styck."
        en += f"{shown(rate, 'en')} SEK a month for each."
        yield Check(claim, "per_unit", agrees, sv, en, rate)
        slack = max(claim.half, claim.loose) / scale
        key = (claim.source, claim.municipality, claim.metric, claim.group, claim.denominator)
        rates[key].append((claim, (rate - slack, rate + slack)))
    for rows in rates.values():
        yield from _same_rate(rows)


def _same_rate(rows: list[tuple[Claim, Interval]]) -> Iterator[Check]:
    first, interval = rows[0]
    for claim, other in rows[1:]:
        agrees = True if overlap(interval, other) else None
        middle = [sum(each) / 2 for each in (interval, other)]
        told_sv, told_en = ([shown(each, lang) for each in middle] for lang in ("sv", "en"))
        sv = "Per månad och styck {} kr i det ena måttet och {} kr i det andra".format(*told_sv)
        en = "A month and each {} SEK by the one figure and {} SEK by the other".format(*told_en)
        sv += ": lika inom avrundningen." if agrees else ": skillnaden är större än avrundningen."
        en += ": equal within rounding." if agrees else ": more apart than rounding explains."
        yield Check(claim, "same_rate", agrees, sv, en, middle[0], (first.claim_id,))


def check_weighted_means(claims: Sequence[Claim]) -> Iterator[Check]:
    """A mean over all closures lies where the means of its parts and their counts put it.

    Bounds are by interval arithmetic on the rounding of each printed mean. A mean outside them is
    no contradiction as long as closures of a further kind may exist; it is then told, undecided.
    """
    counts = {}
    for each in claims:
        if each.metric.startswith("share_closed_to_") and each.numerator is not None:
            cause = each.metric.removeprefix("share_closed_to_")
            counts[each.municipality, each.group, cause] = (each.numerator, each.denominator)
    single = [each for each in claims if not each.is_list and PARTED_MEAN.fullmatch(each.metric)]
    for rows in claims_by(single, "source", "municipality", "group", "at").values():
        named = {PARTED_MEAN.fullmatch(each.metric)[2]: each for each in rows}
        total = next((each for name, each in named.items() if name in WHOLE_CAUSES), None)
        parts = {name: each for name, each in named.items() if name not in WHOLE_CAUSES}
        if total is None or len(parts) < 2:
            continue
        known = {
            name: counts[total.municipality, total.group, name]
            for name in parts
            if counts.get((total.municipality, total.group, name), (None, None))[1]
        }
        yield _weighted(total, parts, known)


def _weighted(total: Claim, parts: dict[str, Claim], known: dict[str, tuple]) -> Check:
    every = only(bottom for _, bottom in known.values())
    if every is None:
        every, known = Fraction(1), {}
    left = every - sum(top for top, _ in known.values())
    bounds = _left_over(total, every, parts, known)
    others = ids(parts.values())
    rest = [each for name, each in parts.items() if name not in known]
    if not rest and left == 0:
        agrees = overlap(bounds, (Fraction(0), Fraction(0)))
        return _mean_check(total, agrees, bounds, others)
    if not rest or left <= 0:
        return _mean_check(total, None, bounds, others)
    needed = (bounds[0] / left, bounds[1] / left)
    hull = (min(e.value - e.half for e in rest), max(e.value + e.half for e in rest))
    return _mean_check(total, overlap(needed, hull) or None, needed, others)


def _left_over(
    total: Claim, every: Fraction, parts: dict[str, Claim], known: dict[str, tuple]
) -> Interval:
    """What all closures together leave, in months, for those whose number is not known."""
    low, high = (every * end for end in total.within(total.half))
    for name, (top, _) in known.items():
        least, most = parts[name].within(parts[name].half)
        low, high = low - top * most, high - top * least
    return low, high


def _mean_check(
    total: Claim, agrees: bool | None, needed: Interval, others: tuple[str, ...]
) -> Check:
    ends = {lang: [shown(end, lang, 1) for end in needed] for lang in ("sv", "en")}
    if agrees is None:
        sv = (
            "Medeltalet för alla kräver att de övriga avslutens medeltal är {}–{}, men inget av de "
            "tryckta delarnas medeltal är det. Det går ihop bara om det också finns avslut av "
            "annat slag.".format(*ends["sv"])
        )
        en = (
            "The mean of all needs the remaining closures to average {}–{}, and none of the "
            "printed parts does. It fits only if there are closures of a further kind "
            "too.".format(*ends["en"])
        )
    else:
        word = ("går ihop", "fits") if agrees else ("går inte ihop", "does not fit")
        sv = f"Medeltalet för alla {word[0]} med delarnas medeltal och antal."
        en = f"The mean of all {word[1]} with the means and counts of its parts."
    return Check(total, "weighted_mean", agrees, sv, en, sum(needed) / 2, others)


def check_scaling(claims: Sequence[Claim]) -> Iterator[Check]:
    """A national figure is the local one divided by the share of the population that it covers."""
    shares = defaultdict(set)
    for each in claims:
        for match in POPULATION.finditer(each.note):
            shares[each.source, each.metric].add(Fraction(match[1]) / 100)
    local = claims_by((each for each in claims if not each.is_list), "source", "metric", "at")
    costs = claims_by((e for e in claims if e.unit == "SEK/year" and "cost" in e.metric), "source")
    for claim in claims:
        share = only(shares[claim.source, claim.metric])
        months = MONTHS.fullmatch(claim.at)
        if not (claim.metric.startswith("national_") and share and months) or claim.is_list:
            continue
        stem = claim.metric.removeprefix("national_")
        gross = local.get((claim.source, stem.replace("net_", "gross_"), claim.at), [])
        cost = costs.get((claim.source,), []) if stem.startswith("net_") else []
        if len(gross) == 1 and len(cost) <= 1:
            yield _scaled(claim, gross[0], cost, Fraction(int(months[1]), 12), share)


def _scaled(
    claim: Claim, gross: Claim, cost: list[Claim], years: Fraction, share: Fraction
) -> Check:
    net = gross.value - sum(each.value * years for each in cost)
    slack = gross.loose + sum(each.loose * years for each in cost)
    bounds = ((net - slack) / share, (net + slack) / share)
    agrees = overlap(bounds, claim.within(max(claim.half, claim.loose)))
    percent = share * 100
    digits = 0 if percent.denominator == 1 else 1
    sv = (
        f"{shown(net, 'sv')} kr lokalt, som {shown(percent, 'sv', digits)} % av landet, blir "
        f"{shown(net / share, 'sv')} kr; tryckt {shown(claim.value, 'sv')} kr."
    )
    en = (
        f"{shown(net, 'en')} SEK locally, as {shown(percent, 'en', digits)} % of the country, "
        f"makes {shown(net / share, 'en')} SEK; printed {shown(claim.value, 'en')} SEK."
    )
    others = ids([gross, *cost])
    return Check(claim, "national_scaling", agrees, sv, en, net / share, others)
