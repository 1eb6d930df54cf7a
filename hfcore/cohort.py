"""One household, one row: what happened to it, counted in months from its start.

Month 0 is the calendar month of the start (for controls, of their index date).
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from hfcore.results import require_columns
from hfcore.store import Tables
from hfcore.study import Municipality, Study, month_number

DAYS_PER_MONTH = 30.4375
DEPARTURES = ("moved", "deceased")


def build_cohort(data: Tables, variant: str = "default") -> pd.DataFrame:
    """The households of a municipality with everything that is known at and since their start.

    Parameters
    ----------
    data : the municipality's tables.
    variant : which declared definition of the causes applies.

    Returns
    -------
    One row a household, participants first. ``stay_months`` counts days / 30.4375 from start to
    closure or cut-off; ``observed_months`` whole calendar months of the same span, the time that
    curves use; ``followup_months`` whole calendar months from start to cut-off, closed or not;
    ``cause`` is null while the intervention goes on.

    Notes
    -----
    A control has a start only where the study gives it one; else its months are null.
    """
    cohort = _add_months(data.households, data.study.cutoff)
    cohort = _add_applicant(cohort, data.persons).assign(municipality=data.municipality.code)
    cohort = assign_cause(cohort, data.study, variant)
    order = cohort.assign(_control=cohort["group"].eq("control"))
    return order.sort_values(["_control", "household_id"], ignore_index=True).drop(
        columns="_control"
    )


def _add_months(households: pd.DataFrame, cutoff: date) -> pd.DataFrame:
    end = households["closed_on"].fillna(pd.Timestamp(cutoff))
    started, start = households["started_on"], month_number(households["started_on"])
    last = month_number(pd.Series(pd.Timestamp(cutoff), index=households.index))
    return households.assign(
        is_closed=households["closed_on"].notna(),
        stay_months=(end - started).dt.days / DAYS_PER_MONTH,
        month_closed=month_number(households["closed_on"]) - start,
        observed_months=month_number(end) - start,
        followup_months=last - start,
        start_month=started.dt.to_period("M").dt.to_timestamp(),
        months_on_support=start - month_number(households["support_since"]),
        queue_months=(started - households["referred_on"]).dt.days / DAYS_PER_MONTH,
    )


def _add_applicant(cohort: pd.DataFrame, persons: pd.DataFrame) -> pd.DataFrame:
    applicants = persons.loc[persons["role"].eq("applicant")].drop_duplicates("household_id")
    known = applicants.set_index("household_id")
    joined = cohort.join(known[["sex", "birth_year", "obstacle"]], on="household_id")
    is_woman = joined["sex"].eq("woman").astype("float64").where(joined["sex"].ne("unknown"))
    age = joined["started_on"].dt.year - joined["birth_year"]
    return (
        joined.assign(
            applicant_is_woman=is_woman.where(joined["sex"].notna()),
            applicant_age=age.astype("Float64").astype("float64"),
        )
        .rename(columns={"birth_year": "applicant_birth_year"})
        .drop(columns=["sex"])
    )


def assign_cause(cohort: pd.DataFrame, study: Study, variant: str = "default") -> pd.DataFrame:
    """The cohort with the column ``cause`` by a declared variant; null while ongoing.

    >>> from hfcore.study import Study
    >>> from datetime import date
    >>> study = Study("s", {"sv": "s", "en": "s"}, True, date(2020, 1, 1), 2020, ())
    >>> cohort = pd.DataFrame({
    ...     "closure_reason": ["work", "moved", "other", "other", None],
    ...     "closure_assessment": [None, None, "positive", "negative", None],
    ... })
    >>> assign_cause(cohort, study)["cause"].fillna("-").tolist()
    ['self_sufficiency', 'moved', 'other_positive', 'negative', '-']
    >>> assign_cause(cohort, study, "published")["cause"].fillna("-").tolist()[1]
    'self_sufficiency'
    """
    require_columns(cohort, ("closure_reason", "closure_assessment"), "cohort")
    causes = study.cause_of(variant)
    by_reason = {
        reason: cause
        for cause, reasons in causes.items()
        if not isinstance(reasons, str)
        for reason in reasons
    }
    by_word = {word: cause for cause, word in causes.items() if isinstance(word, str)}
    cause = cohort["closure_reason"].map(by_reason).astype("str")
    if "positive" in by_word:
        is_positive = cohort["closure_assessment"].eq("positive") & cohort["closure_reason"].notna()
        cause = cause.mask(cause.isna() & is_positive, by_word["positive"])
    rest = cause.isna() & cohort["closure_reason"].notna()
    return cohort.assign(cause=cause.mask(rest, by_word["rest"]).astype("str"))


def has_left(cohort: pd.DataFrame) -> pd.Series:
    """Whether a household moved out of sight or somebody in it died, so that payments end unseen.

    One that moved to another municipality of the study is followed there (``is_followed``).

    >>> rows = pd.DataFrame({"closure_reason": ["moved", "moved", "work"],
    ...                      "is_followed": [False, True, False]})
    >>> has_left(rows).tolist()
    [True, False, False]
    """
    left = cohort["closure_reason"].isin(DEPARTURES)
    if "is_followed" not in cohort:
        return left
    return left & ~(cohort["closure_reason"].eq("moved") & cohort["is_followed"].astype(bool))


def support_panel(
    cohort: pd.DataFrame,
    payments: pd.DataFrame,
    municipality: Municipality,
    months: tuple[int, int] = (-24, 24),
) -> pd.DataFrame:
    """Support of each household in each month around its start.

    Returns
    -------
    One row a household and month (``months`` both included, relative to the start; 0 is the
    month of the start): household_id, group, record_key, start_month, month, amount_sek, and
    ``unit_id`` where the cohort has it (a control in several start months). A month without a
    payment is 0 inside the reach of the municipality's payment export and null outside it, or
    where ``payments`` says so (the household lived elsewhere). Households without a start are left
    out.
    """
    require_columns(cohort, ("household_id", "group", "start_month", "record_key"), "cohort")
    started = cohort.loc[cohort["start_month"].notna()]
    offsets = np.arange(months[0], months[1] + 1)
    starts = month_number(started["start_month"]).to_numpy(dtype="int64")
    calendar = starts[:, None] + offsets
    columns = ["household_id", "group", "record_key", "start_month"]
    columns += ["unit_id"] if "unit_id" in cohort else []
    panel = started.loc[started.index.repeat(len(offsets)), columns].reset_index(drop=True)
    amounts = _amounts(started["household_id"], calendar, payments, municipality)
    return panel.assign(month=np.tile(offsets, len(started)), amount_sek=amounts.ravel())


def _amounts(
    ids: pd.Series, calendar: np.ndarray, payments: pd.DataFrame, municipality: Municipality
) -> np.ndarray:
    """Amounts at running months (households, months): 0 where unpaid, null where unknown."""
    first, last = _running(municipality.payments_from), _running(municipality.payments_to)
    known_ids = pd.Index(ids.unique())
    row = known_ids.get_indexer(payments["household_id"])
    month = month_number(payments["month"]).to_numpy(dtype="int64") - first
    amount = payments["amount_sek"].to_numpy(dtype="float64", na_value=np.nan)
    inside = (row >= 0) & (month >= 0) & (month <= last - first)
    row, month, amount = row[inside], month[inside], amount[inside]
    paid = np.zeros((len(known_ids), last - first + 1))
    stated = np.zeros(paid.shape, dtype="int8")
    unknown = np.isnan(amount)
    # A month is unknown where it has rows and none of them a number.
    np.maximum.at(stated, (row[unknown], month[unknown]), 1)
    np.maximum.at(stated, (row[~unknown], month[~unknown]), 2)
    np.add.at(paid, (row[~unknown], month[~unknown]), amount[~unknown])
    paid[stated == 1] = np.nan
    place = calendar - first
    is_known = (place >= 0) & (place <= last - first)
    found = paid[known_ids.get_indexer(ids)[:, None], np.where(is_known, place, 0)]
    return np.where(is_known, found, np.nan)


def _running(month: date) -> int:
    return month.year * 12 + month.month - 1
