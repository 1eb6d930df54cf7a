"""Does the interval hold in the process that the simulated studies are drawn from?

Run from the repository's root: `python benchmarks/simulate_demo.py --replications 1000`; it takes
the better part of an hour on one core. It writes benchmarks/demo_simulation.csv and .md beside
this file; the same seed gives the same bytes, and each study is drawn by its own number, so that
fewer studies are the first of many.

Every study is drawn by ``hfdemo`` as `hfcore demo` draws one, estimated by the parts of
``support_effect``, and held against the true effect in the very households whose window is
whole. Three controls a participant, each beside the participants of every start month in which it
was on support; every participant's payments are known for 24 months on either side of its start.
`peak`: participants are chosen for the shock of their start month, as in the
bundled studies; `no peak`: for everything else alone. In both, households leave support as the
process says. `closures`: with the peak, and closures end support as in the bundled studies, where
payments without the programme are then held to their mean over 24 months only (see
``hfdemo.programme``). `reported`: Kristianstad drawn again, bound besides to all that
its report prints, with the effect it has or with none. These two are no process that the
estimator's assumption allows: they show what the bundled studies can not be used for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
from _table import markdown_rows, read_options, write_table

from hfcore.metrics.difference_in_differences import (
    WINDOWS,
    change_by_start,
    covariates_of,
    estimate_effect,
)
from hfcore.metrics.index_months import risk_sets
from hfcore.study import Definitions, Municipality, Study, month_number
from hfdemo.designs import HELA_FAMILJEN, Design, Place
from hfdemo.household_process import Process
from hfdemo.municipality_process import Course, simulate_course
from hfdemo.truth import whole_window_gains

SIZES = (20, 30, 95, 400)
PROCESSES = {"no peak": replace(Process(), select_shock=0.0), "peak": Process()}
EFFECTS = (0.0, -1250.0)
CLOSURES, REPORTED = "closures", "reported"
PLACE = Municipality(
    "0000", "", date(2016, 1, 1), date(2019, 12, 31), date(2014, 1, 1), date(2021, 12, 1)
)
DEFINITIONS = Definitions()


def cells() -> list[tuple[str, float, int]]:
    """What is run: processes × effects × sizes, then the bundled studies' closures and reports."""
    free = [(name, effect, n) for name in PROCESSES for effect in EFFECTS for n in SIZES]
    first = HELA_FAMILJEN.places[0].participants
    bundled = [(REPORTED, effect, first) for effect in (0.0, HELA_FAMILJEN.effect_sek)]
    return free + [(CLOSURES, 0.0, n) for n in SIZES] + bundled


def design_of(name: str, effect: float, n: int) -> tuple[Design, Place]:
    """The design of a cell and its municipality."""
    if name == REPORTED:
        return replace(HELA_FAMILJEN, effect_sek=effect), HELA_FAMILJEN.places[0]
    place = Place(PLACE, n)
    design = replace(
        HELA_FAMILJEN,
        name=name,
        effect_sek=effect,
        places=(place,),
        process=PROCESSES.get(name, Process()),
    )
    return design, place


