"""Which protected row answers which question, and how much may be claimed from it."""

from __future__ import annotations

import pandas as pd

from hfcore.metrics import maryland_scale
from hfcore.results import is_shown, one_row

LEVELS = maryland_scale.VERBS[::-1]
FIRST_YEAR = 12
FIRST_WINDOW = "1-12"
LATER_WINDOW = "13-24"

CHANCE_GRADE = 4


def households(protected: pd.DataFrame, group: str = "participant") -> int | None:
    """How many households of a group there are, as the reader may know it; None if hidden."""
    row = one_row(protected, "households", group=group, dimension="")
    return int(row["estimate"]) if is_shown(row) else None


def verb_level(protected: pd.DataFrame, window: str = FIRST_WINDOW) -> str:
    """How much the report may claim of the effect on support.

    ``unseen`` where the effect is hidden, too few or its interval reaches 0; else by the grade of
    the design: 4 and 5 ``led_to``, 3 ``suggests``, below or unknown ``covaries``. Months 13–24
    are never more than ``covaries`` unless households were assigned by chance: no estimator is
    safe there.
    """
    effect = one_row(protected, "support_effect", dimension="window", level=window)
    if not is_shown(effect):
        return "unseen"
    row = one_row(protected, "design_grade")
    grade = row["estimate"] if is_shown(row) else 1
    if window == LATER_WINDOW and grade < CHANCE_GRADE:
        grade = 1
    return maryland_scale.verb_level(grade, effect["ci_low"], effect["ci_high"], effect["status"])
