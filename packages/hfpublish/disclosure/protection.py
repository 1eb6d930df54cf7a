"""The frame that the rules of disclosure control hand on: true figures beside those to be shown.

Each row of results gets its kind and the columns ``shown``, ``shown_low``, ``shown_high``,
``shown_n``, ``shown_events``, ``shown_at_risk`` and ``protection``. A rule reads the true columns
and changes the shown ones; ``close_rows`` drops the true ones. ``moved`` is a share with its noise
before rounding, ``worth_n`` how many independent members its range counts: differences of shares
are made of them.
"""

from __future__ import annotations

import pandas as pd

from hfcore.estimators.meta_analysis import worth_of
from hfcore.results import OWNER_COLUMNS, PROTECTED_DTYPES, RESULT_DTYPES
from hfcore.schema import CLOSURE_REASONS
from hfcore.study import Study

KINDS = {
    "count": (
        "households women men children flow closure_reason closures_per_quarter eligible "
        "queue_length inflow care_centre_households sick_by_care_centre placed"
    ),
    "share": (
        "support_duration_band closure_share_naive closure_share_entered plan_changed "
        "plan_unchanged plan_closer_to_work unmet_need longest_gap "
        "eligible_share reach obstacle_share care_centre_share care_centre_cumulative no_measure "
        "sole_obstacle common_obstacle opened_by co_needs rounds_share long_term very_long_term "
        "survey_response survey_answer fade"
    ),
    "curve": (
        "cumulative_incidence still_in_intervention exit_from_support reactivation queue_incidence "
        "coordinated_plan contact_reach first_care_contact"
    ),
    "mean": (
        "support_duration_at_start queue_wait participation_mean closure_time_naive support_mean "
        "cost_per_month"
    ),
    "sum": "cost cost_difference saving_gross saving_net",
    "model": (
        "months_lost restricted_mean incidence_difference support_difference_naive support_effect "
        "support_effect_pooled support_drift_bound support_total "
        "support_effect_sensitivity balance variance_ratio effective_sample_size pretrend "
        "detectable_difference plan_changed_difference plan_changed_over_time "
        "plan_closer_over_time queue_restricted_mean break_even_share break_even_months "
        "saving_per_household net_per_household break_even_effect break_even_chance "
        "national_saving response_difference fade_difference followup_on_time contact_mix "
        "contact_rate rounds queue_pressure queue_forecast"
    ),
    "per_count": (
        "cost_per_household cost_per_exit cost_per_extra_exit closures_per_post stock_duration"
    ),
    "staff": "caseload worktime_share worktime_difference client_hours_per_case",
    "plain": "claim_check design_grade fidelity_rating frame meeting_on_schedule party_attendance "
    "adherence fidelity_spread theory_status",
    "rate": "per_1000_listed",
}
KIND_OF = {metric: kind for kind, metrics in KINDS.items() for metric in metrics.split()}
# The metrics whose rows are the parts of one whole, and the column that tells the parts apart.
PARTITIONS = {
    "closure_reason": "level",
    "closures_per_quarter": "period",
    "support_duration_band": "level",
    "longest_gap": "level",
    "eligible": "level",
    "obstacle_share": "level",
    "care_centre_households": "level",
    "care_centre_share": "level",
    "sick_by_care_centre": "level",
    "survey_answer": "level",
    "closure_share_naive": "cause",
    "closure_share_entered": "cause",
}
# Differences of shares, each with the metric whose shares it is made of.
DIFFERENCES = {
    "incidence_difference": "cumulative_incidence",
    "plan_changed_difference": "plan_changed",
    "plan_closer_to_work": "plan_closer_to_work",
}
# Differences of the same persons' shares at two times, with the metric of those shares: n_events
# counts those who changed.
OVER_TIME = {
    "plan_changed_over_time": "plan_changed",
    "plan_closer_over_time": "plan_closer_to_work",
}
SHOWN = {
    "shown": "estimate",
    "shown_low": "ci_low",
    "shown_high": "ci_high",
    "shown_n": "n",
    "shown_events": "n_events",
    "shown_at_risk": "n_at_risk",
}
ESTIMATE = ["shown", "shown_low", "shown_high"]
BASES = ((50, "50+"), (20, "20–49"), (10, "10–19"), (0, "<10"))


def sensitive_names(study: Study) -> set[str]:
    """The sensitive closure reasons, and the causes that are sensitive by what they take in.

    A cause is so where at least half of its reasons are, under whichever variant, and whatever the
    study calls it.
    """
    reasons = set(study.publication.sensitive_reasons)
    found = set(reasons)
    for variant in ("default", *study.definitions.cause_variants):
        for cause, own in reasons_of(study, variant).items():
            if own and 2 * len(own & reasons) >= len(own):
                found.add(cause)
    return found


