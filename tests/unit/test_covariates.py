"""What is known before the start, as numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hfcore.errors import MetricInputError
from hfcore.metrics.covariates import covariate_matrix

COHORT = pd.DataFrame(
    {
        "children": pd.array([0, 2, None, 4, 1, 1], dtype="Int64"),
        "obstacle": ["health", "language", "health", None, "language", "health"],
        "adults": [1, 1, 1, 1, 1, 1],
        "start_month": pd.to_datetime(["2016-01-01"] * 3 + ["2017-05-01"] * 3),
    }
)


def test_by_hand():
    matrix = covariate_matrix(COHORT, ("children", "obstacle"))
    assert list(matrix) == [
        "children",
        "children unknown",
        "obstacle=language",
        "obstacle=unknown",
    ]
    assert matrix["children"].tolist() == [0, 2, 1.6, 4, 1, 1]
    assert matrix["obstacle=language"].tolist() == [0, 1, 0, 0, 1, 0]
    assert matrix["obstacle=unknown"].tolist() == [0, 0, 0, 1, 0, 0]


def test_constant_and_repeated_columns_are_left_out():
    twice = COHORT.assign(double=COHORT["children"] * 2)
    assert list(covariate_matrix(twice, ("adults", "children", "double"))) == [
        "children",
        "children unknown",
    ]


def test_the_year_comes_from_the_start():
    matrix = covariate_matrix(COHORT, ("start_year",))
    assert matrix["start_year"].tolist() == [2016, 2016, 2016, 2017, 2017, 2017]


@pytest.mark.parametrize("rows", [0, 1])
def test_nobody_and_one_have_no_covariates(rows):
    matrix = covariate_matrix(COHORT.head(rows), ("children", "obstacle"))
    assert matrix.shape == (rows, 0)


def test_wholly_unknown_says_nothing():
    unknown = COHORT.assign(children=pd.array([None] * 6, dtype="Int64"))
    assert covariate_matrix(unknown, ("children",)).shape == (6, 0)


def test_the_order_of_rows_does_not_matter_and_the_frame_is_unchanged():
    before = COHORT.copy()
    order = [3, 5, 0, 2, 4, 1]
    names = ("children", "obstacle", "start_year")
    plain = covariate_matrix(COHORT, names)
    pd.testing.assert_frame_equal(covariate_matrix(COHORT.iloc[order], names), plain.iloc[order])
    pd.testing.assert_frame_equal(COHORT, before)
    assert np.isfinite(plain.to_numpy()).all()


def test_a_missing_covariate_is_named():
    with pytest.raises(MetricInputError, match="lacks the column income"):
        covariate_matrix(COHORT, ("children", "income"))
