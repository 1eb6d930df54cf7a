"""Shares of persons who live in households together, by group and month, and their differences.

Two adults of a household resemble each other, so intervals count the adults as fewer than they
are. Rows are persons: group, month, household_id, record_key and a column that says whether it
happened.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators import intervals, proportions
from hfcore.estimators.regression import adjusted_difference
from hfcore.metrics.contributions import count_rows, share_rows
from hfcore.schema import GROUPS


def shares_and_differences(
    adults: pd.DataFrame, event: str, months: tuple[int, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shares by group and month, and participants − controls by month, with intervals.

    Wilson's and Newcombe's on effective numbers, with one intra-household correlation a month,
    pooled over the groups. A difference counts both groups in n, the participants in n_events.
    """
    shares = _with_effective_numbers(adults, event, months)
    low, high = intervals.wilson(
        shares["estimate"].fillna(0) * shares["n_eff"].fillna(0), shares["n_eff"].fillna(0)
    )
    differences = _differences(shares)
    shares = shares.drop(columns="n_eff").assign(ci_low=low, ci_high=high, method="wilson_n_eff")
    return shares, differences


def _with_effective_numbers(
    adults: pd.DataFrame, event: str, months: tuple[int, ...]
) -> pd.DataFrame:
    shares = share_rows(adults, {"group": GROUPS, "month": months}, event)
    return shares.assign(n_eff=_effective_numbers(adults, event, shares, months))


def _effective_numbers(
    adults: pd.DataFrame, event: str, shares: pd.DataFrame, months: tuple[int, ...]
) -> np.ndarray:
    """Effective numbers of adults per row of shares, one correlation a month for both groups."""
    sizes = adults.groupby(["group", "month", "household_id"]).size()
    squares = (sizes**2).groupby(["group", "month"]).sum()
    asked = pd.MultiIndex.from_frame(shares[["group", "month"]])
    alike = shares["month"].map({month: _alike(adults, event, month) for month in months})
    return intervals.effective_n(
        shares["n"].to_numpy(),
        squares.reindex(asked).to_numpy(dtype="float64"),
        alike.to_numpy(dtype="float64"),
    )


def _alike(adults: pd.DataFrame, event: str, month: int) -> float:
    then = adults.loc[adults["month"].eq(month)]
    return intervals.icc(
        then[event].to_numpy(dtype="float64"),
        pd.factorize(then["household_id"])[0],
        pd.factorize(then["group"])[0],
    )


def detectable_differences(
    adults: pd.DataFrame, event: str, months: tuple[int, ...]
) -> pd.DataFrame:
    """By how much the participants' share would have to exceed the controls' to be found, by month.

    80 % power at 5 %, on the effective numbers of both groups; null where even a share of 1 would
    be missed or a group has nobody.
    """
    shares = _with_effective_numbers(adults, event, months)
    first, other = (
        shares.loc[shares["group"].eq(group)].reset_index(drop=True) for group in GROUPS
    )
    found = intervals.detectable_difference(first["n_eff"], other["n_eff"], other["estimate"])
    return _difference_rows(first, other).assign(
        estimate=found, status=np.where(np.isnan(found), "too_few", "ok")
    )


def _differences(shares: pd.DataFrame) -> pd.DataFrame:
    first, other = (
        shares.loc[shares["group"].eq(group)].reset_index(drop=True) for group in GROUPS
    )
    sizes = [
        each[column].to_numpy(dtype="float64")
        for each in (first, other)
        for column in ("n_events", "n", "n_eff")
    ]
    low, high = proportions.newcombe_clustered(*sizes)
    known = first["n"].gt(0) & other["n"].gt(0)
    return _difference_rows(first, other).assign(
        estimate=first["estimate"] - other["estimate"],
        ci_low=np.where(known, low, np.nan),
        ci_high=np.where(known, high, np.nan),
        method="newcombe_n_eff",
        status=np.where(known, "ok", "too_few"),
    )


def _difference_rows(first: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Who stands behind a difference: both groups in n, the participants in n_events."""
    return pd.DataFrame(
        {
            "group": "difference",
            "month": first["month"],
            "n": first["n"] + other["n"],
            "n_events": first["n"],
            "key_n": first["key_n"] + other["key_n"],
            "key_events": first["key_n"],
        }
    )


def robust_differences(adults: pd.DataFrame, event: str, months: tuple[int, ...]) -> pd.DataFrame:
    """The same differences by least squares with CR2 errors on households."""
    counts = count_rows(adults, {"group": GROUPS, "month": months})
    first, other = (
        counts.loc[counts["group"].eq(group)].reset_index(drop=True) for group in GROUPS
    )
    rows = _difference_rows(first, other)
    fits = pd.DataFrame([_robust(adults, event, month) for month in months])
    status = np.where(fits["estimate"].notna(), "ok", "too_few")
    return pd.concat([rows, fits], axis=1).assign(status=status)


def _robust(adults: pd.DataFrame, event: str, month: int) -> dict[str, float]:
    then = adults.loc[adults["month"].eq(month)]
    is_treated = then["group"].eq("participant").to_numpy()
    households = then.groupby("group")["household_id"].nunique()
    if len(households) < 2 or households.min() < 2:
        return dict.fromkeys(("estimate", "ci_low", "ci_high", "df"), np.nan)
    contrast = adjusted_difference(
        then[event].to_numpy(dtype="float64"),
        is_treated,
        np.empty((len(then), 0)),
        pd.factorize(then["household_id"])[0],
    )
    low, high = contrast.interval()
    return {"estimate": contrast.estimate, "ci_low": low, "ci_high": high, "df": contrast.df}
