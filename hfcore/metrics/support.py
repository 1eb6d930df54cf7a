"""What a household is paid per month: before and after the start, and against the controls.

All frames come from ``support_panel``: one row a household and month −24…24 around its start,
zeros where nothing was paid, null outside the reach of the payment export. A control stands in
every start month in which it was on support (``risk_sets``), weighted so that start months are
distributed as the participants'; ``n`` counts households, never rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import nctdtrinc, stdtrit

from hfcore.metrics.difference_in_differences import (
    EARLIER_DRIFT,
    PLACEBO_WINDOWS,
    WINDOWS,
    amounts_by_month,
    covariates_of,
    difference_rows,
    effect_row,
    estimate_effect,
    group_means,
    households_of,
    window_change,
    without_departed,
)
from hfcore.results import build_results
from hfcore.schema import GROUPS
from hfcore.study import Study

PANEL_MONTHS = range(-24, 25)
POWER = 0.8


def support_mean(panel: pd.DataFrame, study: Study, variant: str = "default") -> pd.DataFrame:
    """Mean monthly support by group and month around the start, months without support as zero.

    Parameters
    ----------
    panel : one row a household and month (``support_panel``).
    study : its ``min_households_interval`` says from how many households a mean is shown.

    Returns
    -------
    Results, one row a group and month −24…24, in SEK per month; ``n`` the households whose month
    is inside the payment export; t intervals across households.

    Raises
    ------
    MetricInputError
        If the panel lacks a column.

    Notes
    -----
    Estimand: the mean of all households of the group, whatever became of them. Different
    households may be known in different months.
    """
    amounts, units = amounts_by_month(panel), households_of(panel)
    values = amounts.reindex(columns=PANEL_MONTHS).to_numpy(dtype="float64")
    rows = [_mean_rows(values, units, group, study).assign(group=group) for group in GROUPS]
    return build_results(
        pd.concat(rows),
        metric="support_mean",
        unit="sek_per_month",
        method="mean_t",
        variant=variant,
    )


def _mean_rows(values: np.ndarray, units: pd.DataFrame, group: str, study: Study) -> pd.DataFrame:
    found = group_means(values, units, group)
    # What each household adds to the mean, times their number: what the dominance rule asks about.
    signed = found["contribution"] * found["n"]
    sizes = np.sort(np.vstack([np.zeros((2, values.shape[1])), np.abs(signed)]), axis=0)
    with np.errstate(invalid="ignore"):
        reach = stdtrit(found["df"], 0.975) * np.sqrt(found["variance"])
    n, enough = found["n"], study.definitions.min_households_interval
    return pd.DataFrame(
        {
            "month": list(PANEL_MONTHS),
            "estimate": found["mean"],
            "ci_low": found["mean"] - reach,
            "ci_high": found["mean"] + reach,
            "n": n,
            "status": np.select([n == 0, n < enough], _FEW, "ok"),
            "key_n": found["key_n"],
            "largest": sizes[-1],
            "second_largest": sizes[-2],
            "sum_absolute": sizes.sum(axis=0),
            "n_negative": (signed < 0).sum(axis=0),
        }
    )


_FEW = ["not_available", "too_few"]


def support_difference_naive(
    panel: pd.DataFrame, study: Study, variant: str = "default"
) -> pd.DataFrame:
    """Participants − controls as they are: by month, and as the mean over months 1–24.

    What the published reports show. It is no effect: the groups differed before the start.

    Returns
    -------
    Results, one row a month −24…24 and one with dimension ``window``, level ``1-24`` (households
    whose 24 months are all known), Welch intervals, in SEK per month. ``n`` counts the households
    of both groups, ``n_events`` the participants among them.
    """
    amounts, units = amounts_by_month(panel), households_of(panel)
    window = amounts.reindex(columns=range(1, 25)).mean(axis=1, skipna=False)
    months = amounts.reindex(columns=PANEL_MONTHS)
    rows = pd.concat(
        [
            difference_rows(months, units, study).assign(month=list(PANEL_MONTHS)),
            difference_rows(window.to_frame(), units, study).assign(
                dimension="window", level="1-24"
            ),
        ]
    ).fillna({"dimension": "", "level": ""})
    return build_results(
        rows,
        metric="support_difference_naive",
        group="difference",
        unit="sek_per_month",
        method="welch",
        variant=variant,
    )


def support_effect(
    panel: pd.DataFrame, cohort: pd.DataFrame, study: Study, variant: str = "default"
) -> pd.DataFrame:
    """How much more or less a participating household is paid per month than it else would be.

    Difference-in-differences whose base window mirrors the outcome window around the start
    (month +1 against −1, +24 against −24), adjusted for the study's covariates.

    Parameters
    ----------
    panel, cohort : of the same households; both have ``unit_id`` where a control serves several
        start months.
    study : its covariates and ``min_households_arm``; below that the status is ``too_few`` and
        the interval says only how little can be seen.

    Returns
    -------
    Results in SEK per month. Levels ``1-12``, ``13-24``, ``1-24`` of ``window`` are the estimates;
    the rows by month −24…24 describe (method ``monthly_did_description``): the monthly
    difference minus the mean difference over −12…−1, nothing adjusted. ``n`` counts the
    households whose window is whole, ``n_events`` the participants among them.

    Raises
    ------
    MetricInputError
        If a frame lacks a column, naming it.

    Notes
    -----
    Estimand: the mean effect on the participants, if selection acts around month 0 and shocks
    fade about as fast as they build. Families enter at a peak of need: a base of month −1 or a
    plain before–after would count the fall from that peak as an effect; families that enter right
    after a sudden shock make the mirror hide savings. Months after a household moved or died are
    unknown, not zero. A regression on controls predicts the participants
    (``estimators.effect_on_treated``); under 20 participants the same unadjusted; under 5 nothing.
    Where only the participants' departures are recorded, controls that left stay in with zeros,
    which hides savings rather than invents them; the sensitivity variant ``with_moves`` shows the
    other way.

    References
    ----------
    Chabé-Ferret 2015; Heckman, Ichimura & Todd 1997; Wing, Freedman & Hollingsworth 2024.
    """
    known = without_departed(panel, cohort)
    amounts, units = amounts_by_month(known), households_of(known)
    rows = []
    for name, window in WINDOWS.items():
        x = covariates_of(units, cohort, study.definitions.covariates, window)
        row = effect_row(window_change(amounts, window), units, x, study)
        rows.append(row | {"dimension": "window", "level": name})
    results = pd.concat([pd.DataFrame(rows), _monthly_rows(amounts, units, study)])
    return build_results(
        results.fillna({"dimension": "", "level": ""}),
        metric="support_effect",
        group="difference",
        unit="sek_per_month",
        variant=variant,
    )


def _monthly_rows(amounts: pd.DataFrame, units: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The event-study picture: a description of the whole course, never a gate (Roth 2022)."""
    base = amounts.reindex(columns=range(-12, 0)).mean(axis=1, skipna=False)
    centred = amounts.reindex(columns=PANEL_MONTHS).sub(base, axis=0)
    rows = difference_rows(centred, units, study)
    return rows.assign(month=list(PANEL_MONTHS), method="monthly_did_description")


