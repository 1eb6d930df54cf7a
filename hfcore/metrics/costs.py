"""What an intervention cost: by payer and year, per household, per month in it, per closure.

Costs are what a budget or an account says of one municipality; nothing of them is sampled, so a
cost has no interval. What is divided by a number of closures has the interval of that number.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.cohort import DAYS_PER_MONTH, assign_cause
from hfcore.errors import MetricInputError
from hfcore.estimators.intervals import wilson
from hfcore.metrics.contributions import entered
from hfcore.metrics.price_index import price_factor
from hfcore.results import Results, build_results, one_row, require_columns, rows_of
from hfcore.study import Study, month_number

OUTCOME, PLAN = "outcome", "plan"
SELF_SUFFICIENCY_VARIANTS = ("default", "published", "strict")
_BUDGET = (
    "party",
    "item",
    "from_month",
    "to_month",
    "monthly_salary_sek",
    "fee_factor",
    "fte",
    "amount_sek",
)
_TEXTS = {"version": OUTCOME, "funder": ""}


def monthly_costs(budget: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Each budget row as one cost a month.

    Parameters
    ----------
    budget : one row an item and span of months: party, item, from_month, to_month,
        monthly_salary_sek, fee_factor, fte, amount_sek; version and funder where there are some.
    study : gives the fee factor of rows without their own.

    Returns
    -------
    One row an item and month: version, party, item, funder, month, cost_sek. A row's amount is
    spread evenly over its months; without one the cost is salary × fee factor × posts.

    Raises
    ------
    MetricInputError
        For rows that have neither an amount nor both salary and posts, or end before they begin.

    Examples
    --------
    >>> from datetime import date
    >>> study = Study("s", {"sv": "s", "en": "s"}, True, date(2020, 1, 1), 2020, ())
    >>> months = pd.to_datetime(["2015-11-01"]), pd.to_datetime(["2016-01-01"])
    >>> budget = pd.DataFrame({"party": "A", "item": "b", "from_month": months[0],
    ...     "to_month": months[1], "monthly_salary_sek": 31_000.0, "fee_factor": 1.4,
    ...     "fte": 2.0, "amount_sek": np.nan})
    >>> monthly_costs(budget, study)["cost_sek"].tolist()
    [86800.0, 86800.0, 86800.0]
    """
    require_columns(budget, _BUDGET, "budget")
    rows = budget.reset_index(drop=True)
    for name, empty in _TEXTS.items():
        known = rows[name] if name in rows else pd.Series(pd.NA, index=rows.index, dtype="str")
        rows = rows.assign(**{name: known.fillna(empty)})
    first, last = (month_number(rows[name]).astype("int64") for name in ("from_month", "to_month"))
    months = last - first + 1
    fee = rows["fee_factor"].fillna(study.definitions.fee_factor)
    salary = rows["monthly_salary_sek"] * fee * rows["fte"]
    cost = salary.where(rows["amount_sek"].isna(), rows["amount_sek"] / months)
    if months.lt(1).any() or cost.isna().any():
        raise MetricInputError(
            f"budget has {int(months.lt(1).sum())} rows that end before they begin and "
            f"{int(cost.isna().sum())} with neither an amount nor both salary and posts."
        )
    repeated = rows.loc[rows.index.repeat(months)].assign(cost_sek=cost.repeat(months).to_numpy())
    running = first.repeat(months) + repeated.groupby(level=0).cumcount()
    starts = pd.PeriodIndex.from_ordinals(running.to_numpy() - 1970 * 12, freq="M")
    columns = ["version", "party", "item", "funder", "month", "cost_sek"]
    return repeated.assign(month=starts.to_timestamp()).reset_index(drop=True)[columns]


def cost(budget: pd.DataFrame, study: Study) -> Results:
    """What each payer put in by year, in each version of the budget.

    Parameters
    ----------
    budget, study : as for ``monthly_costs``.

    Returns
    -------
    For each version (``variant``) rows of the whole and by year (``period``): the total, and by
    party, item and funder (``dimension``), zeros included; unit SEK. Variant ``fixed_prices`` is
    the outcome in the prices of the study's price year. A total is a row of its own. No interval:
    nothing is sampled; n is null.
    """
    months = monthly_costs(budget, study)
    parts = [_sums(own).assign(variant=name) for name, own in months.groupby("version")]
    own = months.loc[months["version"].eq(OUTCOME)]
    if len(own):
        steady = own["cost_sek"] * price_factor(own["month"], study.price_year)
        parts.append(_sums(own.assign(cost_sek=steady)).assign(variant="fixed_prices"))
    rows = pd.concat(parts) if parts else pd.DataFrame({"status": ["not_available"]})
    return build_results(rows, metric="cost", unit="sek", method="sum_of_costs")


