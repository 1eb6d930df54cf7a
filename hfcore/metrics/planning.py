"""What adults are set to do after some months, against what they were set to do at the start.

The unit is the adult; two adults of a household resemble each other, so intervals count them as
fewer than they are.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from hfcore.metrics.clustered_shares import (
    detectable_differences,
    robust_differences,
    shares_and_differences,
)
from hfcore.metrics.contributions import count_rows
from hfcore.results import build_results, join_results, require_columns
from hfcore.schema import GROUPS
from hfcore.study import Study

_COHORT = (
    "household_id",
    "group",
    "started_on",
    "start_month",
    "followup_months",
    "month_closed",
    "closure_reason",
    "record_key",
)
_GONE = ("moved", "deceased")
STANDINGS = (
    "started",
    "observed",
    "not_followed_long_enough",
    "no_plan_at_start",
    "moved_or_deceased",
)


def adults_by_point(
    plans: pd.DataFrame, persons: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """Each adult at each measurement point: the plan at start, the plan then, and who is counted.

    Parameters
    ----------
    plans : one row a plan: person_id, from_on, plan; it holds until the person's next one.
    persons : one row a person: person_id, household_id, role, record_key.
    cohort : one row a household with a start (participants, and controls with an index date).

    Returns
    -------
    One row an adult and point (``month``): household_id, group, record_key, household_key,
    plan_at_start, plan, ``standing`` (observed, not_followed_long_enough, no_plan_at_start) and
    ``is_gone`` (the household had moved or somebody had died by then).

    Notes
    -----
    The plan at a point is the one in force on the day so many calendar months after the start
    (for a control without a day: after the first of its index month). An adult is followed to a
    point that lies no later than the cut-off, whether or not the stay has closed.
    """
    require_columns(plans, ("person_id", "from_on", "plan"), "plans")
    require_columns(persons, ("person_id", "household_id", "role", "record_key"), "persons")
    require_columns(cohort, _COHORT, "cohort")
    adults = _adults(persons, cohort)
    held = adults[["person_id", "start"]].merge(plans, on="person_id")
    held = held.sort_values(["person_id", "from_on"], kind="stable")
    at_start = _in_force(held, 0)
    points = [
        adults.assign(
            month=month,
            plan_at_start=adults["person_id"].map(at_start).astype("str"),
            plan=adults["person_id"].map(_in_force(held, month)).astype("str"),
        )
        for month in study.definitions.measurement_points_months
    ]
    return _with_standing(pd.concat(points, ignore_index=True))


def _adults(persons: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    started = cohort.assign(start=cohort["started_on"].fillna(cohort["start_month"]))
    started = started.loc[started["start"].notna()]
    months = started["month_closed"].where(started["closure_reason"].isin(_GONE))
    households = started.assign(month_gone=months).rename(columns={"record_key": "household_key"})
    columns = [
        "household_id",
        "group",
        "start",
        "followup_months",
        "month_gone",
        "household_key",
    ]
    adults = persons.loc[persons["role"].ne("child"), ["person_id", "household_id", "record_key"]]
    return adults.merge(households[columns], on="household_id").sort_values(
        ["group", "household_id", "person_id"], ignore_index=True
    )


def _in_force(held: pd.DataFrame, month: int) -> pd.Series:
    """The plan of each person on the day so many months after the start, by person_id."""
    begun = held.loc[held["from_on"] <= held["start"] + pd.DateOffset(months=month)]
    return begun.drop_duplicates("person_id", keep="last").set_index("person_id")["plan"]


def _with_standing(points: pd.DataFrame) -> pd.DataFrame:
    month = points["month"].astype("Int64")
    is_followed = points["followup_months"].ge(month).fillna(False).astype(bool)
    has_start = points["plan_at_start"].notna()
    standing = np.select(
        [is_followed & has_start, ~is_followed],
        ["observed", "not_followed_long_enough"],
        "no_plan_at_start",
    )
    is_changed = points["plan"].ne(points["plan_at_start"])
    return points.assign(
        standing=standing,
        is_changed=is_changed,
        is_gone=points["month_gone"].le(month).fillna(False).astype(bool),
    )


def plan_changed(
    plans: pd.DataFrame, persons: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """Share of adults with another plan than at start, by group and measurement point.

    Returns
    -------
    ``plan_changed`` and ``plan_unchanged`` by group and month, and ``plan_changed_difference``
    (participants − controls). n counts adults; their households, and the adults that are not in
    the denominator, stand in ``plan_flow``. A difference counts both groups in n and the
    participants in n_events. Variant ``without_moved`` leaves out adults whose household had moved
    or lost a member by then; variant ``cluster_robust`` of the difference is the linear model.

    Notes
    -----
    Estimand: the share among adults with a plan at start who are followed to the point. Shares:
    Wilson's interval, differences: Newcombe's, both on the effective numbers of adults from the
    correlation within households, pooled over the groups. ``cluster_robust``: CR2 error and
    Satterthwaite degrees of freedom, which may miss in small samples of rare plans.

    References
    ----------
    Newcombe (1998), method 10; Rao & Scott (1992); Pustejovsky & Tipton (2018).
    """
    points = adults_by_point(plans, persons, cohort, study)
    observed = points.loc[points["standing"].eq("observed")]
    months = study.definitions.measurement_points_months
    variants = {"default": observed, "without_moved": observed.loc[~observed["is_gone"]]}
    parts = []
    for variant, adults in variants.items():
        shares, differences = shares_and_differences(adults, "is_changed", months)
        parts += [
            build_results(shares, metric="plan_changed", unit="share", variant=variant),
            build_results(
                _complement(shares), metric="plan_unchanged", unit="share", variant=variant
            ),
            build_results(
                differences, metric="plan_changed_difference", unit="share", variant=variant
            ),
        ]
    robust = build_results(
        robust_differences(observed, "is_changed", months),
        metric="plan_changed_difference",
        unit="share",
        variant="cluster_robust",
        method="cr2",
    )
    return join_results(*parts, robust)


def _complement(shares: pd.DataFrame) -> pd.DataFrame:
    return shares.assign(
        estimate=1 - shares["estimate"],
        ci_low=1 - shares["ci_high"],
        ci_high=1 - shares["ci_low"],
        n_events=shares["n"] - shares["n_events"],
        key_events=shares["key_n"] - shares["key_events"],
    )


def plan_closer_to_work(
    plans: pd.DataFrame, persons: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """Share of adults whose plan is closer to work than at start, by group and measurement point.

    The study declares the order of the plans, the one nearest to work first. Adults with a plan
    outside the order, then or at start, are not counted. Without a declared order the rows are
    ``not_available``. Rows and intervals as in ``plan_changed``.
    """
    points = adults_by_point(plans, persons, cohort, study)
    closer = closer_to_work(points, study)
    months = study.definitions.measurement_points_months
    shares, differences = shares_and_differences(closer, "is_closer", months)
    rows = pd.concat([shares, differences], ignore_index=True)
    if not study.definitions.plan_order:
        rows = rows.assign(status="not_available")
    return build_results(rows, metric="plan_closer_to_work", unit="share")


def closer_to_work(points: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The observed adults whose plans, then and at start, have a place in the declared order.

    Rows of ``adults_by_point`` with ``is_closer``: the plan then is nearer to work.
    """
    distance = {plan: place for place, plan in enumerate(study.definitions.plan_order)}
    then, at_start = (
        points[column].map(distance).astype("float64") for column in ("plan", "plan_at_start")
    )
    is_counted = points["standing"].eq("observed") & then.notna() & at_start.notna()
    return points.assign(is_closer=then < at_start).loc[is_counted]