def pretrend(panel: pd.DataFrame, study: Study, variant: str = "default") -> pd.DataFrame:
    """How the groups drifted apart before the start: a description of the entry peak.

    Returns
    -------
    Results in SEK per month: the change from months −12…−7 to −6…−1 (``window``, ``-6--1``) and
    from −18…−13 to −12…−7, participants − controls, Welch intervals. Never a gate: at these sizes
    it rejects sound designs and passes unsound ones (Roth 2022).
    """
    amounts, units = amounts_by_month(panel), households_of(panel)
    changes = {
        name: window_change(amounts, window, base)
        for name, (window, base) in PLACEBO_WINDOWS.items()
    }
    rows = difference_rows(pd.DataFrame(changes), units, study)
    return build_results(
        rows.assign(level=list(changes)),
        metric="pretrend",
        dimension="window",
        group="difference",
        unit="sek_per_month",
        method="welch_description",
        variant=variant,
    )


def detectable_difference(panel: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The smallest effect that these households would have shown with 80 % probability.

    Returns
    -------
    Results in SEK per month, one row a window of ``support_effect``: the true difference at
    which a two-sided test at 5 % rejects with power 0.8, from the error and degrees of freedom
    of the estimate itself (non-central t). A row is ``not_available`` where there is no error.
    """
    effects = support_effect(panel, cohort, study)
    windows = effects.loc[effects["dimension"].ne("")]
    reach = stdtrit(windows["df"].to_numpy(), 0.975)
    errors = (windows["ci_high"] - windows["estimate"]).to_numpy() / reach
    found = [detectable(error, df) for error, df in zip(errors, windows["df"], strict=True)]
    columns = ["dimension", "level", "n", "n_events", "key_n", "key_events", "df"]
    return build_results(
        windows[columns].assign(
            estimate=found, status=np.where(np.isnan(found), "not_available", "ok")
        ),
        metric="detectable_difference",
        group="difference",
        unit="sek_per_month",
        method="noncentral_t",
    )


def detectable(standard_error: float, df: float, power: float = POWER) -> float:
    """Smallest true difference that a two-sided 5 % t test finds, on its side, with that power.

    >>> round(detectable(1.0, 58.0), 3)
    2.849
    """
    if not (np.isfinite(standard_error) and df >= 1):
        return float("nan")
    return float(nctdtrinc(df, 1 - power, stdtrit(df, 0.975))) * standard_error


def support_drift_bound(
    panel: pd.DataFrame, cohort: pd.DataFrame, effect: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """How much the answer would bear if the groups drifted apart for reasons of their own.

    Parameters
    ----------
    panel, cohort, study : as for ``support_effect``.
    effect : its results.

    Returns
    -------
    Results in SEK per month, dimension ``window``, level ``1-12``, by variant: ``default``, the
    range [low − B, high + B]; ``largest_drift``, B, the larger of the two drifts seen before the
    start outside the entry peak; ``breakdown``, the drift at which the range would reach nought
    (0 where it holds nought already). Not available where a drift cannot be estimated.

    Notes
    -----
    B = max(|p1|, |p2|), p1 the change from −18…−13 to −12…−7 and p2 from −24…−19 to −18…−13, by
    the estimator of the effect itself. It does not cover entry right after a sudden shock.

    References
    ----------
    Rambachan & Roth (2023) Rev Econ Stud 90:2555, section 2.4.1, with one step of drift.
    """
    known = without_departed(panel, cohort)
    amounts, units = amounts_by_month(known), households_of(known)
    x = covariates_of(units, cohort, study.definitions.covariates, (1, 12))
    spans = [PLACEBO_WINDOWS["-12--7"], EARLIER_DRIFT]
    drifts = [
        estimate_effect(window_change(amounts, *span), units, x).contrast.estimate for span in spans
    ]
    bound = float(np.max(np.abs(drifts)))
    own = effect.loc[effect["dimension"].eq("window") & effect["level"].eq("1-12")]
    own = own.loc[own["variant"].eq("default")].iloc[0]
    low, high = own["ci_low"], own["ci_high"]
    figures = {
        "default": (own["estimate"], low - bound, high + bound),
        "largest_drift": (bound, np.nan, np.nan),
        "breakdown": (max(low, -high, 0.0) if pd.notna(low) else np.nan, np.nan, np.nan),
    }
    kept = own[["n", "n_events", "key_n", "key_events", "df"]].to_dict()
    rows = [
        kept
        | {"variant": variant, "estimate": each, "ci_low": first, "ci_high": last}
        | {"status": own["status"] if np.isfinite(each) else "not_available"}
        for variant, (each, first, last) in figures.items()
    ]
    return build_results(
        pd.DataFrame(rows),
        metric="support_drift_bound",
        group="difference",
        dimension="window",
        level="1-12",
        unit="sek_per_month",
        method="relative_drift",
    )


def support_total(effect: pd.DataFrame) -> pd.DataFrame:
    """What the difference is in kronor over a window, for all participants whom it was seen on.

    Parameters
    ----------
    effect : results of ``support_effect``.

    Returns
    -------
    Results in SEK, one row a window: effect × participants × months, the range likewise (the
    number of participants is known, not estimated). ``n`` and ``n_events`` as in the effect.
    """
    rows = effect.loc[effect["dimension"].eq("window")].copy()
    months = [WINDOWS[level][1] - WINDOWS[level][0] + 1 for level in rows["level"]]
    factor = rows["n_events"].astype("float64") * months
    for column in ("estimate", "ci_low", "ci_high"):
        rows[column] = rows[column] * factor
    rows["status"] = rows["status"].mask(rows["estimate"].isna(), "not_available")
    kept = rows.drop(columns=["metric", "unit", "method"])
    return build_results(
        kept, metric="support_total", unit="sek", method="effect_times_participants"
    )
