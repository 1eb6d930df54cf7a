"""Which months each household was paid, counted from its start, and the gaps between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hfcore.results import require_columns
from hfcore.study import Study, month_number

_COHORT = ("household_id", "group", "municipality", "start_month", "record_key")


@dataclass(frozen=True)
class PaidMonths:
    """Which months each household was paid, counted from its start.

    ``is_paid`` has shape (households, months); its first column is ``first_month``. ``last_known``
    is the last month inside the reach of the payment export, per household; months outside the
    reach, and those that the payments call unknown, are neither paid nor unpaid.
    """

    households: pd.DataFrame
    is_paid: np.ndarray
    is_known: np.ndarray
    first_month: int
    last_known: np.ndarray

    @property
    def months(self) -> np.ndarray:
        """The month of each column."""
        return np.arange(self.is_paid.shape[1]) + self.first_month


def paid_months(cohort: pd.DataFrame, payments: pd.DataFrame, study: Study) -> PaidMonths:
    """The months with a positive net payment of each household that has a start.

    ``payments`` has one row a household and month that was paid: household_id, month, amount_sek;
    null where a household lived elsewhere and nobody can tell.
    """
    require_columns(cohort, _COHORT, "cohort")
    require_columns(payments, ("household_id", "month", "amount_sek"), "payments")
    households = cohort.loc[cohort["start_month"].notna()].reset_index(drop=True)
    start = month_number(households["start_month"]).to_numpy(dtype="int64")
    reach = {each.code: (each.payments_from, each.payments_to) for each in study.municipalities}
    first, last = (
        _running(households["municipality"].map({code: ends[end] for code, ends in reach.items()}))
        - start
        for end in (0, 1)
    )
    head = -study.definitions.baseline_months
    width = max(int(last.max(initial=head)) - head + 1, 1)
    months, ids, amounts = (
        np.arange(width) + head,
        households["household_id"],
        payments["amount_sek"],
    )
    is_unknown = _has_row(ids, start, payments.loc[amounts.isna()], head, width)
    is_known = (months >= first[:, None]) & (months <= last[:, None]) & ~is_unknown
    last_seen = np.where(is_known, months, head - 1).max(axis=1)
    return PaidMonths(
        households,
        _has_row(ids, start, payments.loc[amounts.gt(0)], head, width),
        is_known,
        head,
        np.where(is_unknown.any(axis=1), last_seen, last),
    )


def _running(dates: pd.Series) -> np.ndarray:
    return month_number(pd.to_datetime(dates)).to_numpy(dtype="int64")


def _has_row(
    ids: pd.Series, start: np.ndarray, payments: pd.DataFrame, head: int, width: int
) -> np.ndarray:
    """Whether there is a row by household and month since start."""
    place = pd.Index(ids).get_indexer(payments["household_id"])
    is_ours = place >= 0
    place = place[is_ours]
    calendar = month_number(payments["month"].loc[is_ours]).to_numpy(dtype="int64")
    column = calendar - start[place] - head
    inside = (column >= 0) & (column < width)
    has_row = np.zeros((len(ids), width), dtype=bool)
    has_row[place[inside], column[inside]] = True
    return has_row


def first_gap(paid: PaidMonths, gap: int, start: np.ndarray | int = 0) -> np.ndarray:
    """First month from ``start`` on that begins ``gap`` known months without payment; else NaN."""
    unpaid = paid.is_known & ~paid.is_paid
    width = unpaid.shape[1] - gap + 1
    if width < 1:
        return np.full(len(unpaid), np.nan)
    begins = np.logical_and.reduce([unpaid[:, k : k + width] for k in range(gap)])
    begins &= paid.months[:width] >= np.asarray(start).reshape(-1, 1)
    return _first(begins, paid.months[:width])


def first_return(paid: PaidMonths, after: np.ndarray) -> np.ndarray:
    """First known month paid after a month; NaN where there is none, or no such month."""
    is_later = paid.months > np.asarray(after, float).reshape(-1, 1)
    return _first(paid.is_paid & paid.is_known & is_later, paid.months)


def _first(hits: np.ndarray, months: np.ndarray) -> np.ndarray:
    return np.where(hits.any(axis=1), months[hits.argmax(axis=1)], np.nan)


def any_paid(paid: PaidMonths, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Whether a household was paid in some known month of a span, both ends included."""
    inside = (paid.months >= first[:, None]) & (paid.months <= last[:, None])
    return (paid.is_paid & paid.is_known & inside).any(axis=1)
