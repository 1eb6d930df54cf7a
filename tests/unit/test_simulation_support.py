"""The committed table of simulated studies, and that it can be made again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmark_tables import committed_page, committed_table, load_benchmark


@pytest.fixture(scope="module")
def simulation():
    return load_benchmark("simulate_support")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return committed_table("support_simulation")


def test_every_cell_stands(simulation, table):
    found = list(zip(table["participants"], table["effect"], table["selection"], strict=True))
    assert found == simulation.cells()
    assert table["replications"].min() >= 300


def test_intervals_cover_and_tests_hold_their_size(simulation, table):
    """95 % intervals cover, within three Monte-Carlo errors of 300 studies, and so do tests."""
    main = table.loc[~table["selection"].isin(simulation.STRESS)]
    assert main["coverage"].between(0.91, 0.99).all()
    assert main.loc[main["effect"].eq(0), "rejects_zero"].le(0.09).all()


def test_the_mean_effect_is_the_one_asked_for(table):
    assert (table["mean_effect"] - table["effect"]).abs().max() < 60


def test_what_is_often_done_instead_is_biased_by_the_peak(table):
    peak = table.loc[table["selection"].eq("peak")]
    assert peak["bias_raw_difference"].min() > 1000
    assert peak["bias_base_last_month"].max() < -1000
    assert peak["bias_before_after"].abs().min() > peak["bias"].abs().max()


def test_the_page_holds_the_table(table, simulation):
    assert simulation.as_markdown(table, seed=1) == committed_page("support_simulation")


def test_a_cell_can_be_made_again(simulation):
    first = simulation.run_cell(20, -1250.0, "peak", 3, seed=1)
    again = simulation.run_cell(20, -1250.0, "peak", 3, seed=1)
    assert first == again
    assert np.isfinite([value for value in first.values() if not isinstance(value, str)]).all()
