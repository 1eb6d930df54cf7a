"""Who belongs to the target group, how many of them are reached, and what keeps them from work."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators import intervals
from hfcore.estimators.cluster_ratios import cluster_ratio
from hfcore.metrics.contributions import count_rows, distribution_rows, entered, share_rows
from hfcore.results import build_results, join_results, require_columns
from hfcore.schema import GROUPS
from hfcore.study import Municipality, Study, month_number

RULES = ("both", "months", "agencies", "unknown")
VERY_LONG_MONTHS, VERY_LONG_WINDOW = 27, 36
UPPER_MONTHS = 12


def eligible(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How many participants met the rules of the target group as they started.

    Parameters
    ----------
    cohort : one row a household: group, observed_months, months_on_support, other_agencies.

    Returns
    -------
    ``eligible``: counts by dimension ``rule``: both rules met, months on support only, other
    agencies only, unknown (either is). ``eligible_share``: both rules of those whose both are
    known, Wilson's interval. Variant ``upper_12`` asks for 12 months on support.
    """
    require_columns(cohort, ("months_on_support", "other_agencies", "record_key"), "cohort")
    started = entered(cohort)
    parts = []
    for variant, months in (
        ("default", study.definitions.eligibility_months_on_support),
        (f"upper_{UPPER_MONTHS}", UPPER_MONTHS),
    ):
        met = _met(started, months, study).assign(group="participant")
        counts = count_rows(met.dropna(subset="level"), {"group": ["participant"], "level": RULES})
        parts.append(counts.assign(variant=variant, metric="eligible", unit="count"))
        known = met.loc[met["is_known"]]
        share = share_rows(known, {"group": ["participant"]}, "is_met")
        parts.append(share.assign(variant=variant, metric="eligible_share", unit="share", level=""))
    rows = pd.concat(parts)
    return build_results(rows.assign(dimension=rows["level"].mask(rows["level"].ne(""), "rule")))


def _met(households: pd.DataFrame, months: int, study: Study) -> pd.DataFrame:
    """Which rules each household meets: ``level``, null for none; ``is_met`` for both."""
    least = study.definitions.eligibility_other_agencies
    known = households["months_on_support"].notna() & households["other_agencies"].notna()
    long = households["months_on_support"].ge(months).fillna(False)
    several = households["other_agencies"].ge(least).fillna(False)
    level = np.select(
        [~known, long & several, long, several], ["unknown", "both", "months", "agencies"], ""
    )
    level = pd.Series(level, index=households.index, dtype="str")
    return households.assign(
        level=level.mask(level.eq("")), is_known=known, is_met=(long & several).astype(float)
    )


def long_term(payments: pd.DataFrame, municipality: Municipality, study: Study) -> pd.DataFrame:
    """Which share of the households on support have had it for long, month by month.

    Returns
    -------
    ``long_term``: one row a calendar month (``period``) from the twelfth of the payment export on:
    of those paid in it, the share paid in at least 10 of the last 12 months; ``very_long_term`` in
    at least 27 of the last 36. No interval: every household on support is counted. Where the
    export holds the study's households alone, one row that says ``not_available``.

    References
    ----------
    The National Board of Health and Welfare's definition of long-term economic assistance.
    """
    windows = {
        "long_term": (
            study.definitions.long_term_months,
            study.definitions.long_term_window_months,
        ),
        "very_long_term": (VERY_LONG_MONTHS, VERY_LONG_WINDOW),
    }
    constants = {"unit": "share", "method": "full_count"}
    if municipality.payments_cover != "all":
        absent = pd.DataFrame({"metric": list(windows), "status": "not_available"})
        return build_results(absent, **constants)
    paid, months = _paid_table(payments, municipality)
    rows = []
    for metric, (least, window) in windows.items():
        total = np.cumsum(paid, axis=1)
        before = np.pad(total, ((0, 0), (window, 0)))[:, : total.shape[1]]
        is_long = (total - before >= least) & paid
        for place in range(window - 1, len(months)):
            n, events = int(paid[:, place].sum()), int(is_long[:, place].sum())
            row = {"metric": metric, "period": str(months[place]), "n": n, "n_events": events}
            rows.append(row | {"estimate": events / n if n else np.nan})
    told = pd.DataFrame(rows, columns=["metric", "period", "n", "n_events", "estimate"])
    status = np.where(told["n"].gt(0), "ok", "not_available")
    return build_results(told.assign(status=status), **constants)


