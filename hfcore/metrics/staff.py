"""What the teams had to do and what they did: cases per post and how working time was spent.

The intervention's team stands as group ``participant``, the ordinary team as ``comparison``.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
from scipy import stats

from hfcore.estimators.intervals import LEVEL
from hfcore.metrics.contributions import entered
from hfcore.results import Results, build_results, require_columns
from hfcore.schema import TABLES
from hfcore.study import Study

GROUP_OF_TEAM = {"intervention": "participant", "comparison": "comparison"}
CATEGORIES = TABLES["worktime"].columns["category"].codes
CLIENT = ("direct_client", "indirect_client")
MIN_WORKERS = 3
MOST_ORDERS = 200_000


def caseload(frame: pd.DataFrame) -> pd.DataFrame:
    """Open cases per full-time post of each team, and by how much the intervention's differs.

    Parameters
    ----------
    frame : one row a team and day: team, on, staff_fte, open_cases.

    Returns
    -------
    One row a team: the ratio of all counted cases to all counted posts (days with many posts weigh
    more); n counts days. Variant ``per_worker``: by heads, where every row has ``workers``. Group
    ``difference``: intervention / comparison − 1, so −0.4 is 40 % fewer
    cases per post. No interval: the days of a team are not independent.
    """
    require_columns(frame, ("team", "staff_fte", "open_cases"), "caseload")
    parts = [_cases_by(frame, "staff_fte").assign(variant="default")]
    if "workers" in frame and len(frame) and frame["workers"].notna().all():
        parts.append(_cases_by(frame, "workers").assign(variant="per_worker"))
    return build_results(_judged(pd.concat(parts)), metric="caseload", unit="ratio")


def _cases_by(frame: pd.DataFrame, capacity: str) -> pd.DataFrame:
    """Cases by posts or by heads, of each team, and the relative difference."""
    sums = frame.groupby("team")[["open_cases", capacity]].sum().reindex(list(GROUP_OF_TEAM))
    ratio = sums["open_cases"].astype("float64") / sums[capacity].astype("float64")
    ratio = ratio.replace([np.inf, -np.inf], np.nan)
    days = frame["team"].value_counts().reindex(list(GROUP_OF_TEAM)).fillna(0)
    relative = ratio["intervention"] / ratio["comparison"] - 1
    return pd.DataFrame(
        {
            "group": [*GROUP_OF_TEAM.values(), "difference"],
            "estimate": [*ratio, relative],
            "n": [*days, days.sum()],
            "method": ["ratio_of_sums", "ratio_of_sums", "relative_difference"],
        }
    )


def closures_per_post(caseload: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> Results:
    """How many cases the intervention's team closed a post and month, and how long cases stay.

    Parameters
    ----------
    caseload : one row a team and day: team, on, staff_fte, open_cases.
    cohort : one row a household with its start and closure.

    Returns
    -------
    ``closures_per_post``: closures / (mean posts × months from the first count to the cut-off),
    n_events closures; variant ``without_first_month`` leaves out closures in the first calendar
    month, whose cases the team could hardly have worked with. ``inflow``: cases started after the
    first count. ``stock_duration``: mean open cases / closures a month (variant ``default``) or
    / new cases a month (variant ``inflow``), Little's law: time in the team. Nothing of the
    comparison team, whose closures nobody recorded.

    Notes
    -----
    Interval of the rate: exact Poisson, χ²(.025; 2E)/2 and χ²(.975; 2E + 2)/2 over the exposure.

    Examples
    --------
    >>> [round(end / 72, 2) for end in poisson_ends(107)]
    [1.22, 1.8]
    """
    require_columns(caseload, ("team", "on", "staff_fte", "open_cases"), "caseload")
    own, households = caseload.loc[caseload["team"].eq("intervention")], entered(cohort)
    if own.empty:
        rows = pd.DataFrame({"metric": ["closures_per_post"], "status": ["not_available"]})
        return build_results(rows, unit="ratio", group="participant")
    first, last = own["on"].min(), pd.Timestamp(study.cutoff)
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    posts, cases = own["staff_fte"].mean(), own["open_cases"].mean()
    closed = households.loc[households["closed_on"].between(first, last)]
    later = closed.loc[closed["closed_on"].ge(first + pd.offsets.MonthBegin(1))]
    begun = households.loc[households["started_on"].between(first, last, inclusive="right")]
    table = []
    exposure = posts * months
    for variant, events in (("default", closed), ("without_first_month", later)):
        low, high = poisson_ends(len(events))
        rate = (len(events), low, high) if exposure > 0 else (np.nan,) * 3
        figures = [each / exposure if exposure > 0 else np.nan for each in rate]
        row = dict(zip(("estimate", "ci_low", "ci_high"), figures, strict=True))
        named = {"metric": "closures_per_post", "variant": variant, "unit": "ratio"}
        table.append(row | named | _events(events) | {"method": "exact_poisson"})
    new = {"metric": "inflow", "variant": "default", "unit": "count", "method": "count"}
    own_keys = {"estimate": len(begun), "n": len(begun), "key_n": begun["record_key"].sum()}
    table.append(new | own_keys)
    for variant, flow in (("default", closed), ("inflow", begun)):
        stay = {"estimate": cases * months / len(flow) if len(flow) else np.nan}
        named = {"metric": "stock_duration", "variant": variant, "unit": "months"}
        table.append(stay | named | _events(flow) | {"method": "littles_law"})
    return build_results(_judged(pd.DataFrame(table)), group="participant")


def _events(frame: pd.DataFrame) -> dict[str, float]:
    return {"n_events": len(frame), "key_events": frame["record_key"].sum()}


def poisson_ends(events: int) -> tuple[float, float]:
    """The exact 95 % range of an expected number of events, of which so many were seen."""
    alpha = 1 - LEVEL
    low = stats.chi2.ppf(alpha / 2, 2 * events) / 2 if events else 0.0
    return float(low), float(stats.chi2.ppf(1 - alpha / 2, 2 * events + 2) / 2)


def _shares_of_workers(worktime: pd.DataFrame) -> pd.DataFrame:
    """Each worker's own shares of hours by category, and of client time; index team and worker."""
    hours = worktime.pivot_table(
        "hours", ["team", "worker_id"], "category", aggfunc="sum", fill_value=0.0
    ).reindex(columns=list(CATEGORIES), fill_value=0.0)
    shares = hours.div(hours.sum(axis=1).replace(0, np.nan), axis=0).dropna()
    return shares.assign(client=shares[list(CLIENT)].sum(axis=1))


