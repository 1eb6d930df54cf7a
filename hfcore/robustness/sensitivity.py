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
from hfcore.estimators.regression import Contrast, adjusted_difference, robust_coefficient
from hfcore.estimators.unmeasured_confounding import e_value_of_difference
from hfcore.estimators.weighting import (
    MIN_EFFECTIVE_CONTROLS,
    entropy_balanced_difference,
    is_usable,
)
from hfcore.metrics.comparison_group import CALIPER_SD
from hfcore.metrics.difference_in_differences import (
    PLACEBO_WINDOWS,
    WINDOWS,
    amounts_by_month,
    contrast_row,
    covariates_of,
    effect_row,
    estimate_effect,
    estimate_row,
    households_of,
    informative,
    window_change,
    window_mean,
    without_departed,
)
from hfcore.metrics.index_months import draw_between_0_and_1, risk_set_weights
from hfcore.metrics.price_index import known_in_fixed_prices
from hfcore.results import build_results
from hfcore.study import Study

PLACEBO_BY_VARIANT = dict(zip(("placebo_6", "placebo_12"), PLACEBO_WINDOWS.values(), strict=True))
WINSOR_SEK = 25_000.0
_MIN_ARM = 5
# Under this many pairs their interval comes from flipping signs, not from a t distribution.
_FEW_PAIRS = 10
_NO_CONTRAST = Contrast(np.nan, np.nan, np.nan, 0, 0)
_LATE_BASE_MONTHS = 3

Found = tuple[Contrast, str]


