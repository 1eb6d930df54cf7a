"""The project's own estimators on published microdata whose answers are known.

Three cases: a training programme whose effect a randomised trial measured, with two survey groups
that were not randomised beside it; two reforms whose effects a textbook prints; and patients whose
two competing endings another program has tabulated.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators.competing_risks import aalen_johansen, at_times, count_events
from hfcore.estimators.intervals import log_log
from hfcore.estimators.regression import Contrast, adjusted_difference, robust_coefficient, welch
from hfcore.estimators.weighting import entropy_balanced_difference
from hfcore.results import build_results
from hfcore.robustness.validation_data import (
    COVARIATES,
    EARLIER,
    OUTCOME,
    SURVEYS,
    TRIAL,
    claims_in_zones,
    injury_benefits,
)

TRIAL_EFFECT_USD = 1794.0
TRIAL_SOURCE = "Dehejia & Wahba (1999), J Am Stat Assoc 94, table 3"
INCIDENCE_SOURCE = "cmprsk 2.2.11 for R, on the patients of Scrucca, Santucci & Aversa (2007)"
ENDINGS = {1: "transplant-related death", 2: "relapse"}
INCIDENCE = {
    ("transplant-related death", 6): 0.204926108374384,
    ("transplant-related death", 12): 0.272838987811874,
    ("transplant-related death", 24): 0.272838987811874,
    ("transplant-related death", 36): 0.272838987811874,
    ("relapse", 6): 0.175791695988740,
    ("relapse", 12): 0.340760146423101,
    ("relapse", 24): 0.446142200722654,
    ("relapse", 36): 0.481269552155838,
}
REFORMS = {
    "injury benefits, Kentucky": (0.191, "Wooldridge, Introductory Econometrics, example 13.4"),
    "enterprise zones, Indiana": (-0.182, "Wooldridge, Introductory Econometrics, example 13.8"),
}
# How far off a figure may be that must be the same: half of the last printed digit, or rounding.
TOLERANCES = {"usd": 0.5, "log points": 5e-4, "share": 1e-9}
COLUMNS = (
    {"case": "str", "method": "str"}
    | dict.fromkeys(("estimate", "ci_low", "ci_high", "benchmark"), "float64")
    | {"is_same_figure": "bool", "agrees": "boolean", "n": "Int64", "unit": "str", "source": "str"}
)


def programme_effect(people: pd.DataFrame) -> pd.DataFrame:
    """The programme's effect on earnings in 1978: by the trial, naively, and adjusted.

    Parameters
    ----------
    people : DataFrame
        Rows of ``training_programme``.

    Returns
    -------
    DataFrame
        One row a method and survey, in dollars a year, participants − others, beside the effect
        that the trial found. Only the trial's own difference of means must be that figure; of the
        others it says how far the comparison with a survey, without randomisation, leads astray.

    Notes
    -----
    Estimand: the mean effect on those who took part. Difference in differences compares the
    change from 1975 to 1978; its adjusted and balanced rows are what the effect on support is
    estimated by, on one year before and one after. Adjusted and balanced: on all columns before
    the programme, the change on all but earnings in 1975. 95 % intervals: Welch; HC2 with
    Bell–McCaffrey degrees of freedom; weighted residuals.
    """
    trial = people[people["sample"].eq(TRIAL)]
    found = {"randomised trial": _means(trial[OUTCOME], trial["is_treated"])}
    for survey in SURVEYS:
        mixed = people[people["is_treated"] | people["sample"].eq(survey)]
        by_method = _against(mixed).items()
        found |= {f"{survey}: {method}": contrast for method, contrast in by_method}
    rows = pd.DataFrame(map(_figures, found.values())).assign(
        case="training programme", method=list(found), benchmark=TRIAL_EFFECT_USD
    )
    is_same = rows["method"].eq("randomised trial")
    return _judged(rows.assign(is_same_figure=is_same, unit="usd", source=TRIAL_SOURCE))


def _against(mixed: pd.DataFrame) -> dict[str, Contrast]:
    """Participants against the rows of a survey, by each way of comparing them."""
    outcome, treated = mixed[OUTCOME], mixed["is_treated"]
    change = mixed[OUTCOME] - mixed[EARLIER]
    x = mixed[list(COVARIATES)]
    before = x.drop(columns=EARLIER)
    return {
        "naive difference": _means(outcome, treated),
        "difference in differences": _means(change, treated),
        "differences, adjusted": adjusted_difference(change, treated, before),
        "differences, balanced": entropy_balanced_difference(change, treated, before)[0],
        "regression-adjusted": adjusted_difference(outcome, treated, x),
        "entropy-balanced": entropy_balanced_difference(outcome, treated, x)[0],
    }


def _means(outcome: pd.Series, treated: pd.Series) -> Contrast:
    return welch(outcome[treated].to_numpy(), outcome[~treated].to_numpy())


def _figures(contrast: Contrast) -> dict[str, float]:
    low, high = contrast.interval()
    n = int(contrast.n_treated) + int(contrast.n_control)
    return {"estimate": contrast.estimate, "ci_low": low, "ci_high": high, "n": n}


def reform_effects() -> pd.DataFrame:
    """Difference in differences of two reforms whose effects are printed, in logarithms.

    Returns
    -------
    DataFrame
        One row a reform, beside the printed coefficient, which it must be. Intervals are the
        project's own (CR2 by claim or city, Bell–McCaffrey degrees of freedom), wider than the
        classical ones of the source.

    References
    ----------
    Meyer, Viscusi & Durbin (1995): time on benefit after higher compensation of injured workers
    with high earnings. Papke (1994): claims for unemployment benefit in enterprise zones.
    """
    rows = injury_benefits()
    design = [rows["after"] * rows["high_earnings"], rows["after"], rows["high_earnings"]]
    benefits = _slope(rows["log_weeks"], design)
    rows = claims_in_zones()
    years = pd.get_dummies(rows["year"], drop_first=True, dtype=float)
    zones = _slope(rows["claims_growth"], [rows["zone_change"], years], rows["city"])
    found = pd.DataFrame(map(_figures, (benefits, zones))).assign(case=list(REFORMS))
    found[["benchmark", "source"]] = list(REFORMS.values())
    return _judged(
        found.assign(method="difference in differences", is_same_figure=True, unit="log points")
    )


def _slope(outcome: pd.Series, columns: list, clusters: pd.Series | None = None) -> Contrast:
    """The coefficient of the first of the columns, beside a constant."""
    design = np.column_stack([np.ones(len(outcome)), *columns])
    moved = int((design[:, 1] != 0).sum())
    found = robust_coefficient(outcome, design, 1, clusters)
    return Contrast(*found, moved, len(outcome) - moved)


def ending_incidence(patients: pd.DataFrame) -> pd.DataFrame:
    """The share of patients with each ending by 6, 12, 24 and 36 months.

    Parameters
    ----------
    patients : DataFrame
        Rows of ``transplants``.

    Returns
    -------
    DataFrame
        One row an ending and month: Aalen–Johansen with its pointwise log(−log) interval, beside
        what another program gives for the same patients. All must be the same figure.
    """
    counts = count_events(patients["months"], patients["ending"], len(ENDINGS))
    months, place = [month for _, month in INCIDENCE], list(ENDINGS.values()).index
    cause = [place(name) for name, _ in INCIDENCE]
    share, error = (
        at_times(counts, each, months)[range(len(months)), cause] for each in aalen_johansen(counts)
    )
    low, high = log_log(share, error)
    figures = {"estimate": share, "ci_low": low, "ci_high": high, "benchmark": INCIDENCE.values()}
    rows = pd.DataFrame(figures).assign(case=[f"{name}, month {at}" for name, at in INCIDENCE])
    rows = rows.assign(method="Aalen–Johansen", unit="share", source=INCIDENCE_SOURCE)
    return _judged(rows.assign(is_same_figure=True, n=len(patients)))


def _judged(rows: pd.DataFrame) -> pd.DataFrame:
    """With ``agrees``: whether what must be the same figure is; null for the rest."""
    away = (rows["estimate"] - rows["benchmark"]).abs()
    agrees = away.le(rows["unit"].map(TOLERANCES)).astype("boolean")
    judged = rows.assign(agrees=agrees.where(rows["is_same_figure"], pd.NA))
    return judged[list(COLUMNS)].astype(COLUMNS)


def distance_from_benchmark(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with ``difference`` (estimate − benchmark) and whether the interval holds it."""
    inside = rows["benchmark"].between(rows["ci_low"], rows["ci_high"])
    return rows.assign(
        difference=rows["estimate"] - rows["benchmark"], is_inside_interval=inside.to_numpy(bool)
    )


def validation_results(rows: pd.DataFrame) -> pd.DataFrame:
    """The figures that must be reproduced, as result rows: 1 where they are, else 0."""
    same = rows[rows["is_same_figure"]]
    results = pd.DataFrame(
        {
            "level": same["case"],
            "estimate": np.where(same["agrees"].fillna(False), 1.0, 0.0),
            "method": "reproduced",
        }
    )
    return build_results(results, metric="claim_check", dimension="claim", unit="ratio")
