"""Caseloads and working time by hand, and their edges."""

from __future__ import annotations

import pandas as pd
import pytest

from hfcore.errors import MetricInputError
from hfcore.metrics import resources

CASES = pd.DataFrame(
    {
        "team": ["intervention", "intervention", "comparison"],
        "on": pd.to_datetime(["2014-01-01", "2014-02-01", "2014-01-01"]),
        "staff_fte": [5.0, 4.0, 10.0],
        "open_cases": [90, 90, 400],
    }
)
WORK = pd.DataFrame(
    {
        "worker_id": ["a", "a", "b", "b", "c"],
        "team": ["intervention"] * 4 + ["comparison"],
        "on": pd.to_datetime(["2014-01-01"] * 5),
        "category": ["direct_client", "management", "direct_client", "direct_client", "other"],
        "hours": [4.0, 2.0, 1.0, 1.0, 8.0],
    }
)


def test_caseload_by_hand():
    rows = resources.caseload(CASES).set_index("group")
    assert rows["estimate"].to_dict() == pytest.approx(
        {"participant": 20.0, "comparison": 40.0, "difference": -0.5}
    )
    assert rows["n"].to_dict() == {"participant": 2, "comparison": 1, "difference": 3}


def test_worktime_by_hand():
    rows = resources.worktime_share(WORK).set_index(["group", "level"])
    ours = rows.loc["participant"]
    assert ours.loc["direct_client", "estimate"] == 0.75
    assert ours.loc["management", "estimate"] == 0.25
    assert ours.loc["other", "estimate"] == 0
    assert ours["n"].eq(2).all() and rows["dimension"].eq("category").all()
    direct = ours.loc["direct_client", ["largest", "second_largest", "sum_absolute"]]
    assert direct.tolist() == [4.0, 2.0, 6.0]
    assert len(rows) == 2 * len(resources.CATEGORIES)
    assert rows.groupby("group")["estimate"].sum().to_dict() == {"comparison": 1, "participant": 1}


def test_a_team_without_rows_is_not_available():
    rows = resources.caseload(CASES.head(2)).set_index("group")
    assert rows["status"].to_dict() == {
        "participant": "ok",
        "comparison": "not_available",
        "difference": "not_available",
    }
    rows = resources.worktime_share(WORK.head(4))
    assert rows.loc[rows["group"].eq("comparison"), "status"].eq("not_available").all()


def test_no_posts_give_no_ratio():
    rows = resources.caseload(CASES.assign(staff_fte=0.0))
    assert rows["estimate"].isna().all()


@pytest.mark.parametrize(("metric", "frame"), [("caseload", CASES), ("worktime_share", WORK)])
def test_row_order_does_not_matter_and_input_stays(metric, frame):
    before = frame.copy(deep=True)
    first = getattr(resources, metric)(frame)
    other = getattr(resources, metric)(frame.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(first, other)
    pd.testing.assert_frame_equal(frame, before)


def test_nothing_is_an_answer():
    assert resources.caseload(CASES.head(0))["status"].eq("not_available").all()
    assert resources.worktime_share(WORK.head(0))["status"].eq("not_available").all()


def test_a_missing_column_is_named():
    with pytest.raises(MetricInputError, match="worktime lacks the column hours"):
        resources.worktime_share(WORK.drop(columns="hours"))