@dataclass(frozen=True)
class Sample:
    """One row a household whose window is whole, one number a household in every field.

    A control stands once, in one start month drawn among those in which it was at risk.
    ``change`` is window minus base; ``after`` the mean of the window; ``late_base`` the mean of
    the base's last three months, ``early_base`` of those before them; ``key`` the record key.
    """

    change: np.ndarray
    is_treated: np.ndarray
    covariates: np.ndarray
    key: np.ndarray
    after: np.ndarray
    late_base: np.ndarray
    early_base: np.ndarray

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

    def row(self, variant: str, study: Study) -> dict[str, object]:
        """As a row of results: exact interval by flipping signs for few pairs, else by t."""
        is_few = 0 < len(self.differences) < _FEW_PAIRS
        method = "matched_pairs_sign_flip" if is_few else "matched_pairs"
        row = _row(variant, (self.contrast, method), self.sample, study)
        if not is_few:
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
        As for ``support_effect``; one row a household (or ``unit_id``) and month.
    window : str
        1-12, 13-24 or 1-24, months after the start; its base is the mirror image.

    Returns
    -------
    DataFrame
        Results in SEK per month (e_value: ratio), dimension ``window``, by variant: default;
        unadjusted; the bases base_early (without its last three months), base_last_quarter (months
        −3…−1), base_first_year (−12…−1) and base_last_month; after_only and before_after
        (participants alone, against the study's baseline months); with_moves (months after a move
        or death count as nought), winsorised and fixed_prices; leave_one_out_lowest and _highest;
        placebo_6 and placebo_12 (as though the start had been that many months earlier). With one
        drawn start month a control: one_month (least squares with common slopes),
        entropy_balanced, balanced_on_payments and matched_pairs. e_value, its ``ci_low`` that of
        the end nearest to nothing. A variant that the numbers do not allow is ``not_available``.

    Raises
    ------
    MetricInputError
        If the window is not declared, or a frame lacks a column.

    Notes
    -----
    ``balanced_on_payments``, ``base_last_month`` and ``before_after`` are known to be biased by
    regression to the mean; they are shown because readers know them. In simulation the truth lay
    between ``base_last_quarter`` and the mirrored base of the default, or near.
    """
    if window not in WINDOWS:
        raise MetricInputError(f"There is no window {window}; there are: {', '.join(WINDOWS)}.")
    span = WINDOWS[window]
    known = without_departed(panel, cohort)
    amounts, units = amounts_by_month(known), households_of(known)
    x = covariates_of(units, cohort, study.definitions.covariates, span)
    change = window_change(amounts, span)
    first, last = -span[1], -span[0]
    after = window_mean(amounts, span)
    nothing = x[:, :0]
    by_change = {
        "default": (change, x),
        "unadjusted": (change, nothing),
        "base_early": (after - window_mean(amounts, (first, last - _LATE_BASE_MONTHS)), nothing),
        "base_last_quarter": (window_change(amounts, span, (-_LATE_BASE_MONTHS, -1)), x),
        "base_first_year": (window_change(amounts, span, (-12, -1)), x),
        "base_last_month": (after - window_mean(amounts, (last, last)), nothing),
        "after_only": (after, nothing),
    }
    if first == -12:
        del by_change["base_first_year"]  # the mirror itself
    rows = [
        effect_row(_where_known(each, change), units, own, study) | {"variant": variant}
        for variant, (each, own) in by_change.items()
    ]
    rows.append(_before_after(amounts, change, units, study, span))
    rows += _other_amounts(panel, known, cohort, study, span)
    rows += _without_one_household(change, units, x, study)
    rows += [
        effect_row(window_change(amounts, *spans), units, x, study) | {"variant": variant}
        for variant, spans in zip(
            ("placebo_6", "placebo_12"), PLACEBO_WINDOWS.values(), strict=True
        )
    ]
    sample = build_sample(panel, cohort, study, span)
    rows += [_row(name, rule(sample), sample, study) for name, rule in ONE_MONTH.items()]
    rows.append(match(sample).row("matched_pairs", study))
    rows.append(_e_value(estimate_effect(change, units, x).contrast, sample, rows[0]))
    results = pd.DataFrame(rows).fillna({"unit": "sek_per_month"})
    lost = results["estimate"].isna()
    return build_results(
        results.assign(status=results["status"].mask(lost, "not_available")),
        metric="support_effect_sensitivity",
        group="difference",
        dimension="window",
        level=window,
    )


def _where_known(values: pd.Series, change: pd.Series) -> pd.Series:
    """Values of the households whose window and mirrored base are whole, so that n is the same."""
    return values.where(change.notna())


def _before_after(
    amounts: pd.DataFrame, change: pd.Series, units: pd.DataFrame, study: Study, span: tuple
) -> dict[str, object]:
    """Participants after minus their own baseline months: what a plain before–after says."""
    before = window_mean(amounts, (-study.definitions.baseline_months, -1))
    gain = _where_known(window_mean(amounts, span) - before, change)
    own = gain.notna().to_numpy() & units["is_participant"].to_numpy()
    values, n = gain.to_numpy()[own], int(own.sum())
    found = _NO_CONTRAST
    if n >= _MIN_ARM:
        found = Contrast(*robust_coefficient(values, np.ones((n, 1)), 0), n, 0)
    keys = units["record_key"].to_numpy(dtype="float64")[own].sum()
    few = n < study.definitions.min_households_arm
    told = {"variant": "before_after", "method": "before_after"}
    return contrast_row(found, (keys, keys), study) | told | {"status": "too_few" if few else "ok"}


def _other_amounts(
    panel: pd.DataFrame, known: pd.DataFrame, cohort: pd.DataFrame, study: Study, span: tuple
) -> list[dict[str, object]]:
    """The default estimate with amounts counted in other ways."""
    panels = {
        "with_moves": panel,
        "winsorised": known.assign(amount_sek=known["amount_sek"].clip(upper=WINSOR_SEK)),
        "fixed_prices": known_in_fixed_prices(known, cohort, study.price_year),
    }
    rows = []
    for variant, each in panels.items():
        units = households_of(each)
        x = covariates_of(units, cohort, study.definitions.covariates, span)
        row = effect_row(window_change(amounts_by_month(each), span), units, x, study)
        rows.append(row | {"variant": variant})
    return rows


def _without_one_household(
    change: pd.Series, units: pd.DataFrame, x: np.ndarray, study: Study
) -> list[dict[str, object]]:
    """Without the household whose absence makes the estimate lowest, and highest."""
    whole = estimate_effect(change, units, x, leave_one_out=True)
    inside = units.loc[whole.weights != 0]
    order = [
        *inside.loc[inside["is_participant"], "household_id"],
        *sorted(set(inside.loc[~inside["is_participant"], "household_id"])),
    ]
    moved = whole.without_one
    rows = []
    for end, place in (("lowest", np.nanargmin), ("highest", np.nanargmax)):
        found = replace(whole, contrast=_NO_CONTRAST)
        if min(whole.contrast.n_treated, whole.contrast.n_control) > _MIN_ARM:
            left = units["household_id"].eq(order[int(place(moved))])
            found = estimate_effect(change.mask(left), units, x)
        row = estimate_row(found, units, study)
        rows.append(row | {"variant": f"leave_one_out_{end}"})
    return rows


def build_sample(
    panel: pd.DataFrame, cohort: pd.DataFrame, study: Study, window: tuple[int, int]
) -> Sample:
    """The households with every month of a window and of its base, a control in one start month.

    The month is drawn among those in which the control was at risk, in proportion to how many
    participants started then (and by id and seed alone, never by the other rows).
    """
    known = without_departed(panel, cohort)
    amounts, units = amounts_by_month(known), households_of(known)
    change = window_change(amounts, window)
    whole = change.notna().to_numpy()
    weight = risk_set_weights(
        units["is_participant"].to_numpy(), units["start"].to_numpy(), whole[:, None]
    )[:, 0]
    kept = _one_row_a_household(units, weight, study.definitions.seed)
    first, last = -window[1], -window[0]
    spans = {
        "after": window,
        "late_base": (max(first, last - _LATE_BASE_MONTHS + 1), last),
        "early_base": (first, last - _LATE_BASE_MONTHS),
    }
    means = {
        name: amounts.reindex(columns=range(low, high + 1)).mean(axis=1).to_numpy()[kept]
        for name, (low, high) in spans.items()
    }
    return Sample(
        change=change.to_numpy()[kept],
        is_treated=units["is_participant"].to_numpy()[kept],
        covariates=covariates_of(units, cohort, study.definitions.covariates, window)[kept],
        key=units["record_key"].to_numpy(dtype="float64")[kept],
        **means,
    )


def _one_row_a_household(units: pd.DataFrame, weight: np.ndarray, seed: int) -> np.ndarray:
    """Places of the rows kept: each household's row drawn in proportion to its weight."""
    rows = pd.DataFrame({"id": units["household_id"].to_numpy(), "weight": weight})
    rows = rows.loc[rows["weight"] > 0]
    by_id = rows.groupby("id", sort=False)["weight"]
    luck = draw_between_0_and_1(rows["id"], seed) * by_id.transform("sum").to_numpy()
    reached = by_id.cumsum().to_numpy() > luck
    return np.sort(rows.loc[reached].drop_duplicates("id").index.to_numpy())


