"""Who the participants are compared with: match, judge the balance, get your rows back.

``build_comparison`` gives the cohort's own rows back with weights, ``balance`` judges them, and
``comparison_flow`` says who was left out. No p-values: balance is a property of the sample.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import logit

from hfcore.errors import MetricInputError
from hfcore.estimators.matching import match_nearest, propensity_score
from hfcore.estimators.weighting import effective_sample_size, entropy_weights
from hfcore.metrics.covariates import covariate_matrix
from hfcore.metrics.difference_in_differences import (
    WINDOWS,
    amounts_by_month,
    covariates_of,
    estimate_effect,
    households_of,
    spell_months,
    window_change,
    window_mean,
    without_departed,
)
from hfcore.metrics.index_months import risk_set_weights
from hfcore.results import build_results, require_columns
from hfcore.study import Study

METHODS = ("entropy", "propensity", "matching")
ADDED = ("propensity_score", "weight", "pair", "left_out")
CALIPER_SD = 0.2
# Mean payments before the start: no covariates, but a part of how alike the groups were.
PAYMENTS_BEFORE = {"support_months_12_1": (-12, -1), "support_months_24_13": (-24, -13)}


def build_comparison(
    cohort: pd.DataFrame,
    study: Study,
    method: str = "entropy",
    exact: tuple[str, ...] = (),
    ratio: int = 1,
) -> pd.DataFrame:
    """Your own rows back, with the weight that makes the controls like the participants.

    Parameters
    ----------
    cohort : one row a household (or ``unit_id``, where a control stands in several months).
    study : its covariates, measured at the start; payments before it are none of them.
    method : entropy (balancing weights), propensity (odds of the score) or matching (nearest
        log odds within 0.2 standard deviations, ``ratio`` controls each).
    exact : columns that must agree; weights and pairs are then made within each value.
    ratio : controls a participant, for matching.

    Returns
    -------
    The same rows, index and order, and the columns ``propensity_score``; ``weight`` (1 for
    participants; controls' weights sum to the participants' number; 0 left out); ``pair`` (a
    number a matched set, else null); ``left_out`` (empty, or why: no_start_month, no_overlap,
    not_matched).

    Raises
    ------
    MetricInputError
        If a column would be overwritten or is missing, the method is unknown, or no score exists.

    Notes
    -----
    Trimmed to overlap: participants whose log odds lie above every control's by more than the
    caliper, and controls below every participant's by more than it, are left out and counted.
    Where no weights balance the means exactly, entropy falls back to the odds of the score; the
    balance shows what remains.
    """
    taken = [column for column in ADDED if column in cohort]
    if taken:
        raise MetricInputError(
            f"The cohort already has the column {', '.join(taken)}: give it without."
        )
    if method not in METHODS:
        raise MetricInputError(f"There is no method {method!r}; there are: {', '.join(METHODS)}.")
    require_columns(cohort, ("household_id", "group", "start_month", *exact), "cohort")
    # By id, so that ties fall the same way in whatever order the rows come.
    key = "unit_id" if "unit_id" in cohort else "household_id"
    started = cohort.loc[cohort["start_month"].notna()].sort_values(key)
    treated = started["group"].eq("participant").to_numpy()
    if treated.all() or not treated.any():
        raise MetricInputError("A comparison needs participants and controls with a start month.")
    x = covariate_matrix(started, study.definitions.covariates).to_numpy()
    score = propensity_score(x, treated)
    odds = logit(score)
    caliper = CALIPER_SD * odds.std(ddof=1)
    inside = _overlaps(odds, treated, caliper)
    weigh = _match if method == "matching" else _weigh
    codes = _codes(started, exact)
    weight, pair = weigh(
        x, odds, treated, inside, codes, method=method, caliper=caliper, ratio=ratio
    )
    left_out = np.select([~inside, weight == 0], ["no_overlap", "not_matched"], "")
    added = pd.DataFrame(
        {"propensity_score": score, "weight": weight, "pair": pair, "left_out": left_out},
        index=started.index,
    ).astype({"pair": "Int64", "left_out": "str"})
    full = added.reindex(cohort.index)
    return cohort.assign(
        propensity_score=full["propensity_score"],
        weight=full["weight"].fillna(0.0),
        pair=full["pair"],
        left_out=full["left_out"].fillna("no_start_month"),
    )


def _overlaps(odds: np.ndarray, treated: np.ndarray, caliper: float) -> np.ndarray:
    too_high = treated & (odds > odds[~treated].max() + caliper)
    too_low = ~treated & (odds < odds[treated].min() - caliper)
    return ~(too_high | too_low)


def _codes(cohort: pd.DataFrame, exact: tuple[str, ...]) -> np.ndarray:
    if not exact:
        return np.zeros(len(cohort), dtype=np.int64)
    return cohort.groupby(list(exact), dropna=False, sort=True).ngroup().to_numpy()


def _weigh(
    x: np.ndarray,
    odds: np.ndarray,
    treated: np.ndarray,
    inside: np.ndarray,
    codes: np.ndarray,
    method: str,
    **_: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Weights within each stratum; participants without a control of their own get none."""
    weight = np.zeros(len(x))
    for code in np.unique(codes):
        own = np.flatnonzero(inside & (codes == code))
        mine, others = own[treated[own]], own[~treated[own]]
        if not len(mine) or not len(others):
            continue
        if method == "entropy":
            found = entropy_weights(x[mine], x[others])
        if method == "entropy" and found.is_balanced:
            shares = found.weights
        else:
            shares = np.exp(odds[others] - odds[others].max())
            shares = shares / shares.sum()
        weight[mine] = 1.0
        weight[others] = shares * len(mine)
    return weight, np.full(len(x), np.nan)


