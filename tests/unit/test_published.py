"""The naive figures recomputed from a small study's tables, counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from hfclaims import recomputation
from hfcore import store
from hfcore.errors import TableAbsentError
from hfcore.schema import empty_table

DEFINITION = """
name = "{name}"
title = {{sv = "Liten", en = "Small"}}
is_simulated = true
cutoff = 2020-12-31
price_year = 2020
"""
MUNICIPALITY = """
[[municipalities]]
code = "{code}"
name = "Town {code}"
first_day = 2018-01-01
last_day = 2020-12-31
payments_from = "2016-01"
payments_to = "2020-12"
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))
    for name in ("hela-familjen", "other"):
        folder = tmp_path / "raw" / name
        folder.mkdir(parents=True)
        towns = "".join(MUNICIPALITY.format(code=code) for code in ("1290", "1293"))
        (folder / "study.toml").write_text(DEFINITION.format(name=name) + towns, encoding="utf-8")
    return tmp_path


def write_households(code, closed):
    """One participant a date; None is ongoing, else closed to work that day."""
    ids = [f"{code}-{number}" for number in range(len(closed))]
    households = pd.DataFrame(
        {
            "household_id": ids,
            "group": "participant",
            "started_on": pd.Timestamp("2019-01-01"),
            "closed_on": pd.to_datetime(closed),
            "closure_reason": [None if day is None else "work" for day in closed],
            "adults": 1,
            "children": 0,
        }
    )
    persons = pd.DataFrame(
        {
            "person_id": ids,
            "household_id": ids,
            "role": "applicant",
            "sex": "woman",
            "birth_year": 1980,
        }
    )
    keys = pd.DataFrame({"id": ids, "record_key": 0.5})
    for table, frame in (("households", households), ("persons", persons), ("record_keys", keys)):
        store.write_table(frame, "hela-familjen", table, code)


def estimates(rows, metric, **where):
    chosen = rows[rows["metric"].eq(metric) & rows["group"].eq("participant")]
    for column, value in where.items():
        chosen = chosen[chosen[column].eq(value)]
    return dict(zip(chosen["municipality"], chosen["estimate"], strict=True))


def test_figures_of_two_municipalities(root):
    write_households("1290", ["2019-07-01", None])
    write_households("1293", ["2020-01-01", "2020-01-01", "2020-01-01"])
    rows = recomputation.recompute_figures("hela-familjen")
    assert estimates(rows, "households") == {"1290": 2, "1293": 3}
    work = {"variant": "published", "cause": "self_sufficiency"}
    assert estimates(rows, "closure_share_naive", **work) == {"1290": 1, "1293": 1}
    assert estimates(rows, "closure_time_naive", **work) == pytest.approx(
        {"1290": 181 / 30.4375, "1293": 365 / 30.4375}
    )
    assert set(rows["study"]) == {"hela-familjen"}


def test_tables_that_are_absent_are_left_out(root):
    write_households("1290", [None])
    rows = recomputation.recompute_figures("hela-familjen")
    assert set(rows["municipality"]) == {"1290"}
    assert not {"support_difference_naive", "plan_changed", "worktime_share"} & set(rows["metric"])


def test_plans_and_payments_where_there_are_any(root):
    write_households("1290", [None])
    store.write_table(empty_table("plans"), "hela-familjen", "plans", "1290")
    store.write_table(empty_table("payments"), "hela-familjen", "payments", "1290")
    rows = recomputation.recompute_figures("hela-familjen")
    assert {"support_difference_naive", "plan_changed"} <= set(rows["metric"])


def test_a_study_without_reports_has_no_such_figures(root):
    assert len(recomputation.recompute_figures("other")) == 0


def test_nothing_ingested_is_said(root):
    with pytest.raises(TableAbsentError, match="hfcore ingest"):
        recomputation.recompute_figures("hela-familjen")


def test_the_file_below_the_root_comes_first(root):
    bundled = recomputation.published_figures_path()
    assert bundled.is_file()
    assert root not in bundled.parents
    own = root / "raw" / "published_figures.csv"
    own.write_text("claim_id\n", encoding="utf-8")
    assert recomputation.published_figures_path() == own
