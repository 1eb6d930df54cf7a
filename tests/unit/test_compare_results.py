"""Two sets of results held against each other: what is equal, has moved or stands on one side."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from benchmark_tables import BENCHMARKS, load_benchmark

from hfpublish.audit.releases import with_parts

OLD = pd.DataFrame(
    {
        "study": "liten",
        "municipality": "0180",
        "notebook": "n",
        "metric": ["households", "closures_per_quarter", "support_effect", "incidence_difference"],
        "variant": "default",
        "group": "participant",
        "subgroup": ["", "quarter=2016Q2", "window=-6--1", "start=from_2020-03"],
        "cause": "",
        "month": pd.array([None, None, None, 12], dtype="Int64"),
        "estimate": [26.0, 3.0, np.nan, -0.1],
        "n": pd.array([26, 3, None, 40], dtype="Int64"),
        "status": ["ok", "ok", "too_few", "ok"],
        "method": "",
    }
)
PARTS = pd.DataFrame(
    {
        "dimension": ["", "", "window", "start"],
        "level": ["", "", "-6--1", "from"],
        "period": ["", "2016Q2", "", "2020-03"],
    }
)
NEW = OLD.drop(columns="subgroup").join(PARTS)


def compared(tmp_path, old, new, *options):
    """Write one file a side, hold them against each other; return the exit code and the words."""
    for side, rows in (("old", old), ("new", new)):
        folder = tmp_path / side / "liten" / "results" / "municipality=0180"
        folder.mkdir(parents=True)
        rows.to_parquet(folder / "n.parquet", index=False)
    program = [sys.executable, str(BENCHMARKS / "compare_results.py"), *options]
    sides = [str(tmp_path / side) for side in ("old", "new")]
    done = subprocess.run([*program, *sides], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_columns_of_version_1_become_those_of_version_2():
    pd.testing.assert_frame_equal(with_parts(OLD)[list(PARTS)], PARTS, check_dtype=False)
    assert "subgroup" not in with_parts(OLD)
    assert with_parts(NEW) is NEW


def test_the_same_figures_in_other_columns_are_equal(tmp_path):
    code, words = compared(tmp_path, OLD, NEW)
    assert code == 0
    assert words == "liten results: 4 equal, 0 moved, 0 only in OLD, 0 only in NEW\n"


def test_what_moved_is_told_before_and_after(tmp_path):
    moved = NEW.assign(estimate=[26.0, 4.0, 1.0, -0.1])
    code, words = compared(tmp_path, OLD, moved)
    assert code == 1
    assert "2 equal, 2 moved, 0 only in OLD, 0 only in NEW" in words
    assert "largest relative difference: 0.333" in words
    assert "metric=closures_per_quarter variant=default group=participant period=2016Q2" in words
    assert "estimate: 3.0 -> 4.0" in words and "estimate: nan -> 1.0" in words


def test_a_tolerance_is_relative(tmp_path):
    moved = NEW.assign(estimate=NEW["estimate"] * (1 + 1e-9))
    assert compared(tmp_path, OLD, moved, "--tolerance", "1e-8")[0] == 0


def test_figures_of_one_side_and_their_order_are_told(tmp_path):
    code, words = compared(tmp_path, OLD.head(3), NEW.tail(3).iloc[::-1])
    assert code == 0
    assert "2 equal, 0 moved, 1 only in OLD, 1 only in NEW" in words
    assert "another order" in words


def test_figures_that_nothing_tells_apart_are_told_by_their_place():
    compare = load_benchmark("compare_results").compare
    twice = pd.concat([NEW.head(1), NEW.head(1).assign(estimate=7.0)]).assign(place=[0, 1])
    found = compare(twice, twice.assign(estimate=[26.0, 8.0]))
    assert (found["equal"], len(found["moved"])) == (1, 1)


@pytest.mark.parametrize("side", ["old", "new"])
def test_nothing_to_compare_is_said(tmp_path, side):
    (tmp_path / side).mkdir()
    program = [sys.executable, str(BENCHMARKS / "compare_results.py")]
    sides = [str(tmp_path / each) for each in ("old", "new")]
    done = subprocess.run([*program, *sides], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no results of one study in both" in done.stderr
