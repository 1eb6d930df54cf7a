"""Was each family followed up as often as intended, by whom, and how soon did agencies come in?

A contact inside the reach of a municipality's export that is not in it did not take place; outside
the reach nothing is known. Days from the start on; months are whole calendar months.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.cohort import DAYS_PER_MONTH
from hfcore.estimators.cluster_ratios import cluster_ratio
from hfcore.metrics.contributions import distribution_rows, entered
from hfcore.metrics.incidence_rows import incidence_rows
from hfcore.results import build_results, join_results, require_columns
from hfcore.schema import TABLES
from hfcore.study import Municipality, Study, month_number

SPANS = {"0-5": (0, 183), "6-11": (183, 365), "12-": (365, 1_000_000)}
QUARTERS = {"0-2": (0, 91), "3-5": (91, 183), "6-8": (183, 274), "9-11": (274, 365)}
GAPS = {"-14": 14, "15-28": 28, "29-61": 61, "62-": 1_000_000}
NO_RECORD, CLOSED = "no_record", "closed"
CARE = ("care_centre", "psychiatry")
_CONTACTS = ("household_id", "on", "kind", "counterpart", "coordinated_plan")


def reach_of(municipality: Municipality, study: Study) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last day that a municipality's contacts are known of, both included."""
    first = municipality.contacts_from or municipality.first_day
    return pd.Timestamp(first), pd.Timestamp(municipality.contacts_to or study.cutoff)


def followed_days(
    contacts: pd.DataFrame, cohort: pd.DataFrame, study: Study, municipality: Municipality
) -> pd.DataFrame:
    """The participants with the days on which they were in contact.

    Returns
    -------
    One row a participant whose stay lies in the reach: ``days``, from the start to the closure or
    the end of the reach; ``seen``, the days of its contacts with the household counted from the
    start, in order, 0 (the start) among them; ``has_record``. A stay that began before the reach
    begins at its first contact seen.
    """
    require_columns(contacts, _CONTACTS, "contacts")
    first, last = reach_of(municipality, study)
    stays = entered(cohort)
    end = stays["closed_on"].where(stays["closed_on"] <= last, last)
    inside = contacts.loc[contacts["on"].between(first, last)]
    recorded = stays["household_id"].isin(inside["household_id"])
    own = inside.loc[inside["counterpart"].eq("household")]
    days = own.groupby("household_id")["on"].agg(lambda each: sorted(set(each)))
    seen = [days.get(each, []) for each in stays["household_id"]]
    begin = [
        start if start >= first else next((day for day in on if day >= first), pd.NaT)
        for start, on in zip(stays["started_on"], seen, strict=True)
    ]
    begin = pd.Series(begin, index=stays.index, dtype="datetime64[s]")
    length = (end - begin).dt.days
    rows = stays.assign(days=length, end=end, has_record=recorded)
    rows["seen"] = [
        [0, *((day - start).days for day in on if start < day <= stop)]
        for start, on, stop in zip(begin, seen, end, strict=True)
    ]
    return rows.loc[length.ge(0).fillna(False)]


def followup_on_time(
    contacts: pd.DataFrame, cohort: pd.DataFrame, study: Study, municipality: Municipality
) -> pd.DataFrame:
    """Which part of the time the families were followed up at least as often as intended.

    Returns
    -------
    Default: the share of days on which the last contact with the household lay no more than
    ``followup_interval_days`` back, in all and by months since the start (dimension
    ``months_since_start``). Variant ``windows``: of whole windows of so many days the share with a
    contact. n are households with a record that stayed for a whole window; those without any record
    are in ``longest_gap`` as such, and not zero here.

    Notes
    -----
    Σ min(gap, L) / Σ days, the start a contact and the last gap up to the end; windows
    [s + jL, s + (j + 1)L), the last incomplete one left out. Interval of ``cluster_ratio``.

    References
    ----------
    Carroll et al. (2007) Implement Sci 2:40: frequency as a part of adherence.
    """
    interval = study.definitions.followup_interval_days
    stays = followed_days(contacts, cohort, study, municipality)
    stays = stays.loc[stays["has_record"] & stays["days"].ge(interval)]
    covered = [_covered(row.seen, int(row.days), interval) for row in stays.itertuples()]
    rows = []
    for level, (low, high) in {"": (0, 1_000_000), **SPANS}.items():
        y = np.array([each[low:high].sum() for each in covered])
        x = np.array([len(each[low:high]) for each in covered])
        rows.append(_ratio_row(y, x, stays, level) | {"variant": "default"})
    met = [_windows_met(row.seen, int(row.days), interval) for row in stays.itertuples()]
    y, x = (np.array([f(each) for each in met]) for f in (np.sum, len))
    rows.append(_ratio_row(y, x, stays, "") | {"variant": "windows"})
    told = pd.DataFrame(rows)
    dimension = told["level"].mask(told["level"].ne(""), "months_since_start")
    return build_results(told.assign(dimension=dimension), metric="followup_on_time", unit="share")