def tables(course: Course) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The cohort and the payments of a study, as ``hf.build_cohort`` and its files give them."""
    both = pd.concat([course.participants, course.controls], ignore_index=True)
    start = np.concatenate([course.panel.start, course.controls_panel.start])
    first = course.panel.first
    since = start - both["months_on_support"].to_numpy()
    cohort = both[[*DEFINITIONS.covariates]].assign(
        household_id=[f"h{number:05d}" for number in range(len(both))],
        group=np.repeat(
            ["participant", "control"], [len(course.participants), len(course.controls)]
        ),
        record_key=0.5,
        start_month=_dates(start),
        support_since=_dates(since),
        applicant_birth_year=start // 12 - both["applicant_age"].to_numpy(),
        departed=np.concatenate([course.departed, np.full(len(course.controls), np.nan)]),
    )
    received = np.vstack([course.panel.received, course.controls_panel.received])
    row, column = np.nonzero(received)
    payments = pd.DataFrame(
        {
            "household_id": cohort["household_id"].to_numpy()[row],
            "month": _dates(first + column),
            "amount_sek": received[row, column].astype(float),
        }
    )
    return cohort, payments


def _dates(running: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex((np.asarray(running) - 1970 * 12).astype("datetime64[M]")).as_unit("s")


def estimates(course: Course, municipality: Municipality = PLACE) -> list[tuple[float, ...]]:
    """By window: effect where it is whole, estimate, ends of its interval, participants."""
    cohort, payments = tables(course)
    study = Study("s", {}, True, date(2021, 12, 31), 2021, (municipality,), DEFINITIONS)
    units = risk_sets(cohort, payments, municipality, study).set_index("unit_id", drop=False)
    rows = units[["household_id"]].assign(
        is_participant=units["group"].eq("participant"),
        start=month_number(units["start_month"]).to_numpy(dtype="int64"),
    )
    found = []
    for window in WINDOWS.values():
        change = change_by_start(units, payments, municipality, window)
        change = change.mask(units["departed"].to_numpy() < window[1])
        gains = whole_window_gains(course.panel, course.departed, window)
        x = covariates_of(rows, units, DEFINITIONS.covariates, window)
        contrast = estimate_effect(change, rows, x).contrast
        found.append((gains.mean(), contrast.estimate, *contrast.interval(), len(gains)))
    return found


def studies(name: str, effect: float, n: int, count: int, seed: int) -> Iterator[Course]:
    """The studies of a cell, one after another."""
    design, place = design_of(name, effect, n)
    for number in range(count):
        # Draws under 1,000 are those that the bundled municipalities were picked from.
        yield simulate_course(design, replace(place, draw=1000 + number), seed, name in PROCESSES)


def run_cell(name: str, effect: float, n: int, count: int, seed: int) -> pd.DataFrame:
    """One row a window: bias, coverage of the study's own effect, how often nought is outside."""
    place = HELA_FAMILJEN.places[0].municipality if name == REPORTED else PLACE
    drawn = np.array([estimates(each, place) for each in studies(name, effect, n, count, seed)])
    true, estimate, low, high, whole = np.moveaxis(drawn, 2, 0)
    own = {"selection": name, "effect": effect, "participants": n, "replications": count}
    return pd.DataFrame(
        own
        | {
            "window": list(WINDOWS),
            "whole_windows": whole.mean(axis=0),
            "true_effect": true.mean(axis=0),
            "bias": (estimate - true).mean(axis=0),
            "rmse": ((estimate - true) ** 2).mean(axis=0) ** 0.5,
            "coverage": ((low <= true) & (true <= high)).mean(axis=0),
            "rejects_zero": ((low > 0) | (high < 0)).mean(axis=0),
            "median_width": np.median(high - low, axis=0),
        }
    )


def as_markdown(table: pd.DataFrame, seed: int) -> str:
    """The table for readers: SEK without decimals, shares with three."""
    shares = ["coverage", "rejects_zero"]
    shown = table.assign(
        **{
            name: table[name].map(("{:.3f}" if name in shares else "{:,.0f}").format)
            for name in table.select_dtypes("number")
        }
    )
    lines = markdown_rows(shown)
    return "\n".join([*_head(table, seed), "", *lines, ""])


def _head(table: pd.DataFrame, seed: int) -> list[str]:
    fewest, most = table["replications"].min(), table["replications"].max()
    errors = [100 * np.sqrt(0.95 * 0.05 / each) for each in (most, fewest)]
    return [
        "# The effect on support in studies drawn like the bundled ones",
        "",
        f"Made by `python benchmarks/simulate_demo.py` (what is drawn stands there); seed {seed}. "
        "SEK per month; one row a cell and window. `effect`: the mean effect over months 1–24 that "
        "the programme is given; `true_effect`: its mean in the households whose window is whole "
        "(`whole_windows` of the participants), which each study's interval is held against: "
        "`coverage`. `rejects_zero`: share of intervals that exclude zero: the size where the "
        "effect is 0, the power elsewhere. Monte-Carlo standard error of a coverage of 95 %: "
        f"{errors[0]:.1f} percentage points in {most:,} studies, {errors[1]:.1f} in {fewest:,}. "
        "`closures` and `reported` are what the bundled files are drawn from, where the process "
        "itself leans to a saving (METHODS.md); they are no test of the estimator.",
    ]


def main() -> None:
    """Run every cell and write the table."""
    options = read_options(__doc__)
    parts = []
    for name, effect, n in cells():
        # Every such study tries 81 draws of controls: a quarter as many are drawn.
        count = options.replications if name != REPORTED else max(options.replications // 4, 1)
        parts.append(run_cell(name, effect, n, count, options.seed))
        print(parts[-1].to_string(header=False, index=False, float_format="%.3f"), flush=True)
    table = pd.concat(parts, ignore_index=True).round(6)
    write_table(table, as_markdown(table, options.seed), options.out, "demo_simulation")


if __name__ == "__main__":
    main()
