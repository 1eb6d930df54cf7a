"""Published figures beside the same figures recomputed from the case data of a study."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hfclaims.printed_values import Claim, build_claims
from hfcore.results import require_columns

ALL = "all"
KEYS = ["metric", "variant", "group", "dimension", "level", "cause", "month", "period"]
NO_MONTH = -1
SPREAD_OF_FLOATS = 1e-9
COMPARED = {
    "claim_id": "str",
    "municipality": "str",
    "metric": "str",
    "group": "str",
    "at": "str",
    "published": "float64",
    "recomputed": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "n": "Int64",
    "unit": "str",
    "agrees": "boolean",
}
GROUPS = {
    "participants": "participant",
    "control": "control",
    "participants - control": "difference",
    "HASKY": "participant",
}
# Which reports are about which study; another study has no published figures.
SOURCES = {
    "hela-familjen": ("000_5d8e103a0cce568f", "002_f2fc88c570d90de7", "003_ab472124782870e1"),
    "hasky": ("004_c8c0557bd9add37f",),
}


@dataclass(frozen=True)
class Counterpart:
    """The result that recomputes a published figure; ``factor`` turns its unit into the claim's.

    ``{at}`` in the period stands for the claim's time, ``{part}`` and ``{version}`` for whose cost
    of which budget it is.
    """

    metric: str
    variant: str = "default"
    cause: str = ""
    dimension: str = ""
    level: str = ""
    period: str = ""
    factor: float = 1.0


_SHARE = 100.0
COUNTERPARTS = {
    "families": Counterpart("households"),
    "women": Counterpart("women"),
    "men": Counterpart("men"),
    "children": Counterpart("children"),
    "mean_years_on_support_before_start": Counterpart("support_duration_at_start", factor=1 / 12),
    "mean_participation": Counterpart("participation_mean"),
    "share_closed_to_self_sufficiency": Counterpart(
        "closure_share_naive", "published", "self_sufficiency", factor=_SHARE
    ),
    "share_closed_to_self_sufficiency_excluding_moves": Counterpart(
        "closure_share_naive", cause="self_sufficiency", factor=_SHARE
    ),
    "mean_time_to_self_sufficiency": Counterpart(
        "closure_time_naive", "published", "self_sufficiency"
    ),
    "mean_time_to_other_positive": Counterpart("closure_time_naive", "published", "other_positive"),
    "mean_time_to_negative": Counterpart("closure_time_naive", "published", "negative"),
    "mean_time_to_closure": Counterpart("closure_time_naive", "published"),
    "support_difference_vs_control": Counterpart(
        "support_difference_naive", dimension="window", level="1-24"
    ),
    "share_plan_changed": Counterpart("plan_changed", factor=_SHARE),
    "share_plan_unchanged": Counterpart("plan_unchanged", factor=_SHARE),
    "closed_to_self_sufficiency": Counterpart("flow", dimension="step", level="closed"),
    "closed_in_quarter": Counterpart("closures_per_quarter", period="{at}"),
    "share_direct_client_time": Counterpart(
        "worktime_share", dimension="category", level="direct_client", factor=_SHARE
    ),
    "share_indirect_client_time": Counterpart(
        "worktime_share", dimension="category", level="indirect_client", factor=_SHARE
    ),
    "share_management_time": Counterpart(
        "worktime_share", dimension="category", level="management", factor=_SHARE
    ),
    "share_general_collaboration_time": Counterpart(
        "worktime_share", dimension="category", level="collaboration", factor=_SHARE
    ),
    "budget": Counterpart("cost", "{version}", "", "{part}", "{level}", "{at}"),
    "budget_total": Counterpart("cost", "{version}", "", "{part}", "{level}"),
    "total_budget": Counterpart("cost", "outcome"),
    "gross_saving": Counterpart("saving_gross", "all_closures", "", "months", "{months}"),
}
# Which versions of a budget a report prints, by a word of the place, and what it calls the items.
_VERSIONS = {"original": "original", "expansion": "expansion"}
_ITEMS = {"Workshops + kompetensutveckling": "workshops", "Utvärdering": "utvärdering"}
_SUMMED = ("cost",)
_MONTH = re.compile(r"(\d{1,3}) months?")


def compare_with_results(claims: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Published figures beside the same figures recomputed from a study's case data.

    Parameters
    ----------
    claims : frame of ``read_claims``.
    results : result rows of one study with the columns ``study`` and ``municipality``. Figures
        for all municipalities together are made from those of each: counts summed, means weighted
        by their n.

    Returns
    -------
    DataFrame
        One row a published figure that the results have a counterpart of: claim, published and
        recomputed value and interval in the claim's unit, n, and whether they agree to the
        printed precision (null where the result was not available). A range that is printed as
        two figures agrees with anything between them.

    Notes
    -----
    Which result belongs to which published figure stands in ``COUNTERPARTS``, which reports are
    about which study in ``SOURCES``.
    """
    require_columns(results, ("study", "municipality", *KEYS, "estimate", "n", "unit"), "results")
    reports = {source for study in set(results["study"]) for source in SOURCES.get(study, ())}
    told = build_claims(claims[claims["source"].isin(reports)])
    built = [each for each in told if not each.is_list]
    wanted = pd.DataFrame(
        [_wanted(each) for each in built if _name(each) in COUNTERPARTS],
        columns=["claim_id", "source", "place", *KEYS, "factor", "low", "high"],
    ).astype({"month": "int64"})
    known = results.assign(month=results["month"].fillna(NO_MONTH).astype("int64"))
    known = pd.concat([known[known["municipality"].ne(ALL)], _together(known)])
    known = known.drop_duplicates(["municipality", *KEYS]).rename(columns={"unit": "result_unit"})
    found = wanted.merge(
        known, left_on=["place", *KEYS], right_on=["municipality", *KEYS], how="inner"
    )
    return _compared(found, {each.claim_id: each for each in built})


