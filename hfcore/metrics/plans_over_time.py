"""Whether more adults have another plan at a later measurement point: the same adults twice.

The adults of a point are not those of another, so the shares side by side do not tell it: here
only adults observed at both points count.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from hfcore.estimators import intervals, proportions
from hfcore.metrics.contributions import count_rows
from hfcore.metrics.planning import adults_by_point, closer_to_work
from hfcore.results import build_results, join_results
from hfcore.schema import GROUPS
from hfcore.study import Study


def plan_changes_over_time(
    plans: pd.DataFrame, persons: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """How much larger the share with another plan is at a later point, among the same adults.

    Parameters
    ----------
    plans, persons, cohort : as ``planning.adults_by_point`` takes them.

    Returns
    -------
    ``plan_changed_over_time`` and ``plan_closer_over_time``, one row a group and pair of points
    (dimension ``months``, level ``6-12``: each point with the next, and the first with the last);
    later minus earlier. n counts the adults observed at both points, n_events those who have it at
    one of them only. Without a declared order the rows of ``plan_closer_over_time`` are
    ``not_available``.

    Notes
    -----
    Estimand: the difference of two shares of the same adults, both against their plan at start.
    Newcombe's paired interval on the effective number of adults: the variance of a mean change
    grows by 1 + (Σm²/n − 1) × ICC, with the correlation of the changes (−1, 0, 1) within
    households, pooled over the groups. It says nothing about adults not followed to the later
    point, nor what the intervention did: controls change too.

    References
    ----------
    Newcombe (1998) Stat Med 17:2635, method 10; Donner & Klar (2000), section 1.4.
    """
    points = adults_by_point(plans, persons, cohort, study)
    observed = points.loc[points["standing"].eq("observed")]
    closer = _rows(closer_to_work(points, study), "is_closer", study)
    if not study.definitions.plan_order:
        closer = closer.assign(status="not_available")
    constants = {"unit": "share", "method": "newcombe_paired_n_eff"}
    return join_results(
        build_results(
            _rows(observed, "is_changed", study), metric="plan_changed_over_time", **constants
        ),
        build_results(closer, metric="plan_closer_over_time", **constants),
    )


def point_pairs(study: Study) -> list[tuple[int, int]]:
    """Each measurement point with the next, and the first with the last.

    >>> from datetime import date
    >>> point_pairs(Study("s", {}, True, date(2020, 1, 1), 2020, ()))
    [(6, 12), (12, 18), (6, 18)]
    """
    points = sorted(study.definitions.measurement_points_months)
    pairs = list(pairwise(points))
    return pairs + [(points[0], points[-1])] * (len(points) > 2)


def pair_level(pair: tuple[int, int]) -> str:
    """How results name two points: ``6-12``."""
    return f"{pair[0]}-{pair[1]}"


def _rows(adults: pd.DataFrame, event: str, study: Study) -> pd.DataFrame:
    """Group by pair of points, zeros included."""
    parts = [
        _pair_rows(at_both(adults, event, pair)).assign(dimension="months", level=pair_level(pair))
        for pair in point_pairs(study)
    ]
    return pd.concat(parts) if parts else pd.DataFrame(columns=["group", "estimate"])


def at_both(adults: pd.DataFrame, event: str, pair: tuple[int, int]) -> pd.DataFrame:
    """The adults observed at both points: whether it held earlier and later, and the change."""
    earlier, later = (adults.loc[adults["month"].eq(month)] for month in pair)
    both = earlier.merge(later[["person_id", event]], on="person_id", suffixes=("", "_later"))
    both = both.assign(
        earlier=both[event].astype("int64"), later=both[f"{event}_later"].astype("int64")
    )
    return both.assign(change=both["later"] - both["earlier"])


def _pair_rows(both: pd.DataFrame) -> pd.DataFrame:
    alike = intervals.icc(
        both["change"], pd.factorize(both["household_id"])[0], pd.factorize(both["group"])[0]
    )
    sizes = both.groupby(["group", "household_id"]).size()
    squares = (sizes**2).groupby("group").sum().reindex(GROUPS).to_numpy(dtype="float64")
    cells = {
        name: _count(both, (both["earlier"].eq(earlier)) & (both["later"].eq(later)))
        for name, earlier, later in (
            ("both", 1, 1),
            ("gained", 0, 1),
            ("lost", 1, 0),
            ("neither", 0, 0),
        )
    }
    n = sum(cells.values())
    n_eff = intervals.effective_n(n, squares, alike)
    low, high = proportions.newcombe_paired(*cells.values(), n_eff=n_eff)
    one_only = count_rows(both.loc[both["change"].ne(0)], {"group": GROUPS})
    return count_rows(both, {"group": GROUPS}).assign(
        estimate=np.divide(cells["gained"] - cells["lost"], n, out=np.full(2, np.nan), where=n > 0),
        ci_low=low,
        ci_high=high,
        n_events=one_only["n"],
        key_events=one_only["key_n"],
        status=np.where(n > 0, "ok", "too_few"),
    )


def _count(both: pd.DataFrame, which: pd.Series) -> np.ndarray:
    return both.loc[which, "group"].value_counts().reindex(GROUPS, fill_value=0).to_numpy(float)
