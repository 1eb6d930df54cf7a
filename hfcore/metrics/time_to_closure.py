"""What happened to the households: by when each cause had ended how many stays.

Cumulative incidence, time in the intervention and time lost to each cause, for households that
are followed for unequally long.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.cohort import assign_cause
from hfcore.estimators import competing_risks, intervals
from hfcore.estimators.competing_risks import EventCounts
from hfcore.metrics.closures import (
    closure_share_entered,
    closure_share_naive,
    followed_points,
    variants,
)
from hfcore.metrics.contributions import has_stay
from hfcore.metrics.incidence_rows import (
    counted,
    difference_rows,
    incidence_rows,
    numbers_behind,
    remaining_rows,
    worth_at,
)
from hfcore.results import build_results, join_results, require_columns
from hfcore.study import Study

_NEEDED = ("group", "observed_months", "closure_reason", "closure_assessment", "record_key")


def cumulative_incidence(
    cohort: pd.DataFrame, study: Study, variant: str = "default"
) -> pd.DataFrame:
    """Share of households whose stay has ended by each cause, month by month since the start.

    Parameters
    ----------
    cohort : one row a household; ``observed_months`` is the whole calendar months from start to
        closure or cut-off, and a closure reason says that it closed.
    variant : which declared definition of the causes applies.

    Returns
    -------
    ``cumulative_incidence``: one row a group, cause and month 0 … horizon. ``n_events`` counts
    closures to the cause up to and including the month, ``n_at_risk`` the stays still followed
    and open as the month begins. ``still_in_intervention``: one row a month, participants only.
    Controls have rows for the causes that are recorded for any of them; the others are
    ``not_available``, as are months beyond the longest follow-up.

    Notes
    -----
    Estimand: the probability that a stay ends by the cause within so many months, the other
    causes competing. Stays that go on at the cut-off are censored, which is taken to be unrelated
    to how they would have ended. Exact with ties; pointwise log(−log) intervals, null where the
    share is 0 or 1.

    References
    ----------
    Aalen & Johansen (1978); Kalbfleisch & Prentice (2002), section 8.2.
    """
    require_columns(cohort, _NEEDED, "cohort")
    groups = _stays_by_group(assign_cause(cohort, study, variant))
    months = np.arange(study.definitions.horizon_months + 1)
    parts = []
    for group, stays in groups.items():
        rows = incidence_rows(stays, study.causes, months)
        rows = rows if group == "participant" else _only_recorded(rows, stays)
        parts.append(
            build_results(
                rows.assign(group=group, variant=variant),
                metric="cumulative_incidence",
                unit="share",
                method="aalen_johansen",
            )
        )
    remaining = remaining_rows(groups["participant"], study.causes, months)
    remaining = remaining.assign(group="participant", variant=variant)
    still = build_results(
        remaining, metric="still_in_intervention", unit="share", method="kaplan_meier"
    )
    return join_results(*parts, still)


def _stays_by_group(cohort: pd.DataFrame) -> dict[str, pd.DataFrame]:
    stays = cohort.loc[has_stay(cohort)]
    return {
        group: stays.loc[stays["group"].eq(group)]
        for group in ("participant", "control")
        if group == "participant" or cohort["group"].eq(group).any()
    }


def _only_recorded(rows: pd.DataFrame, stays: pd.DataFrame) -> pd.DataFrame:
    """Rows of a group in which only causes that were ever recorded can be told."""
    recorded = rows["cause"].isin(stays["cause"].dropna().unique())
    measured = ["estimate", "ci_low", "ci_high"]
    return rows.assign(
        **{column: rows[column].where(recorded) for column in measured},
        status=rows["status"].where(recorded, "not_available"),
    )


def restricted_time(cohort: pd.DataFrame, study: Study, variant: str = "default") -> pd.DataFrame:
    """Months in the intervention, and months since closure to each cause, up to fixed horizons.

    Returns
    -------
    One row a horizon (``month``): ``restricted_mean`` for participants and ``months_lost`` by
    cause, also for controls where the cause is recorded for them. Mean and losses add up to the
    horizon. Horizons are the measurement points and the study's horizon. ``n_events`` are those
    closed (so) by then. Null and ``too_few`` where fewer than the declared least number of
    households started so long before the end of follow-up; few at risk widen the intervals only.

    Notes
    -----
    Estimand: the mean of min(stay, horizon), and of the time between a closure to the cause and
    the horizon. Intervals with t(n − 1): for the mean estimate ± t × standard error, cut at 0 and
    the horizon; for the losses, which are lopsided where few close so, on the scale
    log(−log(1 − loss / horizon)). Null where nothing was seen to vary: nobody closed (so).

    References
    ----------
    Royston & Parmar (2013); Andersen (2013).
    """
    require_columns(cohort, _NEEDED, "cohort")
    groups = _stays_by_group(assign_cause(cohort, study, variant))
    parts = []
    for group, stays in groups.items():
        rows = _time_rows(stays, study)
        if group != "participant":
            rows = _only_recorded(rows.loc[rows["cause"].ne("")], stays)
        parts.append(rows.assign(group=group, variant=variant))
    rows = pd.concat(parts, ignore_index=True)
    is_mean = rows["cause"].eq("")
    metric = np.where(is_mean, "restricted_mean", "months_lost")
    method = np.where(is_mean, "restricted_t", "log_log_t")
    return build_results(rows.assign(metric=metric, method=method), unit="months")


def horizons(study: Study) -> list[int]:
    """The horizons at which times are told: measurement points and the study's horizon."""
    points = {*study.definitions.measurement_points_months, study.definitions.horizon_months}
    return sorted(point for point in points if point <= study.definitions.horizon_months)