def detectable_plans(
    plans: pd.DataFrame, persons: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """The smallest difference in the share with another plan that so few adults can show.

    Returns
    -------
    ``detectable_difference`` with ``cause`` plan_changed, one row a measurement point: by how much
    the share among participants would have to exceed that among controls for four of five such
    comparisons to see it. n counts both groups' adults, n_events the participants.

    References
    ----------
    Fleiss, Levin & Paik (2003), equation 4.14, on the effective numbers of adults.
    """
    points = adults_by_point(plans, persons, cohort, study)
    observed = points.loc[points["standing"].eq("observed")]
    months = study.definitions.measurement_points_months
    rows = detectable_differences(observed, "is_changed", months).assign(cause="plan_changed")
    return build_results(
        rows, metric="detectable_difference", unit="share", method="two_shares_80_percent"
    )


def plan_transitions(
    plans: pd.DataFrame, persons: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """How many adults went from which plan to which, by group and measurement point.

    Returns
    -------
    One row a group, point and pair of plans (dimension ``transition``, level ``from>to``), zeros
    included; codes that the study does not declare come last. The adults are those of
    ``plan_changed`` and add up to its n.
    """
    points = adults_by_point(plans, persons, cohort, study)
    observed = points.loc[points["standing"].eq("observed")]
    pair = observed["plan_at_start"] + ">" + observed["plan"]
    declared = study.definitions.plans
    codes = [*declared, *sorted(set(plans["plan"].dropna()) - set(declared))]
    cells = {
        "group": GROUPS,
        "month": study.definitions.measurement_points_months,
        "level": [f"{start}>{then}" for start, then in product(codes, codes)],
    }
    rows = count_rows(observed.assign(level=pair), cells)
    return build_results(rows, metric="flow", dimension="transition", unit="count", method="count")


def plan_pairs(transitions: pd.DataFrame) -> pd.DataFrame:
    """The plan at the start and the plan then (start, then) of each row of ``plan_transitions``."""
    pairs = transitions["level"].str.split(">", n=1, expand=True)
    return pairs.reindex(columns=[0, 1]).set_axis(["start", "then"], axis=1)


def plan_flow(
    plans: pd.DataFrame, persons: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """How many adults are in the denominator at each point, and why the others are not.

    Returns
    -------
    One row a group, point and level of ``adults``: ``started``, who are either ``observed``,
    ``not_followed_long_enough`` or ``no_plan_at_start``; ``moved_or_deceased`` are some of the
    observed. Level ``observed`` of ``households`` are the households of the observed adults.
    """
    points = adults_by_point(plans, persons, cohort, study)
    observed = points.loc[points["standing"].eq("observed")]
    homes = observed.drop_duplicates(["month", "household_id"])
    parts = [
        points.assign(level="started"),
        points.assign(level=points["standing"]),
        observed.loc[observed["is_gone"]].assign(level="moved_or_deceased"),
        homes.assign(level="households", record_key=homes["household_key"]),
    ]
    cells = {
        "group": GROUPS,
        "month": study.definitions.measurement_points_months,
        "level": [*STANDINGS, "households"],
    }
    rows = count_rows(pd.concat(parts, ignore_index=True), cells)
    is_home = rows["level"].eq("households")
    rows = rows.assign(
        dimension=np.where(is_home, "households", "adults"),
        level=rows["level"].mask(is_home, "observed"),
    )
    return build_results(rows, metric="flow", unit="count", method="count")