def worktime_difference(worktime: pd.DataFrame) -> Results:
    """How the workers of the intervention's team spend their time compared with the others.

    Returns
    -------
    One row a category, and ``client`` for direct and indirect client time together (dimension
    ``category``): mean of the workers' own shares, intervention − comparison; Welch's interval
    where each team has three workers. n counts workers. The team's shares (``worktime_share``) are
    ratios of hours and differ from these means where some work more than others.
    """
    require_columns(worktime, ("worker_id", "team", "category", "hours"), "worktime")
    shares = _shares_of_workers(worktime)
    teams = [shares.loc[shares.index.get_level_values("team") == team] for team in GROUP_OF_TEAM]
    table = []
    for category in (*CATEGORIES, "client"):
        one, two = (team[category].to_numpy("float64") for team in teams)
        row = {"level": category, "estimate": np.nan, "n": len(one) + len(two)}
        if len(one) and len(two):
            row["estimate"] = one.mean() - two.mean()
        if min(len(one), len(two)) >= MIN_WORKERS:
            found = stats.ttest_ind(one, two, equal_var=False)
            if np.isfinite(found.statistic):
                low, high = found.confidence_interval(LEVEL)
                row |= {"ci_low": low, "ci_high": high, "df": found.df}
        table.append(row)
    constants = {"metric": "worktime_difference", "unit": "share", "group": "difference"}
    rows = _judged(pd.DataFrame(table))
    return build_results(rows, dimension="category", method="welch", **constants)


def worktime_permutation(worktime: pd.DataFrame) -> pd.DataFrame:
    """Whether the teams differ more than workers dealt at random to teams would; stays inside.

    Returns
    -------
    One row a category: difference, ``p_value`` (two-sided by doubling the smaller tail, every
    dealing counted), ``smallest_p`` that so few workers can give, and ``dealings``. With five and
    four workers there are 126 dealings and no p-value below 2/126: only large differences show.

    Raises
    ------
    MetricInputError
        If the frame lacks a column, naming it.
    """
    require_columns(worktime, ("worker_id", "team", "category", "hours"), "worktime")
    shares = _shares_of_workers(worktime)
    is_own = (shares.index.get_level_values("team") == "intervention").astype(bool)
    n, k = len(shares), int(is_own.sum())
    dealings = comb(n, k) if 0 < k < n else 0
    columns = ["category", "estimate", "p_value", "smallest_p", "dealings"]
    if not 0 < dealings <= MOST_ORDERS:
        return pd.DataFrame(columns=columns)
    chosen = np.array(list(combinations(range(n), k)))
    table = []
    for category in (*CATEGORIES, "client"):
        values = shares[category].to_numpy("float64")
        own = values[chosen].sum(axis=1)
        spread = own / k - (values.sum() - own) / (n - k)
        seen = values[is_own].mean() - values[~is_own].mean()
        tails = [np.mean(spread >= seen - 1e-12), np.mean(spread <= seen + 1e-12)]
        p_value = min(1.0, 2 * min(tails))
        table.append((category, seen, p_value, min(1.0, 2 / dealings), dealings))
    return pd.DataFrame(table, columns=columns)


