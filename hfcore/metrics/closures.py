"""How stays ended, counted as the published reports count: shares and means of closed cases.

These figures depend on how long the programme has run; ``trajectories.cumulative_incidence``
does not. ``trajectories`` passes these functions on.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.cohort import assign_cause
from hfcore.metrics.bands import band_labels, banded
from hfcore.metrics.contributions import count_rows, distribution_rows, entered, mean_rows
from hfcore.results import build_results, join_results, require_columns
from hfcore.schema import CLOSURE_REASONS
from hfcore.study import Study

_NEEDED = ("closure_reason", "closure_assessment", "is_closed", "record_key")


def variants(study: Study) -> tuple[str, ...]:
    """The default definition of the causes and the declared others."""
    return ("default", *study.definitions.cause_variants)


def closure_share_naive(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Share of the closed households that closed to each cause, under every declared variant.

    Who is still in the intervention is left out, so causes that come late weigh too little while
    the programme is young.

    Returns
    -------
    One row a variant and cause; n counts closed participants. Wilson intervals.
    """
    require_columns(cohort, _NEEDED, "cohort")
    closed = entered(cohort).loc[lambda frame: frame["is_closed"]]
    return _shares(closed, study, "closure_share_naive")


def closure_share_entered(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Share of all households that entered which have closed to each cause, under every variant.

    Who entered lately counts as not closed, so the share is too low while households remain.
    Beside it (dimension ``followed_months``, level ``12``) the share that closed to the cause
    within so many months, among those who started at least so long before the cut-off; no such
    household is lost from sight, so this share is unbiased but leaves out the latest.

    Returns
    -------
    One row a variant, cause and denominator; n counts participants that entered.
    """
    require_columns(cohort, (*_NEEDED, "followup_months", "month_closed"), "cohort")
    all_entered = entered(cohort)
    parts = [_shares(all_entered, study, "closure_share_entered")]
    for months in followed_points(study):
        followed = all_entered.loc[all_entered["followup_months"].ge(months).astype(bool)]
        late = followed["month_closed"].gt(months).fillna(False).astype(bool)
        within = followed.assign(closure_reason=followed["closure_reason"].mask(late))
        part = _shares(within, study, "closure_share_entered")
        parts.append(part.assign(dimension="followed_months", level=str(months)))
    return join_results(*parts)


def followed_points(study: Study) -> tuple[int, ...]:
    """The months at which headline shares are read: the window of re-activation.

    One year by default, the point at which national quality figures look.
    """
    return (study.definitions.reactivation_window_months,)


def _shares(frame: pd.DataFrame, study: Study, metric: str) -> pd.DataFrame:
    parts = [
        distribution_rows(
            assign_cause(frame, study, variant),
            {"group": ["participant"]},
            {"cause": study.causes},
        ).assign(variant=variant)
        for variant in variants(study)
    ]
    return build_results(pd.concat(parts, ignore_index=True), metric=metric, unit="share")


def closure_time_naive(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Mean months from start to closure among closed households, as the reports count it.

    Only quick closures have had time to happen, so the mean is too low, the more the younger the
    programme; ``trajectories.restricted_time`` is the honest figure.

    Returns
    -------
    One row a variant and cause, and one with an empty cause for all closed together. Student's
    interval, cut at 0.
    """
    require_columns(cohort, (*_NEEDED, "stay_months"), "cohort")
    closed = entered(cohort).loc[lambda frame: frame["is_closed"]]
    cells = {"group": ["participant"], "cause": ["", *study.causes]}
    parts = []
    for variant in variants(study):
        by_cause = assign_cause(closed, study, variant)
        both = pd.concat([by_cause, by_cause.assign(cause="")])
        parts.append(mean_rows(both, cells, "stay_months").assign(variant=variant))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.assign(ci_low=rows["ci_low"].clip(lower=0.0))
    return build_results(rows, metric="closure_time_naive", unit="months")


def closure_reason(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How many participants closed for each reason; reasons that did not occur stand with 0.

    Returns
    -------
    One row a reason (dimension ``reason``); the cause that the study counts it to is not
    told here, since it may depend on the assessment.
    """
    require_columns(cohort, _NEEDED, "cohort")
    closed = entered(cohort).loc[lambda frame: frame["is_closed"]]
    cells = {"group": ["participant"], "level": CLOSURE_REASONS}
    rows = count_rows(closed.rename(columns={"closure_reason": "level"}), cells)
    constants = {"dimension": "reason", "unit": "count", "method": "count"}
    return build_results(rows, metric="closure_reason", **constants)


def closures_per_quarter(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How many participants closed in each quarter, in all and to each cause.

    Returns
    -------
    One row a quarter from the first start to the cut-off (``period`` ``2016Q2``) and
    cause; an empty cause is all together. Quarters without closures stand with 0.
    """
    require_columns(cohort, (*_NEEDED, "started_on", "closed_on"), "cohort")
    stays = assign_cause(entered(cohort), study)
    closed = stays.loc[stays["is_closed"]]
    labelled = closed.assign(period=_quarter(closed["closed_on"]))
    first = stays["started_on"].min()
    cells = {
        "group": ["participant"],
        "cause": ["", *study.causes],
        "period": [] if pd.isna(first) else _quarters(first, pd.Timestamp(study.cutoff)),
    }
    rows = count_rows(pd.concat([labelled, labelled.assign(cause="")]), cells)
    return build_results(rows, metric="closures_per_quarter", unit="count", method="count")


def _quarter(dates: pd.Series) -> pd.Series:
    return dates.dt.year.astype("str") + "Q" + dates.dt.quarter.astype("str")


def _quarters(first: pd.Timestamp, last: pd.Timestamp) -> list[str]:
    numbers = np.arange(first.year * 4 + first.quarter - 1, last.year * 4 + last.quarter)
    return [f"{number // 4}Q{number % 4 + 1}" for number in numbers]


def support_time_at_closure(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How long the closed households had been on support when they closed, in declared bands.

    Returns
    -------
    One row a band (``support_duration_band``, variant ``at_closure``), of all closures and by
    year of closure (``period``); n counts closed participants whose first month on support is
    known.
    """
    needed = (*_NEEDED, "months_on_support", "month_closed", "closed_on")
    require_columns(cohort, needed, "cohort")
    closed = entered(cohort).loc[lambda frame: frame["is_closed"]]
    months = closed["months_on_support"] + closed["month_closed"]
    known = closed.loc[months.notna()]
    bounds = study.definitions.duration_bands_months
    told = known.assign(
        level=banded(months.loc[known.index], bounds),
        period=known["closed_on"].dt.year.astype("str"),
    )
    years = ["", *sorted(set(told["period"]))]
    rows = distribution_rows(
        pd.concat([told.assign(period=""), told]),
        {"group": ["participant"], "period": years},
        {"level": band_labels(bounds)},
    )
    constants = {"dimension": "months_on_support", "unit": "share", "variant": "at_closure"}
    return build_results(rows, metric="support_duration_band", **constants)
