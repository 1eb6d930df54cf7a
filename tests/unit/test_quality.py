"""What is missing is counted, by hand on a few rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hfcore.errors import MetricInputError
from hfcore.metrics import data_quality


def test_missing_values_by_hand():
    frames = {
        "plans": pd.DataFrame({"plan": ["a", "b"], "from_on": [pd.NaT, pd.NaT]}),
        "persons": pd.DataFrame({"sex": ["woman", None, "man"], "role": ["child"] * 3}),
        "empty": pd.DataFrame({"x": []}),
    }
    missing = data_quality.missing_values(frames)
    assert missing.to_dict("list") == {
        "table": ["plans", "persons"],
        "column": ["from_on", "sex"],
        "missing": [2, 1],
        "share": [1.0, pytest.approx(1 / 3)],
    }


def test_nothing_missing_is_an_empty_frame_with_its_columns():
    for frames in ({}, {"a": pd.DataFrame({"x": [1]})}):
        missing = data_quality.missing_values(frames)
        assert len(missing) == 0
        assert list(missing.columns) == ["table", "column", "missing", "share"]


def test_span_of_a_table_without_dates_is_empty():
    rows = data_quality.rows_by_table({"persons": pd.DataFrame({"sex": ["woman"]})})
    assert rows.loc[0].tolist() == ["persons", 1, "", ""]


def test_zero_is_known_and_null_is_not():
    panel = pd.DataFrame(
        {
            "household_id": ["a", "a", "a", "b"],
            "group": ["participant", "participant", "participant", "control"],
            "amount_sek": [0.0, 5.0, np.nan, np.nan],
        }
    )
    counted = data_quality.payment_months(panel).set_index("group")
    assert counted.loc["participant"].tolist() == [1, 3, 2, 1, 1]
    assert counted.loc["control"].tolist() == [1, 1, 0, 1, 0]
    shuffled = data_quality.payment_months(panel.iloc[[3, 1, 0, 2]]).set_index("group")
    pd.testing.assert_frame_equal(counted, shuffled)


def test_a_panel_without_amounts_is_refused():
    with pytest.raises(MetricInputError, match="lacks the column amount_sek"):
        data_quality.payment_months(pd.DataFrame({"household_id": [], "group": []}))


INGEST = {
    "tables": [
        {"table": "plans", "municipality": "1290", "files": 1, "read": 3, "kept": 2,
         "quarantined": 1},
        {"table": "plans", "municipality": "1293", "files": 1, "read": 9, "kept": 9,
         "quarantined": 0},
    ],
    "problems": [
        {"rule": "W-TOTAL", "table": "plans", "municipality": "1290", "count": 1, "file": "a.csv",
         "sheet": "", "column": "", "message": "Left out.", "message_sv": "Utelämnad."},
        {"rule": "E-DATE", "table": "plans", "municipality": "1290", "count": 2, "file": "b.xlsx",
         "sheet": "S", "column": "Start", "message": "No date."},
        {"rule": "E-DATE", "table": "plans", "municipality": "1293", "count": 5, "file": "c.csv",
         "sheet": "", "column": "Start", "message": "No date."},
        {"rule": "W-IDENTITY", "table": "", "municipality": "", "count": 0, "file": "study.toml",
         "sheet": "", "column": "", "message": "Simulated."},
    ],
}  # fmt: skip


def test_only_the_own_municipality_is_told_and_what_stops_comes_first():
    assert data_quality.rows_read(INGEST, "1290")["read"].tolist() == [3]
    met = data_quality.rules_met(INGEST, "1290")
    assert met["rule"].tolist() == ["E-DATE", "W-IDENTITY", "W-TOTAL"]
    assert met.loc[0, ["rows", "place"]].tolist() == [2, "b.xlsx / S / Start"]
    own = {"problems": INGEST["problems"][:1]}
    assert data_quality.rules_met(own, "1290", "sv")["meaning"].tolist() == ["Utelämnad."]
    assert len(data_quality.rules_met({"problems": []}, "1290")) == 0
