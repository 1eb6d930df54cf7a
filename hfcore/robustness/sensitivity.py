"""How far the effect on support depends on choices: every alternative declared, all shown.

One row a variant, the same rows in every study. Nothing here replaces the estimate of
``support_effect``; a reader sees how it would have come out otherwise.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.errors import MetricInputError
from hfcore.estimators.unmeasured_confounding import e_value_of_difference, tipping_gamma
from hfcore.metrics.difference_in_differences import (
    PLACEBO_WINDOWS,
    WINDOWS,
    contrast_row,
    without_departed,
)
from hfcore.metrics.price_index import known_in_fixed_prices
from hfcore.results import build_results
from hfcore.robustness.alternative_estimators import (
    ESTIMATORS,
    NONE,
    Estimate,
    Pairs,
    Sample,
    build_sample,
    default,
    match,
    order_range,
    without_the_extreme,
)
from hfcore.study import Study

WINSOR_SEK = 25_000.0
TRIM_SHARE = 0.025
ENDS = ("lowest", "highest")


def support_effect_sensitivity(
    panel: pd.DataFrame, cohort: pd.DataFrame, study: Study, window: str = "1-12"
) -> pd.DataFrame:
    """The effect over one window under every declared alternative: one row a variant.

    Parameters
    ----------
    panel, cohort, study : as for ``support_effect``; one row a household and month.
    window : 1-12, 13-24 or 1-24, months after the start; its base is the mirror image.

    Returns
    -------
    Results in SEK per month (e_value and rosenbaum_gamma: ratio), dimension ``window``, by
    variant: default; the estimators unadjusted, entropy_balanced, probability_weighted,
    doubly_robust, matched_pairs; balanced_on_payments; the bases base_early (without its last
    three months) and base_last_month; after_only and before_after (participants
    alone, against the study's baseline months); with_moves, winsorised,
    fixed_prices and trimmed; leave_one_out_lowest and _highest; matched_order_lowest and
    _highest (of 100 random orders); placebo_6 and placebo_12 (as though the start had been that
    many months earlier); e_value, its ``ci_low`` that of the end nearest to nothing; and
    rosenbaum_gamma. A variant that the numbers do not allow is ``not_available``.

    Raises
    ------
    MetricInputError
        If the window is not declared or a frame lacks a column.

    Notes
    -----
    ``balanced_on_payments``, ``base_last_month`` and ``before_after`` are known to be biased by
    regression to the mean; they are shown because readers know them.
    """
    if window not in WINDOWS:
        raise MetricInputError(f"There is no window {window}; there are: {', '.join(WINDOWS)}.")
    known = without_departed(panel, cohort)
    sample = build_sample(known, cohort, study, WINDOWS[window])
    rows = [_row(name, rule(sample), sample, study) for name, rule in ESTIMATORS.items()]
    pairs = match(sample)
    rows.append(_pairs_row("matched_pairs", pairs, study))
    rows += _altered(panel, known, cohort, study, window)
    rows += _left_out(sample, study)
    rows += _placebos(known, cohort, study)
    rows += _unmeasured(sample, pairs, study)
    return build_results(
        pd.DataFrame(rows).fillna({"unit": "sek_per_month"}),
        metric="support_effect_sensitivity",
        group="difference",
        dimension="window",
        level=window,
    )


def _row(name: str, found: Estimate, sample: Sample, study: Study) -> dict[str, object]:
    contrast, method = found
    keys = sample.key.sum(), sample.key[sample.is_treated].sum()
    row = contrast_row(contrast, keys, study) | {"variant": name, "method": method}
    if method == "before_after" and np.isfinite(contrast.estimate):
        few = contrast.n_treated < study.definitions.min_households_arm
        return row | {"key_n": keys[1], "status": "too_few" if few else "ok"}
    return row if np.isfinite(contrast.estimate) else row | {"status": "not_available"}


def _pairs_row(name: str, pairs: Pairs, study: Study) -> dict[str, object]:
    low, high = pairs.interval()
    row = _row(name, (pairs.contrast, pairs.method), pairs.sample, study)
    return row | {"ci_low": low, "ci_high": high}


def _altered(
    panel: pd.DataFrame, known: pd.DataFrame, cohort: pd.DataFrame, study: Study, window: str
) -> list[dict[str, object]]:
    """The default on other amounts."""
    panels = {
        "with_moves": panel,
        "winsorised": known.assign(amount_sek=known["amount_sek"].clip(upper=WINSOR_SEK)),
        "fixed_prices": known_in_fixed_prices(known, cohort, study.price_year),
    }
    samples = {
        name: build_sample(each, cohort, study, WINDOWS[window]) for name, each in panels.items()
    }
    samples["trimmed"] = _trimmed(build_sample(known, cohort, study, WINDOWS[window]))
    return [_row(name, default(own), own, study) for name, own in samples.items()]


def _trimmed(sample: Sample) -> Sample:
    """Without the 2.5 % of changes at either end."""
    if not len(sample.change):
        return sample
    low, high = np.quantile(sample.change, [TRIM_SHARE, 1 - TRIM_SHARE])
    return sample.subset((sample.change >= low) & (sample.change <= high))


def _left_out(sample: Sample, study: Study) -> list[dict[str, object]]:
    """Each household left out in turn, and the order of matching: lowest and highest."""
    samples = without_the_extreme(sample) or (sample, sample)
    has_samples = samples[0] is not sample
    rows = []
    for name, own in zip(ENDS, samples, strict=True):
        left = default(own) if has_samples else (NONE, "leave_one_out")
        rows.append(_row(f"leave_one_out_{name}", left, own, study))
    orders = order_range(sample, study.definitions.seed)
    pairs = zip(ENDS, orders, strict=True)
    return rows + [_pairs_row(f"matched_order_{name}", each, study) for name, each in pairs]


def _placebos(known: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> list[dict[str, object]]:
    rows = []
    names = ("placebo_6", "placebo_12")
    for name, (window, base) in zip(names, PLACEBO_WINDOWS.values(), strict=True):
        own = build_sample(known, cohort, study, window, base)
        rows.append(_row(name, default(own), own, study))
    return rows


def _unmeasured(sample: Sample, pairs: Pairs, study: Study) -> list[dict[str, object]]:
    contrast, method = default(sample)
    row = _row("e_value", (contrast, method), sample, study)
    ends = {"ci_low": np.nan, "ci_high": np.nan, "df": contrast.df, "unit": "ratio"}
    spread = _spread_within(sample)
    values = np.nan, np.nan
    if np.isfinite(contrast.standard_error) and spread > 0:
        values = e_value_of_difference(contrast.estimate, contrast.standard_error, spread)
    e_row = row | ends | {"estimate": values[0], "ci_low": values[1], "method": "e_value"}
    gamma = {"estimate": tipping_gamma(pairs.gaps), "df": pairs.contrast.df}
    g_row = _row("rosenbaum_gamma", (pairs.contrast, "signed_rank_bounds"), pairs.sample, study)
    return [e_row, g_row | ends | gamma]


def _spread_within(sample: Sample) -> float:
    """Standard deviation of the change within groups."""
    parts = [sample.change[each] for each in (sample.is_treated, ~sample.is_treated)]
    if min(map(len, parts)) < 2:
        return np.nan
    squares = sum(((part - part.mean()) ** 2).sum() for part in parts)
    return float(np.sqrt(squares / (len(sample.change) - 2)))
