"""The estimators that the effect on support is held against, on one sample of households.

Each takes the sample and gives a contrast and the method's id; what the numbers do not allow
gives nulls, never an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from hfcore.errors import MetricInputError
from hfcore.estimators.matched_pairs import gaps_within, paired_difference, sign_flip
from hfcore.estimators.matching import logit, match_nearest, propensity_score
from hfcore.estimators.regression import Contrast, robust_coefficient, welch, without_each_row
from hfcore.estimators.weighting import (
    doubly_robust_difference,
    entropy_balanced_difference,
    is_usable,
    probability_weighted_difference,
)
from hfcore.metrics.difference_in_differences import (
    amounts_by_month,
    covariates_of,
    difference_of_changes,
    households_of,
    informative,
    window_change,
)
from hfcore.study import Study

CALIPER_SD = 0.2
ORDERS = 100
NONE = Contrast(np.nan, np.nan, np.nan, 0, 0)
_MIN_ARM = 5
# Under this many pairs their interval comes from flipping signs, not from a t distribution.
_FEW_PAIRS = 10

Estimate = tuple[Contrast, str]


@dataclass(frozen=True)
class Sample:
    """The households whose window is whole: one number a household in every field.

    ``change`` is window minus base; ``after`` the mean of the window; ``late_base`` the mean of
    the base's last three months, ``early_base`` of those before them, ``last_month`` its last
    month; ``baseline`` the mean of the study's baseline months; ``key`` the record key.
    """

    change: np.ndarray
    is_treated: np.ndarray
    covariates: np.ndarray
    key: np.ndarray
    after: np.ndarray
    late_base: np.ndarray
    early_base: np.ndarray
    last_month: np.ndarray
    baseline: np.ndarray

    def subset(self, kept: np.ndarray) -> Sample:
        """The sample with some of its households."""
        return replace(self, **{name: values[kept] for name, values in vars(self).items()})


def build_sample(
    panel: pd.DataFrame,
    cohort: pd.DataFrame,
    study: Study,
    window: tuple[int, int],
    base: tuple[int, int] | None = None,
) -> Sample:
    """The households of a panel with every month of a window and of its base.

    Raises MetricInputError where a household stands in several rows: the alternatives count each
    household once, with one month 0 (``assign_index_months``).
    """
    amounts, units = amounts_by_month(panel), households_of(panel)
    if units["household_id"].duplicated().any():
        raise MetricInputError(
            "A household stands in several rows: give each control one month 0 "
            "(assign_index_months) before asking for other choices."
        )
    change = window_change(amounts, window, base)
    whole = change.notna().to_numpy()
    first, last = base or (-window[1], -window[0])
    spans = {
        "after": window,
        "late_base": (max(first, last - 2), last),
        "early_base": (first, last - 3),
        "last_month": (last, last),
        "baseline": (-study.definitions.baseline_months, -1),
    }
    means = {
        name: amounts.reindex(columns=range(low, high + 1)).mean(axis=1).to_numpy()[whole]
        for name, (low, high) in spans.items()
    }
    return Sample(
        change=change.to_numpy()[whole],
        is_treated=units["is_participant"].to_numpy()[whole],
        covariates=covariates_of(units, cohort, study.definitions.covariates)[whole],
        key=units["record_key"].to_numpy(dtype="float64")[whole],
        **means,
    )


def default(sample: Sample) -> Estimate:
    """The estimate of ``support_effect`` on this sample."""
    n = len(sample.change)
    units = pd.DataFrame({"is_participant": sample.is_treated, "household_id": np.arange(n)})
    return difference_of_changes(pd.Series(sample.change), units, sample.covariates)


def _plain(field: str, method: str, minus: str = "") -> Callable[[Sample], Estimate]:
    """Welch's difference of one field, or of one field minus another."""

    def rule(sample: Sample) -> Estimate:
        treated = sample.is_treated
        if min(treated.sum(), (~treated).sum()) < _MIN_ARM:
            return NONE, method
        outcome = getattr(sample, field) - (getattr(sample, minus) if minus else 0)
        return welch(outcome[treated], outcome[~treated]), method

    return rule


def before_after(sample: Sample) -> Estimate:
    """Participants after minus their own baseline months: what a plain before–after says."""
    own = (sample.after - sample.baseline)[sample.is_treated]
    own = own[~np.isnan(own)]
    if len(own) < _MIN_ARM:
        return NONE, "before_after"
    fitted = robust_coefficient(own, np.ones((len(own), 1)), 0)
    return Contrast(*fitted, len(own), 0), "before_after"


