"""Figures that tie a known cost to a count give the count away by no division."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from hfcore.results import build_results
from hfcore.study import Study
from hfpublish.disclosure import RULES, cost_rows, protect

STUDY = Study("s", {"sv": "s", "en": "s"}, True, date(2017, 12, 31), 2017, ())
COST = 10_000_000.0


def results(n=121, events=25, key_n=60.3, key_events=12.8):
    own = {"n": n, "key_n": key_n, "unit": "sek"}
    of_exits = own | {"n_events": events, "key_events": key_events, "metric": "cost_per_exit"}
    table = [
        {"metric": "cost", "variant": "outcome", "estimate": COST, "unit": "sek"},
        own | {"metric": "cost_per_household", "estimate": COST / n},
        of_exits | {"estimate": COST / events, "ci_low": 3e5, "ci_high": 6e5},
    ]
    return build_results(pd.DataFrame(table).fillna({"variant": "default"}))


def implied(rows, metric):
    row = rows.loc[rows["metric"].eq(metric)].iloc[0]
    return COST / row["estimate"], row


@pytest.mark.parametrize("key", np.linspace(0, 1, 12))
def test_a_division_gives_the_shown_count_and_never_the_true_one(key):
    rows = protect(results(key_n=60 + key, key_events=12 + key), STUDY)
    households, row = implied(rows, "cost_per_household")
    assert households == pytest.approx(row["n"], rel=0.001)
    closures, row = implied(rows, "cost_per_exit")
    assert closures == pytest.approx(row["n_events"], rel=0.003)
    assert row["ci_low"] < row["estimate"] < row["ci_high"]


def test_without_the_rule_the_true_count_follows():
    assert (9, cost_rows.models_and_ratios) in RULES
    fewer = tuple(each for each in RULES if each[0] != 9)
    rows = protect(results(key_n=60.1, key_events=12.1), STUDY, rules=fewer)
    assert implied(rows, "cost_per_exit")[0] == pytest.approx(25)


def test_the_shown_range_holds_the_exact_figure():
    held = []
    for key in np.linspace(0, 1, 60, endpoint=False):
        rows = protect(results(key_events=12 + key), STUDY)
        row = rows.loc[rows["metric"].eq("cost_per_exit")].iloc[0]
        held.append(row["ci_low"] <= COST / 25 <= row["ci_high"])
    assert np.mean(held) == 1


def sums(**counts):
    table = [
        {
            "variant": variant,
            "n": n,
            "key_n": 0.5 * n,
            "estimate": 1e5 * n,
            "largest": 1e5,
            "second_largest": 1e5,
            "sum_absolute": 1e5 * n,
        }
        for variant, n in counts.items()
    ]
    constants = {"metric": "saving_gross", "unit": "sek", "dimension": "months", "level": "12"}
    return build_results(pd.DataFrame(table), **constants)


def test_sums_that_differ_by_a_few_closures_do_not_stand_together():
    rows = protect(sums(all_closures=107, default=92, published=94, strict=22), STUDY)
    shown = rows.set_index("variant")["estimate"].notna()
    assert shown.to_dict() == {
        "all_closures": True,
        "default": True,
        "published": False,
        "strict": True,
    }


def test_few_workers_have_no_difference_and_a_chance_no_decimals():
    base = {"n": 9, "estimate": 0.031, "ci_low": -0.04, "ci_high": 0.1, "unit": "share"}
    team = build_results(pd.DataFrame([base | {"metric": "worktime_difference"}]))
    assert protect(team, STUDY)["estimate"].isna().all()
    chance = {"n": 300, "n_events": 100, "key_n": 1.0, "df": 99.0, "estimate": 0.137}
    row = build_results(pd.DataFrame([chance]), metric="break_even_chance", unit="share")
    assert protect(row, STUDY)["estimate"].tolist() == pytest.approx([0.15])
