"""Which protected row answers which question, and how much may be claimed from it."""

from __future__ import annotations

import pandas as pd

from hfcore.metrics import design_grade

LEVELS = design_grade.VERBS[::-1]
FIRST_YEAR = 12
HEADLINE_CAUSE = "self_sufficiency"
FIRST_WINDOW = "window=1-12"
LATER_WINDOW = "window=13-24"

CHANCE_GRADE = 4


def rows_of(protected: pd.DataFrame, metric: str, **where: object) -> pd.DataFrame:
    """The rows of a metric with given values, in their order; the main definition unless named.

    A value may be a list of those wanted.

    >>> frame = pd.DataFrame({"metric": ["flow"], "variant": ["default"], "group": ["control"]})
    >>> len(rows_of(frame, "flow", group="control")), len(rows_of(frame, "flow", group=""))
    (1, 0)
    """
    rows = protected.loc[protected["metric"].eq(metric)]
    for column, value in ({"variant": "default"} | where).items():
        wanted = value if isinstance(value, list) else [value]
        rows = rows.loc[rows[column].isin(wanted).fillna(False).astype(bool)]
    return rows


def one_row(protected: pd.DataFrame, metric: str, **where: object) -> pd.Series | None:
    """The first such row that has something to say, or the first at all, or None."""
    rows = rows_of(protected, metric, **where)
    if rows.empty:
        return None
    shown = rows.loc[rows["estimate"].notna()]
    return (shown if len(shown) else rows).iloc[0]


def is_shown(row: pd.Series | None) -> bool:
    """Whether a row exists and has an estimate to show."""
    return row is not None and bool(pd.notna(row["estimate"]))


def households(protected: pd.DataFrame, group: str = "participant") -> int | None:
    """How many households of a group there are, as the reader may know it; None if hidden."""
    row = one_row(protected, "households", group=group, subgroup="")
    return int(row["estimate"]) if is_shown(row) else None


def verb_level(protected: pd.DataFrame, window: str = FIRST_WINDOW) -> str:
    """How much the report may claim of the effect on support.

    ``unseen`` where the effect is hidden, too few or its interval reaches 0; else by the grade of
    the design: 4 and 5 ``led_to``, 3 ``suggests``, below or unknown ``covaries``. Months 13–24
    are never more than ``covaries`` unless households were assigned by chance: no estimator is
    safe there.
    """
    effect = one_row(protected, "support_effect", subgroup=window)
    if not is_shown(effect):
        return "unseen"
    row = one_row(protected, "design_grade")
    grade = row["estimate"] if is_shown(row) else 1
    if window == LATER_WINDOW and grade < CHANCE_GRADE:
        grade = 1
    return design_grade.verb_level(grade, effect["ci_low"], effect["ci_high"], effect["status"])


def main_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of whole groups under the main definition, where there are such among others.

    >>> rows = pd.DataFrame({"variant": ["default", "strict", "default"],
    ...                      "subgroup": ["", "", "children=1-2"]})
    >>> main_rows(rows).index.tolist(), main_rows(rows.loc[[2]]).index.tolist()
    ([0], [2])
    """
    for column, main in (("variant", "default"), ("subgroup", "")):
        is_main = rows[column].eq(main)
        rows = rows.loc[is_main] if is_main.any() else rows
    return rows
