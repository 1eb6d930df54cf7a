"""The curves again for groups of households, each only where it is large enough to be told."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.cohort import assign_cause
from hfcore.estimators import competing_risks, intervals
from hfcore.metrics.bands import band_labels, banded
from hfcore.metrics.contributions import entered
from hfcore.metrics.incidence_rows import counted, incidence_rows
from hfcore.results import build_results, require_columns
from hfcore.study import Study

_NEEDED = (
    "observed_months",
    "closure_reason",
    "closure_assessment",
    "applicant_is_woman",
    "children",
    "months_on_support",
    "start_month",
    "record_key",
)


def label_groups(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Each household's label in each dimension (one column a dimension); null where unknown.

    The dimensions: sex of the applicant, children at start, months on support at start, and
    whether the start was before or after the declared month (``split_month``).
    """
    require_columns(cohort, _NEEDED, "cohort")
    definitions = study.definitions
    is_late = cohort["start_month"].ge(pd.Timestamp(definitions.split_month))
    return pd.DataFrame(
        {
            "applicant_sex": cohort["applicant_is_woman"].map({1.0: "woman", 0.0: "man"}),
            "children": banded(cohort["children"], definitions.children_bands),
            "months_on_support": banded(
                cohort["months_on_support"], definitions.duration_bands_months
            ),
            "start": is_late.map({True: "from", False: "before"}).where(
                cohort["start_month"].notna()
            ),
        }
    )


def part_of(dimension: str, level: str, study: Study) -> dict[str, str]:
    """The columns of results that name a group; for ``start`` the period is the parting month."""
    period = study.definitions.split_month if dimension == "start" else ""
    return {"dimension": dimension, "level": level, "period": period}


def group_levels(study: Study) -> dict[str, list[str]]:
    """Every declared dimension with its levels, in the order in which they are shown."""
    definitions = study.definitions
    return {
        "applicant_sex": ["woman", "man"],
        "children": band_labels(definitions.children_bands),
        "months_on_support": band_labels(definitions.duration_bands_months),
        "start": ["before", "from"],
    }


def incidence_by_group(
    cohort: pd.DataFrame, study: Study, variant: str = "default"
) -> pd.DataFrame:
    """Cumulative incidence of every cause by month, for groups of participants.

    Returns
    -------
    One row a group (dimension and level), cause and month 0 … horizon; ``too_few`` and null
    where the group has fewer than ``min_households_group`` households.

    Notes
    -----
    Estimand and intervals as in ``trajectories.cumulative_incidence``. The groups differ in more
    than their label: a difference between them is not caused by it.
    """
    stays = assign_cause(entered(cohort), study, variant)
    labels = label_groups(stays, study)
    months = np.arange(study.definitions.horizon_months + 1)
    parts = []
    for dimension, levels in group_levels(study).items():
        for level in levels:
            group = stays.loc[labels[dimension].eq(level)]
            rows = incidence_rows(group, study.causes, months)
            rows = rows.assign(**part_of(dimension, level, study))
            parts.append(gated(rows, len(group) >= study.definitions.min_households_group))
    rows = pd.concat(parts, ignore_index=True).assign(group="participant", variant=variant)
    return build_results(rows, metric="cumulative_incidence", unit="share", method="aalen_johansen")


def gated(rows: pd.DataFrame, is_large: bool) -> pd.DataFrame:
    """The rows, with their figures taken away where a group is too small to be told."""
    if is_large:
        return rows
    return rows.assign(estimate=np.nan, ci_low=np.nan, ci_high=np.nan, status="too_few")


def detectable_shares(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The smallest difference in the share closed to each cause that so few households can show.

    Returns
    -------
    One row a cause: how much larger the share closed to it within the declared months (``month``)
    would have to be in another, equally large group, for four of five such comparisons to see it.
    Null and ``too_few`` where even a share of 1 would be missed or the share is unknown. n counts
    all households.

    Notes
    -----
    Both groups count for as many households as are effectively followed to the month: those
    followed to the end of whom a plain share would be as uncertain, F (1 − F) / var(F).

    References
    ----------
    Fleiss, Levin & Paik (2003), equation 4.14: 80 % power, two-sided 5 %; Cutler & Ederer (1958)
    for the effective number.
    """
    stays = assign_cause(entered(cohort), study)
    month = study.definitions.reactivation_window_months
    rows = incidence_rows(stays, study.causes, np.array([month]))
    n = _effectively_followed(stays, study, month)
    found = intervals.detectable_difference(n, n, rows["estimate"].to_numpy())
    told = rows[["cause", "month", "n", "key_n"]].assign(
        group="participant",
        estimate=found,
        status=np.where(np.isnan(found), "too_few", "ok"),
    )
    return build_results(
        told, metric="detectable_difference", unit="share", method="two_shares_80_percent"
    )


def _effectively_followed(stays: pd.DataFrame, study: Study, month: int) -> np.ndarray:
    """For each cause how many households followed to the month the others are worth.

    Where none or all have closed to the cause: those whose stay to the month is known.
    """
    counts = counted(stays, study.causes)
    share, error = (
        competing_risks.at_times(counts, each, [month])[0]
        for each in competing_risks.aalen_johansen(counts)
    )
    is_known = stays["cause"].notna() | stays["observed_months"].ge(month)
    spread = share * (1 - share)
    worth = np.full(len(share), float(is_known.sum()))
    return np.divide(spread, error**2, out=worth, where=(spread > 0) & (error > 0))