def _name(claim: Claim) -> str:
    """The claim's metric; of persons, which persons."""
    return claim.group if claim.metric == "persons" else claim.metric


def _wanted(claim: Claim) -> tuple:
    match = COUNTERPARTS[_name(claim)]
    group = "participant" if claim.metric == "persons" else GROUPS.get(claim.group, claim.group)
    month = _MONTH.fullmatch(claim.at)
    words = {"at": claim.at, "part": "", "level": "", "version": "", "months": ""}
    if match.metric == "cost":
        words |= _cost_words(claim)
        group = ""
    if "{months}" in match.level and month:
        words["months"], month = month[1], None
    return (
        claim.claim_id,
        claim.source,
        claim.municipality,
        match.metric,
        match.variant.format(**words),
        group,
        match.dimension.format(**words),
        match.level.format(**words),
        match.cause,
        int(month[1]) if month else NO_MONTH,
        match.period.format(**words),
        match.factor,
        float(claim.value - claim.spread),
        float(claim.value + claim.spread),
    )


def _cost_words(claim: Claim) -> dict[str, str]:
    """Whose cost of which budget a claim is about; of all parties where it is a total."""
    version = next((name for word, name in _VERSIONS.items() if word in claim.place), "")
    if claim.group in ("Totalt", ""):
        return {"version": version}
    item = _ITEMS.get(claim.group, "")
    part = {"part": "item", "level": item} if item else {"part": "party", "level": claim.group}
    return {"version": version} | part


def _together(known: pd.DataFrame) -> pd.DataFrame:
    """Counts summed and means weighted over the municipalities that there are."""
    single = known[known["municipality"].ne(ALL)]
    is_sum = single["unit"].eq("count") | single["metric"].isin(_SUMMED)
    weight = single["n"].astype("float64").mask(is_sum, 1.0)
    sums = single.assign(_weighted=single["estimate"] * weight, _weight=weight)
    grouped = sums.groupby([*KEYS, "unit"], as_index=False, sort=False)
    # A municipality without the figure leaves the whole without it.
    total = grouped.agg(
        _weighted=("_weighted", lambda each: each.sum(skipna=False)),
        _weight=("_weight", "sum"),
        n=("n", "sum"),
    )
    is_count = total["unit"].eq("count") | total["metric"].isin(_SUMMED)
    mean = total["_weighted"] / total["_weight"].replace(0, np.nan)
    return total.assign(
        municipality=ALL,
        estimate=total["_weighted"].where(is_count, mean),
        ci_low=np.nan,
        ci_high=np.nan,
    )


def _compared(found: pd.DataFrame, claims: dict[str, Claim]) -> pd.DataFrame:
    spans = found.groupby(["source", "place", *KEYS])
    low = spans["low"].transform("min") - SPREAD_OF_FLOATS
    high = spans["high"].transform("max") + SPREAD_OF_FLOATS
    scaled = {
        name: found[column] * found["factor"]
        for name, column in (
            ("recomputed", "estimate"),
            ("ci_low", "ci_low"),
            ("ci_high", "ci_high"),
        )
    }
    of_claim = found["claim_id"].map(claims)
    agrees = scaled["recomputed"].between(low, high).astype("boolean")
    columns = {
        name: of_claim.map(lambda claim, name=name: getattr(claim, name))
        for name in ("metric", "group", "at", "unit")
    }
    published = of_claim.map(lambda claim: float(claim.value))
    frame = found[["claim_id", "municipality", "n"]].assign(
        **columns,
        **scaled,
        published=published,
        agrees=agrees.mask(scaled["recomputed"].isna()),
    )
    ordered = frame.reindex(columns=list(COMPARED)).sort_values("claim_id", ignore_index=True)
    return ordered.astype(COMPARED)
