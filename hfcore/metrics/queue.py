"""From referral to start: how long the participants wait, with those who still do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import chi2

from hfcore.estimators import competing_risks, intervals
from hfcore.estimators.proportions import clopper_pearson
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


def queue_length(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How many participants wait on the last day of each month, and whether the queue will empty.

    Returns
    -------
    ``queue_length``: one row a month (``period``) from the first referral to the cut-off: referred
    by its last day and neither started nor gone by then. ``queue_pressure``: referrals per start of
    the last 12 months, with the exact interval of two Poisson counts. ``queue_forecast``: months
    until the queue is empty at that pace, those who leave it included; null and ``too_few`` where
    the referrals' interval does not lie below starts and leavers, so that the queue may be growing.

    Notes
    -----
    Length: a count of all, no interval; L(t) = L(t−1) + referred − started − left. Pressure λ/μ:
    λ of λ + μ is binomial; Clopper–Pearson's ends p become p / (1 − p). Forecast L / (μ + ω − λ)
    with ω the leavers, by month, and its ends by Garwood's interval of λ with μ + ω as they are.

    References
    ----------
    Clopper & Pearson (1934); Garwood (1936).
    """
    require_columns(cohort, _COHORT, "cohort")
    waiting = queue_times(cohort, study)
    cutoff = pd.Timestamp(study.cutoff)
    ended = waiting["started_on"].fillna(waiting["closed_on"])
    ended = ended.where(ended <= cutoff)
    if waiting.empty:
        absent = pd.DataFrame({"metric": ["queue_length"], "status": ["not_available"]})
        return build_results(absent, unit="count", group="participant")
    months = pd.period_range(waiting["referred_on"].min(), cutoff, freq="M")
    rows = []
    for month in months:
        day = min(month.end_time.normalize(), cutoff)
        is_in = (waiting["referred_on"] <= day) & ~(ended <= day).fillna(False)
        n = int(is_in.sum())
        key = waiting.loc[is_in, "record_key"].sum()
        rows.append({"period": str(month), "estimate": float(n), "n": n, "key_n": key})
    length = pd.DataFrame(rows).assign(metric="queue_length", unit="count", method="full_count")
    recent = months[-12:].min().start_time
    counts = [
        int(((days >= recent) & (days <= cutoff)).sum())
        for days in (
            waiting["referred_on"],
            waiting["started_on"],
            waiting["closed_on"].where(waiting["cause"].eq(OUTCOMES[1])),
        )
    ]
    pace = _pace(*counts, int(rows[-1]["n"]), min(len(months), 12))
    key = waiting["record_key"].sum()
    return build_results(
        pd.concat([length, pd.DataFrame(pace).assign(key_n=key)]), group="participant"
    )


def _pace(
    referred: int, started: int, left: int, length: int, months: int
) -> list[dict[str, object]]:
    low, high = (float(end) for end in clopper_pearson(referred, referred + started))
    known = started > 0
    pressure = {
        "metric": "queue_pressure",
        "unit": "ratio",
        "method": "exact_poisson_ratio",
        "estimate": referred / started if known else np.nan,
        "ci_low": low / (1 - low) if known else np.nan,
        "ci_high": high / (1 - high) if known else np.nan,
        "n": referred + started,
        "n_events": referred,
        "status": "ok" if known else "not_available",
    }
    ends = [chi2.ppf(0.025, 2 * referred) / 2 if referred else 0.0]
    ends.append(chi2.ppf(0.975, 2 * referred + 2) / 2)
    out = started + left
    empties = ends[1] < out
    forecast = {
        "metric": "queue_forecast",
        "unit": "months",
        "method": "outflow_minus_inflow",
        "estimate": length / (out - referred) * months if empties else np.nan,
        "ci_low": length / (out - ends[0]) * months if empties else np.nan,
        "ci_high": length / (out - ends[1]) * months if empties else np.nan,
        "n": length,
        "status": "ok" if empties else "too_few",
    }
    return [pressure, forecast]
