"""How long does the comparison take? Matching and the effect on very many candidates.

Run from the repository's root: `python benchmarks/bench_support.py` (2,000 participants against
1,000,000 household-months, one core, some minutes). Beside it stand the same greedy matching as a
plain pandas loop, timed on the first participants and stretched to all, and R's MatchIt on the
same rows where R has it (4.5.1 as Debian ships it ignores calipers: compare its time only).
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

from hfcore.metrics.changes import change_by_start
from hfcore.metrics.covariates import covariate_matrix
from hfcore.metrics.index_months import candidate_months
from hfcore.statistics.balancing import entropy_weights, logit, match_nearest, propensity_score
from hfcore.statistics.pairs import paired_difference
from hfcore.statistics.regression import adjusted_difference
from hfcore.statistics.weighting import entropy_balanced_difference
from hfcore.study import Municipality

PLACE = Municipality(
    "1290", "K", date(2016, 1, 1), date(2020, 2, 29), date(2014, 1, 1), date(2022, 2, 1)
)
NAMES = ("months_on_support", "adults", "children", "applicant_age", "applicant_is_woman")
LOOPED = 20


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
    seconds = time.perf_counter() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    rows.append({"step": name, "seconds": round(seconds, 2), "peak_gb": round(peak, 2)})
    print(f"{name:<58} {seconds:>9.2f} s {peak:>6.2f} GB", flush=True)
    return found


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


def r_matching(units: pd.DataFrame, x: pd.DataFrame) -> float | None:
    """Seconds of MatchIt, greedy with a caliper and exact start month; None without MatchIt."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None
    script = (
        "if (!requireNamespace('MatchIt', quietly = TRUE)) quit(status = 9);"
        "d <- read.csv(commandArgs(TRUE)[1]);"
        "f <- reformulate(setdiff(names(d), c('t', 's')), 't');"
        "s <- system.time(MatchIt::matchit(f, d, method = 'nearest', distance = 'glm',"
        " link = 'linear.logit', caliper = .2, exact = ~ s)); cat(s[['elapsed']])"
    )
    table = x.assign(
        t=units["group"].eq("participant").astype(int).to_numpy(),
        s=units["start_month"].dt.strftime("%Y%m").to_numpy(),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "units.csv"
        table.to_csv(path, index=False)
        done = subprocess.run(
            [rscript, "-e", script, str(path)], capture_output=True, text=True, check=False
        )
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None


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
        "candidate household-months", lambda: candidate_months(cohort, payments, PLACE), rows
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
    timed(
        "effect, entropy-balanced on all candidates, by household",
        lambda: entropy_balanced_difference(
            change[kept], treated[kept], x.to_numpy()[kept], clusters=ids[kept]
        ),
        rows,
    )
    timed(
        "effect, adjusted, on all candidates, by household",
        lambda: adjusted_difference(change[kept], treated[kept], x.to_numpy()[kept], ids[kept]),
        rows,
    )
    before = time.perf_counter()
    loop_matching(units, odds, caliper, LOOPED)
    stretched = (time.perf_counter() - before) * options.participants / LOOPED
    print(f"{'plain pandas loop, stretched from ' + str(LOOPED):<58} {stretched:>9.0f} s")
    seconds = r_matching(units, x)
    shown = "not installed" if seconds is None else f"{seconds:>9.1f} s"
    print(f"{'R MatchIt, score and matching':<58} {shown}")


if __name__ == "__main__":
    main()
