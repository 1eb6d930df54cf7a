"""The project's own estimators on published microdata whose answers are known.

Two cases, both shipped by installed packages, nothing fetched: a training programme whose effect
a randomised trial measured, with a survey group that was not randomised beside it; and patients
whose two competing endings another program has tabulated.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.schema import build_results
from hfcore.statistics.event_times import EventCounts, aalen_johansen, at_times, count_events
from hfcore.statistics.intervals import log_log
from hfcore.statistics.regression import Contrast, adjusted_difference, welch
from hfcore.statistics.weighting import entropy_balanced_difference

COVARIATES = ("age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75")
OUTCOME, EARLIER = "re78", "re75"
TRIAL, SURVEY = "trial", "survey"

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
PRINTED_USD = 1.0
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


def training_programme() -> pd.DataFrame:
    """Participants of the National Supported Work programme, randomised controls, survey rows.

    Returns
    -------
    One row a person: ``sample`` (trial, or survey for the rows of the Current Population Survey),
    ``is_treated``, age and years of schooling, four 0/1 columns, earnings in 1974, 1975 and 1978
    in dollars of 1982.

    References
    ----------
    LaLonde (1986); Dehejia & Wahba (1999). Rows as in the package causaldata.
    """
    from causaldata import cps_mixtape, nsw_mixtape

    parts = [
        each.load_pandas().data.assign(sample=name)
        for each, name in ((nsw_mixtape, TRIAL), (cps_mixtape, SURVEY))
    ]
    people = pd.concat(parts, ignore_index=True)
    numbers = people[[*COVARIATES, OUTCOME]].astype("float64")
    kept = people[["sample"]].assign(is_treated=people["treat"].eq(1))
    return pd.concat([kept, numbers], axis=1)


def transplants() -> pd.DataFrame:
    """Patients with leukaemia after a transplantation: how long followed, and how it ended.

    Returns
    -------
    One row a patient: ``months`` followed (whole), ``ending`` (1 death related to the transplant,
    2 relapse, 0 neither so far).

    References
    ----------
    Scrucca, Santucci & Aversa (2007). Rows as in the package scikit-survival.
    """
    from sksurv.datasets import load_bmt

    _, endings = load_bmt()
    columns = {"months": endings["ftime"], "ending": endings["status"]}
    return pd.DataFrame(columns).astype("int64")


def programme_effect(people: pd.DataFrame) -> pd.DataFrame:
    """The programme's effect on earnings in 1978: by the trial, naively, and adjusted.

    Parameters
    ----------
    people : frame of ``training_programme``.

    Returns
    -------
    One row a method, in dollars a year, participants − others, beside the effect that the trial
    found. Only the trial's own difference of means must be that figure; of the others it says how
    far the comparison with a survey, without randomisation, leads astray.

    Notes
    -----
    Estimand: the mean effect on those who took part. Difference in differences compares the
    change from 1975 to 1978. Adjusted and balanced: on all columns before the programme. 95 %
    intervals: Welch; HC2 with Bell–McCaffrey degrees of freedom; weighted residuals.
    """
    trial = people[people["sample"].eq(TRIAL)]
    mixed = people[people["is_treated"] | people["sample"].eq(SURVEY)]
    outcome, treated = mixed[OUTCOME], mixed["is_treated"]
    change = mixed[OUTCOME] - mixed[EARLIER]
    x = mixed[list(COVARIATES)]
    found = {
        "randomised trial": _means(trial[OUTCOME], trial["is_treated"]),
        "naive difference": _means(outcome, treated),
        "difference in differences": _means(change, treated),
        "regression-adjusted": adjusted_difference(outcome, treated, x),
        "entropy-balanced": entropy_balanced_difference(outcome, treated, x)[0],
    }
    rows = [_contrast_row(method, contrast) for method, contrast in found.items()]
    return _judged(pd.DataFrame(rows), PRINTED_USD / 2)


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
    """Both cases in one frame: estimate, interval and benchmark side by side."""
    parts = [programme_effect(training_programme()), ending_incidence(transplants())]
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
            "subgroup": "claim=" + same["case"],
            "estimate": np.where(same["agrees"].fillna(False), 1.0, 0.0),
            "method": "reproduced",
        }
    )
    return build_results(results, metric="claim_check", unit="ratio")