def _weighted(
    estimator: Callable, method: str, field: str = "change", payments: bool = False
) -> Callable[[Sample], Estimate]:
    """A weighting estimator; null where it cannot be trusted."""

    def rule(sample: Sample) -> Estimate:
        x, treated = sample.covariates, sample.is_treated
        if payments:
            x = np.column_stack([x, sample.late_base, sample.early_base])
        if treated.sum() < _MIN_ARM or (~treated).sum() < x.shape[1] + 10:
            return NONE, method
        try:
            found = estimator(getattr(sample, field), treated, x)
        except MetricInputError:
            return NONE, method
        if isinstance(found, tuple):
            found = found[0] if is_usable(found[1], x.shape[1]) else NONE
        return found, method

    return rule


@dataclass(frozen=True)
class Pairs:
    """Matched pairs: their contrast, the difference within each, and the households in them."""

    contrast: Contrast
    gaps: np.ndarray
    sample: Sample

    def interval(self) -> tuple[float, float]:
        """Exact ends by flipping signs for few pairs, else from the t distribution."""
        if 0 < len(self.gaps) < _FEW_PAIRS:
            return sign_flip(self.gaps)[1:]
        return self.contrast.interval()

    @property
    def method(self) -> str:
        """Id of how the interval is made."""
        return "matched_pairs_sign_flip" if 0 < len(self.gaps) < _FEW_PAIRS else "matched_pairs"


def match(sample: Sample) -> Pairs:
    """Greedy pairs on the log odds of the propensity score, caliper 0.2 standard deviations."""
    odds = _log_odds(sample)
    return _unmatched(sample) if odds is None else _matched_by(sample, odds)


def _unmatched(sample: Sample) -> Pairs:
    return Pairs(NONE, np.empty(0), sample)


def _log_odds(sample: Sample) -> np.ndarray | None:
    treated = sample.is_treated
    if min(treated.sum(), (~treated).sum()) < _MIN_ARM:
        return None
    try:
        return logit(propensity_score(sample.covariates, treated))
    except MetricInputError:
        return None


def _matched_by(sample: Sample, odds: np.ndarray, order: np.ndarray | None = None) -> Pairs:
    mine, others = np.flatnonzero(sample.is_treated), np.flatnonzero(~sample.is_treated)
    caliper = CALIPER_SD * odds.std(ddof=1)
    pairs = match_nearest(odds[mine], odds[others], caliper=caliper, order=order)
    if len(pairs) < _MIN_ARM:
        return _unmatched(sample)
    outcomes = sample.change[mine], sample.change[others]
    used = sample.subset(np.concatenate([mine[pairs[:, 0]], others[pairs[:, 1]]]))
    return Pairs(paired_difference(*outcomes, pairs), gaps_within(*outcomes, pairs), used)


def order_range(sample: Sample, seed: int) -> tuple[Pairs, Pairs]:
    """The pairs with the lowest and highest estimate over random orders of matching."""
    odds = _log_odds(sample)
    if odds is None:
        return _unmatched(sample), _unmatched(sample)
    rng, size = np.random.default_rng(seed), int(sample.is_treated.sum())
    found = [_matched_by(sample, odds, rng.permutation(size)) for _ in range(ORDERS)]
    known = [each for each in found if np.isfinite(each.contrast.estimate)] or found
    ordered = sorted(known, key=lambda each: each.contrast.estimate)
    return ordered[0], ordered[-1]


def without_the_extreme(sample: Sample) -> tuple[Sample, Sample] | None:
    """The sample without the household whose absence makes the estimate lowest, and highest."""
    found, method = default(sample)
    if not np.isfinite(found.estimate) or min(found.n_treated, found.n_control) <= _MIN_ARM:
        return None
    x = sample.covariates[:, informative(sample.covariates, sample.is_treated)]
    x = x if method.endswith("_adjusted") else x[:, :0]
    moved = without_each_row(sample.change, sample.is_treated, x)
    rows = np.arange(len(moved))
    return sample.subset(rows != np.argmin(moved)), sample.subset(rows != np.argmax(moved))


ESTIMATORS: dict[str, Callable[[Sample], Estimate]] = {
    "default": default,
    "unadjusted": _plain("change", "symmetric_did_unadjusted"),
    "entropy_balanced": _weighted(entropy_balanced_difference, "entropy_balanced_did"),
    "probability_weighted": _weighted(probability_weighted_difference, "probability_weighted_did"),
    "doubly_robust": _weighted(doubly_robust_difference, "doubly_robust_did"),
    "balanced_on_payments": _weighted(
        entropy_balanced_difference, "entropy_balanced_payments", field="after", payments=True
    ),
    "base_early": _plain("after", "did_unadjusted", minus="early_base"),
    "base_last_month": _plain("after", "did_unadjusted", minus="last_month"),
    "after_only": _plain("after", "welch"),
    "before_after": before_after,
}