def client_hours_per_case(worktime: pd.DataFrame, caseload: pd.DataFrame) -> Results:
    """Hours of direct client time an open case and week, in each team.

    Parameters
    ----------
    worktime : one row a worker, day and category.
    caseload : one row a team and day; the day nearest to the middle of the measured weeks counts.

    Returns
    -------
    One row a team; group ``difference``: intervention / comparison − 1. No interval.
    """
    require_columns(worktime, ("team", "on", "category", "hours"), "worktime")
    require_columns(caseload, ("team", "on", "open_cases"), "caseload")
    figures = {}
    for team in GROUP_OF_TEAM:
        work = worktime.loc[worktime["team"].eq(team)]
        counts = caseload.loc[caseload["team"].eq(team)]
        figures[team] = np.nan
        if len(work) and len(counts):
            middle = work["on"].min() + (work["on"].max() - work["on"].min()) / 2
            nearest = (counts["on"] - middle).abs().sort_values(kind="stable").index[0]
            weeks = work["on"].dt.to_period("W").nunique()
            cases = int(counts.loc[nearest, "open_cases"])
            direct = work.loc[work["category"].eq("direct_client"), "hours"].sum()
            figures[team] = direct / (cases * weeks) if cases else np.nan
    ours, theirs = figures.values()
    relative = ours / theirs - 1 if theirs else np.nan
    rows = pd.DataFrame(
        {
            "group": [*GROUP_OF_TEAM.values(), "difference"],
            "estimate": [ours, theirs, relative],
            "unit": ["hours", "hours", "ratio"],
            "method": ["hours_by_cases", "hours_by_cases", "relative_difference"],
        }
    )
    return build_results(_judged(rows), metric="client_hours_per_case")


def worktime_share(worktime: pd.DataFrame) -> pd.DataFrame:
    """How each team's hours divide over the categories of work.

    Parameters
    ----------
    worktime : one row a worker, day and category: worker_id, team, category, hours.

    Returns
    -------
    One row a team and category (dimension ``category``), zeros included; n counts the
    team's workers, ``largest`` and ``second_largest`` are the hours of the two workers who worked
    most in the category and ``sum_absolute`` all hours in it. No interval: the hours of a worker
    are not independent.
    """
    require_columns(worktime, ("worker_id", "team", "category", "hours"), "worktime")
    cells = pd.MultiIndex.from_product(
        [list(GROUP_OF_TEAM), list(CATEGORIES)], names=["team", "category"]
    )
    by_worker = worktime.groupby(["team", "category", "worker_id"])["hours"].sum()
    hours = by_worker.groupby(["team", "category"]).sum().reindex(cells).fillna(0.0)
    ordered = by_worker.sort_values(ascending=False, kind="stable").reset_index("worker_id")[
        "hours"
    ]
    place = ordered.groupby(["team", "category"]).cumcount()
    team = cells.get_level_values("team")
    workers = worktime.groupby("team")["worker_id"].nunique()
    whole = hours.groupby("team").transform("sum")
    rows = pd.DataFrame(
        {
            "group": team.map(GROUP_OF_TEAM),
            "dimension": "category",
            "level": cells.get_level_values("category"),
            "estimate": (hours / whole.where(whole.gt(0))).to_numpy(),
            "n": workers.reindex(team).fillna(0).to_numpy(),
            "largest": ordered.loc[place.eq(0)].reindex(cells).to_numpy(),
            "second_largest": ordered.loc[place.eq(1)].reindex(cells).to_numpy(),
            "sum_absolute": hours.to_numpy(),
        }
    )
    return build_results(
        _judged(rows), metric="worktime_share", unit="share", method="share_of_hours"
    )


def _judged(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(status=np.where(rows["estimate"].notna(), "ok", "not_available"))