def _time_rows(stays: pd.DataFrame, study: Study) -> pd.DataFrame:
    counts, at = counted(stays, study.causes), np.array(horizons(study))
    behind, worth = numbers_behind(stays, study.causes, at), worth_at(counts, at)
    parts = []
    for place, horizon in enumerate(at.tolist()):
        mean, mean_error = competing_risks.restricted_mean(counts, horizon)
        lost, lost_error = competing_risks.months_lost(counts, horizon)
        closed, keys = (behind[name][place] for name in ("n_events", "key_events"))
        rows = pd.DataFrame(
            {
                "cause": ["", *study.causes],
                "estimate": [mean, *lost],
                "error": [mean_error, *lost_error],
                "n_events": [closed.sum(), *closed],
                "key_events": [keys.sum(), *keys],
            }
        ).assign(n_started=behind["n_started"][place], worth=worth[place], month=horizon)
        parts.append(_judged(rows, counts, horizon, study).assign(key_n=behind["key_n"]))
    return pd.concat(parts, ignore_index=True)


def _judged(rows: pd.DataFrame, counts: EventCounts, horizon: int, study: Study) -> pd.DataFrame:
    """Add intervals, or say that too few started so long before the end of follow-up."""
    at_risk = int(competing_risks.at_risk_at(counts, [horizon])[0])
    allowed = rows["n_started"].iloc[0] >= study.definitions.min_households_interval
    low, high = _restricted_ends(rows, counts.n - 1, horizon)
    return rows.drop(columns="error").assign(
        estimate=rows["estimate"] if allowed else np.nan,
        ci_low=low if allowed else np.nan,
        ci_high=high if allowed else np.nan,
        n=counts.n,
        n_at_risk=at_risk,
        status="ok" if allowed else "too_few",
        df=float(counts.n - 1) if counts.n else np.nan,
    )


def _restricted_ends(rows: pd.DataFrame, df: int, horizon: int) -> intervals.Ends:
    """Intervals of the mean (empty cause) and of the losses; NaN where the error is 0."""
    of_mean = intervals.estimate_t(rows["estimate"], rows["error"].where(rows["error"] > 0), df)
    of_loss = intervals.mean_within(rows["estimate"], rows["error"], horizon, df)
    is_mean = rows["cause"].eq("")
    return tuple(
        np.where(is_mean, np.clip(mean, 0, horizon), loss)
        for mean, loss in zip(of_mean, of_loss, strict=True)
    )


def incidence_difference(
    cohort: pd.DataFrame, study: Study, variant: str = "default"
) -> pd.DataFrame:
    """How much larger the share closed to a cause is among participants than among controls.

    Returns
    -------
    One row a cause and month; ``not_available`` where the cause is not recorded for controls.
    n counts both groups, n_events the participants.

    Notes
    -----
    The groups are compared as they are. Interval from the two log(−log) intervals (MOVER); null
    where either share is 0 or 1.

    References
    ----------
    Zou & Donner (2008).
    """
    both = cumulative_incidence(cohort, study, variant)
    both = both.loc[both["metric"].eq("cumulative_incidence")]
    rows = difference_rows(both)
    return build_results(rows, metric="incidence_difference", unit="share", method="mover")


def definition_variants(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Each headline under all declared variants of the causes, side by side.

    Returns
    -------
    One row a metric, variant and cause: ``closure_share_naive`` (of the closed),
    ``closure_share_entered`` (of all that entered; of those followed for a year) and
    ``cumulative_incidence`` at that month, participants.
    """
    curves = [cumulative_incidence(cohort, study, variant) for variant in variants(study)]
    curve = join_results(*curves)
    is_headline = (
        curve["metric"].eq("cumulative_incidence")
        & curve["group"].eq("participant")
        & curve["month"].isin(followed_points(study))
    )
    return join_results(
        closure_share_naive(cohort, study),
        closure_share_entered(cohort, study),
        curve.loc[is_headline],
    )
