"""The committed table of studies drawn like the bundled ones, and that it can be made again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmark_tables import committed_page, committed_table, load_benchmark
from support_cases import study

from hfcore.cohort import support_panel
from hfcore.metrics.difference_in_differences import WINDOWS
from hfcore.metrics.index_months import risk_sets
from hfcore.metrics.support import support_effect


@pytest.fixture(scope="module")
def simulation():
    return load_benchmark("simulate_demo")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return committed_table("demo_simulation")


@pytest.fixture(scope="module")
def free(simulation, table) -> pd.DataFrame:
    """The cells in which households leave support as the process says."""
    return table.loc[table["selection"].isin(simulation.PROCESSES)]


def test_every_cell_stands(simulation, table):
    cells = table[["selection", "effect", "participants", "window"]]
    expected = [(*cell, window) for cell in simulation.cells() for window in WINDOWS]
    assert list(cells.itertuples(index=False, name=None)) == expected


def test_intervals_cover_and_tests_hold_their_size(free):
    """95 % intervals cover 93–97 % at every size; a zero effect is seen in at most 6.5 %.

    Half a point more on the safe side: each is held against its own study's effect, which spares
    it the chance of who responds.
    """
    assert free["replications"].min() >= 1000
    assert free["coverage"].between(0.93, 0.975).all()
    assert free.loc[free["effect"].eq(0), "rejects_zero"].le(0.065).all()


def test_the_first_year_is_all_but_unbiased(free):
    first = free.loc[free["window"].eq("1-12")]
    assert first["bias"].abs().max() < 120
    assert free.loc[free["effect"].eq(0), "true_effect"].eq(0).all()


def test_power_grows_with_households(free):
    told = free.loc[free["effect"].ne(0)].groupby(["selection", "window"])["rejects_zero"]
    assert all(each.is_monotonic_increasing for _, each in told)
    assert free.loc[free["effect"].ne(0) & free["participants"].eq(400), "rejects_zero"].min() > 0.9


def test_the_page_holds_the_table(simulation, table):
    assert simulation.as_markdown(table, seed=1) == committed_page("demo_simulation")


def test_a_cell_can_be_made_again(simulation):
    first = simulation.run_cell("peak", -1250.0, 20, 2, seed=1)
    pd.testing.assert_frame_equal(first, simulation.run_cell("peak", -1250.0, 20, 2, seed=1))
    assert np.isfinite(first.select_dtypes("number").to_numpy()).all()


def test_an_estimate_is_that_of_the_metric(simulation):
    course = next(simulation.studies("peak", -1250.0, 40, 1, seed=3))
    cohort, payments = simulation.tables(course)
    both = pd.concat([course.participants, course.controls], ignore_index=True)
    closed = pd.to_datetime(both["closed_on"]).astype("datetime64[s]")
    cohort = cohort.assign(closed_on=closed, closure_reason=both["closure_reason"])
    asked = study(covariates=tuple(simulation.DEFINITIONS.covariates))
    units = risk_sets(cohort, payments, simulation.PLACE, asked)
    panel = support_panel(units, payments, simulation.PLACE)
    effect = support_effect(panel, units, asked).set_index("level")
    rows = effect.loc[list(WINDOWS), ["estimate", "ci_low", "ci_high"]]
    found = np.array(simulation.estimates(course))[:, 1:4]
    np.testing.assert_allclose(found, rows.to_numpy(dtype=float), rtol=1e-9)
