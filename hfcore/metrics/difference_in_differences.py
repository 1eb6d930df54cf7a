"""The change of each household's support around its start, and the difference of that change.

One number a household, D = mean payment in a window after the start − mean payment in its mirror
image before the start, and the chain of estimators that the number of households allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hfcore.cohort import has_left
from hfcore.errors import MetricInputError
from hfcore.estimators.outcome_regression import TreatedEffect, clustered_means, effect_on_treated
from hfcore.estimators.regression import Contrast
from hfcore.metrics.covariates import covariate_matrix
from hfcore.metrics.index_months import risk_set_weights
from hfcore.results import require_columns
from hfcore.study import Definitions, Municipality, Study, month_number

# Months after the start, both included. The base of each is its mirror image: −12…−1, −24…−13.
WINDOWS = {"1-12": (1, 12), "13-24": (13, 24), "1-24": (1, 24)}
# As though the start had been 6 or 12 months earlier: window and base before the true start.
PLACEBO_WINDOWS = {"-6--1": ((-6, -1), (-12, -7)), "-12--7": ((-12, -7), (-18, -13))}
# A half year against the one before it, as in the drift bound: both lie outside the entry peak.
EARLIER_DRIFT = ((-18, -13), (-24, -19))
ADJUSTED = "symmetric_did_adjusted"
UNADJUSTED = "symmetric_did_unadjusted"

_MIN_ADJUSTED_ARM = 20
_MIN_ESTIMATE_ARM = 5
# Rows a covariate, and effective controls beyond the covariates, that a regression needs.
_ROWS_PER_COVARIATE = 5
_SPARE_CONTROLS = 10


def unit_column(frame: pd.DataFrame) -> str:
    """What tells rows apart: ``unit_id`` where a control serves several start months."""
    return "unit_id" if "unit_id" in frame else "household_id"


def amounts_by_month(panel: pd.DataFrame) -> pd.DataFrame:
    """One row a household, one column a month from the start; unknown months are null."""
    needed = ("household_id", "group", "start_month", "month", "amount_sek", "record_key")
    require_columns(panel, needed, "panel")
    key = unit_column(panel)
    if panel.duplicated([key, "month"]).any():
        raise MetricInputError(
            f"The panel has several rows of one {key} and month: a household counts once a month. "
            "See that the cohort it was made from has each household once."
        )
    return panel.pivot(index=key, columns="month", values="amount_sek")


def households_of(panel: pd.DataFrame) -> pd.DataFrame:
    """One row a household (or ``unit_id``): household_id, record_key, is_participant, start.

    ``start`` is the running number of month 0.
    """
    key = unit_column(panel)
    first = panel.drop_duplicates(key).set_index(key, drop=False).sort_index()
    columns = dict.fromkeys(["household_id", "record_key"])
    return first[list(columns)].assign(
        is_participant=first["group"].eq("participant"),
        start=month_number(first["start_month"]).to_numpy(dtype="int64"),
    )


def without_departed(panel: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """The panel with the months after a household moved or died as unknown instead of zero.

    A municipality pays nothing to those who left it, which is no saving to anybody. The month of
    the departure itself stays, and all months of those who are followed where they moved.
    """
    key = unit_column(panel)
    require_columns(cohort, (key, "closure_reason", "closed_on", "start_month"), "cohort")
    left = cohort.loc[has_left(cohort) & cohort["start_month"].notna()]
    month = month_number(left["closed_on"]) - month_number(left["start_month"])
    last = panel[key].map(dict(zip(left[key], month.astype("float64"), strict=True)))
    gone = panel["month"] > last.astype("float64").fillna(np.inf)
    return panel.assign(amount_sek=panel["amount_sek"].mask(gone))


def window_change(
    amounts: pd.DataFrame, window: tuple[int, int], base: tuple[int, int] | None = None
) -> pd.Series:
    """Mean monthly support within a window minus that within its base, SEK, one row a household.

    ``base`` defaults to the mirror image of the window around month 0. A household with an
    unknown month in either has a null change: missing is not zero.

    >>> amounts = pd.DataFrame([[4.0, 9.0, 1.0], [4.0, 9.0, None]], columns=[-1, 0, 1])
    >>> window_change(amounts, (1, 1)).tolist()
    [-3.0, nan]
    """
    base = base or (-window[1], -window[0])
    return window_mean(amounts, window) - window_mean(amounts, base)


def window_mean(amounts: pd.DataFrame, window: tuple[int, int]) -> pd.Series:
    """Mean monthly support within a window, both ends included; null where a month is unknown."""
    months = range(window[0], window[1] + 1)
    return amounts.reindex(columns=months).mean(axis=1, skipna=False)


def change_by_start(
    units: pd.DataFrame,
    payments: pd.DataFrame,
    municipality: Municipality,
    window: tuple[int, int],
    base: tuple[int, int] | None = None,
) -> pd.Series:
    """``window_change`` for very many start months at once, from running sums of payments.

    ``units`` has household_id and start_month, one row a household and start month; the result
    has its index. Memory grows with households × calendar months, not with start months.
    """
    base = base or (-window[1], -window[0])
    first, last = (
        each.year * 12 + each.month - 1
        for each in (municipality.payments_from, municipality.payments_to)
    )
    ids = pd.Index(units["household_id"].unique())
    month = month_number(payments["month"]).to_numpy(dtype="int64") - first
    row = ids.get_indexer(payments["household_id"])
    inside = (row >= 0) & (month >= 0) & (month <= last - first)
    paid = np.zeros((len(ids), last - first + 2))
    amounts = payments["amount_sek"].to_numpy(dtype="float64")
    np.add.at(paid, (row[inside], month[inside] + 1), amounts[inside])
    sums = paid.cumsum(axis=1)
    own = ids.get_indexer(units["household_id"])
    start = month_number(units["start_month"]).to_numpy(dtype="int64") - first
    means = [
        _sum_between(sums, own, start, each) / (each[1] - each[0] + 1) for each in (window, base)
    ]
    return pd.Series(means[0] - means[1], index=units.index)


def _sum_between(
    sums: np.ndarray, row: np.ndarray, start: np.ndarray, window: tuple[int, int]
) -> np.ndarray:
    low, high = start + window[0], start + window[1] + 1
    known = (low >= 0) & (high < sums.shape[1])
    low, high = np.where(known, low, 0), np.where(known, high, 0)
    return np.where(known, sums[row, high] - sums[row, low], np.nan)


def covariates_of(
    units: pd.DataFrame, cohort: pd.DataFrame, covariates: tuple[str, ...], window: tuple[int, int]
) -> np.ndarray:
    """The covariates of the households of a panel, in its order, array (households, p)."""
    key = unit_column(cohort)
    rows = cohort.drop_duplicates(key).set_index(key).reindex(units.index)
    return covariate_matrix(spell_months(rows, window), covariates).to_numpy()


def spell_months(cohort: pd.DataFrame, window: tuple[int, int]) -> pd.DataFrame:
    """The cohort with months on support as the effect over a window is adjusted for them.

    Those of the present spell, at most as many as the window's base reaches back (12 or 24), where
    the cohort knows them (``risk_sets``): a spell shorter than the base is what makes months
    without payment before the start.
    """
    if "months_in_spell" not in cohort:
        return cohort
    return cohort.assign(months_on_support=cohort["months_in_spell"].clip(upper=window[1]))


@dataclass(frozen=True)
class Estimate:
    """One estimated effect on the participants.

    ``weights`` has one number a row: participants 1 / n, controls how much they count (they sum
    to 1, and may be negative), 0 for rows that are not in the estimate. ``without_one`` are the
    estimates without one household, participants first; ``n_covariates`` those adjusted for.
    """

    contrast: Contrast
    method: str
    weights: np.ndarray
    without_one: np.ndarray
    n_covariates: int = 0


def estimate_effect(
    change: pd.Series, units: pd.DataFrame, covariates: np.ndarray, leave_one_out: bool = False
) -> Estimate:
    """The mean effect on the participants, by the best estimator that the numbers allow.

    Parameters
    ----------
    change : one number a row, null where its window is not whole.
    units : the same rows (``households_of``); a control may stand in several start months.
    covariates : array (rows, p).
    leave_one_out : whether ``without_one`` is wanted.

    Returns
    -------
    Estimate
        Regression on controls' risk-set rows from 20 participants, 5 (p + 2) control households
        and p + 10 effective controls on; else the same without covariates; with fewer than 5 in a
        group everything is null. Participants whose start month no control stands near are left
        out.
    """
    known = change.notna().to_numpy()
    treated = units["is_participant"].to_numpy()
    weight = risk_set_weights(treated, units["start"].to_numpy(), known[:, None])[:, 0]
    mine, others = (np.flatnonzero((weight > 0) & each) for each in (treated, ~treated))
    households = units["household_id"].to_numpy()[others]
    n1, n0 = len(mine), len(set(households))
    nothing = np.zeros(len(units))
    if min(n1, n0) < _MIN_ESTIMATE_ARM:
        lost = Contrast(np.nan, np.nan, np.nan, n1, n0)
        return Estimate(lost, UNADJUSTED, nothing, np.empty(0))
    outcome = change.to_numpy(dtype="float64")
    arms = outcome[mine], outcome[others]
    rows = {"weights": weight[others], "households": households, "leave_one_out": leave_one_out}
    x = covariates[:, informative(covariates[others])]
    p = x.shape[1]
    found, method = None, UNADJUSTED
    if p and n1 >= _MIN_ADJUSTED_ARM and n0 >= _ROWS_PER_COVARIATE * (p + 2):
        adjusted = effect_on_treated(*arms, x[mine], x[others], **rows)
        if _effective_controls(adjusted, households) >= p + _SPARE_CONTROLS:
            found, method = adjusted, ADJUSTED
    if found is None:
        found, p = effect_on_treated(*arms, **rows), 0
    weights = nothing.copy()
    weights[mine], weights[others] = 1 / n1, found.row_weights
    return Estimate(found.contrast, method, weights, found.without_one, p)


def _effective_controls(found: TreatedEffect, households: np.ndarray) -> float:
    own = np.unique(households, return_inverse=True)[1]
    return float(1 / (np.bincount(own, found.row_weights) ** 2).sum())


def informative(x: np.ndarray) -> np.ndarray:
    """Which covariates say something among these rows once those before them are known.

    One that does not vary among the controls has no slope there, and leaves.
    """
    design = np.ones((len(x), 1))
    kept = np.zeros(x.shape[1], dtype=bool)
    for place in range(x.shape[1]):
        spread = x[:, place].std()
        column = (x[:, place] - x[:, place].mean()) / (spread if spread > 0 else 1)
        trial = np.column_stack([design, column])
        if np.linalg.matrix_rank(trial) == trial.shape[1]:
            design, kept[place] = trial, True
    return kept


def gate(n_treated: int, n_control: int, definitions: Definitions) -> str:
    """The status that the numbers of households allow: ok, too_few or not_available.

    >>> [gate(n, 60, Definitions(min_households_arm=20)) for n in (0, 19, 20)]
    ['not_available', 'too_few', 'ok']
    """
    if min(n_treated, n_control) == 0:
        return "not_available"
    return "ok" if min(n_treated, n_control) >= definitions.min_households_arm else "too_few"


def group_means(values: np.ndarray, units: pd.DataFrame, group: str) -> dict[str, np.ndarray]:
    """Mean of each column in one group, controls as they stand beside the participants.

    Returns
    -------
    Arrays (columns,): mean, variance (of the mean, by household), df, n (distinct households),
    ``key_n``, the sum of their record keys; and ``contribution`` (households, columns), what each
    adds to the mean.
    """
    treated = units["is_participant"].to_numpy()
    known = ~np.isnan(values)
    weight = risk_set_weights(treated, units["start"].to_numpy(), known)
    inside = treated if group == "participant" else ~treated
    weight = np.where(treated[:, None], known, weight)[inside]
    ids = units["household_id"].to_numpy()[inside]
    mean, variance, df, n = clustered_means(values[inside], weight, ids)
    is_first, own = _first_rows(ids)
    counted = np.zeros((int(is_first.sum()), values.shape[1]))
    np.add.at(counted, own, weight > 0)
    keys = units["record_key"].to_numpy(dtype="float64")[inside][is_first]
    added = np.zeros(counted.shape)
    with np.errstate(invalid="ignore"):
        np.add.at(
            added, own, np.where(known[inside], values[inside], 0) * weight / weight.sum(axis=0)
        )
    return {
        "mean": mean,
        "variance": variance,
        "df": df,
        "n": n,
        "key_n": keys @ (counted > 0),
        "contribution": np.nan_to_num(added),
    }


def _first_rows(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether a row is the first of its household, and which household it belongs to."""
    own = pd.factorize(ids)[0]
    return ~pd.Series(own).duplicated().to_numpy(), own