def _sums(months: pd.DataFrame) -> pd.DataFrame:
    """Sums over all months and by year: of all, and of each party, item and funder."""
    known = months.assign(period=months["month"].dt.year.astype("str"))
    parts = []
    for dimension in ("", "party", "item", "funder"):
        level = known[dimension] if dimension else pd.Series("", index=known.index)
        if dimension == "funder" and level.eq("").all():
            continue
        named = known.assign(level=level.mask(level.eq("") & bool(dimension), "unknown"))
        table = named.pivot_table("cost_sek", "level", "period", aggfunc="sum", fill_value=0.0)
        whole = table.assign(**{"": table.sum(axis=1)}).round(2)
        long = whole.melt(ignore_index=False, var_name="period", value_name="estimate")
        parts.append(long.reset_index().assign(dimension=dimension))
    return pd.concat(parts, ignore_index=True)


def cost_difference(costs: pd.DataFrame, against: str = PLAN) -> Results:
    """By how much the outcome differs from a version of the budget, by party and year.

    Parameters
    ----------
    costs : rows of ``cost``.
    against : the version, which is the variant of the rows.

    Returns
    -------
    Outcome − version in SEK for each row that either has; a party or year without a cost counts
    as zero. ``not_available`` where one of the versions is absent. No interval.
    """
    place = ["dimension", "level", "period"]
    both = [
        rows_of(costs, "cost", variant=name).set_index(place)["estimate"]
        for name in (OUTCOME, against)
    ]
    if not all(map(len, both)):
        rows = pd.DataFrame({"status": ["not_available"]})
    else:
        rows = both[0].sub(both[1], fill_value=0.0).reset_index()
    constants = {"metric": "cost_difference", "unit": "sek", "method": "difference_of_costs"}
    return build_results(rows, variant=against, **constants)


