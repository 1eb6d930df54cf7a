"""Caseloads and working time by hand, and their edges."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hfcore.errors import MetricInputError
from hfcore.metrics import staff
from hfcore.study import Study

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
    rows = staff.caseload(CASES).set_index("group")
    assert rows["estimate"].to_dict() == pytest.approx(
        {"participant": 20.0, "comparison": 40.0, "difference": -0.5}
    )
    assert rows["n"].to_dict() == {"participant": 2, "comparison": 1, "difference": 3}


def test_worktime_by_hand():
    rows = staff.worktime_share(WORK).set_index(["group", "level"])
    ours = rows.loc["participant"]
    assert ours.loc["direct_client", "estimate"] == 0.75
    assert ours.loc["management", "estimate"] == 0.25
    assert ours.loc["other", "estimate"] == 0
    assert ours["n"].eq(2).all() and rows["dimension"].eq("category").all()
    direct = ours.loc["direct_client", ["largest", "second_largest", "sum_absolute"]]
    assert direct.tolist() == [4.0, 2.0, 6.0]
    assert len(rows) == 2 * len(staff.CATEGORIES)
    assert rows.groupby("group")["estimate"].sum().to_dict() == {"comparison": 1, "participant": 1}


def test_a_team_without_rows_is_not_available():
    rows = staff.caseload(CASES.head(2)).set_index("group")
    assert rows["status"].to_dict() == {
        "participant": "ok",
        "comparison": "not_available",
        "difference": "not_available",
    }
    rows = staff.worktime_share(WORK.head(4))
    assert rows.loc[rows["group"].eq("comparison"), "status"].eq("not_available").all()


def test_no_posts_give_no_ratio():
    rows = staff.caseload(CASES.assign(staff_fte=0.0))
    assert rows["estimate"].isna().all()


@pytest.mark.parametrize(("metric", "frame"), [("caseload", CASES), ("worktime_share", WORK)])
def test_row_order_does_not_matter_and_input_stays(metric, frame):
    before = frame.copy(deep=True)
    first = getattr(staff, metric)(frame)
    other = getattr(staff, metric)(frame.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(first, other)
    pd.testing.assert_frame_equal(frame, before)


def test_nothing_is_an_answer():
    assert staff.caseload(CASES.head(0))["status"].eq("not_available").all()
    assert staff.worktime_share(WORK.head(0))["status"].eq("not_available").all()


def test_a_missing_column_is_named():
    with pytest.raises(MetricInputError, match="worktime lacks the column hours"):
        staff.worktime_share(WORK.drop(columns="hours"))


TEAMS = pd.DataFrame(
    {
        "worker_id": list("abcdefg") * 2,
        "team": (["intervention"] * 4 + ["comparison"] * 3) * 2,
        "on": pd.to_datetime(["2014-01-06"] * 14),
        "category": ["direct_client"] * 7 + ["other"] * 7,
        "hours": [1.0, 2, 3, 4, 5, 1, 2, 9, 8, 7, 6, 5, 9, 8],
    }
)


def test_the_difference_and_its_range_against_scipy():
    rows = staff.worktime_difference(TEAMS).set_index("level")
    one, two = [0.1, 0.2, 0.3, 0.4], [0.5, 0.1, 0.2]
    seen = stats.ttest_ind(one, two, equal_var=False).confidence_interval()
    row = rows.loc["direct_client"]
    assert row[["estimate", "ci_low", "ci_high"]].tolist() == pytest.approx(
        [np.mean(one) - np.mean(two), *seen]
    )
    assert rows.loc["client", "estimate"] == pytest.approx(row["estimate"])
    assert rows.loc["management", "estimate"] == 0


def test_the_exact_permutation_against_scipy():
    rows = staff.worktime_permutation(TEAMS).set_index("category")
    found = stats.permutation_test(
        ([0.1, 0.2, 0.3, 0.4], [0.5, 0.1, 0.2]),
        lambda a, b: np.mean(a) - np.mean(b),
        n_resamples=np.inf,
    )
    assert rows.loc["direct_client", "p_value"] == pytest.approx(found.pvalue)
    assert rows["dealings"].eq(35).all() and rows["smallest_p"].eq(2 / 35).all()
    assert staff.worktime_permutation(TEAMS.loc[TEAMS["team"].eq("comparison")]).empty


def test_five_and_four_workers_have_126_dealings():
    workers = [*(("intervention", f"a{i}") for i in range(5)), *(("comparison", x) for x in "wxyz")]
    frame = pd.DataFrame(workers, columns=["team", "worker_id"]).assign(
        category="direct_client", hours=1.0
    )
    rows = staff.worktime_permutation(frame)
    assert rows["dealings"].eq(126).all() and rows["smallest_p"].eq(2 / 126).all()


def test_hours_per_case_by_hand():
    rows = staff.client_hours_per_case(TEAMS, CASES).set_index("group")
    assert rows["estimate"].tolist() == pytest.approx([10 / 90, 8 / 400, (10 / 90) / (8 / 400) - 1])


POST_STUDY = Study("s", {"sv": "s", "en": "s"}, True, date(2014, 2, 28), 2014, ())
CLOSED = pd.DataFrame(
    {
        "group": "participant",
        "observed_months": pd.array([0, 1, 1], dtype="Int64"),
        "started_on": pd.to_datetime(["2014-01-01", "2014-01-10", "2014-01-20"]),
        "closed_on": pd.to_datetime(["2014-01-31", "2014-02-10", None]),
        "record_key": [0.1, 0.2, 0.4],
    }
)


def test_closures_per_post_by_hand_and_by_another_exact_range():
    rows = staff.closures_per_post(CASES, CLOSED, POST_STUDY).set_index(["metric", "variant"])
    exposure = 4.5 * 2
    row = rows.loc[("closures_per_post", "default")]
    ends = [stats.gamma.ppf(0.025, 2) / exposure, stats.gamma.ppf(0.975, 3) / exposure]
    assert row[["estimate", "ci_low", "ci_high"]].tolist() == pytest.approx([2 / exposure, *ends])
    assert rows.loc[("closures_per_post", "without_first_month"), "estimate"] == pytest.approx(
        1 / exposure
    )
    assert rows.loc[("inflow", "default"), "estimate"] == 2
    assert rows.loc[("stock_duration", "default"), "estimate"] == 90 / (2 / 2)
    none = staff.closures_per_post(CASES.head(0), CLOSED, POST_STUDY)
    assert none["status"].eq("not_available").all()


def test_no_closure_has_a_lower_end_of_nought():
    low, high = staff.poisson_ends(0)
    assert low == 0 and high == pytest.approx(-np.log(0.025))


def test_cases_a_worker_where_heads_are_told():
    rows = staff.caseload(CASES.assign(workers=[9, 9, 10]))
    own = rows.loc[rows["variant"].eq("per_worker")].set_index("group")["estimate"]
    assert own.to_dict() == {"participant": 10, "comparison": 40, "difference": -0.75}