def difference_rows(values: pd.DataFrame, units: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The plain difference of every column of values, one row of results a column.

    Each group with its own variance, by household; Satterthwaite's degrees of freedom.
    """
    array = values.to_numpy(dtype="float64")
    mine, others = (group_means(array, units, each) for each in ("participant", "control"))
    variance = mine["variance"] + others["variance"]
    with np.errstate(divide="ignore", invalid="ignore"):
        df = variance**2 / (
            mine["variance"] ** 2 / mine["df"] + others["variance"] ** 2 / others["df"]
        )
        errors = np.where(variance > 0, np.sqrt(variance), np.nan)
    fields = (mine["mean"] - others["mean"], errors, df, mine["n"], others["n"])
    keys = zip(mine["key_n"] + others["key_n"], mine["key_n"], strict=True)
    rows = [
        contrast_row(Contrast(*(each.item() for each in one)), both, study)
        for *one, both in zip(*fields, keys, strict=True)
    ]
    return pd.DataFrame(rows)


def effect_row(
    change: pd.Series, units: pd.DataFrame, covariates: np.ndarray, study: Study
) -> dict[str, object]:
    """``estimate_effect`` as a row of results, with its method."""
    found = estimate_effect(change, units, covariates)
    return estimate_row(found, units, study)


def estimate_row(found: Estimate, units: pd.DataFrame, study: Study) -> dict[str, object]:
    """An estimate as a row of results: households of both groups, each counted once."""
    inside = units.loc[found.weights != 0].drop_duplicates("household_id")
    keys = inside["record_key"].to_numpy(dtype="float64")
    both = keys.sum(), keys[inside["is_participant"].to_numpy()].sum()
    return contrast_row(found.contrast, both, study) | {"method": found.method}


def contrast_row(contrast: Contrast, keys: tuple[float, float], study: Study) -> dict[str, object]:
    """A contrast as a row of results; ``keys`` sum the record keys of all and of participants."""
    low, high = contrast.interval()
    return {
        "estimate": contrast.estimate,
        "ci_low": low,
        "ci_high": high,
        "n": contrast.n_treated + contrast.n_control,
        "n_events": contrast.n_treated,
        "status": gate(contrast.n_treated, contrast.n_control, study.definitions),
        "key_n": keys[0],
        "key_events": keys[1],
        "df": contrast.df,
    }
