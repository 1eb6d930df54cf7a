"""The picture of plans: bars add up, bands are as wide as they have adults, nothing is no crash."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from hfcore import figures
from hfcore.errors import MetricInputError


def transitions(pairs):
    return pd.DataFrame(
        {
            "level": [f"{start}>{then}" for start, then, _ in pairs],
            "estimate": [float(adults) for *_, adults in pairs],
            "month": 6,
        }
    )


def words(axes):
    return [each.get_text() for each in axes.texts]


def test_bars_are_named_and_add_up_on_both_sides():
    rows = transitions(
        [("none", "none", 3), ("none", "studies", 1), ("sick_leave", "studies", 2), ("a", "b", 0)]
    )
    axes = figures.plot_plan_transitions(rows, "en")
    assert words(axes) == ["no plan 4", "sick leave 2", "no plan 3", "studies 3"]
    assert axes.get_title(loc="left").startswith("Plan at the start (left) and after 6 months")
    # One area a band with adults, one a bar.
    assert len(axes.collections) == 3 + 4
    plt.close(axes.figure)


def test_order_of_rows_of_equal_pairs_does_not_change_the_sums():
    pairs = [("none", "studies", 1), ("none", "none", 3), ("sick_leave", "studies", 2)]
    axes = figures.plot_plan_transitions(transitions(pairs[::-1]), "sv")
    assert sorted(words(axes)) == sorted(
        ["ingen planering 4", "sjukskrivning 2", "ingen planering 3", "studier 3"]
    )
    plt.close(axes.figure)


def test_nobody_is_an_empty_picture():
    axes = figures.plot_plan_transitions(transitions([("none", "none", 0)]), "sv")
    assert words(axes) == []
    plt.close(axes.figure)


def test_rows_without_estimates_are_refused():
    with pytest.raises(MetricInputError, match="lacks the column estimate"):
        figures.plot_plan_transitions(pd.DataFrame({"level": []}), "sv")
