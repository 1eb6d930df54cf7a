"""How many went from which plan to which, as a square table."""

from __future__ import annotations

import pandas as pd

from hfcore.figures.html_table import Table
from hfcore.i18n.formats import label, quantity
from hfcore.i18n.texts import text
from hfcore.metrics.planning import plan_pairs
from hfcore.results import require_columns


def show_transitions(rows: pd.DataFrame, caption: str, language: str = "sv") -> Table:
    """A row a plan at the start, a column a plan then, with totals; plans that nobody has left out.

    Parameters
    ----------
    rows : rows of ``planning.plan_transitions`` for one group and one measurement point.

    Examples
    --------
    >>> from hfcore.results import build_results
    >>> rows = build_results(pd.DataFrame({"estimate": [4.0, 2.0, 1.0], "level": [
    ...     "studies>studies", "studies>none", "none>none"]}),
    ...     metric="flow", dimension="transition", unit="count")
    >>> show_transitions(rows, "Plans", "en")
    Plans
    plan at the start studies no plan all
              studies       4       2   6
              no plan       –       1   1
                  all       4       3   7
    """
    require_columns(rows, ("level", "estimate"), "rows")
    counts = _square(rows)
    heading = text("columns", "plan_at_start", language)
    names = [_plan(plan, language) for plan in counts.index]
    cells = pd.DataFrame({heading: names})
    for plan in counts:
        cells[_plan(plan, language)] = [_count(count, language) for count in counts[plan]]
    values = pd.DataFrame(counts.to_numpy(), columns=cells.columns[1:]).reindex(
        columns=cells.columns
    )
    return Table(cells, values, caption, language)


def _square(rows: pd.DataFrame) -> pd.DataFrame:
    """Counts by plan at the start and then, in the order of the rows, with totals named ""."""
    pairs = plan_pairs(rows)
    known = pairs.assign(count=rows["estimate"].fillna(0)).loc[lambda each: each["count"].gt(0)]
    if known.empty:
        return pd.DataFrame()
    plans = [
        plan
        for plan in dict.fromkeys(pairs["start"])
        if known[["start", "then"]].eq(plan).any(axis=None)
    ]
    square = known.pivot(index="start", columns="then", values="count").reindex(
        plans, columns=plans
    )
    square = square.fillna(0.0)
    both = pd.concat([square, square.sum().to_frame("").T])
    return both.assign(**{"": both.sum(axis=1)})


def _plan(plan: str, language: str) -> str:
    return label("plans", plan, language) if plan else text("words", "whole", language)


def _count(count: float, language: str) -> str:
    return quantity(count, "count", language) if count else text("words", "missing", language)
