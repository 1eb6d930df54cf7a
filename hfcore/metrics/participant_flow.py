"""Who they are: the flow from referral to analysis, who lives there, how long on support before.

One row a household in, results out. ``trajectories`` passes these functions on.
"""

from __future__ import annotations

import pandas as pd

from hfcore.metrics.bands import band_labels, banded
from hfcore.metrics.contributions import (
    add_share,
    count_rows,
    distribution_rows,
    entered,
    has_stay,
    mean_rows,
)
from hfcore.results import build_results, join_results, require_columns
from hfcore.schema import GROUPS
from hfcore.study import Study

STEPS = (
    "referred",
    "not_started",
    "started",
    "end_before_start",
    "no_index_month",
    "analysed",
    "closed",
    "ongoing",
)


def household_counts(cohort: pd.DataFrame, persons: pd.DataFrame) -> pd.DataFrame:
    """How many households there are, and how many women, men and children live in them.

    Parameters
    ----------
    cohort : one row a household. Participants count once they have started; controls always.
    persons : one row a person: household_id, role, sex, record_key.

    Returns
    -------
    One row a metric (households, women, men, children) and group. Women and men are the adults;
    an adult of unknown sex is in neither.
    """
    require_columns(cohort, ("household_id", "group", "observed_months", "record_key"), "cohort")
    require_columns(persons, ("household_id", "role", "sex", "record_key"), "persons")
    counted = cohort.loc[has_stay(cohort) | cohort["group"].eq("control")]
    members = persons.merge(counted[["household_id", "group"]], on="household_id")
    adults = members.loc[members["role"].ne("child")]
    kinds = {
        "households": counted,
        "women": adults.loc[adults["sex"].eq("woman")],
        "men": adults.loc[adults["sex"].eq("man")],
        "children": members.loc[members["role"].eq("child")],
    }
    cells = {"group": GROUPS}
    return join_results(
        *(
            build_results(count_rows(frame, cells), metric=metric, unit="count", method="count")
            for metric, frame in kinds.items()
        )
    )


def flow(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """From referred to analysed: how many households at each step, and why the others are not.

    Returns
    -------
    One row a group and step (dimension ``step``). ``not_started`` (still in the queue or
    never began), ``end_before_start`` (dates that cannot be) and ``no_index_month`` (controls to
    whom no start was given) are the losses: referred = not_started + started, and started or
    control = losses + analysed; analysed = closed + ongoing for participants.
    """
    require_columns(cohort, ("group", "observed_months", "is_closed", "record_key"), "cohort")
    is_participant, is_started = cohort["group"].eq("participant"), _is_started(cohort)
    stays = has_stay(cohort)
    steps = {
        "referred": is_participant,
        "not_started": is_participant & ~is_started,
        "started": is_participant & is_started,
        "end_before_start": is_started & ~stays,
        "no_index_month": ~is_participant & ~is_started,
        "analysed": stays,
        "closed": is_participant & stays & cohort["is_closed"],
        "ongoing": is_participant & stays & ~cohort["is_closed"],
    }
    parts = [cohort.loc[where].assign(level=step) for step, where in steps.items()]
    cells = {"group": GROUPS, "level": STEPS}
    rows = count_rows(pd.concat(parts), cells)
    return build_results(rows, metric="flow", dimension="step", unit="count", method="count")


def _is_started(cohort: pd.DataFrame) -> pd.Series:
    return cohort["observed_months"].notna()


def support_duration(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How long the households had been on support when they started.

    Returns
    -------
    ``support_duration_at_start``: the mean in months by group. ``support_duration_band``: the
    share in each declared band (dimension ``months_on_support``, level ``0-5``, bounds included),
    and as a curve the share on support for at least ``month`` months (no dimension). Households
    whose first month on support is unknown are left out; n says how many are known.
    """
    require_columns(cohort, ("group", "months_on_support", "record_key"), "cohort")
    known = _with_stay_or_control(cohort)
    known = known.loc[known["months_on_support"].notna()]
    bands = study.definitions.duration_bands_months
    return join_results(
        build_results(
            mean_rows(known, {"group": GROUPS}, "months_on_support"),
            metric="support_duration_at_start",
            unit="months",
        ),
        _band_shares(known, bands),
        _at_least_shares(known, bands),
    )


def _with_stay_or_control(cohort: pd.DataFrame) -> pd.DataFrame:
    return cohort.loc[has_stay(cohort) | cohort["group"].eq("control")]


def _band_shares(known: pd.DataFrame, bounds: tuple[int, ...]) -> pd.DataFrame:
    banded_known = known.assign(level=banded(known["months_on_support"], bounds))
    rows = distribution_rows(banded_known, {"group": GROUPS}, {"level": band_labels(bounds)})
    constants = {"dimension": "months_on_support", "unit": "share"}
    return build_results(rows, metric="support_duration_band", **constants)


def _at_least_shares(known: pd.DataFrame, bounds: tuple[int, ...]) -> pd.DataFrame:
    """The share that had been on support for at least 0, 6, 12, … months (the first bound)."""
    points = list(range(0, 2 * bounds[-1] + 1, bounds[0]))
    reached = (known["months_on_support"].clip(0, points[-1]) // bounds[0]) * bounds[0]
    cells = {"group": GROUPS, "month": points[::-1]}
    at = count_rows(known.assign(month=reached.astype("int64")), cells)
    by_group = at.groupby("group", sort=False)[["n", "key_n"]]
    so_far, whole = by_group.cumsum(), by_group.transform("sum")
    rows = at.assign(
        n=whole["n"], key_n=whole["key_n"], n_events=so_far["n"], key_events=so_far["key_n"]
    )
    rows = add_share(rows).sort_values(["group", "month"], ascending=[False, True])
    return build_results(rows, metric="support_duration_band", unit="share")


def participation_mean(cohort: pd.DataFrame) -> pd.DataFrame:
    """Mean months from start to closure or cut-off, as the published reports count it.

    Stays that go on at the cut-off count as if they ended there, so the mean is too low.
    """
    require_columns(cohort, ("stay_months", "record_key"), "cohort")
    rows = mean_rows(entered(cohort), {"group": ["participant"]}, "stay_months")
    return build_results(rows, metric="participation_mean", unit="months")