def _row(variant: str, found: Found, sample: Sample, study: Study) -> dict[str, object]:
    contrast, method = found
    keys = sample.key.sum(), sample.key[sample.is_treated].sum()
    return contrast_row(contrast, keys, study) | {"variant": variant, "method": method}


def _common_slopes(sample: Sample) -> Found:
    """Least squares on both groups with common slopes, HC2 and Bell–McCaffrey."""
    if not sample.has_arms:
        return _NO_CONTRAST, "common_slopes"
    x = sample.covariates[:, informative(sample.covariates)]
    try:
        return adjusted_difference(sample.change, sample.is_treated, x), "common_slopes"
    except MetricInputError:
        return _NO_CONTRAST, "common_slopes"


def _balanced(field: str, method: str, payments: bool = False) -> Callable[[Sample], Found]:
    """The difference after entropy balancing; null where it cannot be trusted."""

    def estimate(sample: Sample) -> Found:
        x, treated = sample.covariates, sample.is_treated
        if payments:
            x = np.column_stack([x, sample.late_base, sample.early_base])
        enough_controls = (~treated).sum() >= x.shape[1] + MIN_EFFECTIVE_CONTROLS
        if treated.sum() < _MIN_ARM or not enough_controls:
            return _NO_CONTRAST, method
        try:
            found, weights = entropy_balanced_difference(getattr(sample, field), treated, x)
        except MetricInputError:
            return _NO_CONTRAST, method
        return (found if is_usable(weights, x.shape[1]) else _NO_CONTRAST), method

    return estimate


ONE_MONTH: dict[str, Callable[[Sample], Found]] = {
    "one_month": _common_slopes,
    "entropy_balanced": _balanced("change", "entropy_balanced_did"),
    "balanced_on_payments": _balanced("after", "entropy_balanced_payments", payments=True),
}


def match(sample: Sample) -> Pairs:
    """Greedy pairs on the log odds of the propensity score, caliper 0.2 standard deviations."""
    nobody = Pairs(_NO_CONTRAST, np.empty(0), sample)
    if not sample.has_arms:
        return nobody
    try:
        odds = logit(propensity_score(sample.covariates, sample.is_treated))
    except MetricInputError:
        return nobody
    mine, others = np.flatnonzero(sample.is_treated), np.flatnonzero(~sample.is_treated)
    pairs = match_nearest(odds[mine], odds[others], caliper=CALIPER_SD * odds.std(ddof=1))
    if len(pairs) < _MIN_ARM:
        return nobody
    outcomes = sample.change[mine], sample.change[others]
    used = sample.subset(np.concatenate([mine[pairs[:, 0]], others[pairs[:, 1]]]))
    return Pairs(paired_difference(*outcomes, pairs), pair_differences(*outcomes, pairs), used)


def _e_value(
    contrast: Contrast, sample: Sample, of_default: dict[str, object]
) -> dict[str, object]:
    """How strong something unmeasured would have to be to explain the default estimate away."""
    values, spread = (np.nan, np.nan), _spread_within(sample)
    if np.isfinite(contrast.standard_error) and spread > 0:
        values = e_value_of_difference(contrast.estimate, contrast.standard_error, spread)
    ends = {"ci_low": values[1], "ci_high": np.nan, "unit": "ratio", "method": "e_value"}
    return of_default | {"variant": "e_value", "estimate": values[0]} | ends


def _spread_within(sample: Sample) -> float:
    """Standard deviation of the change within groups."""
    parts = [sample.change[each] for each in (sample.is_treated, ~sample.is_treated)]
    if min(map(len, parts)) < 2:
        return np.nan
    squares = sum(((part - part.mean()) ** 2).sum() for part in parts)
    return float(np.sqrt(squares / (len(sample.change) - 2)))
