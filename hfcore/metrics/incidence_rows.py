"""Curves of time to event as result rows: shares by month with the numbers and keys behind them.

Below the metrics that draw such curves. Each takes one row a household: ``observed_months`` (whole
months from 0), ``cause`` (null where no event was seen), ``record_key`` and, where it is known,
``followup_months`` (how long it could have been followed, closed or not).

For protection a row says beside n, n_events and n_at_risk how many are known *not* to have closed
so by the month (``n_others``), how many started that long before the end of follow-up
(``n_started``), and for how many of n independent households each counts (``worth``).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators import competing_risks, intervals
from hfcore.estimators.competing_risks import EventCounts


def coded(stays: pd.DataFrame, causes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Months and cause numbers of stays: 0 is ongoing, 1 … in the declared order."""
    months = stays["observed_months"].to_numpy(dtype="int64")
    codes = pd.Categorical(stays["cause"], categories=list(causes)).codes.astype("int64") + 1
    return months, codes


def counted(stays: pd.DataFrame, causes: tuple[str, ...]) -> EventCounts:
    """The stays counted by month and cause."""
    return competing_risks.count_events(*coded(stays, causes), len(causes))


def incidence_rows(
    stays: pd.DataFrame, causes: tuple[str, ...], months: np.ndarray
) -> pd.DataFrame:
    """One row a cause and month: share, log(−log) interval, and the numbers and keys behind.

    ``n_events`` are cumulative, ``n_at_risk`` are those at risk as the month begins. Months beyond
    the longest follow-up are ``not_available``; without any household all are ``too_few``.
    """
    counts = counted(stays, causes)
    share, error = competing_risks.aalen_johansen(counts)
    behind = numbers_behind(stays, causes, months)
    wide = {
        "estimate": competing_risks.at_times(counts, share, months),
        "error": competing_risks.at_times(counts, error, months),
        "n_events": behind["n_events"],
        "key_events": behind["key_events"],
        "n_others": behind["n_known"][:, None] - behind["n_events"],
        "key_others": behind["key_known"][:, None] - behind["key_events"],
    }
    rows = pd.DataFrame({name: values.T.ravel() for name, values in wide.items()}).assign(
        cause=np.repeat(causes, len(months)), month=np.tile(months, len(causes))
    )
    low, high = intervals.log_log(rows["estimate"], rows["error"])
    rows = rows.drop(columns="error").assign(ci_low=low, ci_high=high)
    return _with_risk(rows, counts, behind, months, repeats=len(causes))


def remaining_rows(
    stays: pd.DataFrame, causes: tuple[str, ...], months: np.ndarray
) -> pd.DataFrame:
    """One row a month: the share without any event, with interval, numbers and keys."""
    counts = counted(stays, causes)
    survival, error = competing_risks.kaplan_meier(counts)
    at = competing_risks.at_times(counts, survival, months, start=1.0)
    low, high = intervals.log_log(1 - at, competing_risks.at_times(counts, error, months))
    behind = numbers_behind(stays, causes, months)
    closed, keys = (behind[name].sum(axis=1) for name in ("n_events", "key_events"))
    rows = pd.DataFrame(
        {
            "month": months,
            "estimate": at,
            "ci_low": 1 - high,
            "ci_high": 1 - low,
            "n_events": closed,
            "key_events": keys,
            "n_others": behind["n_known"] - closed,
            "key_others": behind["key_known"] - keys,
        }
    )
    return _with_risk(rows, counts, behind, months, repeats=1)


def _with_risk(
    rows: pd.DataFrame, counts: EventCounts, behind: dict, months: np.ndarray, repeats: int
) -> pd.DataFrame:
    known = np.tile(competing_risks.is_known_at(counts, months), repeats)
    status = np.where(known, "ok", "not_available" if counts.n else "too_few")
    measured = ["estimate", "ci_low", "ci_high"]
    return rows.assign(
        **{column: rows[column].where(known) for column in measured},
        status=status,
        n=counts.n,
        key_n=behind["key_n"],
        n_at_risk=np.tile(competing_risks.at_risk_at(counts, months), repeats),
        key_at_risk=np.tile(behind["key_at_risk"], repeats),
        n_started=np.tile(behind["n_started"], repeats),
        worth=np.tile(worth_at(counts, months), repeats),
    )