def _paid_table(
    payments: pd.DataFrame, municipality: Municipality
) -> tuple[np.ndarray, pd.PeriodIndex]:
    """Household × month: whether it was paid; and the months, which are all of the export's."""
    months = pd.period_range(municipality.payments_from, municipality.payments_to, freq="M")
    net = payments.groupby(["household_id", payments["month"].dt.to_period("M")])["amount_sek"]
    wide = net.sum().gt(0).unstack(fill_value=False).reindex(columns=months, fill_value=False)
    return wide.to_numpy(dtype=bool), months


def reach(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Which share of those referred who meet the rule on months have started, by year of referral.

    Returns
    -------
    One row a year (``period``) of referral: of the households referred in it that had been on
    support for as long as the rule says, the share that has started by the cut-off. Only those
    somebody referred are known of: how many more the programme was meant for is not in these data.

    References
    ----------
    Carroll et al. (2007) Implement Sci 2:40, on coverage.
    """
    require_columns(cohort, ("group", "referred_on", "support_since", "started_on"), "cohort")
    is_ours = cohort["group"].eq("participant") & cohort["referred_on"].notna()
    ours = cohort.loc[is_ours & cohort["support_since"].notna()]
    waited = month_number(ours["referred_on"]) - month_number(ours["support_since"])
    ours = ours.loc[waited.ge(study.definitions.eligibility_months_on_support)]
    started = ours["started_on"] <= pd.Timestamp(study.cutoff)
    ours = ours.assign(period=ours["referred_on"].dt.year.astype("str"), hit=started.astype(float))
    years = sorted(set(ours["period"]))
    rows = share_rows(ours, {"period": years}, "hit") if years else pd.DataFrame()
    constants = {"unit": "share", "group": "participant"}
    return build_results(rows, metric="reach", variant="referred", **constants)


def obstacle_share(cohort: pd.DataFrame, persons: pd.DataFrame) -> pd.DataFrame:
    """What keeps the adults from supporting themselves, participants beside controls.

    Parameters
    ----------
    cohort : one row a household: household_id, group.
    persons : household_id, role, obstacle, record_key.

    Returns
    -------
    One row a group and code (dimension ``obstacle``): the share of adults with a known code that
    have it. Wilson's interval on the adults that they are worth as members of households.
    """
    require_columns(persons, ("household_id", "role", "obstacle", "record_key"), "persons")
    is_adult = persons["role"].ne("child") & persons["obstacle"].notna()
    adults = persons.loc[is_adult].merge(cohort[["household_id", "group"]], on="household_id")
    codes = sorted(set(adults["obstacle"]))
    named = adults.rename(columns={"obstacle": "level"})
    cells = {"group": [each for each in GROUPS if each in set(named["group"])]}
    if not codes:
        return build_results(pd.DataFrame(), metric="obstacle_share", unit="share")
    rows = distribution_rows(named, cells, {"level": codes})
    n_eff = [_worth(named, row.group, row.level) for row in rows.itertuples(index=False)]
    low, high = intervals.wilson(rows["estimate"].fillna(0) * n_eff, n_eff)
    rows = rows.assign(ci_low=low, ci_high=high, method="wilson_n_eff", dimension="obstacle")
    return build_results(rows, metric="obstacle_share", unit="share")


def _worth(adults: pd.DataFrame, group: str, code: str) -> float:
    """How many independent adults a group is worth where they resemble each other in a code."""
    ours = adults.loc[adults["group"].eq(group)]
    alike = intervals.icc(
        ours["level"].eq(code).to_numpy(dtype="float64"), pd.factorize(ours["household_id"])[0]
    )
    sizes = ours["household_id"].value_counts()
    return float(intervals.effective_n(len(ours), float((sizes**2).sum()), alike))


def care_centres(
    cohort: pd.DataFrame, persons: pd.DataFrame, listed: pd.DataFrame | None = None
) -> pd.DataFrame:
    """At which care centres the participants are listed, and the adults with a health obstacle.

    Parameters
    ----------
    cohort, persons : as for ``obstacle_share``; the cohort with ``care_centre``.
    listed : care_centre, listed_persons; without it there is no rate.

    Returns
    -------
    By dimension ``care_centre``: ``care_centre_households`` (count), ``care_centre_share`` (of the
    households with a known centre), ``care_centre_cumulative`` (the share of the largest so many,
    the largest first, ``month`` empty), ``sick_by_care_centre`` (adults with the obstacle
    ``sick_listed``), ``per_1000_listed`` (households per 1 000 listed persons). No interval: all
    are counted.
    """
    require_columns(cohort, ("group", "care_centre", "record_key"), "cohort")
    ours = entered(cohort)
    ours = ours.loc[ours["care_centre"].notna()].assign(level=ours["care_centre"])
    order = ours["level"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    names = list(order.index)
    if not names:
        return build_results(pd.DataFrame(), metric="care_centre_households", unit="count")
    count = count_rows(ours, {"level": names})
    whole = {"n": len(ours), "key_n": ours["record_key"].sum()}
    share = count.rename(columns={"n": "n_events", "key_n": "key_events"}).assign(**whole)
    share["estimate"] = share["n_events"] / len(ours)
    summed = share[["n_events", "key_events"]].cumsum()
    together = share.assign(**summed, estimate=summed["n_events"] / len(ours))
    sick = persons.loc[persons["obstacle"].eq("sick_listed") & persons["role"].ne("child")]
    at = sick.merge(ours[["household_id", "level"]], on="household_id")
    parts = [
        count.assign(metric="care_centre_households", unit="count"),
        share.assign(metric="care_centre_share", unit="share"),
        together.assign(metric="care_centre_cumulative", unit="share"),
        count_rows(at, {"level": names}).assign(metric="sick_by_care_centre", unit="count"),
    ]
    if listed is not None:
        people = listed.set_index("care_centre")["listed_persons"].reindex(names)
        rate = count["n"] / people.to_numpy(dtype="float64", na_value=np.nan) * 1_000
        status = np.where(rate.notna(), "ok", "not_available")
        parts.append(
            count.assign(estimate=rate, status=status, metric="per_1000_listed", unit="ratio")
        )
    rows = pd.concat(parts).fillna({"status": "ok"})
    return build_results(rows, dimension="care_centre", group="participant", method="full_count")


def target_group_results(cohort: pd.DataFrame, persons: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Eligibility, reach and obstacles, in the order in which they are read."""
    return join_results(
        eligible(cohort, study), reach(cohort, study), obstacle_share(cohort, persons)
    )


def rounds(
    plans: pd.DataFrame, persons: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """How often adults begin a new plan within the horizon: being sent around and around.

    Parameters
    ----------
    plans : person_id, from_on, plan; persons : person_id, household_id, role, record_key.
    cohort : household_id, group, started_on, followup_months.

    Returns
    -------
    By group: ``rounds``, plans begun an adult from the start to the horizon, of adults followed so
    long (n; households as clusters); ``rounds_share``, the share with three or more.
    """
    require_columns(plans, ("person_id", "from_on"), "plans")
    horizon = study.definitions.horizon_months
    followed = cohort.loc[cohort["followup_months"].ge(horizon).fillna(False)]
    columns = ["household_id", "group", "started_on"]
    adults = persons.loc[persons["role"].ne("child")].merge(followed[columns], on="household_id")
    begun = plans.merge(adults[["person_id", "started_on"]], on="person_id")
    since = month_number(begun["from_on"]) - month_number(begun["started_on"])
    is_in = (begun["from_on"] >= begun["started_on"]) & since.le(horizon)
    counts = begun.loc[is_in].groupby("person_id").size()
    adults = adults.assign(begun=adults["person_id"].map(counts).fillna(0))
    adults = adults.assign(often=adults["begun"].ge(3).astype(float))
    groups = [each for each in GROUPS if each in set(adults["group"])]
    if not groups:
        return build_results(pd.DataFrame(), metric="rounds", unit="ratio")
    rows = count_rows(adults, {"group": groups}).assign(metric="rounds", unit="ratio")
    sums = adults.groupby(["group", "household_id"]).agg(y=("begun", "sum"), x=("begun", "size"))
    found = [cluster_ratio(sums.loc[g, "y"], sums.loc[g, "x"], "log") for g in groups]
    ends = pd.DataFrame(found, columns=["estimate", "ci_low", "ci_high", "df"])
    rows = rows.drop(columns="estimate").join(ends).assign(method="cluster_ratio")
    share = share_rows(adults, {"group": groups}, "often").assign(metric="rounds_share")
    return build_results(pd.concat([rows, share.assign(unit="share")]))


def frame(municipality: Municipality) -> pd.DataFrame:
    """Of how many of its teams the inventory told, as the study declares them.

    One row: the share; n the teams, n_events those counted. No interval: which were counted was
    nobody's lot.
    """
    known = bool(municipality.teams) and municipality.teams_counted is not None
    row = {"n": municipality.teams or 0, "n_events": municipality.teams_counted}
    row["estimate"] = municipality.teams_counted / municipality.teams if known else np.nan
    row["status"] = "ok" if known else "not_available"
    rows = pd.DataFrame([row])
    return build_results(rows, metric="frame", unit="share", method="full_count")
