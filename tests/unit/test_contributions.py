"""Who stands behind a figure: cells, keys and largest contributions by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfcore.errors import MetricInputError
from hfcore.metrics.contributions import count_rows, distribution_rows, mean_rows, share_rows

FRAME = pd.DataFrame(
    {
        "group": ["a", "a", "a", "b", "b", None],
        "kind": ["x", "y", "x", "x", None, "x"],
        "months": [5.0, -7.0, 1.0, None, 2.0, 9.0],
        "is_it": [True, False, None, True, True, True],
        "record_key": [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625],
    }
)
CELLS = {"group": ["b", "a", "c"]}


def test_cells_stand_in_the_declared_order_with_zeros():
    rows = count_rows(FRAME, CELLS)
    assert rows["group"].tolist() == ["b", "a", "c"]
    assert rows["n"].tolist() == [2, 3, 0]
    assert rows["key_n"].tolist() == [0.09375, 0.875, 0.0]


def test_share_leaves_out_the_unknown():
    rows = share_rows(FRAME, CELLS, "is_it").set_index("group")
    assert rows["n"].to_dict() == {"b": 2, "a": 2, "c": 0}
    assert rows["n_events"].to_dict() == {"b": 2, "a": 1, "c": 0}
    assert rows["key_events"].to_dict() == {"b": 0.09375, "a": 0.5, "c": 0.0}
    assert rows["status"].to_dict() == {"b": "ok", "a": "ok", "c": "too_few"}


def test_distribution_counts_unlabelled_rows_in_n():
    rows = distribution_rows(FRAME, CELLS, {"kind": ["y", "x"]}).set_index(["group", "kind"])
    assert rows["n"].loc["b"].tolist() == [2, 2]
    assert rows["n_events"].loc["b"].to_dict() == {"y": 0, "x": 1}
    assert rows["key_events"].loc["a"].to_dict() == {"y": 0.25, "x": 0.625}


def test_mean_and_what_dominates_it():
    rows = mean_rows(FRAME, CELLS, "months").set_index("group")
    assert rows.loc["a", "estimate"] == pytest.approx(-1 / 3)
    assert rows.loc["a", ["largest", "second_largest", "sum_absolute"]].tolist() == [7, 5, 13]
    assert rows["n_negative"].fillna(0).to_dict() == {"b": 0, "a": 1, "c": 0}
    assert rows.loc["b", ["n", "estimate", "largest"]].tolist() == [1, 2, 2]
    assert pd.isna(rows.loc["b", "ci_low"])
    assert pd.isna(rows.loc["c", "estimate"])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-9, 9)), min_size=1, max_size=30))
def test_cells_add_up_to_the_whole(rows):
    frame = pd.DataFrame(rows, columns=["group", "value"]).assign(record_key=0.25)
    parts = mean_rows(frame, CELLS, "value")
    assert parts["n"].sum() == len(frame)
    assert (parts["estimate"] * parts["n"]).sum() == pytest.approx(frame["value"].sum())
    assert parts["sum_absolute"].sum() == frame["value"].abs().sum()


def test_a_missing_column_is_named():
    with pytest.raises(MetricInputError, match="lacks the column record_key"):
        count_rows(FRAME.drop(columns="record_key"), CELLS)
