"""The Maryland scale by rules, and which verb it allows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support_cases import cohort_of, panel_of, study

from hfcore.errors import MetricInputError
from hfcore.metrics.comparison_group import balance, build_comparison
from hfcore.metrics.maryland_scale import VERBS, design_grade, design_rules, verb_level
from hfcore.metrics.support import support_effect, support_mean

P, C = "participant", "control"


def results(n: int = 40, first: int = -24) -> tuple[pd.DataFrame, ...]:
    """Means, balance and effect of n participants and 2n controls, paid from month first."""
    rng = np.random.default_rng(9)
    cohort = cohort_of([P] * n + [C] * (2 * n), children=rng.integers(0, 4, 3 * n))
    panel = panel_of(cohort, rng.gamma(2, 3000, (3 * n, 49)))
    panel = panel.assign(amount_sek=panel["amount_sek"].mask(panel["month"] < first))
    setting = study(covariates=("children",), min_households_arm=20)
    compared = balance(build_comparison(cohort, setting), setting)
    return support_mean(panel, setting), compared, support_effect(panel, cohort, setting)


def grade(
    means: pd.DataFrame,
    compared: pd.DataFrame,
    effect: pd.DataFrame,
    assignment: str = "observed",
) -> float:
    rows = design_grade(means, compared, effect, study(min_households_arm=20), assignment)
    assert len(rows) == 1
    return rows["estimate"].iloc[0]


@pytest.mark.parametrize(
    ("assignment", "expected"), [("observed", 3), ("natural_experiment", 4), ("randomised", 5)]
)
def test_a_balanced_comparison_with_a_year_before(assignment, expected):
    assert grade(*results(), assignment) == expected


def test_too_few_households_are_grade_two():
    means, compared, effect = results(n=19)
    assert grade(means, compared, effect) == 2
    rules = design_rules(means, compared, effect, study(min_households_arm=20)).set_index("rule")
    assert not rules.loc["has_enough_households", "is_met"]


def test_an_unbalanced_group_is_grade_two():
    means, compared, effect = results()
    is_smd = compared["metric"].eq("balance") & compared["group"].eq("comparison")
    for gap, expected in ((0.249, 3), (0.251, 2), (-0.251, 2)):
        worse = compared.assign(estimate=compared["estimate"].mask(is_smd, gap))
        assert grade(means, worse, effect) == expected


def test_the_line_is_the_studys_and_payments_of_the_second_year_before_count():
    means, compared, effect = results(n=50)
    row = compared.loc[compared["metric"].eq("balance") & compared["group"].eq("comparison")]
    for level, expected in (("support_months_24_13", 2), ("support_months_12_1", 3)):
        more = pd.concat([compared, row.head(1).assign(level=level, estimate=0.3)])
        assert grade(means, more, effect) == expected
    worse = compared.assign(
        estimate=compared["estimate"].mask(compared.index.isin(row.index), 0.15)
    )
    rules = design_rules(means, worse, effect, study(largest_imbalance_sd=0.1)).set_index("rule")
    assert not rules.loc["is_balanced", "is_met"]


def test_without_a_comparison_group_it_is_grade_one():
    means, compared, effect = results()
    alone = means.assign(estimate=means["estimate"].mask(means["group"].eq(C)))
    assert grade(alone, compared.head(0), effect) == 1


def test_without_a_judged_balance_it_is_grade_two():
    means, compared, effect = results()
    assert grade(means, compared.head(0), effect) == 2


def test_without_months_before_it_is_grade_one():
    assert grade(*results(first=0)) == 1


def test_without_any_outcome_there_is_no_grade():
    means, compared, effect = results(first=99)
    row = design_grade(means, compared, effect, study()).iloc[0]
    assert np.isnan(row["estimate"])
    assert row["status"] == "not_available"


def test_an_unknown_assignment_names_the_known():
    with pytest.raises(MetricInputError, match="observed, natural_experiment, randomised"):
        design_grade(*results(), study(), "lucky")


@pytest.mark.parametrize("ends", [(-900.0, 0.0), (0.0, 900.0), (-1.0, 1.0)])
def test_an_interval_that_holds_zero_is_unseen(ends):
    assert {verb_level(grade, *ends) for grade in range(1, 6)} == {"unseen"}


def test_verbs_grow_with_the_grade():
    found = [verb_level(grade, 100.0, 900.0) for grade in range(1, 6)]
    assert found == ["covaries", "covaries", "suggests", "led_to", "led_to"]
    assert set(found) | {"unseen"} == set(VERBS)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_whatever_is_unknown_is_unseen(missing):
    assert verb_level(missing, -2.0, -1.0) == "unseen"
    assert verb_level(3, missing, -1.0) == "unseen"
    assert verb_level(3, -2.0, missing) == "unseen"
    assert verb_level(3, -2.0, -1.0, "too_few") == "unseen"