def worth_at(counts: EventCounts, months: np.ndarray) -> np.ndarray:
    """For how many of n independent households each counts, by what the share still in says.

    S (1 − S) / var(S) / n, all causes together (Cutler & Ederer 1958); 1 where nobody or everybody
    has closed.
    """
    survival, error = competing_risks.kaplan_meier(counts)
    still, spread = (
        competing_risks.at_times(counts, each, months, start)
        for each, start in ((survival, 1.0), (error, 0.0))
    )
    variance = spread**2 * counts.n
    whole = np.ones(len(still))
    return np.divide(still * (1 - still), variance, out=whole, where=variance > 0)


def numbers_behind(stays: pd.DataFrame, causes: tuple[str, ...], months: np.ndarray) -> dict:
    """Numbers and record keys of who had closed by, was known to, and was at risk in, each month.

    Arrays by name: n_events and key_events of shape (months, causes), the others (months,).
    Known are all but those whose follow-up ended before the month without a closure.
    """
    time, code = coded(stays, causes)
    key = stays["record_key"].to_numpy(dtype="float64")
    beyond, width = int(np.max(months)) + 1, len(causes) + 1
    cell = np.minimum(time, beyond) * width + code
    number, keys = (
        np.bincount(cell, weights=weights, minlength=(beyond + 1) * width).reshape(-1, width)
        for weights in (None, key)
    )
    left = keys.sum(axis=1)
    lost, lost_keys = (np.append(0, each[:, 0].cumsum())[months] for each in (number, keys))
    followed = stays["followup_months" if "followup_months" in stays else "observed_months"]
    reach = np.clip(followed.to_numpy(dtype="float64", na_value=-1), -1, beyond).astype("int64")
    started = np.bincount(reach + 1, minlength=beyond + 2)[::-1].cumsum()[::-1]
    return {
        "n_events": number[:, 1:].cumsum(axis=0)[months],
        "key_events": keys[:, 1:].cumsum(axis=0)[months],
        "key_at_risk": left[::-1].cumsum()[::-1][months],
        "key_n": left.sum(),
        "n_known": len(stays) - lost,
        "key_known": left.sum() - lost_keys,
        "n_started": started[np.asarray(months) + 1],
    }


def difference_rows(both: pd.DataFrame) -> pd.DataFrame:
    """Participants − controls of two groups of curves that hold the same rows in the same order.

    n counts both groups, n_events the participants. The interval comes from the two log(−log)
    intervals (MOVER) and is null where either is.
    """
    first = both.loc[both["group"].eq("participant")].reset_index(drop=True)
    other = both.loc[both["group"].eq("control")].reset_index(drop=True)
    if other.empty:
        unknown = dict.fromkeys(("estimate", "ci_low", "ci_high"), np.nan)
        other = first.assign(**unknown, n=0, key_n=0.0, status="not_available")
    ends = [(each["ci_low"], each["ci_high"]) for each in (first, other)]
    low, high = intervals.difference_of(first["estimate"], ends[0], other["estimate"], ends[1])
    known = first["status"].eq("ok") & other["status"].eq("ok")
    return first[["variant", "cause", "month"]].assign(
        group="difference",
        estimate=first["estimate"] - other["estimate"],
        ci_low=low,
        ci_high=high,
        n=first["n"] + other["n"],
        n_events=first["n"],
        key_n=first["key_n"] + other["key_n"],
        key_events=first["key_n"],
        df=(np.minimum(first["n"], other["n"]) - 1).astype("float64"),
        status=np.where(known, "ok", "not_available"),
    )
