"""The change of each household's support around its start, and the difference of that change.

One number a household, D = mean payment in a window after the start − mean payment in its mirror
image before the start, and the chain of estimators that the number of households allows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from hfcore.cohort import has_left
from hfcore.estimators.regression import Contrast, adjusted_difference, welch
from hfcore.metrics.covariates import covariate_matrix
from hfcore.results import require_columns
from hfcore.study import Definitions, Municipality, Study, month_number

# Months after the start, both included. The base of each is its mirror image: −12…−1, −24…−13.
WINDOWS = {"1-12": (1, 12), "13-24": (13, 24), "1-24": (1, 24)}
# As though the start had been 6 or 12 months earlier: window and base before the true start.
PLACEBO_WINDOWS = {"-6--1": ((-6, -1), (-12, -7)), "-12--7": ((-12, -7), (-18, -13))}
ADJUSTED = "symmetric_did_adjusted"
UNADJUSTED = "symmetric_did_unadjusted"

_MIN_ADJUSTED_ARM = 20
_MIN_ESTIMATE_ARM = 5


def unit_column(frame: pd.DataFrame) -> str:
    """What tells rows apart: ``unit_id`` where a control serves several start months."""
    return "unit_id" if "unit_id" in frame else "household_id"


def amounts_by_month(panel: pd.DataFrame) -> pd.DataFrame:
    """One row a household, one column a month from the start; unknown months are null."""
    require_columns(panel, ("household_id", "group", "month", "amount_sek", "record_key"), "panel")
    return panel.pivot(index=unit_column(panel), columns="month", values="amount_sek")


def households_of(panel: pd.DataFrame) -> pd.DataFrame:
    """One row a household of a panel: household_id, is_participant, record_key."""
    key = unit_column(panel)
    first = panel.drop_duplicates(key).set_index(key, drop=False).sort_index()
    columns = dict.fromkeys(["household_id", "record_key"])
    return first[list(columns)].assign(is_participant=first["group"].eq("participant"))


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
    return _window_mean(amounts, window) - _window_mean(amounts, base)


def _window_mean(amounts: pd.DataFrame, window: tuple[int, int]) -> pd.Series:
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
    units: pd.DataFrame, cohort: pd.DataFrame, covariates: tuple[str, ...]
) -> np.ndarray:
    """The covariates of the households of a panel, in its order."""
    key = unit_column(cohort)
    rows = cohort.drop_duplicates(key).set_index(key).reindex(units.index)
    return covariate_matrix(rows, covariates).to_numpy()


def difference_of_changes(
    change: pd.Series, units: pd.DataFrame, covariates: np.ndarray
) -> tuple[Contrast, str]:
    """Participants − controls in the change, by the best estimator that the numbers allow.

    Parameters
    ----------
    change : one number a household, null where its window is not whole.
    units : the same households, with is_participant and household_id (the cluster).
    covariates : array (households, p).

    Returns
    -------
    The contrast and the method's id. Covariate-adjusted least squares from 20 participants and
    5 (p + 2) households on, else the difference of the plain means; with fewer than 5 in a group
    everything is null.
    """
    known = change.notna().to_numpy()
    outcome, x = change.to_numpy()[known], covariates[known]
    treated = units["is_participant"].to_numpy()[known]
    n1, n0 = int(treated.sum()), int((~treated).sum())
    if min(n1, n0) < _MIN_ESTIMATE_ARM:
        return Contrast(np.nan, np.nan, np.nan, n1, n0), UNADJUSTED
    x, clusters = x[:, informative(x, treated)], _repeated(units["household_id"].to_numpy()[known])
    if n1 >= _MIN_ADJUSTED_ARM and n1 + n0 >= 5 * (x.shape[1] + 2):
        return adjusted_difference(outcome, treated, x, clusters), ADJUSTED
    return _plain_difference(outcome, treated, clusters), UNADJUSTED


def _repeated(households: np.ndarray) -> np.ndarray | None:
    """The households of rows where one stands in several, else nothing."""
    return households if len(set(households)) < len(households) else None


def _plain_difference(
    outcome: np.ndarray, treated: np.ndarray, clusters: np.ndarray | None
) -> Contrast:
    """Welch's difference of two means; by household where one stands in several rows."""
    if clusters is None:
        return welch(outcome[treated], outcome[~treated])
    return adjusted_difference(outcome, treated, np.empty((len(outcome), 0)), clusters)


def informative(x: np.ndarray, treated: np.ndarray) -> np.ndarray:
    """Which covariates still say something once the group and those before them are known."""
    design = np.column_stack([np.ones(len(x)), treated])
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


def difference_rows(values: pd.DataFrame, units: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The plain difference of every column of values, one row of results a column.

    Welch's interval; by household where one stands in several rows.
    """
    array = values.to_numpy(dtype="float64")
    treated = units["is_participant"].to_numpy()
    keys = units["record_key"].to_numpy()
    known = ~np.isnan(array)
    sums = zip(keys @ known, (keys * treated) @ known, strict=True)
    found = _plain_differences(array, treated, _repeated(units["household_id"].to_numpy()))
    rows = [
        contrast_row(Contrast(*each), both, study)
        for *each, both in zip(
            found.estimate,
            found.standard_error,
            found.df,
            found.n_treated,
            found.n_control,
            sums,
            strict=True,
        )
    ]
    return pd.DataFrame(rows)


def _plain_differences(
    array: np.ndarray, treated: np.ndarray, clusters: np.ndarray | None
) -> Contrast:
    """``_plain_difference`` of every column, from the rows that are known in it."""
    found = welch(array[treated], array[~treated])
    if clusters is None:
        return found
    errors, dfs = found.standard_error.copy(), found.df.copy()
    for place, column in enumerate(array.T):
        known = ~np.isnan(column)
        groups = [len(set(clusters[known & each])) for each in (treated, ~treated)]
        if min(groups) > 1:
            own = _plain_difference(column[known], treated[known], clusters[known])
            errors[place], dfs[place] = own.standard_error, own.df
        else:
            errors[place] = np.nan
    return replace(found, standard_error=errors, df=dfs)


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