def _covered(seen: list[int], days: int, interval: int) -> np.ndarray:
    """For each day whether the last contact lay less than the interval back."""
    marks = np.zeros(days, dtype=int)
    at = [day for day in seen if day < days]
    marks[at] = at
    return np.arange(days) - np.maximum.accumulate(marks) < interval


def _windows_met(seen: list[int], days: int, interval: int) -> np.ndarray:
    whole = days // interval
    windows = np.array(seen) // interval
    return np.isin(np.arange(whole), windows)


def _ratio_row(
    y: np.ndarray, x: np.ndarray, stays: pd.DataFrame, level: str, scale: str = "logit"
) -> dict[str, object]:
    """A ratio of sums over the households that have a part in it."""
    has = x > 0
    ratio, low, high, df = cluster_ratio(y[has], x[has], scale)
    n = int(has.sum())
    return {
        "group": "participant",
        "level": level,
        "estimate": ratio,
        "ci_low": low,
        "ci_high": high,
        "df": df,
        "n": n,
        "key_n": float(stays["record_key"].to_numpy()[has].sum()),
        "method": "cluster_ratio",
        "status": "ok" if n else "too_few",
    }


def longest_gap(
    contacts: pd.DataFrame, cohort: pd.DataFrame, study: Study, municipality: Municipality
) -> pd.DataFrame:
    """How long the longest time without a contact was, as shares of the families.

    One row a band of days (dimension ``gap``), and ``no_record`` for families without any contact
    in the export. Wilson's interval; n are all families whose stay lies in the reach.
    """
    stays = followed_days(contacts, cohort, study, municipality)
    gaps = [
        int(np.diff([*row.seen, max(int(row.days), row.seen[-1])]).max()) if row.days > 0 else 0
        for row in stays.itertuples()
    ]
    edges = [-1, *GAPS.values()]
    band = pd.cut(pd.Series(gaps, index=stays.index, dtype="float64"), edges, labels=list(GAPS))
    level = band.astype("str").mask(~stays["has_record"], NO_RECORD)
    labelled = stays.assign(level=level, group="participant")
    label = {"level": [*GAPS, NO_RECORD]}
    rows = distribution_rows(labelled, {"group": ["participant"]}, label)
    return build_results(rows, metric="longest_gap", unit="share", dimension="gap")


def contact_rate(
    contacts: pd.DataFrame, cohort: pd.DataFrame, study: Study, municipality: Municipality
) -> pd.DataFrame:
    """How many contacts a family has a month, with the household or about it.

    One row in all and one a quarter since the start (dimension ``months_since_start``). Interval of
    ``cluster_ratio`` on the log scale; n are families with a record.
    """
    stays = followed_days(contacts, cohort, study, municipality)
    stays = stays.loc[stays["has_record"] & stays["days"].gt(0)]
    since = _days_since(contacts, stays, municipality, study)
    rows = []
    for level, (low, high) in {"": (0, 1_000_000), **QUARTERS}.items():
        length = (np.minimum(stays["days"], high) - low).clip(lower=0).to_numpy(dtype="float64")
        inside = since.loc[since["day"].ge(low) & since["day"].lt(high)]
        count = inside.groupby("household_id").size()
        y = stays["household_id"].map(count).fillna(0).to_numpy(dtype="float64")
        rows.append(_ratio_row(y, length / DAYS_PER_MONTH, stays, level, "log"))
    told = pd.DataFrame(rows)
    dimension = told["level"].mask(told["level"].ne(""), "months_since_start")
    return build_results(told.assign(dimension=dimension), metric="contact_rate", unit="ratio")


def _days_since(
    contacts: pd.DataFrame, stays: pd.DataFrame, municipality: Municipality, study: Study
) -> pd.DataFrame:
    """The contacts during the stays with their day since the start (or where the reach begins)."""
    first, _ = reach_of(municipality, study)
    own = stays[["household_id", "started_on", "end", "record_key"]]
    joined = contacts.merge(own, on="household_id")
    begin = joined["started_on"].where(joined["started_on"] >= first, first)
    inside = joined["on"].between(begin, joined["end"])
    return joined.assign(day=(joined["on"] - begin).dt.days).loc[inside]


