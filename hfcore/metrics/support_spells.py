"""Exit from support and return to it, read from the payments and not from the project's closures.

An exit is the first month of a declared number of months in a row without payment; a return is the
first month paid again. Moves and deaths compete with both.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.cohort import has_left
from hfcore.metrics.after_closure import back_since_start, closed_spells, closures_against_payments
from hfcore.metrics.contributions import add_share, count_rows
from hfcore.metrics.incidence_rows import difference_rows, incidence_rows
from hfcore.metrics.paid_months import PaidMonths, first_gap, first_return, paid_months
from hfcore.results import build_results, join_results, require_columns
from hfcore.schema import GROUPS
from hfcore.study import Study

__all__ = [
    "closures_against_payments",
    "exit_difference",
    "exit_from_support",
    "gap_headlines",
    "gap_variants",
    "reactivation",
]

_COHORT = ("month_closed", "closure_reason", "cause")


def _gone(households: pd.DataFrame) -> np.ndarray:
    """Month of a move out of sight or a death that closed the stay; NaN for others."""
    return (
        households["month_closed"]
        .where(has_left(households))
        .to_numpy(dtype="float64", na_value=np.nan)
    )


def spells_of(paid: PaidMonths, gap: int) -> pd.DataFrame:
    """One row a household on support at start: months to exit and to return, and how long known."""
    households, months = paid.households, paid.months
    exit_month, gone = first_gap(paid, gap), _gone(paid.households)
    exit_month = np.where(exit_month + gap > gone, np.nan, exit_month)
    on_support = (paid.is_paid & paid.is_known)[:, months <= 0].any(axis=1)
    spells = households.assign(
        exit_month=exit_month,
        return_month=first_return(paid, exit_month),
        gone_month=gone,
        last_known=paid.last_known,
        last_exit=paid.last_known - gap + 1,
    )
    return spells.loc[on_support & (spells["last_exit"] >= 0)]


def _timed(
    spells: pd.DataFrame, event: pd.Series, gone: pd.Series, end: pd.Series, name: str
) -> pd.DataFrame:
    """Rows for a curve: what comes first of the event, the move or death, and the end known."""
    time = pd.concat([event, gone, end], axis=1, keys=["event", "gone", "end"]).astype("float64")
    first = time.min(axis=1)
    cause = pd.Series(name, index=spells.index).where(time["event"].eq(first))
    cause = cause.mask(cause.isna() & time["gone"].eq(first), "gone")
    return spells.assign(
        observed_months=first.astype("Int64"),
        followup_months=time["end"],
        cause=cause.astype("str"),
    )


def timed_exits(spells: pd.DataFrame) -> pd.DataFrame:
    """Rows for a curve of exits: ``observed_months``, and the ``cause`` exit, gone or null."""
    return _timed(spells, spells["exit_month"], spells["gone_month"], spells["last_exit"], "exit")


def gap_variants(study: Study) -> dict[str, int]:
    """The gap of each variant: the declared one, and ``gap_1`` and so on for sensitivity.

    >>> from datetime import date
    >>> gap_variants(Study("s", {}, True, date(2020, 1, 1), 2020, ()))
    {'default': 2, 'gap_1': 1, 'gap_3': 3}
    """
    others = study.definitions.exit_gap_sensitivity_months
    return {"default": study.definitions.exit_gap_months} | {f"gap_{gap}": gap for gap in others}


def exit_from_support(cohort: pd.DataFrame, payments: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Share of households that have left support, month by month since the start.

    Returns
    -------
    One row a variant of the gap, group and month 0 … horizon, among households paid in the
    baseline months or the month of the start. ``n_events`` are cumulative.

    Notes
    -----
    Estimand: the probability that a gap of the declared length begins within so many months, moves
    and deaths competing (a gap that is not over by then is no exit). A household is followed as
    long as its municipality's export could show a whole gap. Aalen–Johansen, log(−log) intervals.
    """
    require_columns(cohort, _COHORT, "cohort")
    paid = paid_months(cohort, payments, study)
    months = np.arange(study.definitions.horizon_months + 1)
    parts = []
    for variant, gap in gap_variants(study).items():
        parts += _curves(timed_exits(spells_of(paid, gap)), "exit", months, variant)
    rows = pd.concat(parts, ignore_index=True)
    return build_results(rows, metric="exit_from_support", unit="share", method="aalen_johansen")


