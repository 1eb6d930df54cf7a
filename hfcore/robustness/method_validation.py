"""The project's own estimators on published microdata whose answers are known.

Three cases: a training programme whose effect a randomised trial measured, with two survey groups
that were not randomised beside it; two reforms whose effects a textbook prints; and patients whose
two competing endings another program has tabulated.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators.competing_risks import EventCounts, aalen_johansen, at_times, count_events
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
    training_programme,
    transplants,
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
PRINTED_USD = 1.0
PRINTED_LOG = 1e-3
PRINTED_SHARE = 1e-9
COLUMNS = {
    "case": "str",
    "method": "str",
    "estimate": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "benchmark": "float64",
    "is_same_figure": "bool",
    "agrees": "boolean",
    "n": "Int64",
    "unit": "str",
    "source": "str",
}


def programme_effect(people: pd.DataFrame) -> pd.DataFrame:
    """The programme's effect on earnings in 1978: by the trial, naively, and adjusted.

    Parameters
    ----------
    people : frame of ``training_programme``.

    Returns
    -------
    One row a method and survey, in dollars a year, participants − others, beside the effect that
    the trial found. Only the trial's own difference of means must be that figure; of the others it
    says how far the comparison with a survey, without randomisation, leads astray.

    Notes
    -----
    Estimand: the mean effect on those who took part. Difference in differences compares the
    change from 1975 to 1978; its adjusted and balanced rows are what the effect on support is
    estimated by, on one year before and one after. Adjusted and balanced: on all columns before
    the programme, the change on all but earnings in 1975. 95 % intervals: Welch; HC2 with
    Bell–McCaffrey degrees of freedom; weighted residuals.
    """
    trial = people[people["sample"].eq(TRIAL)]
    rows = [_contrast_row("randomised trial", _means(trial[OUTCOME], trial["is_treated"]))]
    for survey in SURVEYS:
        mixed = people[people["is_treated"] | people["sample"].eq(survey)]
        for method, contrast in _against(mixed).items():
            rows.append(_contrast_row(f"{survey}: {method}", contrast))
    return _judged(pd.DataFrame(rows), PRINTED_USD / 2)


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


def _contrast_row(method: str, contrast: Contrast) -> dict[str, object]:
    low, high = contrast.interval()
    return {
        "case": "training programme",
        "method": method,
        "estimate": contrast.estimate,
        "ci_low": low,
        "ci_high": high,
        "benchmark": TRIAL_EFFECT_USD,
        "is_same_figure": method == "randomised trial",
        "n": int(contrast.n_treated) + int(contrast.n_control),
        "unit": "usd",
        "source": TRIAL_SOURCE,
    }


def reform_effects() -> pd.DataFrame:
    """Difference in differences of two reforms whose effects are printed, in logarithms.

    Returns
    -------
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
    return _judged(
        pd.DataFrame(
            _reform_row(name, contrast)
            for name, contrast in zip(REFORMS, (benefits, zones), strict=True)
        ),
        PRINTED_LOG / 2,
    )


def _slope(outcome: pd.Series, columns: list, clusters: pd.Series | None = None) -> Contrast:
    """The coefficient of the first of the columns, beside a constant."""
    design = np.column_stack([np.ones(len(outcome)), *columns])
    moved = int((design[:, 1] != 0).sum())
    found = robust_coefficient(outcome, design, 1, clusters)
    return Contrast(*found, moved, len(outcome) - moved)


def _reform_row(name: str, contrast: Contrast) -> dict[str, object]:
    benchmark, source = REFORMS[name]
    own = {"case": name, "method": "difference in differences", "unit": "log points"}
    return (
        _contrast_row("", contrast)
        | own
        | {
            "benchmark": benchmark,
            "is_same_figure": True,
            "source": source,
        }
    )


def ending_incidence(patients: pd.DataFrame) -> pd.DataFrame:
    """The share of patients with each ending by 6, 12, 24 and 36 months.

    Parameters
    ----------
    patients : frame of ``transplants``.

    Returns
    -------
    One row an ending and month: Aalen–Johansen with its pointwise log(−log) interval, beside what
    another program gives for the same patients. All must be the same figure.
    """
    counts = count_events(patients["months"], patients["ending"], len(ENDINGS))
    rows = [_ending_row(counts, name, month) for name, month in INCIDENCE]
    return _judged(pd.DataFrame(rows).assign(n=len(patients)), PRINTED_SHARE)


def _ending_row(counts: EventCounts, name: str, month: int) -> dict[str, object]:
    place = list(ENDINGS.values()).index(name)
    share, error = (at_times(counts, each, [month])[0, place] for each in aalen_johansen(counts))
    low, high = log_log(share, error)
    return {
        "case": f"{name}, month {month}",
        "method": "Aalen–Johansen",
        "estimate": share,
        "ci_low": float(low),
        "ci_high": float(high),
        "benchmark": INCIDENCE[name, month],
        "is_same_figure": True,
        "unit": "share",
        "source": INCIDENCE_SOURCE,
    }


def _judged(rows: pd.DataFrame, slack: float) -> pd.DataFrame:
    """Whether what must be the same figure is: within half of what the source prints."""
    agrees = (rows["estimate"] - rows["benchmark"]).abs().le(slack).astype("boolean")
    judged = rows.assign(agrees=agrees.where(rows["is_same_figure"], pd.NA))
    return judged[list(COLUMNS)].astype(COLUMNS)


def validate() -> pd.DataFrame:
    """All cases in one frame: estimate, interval and benchmark side by side."""
    found = programme_effect(training_programme()), reform_effects()
    parts = [*found, ending_incidence(transplants())]
    return pd.concat(parts, ignore_index=True)


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
