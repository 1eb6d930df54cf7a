"""From referral to start: how long the participants wait, with those who still do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators import competing_risks, intervals
from hfcore.metrics.contributions import entered, mean_rows
from hfcore.metrics.incidence_rows import counted, incidence_rows, numbers_behind, worth_at
from hfcore.results import build_results, join_results, require_columns
from hfcore.study import Study, month_number

OUTCOMES = ("queue_started", "queue_left")
_COHORT = ("group", "referred_on", "started_on", "closed_on", "record_key")


def queue_wait(cohort: pd.DataFrame) -> pd.DataFrame:
    """How many months the participants waited from referral to start, on average.

    Only those who started and whose referral is known: who still waits is not in it, so the mean
    is too low where the queue is long.
    """
    require_columns(cohort, ("queue_months", "record_key"), "cohort")
    rows = mean_rows(entered(cohort), {"group": ["participant"]}, "queue_months")
    return build_results(rows, metric="queue_wait", unit="months")


def queue_times(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The referred participants with how long they were in the queue and what ended it.

    Returns
    -------
    One row a participant whose referral is known: ``observed_months`` in whole calendar months,
    and ``cause`` queue_started, queue_left (closed without a start) or null (waits at the
    cut-off). A start or closure before the referral or after the cut-off is left out as such: the
    former with its household, the latter as if it still waited.
    """
    require_columns(cohort, _COHORT, "cohort")
    is_referred = cohort["group"].eq("participant") & cohort["referred_on"].notna()
    waiting, cutoff = cohort.loc[is_referred], pd.Timestamp(study.cutoff)
    start, left = (waiting[name].where(waiting[name] <= cutoff) for name in _COHORT[2:4])
    cause = pd.Series(None, index=waiting.index, dtype="str")
    cause = cause.mask(left.notna(), OUTCOMES[1]).mask(start.notna(), OUTCOMES[0])
    end = start.fillna(left).fillna(cutoff)
    referred = month_number(waiting["referred_on"])
    months = (month_number(end) - referred).astype("Int64")
    followed = month_number(pd.Series(cutoff, index=waiting.index)) - referred
    return waiting.assign(observed_months=months, followup_months=followed, cause=cause).loc[
        months >= 0
    ]


def queue_incidence(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The share of those referred that has started, month by month, and the mean wait within.

    Parameters
    ----------
    cohort : one row a household with its dates.

    Returns
    -------
    ``queue_incidence``: one row an outcome (``cause`` queue_started, queue_left) and month since
    the referral, 0 … the study's horizon, as ``cumulative_incidence``.
    ``queue_restricted_mean``: mean months in the queue within ``reactivation_window_months``
    (``month``); ``n_at_risk`` are those still waiting then. Null and ``too_few`` where fewer
    households than an interval needs were referred so long before the cut-off.

    Notes
    -----
    Estimand: the probability of a start within so many months of the referral, leaving the queue
    competing; and the mean of min(wait, horizon), whatever ends it. Households that wait at the
    cut-off are censored. ``queue_wait`` leaves them out. Whole calendar months: a wait within a
    month is 0. Intervals: log(−log); of the mean ± t(n − 1), null where all waited alike.

    References
    ----------
    Aalen & Johansen (1978); Royston & Parmar (2013).
    """
    waiting = queue_times(cohort, study)
    months = np.arange(study.definitions.horizon_months + 1)
    shares = incidence_rows(waiting, OUTCOMES, months)
    mean = _mean_wait(waiting, study)
    constants = {"group": "participant"}
    return join_results(
        build_results(
            shares, metric="queue_incidence", unit="share", method="aalen_johansen", **constants
        ),
        build_results(
            mean, metric="queue_restricted_mean", unit="months", method="restricted_t", **constants
        ),
    )


def _mean_wait(waiting: pd.DataFrame, study: Study) -> pd.DataFrame:
    horizon = study.definitions.reactivation_window_months
    counts = counted(waiting, OUTCOMES)
    mean, error = competing_risks.restricted_mean(counts, horizon)
    low, high = intervals.estimate_t(mean, error if error > 0 else np.nan, counts.n - 1)
    behind = numbers_behind(waiting, OUTCOMES, np.array([horizon]))
    allowed = behind["n_started"][0] >= study.definitions.min_households_interval
    return pd.DataFrame(
        {
            "month": [horizon],
            "estimate": [mean if allowed else np.nan],
            "ci_low": [max(float(low), 0) if allowed else np.nan],
            "ci_high": [min(float(high), horizon) if allowed else np.nan],
            "n": [counts.n],
            "key_n": [waiting["record_key"].sum()],
            "n_events": behind["n_events"].sum(axis=1),
            "key_events": behind["key_events"].sum(axis=1),
            "n_started": behind["n_started"],
            "worth": worth_at(counts, np.array([horizon])),
            "n_at_risk": [int(competing_risks.at_risk_at(counts, [horizon])[0])],
            "df": [float(counts.n - 1) if counts.n else np.nan],
            "status": ["ok" if allowed else "too_few"],
        }
    )
