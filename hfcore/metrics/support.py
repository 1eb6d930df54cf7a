"""What a household is paid per month: before and after the start, and against the controls.

All frames come from ``support_panel``: one row a household and month −24…24 around its start,
zeros where nothing was paid, null outside the reach of the payment export.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import nctdtrinc, stdtrit

from hfcore.metrics.difference_in_differences import (
    PLACEBO_WINDOWS,
    WINDOWS,
    amounts_by_month,
    contrast_row,
    covariates_of,
    difference_of_changes,
    difference_rows,
    households_of,
    window_change,
    without_departed,
)
from hfcore.results import build_results, require_columns
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
    rows = []
    for group in GROUPS:
        inside = units["is_participant"].to_numpy() == (group == "participant")
        values = amounts.reindex(columns=PANEL_MONTHS).to_numpy(dtype="float64")[inside]
        keys = units["record_key"].to_numpy()[inside]
        rows.append(_mean_rows(values, keys, study).assign(group=group))
    return build_results(
        pd.concat(rows),
        metric="support_mean",
        unit="sek_per_month",
        method="mean_t",
        variant=variant,
    )


def _mean_rows(values: np.ndarray, keys: np.ndarray, study: Study) -> pd.DataFrame:
    known = ~np.isnan(values)
    n = known.sum(axis=0)
    filled = np.where(known, values, 0.0)
    sizes = np.sort(np.vstack([np.zeros((2, values.shape[1])), np.abs(filled)]), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = filled.sum(axis=0) / n
        spread = np.sqrt((np.where(known, values - mean, 0) ** 2).sum(axis=0) / (n - 1))
        reach = stdtrit(np.where(n > 1, n - 1, np.nan), 0.975) * spread / np.sqrt(n)
    status = np.select([n == 0, n < study.definitions.min_households_interval], _FEW, "ok")
    return pd.DataFrame(
        {
            "month": list(PANEL_MONTHS),
            "estimate": mean,
            "ci_low": mean - reach,
            "ci_high": mean + reach,
            "n": n,
            "status": status,
            "key_n": keys @ known,
            "largest": sizes[-1],
            "second_largest": sizes[-2],
            "sum_absolute": sizes.sum(axis=0),
            "n_negative": (filled < 0).sum(axis=0),
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
    plain before–after would count the fall from that peak as an effect. Months after a household
    moved or died are unknown, not zero. HC2 errors with Bell–McCaffrey degrees of freedom, by
    household; under 20 participants Welch's interval unadjusted; under 5 nothing. Where only the
    participants' departures are recorded, controls that left stay in with zeros, which hides
    savings rather than invents them; the sensitivity variant ``with_moves`` shows the other way.

    References
    ----------
    Chabé-Ferret 2015; Bell & McCaffrey 2002; Imbens & Kolesár 2016.
    """
    known = without_departed(panel, cohort)
    amounts, units = amounts_by_month(known), households_of(known)
    x = covariates_of(units, cohort, study.definitions.covariates)
    rows = [_window_row(amounts, units, x, study, name, window) for name, window in WINDOWS.items()]
    results = pd.concat([pd.DataFrame(rows), _monthly_rows(amounts, units, study)])
    return build_results(
        results.fillna({"dimension": "", "level": ""}),
        metric="support_effect",
        group="difference",
        unit="sek_per_month",
        variant=variant,
    )


def _window_row(
    amounts: pd.DataFrame,
    units: pd.DataFrame,
    x: np.ndarray,
    study: Study,
    name: str,
    window: tuple[int, int],
) -> dict[str, object]:
    change = window_change(amounts, window)
    contrast, method = difference_of_changes(change, units, x)
    keys = units["record_key"].where(change.notna(), 0.0)
    row = contrast_row(contrast, (keys.sum(), keys[units["is_participant"]].sum()), study)
    return row | {"dimension": "window", "level": name, "method": method}


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


def whole_windows(panel: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """How many households have every month of a window and of its base: one row a group, window.

    Columns group, window, households, excluded. For the notebook's flow; the excluded moved,
    died, or have months outside the payment export.
    """
    require_columns(cohort, ("household_id",), "cohort")
    known = without_departed(panel, cohort)
    amounts, units = amounts_by_month(known), households_of(known)
    rows = []
    for name, window in WINDOWS.items():
        whole = window_change(amounts, window).notna()
        for group in GROUPS:
            inside = units["is_participant"].eq(group == "participant")
            counts = {"households": int(inside.sum()), "excluded": int((inside & ~whole).sum())}
            rows.append({"group": group, "window": name} | counts)
    return pd.DataFrame(rows)
