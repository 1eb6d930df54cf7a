"""What the design of a comparison allows to be said: the Maryland scale, by rules.

The grade and the interval together decide the verb of a report; the sentences stand in
``hfpublish.report_sentences``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.errors import MetricInputError
from hfcore.results import build_results, require_columns, rows_of
from hfcore.schema import GROUPS
from hfcore.study import Study

ASSIGNMENTS = ("observed", "natural_experiment", "randomised")
# From the strongest to the weakest.
ENTRY_YEAR = "support_months_12_1"
VERBS = ("led_to", "suggests", "covaries", "unseen")


def design_rules(
    means: pd.DataFrame,
    balance: pd.DataFrame,
    effect: pd.DataFrame,
    study: Study,
    assignment: str = "observed",
) -> pd.DataFrame:
    """Which rules of the scale the comparison meets: one row a rule, in the order of the scale.

    Parameters
    ----------
    means : results of ``support_mean``.
    balance : results of ``balance`` of the sample and weights that the effect uses
        (``effect_sample``), payments before the start among them; empty where there is no
        comparison group.
    effect : results of ``support_effect``.
    study : its ``min_households_arm`` and ``largest_imbalance_sd``.
    assignment : how households came to take part: observed (chosen by need or will),
        natural_experiment (by a date, a border or a list that has nothing to do with need), or
        randomised.

    Returns
    -------
    Columns rule, grade (the grade that needs it), is_met. The rules are has_outcome (1);
    has_comparison and has_months_before (2); has_mirrored_base, is_balanced and
    has_enough_households (3); is_chance_like (4); is_lottery (5).

    Notes
    -----
    The Maryland scientific methods scale as applied to local policy (Sherman et al. 1998; What
    Works Centre for Local Economic Growth 2016): 1 a before–after or a comparison at one time;
    2 a comparison group with a baseline, not shown to be alike; 3 a difference-in-differences
    against a group shown to be alike; 4 assignment as good as chance; 5 a lottery. Alike is a
    standardised difference of at most 0.25 in every characteristic compared and in payments in the
    second year before the start (What Works Clearinghouse 2022, chapter II.D); what nobody
    measured is not compared.
    """
    _check(means, balance, effect, assignment)
    window = rows_of(effect, "support_effect", dimension="window", level="1-12")
    enough = study.definitions.min_households_arm
    rules = [
        ("has_outcome", 1, _has_mean(means, "participant", after=True)),
        ("has_comparison", 2, _has_mean(means, "control", after=True)),
        ("has_months_before", 2, all(_has_mean(means, each, after=False) for each in GROUPS)),
        ("has_mirrored_base", 3, bool(window["estimate"].notna().any())),
        ("is_balanced", 3, _is_balanced(balance, study)),
        ("has_enough_households", 3, _smaller_arm(window) >= enough),
        ("is_chance_like", 4, assignment != "observed"),
        ("is_lottery", 5, assignment == "randomised"),
    ]
    return pd.DataFrame(rules, columns=["rule", "grade", "is_met"])


def design_grade(
    means: pd.DataFrame,
    balance: pd.DataFrame,
    effect: pd.DataFrame,
    study: Study,
    assignment: str = "observed",
) -> pd.DataFrame:
    """The grade of the design on the Maryland scale, 1 to 5: the highest with all rules met.

    Returns
    -------
    Results: one row, unit ratio, method maryland_scale; ``n`` and ``n_events`` are those of the
    effect over months 1–12. Not available where there is no outcome at all. Arguments and rules
    as for ``design_rules``.
    """
    rules = design_rules(means, balance, effect, study, assignment)
    failed = rules.loc[~rules["is_met"], "grade"]
    grade = int(failed.min()) - 1 if len(failed) else 5
    window = rows_of(effect, "support_effect", dimension="window", level="1-12")
    own = window[["n", "n_events", "key_n", "key_events"]].head(1).reset_index(drop=True)
    row = pd.DataFrame({"estimate": [float(grade) if grade else np.nan]}).join(own)
    return build_results(
        row.assign(status="ok" if grade else "not_available"),
        metric="design_grade",
        unit="ratio",
        method="maryland_scale",
    )


def verb_level(
    grade: float | None, ci_low: float | None, ci_high: float | None, status: str = "ok"
) -> str:
    """The strongest verb that grade and interval allow.

    Returns
    -------
    ``unseen`` where the numbers are too few, there is no interval, or it holds zero; else
    ``covaries`` for grade 1 and 2, ``suggests`` for 3, ``led_to`` for 4 and 5.

    Examples
    --------
    >>> [verb_level(grade, -2000.0, -500.0) for grade in (1, 2, 3, 4, 5)]
    ['covaries', 'covaries', 'suggests', 'led_to', 'led_to']
    >>> verb_level(5, -2000.0, 100.0), verb_level(3, -2000.0, -500.0, "too_few")
    ('unseen', 'unseen')
    """
    if status != "ok" or any(pd.isna(each) for each in (grade, ci_low, ci_high)):
        return "unseen"
    if ci_low <= 0 <= ci_high:
        return "unseen"
    return "led_to" if grade >= 4 else "suggests" if grade >= 3 else "covaries"


def _check(
    means: pd.DataFrame, balance: pd.DataFrame, effect: pd.DataFrame, assignment: str
) -> None:
    if assignment not in ASSIGNMENTS:
        raise MetricInputError(
            f"There is no assignment {assignment!r}; there are: {', '.join(ASSIGNMENTS)}."
        )
    needed = (
        "metric",
        "group",
        "dimension",
        "level",
        "variant",
        "month",
        "estimate",
        "n",
        "n_events",
    )
    for name, frame in (("means", means), ("balance", balance), ("effect", effect)):
        require_columns(frame, needed, name)


def _has_mean(means: pd.DataFrame, group: str, after: bool) -> bool:
    own = means.loc[means["group"].eq(group)]
    side = own["month"].gt(0) if after else own["month"].lt(0)
    return bool(own.loc[side.fillna(False), "estimate"].notna().any())


def _smaller_arm(windows: pd.DataFrame) -> int:
    if windows.empty:
        return 0
    row = windows.iloc[0]
    return int(min(row["n_events"], row["n"] - row["n_events"]))


def _is_balanced(balance: pd.DataFrame, study: Study) -> bool:
    """Everything in the table of balance within the line, in the sample the estimate uses.

    All but payments in the last year before the start: they hold the peak at which families
    enter, which the mirrored base takes off and no comparison group has.
    """
    own = balance.loc[balance["metric"].eq("balance") & balance["group"].eq("comparison")]
    own = own.loc[own["level"].ne(ENTRY_YEAR)]
    if own.empty:
        return False
    limit = study.definitions.largest_imbalance_sd
    return bool(own["estimate"].abs().le(limit).where(own["estimate"].notna(), True).all())
