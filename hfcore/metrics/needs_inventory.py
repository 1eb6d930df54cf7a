"""Whose needs does no measure meet, which single rule shuts people out, and who finds a place?

An inventory counts a whole target group and is no sample: none of these figures has an interval.
Rows tell the need, or the rule of a measure, in ``cause``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

from hfcore.results import build_results, join_results, require_columns

PLACEMENTS = ("accepted", "placed", "shortage")
KINDS = ("requirement", "exclusion")
Barrier = frozenset[tuple[str, str]]


def barriers(
    persons: pd.DataFrame, needs: pd.DataFrame, measures: pd.DataFrame
) -> dict[str, dict[str, Barrier]]:
    """What stands between each person with a need and each measure.

    Parameters
    ----------
    persons : person_id, sex, obstacle, record_key.
    needs : person_id, need: what a person has, needs and abilities alike.
    measures : measure, requires, excludes (lists of such codes).

    Returns
    -------
    Person → measure → the requirements that the person lacks (``("requirement", code)``) and the
    exclusions that it meets. Empty: the measure accepts the person. A person has the codes of its
    needs, its obstacle and its sex; who has no row of needs was not counted and is left out. A sex
    or obstacle that is not known lacks nothing: unknown is not lacking.
    """
    has, unknown = _codes(persons, needs), _unknown(persons)
    return {
        person: {
            row.measure: frozenset(
                {("requirement", code) for code in set(row.requires) - own - unknown[person]}
                | {("exclusion", code) for code in set(row.excludes) & own}
            )
            for row in measures.itertuples(index=False)
        }
        for person, own in has.items()
    }


def _codes(persons: pd.DataFrame, needs: pd.DataFrame) -> dict[str, set[str]]:
    require_columns(persons, ("person_id", "sex", "obstacle", "record_key"), "persons")
    require_columns(needs, ("person_id", "need"), "needs")
    counted = persons.loc[persons["person_id"].isin(needs["person_id"])]
    own = {
        row.person_id: {each for each in (row.sex, row.obstacle) if isinstance(each, str)}
        for row in counted.sort_values("person_id").itertuples(index=False)
    }
    for person, need in needs[["person_id", "need"]].itertuples(index=False):
        if person in own:
            own[person].add(need)
    return own


def _unknown(persons: pd.DataFrame) -> dict[str, set[str]]:
    """The codes of sex and obstacle that each person may have, where its own is not known."""
    obstacles = set(persons["obstacle"].dropna())
    sexes = {"woman", "man"}
    return {
        row.person_id: (set() if row.sex in sexes else sexes)
        | (set() if isinstance(row.obstacle, str) else obstacles)
        for row in persons.itertuples(index=False)
    }


def unmet_need(persons: pd.DataFrame, needs: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """For how many of those with a need there is no measure, and what shuts them out.

    Parameters
    ----------
    persons, needs, measures : as for ``barriers``; measures also ``addresses``, the needs that one
        helps with, and ``places`` (null: no limit).

    Returns
    -------
    ``unmet_need``: by need (``cause``) the share of those with it whom no measure that addresses
    it accepts. ``no_measure``: the share whom no measure accepts at all. ``sole_obstacle``: by rule
    (``cause``; dimension ``kind``: requirement or exclusion) the share accepted by none that some
    measure would accept without that rule alone. ``common_obstacle``: by rule the share shut out by
    it from every measure. ``opened_by``: by pair of rules (``a+b``) the share accepted by none, nor
    without either alone, that some measure would accept without both. n are persons, n_events those
    of the share. No interval: all are counted.

    Notes
    -----
    B(p, m) = (requires_m ∖ a_p) ∪ (excludes_m ∩ a_p), a_p the codes of person p. No measure: every
    B(p, m) is filled. Sole obstacle r: some B(p, m) = {r}, and none is empty.
    """
    require_columns(measures, ("measure", "requires", "excludes", "addresses"), "measures")
    stands, has = barriers(persons, needs, measures), _codes(persons, needs)
    keys = persons.set_index("person_id")["record_key"]
    everyone = list(stands)
    shut_out = [p for p in everyone if all(stands[p].values())]
    helps = {row.measure: set(row.addresses) for row in measures.itertuples(index=False)}
    rows = []
    for need in sorted(set(needs["need"])):
        who = [p for p in everyone if need in has[p]]
        unmet = [
            p for p in who if not any(not b and need in helps[m] for m, b in stands[p].items())
        ]
        rows.append(_share("unmet_need", unmet, who, keys, cause=need))
    rows.append(_share("no_measure", shut_out, everyone, keys))
    for kind, code in _rules(measures):
        sole = [p for p in shut_out if frozenset({(kind, code)}) in stands[p].values()]
        common = [p for p in everyone if stands[p] and _in_all((kind, code), stands[p])]
        where = {"cause": code, "dimension": "kind", "level": kind}
        rows.append(_share("sole_obstacle", sole, everyone, keys, **where))
        rows.append(_share("common_obstacle", common, everyone, keys, **where))
    for pair, who in _opened(stands, shut_out).items():
        rows.append(_share("opened_by", who, everyone, keys, cause=pair))
    told = pd.DataFrame(rows).sort_values("metric", kind="stable", key=_in_order)
    return build_results(told, unit="share", group="participant", method="full_count")


def _in_order(metrics: pd.Series) -> pd.Series:
    order = ("no_measure", "sole_obstacle", "common_obstacle", "opened_by", "unmet_need")
    return metrics.map({name: place for place, name in enumerate(order)})


def _share(
    metric: str, who: list[str], whole: list[str], keys: pd.Series, **where: str
) -> dict[str, object]:
    n = len(whole)
    return {
        "metric": metric,
        "estimate": len(who) / n if n else np.nan,
        "n": n,
        "n_events": len(who),
        "key_n": float(keys.reindex(whole).sum()),
        "key_events": float(keys.reindex(who).sum()),
        "status": "ok" if n else "not_available",
        **where,
    }


def _rules(measures: pd.DataFrame) -> list[tuple[str, str]]:
    """Every rule of any measure, requirements first."""
    found = {
        (kind, code)
        for kind, column in zip(KINDS, ("requires", "excludes"), strict=True)
        for codes in measures[column]
        for code in codes
    }
    return sorted(found, key=lambda rule: (KINDS.index(rule[0]), rule[1]))


def _in_all(rule: tuple[str, str], stands: dict[str, Barrier]) -> bool:
    return all(rule in barrier for barrier in stands.values())


def _opened(stands: dict[str, dict[str, Barrier]], shut_out: list[str]) -> dict[str, list[str]]:
    """Whom each pair of rules opens a measure for, of those whom no single rule does."""
    opened: dict[str, list[str]] = {}
    for person in shut_out:
        sizes = {len(barrier) for barrier in stands[person].values()}
        if 1 in sizes:
            continue
        pairs = {
            "+".join(sorted(code for _, code in barrier))
            for barrier in stands[person].values()
            if len(barrier) == 2
        }
        for pair in sorted(pairs):
            opened.setdefault(pair, []).append(person)
    return dict(sorted(opened.items()))


def placed(persons: pd.DataFrame, needs: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """How many could be placed at once, where each measure has so many places.

    Parameters
    ----------
    persons, needs, measures : as for ``unmet_need``.

    Returns
    -------
    Counts by dimension ``placement``: persons accepted by some measure, placed at most, and the
    shortage between them. Those whom no measure accepts are in none: see ``no_measure``.

    Notes
    -----
    The largest matching of persons to places, by the flow from persons through measures with their
    places as capacity (scipy's ``maximum_flow``).

    References
    ----------
    Ahuja, Magnanti & Orlin (1993), section 12.3.
    """
    require_columns(measures, ("measure", "places"), "measures")
    stands = barriers(persons, needs, measures)
    keys = persons.set_index("person_id")["record_key"]
    accepted = [p for p, rules in stands.items() if not all(rules.values())]
    found = _matched(stands, accepted, measures)
    counts = {"accepted": accepted, "placed": found, "shortage": sorted(set(accepted) - set(found))}
    rows = [
        {
            "level": level,
            "estimate": float(len(who)),
            "n": len(who),
            "n_events": len(who),
            "key_n": float(keys.reindex(who).sum()),
            "key_events": float(keys.reindex(who).sum()),
        }
        for level, who in counts.items()
    ]
    constants = {"dimension": "placement", "unit": "count", "group": "participant"}
    return build_results(pd.DataFrame(rows), metric="placed", method="maximum_flow", **constants)


def _matched(
    stands: dict[str, dict[str, Barrier]], accepted: list[str], measures: pd.DataFrame
) -> list[str]:
    """Those of the accepted who get a place in a largest matching."""
    names = list(measures["measure"])
    n, m = len(accepted), len(names)
    if not n:
        return []
    capacity = np.zeros((n + m + 2, n + m + 2), dtype="int32")
    capacity[0, 1 : n + 1] = 1
    for place, person in enumerate(accepted):
        for number, name in enumerate(names):
            capacity[1 + place, 1 + n + number] = not stands[person][name]
    places = pd.to_numeric(measures["places"]).fillna(n).clip(0, n).astype(int)
    capacity[1 + n : 1 + n + m, -1] = places
    flow = maximum_flow(csr_matrix(capacity), 0, n + m + 1).flow.toarray()
    return [person for place, person in enumerate(accepted) if flow[0, 1 + place] > 0]


def co_needs(persons: pd.DataFrame, needs: pd.DataFrame) -> pd.DataFrame:
    """How often two needs come together.

    Returns
    -------
    One row a pair of needs (``cause``: ``a+b``): the share of all persons with a need that have
    both; variant ``jaccard`` of those with either. No interval: all are counted.
    """
    has = _codes(persons, needs)
    keys = persons.set_index("person_id")["record_key"]
    people, rows = list(has), []
    for first, other in combinations(sorted(set(needs["need"])), 2):
        both = [p for p in people if {first, other} <= has[p]]
        either = [p for p in people if {first, other} & has[p]]
        where = {"cause": f"{first}+{other}"}
        rows.append(_share("co_needs", both, people, keys, **where))
        rows.append(_share("co_needs", both, either, keys, variant="jaccard", **where))
    told = pd.DataFrame(rows) if rows else pd.DataFrame({"metric": []})
    told = told.fillna({"variant": "default"}) if "variant" in told else told
    return build_results(told, unit="share", group="participant", method="full_count")


def _acceptances(
    stands: dict[str, dict[str, Barrier]], has: dict[str, set[str]]
) -> Iterator[tuple[str, str, list[str]]]:
    for need in sorted({code for own in has.values() for code in own}):
        for measure in dict.fromkeys(m for rules in stands.values() for m in rules):
            yield (
                need,
                measure,
                [p for p, rules in stands.items() if need in has[p] and not rules[measure]],
            )


def needs_by_measure(
    persons: pd.DataFrame, needs: pd.DataFrame, measures: pd.DataFrame
) -> pd.DataFrame:
    """How many with each need each measure accepts: a table to look at, inside only.

    One row a need, one column a measure, and ``persons``, how many have the need.
    """
    stands, has = barriers(persons, needs, measures), _codes(persons, needs)
    rows = pd.DataFrame(
        [(need, m, len(who)) for need, m, who in _acceptances(stands, has)],
        columns=["need", "measure", "accepted"],
    )
    wide = rows.pivot_table(index="need", columns="measure", values="accepted", sort=False)
    wide = wide.loc[wide.index.isin(set(needs["need"]))].astype(int)
    wide.insert(0, "persons", [sum(need in own for own in has.values()) for need in wide.index])
    return wide.reset_index().rename_axis(columns=None)


def unmet_results(
    persons: pd.DataFrame, needs: pd.DataFrame, measures: pd.DataFrame
) -> pd.DataFrame:
    """All figures of an inventory of needs, in the order in which they are read."""
    return join_results(
        unmet_need(persons, needs, measures),
        placed(persons, needs, measures),
        co_needs(persons, needs),
    )
