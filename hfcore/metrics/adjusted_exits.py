"""Exit from support against a comparison group that is like the participants before the start."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.errors import MetricInputError
from hfcore.estimators import intervals
from hfcore.estimators.multistate import UNKNOWN, Occupation, occupation
from hfcore.metrics.comparison_group import build_comparison
from hfcore.metrics.paid_months import paid_months
from hfcore.metrics.support_spells import spells_of, timed_exits
from hfcore.results import build_results, require_columns
from hfcore.schema import GROUPS
from hfcore.study import Study

_ON_SUPPORT, _EXIT, _GONE = range(3)


def fair_exit_difference(
    cohort: pd.DataFrame, payments: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """How much larger the share that has left support is than in the weighted comparison group.

    Returns
    -------
    ``incidence_difference`` (cause exit_from_support, variant ``entropy_balanced``), one row a
    month 0 … horizon: participants − controls weighted to be like them (``build_comparison``).
    n counts both groups, n_events the participants. ``too_few`` where a group has fewer than
    ``min_households_arm`` households, ``not_available`` beyond follow-up or without controls.

    Notes
    -----
    Estimand and follow-up as in ``spells.exit_from_support``, the declared gap. Weighted
    Aalen–Johansen with errors by the infinitesimal jackknife, the weights taken as known; interval
    from both log(−log) intervals (MOVER). The groups are alike in what was measured before the
    start, and in nothing else by design.

    References
    ----------
    Hainmueller (2012); Datta & Satten (2001); Zou & Donner (2008).
    """
    months = np.arange(study.definitions.horizon_months + 1)
    weighted = _weighted(cohort, study)
    gap = study.definitions.exit_gap_months
    timed = timed_exits(spells_of(paid_months(weighted, payments, study), gap))
    timed = timed.loc[timed["weight"].gt(0)]
    parts = [timed.loc[timed["group"].eq(group)] for group in GROUPS]
    first, other = (_curve(part, months) for part in parts)
    keys = [part["record_key"].sum() for part in parts]
    n = [len(part) for part in parts]
    rows = _differences(first, other, months)
    is_large = min(n) >= study.definitions.min_households_arm
    status = np.where(first.is_known & other.is_known, "ok", "not_available")
    status = np.where(is_large or min(n) == 0, status, "too_few")
    measured = ["estimate", "ci_low", "ci_high"]
    rows = rows.assign(**{column: rows[column].where(status == "ok") for column in measured})
    rows = rows.assign(
        status=status,
        n=sum(n),
        n_events=n[0],
        key_n=sum(keys),
        key_events=keys[0],
        df=float(max(min(n) - 1, 0)),
    )
    return build_results(
        rows,
        metric="incidence_difference",
        unit="share",
        group="difference",
        cause="exit_from_support",
        variant="entropy_balanced",
        method="aalen_johansen_weighted",
    )


def _weighted(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The cohort with the weights of the comparison; all 0 where nobody can be compared."""
    needed = {"start_month", *study.definitions.covariates} - {"start_year"}
    require_columns(cohort, tuple(sorted(needed)), "cohort")
    try:
        return build_comparison(cohort, study)
    except MetricInputError:  # one group only, or groups without any overlap
        return cohort.assign(weight=0.0)


def _curve(timed: pd.DataFrame, months: np.ndarray) -> Occupation:
    """The share in each state by month: on support, left it, moved or died."""
    end = timed["observed_months"].to_numpy(dtype="float64")[:, None]
    kind = np.where(timed["cause"].eq("exit"), _EXIT, np.where(timed["cause"].eq("gone"), _GONE, 0))
    state = np.where(months >= end, kind[:, None], _ON_SUPPORT)
    paths = np.where((months <= end) | (state != _ON_SUPPORT), state, UNKNOWN)
    start = np.full((len(timed), 1), _ON_SUPPORT)
    return occupation(np.hstack([start, paths]), 3, timed["weight"].to_numpy(dtype="float64"))


def _differences(first: Occupation, other: Occupation, months: np.ndarray) -> pd.DataFrame:
    shares = [each.share[:, _EXIT] for each in (first, other)]
    ends = [
        intervals.log_log(each.share[:, _EXIT], each.error[:, _EXIT]) for each in (first, other)
    ]
    low, high = intervals.difference_of(shares[0], ends[0], shares[1], ends[1])
    return pd.DataFrame(
        {"month": months, "estimate": shares[0] - shares[1], "ci_low": low, "ci_high": high}
    )
