"""The committed table of studies drawn like the bundled ones, and that it can be made again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmark_tables import committed_page, committed_table, load_benchmark
from support_cases import study

from hfcore.metrics.difference_in_differences import WINDOWS
from hfcore.metrics.support import PANEL_MONTHS, support_effect
from hfdemo.household_process import month_of


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
    panel, cohort = frames(simulation, course)
    names = tuple(simulation.DEFINITIONS.covariates)
    effect = support_effect(panel, cohort, study(covariates=names)).set_index("level")
    rows = effect.loc[list(WINDOWS), ["estimate", "ci_low", "ci_high"]]
    found = np.array(simulation.estimates(course))[:, 1:4]
    np.testing.assert_allclose(found, rows.to_numpy(dtype=float), rtol=1e-9)


def frames(simulation, course):
    """Panel and cohort as the notebooks have them, departures not yet taken out."""
    both = pd.concat([course.participants, course.controls], ignore_index=True)
    closed = pd.to_datetime(both["closed_on"])
    start = both["started_on"].astype("datetime64[s]").dt.to_period("M").dt.to_timestamp()
    assert (month_of(start) == both["start"]).all()
    is_participant = np.arange(len(both)) < len(course.participants)
    cohort = both.assign(
        household_id=[f"h{number:03d}" for number in range(len(both))],
        group=np.where(is_participant, "participant", "control"),
        start_month=start,
        closed_on=closed,
        applicant_is_woman=both["applicant_is_woman"].astype(float),
        record_key=0.5,
    )
    spread = [simulation.around_start(each) for each in (course.panel, course.controls_panel)]
    repeated = cohort.loc[cohort.index.repeat(len(PANEL_MONTHS))].reset_index(drop=True)
    panel = repeated[["household_id", "group", "record_key"]].assign(
        month=np.tile(list(PANEL_MONTHS), len(cohort)), amount_sek=np.vstack(spread).ravel()
    )
    return panel, cohort
