"""Published figures held against themselves, against each other, and against the case data.

What contradicts is found by rule: the rules live in ``share_checks``, ``sum_checks``,
``period_checks`` and ``rate_checks``; this module reads the file, asks each rule, and compares
with the results of a study.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import pandas as pd

from hfclaims import period_checks, rate_checks, share_checks, sum_checks
from hfclaims.claims_file import COLUMNS, read_claims
from hfclaims.counterparts import compare_with_results
from hfclaims.printed_values import Check, Claim, build_claims
from hfclaims.recomputation import published_figures_path, recompute_figures
from hfcore.results import build_results, require_columns

__all__ = [
    "check_claims",
    "claim_results",
    "compare_with_results",
    "comparison_results",
    "contradictions",
    "published_figures_path",
    "read_claims",
    "recompute_figures",
    "verdict_counts",
    "verdict_totals",
]

CHECK_COLUMNS = (
    "claim_id",
    "other_claims",
    "municipality",
    "rule",
    "printed",
    "recomputed",
    "agrees",
    "precision",
    "unit",
    "sentence_sv",
    "sentence_en",
)
RULES: tuple[Callable[[Sequence[Claim]], Iterator[Check]], ...] = (
    share_checks.check_shares,
    share_checks.check_counts,
    share_checks.check_distributions,
    share_checks.check_repeats,
    sum_checks.check_sums,
    period_checks.check_changes,
    period_checks.check_months_paid,
    period_checks.check_monthly_costs,
    rate_checks.check_products,
    rate_checks.check_unit_costs,
    rate_checks.check_weighted_means,
    rate_checks.check_scaling,
)
NO_PARTS = (
    "Uppgiften har inga delar i underlaget att räkna om den från.",
    "The figure has no parts in the file to recompute it from.",
)


def check_claims(claims: pd.DataFrame) -> pd.DataFrame:
    """Recompute every published figure that can be, from the other figures of the file.

    Parameters
    ----------
    claims : frame of ``read_claims``, one row a figure.

    Returns
    -------
    DataFrame
        One row a check: the claim and the others it was held against (ids, separated by
        semicolons), rule, printed and recomputed value in the claim's unit, ``agrees`` (null:
        cannot be decided), ``precision`` (the unit of the last printed digit), a sentence in
        Swedish and in English. A figure that no rule reaches has one row with rule ``no_parts``.
        Contradictions come first, then by claim and rule.

    Notes
    -----
    A figure agrees when rounding explains the difference: half of the last printed digit, that
    end included; sums add up the halves of their rounded parts. What counts whole persons or
    cases must agree exactly. Where a note says "about", five percent are let pass.
    """
    require_columns(claims, (*COLUMNS, "printed", "product"), "claims")
    built = build_claims(claims)
    checks = list(chain.from_iterable(rule(built) for rule in RULES))
    reached = {each.claim.claim_id for each in checks}
    reached |= {other for each in checks for other in each.others}
    checks += [
        Check(each, "no_parts", None, *NO_PARTS) for each in built if each.claim_id not in reached
    ]
    order = {False: 0, None: 1, True: 2}
    checks.sort(key=lambda each: (order[each.agrees], each.claim.claim_id, each.rule))
    return _frame_of(checks)


def _frame_of(checks: list[Check]) -> pd.DataFrame:
    rows = [
        (
            each.claim.claim_id,
            "; ".join(each.others),
            each.claim.municipality,
            each.rule,
            float("nan") if each.claim.is_list else float(each.claim.value),
            float("nan") if each.recomputed is None else float(each.recomputed),
            each.agrees,
            float(2 * each.claim.half) or 1.0,
            each.claim.unit,
            each.sv,
            each.en,
        )
        for each in checks
    ]
    texts = dict.fromkeys(("claim_id", "other_claims", "municipality", "rule", "unit"), "str")
    sentences = {"sentence_sv": "str", "sentence_en": "str"}
    numbers = dict.fromkeys(("printed", "recomputed", "precision"), "float64")
    frame = pd.DataFrame(rows, columns=list(CHECK_COLUMNS))
    return frame.astype(texts | sentences | numbers | {"agrees": "boolean"})


def contradictions(checks: pd.DataFrame) -> pd.DataFrame:
    """The checks that found a contradiction, in their order."""
    return checks[checks["agrees"].eq(False).fillna(False)].reset_index(drop=True)


def claim_results(checks: pd.DataFrame) -> pd.DataFrame:
    """Checks as result rows: 1 agrees, 0 contradicts, null cannot be checked; method = rule."""
    rows = pd.DataFrame(
        {
            "level": checks["claim_id"],
            "estimate": checks["agrees"].astype("Float64").astype("float64"),
            "method": checks["rule"],
            "status": checks["agrees"].isna().map({True: "not_available", False: "ok"}),
        }
    )
    return build_results(rows, metric="claim_check", dimension="claim", unit="ratio")


def comparison_results(compared: pd.DataFrame) -> pd.DataFrame:
    """Published figures against case data as result rows, like ``claim_results``."""
    return claim_results(compared.assign(rule="case_data"))


def verdict_counts(checks: pd.DataFrame) -> pd.DataFrame:
    """How many checks agree, contradict or are undecided, by rule; all three always stand.

    >>> frame = pd.DataFrame({"rule": ["share", "share"], "agrees": [True, None]})
    >>> verdict_counts(frame.astype({"agrees": "boolean"}))
        rule  agrees  contradicts  undecided
    0  share       1            0          1
    """
    verdict = checks["agrees"].map({True: "agrees", False: "contradicts"}).astype("str")
    named = checks[["rule"]].assign(verdict=verdict.fillna("undecided"))
    counted = named.groupby(["rule", "verdict"]).size().unstack(fill_value=0)
    wanted = ["agrees", "contradicts", "undecided"]
    return counted.reindex(columns=wanted, fill_value=0).reset_index().rename_axis(columns=None)


def verdict_totals(checks: pd.DataFrame) -> pd.DataFrame:
    """The same over all rules as rows to draw: one a verdict (dimension ``verdict``)."""
    counts = verdict_counts(checks).drop(columns="rule").sum()
    rows = pd.DataFrame({"level": counts.index, "estimate": counts.to_numpy()})
    constants = {"dimension": "verdict", "unit": "count", "method": "count"}
    return build_results(rows, metric="claim_check", **constants)
