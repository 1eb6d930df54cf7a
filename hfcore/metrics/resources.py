"""What the teams had to do and what they did: cases per post and how working time was spent.

The intervention's team stands as group ``participant``, the ordinary team as ``comparison``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.results import build_results, require_columns
from hfcore.schema import TABLES

GROUP_OF_TEAM = {"intervention": "participant", "comparison": "comparison"}
CATEGORIES = TABLES["worktime"].columns["category"].codes


def caseload(frame: pd.DataFrame) -> pd.DataFrame:
    """Open cases per full-time post of each team, and by how much the intervention's differs.

    Parameters
    ----------
    frame : one row a team and day: team, on, staff_fte, open_cases.

    Returns
    -------
    One row a team: the ratio of all counted cases to all counted posts (days with many posts weigh
    more); n counts days. Group ``difference``: intervention / comparison − 1, so −0.4 is 40 % fewer
    cases per post. No interval: the days of a team are not independent.
    """
    require_columns(frame, ("team", "staff_fte", "open_cases"), "caseload")
    sums = frame.groupby("team")[["open_cases", "staff_fte"]].sum().reindex(list(GROUP_OF_TEAM))
    ratio = sums["open_cases"].astype("float64") / sums["staff_fte"].astype("float64")
    ratio = ratio.replace([np.inf, -np.inf], np.nan)
    days = frame["team"].value_counts().reindex(list(GROUP_OF_TEAM)).fillna(0)
    relative = ratio["intervention"] / ratio["comparison"] - 1
    rows = pd.DataFrame(
        {
            "group": [*GROUP_OF_TEAM.values(), "difference"],
            "estimate": [*ratio, relative],
            "n": [*days, days.sum()],
            "method": ["ratio_of_sums", "ratio_of_sums", "relative_difference"],
        }
    )
    return build_results(_judged(rows), metric="caseload", unit="ratio")


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
