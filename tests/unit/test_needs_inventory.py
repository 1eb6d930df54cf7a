"""Needs that no measure meets: by hand, against brute force, and what does not change them."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

from hfcore.metrics import needs_inventory
from hfdemo import needs_survey

# Four persons, three measures. a may enter one; b lacks Swedish alone; c meets an exclusion as
# well; d lacks two requirements of each.
PERSONS = pd.DataFrame(
    {"person_id": list("abcd"), "sex": ["woman", "man", "woman", "unknown"], "obstacle": None}
).assign(record_key=[0.1, 0.2, 0.3, 0.4])
NEEDS = pd.DataFrame(
    [("a", "health"), ("a", "swedish"), ("b", "health"), ("c", "leave"), ("d", "health")],
    columns=["person_id", "need"],
)
MEASURES = pd.DataFrame(
    {
        "measure": ["one", "two", "three"],
        "requires": [["swedish"], ["swedish", "school"], ["swedish", "car"]],
        "excludes": [["leave"], [], ["leave"]],
        "addresses": [["health"], ["work"], ["work"]],
        "places": [1, 2, None],
    }
)


def counts(rows: pd.DataFrame, metric: str) -> dict[str, int]:
    ours = rows.loc[rows["metric"].eq(metric)]
    return dict(zip(ours["cause"], ours["n_events"], strict=True))


def test_by_hand():
    rows = needs_inventory.unmet_need(PERSONS, NEEDS, MEASURES)
    assert counts(rows, "no_measure") == {"": 3}
    assert counts(rows, "sole_obstacle") == {"car": 0, "school": 0, "swedish": 2, "leave": 0}
    assert counts(rows, "common_obstacle") == {"car": 0, "school": 0, "swedish": 3, "leave": 0}
    assert counts(rows, "opened_by") == {"leave+swedish": 1, "school+swedish": 1}
    assert counts(rows, "unmet_need") == {"health": 2, "leave": 1, "swedish": 1}
    assert rows[["ci_low", "ci_high"]].isna().all().all()


def test_unknown_is_not_lacking():
    measures = MEASURES.head(1).assign(requires=[["woman"]], excludes=[[]])
    stands = needs_inventory.barriers(PERSONS, NEEDS, measures)
    assert {person: len(rules["one"]) for person, rules in stands.items()} == {
        "a": 0, "b": 1, "c": 0, "d": 0,
    }  # fmt: skip


def test_who_was_not_counted_is_in_nothing():
    rows = needs_inventory.unmet_need(PERSONS, NEEDS.loc[NEEDS["person_id"].ne("d")], MEASURES)
    assert rows.loc[rows["metric"].eq("no_measure"), "n"].tolist() == [3]


def drawn(seed: int, people: int = 8, measures: int = 4) -> tuple:
    """A random inventory."""
    rng = np.random.default_rng(seed)
    codes = ["u", "v", "w"]
    ids = [f"p{place}" for place in range(people)]
    persons = pd.DataFrame({"person_id": ids, "sex": "woman", "obstacle": None})
    has = [(p, c) for p, c in product(ids, codes) if rng.random() < 0.6]
    needs = pd.DataFrame(has + [(p, "any") for p in ids], columns=["person_id", "need"])
    lists = [[c for c in codes if rng.random() < 0.5] for _ in range(2 * measures)]
    table = pd.DataFrame({"measure": [f"m{m}" for m in range(measures)]}).assign(
        requires=lists[:measures],
        excludes=[[c for c in each if rng.random() < 0.4] for each in lists[measures:]],
        places=rng.integers(0, 3, measures),
    )
    table["addresses"] = [["any"]] * measures
    return persons.assign(record_key=0.5), needs, table


def most_placed(persons, needs, measures) -> int:
    """The largest placement, by trying every choice of a measure or none for each person."""
    stands = needs_inventory.barriers(persons, needs, measures)
    places = measures.set_index("measure")["places"].to_dict()
    options = [[None, *(m for m, rule in rules.items() if not rule)] for rules in stands.values()]
    best = 0
    for choice in product(*options):
        taken = [m for m in choice if m is not None]
        if all(taken.count(m) <= places[m] for m in set(taken)):
            best = max(best, len(taken))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_placement_agrees_with_brute_force(seed):
    tables = drawn(seed)
    rows = needs_inventory.placed(*tables).set_index("level")["estimate"]
    assert rows["placed"] == most_placed(*tables)
    assert rows["accepted"] - rows["placed"] == rows["shortage"]


@pytest.mark.parametrize("seed", range(6))
def test_obstacles_agree_with_dropping_rules_one_by_one(seed):
    """Each rule taken out of every measure, and who is accepted then that was not before."""
    persons, needs, measures = drawn(seed)

    def accepted(dropped: tuple) -> set[str]:
        kept = measures.assign(
            requires=[[c for c in r if ("r", c) not in dropped] for r in measures["requires"]],
            excludes=[[c for c in r if ("x", c) not in dropped] for r in measures["excludes"]],
        )
        stands = needs_inventory.barriers(persons, needs, kept)
        return {p for p, rules in stands.items() if not all(rules.values())}

    rows = needs_inventory.unmet_need(persons, needs, measures)
    sole = rows.loc[rows["metric"].eq("sole_obstacle")]
    letters = {"requirement": "r", "exclusion": "x"}
    for row in sole.itertuples():
        opened = accepted(((letters[row.level], row.cause),)) - accepted(())
        assert row.n_events == len(opened), (row.level, row.cause)
    rules = [(letters[row.level], row.cause) for row in sole.itertuples()]
    by_pair = counts(rows, "opened_by")
    for pair in combinations(rules, 2):
        alone = accepted(()) | accepted(pair[:1]) | accepted(pair[1:])
        name = "+".join(sorted(code for _, code in pair))
        assert by_pair.get(name, 0) >= len(accepted(pair) - alone)


def test_order_does_not_matter_and_nothing_is_changed():
    persons, needs, measures = drawn(3)
    before = [frame.copy(deep=True) for frame in (persons, needs, measures)]
    rows = needs_inventory.unmet_results(persons, needs, measures)
    shuffled = [frame.sample(frac=1, random_state=1) for frame in (persons, needs, measures)]
    pd.testing.assert_frame_equal(rows, needs_inventory.unmet_results(*shuffled))
    for old, new in zip(before, (persons, needs, measures), strict=True):
        pd.testing.assert_frame_equal(old, new)


def test_nobody_and_no_measure():
    rows = needs_inventory.unmet_results(PERSONS.head(0), NEEDS.head(0), MEASURES)
    assert rows.loc[rows["metric"].eq("no_measure"), "status"].tolist() == ["not_available"]
    none = needs_inventory.unmet_need(PERSONS, NEEDS, MEASURES.head(0))
    assert counts(none, "no_measure") == {"": 4}


def test_needs_that_come_together():
    rows = needs_inventory.co_needs(PERSONS, NEEDS)
    both = rows.loc[rows["cause"].eq("health+swedish")].set_index("variant")
    assert both.loc["default", ["n", "n_events"]].tolist() == [4, 1]
    assert both.loc["jaccard", ["n", "n_events"]].tolist() == [3, 1]


def test_the_bundled_inventory_tells_what_the_pre_study_told():
    tables = needs_survey.inventory(1)
    persons = tables["persons"].assign(record_key=0.5)
    measures = tables["measures"].assign(
        **{
            name: tables["measures"][name].str.split(",")
            for name in ("requires", "excludes", "addresses")
        }
    )
    rows = needs_inventory.unmet_need(persons, tables["needs"], measures)
    assert counts(rows, "no_measure") == {"": 36}
    sole, common = counts(rows, "sole_obstacle"), counts(rows, "common_obstacle")
    assert max(sole, key=sole.get) == "swedish_basic" and sole["full_time_sick_leave"] == 0
    assert sorted(common.values()) == [0, 12, 36] and common["swedish_basic"] == 36
    rest = counts(rows, "opened_by")["full_time_sick_leave+swedish_basic"]
    assert sole["swedish_basic"] + rest == 36
    assert persons["sex"].eq("woman").sum() > 18