def contact_mix(
    contacts: pd.DataFrame, cohort: pd.DataFrame, study: Study, municipality: Municipality
) -> pd.DataFrame:
    """Of all contacts, which share is of each kind and with each counterpart.

    One row a kind (dimension ``contact_kind``) and counterpart (``counterpart``), those without any
    contact included. Households as clusters, ``cluster_ratio``.
    """
    stays = followed_days(contacts, cohort, study, municipality)
    stays = stays.loc[stays["has_record"] & stays["days"].gt(0)]
    since = _days_since(contacts, stays, municipality, study)
    x = stays["household_id"].map(since.groupby("household_id").size()).fillna(0)
    rows = []
    for column, dimension in (("kind", "contact_kind"), ("counterpart", "counterpart")):
        for code in TABLES["contacts"].columns[column].codes:
            count = since.loc[since[column].eq(code)].groupby("household_id").size()
            y = stays["household_id"].map(count).fillna(0)
            row = _ratio_row(y.to_numpy(float), x.to_numpy(float), stays, code)
            rows.append(row | {"dimension": dimension})
    return build_results(pd.DataFrame(rows), metric="contact_mix", unit="share")


def contact_reach(
    contacts: pd.DataFrame, cohort: pd.DataFrame, study: Study, municipality: Municipality
) -> pd.DataFrame:
    """How soon each agency has been in contact about a family, and when it had a coordinated plan.

    Returns
    -------
    One row a month since the start, up to 12: ``contact_reach`` by dimension ``counterpart``,
    ``first_care_contact`` (care centre or psychiatry), ``coordinated_plan``. The share of families
    in whom it has happened, closure before it competing; ``n_at_risk`` as of other curves.
    Families that started before the reach are left out.

    References
    ----------
    Aalen & Johansen (1978).
    """
    first, last = reach_of(municipality, study)
    stays = followed_days(contacts, cohort, study, municipality)
    stays = stays.loc[stays["started_on"] >= first]
    codes = TABLES["contacts"].columns["counterpart"].codes
    asked = {code: ("contact_reach", contacts["counterpart"].eq(code)) for code in codes[1:-1]}
    asked["care"] = ("first_care_contact", contacts["counterpart"].isin(CARE))
    is_planned = contacts["coordinated_plan"].eq(True).fillna(False).astype(bool)
    asked["plan"] = ("coordinated_plan", is_planned)
    months = np.arange(study.definitions.reactivation_window_months + 1)
    parts = []
    for code, (metric, is_hit) in asked.items():
        times = _first_times(contacts.loc[is_hit & (contacts["on"] <= last)], stays)
        rows = incidence_rows(times, ("hit", CLOSED), months)
        rows = rows.loc[rows["cause"].eq("hit")]
        level = code if metric == "contact_reach" else ""
        dimension = "counterpart" if level else ""
        parts.append(rows.assign(metric=metric, cause="", dimension=dimension, level=level))
    rows = pd.concat(parts, ignore_index=True)
    constants = {"unit": "share", "method": "aalen_johansen", "group": "participant"}
    return build_results(rows, **constants)


def _first_times(hits: pd.DataFrame, stays: pd.DataFrame) -> pd.DataFrame:
    """Months from the start to the first of the contacts during the stay, or to its end."""
    own = stays[["household_id", "started_on", "end"]]
    joined = hits.merge(own, on="household_id")
    joined = joined.loc[joined["on"].between(joined["started_on"], joined["end"])]
    earliest = joined.groupby("household_id")["on"].min().reindex(stays["household_id"])
    first = pd.Series(earliest.to_numpy(dtype="datetime64[s]"), index=stays.index)
    end = first.fillna(stays["end"])
    is_closed = first.isna() & stays["closed_on"].notna() & stays["closed_on"].eq(stays["end"])
    cause = pd.Series(None, index=stays.index, dtype="str").mask(is_closed, CLOSED)
    return stays.assign(
        observed_months=month_number(end) - month_number(stays["started_on"]),
        cause=cause.mask(first.notna(), "hit"),
    )


def followup_results(
    contacts: pd.DataFrame, cohort: pd.DataFrame, study: Study, municipality: Municipality
) -> pd.DataFrame:
    """All figures of the contacts, in the order in which they are read."""
    common = (contacts, cohort, study, municipality)
    return join_results(
        followup_on_time(*common),
        longest_gap(*common),
        contact_rate(*common),
        contact_mix(*common),
        contact_reach(*common),
    )
