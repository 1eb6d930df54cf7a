"""Closures over all municipalities: their common curve, and each share drawn towards the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.errors import MetricInputError
from hfcore.estimators import competing_risks, intervals
from hfcore.estimators.meta_analysis import pool_shares, worth_of
from hfcore.metrics.incidence_rows import worth_at
from hfcore.results import build_results, require_columns

_BEHIND = ["n", "n_at_risk", "key_n", "key_at_risk", "n_events", "key_events"]
_BEHIND += ["n_others", "key_others", "n_started"]


def pooled_incidence(curves: pd.DataFrame) -> pd.DataFrame:
    """Share of the families of all municipalities that has left, by cause and month.

    Parameters
    ----------
    curves : exact ``cumulative_incidence`` results of one group under one definition, of several
        municipalities, one below the other; each holds every cause and month from 0 on.

    Returns
    -------
    Results in shares, variant ``pooled``, one row a cause and month, as if the families were of
    one municipality: exact with ties, log(−log) intervals.

    Raises
    ------
    MetricInputError
        If a column is missing or months are left out.

    Notes
    -----
    Aalen–Johansen from the numbers at risk and the events of each month, added up. It says what
    became of all families together, where large municipalities count for more.
    """
    require_columns(curves, ("cause", "month", "group", *_BEHIND), "curves")
    if curves.empty:
        return build_results(curves.reindex(columns=["estimate"]), **_CONSTANTS)
    summed = curves.groupby(["cause", "month"], sort=False)[_BEHIND].sum().reset_index()
    causes, months = summed["cause"].unique(), np.sort(summed["month"].unique())
    if not np.array_equal(months, np.arange(len(months))):
        raise MetricInputError("Curves to be pooled need every month from 0 on.")
    events = summed.pivot(index="month", columns="cause", values="n_events")[causes].sort_index()
    at_risk = summed.groupby("month")["n_at_risk"].first().sort_index().to_numpy(dtype="int64")
    fresh = np.diff(events.to_numpy(dtype="int64"), axis=0, prepend=0)
    followed = at_risk > 0
    counts = competing_risks.EventCounts(months[followed], at_risk[followed], fresh[followed])
    share, error = competing_risks.aalen_johansen(counts)
    worth = worth_at(counts, counts.times)
    shares = pd.DataFrame(
        {
            "worth": np.tile(worth, len(causes)),
            "cause": np.repeat(causes, len(counts.times)),
            "month": np.tile(counts.times, len(causes)),
            "estimate": share.T.ravel(),
            "error": error.T.ravel(),
        }
    )
    rows = summed.merge(shares, on=["cause", "month"], how="left")
    low, high = intervals.log_log(rows["estimate"], rows.pop("error"))
    status = np.where(rows["estimate"].notna(), "ok", "not_available")
    rows = rows.assign(ci_low=low, ci_high=high, status=status, group=curves["group"].iloc[0])
    return build_results(rows, **_CONSTANTS)


_CONSTANTS = {
    "metric": "cumulative_incidence",
    "variant": "pooled",
    "unit": "share",
    "method": "aalen_johansen",
}


def steadied_shares(shares: pd.DataFrame) -> pd.DataFrame:
    """The share of each municipality drawn towards the others, their mean, and a new one's.

    Parameters
    ----------
    shares : result rows of one share, exact or protected, one a ``municipality``, each with ``n``
        and an interval.

    Returns
    -------
    The same columns. A row a municipality with variant ``steadied`` (null where its own share
    is); below them, of municipality ``all``, the mean over municipalities (``pooled``) and where
    the share of one more municipality would lie (``predicted``).

    Notes
    -----
    Empirical Bayes (``pool_shares``). A share counts for as many families as its interval says,
    since those followed for a shorter time tell less. A municipality with few families is drawn
    further than one with many, so that a small one is neither first nor last by chance alone.

    References
    ----------
    Efron & Morris (1975) JASA 70:311.

    Examples
    --------
    >>> rows = pd.DataFrame({"municipality": ["0180", "1290"], "variant": "default", "n": [20, 120],
    ...     "estimate": [0.0, 0.3], "ci_low": [0.0, 0.23], "ci_high": [0.16, 0.39]})
    >>> steadied_shares(rows)["estimate"].round(2).tolist()[:2]
    [0.05, 0.29]
    """
    require_columns(shares, ("municipality", "variant", "estimate", "ci_low", "ci_high"), "shares")
    known = shares["estimate"].notna() & shares["n"].gt(0).fillna(False).astype(bool)
    own = shares.loc[known]
    worth = _worth(own)
    pooled = pool_shares(
        np.append(own["estimate"].to_numpy(float) * worth, 0.0), np.append(worth, 0.0)
    )
    ends = {"estimate": pooled.estimate, "ci_low": pooled.ci_low, "ci_high": pooled.ci_high}
    steadied = shares.assign(
        variant="steadied",
        **{
            name: pd.Series(each[:-1], own.index).reindex(shares.index)
            for name, each in ends.items()
        },
    )
    together = {
        "pooled": (pooled.pooled, pooled.pooled_low, pooled.pooled_high),
        "predicted": tuple(each[-1] for each in ends.values()),
    }
    return pd.concat(
        [steadied, *(_of_all(shares, own, *each) for each in together.items())], ignore_index=True
    )


def _worth(shares: pd.DataFrame) -> np.ndarray:
    """How many independent families each share is worth: at most n."""
    n = shares["n"].to_numpy(float)
    worth = worth_of(*(shares[name] for name in ("estimate", "ci_low", "ci_high")))
    return np.fmin(worth, n)


def _of_all(
    shares: pd.DataFrame, own: pd.DataFrame, variant: str, figures: tuple[float, ...]
) -> pd.DataFrame:
    """One row of all municipalities together; without figures where fewer than two have one."""
    enough = len(own) > 1
    estimate, low, high = figures if enough else (np.nan,) * 3
    changed = {"municipality": "all", "variant": variant, "estimate": estimate}
    changed |= {"ci_low": low, "ci_high": high, "n": own["n"].sum()}
    if "status" in shares:
        changed["status"] = "ok" if enough else "not_available"
    blank = {name: pd.NA for name in ("n_events", "n_at_risk") if name in shares}
    return shares.head(1).assign(**changed, **blank)
