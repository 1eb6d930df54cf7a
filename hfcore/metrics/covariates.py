"""What is known of a household before its start, as a matrix of numbers.

The names come from the study definition; the numbers from the cohort. Nothing measured after the
start and no payment before it gets in: conditioning on recent payments brings regression to the
mean into the estimate (Daw & Hatfield 2018).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.results import require_columns

_DEPENDENT = 1e-9


def covariate_matrix(cohort: pd.DataFrame, covariates: tuple[str, ...]) -> pd.DataFrame:
    """One row a household, one numeric column a covariate, none of them unknown.

    Parameters
    ----------
    cohort : one row a household, with a column for each name.
    covariates : names of the study definition; ``start_year`` is taken from ``start_month``.

    Returns
    -------
    Same index and order as ``cohort``. A code becomes one 0/1 column per value but the commonest
    (``obstacle=health``); an unknown number becomes the mean of the known ones, beside a 0/1
    column ``… unknown``; columns that are constant, or follow from those before them, are left
    out.

    Raises
    ------
    MetricInputError
        If the cohort lacks a covariate, naming it.

    Examples
    --------
    >>> cohort = pd.DataFrame({"children": [0, 3, None, 0], "obstacle": ["a", "b", "a", "a"]})
    >>> covariate_matrix(cohort, ("children", "obstacle"))
       children  children unknown
    0       0.0               0.0
    1       3.0               0.0
    2       1.0               1.0
    3       0.0               0.0
    >>> covariate_matrix(cohort.assign(children=[0, 3, 1, 1]), ("children", "obstacle"))
       children  obstacle=b
    0       0.0         0.0
    1       3.0         1.0
    2       1.0         0.0
    3       1.0         0.0
    """
    if "start_year" in covariates and "start_year" not in cohort:
        require_columns(cohort, ("start_month",), "cohort")
        cohort = cohort.assign(start_year=cohort["start_month"].dt.year)
    require_columns(cohort, covariates, "cohort")
    columns: dict[str, np.ndarray] = {}
    for name in covariates:
        columns |= _numbers(name, cohort[name])
    matrix = pd.DataFrame(columns, index=cohort.index, dtype="float64")
    return matrix[_independent(matrix)]


def _numbers(name: str, values: pd.Series) -> dict[str, np.ndarray]:
    if not pd.api.types.is_numeric_dtype(values):
        return _indicators(name, values)
    known = values.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
    unknown = np.isnan(known)
    if unknown.all() or not unknown.any():
        return {name: np.where(unknown, 0.0, known)}
    filled = np.where(unknown, known[~unknown].mean(), known)
    return {name: filled, f"{name} unknown": unknown.astype(float)}


def _indicators(name: str, values: pd.Series) -> dict[str, np.ndarray]:
    codes = values.astype("str").fillna("unknown")
    counts = codes.value_counts()
    commonest = sorted(counts.index[counts == counts.max()])[0] if len(counts) else None
    levels = [level for level in sorted(counts.index) if level != commonest]
    return {f"{name}={level}": codes.eq(level).to_numpy(dtype=float) for level in levels}


def _independent(matrix: pd.DataFrame) -> list[str]:
    """The columns that add something to the constant and the columns before them."""
    basis = [np.full(len(matrix), 1 / np.sqrt(max(len(matrix), 1)))]
    kept = []
    for name in matrix:
        column = matrix[name].to_numpy()
        rest = column
        for _ in range(2):  # twice: rounding of the first pass is taken off by the second
            rest = rest - sum(direction * (direction @ rest) for direction in basis)
        length = np.linalg.norm(rest)
        if length > _DEPENDENT * max(np.linalg.norm(column), 1.0):
            basis.append(rest / length)
            kept.append(name)
    return kept