def exit_difference(cohort: pd.DataFrame, payments: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How much larger the share that has left support is among participants than among controls.

    One row a variant of the gap and month (``cause`` exit_from_support). The groups are compared
    as they are. Interval from the two log(−log) intervals (Zou & Donner 2008).
    """
    both = exit_from_support(cohort, payments, study).assign(cause="exit_from_support")
    rows = difference_rows(both)
    return build_results(rows, metric="incidence_difference", unit="share", method="mover")


def gap_headlines(cohort: pd.DataFrame, payments: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Exit and return under every declared gap at the headline month, participants.

    The rows of ``exit_from_support`` and ``reactivation`` at ``reactivation_window_months``, to
    stand beside ``trajectories.definition_variants``.
    """
    rows = join_results(
        exit_from_support(cohort, payments, study), reactivation(cohort, payments, study)
    )
    month = study.definitions.reactivation_window_months
    asked = rows["group"].eq("participant") & rows["month"].eq(month) & rows["dimension"].eq("")
    return rows.loc[asked.fillna(False).astype(bool)].reset_index(drop=True)


def _curves(timed: pd.DataFrame, name: str, months: np.ndarray, variant: str) -> list[pd.DataFrame]:
    parts = []
    for group in GROUPS:
        rows = incidence_rows(timed.loc[timed["group"].eq(group)], (name, "gone"), months)
        rows = rows.loc[rows["cause"].eq(name)]
        parts.append(rows.assign(cause="", group=group, variant=variant))
    return parts


def reactivation(cohort: pd.DataFrame, payments: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Share of the households that left support which are back on it within so many months.

    Returns
    -------
    One row a variant, group and declared point (months since the exit). ``default`` and ``gap_1``,
    ``gap_3``: all exits, those not followed to the point censored. ``observed_that_long``: the
    plain share among exits followed so long, whoever moved or died counted as not back.
    ``after_closure``: from the project's closure to the first declared cause, among those whose
    payments stopped then. And, for the picture of states, level ``start`` of ``since``: the share
    of participants that have closed so and are back, by month since the start; it is a part of
    the share closed so (``trajectories.cumulative_incidence``), here ``n_at_risk`` counts all who
    are still followed and are not back.

    Notes
    -----
    Estimand: the probability of a payment within so many months of the first exit, moves and
    deaths competing. Aalen–Johansen with log(−log) intervals; Wilson for the plain share. Since
    the start: the occupation probability of the last of the states in the intervention, closed
    so, back, or closed otherwise (``statistics.states``).
    """
    require_columns(cohort, _COHORT, "cohort")
    paid = paid_months(cohort, payments, study)
    points = np.array(study.definitions.reactivation_points_months)
    parts = []
    for variant, gap in gap_variants(study).items():
        parts += _curves(_returns(spells_of(paid, gap)), "return", points, variant)
    gap = study.definitions.exit_gap_months
    parts.append(_observed_returns(spells_of(paid, gap), points))
    closed = closed_spells(paid, study.causes[0], gap)
    parts += _curves(_returns(closed, "month_closed"), "return", points, "after_closure")[:1]
    months = np.arange(study.definitions.horizon_months + 1)
    parts.append(back_since_start(paid, closed, study.causes[0], months))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.fillna({"method": "aalen_johansen", "dimension": "", "level": ""})
    return build_results(rows, metric="reactivation", unit="share")


def _returns(spells: pd.DataFrame, origin: str = "exit_month") -> pd.DataFrame:
    """Months from an origin to the return, for a curve."""
    exits = spells.loc[spells["exit_month"].notna() & spells["last_known"].ge(spells[origin])]
    start = exits[origin].astype("float64")
    return _timed(
        exits,
        exits["return_month"] - start,
        exits["gone_month"] - start,
        exits["last_known"] - start,
        "return",
    )


def _observed_returns(spells: pd.DataFrame, points: np.ndarray) -> pd.DataFrame:
    timed = _returns(spells)
    known = timed["last_known"] - timed["exit_month"]
    is_back = timed["cause"].eq("return")
    parts = [
        timed.loc[known.ge(point)].assign(
            month=point, _is_back=is_back & timed["observed_months"].le(point)
        )
        for point in points
    ]
    long = pd.concat(parts, ignore_index=True)
    cells = {"group": GROUPS, "month": points.tolist()}
    counts = count_rows(long, cells).drop(columns="estimate")
    back = count_rows(long.loc[long["_is_back"]], cells)
    rows = add_share(counts.assign(n_events=back["n"], key_events=back["key_n"]))
    return rows.assign(variant="observed_that_long", cause="")
