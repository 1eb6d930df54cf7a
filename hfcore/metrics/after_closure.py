"""What came after the project's own closures: whether payments stopped, and who came back.

Below ``spells``, which reads exits from the payments alone and passes these functions on.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators import intervals
from hfcore.estimators.multistate import UNKNOWN, occupation
from hfcore.metrics.contributions import count_rows, entered, has_stay
from hfcore.metrics.paid_months import PaidMonths, any_paid, first_gap, first_return, paid_months
from hfcore.results import build_results, require_columns
from hfcore.study import Study

_COHORT = ("month_closed", "cause")
# The states that a stay passes through.
_OPEN, _CLOSED_SO, _BACK, _CLOSED_ELSE = range(4)


def closed_spells(paid: PaidMonths, cause: str, gap: int) -> pd.DataFrame:
    """Participants closed to a cause: the first gap from the month of closure on."""
    households = paid.households
    closed = households["month_closed"].to_numpy(dtype="float64", na_value=np.nan)
    stopped = first_gap(paid, gap, np.nan_to_num(closed, nan=0.0))
    spells = households.assign(
        exit_month=np.where(stopped <= closed + 1, stopped, np.nan),
        return_month=first_return(paid, stopped),
        gone_month=np.nan,
        last_known=paid.last_known,
    )
    return spells.loc[spells["group"].eq("participant") & spells["cause"].eq(cause)]


def back_since_start(
    paid: PaidMonths, closed: pd.DataFrame, cause: str, months: np.ndarray
) -> pd.DataFrame:
    """The share of participants that closed to a cause and are back on support, by month.

    ``closed`` are the rows of ``closed_spells``. A closed stay is followed as long as the payment
    export reaches, an open one to the cut-off.
    """
    households = paid.households.assign(last_known=paid.last_known)
    stays = households.loc[households["group"].eq("participant") & has_stay(households)]
    back = closed["return_month"].where(closed["exit_month"].notna()).reindex(stays.index)
    paths = _paths(stays, back, cause, months)
    found = occupation(paths, 4)
    low, high = intervals.log_log(found.share[:, _BACK], found.error[:, _BACK])
    rows = pd.DataFrame(
        {
            "month": months,
            "estimate": found.share[:, _BACK],
            "ci_low": low,
            "ci_high": high,
        }
    )
    unknown = "not_available" if len(stays) else "too_few"
    measured = ["estimate", "ci_low", "ci_high"]
    started = stays["followup_months"].to_numpy(dtype="float64", na_value=np.nan)[:, None] >= months
    numbered = _with_numbers(rows, paths, stays["record_key"].to_numpy(dtype="float64"))
    return numbered.assign(
        n_started=started.sum(axis=0),
        **{column: rows[column].where(found.is_known) for column in measured},
        status=np.where(found.is_known, "ok", unknown),
        group="participant",
        variant="default",
        dimension="since",
        level="start",
        cause="",
        method="aalen_johansen_states",
    )


def _paths(stays: pd.DataFrame, back: pd.Series, cause: str, months: np.ndarray) -> np.ndarray:
    """Each stay's state before month 0 and in each month, as ``occupation`` takes them."""
    left, observed, back = (
        each.astype("Float64").to_numpy(dtype="float64", na_value=np.inf)[:, None]
        for each in (stays["month_closed"], stays["observed_months"], back)
    )
    is_so = stays["cause"].eq(cause).to_numpy()[:, None]
    kinds = [months >= back, is_so & (months >= left), months >= left]
    state = np.select(kinds, [_BACK, _CLOSED_SO, _CLOSED_ELSE], _OPEN)
    end = np.where(is_so, np.maximum(left, stays["last_known"].to_numpy()[:, None]), observed)
    # Nothing follows a return or another closure: these states are known for ever.
    is_known = (months <= end) | (state >= _BACK)
    return np.column_stack([np.full(len(stays), _OPEN), np.where(is_known, state, UNKNOWN)])


def _with_numbers(rows: pd.DataFrame, paths: np.ndarray, keys: np.ndarray) -> pd.DataFrame:
    """Add how many there are, are back by, and were still followed and not back before a month."""
    is_back = paths[:, 1:] == _BACK
    is_known = paths[:, 1:] != UNKNOWN
    is_followed = (paths[:, :-1] <= _CLOSED_SO) & is_known
    return rows.assign(
        n=len(paths),
        key_n=keys.sum(),
        n_events=is_back.sum(axis=0),
        key_events=keys @ is_back,
        n_at_risk=is_followed.sum(axis=0),
        key_at_risk=keys @ is_followed,
        n_others=(is_known & ~is_back).sum(axis=0),
        key_others=keys @ (is_known & ~is_back),
        worth=is_known.sum(axis=0) / max(len(paths), 1),
    )


def closures_against_payments(
    cohort: pd.DataFrame, payments: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """The project's closures to the first declared cause, held against what was paid after.

    Returns
    -------
    One row a level of ``payments``: ``closed`` (so many closed), of whom ``still_paid`` in some
    of the gap's months after the month of closure, ``stopped``, and ``unknown`` where the export
    does not reach so far; and ``open_without_payment``: ongoing stays without payment in the
    gap's last known months.
    """
    require_columns(cohort, _COHORT, "cohort")
    paid = paid_months(entered(cohort), payments, study)
    households, gap = paid.households, study.definitions.exit_gap_months
    closed = households["month_closed"].to_numpy(dtype="float64", na_value=np.nan)
    is_known = closed + gap <= paid.last_known
    is_paid_after = any_paid(paid, closed + 1, closed + gap)
    is_paid_last = any_paid(paid, paid.last_known - gap + 1, paid.last_known)
    is_so = households["cause"].eq(study.causes[0]).to_numpy()
    is_open = np.isnan(closed) & (paid.last_known - gap + 1 >= 0)
    kinds = {
        "closed": is_so,
        "still_paid": is_so & is_known & is_paid_after,
        "stopped": is_so & is_known & ~is_paid_after,
        "unknown": is_so & ~is_known,
        "open_without_payment": is_open & ~is_paid_last,
    }
    parts = [households.loc[which].assign(level=kind) for kind, which in kinds.items()]
    cells = {"group": ["participant"], "level": list(kinds)}
    rows = count_rows(pd.concat(parts, ignore_index=True), cells)
    return build_results(rows, metric="flow", dimension="payments", unit="count", method="count")