def reasons_of(study: Study, variant: str) -> dict[str, set[str]]:
    """The closure reasons of each cause; a cause by assessment, or the rest, has all not named."""
    causes = study.cause_of(variant)
    named = {each for own in causes.values() if not isinstance(own, str) for each in own}
    rest = set(CLOSURE_REASONS) - named
    return {cause: rest if isinstance(own, str) else set(own) for cause, own in causes.items()}


def open_rows(results: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The results with their kind and with everything still shown as it is.

    A count's own contributors are its events where it has some, else all its n.
    """
    rows = results.reset_index(drop=True)
    shown = {name: rows[true] for name, true in SHOWN.items()}
    kind = rows["metric"].map(KIND_OF).fillna("unknown").astype("str")
    # A difference of shares is no share: it has no counts of its own.
    of_shares = kind.isin(["share", "curve"]) & rows["group"].eq("difference")
    kind = kind.mask(of_shares, "model")
    is_count = kind.eq("count") & rows["n_events"].isna() & rows["estimate"].notna()
    whole = rows["estimate"].where(is_count).round().astype("Int64")
    rows = rows.assign(
        kind=kind,
        n_events=rows["n_events"].fillna(whole),
        key_events=rows["key_events"].fillna(rows["key_n"].where(is_count)),
        protection="none",
    )
    return _plain_shares(rows).assign(
        **shown,
        is_sensitive=rows["cause"]
        .mask(rows["cause"].eq(""), rows["level"])
        .isin(list(sensitive_names(study))),
        moved=float("nan"),
        worth_n=float("nan"),
        design_effect=_design_effect(rows),
    )


def _design_effect(rows: pd.DataFrame) -> pd.Series:
    """How many times fewer independent members the exact interval says, to one decimal."""
    worth = worth_of(rows["estimate"], rows["ci_low"], rows["ci_high"])
    ratio = rows["n"].astype("float64") / worth
    return ratio.round(1).clip(lower=1.0).fillna(1.0)


def _plain_shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Shares of a metric of curves that follow nobody over time are shares like any."""
    is_plain = rows["kind"].eq("curve") & rows["n_at_risk"].isna() & rows["n_events"].notna()
    is_plain &= rows["metric"].eq("reactivation")
    return rows.assign(kind=rows["kind"].mask(is_plain, "share"))


def is_kind(rows: pd.DataFrame, *kinds: str) -> pd.Series:
    """Which rows have one of the kinds and something to show."""
    return rows["kind"].isin(kinds) & rows["shown"].notna()


def withhold(rows: pd.DataFrame, which: pd.Series) -> pd.DataFrame:
    """The rows with the figures of some taken away, and their n where it tells of a part only."""
    which = which & rows["shown"].notna()
    if not which.any():
        return rows
    kept = {column: rows[column].mask(which) for column in [*ESTIMATE, "shown_events"]}
    of_a_part = which & rows["kind"].isin(["count", "mean", "sum"])
    return rows.assign(
        **kept,
        shown_n=rows["shown_n"].mask(of_a_part),
        status=rows["status"].mask(which, "too_few"),
        protection=rows["protection"].mask(which, "withheld"),
    )


def mark(rows: pd.DataFrame, which: pd.Series, protection: str) -> pd.DataFrame:
    """The rows with the protection of some told; what is withheld stays withheld."""
    told = which & rows["shown"].notna()
    if not told.any():
        return rows
    return rows.assign(protection=rows["protection"].mask(told, protection))


def at_least(rows: pd.DataFrame, limit: int) -> pd.Series:
    """Which rows have enough contributors, both in truth and as the reader sees it.

    A limit that holds for the shown number too tells nobody that a shown 18 must have been 20.
    """
    return (rows["n"].ge(limit) & rows["shown_n"].ge(limit)).fillna(False).astype(bool)


def round_to(values: pd.Series, step: pd.Series | float) -> pd.Series:
    """Values rounded to whole steps, halves away from zero.

    >>> round_to(pd.Series([8449.0, -250.0, None]), 100).tolist()
    [8400.0, -300.0, nan]
    """
    sign = values.ge(0).astype(float) * 2 - 1
    return (values.abs() / step + 0.5 + 1e-9).floordiv(1) * step * sign + 0.0


def close_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Only what may be shown, in the columns of results, with protection and base."""
    was_empty = rows["status"].ne("ok") & rows["shown"].isna() & rows["protection"].eq("none")
    rows = rows.assign(
        protection=rows["protection"].mask(was_empty & rows["status"].eq("too_few"), "withheld"),
        base=_base(rows["shown_n"]),
        **{true: rows[shown] for shown, true in SHOWN.items()},
    )
    owners = [column for column in OWNER_COLUMNS if column in rows]
    dtypes = RESULT_DTYPES | PROTECTED_DTYPES
    return rows[[*owners, *dtypes]].astype(dtypes).reset_index(drop=True)


def _base(shown_n: pd.Series) -> pd.Series:
    base = pd.Series("", index=shown_n.index, dtype="str")
    for limit, word in reversed(BASES):
        base = base.mask(shown_n.ge(limit).fillna(False).astype(bool), word)
    return base
