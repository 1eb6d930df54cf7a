"""How long does the comparison take? Matching and the effect on very many candidates.

Run from the repository's root: `python benchmarks/bench_support.py` (2,000 participants against
1,000,000 household-months, one core, some minutes). It prints the steps and writes
benchmarks/support_speed.md. Beside them stand the same matching and the same change of payments as
plain pandas loops, timed on the first rows and stretched to all, and R's MatchIt on the same rows
where R has it (4.5.1 as Debian ships it ignores calipers: compare its time only).
"""

from __future__ import annotations

import argparse
import importlib
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logit

from hfcore.estimators.matching import match_nearest, paired_difference, propensity_score
from hfcore.estimators.weighting import entropy_balanced_difference, entropy_weights
from hfcore.metrics.covariates import covariate_matrix
from hfcore.metrics.difference_in_differences import change_by_start, estimate_effect
from hfcore.metrics.index_months import risk_sets
from hfcore.study import Municipality, Study, month_number

PLACE = Municipality(
    "1290", "K", date(2016, 1, 1), date(2020, 2, 29), date(2014, 1, 1), date(2022, 2, 1)
)
STUDY = Study("s", {}, True, date(2022, 2, 28), 2021, (PLACE,))
NAMES = ("months_on_support", "adults", "children", "applicant_age", "applicant_is_woman")
LOOPED = 20
SPANS = ((1, 12), (-12, -1))
HERE = Path(__file__).parent