def _match(
    x: np.ndarray,
    odds: np.ndarray,
    treated: np.ndarray,
    inside: np.ndarray,
    codes: np.ndarray,
    caliper: float,
    ratio: int,
    **_: object,
) -> tuple[np.ndarray, np.ndarray]:
    mine, others = np.flatnonzero(treated & inside), np.flatnonzero(~treated & inside)
    pairs = match_nearest(
        odds[mine], odds[others], caliper=caliper, ratio=ratio, exact=(codes[mine], codes[others])
    )
    weight, pair = np.zeros(len(x)), np.full(len(x), np.nan)
    first, second = mine[pairs[:, 0]], others[pairs[:, 1]]
    sets = pairs[:, 0] + 1
    weight[first], pair[first] = 1.0, sets
    weight[second] = 1 / np.bincount(pairs[:, 0], minlength=len(mine))[pairs[:, 0]]
    pair[second] = sets
    return weight, pair


def effect_sample(
    panel: pd.DataFrame, cohort: pd.DataFrame, study: Study, window: str = "1-12"
) -> pd.DataFrame:
    """The households that the effect on support rests on, with the weights that it gives them.

    Parameters
    ----------
    panel, cohort, study : as for ``support_effect``.
    window : 1-12, 13-24 or 1-24.

    Returns
    -------
    The cohort's rows, with ``weight`` (participants 1; the rows of controls sum to the
    participants' number and may be negative; 0 left out), ``risk_set_weight`` (the same before
    the regression), ``left_out`` (empty, or window_not_whole) and mean payments before the start:
    ``support_months_12_1`` and ``support_months_24_13``, SEK a month. Months on support are as
    the regression uses them.
    """
    known = without_departed(panel, cohort)
    amounts, units = amounts_by_month(known), households_of(known)
    span = WINDOWS[window]
    change = window_change(amounts, span)
    x = covariates_of(units, cohort, study.definitions.covariates, span)
    found = estimate_effect(change, units, x)
    treated = units["is_participant"].to_numpy()
    start, is_known = units["start"].to_numpy(), change.notna().to_numpy()[:, None]
    beside = risk_set_weights(treated, start, is_known)[:, 0]
    key = "unit_id" if "unit_id" in cohort else "household_id"
    before = {
        name: cohort[key].map(window_mean(amounts, months))
        for name, months in PAYMENTS_BEFORE.items()
    }
    added = pd.DataFrame(
        {"weight": found.weights * max(found.contrast.n_treated, 1), "risk_set_weight": beside},
        index=units.index,
    ).reindex(cohort[key])
    weight, base = (added[name].fillna(0.0).to_numpy() for name in added)
    return spell_months(cohort, span).assign(
        weight=weight,
        risk_set_weight=base,
        left_out=np.where(weight == 0, "window_not_whole", ""),
        **before,
    )