def cost_per_household(budget: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> Results:
    """What the intervention cost a household that started, and a household-month in it.

    Parameters
    ----------
    budget : one row an item and span of months; the version ``outcome`` counts.
    cohort : one row a household with its start (``build_cohort``).

    Returns
    -------
    ``cost_per_household`` default: cost / households that started, no interval. Variant
    ``steady``: cost a household-month × mean stay within the study's horizon, over the months
    with at least one household; it corrects for stays that still go on. Its range is that of the
    mean stay. ``cost_per_month``: cost / household-months within the budget's months. n counts
    households; null where nobody started or nothing was paid.

    Notes
    -----
    A household-month is 30.4375 days of a household in the intervention.
    """
    from hfcore.metrics.time_to_closure import restricted_time

    months = monthly_costs(budget, study).query("version == @OUTCOME")
    total, households = months["cost_sek"].sum(), entered(cohort)
    stays = _household_months(households, months["month"], study)
    with_some = months["month"].isin(stays.index[stays.gt(0)])
    a_month = _ratio(months.loc[with_some, "cost_sek"].sum(), stays.sum())
    stay = one_row(
        restricted_time(cohort, study),
        "restricted_mean",
        group="participant",
        month=study.definitions.horizon_months,
    )
    ends = [stay[end] if stay is not None else np.nan for end in ("estimate", "ci_low", "ci_high")]
    steady = [a_month * float(end) if pd.notna(end) else np.nan for end in ends]
    table = [
        ("cost_per_household", "default", _ratio(total, len(households)), np.nan, np.nan),
        ("cost_per_household", "steady", *steady),
        ("cost_per_month", "default", _ratio(total, stays.sum()), np.nan, np.nan),
    ]
    rows = pd.DataFrame(table, columns=["metric", "variant", "estimate", "ci_low", "ci_high"])
    is_a_month = rows["metric"].eq("cost_per_month")
    return build_results(
        rows.assign(
            n=len(households),
            unit=np.where(is_a_month, "sek_per_month", "sek"),
            key_n=_key_sum(households),
            method=["cost_per_start", "cost_per_stay", "cost_per_household_month"],
            status=np.where(rows["estimate"].notna(), "ok", "not_available"),
        ),
        group="participant",
    )


def _household_months(households: pd.DataFrame, months: pd.Series, study: Study) -> pd.Series:
    """How many months of 30.4375 days households spent in the intervention in each of the months.

    >>> one = pd.DataFrame({"started_on": pd.to_datetime(["2020-01-17"]), "closed_on": pd.NaT})
    >>> from datetime import date
    >>> study = Study("s", {"sv": "s", "en": "s"}, True, date(2020, 2, 1), 2020, ())
    >>> _household_months(one, pd.to_datetime(pd.Series(["2020-01-01"])), study).round(2).tolist()
    [0.49]
    """
    starts = pd.Series(sorted(set(months)), dtype="datetime64[s]")
    ends = starts + pd.offsets.MonthBegin(1)
    begun = households["started_on"].to_numpy("datetime64[s]")[:, None]
    last = pd.Timestamp(study.cutoff)
    gone = households["closed_on"].fillna(last).to_numpy("datetime64[s]")[:, None]
    span = np.minimum(gone, ends.to_numpy()) - np.maximum(begun, starts.to_numpy())
    days = np.maximum(span / np.timedelta64(1, "D"), 0.0).sum(axis=0)
    return pd.Series(days / DAYS_PER_MONTH, index=starts)


def cost_per_exit(budget: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> Results:
    """What was spent for each closure to self-sufficiency so far, by definition of it.

    Returns
    -------
    One row a declared definition (``variant``): cost / closures; n counts households that
    started, n_events closures. The range turns the Wilson interval of closures among those who
    started around; with no closure the estimate is null and only the lower end stands. It is no
    price of an exit: many would have closed anyway, see ``cost_per_extra_exit``.
    """
    total, everyone = outcome_total(budget, study), entered(cohort)
    headline = study.causes[0]
    variants = [
        each
        for each in SELF_SUFFICIENCY_VARIANTS
        if each == "default" or each in study.definitions.cause_variants
    ]
    table = []
    for variant in variants:
        closed = everyone.loc[assign_cause(everyone, study, variant)["cause"].eq(headline)]
        low, high = (
            (float(end) for end in wilson(len(closed), len(everyone)))
            if len(everyone)
            else (np.nan, np.nan)
        )
        table.append(
            {
                "variant": variant,
                "estimate": _ratio(total, len(closed)),
                "ci_low": _ratio(total, len(everyone) * high),
                "ci_high": _ratio(total, len(everyone) * low) if len(closed) else np.nan,
                "n_events": len(closed),
                "key_events": _key_sum(closed),
                "status": "ok" if len(closed) and total else "too_few",
            }
        )
    constants = {"metric": "cost_per_exit", "unit": "sek", "group": "participant"}
    rows = pd.DataFrame(table).assign(n=len(everyone), key_n=_key_sum(everyone), cause=headline)
    return build_results(rows, method="cost_by_wilson", **constants)


def cost_per_extra_exit(
    budget: pd.DataFrame, difference: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> Results:
    """What was spent for each household that would not have left support without it.

    Parameters
    ----------
    difference : rows of ``fair_exit_difference``: the share that left support, participants less
        comparison, of which the row at the study's horizon counts.

    Returns
    -------
    One row: cost / (households × difference), its range turned around. Where the difference may be
    nought (lower end ≤ 0 < upper end) only the lower end stands, status ``too_few``: "so much or
    more, or no further household at all". Null where even the upper end is ≤ 0.
    """
    total, households = outcome_total(budget, study), entered(cohort)
    own = difference.loc[difference["cause"].eq("exit_from_support")]
    own = own.loc[own["month"].eq(study.definitions.horizon_months)]
    found = own.iloc[0] if len(own) else None
    ends = [np.nan] * 3
    if found is not None:
        ends = [float(found[end]) for end in ("estimate", "ci_low", "ci_high")]
    share, low, high = ends
    cost_each = [_ratio(total, len(households) * end) for end in (share, high, low)]
    is_sure = low > 0
    rows = {
        "estimate": cost_each[0] if is_sure else np.nan,
        "ci_low": cost_each[1] if high > 0 else np.nan,
        "ci_high": cost_each[2] if is_sure else np.nan,
        "n": len(households),
        "key_n": _key_sum(households),
        "month": study.definitions.horizon_months,
        "status": "ok" if is_sure else ("too_few" if found is not None else "not_available"),
    }
    constants = {"metric": "cost_per_extra_exit", "unit": "sek", "group": "difference"}
    return build_results(pd.DataFrame([rows]), method="cost_by_difference", **constants)


def all_costs(parts: list[pd.DataFrame]) -> Results:
    """The outcome of several municipalities together, by year: rows of ``cost`` added up.

    Raises MetricInputError where a part has no outcome.

    Parameters
    ----------
    parts : rows of ``cost``, a frame a municipality.
    """
    own = [
        rows_of(part, "cost", variant=OUTCOME, dimension="").loc[:, ["period", "estimate"]]
        for part in parts
    ]
    if not own or not all(map(len, own)):
        raise MetricInputError("A municipality has no costs of the version outcome.")
    rows = pd.concat(own).groupby("period", as_index=False)["estimate"].sum()
    return build_results(
        rows, metric="cost", unit="sek", variant=OUTCOME, method="sum_of_municipalities"
    )


def outcome_total(budget: pd.DataFrame, study: Study) -> float:
    """The whole cost of the version ``outcome``, to the öre."""
    months = monthly_costs(budget, study)
    return float(months.loc[months["version"].eq(OUTCOME), "cost_sek"].sum().round(2))


def _ratio(total: float, count: float) -> float:
    return float(total) / count if count > 0 and total else np.nan


def _key_sum(frame: pd.DataFrame) -> float:
    return float(frame["record_key"].sum()) if "record_key" in frame else np.nan