def build(participants: int, candidates: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cohort and payments: every control is on support in all 50 start months."""
    rng = np.random.default_rng(seed)
    controls = candidates // 50
    n = participants + controls
    start = 24192 + np.arange(participants) % 50
    dates = [f"{each // 12}-{each % 12 + 1:02d}-01" for each in start]
    cohort = pd.DataFrame(
        {
            "household_id": [f"h{i:06d}" for i in range(n)],
            "group": ["participant"] * participants + ["control"] * controls,
            "start_month": pd.to_datetime(pd.Series(dates + [None] * controls)),
            "support_since": pd.to_datetime(
                pd.Series(rng.choice(pd.date_range("2008-01-01", "2015-12-01", freq="MS"), n))
            ),
            "applicant_birth_year": rng.integers(1955, 1998, n),
            "adults": rng.integers(1, 3, n),
            "children": rng.poisson(np.where(np.arange(n) < participants, 2.3, 1.9)),
            "applicant_is_woman": rng.integers(0, 2, n).astype(float),
            "record_key": rng.random(n),
        }
    )
    began = cohort["start_month"].fillna(pd.Timestamp("2016-01-01"))
    running = began.dt.year * 12 + began.dt.month
    since = cohort["support_since"].dt.year * 12 + cohort["support_since"].dt.month
    cohort = cohort.assign(
        months_on_support=(running - since).astype("Int64"),
        applicant_age=(began.dt.year - cohort["applicant_birth_year"]).astype("float64"),
    )
    calendar = pd.date_range("2014-01-01", "2022-02-01", freq="MS")
    payments = pd.DataFrame(
        {
            "household_id": np.repeat(cohort["household_id"].to_numpy(), len(calendar)),
            "month": np.tile(calendar.to_numpy(), n),
            "amount_sek": rng.gamma(3, 2500, n * len(calendar)).round(),
        }
    )
    return cohort, payments


def timed(name: str, step: Callable, rows: list[dict[str, object]]) -> object:
    """Run a step and note its seconds and the peak of memory so far."""
    before = time.perf_counter()
    found = step()
    note(name, time.perf_counter() - before, peak_gb(), rows)
    return found


def peak_gb() -> float:
    """The most memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def note(name: str, seconds: float, peak: float, rows: list[dict[str, object]]) -> None:
    """Keep a line of the table and print it."""
    rows.append({"step": name, "seconds": f"{seconds:,.1f}", "peak, GB": f"{peak:.2f}"})
    print(f"{name:<62} {seconds:>9.2f} s {peak:>6.2f} GB", flush=True)


def loop_matching(units: pd.DataFrame, odds: np.ndarray, caliper: float, count: int) -> int:
    """The plain way: for each participant, filter all candidates and sort by distance."""
    scored = units.assign(odds=odds)
    mine = scored.loc[scored["group"].eq("participant")].sort_values("odds", ascending=False)
    others = scored.loc[scored["group"].eq("control")]
    used: set[str] = set()
    for _, each in mine.head(count).iterrows():
        same = others.loc[others["start_month"].eq(each["start_month"])]
        same = same.loc[~same["unit_id"].isin(used)]
        distance = same["odds"].sub(each["odds"]).abs().sort_values()
        if len(distance) and distance.iloc[0] <= caliper:
            used.add(same.loc[distance.index[0], "unit_id"])
    return len(used)


def loop_changes(units: pd.DataFrame, payments: pd.DataFrame, count: int) -> list[float]:
    """The plain way: for each row, filter its payments and take the two means."""
    found = []
    for _, each in units.head(count).iterrows():
        own = payments.loc[payments["household_id"].eq(each["household_id"])]
        start = each["start_month"]
        month = 12 * (own["month"].dt.year - start.year) + own["month"].dt.month - start.month
        after, before = (own.loc[month.between(*ends), "amount_sek"] for ends in SPANS)
        found.append(after.mean() - before.mean())
    return found


def stretched(step: Callable, factor: float) -> float:
    """Seconds of a step, times a factor."""
    before = time.perf_counter()
    step()
    return (time.perf_counter() - before) * factor


def r_matching(units: pd.DataFrame, x: pd.DataFrame, change: np.ndarray) -> list[float]:
    """MatchIt, greedy with a caliper and exact start month: its seconds, those of the effect of its
    pairs with clustered errors, and its peak of GB; nothing without MatchIt and sandwich."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return []
    script = (
        "for (p in c('MatchIt', 'sandwich'))"
        " if (!requireNamespace(p, quietly = TRUE)) quit(status = 9);"
        "d <- read.csv(commandArgs(TRUE)[1]);"
        "f <- reformulate(setdiff(names(d), c('t', 's', 'change')), 't');"
        "s <- system.time(m <- MatchIt::matchit(f, d, method = 'nearest', distance = 'glm',"
        " link = 'linear.logit', caliper = .2, exact = ~ s));"
        "e <- system.time({k <- MatchIt::match.data(m); l <- lm(change ~ t, k, weights = weights);"
        " v <- sandwich::vcovCL(l, k$subclass[!is.na(k$change)])});"
        "h <- grep('VmHWM', readLines('/proc/self/status'), value = TRUE);"
        "cat(s[['elapsed']], e[['elapsed']], as.numeric(gsub('[^0-9]', '', h)) / 1e6)"
    )
    table = x.assign(
        change=change,
        t=units["group"].eq("participant").astype(int).to_numpy(),
        s=units["start_month"].dt.strftime("%Y%m").to_numpy(),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "units.csv"
        table.to_csv(path, index=False)
        done = subprocess.run(
            [rscript, "-e", script, str(path)], capture_output=True, text=True, check=False
        )
    return [float(each) for each in done.stdout.split()[-3:]] if done.returncode == 0 else []


def main() -> None:
    """Time every step and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=2000)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    importlib.import_module("sklearn.linear_model")  # seconds that belong to no step
    rows: list[dict[str, object]] = []
    cohort, payments = build(options.participants, options.candidates, options.seed)
    units = timed(
        "candidate household-months", lambda: risk_sets(cohort, payments, PLACE, STUDY), rows
    )
    treated = units["group"].eq("participant").to_numpy()
    print(f"{treated.sum():,} participants, {(~treated).sum():,} candidates")
    x = timed("covariate matrix", lambda: covariate_matrix(units, NAMES), rows)
    score = timed("propensity score", lambda: propensity_score(x, treated), rows)
    odds = logit(score)
    caliper = 0.2 * odds.std(ddof=1)
    mine, others = np.flatnonzero(treated), np.flatnonzero(~treated)
    months = units["start_month"].dt.strftime("%Y%m").to_numpy()
    exact = months[mine], months[others]
    pairs = timed(
        "matching, 1:1, caliper, exact start month",
        lambda: match_nearest(odds[mine], odds[others], caliper, exact=exact),
        rows,
    )
    timed(
        "entropy balancing weights",
        lambda: entropy_weights(x.to_numpy()[mine], x.to_numpy()[others]),
        rows,
    )
    change = timed(
        "change over months 1-12 of every candidate",
        lambda: change_by_start(units, payments, PLACE, (1, 12)).to_numpy(),
        rows,
    )
    ids = units["household_id"].to_numpy()
    timed(
        "effect of matched pairs, by household",
        lambda: paired_difference(change[mine], change[others], pairs, ids[others]),
        rows,
    )
    kept = ~np.isnan(change)
    frame = units[["household_id"]].assign(
        is_participant=treated, start=month_number(units["start_month"]).to_numpy(dtype="int64")
    )
    timed(
        "effect, entropy-balanced on all candidates, by household",
        lambda: entropy_balanced_difference(
            change[kept], treated[kept], x.to_numpy()[kept], clusters=ids[kept]
        ),
        rows,
    )
    timed(
        "effect on participants by regression on all candidates, by household",
        lambda: estimate_effect(pd.Series(change), frame, x.to_numpy()),
        rows,
    )
    for name, seconds in plainly(units, odds, caliper, payments).items():
        note(name, seconds, peak_gb(), rows)
    *in_r, peak = r_matching(units, x, change) or [0.0]
    names = ("R MatchIt, score and matching", "R, effect of its pairs, clustered errors")
    for name, seconds in zip(names, in_r, strict=False):
        note(name, seconds, peak, rows)
    write(rows, options.participants, int((~treated).sum()))


def plainly(
    units: pd.DataFrame, odds: np.ndarray, caliper: float, payments: pd.DataFrame
) -> dict[str, float]:
    """Seconds of plain loops, stretched to all rows."""
    participants = int(units["group"].eq("participant").sum())
    plain = {
        "matching": (lambda: loop_matching(units, odds, caliper, LOOPED), participants),
        "change over months 1-12 of every row": (
            lambda: loop_changes(units, payments, LOOPED),
            len(units),
        ),
    }
    return {
        f"plain pandas loop, {name}, stretched from {LOOPED} rows": stretched(step, size / LOOPED)
        for name, (step, size) in plain.items()
    }


def write(rows: list[dict[str, object]], participants: int, candidates: int) -> None:
    """The table for readers."""
    lines = ["| step | seconds | peak of memory so far, GB |", "|---|---|---|"]
    lines += ["| " + " | ".join(map(str, row.values())) + " |" for row in rows]
    head = f"# Matching and effect: {participants:,} participants, {candidates:,} household-months"
    (HERE / "support_speed.md").write_text("\n".join([head, "", *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