def balance(comparison: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How alike the groups were at the start, before and after: one row a covariate and group.

    Parameters
    ----------
    comparison : rows of ``effect_sample`` (what the effect rests on) or of ``build_comparison``.

    Returns
    -------
    Results: metric ``balance`` (standardised mean difference, participants − others),
    ``variance_ratio`` (participants / others, numbers only) with dimension ``covariate``, and
    ``effective_sample_size``; group ``control`` is all controls as they stand beside the
    participants, ``comparison`` the weighted ones. Mean payments before the start are in the
    table where the rows have them. ``n`` counts the households of both groups with weight,
    ``n_events`` the participants.

    Notes
    -----
    Standardised by the participants' standard deviation before matching, sqrt(p (1 − p)) for 0/1
    columns (Austin 2011; as MatchIt and cobalt do); null where that is zero.
    """
    needed = ("household_id", "group", "start_month", "record_key", "weight", "left_out")
    require_columns(comparison, needed, "comparison")
    rests_on_effect = "risk_set_weight" in comparison
    kept = comparison["risk_set_weight"].ne(0) if rests_on_effect else True
    started = comparison.loc[comparison["start_month"].notna() & kept]
    payments = tuple(each for each in PAYMENTS_BEFORE if each in comparison)
    matrix = covariate_matrix(started, (*study.definitions.covariates, *payments))
    treated = started["group"].eq("participant").to_numpy()
    base = started["risk_set_weight"] if rests_on_effect else pd.Series(1.0, index=started.index)
    samples = {"control": base.to_numpy(), "comparison": started["weight"].to_numpy()}
    rows = []
    for group, weights in samples.items():
        inside = started.loc[weights != 0].drop_duplicates("household_id")
        mine = inside["group"].eq("participant").to_numpy()
        keys = inside["record_key"].to_numpy(dtype="float64")
        own = {
            "group": group,
            "n": len(inside),
            "n_events": int(mine.sum()),
            "key_n": keys.sum(),
            "key_events": keys[mine].sum(),
            "method": "standardised_by_participants",
        }
        rows += _balance_rows(matrix, treated, weights, own)
        by_household = pd.Series(weights[~treated]).groupby(
            started["household_id"].to_numpy()[~treated]
        )
        size = effective_sample_size(by_household.sum().to_numpy())
        rows.append(
            own
            | {"metric": "effective_sample_size", "estimate": size, "unit": "count"}
            | {"method": "kish"}
        )
    return build_results(
        pd.DataFrame(rows).fillna({"dimension": "", "level": "", "unit": "ratio", "status": "ok"})
    )


def _balance_rows(
    matrix: pd.DataFrame, treated: np.ndarray, weights: np.ndarray, own: dict[str, object]
) -> list[dict[str, object]]:
    rows = []
    for name in matrix:
        values = matrix[name].to_numpy()
        of_covariate = own | {"dimension": "covariate", "level": name}
        gap = standardised_difference(values, treated, weights)
        status = "ok" if np.isfinite(gap) else "not_available"
        rows.append(of_covariate | {"metric": "balance", "estimate": gap, "status": status})
        if not _is_binary(values):
            ratio = variance_ratio(values, treated, weights)
            status = "ok" if np.isfinite(ratio) else "not_available"
            rows.append(
                of_covariate | {"metric": "variance_ratio", "estimate": ratio, "status": status}
            )
    return rows


def standardised_difference(
    values: np.ndarray, is_treated: np.ndarray, weights: np.ndarray
) -> float:
    """Weighted difference of means in standard deviations of all participants; null if none.

    >>> treated = np.array([True, True, False, False])
    >>> standardised_difference(np.array([1.0, 3.0, 0.0, 2.0]), treated, np.ones(4)).round(4)
    np.float64(0.7071)
    """
    treated = np.asarray(is_treated, dtype=bool)
    own = values[treated]
    spread = np.sqrt(own.mean() * (1 - own.mean())) if _is_binary(values) else own.std(ddof=1)
    sums = weights[treated].sum(), weights[~treated].sum()
    if not spread > 0 or min(sums) <= 0:
        return np.nan
    return (
        own @ weights[treated] / sums[0] - values[~treated] @ weights[~treated] / sums[1]
    ) / spread


def variance_ratio(values: np.ndarray, is_treated: np.ndarray, weights: np.ndarray) -> float:
    """Weighted variance of the participants over that of the others; null where one is zero."""
    treated = np.asarray(is_treated, dtype=bool)
    first, second = (_variance(values[each], weights[each]) for each in (treated, ~treated))
    return first / second if first > 0 and second > 0 else np.nan


def _variance(values: np.ndarray, weights: np.ndarray) -> float:
    """Unbiased for weights that are not counts: divisor 1 − sum of squared shares."""
    if weights.sum() <= 0:
        return np.nan
    shares = weights / weights.sum()
    divisor = 1 - (shares**2).sum()
    return shares @ (values - shares @ values) ** 2 / divisor if divisor > 1e-12 else np.nan


def _is_binary(values: np.ndarray) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())


def comparison_flow(comparison: pd.DataFrame) -> pd.DataFrame:
    """Who is compared and who was left out: one row a group and reason, zeros included.

    Columns group, left_out (empty: compared), households (each counted once a reason).
    """
    reasons = ("", "no_start_month", "window_not_whole", "no_overlap", "not_matched")
    # A household that stands in several rows is left out only where all of them are.
    rows = comparison.sort_values("left_out").drop_duplicates(["group", "household_id"])
    counts = rows.groupby(["group", "left_out"])["household_id"].nunique()
    every = pd.MultiIndex.from_product(
        [("participant", "control"), reasons], names=counts.index.names
    )
    return counts.reindex(every, fill_value=0).rename("households").reset_index()
