"""How far the effect on support depends on choices: every declared alternative, all shown.

One row a variant, the same rows in every study. Nothing here replaces the estimate of
``support_effect``; a reader sees how it would have come out otherwise. What the numbers do not
allow is null, never an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import logit

from hfcore.errors import MetricInputError
from hfcore.estimators.matching import (
    match_nearest,
    pair_differences,
    paired_difference,
    propensity_score,
    sign_flip_interval,
)
from hfcore.estimators.regression import Contrast, robust_coefficient, welch, without_each_row
from hfcore.estimators.unmeasured_confounding import e_value_of_difference, tipping_gamma
from hfcore.estimators.weighting import (
    MIN_EFFECTIVE_CONTROLS,
    doubly_robust_difference,
    entropy_balanced_difference,
    is_usable,
    probability_weighted_difference,
)
from hfcore.metrics.comparison_group import CALIPER_SD
from hfcore.metrics.difference_in_differences import (
    PLACEBO_WINDOWS,
    WINDOWS,
    amounts_by_month,
    contrast_row,
    covariates_of,
    difference_of_changes,
    households_of,
    informative,
    window_change,
    without_departed,
)
from hfcore.metrics.price_index import known_in_fixed_prices
from hfcore.results import build_results
from hfcore.study import Study

WINSOR_SEK = 25_000.0
TRIM_SHARE = 0.025
ORDERS = 100
_MIN_ARM = 5
# Under this many pairs their interval comes from flipping signs, not from a t distribution.
_FEW_PAIRS = 10
_ENDS = ("lowest", "highest")
_NO_CONTRAST = Contrast(np.nan, np.nan, np.nan, 0, 0)

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

    @property
    def has_arms(self) -> bool:
        """Whether both groups have the five households that an estimate needs."""
        return min(self.is_treated.sum(), (~self.is_treated).sum()) >= _MIN_ARM


@dataclass(frozen=True)
class Pairs:
    """Matched pairs: their contrast, the difference within each, and the households in them."""

    contrast: Contrast
    differences: np.ndarray
    sample: Sample

    @property
    def is_few(self) -> bool:
        """Whether there are too few for a t distribution."""
        return 0 < len(self.differences) < _FEW_PAIRS

    def row(self, variant: str, study: Study) -> dict[str, object]:
        """As a row of results: exact interval by flipping signs for few pairs, else by t."""
        method = "matched_pairs_sign_flip" if self.is_few else "matched_pairs"
        row = _row(variant, (self.contrast, method), self.sample, study)
        if not self.is_few:
            return row
        low, high = sign_flip_interval(self.differences)
        return row | {"ci_low": low, "ci_high": high}


def support_effect_sensitivity(
    panel: pd.DataFrame, cohort: pd.DataFrame, study: Study, window: str = "1-12"
) -> pd.DataFrame:
    """The effect over one window under every declared alternative: one row a variant.

    Parameters
    ----------
    panel, cohort, study
        As for ``support_effect``; one row a household and month.
    window : str
        1-12, 13-24 or 1-24, months after the start; its base is the mirror image.

    Returns
    -------
    DataFrame
        Results in SEK per month (e_value and rosenbaum_gamma: ratio), dimension ``window``, by
        variant: default; the estimators unadjusted, entropy_balanced, probability_weighted,
        doubly_robust, matched_pairs; balanced_on_payments; the bases base_early (without its last
        three months) and base_last_month; after_only and before_after (participants alone, against
        the study's baseline months); with_moves, winsorised, fixed_prices and trimmed;
        leave_one_out_lowest and _highest; matched_order_lowest and _highest (of 100 random
        orders); placebo_6 and placebo_12 (as though the start had been that many months earlier);
        e_value, its ``ci_low`` that of the end nearest to nothing; and rosenbaum_gamma. A variant
        that the numbers do not allow is ``not_available``.

    Raises
    ------
    MetricInputError
        If the window is not declared, a frame lacks a column, or a household stands in several
        rows a month.

    Notes
    -----
    ``balanced_on_payments``, ``base_last_month`` and ``before_after`` are known to be biased by
    regression to the mean; they are shown because readers know them.
    """
    if window not in WINDOWS:
        raise MetricInputError(f"There is no window {window}; there are: {', '.join(WINDOWS)}.")
    known = without_departed(panel, cohort)
    sample = build_sample(known, cohort, study, WINDOWS[window])
    pairs, orders = match(sample), _order_range(sample, study.definitions.seed)
    rows = [_row(name, rule(sample), sample, study) for name, rule in ESTIMATORS.items()]
    rows.append(pairs.row("matched_pairs", study))
    rows += _by_default(_other_amounts(panel, known, cohort, study, WINDOWS[window]), study)
    rows += _left_out(sample, study)
    rows += [
        each.row(f"matched_order_{end}", study) for end, each in zip(_ENDS, orders, strict=True)
    ]
    rows += _by_default(_pretended_starts(known, cohort, study), study)
    rows += _unmeasured(sample, pairs, study)
    return build_results(
        pd.DataFrame(rows).fillna({"unit": "sek_per_month"}),
        metric="support_effect_sensitivity",
        group="difference",
        dimension="window",
        level=window,
    )


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


def _row(variant: str, found: Estimate, sample: Sample, study: Study) -> dict[str, object]:
    contrast, method = found
    keys = sample.key.sum(), sample.key[sample.is_treated].sum()
    row = contrast_row(contrast, keys, study) | {"variant": variant, "method": method}
    if not np.isfinite(contrast.estimate):
        return row | {"status": "not_available"}
    if method == "before_after":
        few = contrast.n_treated < study.definitions.min_households_arm
        return row | {"key_n": keys[1], "status": "too_few" if few else "ok"}
    return row


def default(sample: Sample) -> Estimate:
    """The estimate of ``support_effect`` on this sample."""
    n = len(sample.change)
    units = pd.DataFrame({"is_participant": sample.is_treated, "household_id": np.arange(n)})
    return difference_of_changes(pd.Series(sample.change), units, sample.covariates)


def _of_means(field: str, method: str, minus: str = "") -> Callable[[Sample], Estimate]:
    """Welch's difference of one field, or of one field minus another."""

    def estimate(sample: Sample) -> Estimate:
        if not sample.has_arms:
            return _NO_CONTRAST, method
        outcome = getattr(sample, field) - (getattr(sample, minus) if minus else 0)
        return welch(outcome[sample.is_treated], outcome[~sample.is_treated]), method

    return estimate


def _before_after(sample: Sample) -> Estimate:
    """Participants after minus their own baseline months: what a plain before–after says."""
    own = (sample.after - sample.baseline)[sample.is_treated]
    own = own[~np.isnan(own)]
    if len(own) < _MIN_ARM:
        return _NO_CONTRAST, "before_after"
    fitted = robust_coefficient(own, np.ones((len(own), 1)), 0)
    return Contrast(*fitted, len(own), 0), "before_after"


def _weighted(
    estimator: Callable, method: str, field: str = "change", payments: bool = False
) -> Callable[[Sample], Estimate]:
    """A weighting estimator; null where it cannot be trusted."""

    def estimate(sample: Sample) -> Estimate:
        x, treated = sample.covariates, sample.is_treated
        if payments:
            x = np.column_stack([x, sample.late_base, sample.early_base])
        enough_controls = (~treated).sum() >= x.shape[1] + MIN_EFFECTIVE_CONTROLS
        if treated.sum() < _MIN_ARM or not enough_controls:
            return _NO_CONTRAST, method
        try:
            found = estimator(getattr(sample, field), treated, x)
        except MetricInputError:
            return _NO_CONTRAST, method
        if isinstance(found, tuple):
            found = found[0] if is_usable(found[1], x.shape[1]) else _NO_CONTRAST
        return found, method

    return estimate


ESTIMATORS: dict[str, Callable[[Sample], Estimate]] = {
    "default": default,
    "unadjusted": _of_means("change", "symmetric_did_unadjusted"),
    "entropy_balanced": _weighted(entropy_balanced_difference, "entropy_balanced_did"),
    "probability_weighted": _weighted(probability_weighted_difference, "probability_weighted_did"),
    "doubly_robust": _weighted(doubly_robust_difference, "doubly_robust_did"),
    "balanced_on_payments": _weighted(
        entropy_balanced_difference, "entropy_balanced_payments", field="after", payments=True
    ),
    "base_early": _of_means("after", "did_unadjusted", minus="early_base"),
    "base_last_month": _of_means("after", "did_unadjusted", minus="last_month"),
    "after_only": _of_means("after", "welch"),
    "before_after": _before_after,
}


def match(sample: Sample) -> Pairs:
    """Greedy pairs on the log odds of the propensity score, caliper 0.2 standard deviations."""
    return _matched_by(sample, _log_odds(sample))


def _log_odds(sample: Sample) -> np.ndarray | None:
    """Of the propensity score; nothing where there is none."""
    if not sample.has_arms:
        return None
    try:
        return logit(propensity_score(sample.covariates, sample.is_treated))
    except MetricInputError:
        return None


def _matched_by(sample: Sample, odds: np.ndarray | None, order: np.ndarray | None = None) -> Pairs:
    nobody = Pairs(_NO_CONTRAST, np.empty(0), sample)
    if odds is None:
        return nobody
    mine, others = np.flatnonzero(sample.is_treated), np.flatnonzero(~sample.is_treated)
    caliper = CALIPER_SD * odds.std(ddof=1)
    pairs = match_nearest(odds[mine], odds[others], caliper=caliper, order=order)
    if len(pairs) < _MIN_ARM:
        return nobody
    outcomes = sample.change[mine], sample.change[others]
    used = sample.subset(np.concatenate([mine[pairs[:, 0]], others[pairs[:, 1]]]))
    return Pairs(paired_difference(*outcomes, pairs), pair_differences(*outcomes, pairs), used)


def _order_range(sample: Sample, seed: int) -> tuple[Pairs, Pairs]:
    """The pairs with the lowest and highest estimate over random orders of matching."""
    odds = _log_odds(sample)
    rng, size = np.random.default_rng(seed), int(sample.is_treated.sum())
    found = [_matched_by(sample, odds, rng.permutation(size)) for _ in range(ORDERS)]
    known = [each for each in found if np.isfinite(each.contrast.estimate)] or found
    ordered = sorted(known, key=lambda each: each.contrast.estimate)
    return ordered[0], ordered[-1]


def _by_default(samples: dict[str, Sample], study: Study) -> list[dict[str, object]]:
    """The default estimate of each sample, a row each."""
    return [_row(name, default(each), each, study) for name, each in samples.items()]


def _other_amounts(
    panel: pd.DataFrame,
    known: pd.DataFrame,
    cohort: pd.DataFrame,
    study: Study,
    window: tuple[int, int],
) -> dict[str, Sample]:
    panels = {
        "with_moves": panel,
        "winsorised": known.assign(amount_sek=known["amount_sek"].clip(upper=WINSOR_SEK)),
        "fixed_prices": known_in_fixed_prices(known, cohort, study.price_year),
        "trimmed": known,
    }
    samples = {name: build_sample(each, cohort, study, window) for name, each in panels.items()}
    return samples | {"trimmed": _trimmed(samples["trimmed"])}


def _trimmed(sample: Sample) -> Sample:
    """Without the 2.5 % of changes at either end."""
    if not len(sample.change):
        return sample
    low, high = np.quantile(sample.change, [TRIM_SHARE, 1 - TRIM_SHARE])
    return sample.subset((sample.change >= low) & (sample.change <= high))


def _pretended_starts(known: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> dict[str, Sample]:
    spans = zip(("placebo_6", "placebo_12"), PLACEBO_WINDOWS.values(), strict=True)
    return {name: build_sample(known, cohort, study, *each) for name, each in spans}


def _left_out(sample: Sample, study: Study) -> list[dict[str, object]]:
    """Without the household whose absence makes the estimate lowest, and highest."""
    names = [f"leave_one_out_{end}" for end in _ENDS]
    found, method = default(sample)
    if not np.isfinite(found.estimate) or min(found.n_treated, found.n_control) <= _MIN_ARM:
        return [_row(name, (_NO_CONTRAST, "leave_one_out"), sample, study) for name in names]
    x = sample.covariates[:, informative(sample.covariates, sample.is_treated)]
    x = x if method.endswith("_adjusted") else x[:, :0]
    moved = without_each_row(sample.change, sample.is_treated, x)
    samples = [
        sample.subset(np.arange(len(moved)) != place) for place in (moved.argmin(), moved.argmax())
    ]
    return _by_default(dict(zip(names, samples, strict=True)), study)


def _unmeasured(sample: Sample, pairs: Pairs, study: Study) -> list[dict[str, object]]:
    """How strong something unmeasured would have to be: E-value and Rosenbaum's gamma."""
    contrast, method = default(sample)
    values, spread = (np.nan, np.nan), _spread_within(sample)
    if np.isfinite(contrast.standard_error) and spread > 0:
        values = e_value_of_difference(contrast.estimate, contrast.standard_error, spread)
    ends = {"ci_low": np.nan, "ci_high": np.nan, "unit": "ratio"}
    strength = {"estimate": values[0], "ci_low": values[1], "method": "e_value"}
    gamma = {"estimate": tipping_gamma(pairs.differences)}
    matched = pairs.contrast, "signed_rank_bounds"
    return [
        _row("e_value", (contrast, method), sample, study) | ends | strength,
        _row("rosenbaum_gamma", matched, pairs.sample, study) | ends | gamma,
    ]


def _spread_within(sample: Sample) -> float:
    """Standard deviation of the change within groups."""
    parts = [sample.change[each] for each in (sample.is_treated, ~sample.is_treated)]
    if min(map(len, parts)) < 2:
        return np.nan
    squares = sum(((part - part.mean()) ** 2).sum() for part in parts)
    return float(np.sqrt(squares / (len(sample.change) - 2)))
