"""How long do the curves take? Cumulative incidence of a million households, beside R's survival.

Run from the repository's root: `python benchmarks/bench_trajectories.py` (about a minute; R's side
only where Rscript and its package survival are). Both sides get the same stays in memory; the
clock runs from there to every cause's curve with intervals by month. Each side runs in a process
of its own, so that the peak memory is its own. Writes benchmarks/time_to_closure.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
REASONS = ("work", "moved", "deceased", "other")
MONTHS = 60
HORIZON = 24
NOTE = (
    "Two cores with other work beside; both sides take turns on the same stays, so the ratio holds "
    "better than the seconds.\n"
)
R_SIDE = """
suppressMessages(library(survival))
n <- {n}
stays <- matrix(readBin("stays.bin", "integer", 2 * n), n)
start <- sum(gc()[, 2])
months <- stays[, 1] + .5
status <- factor(stays[, 2], levels = 0:4)
seconds <- system.time({{
  fit <- survfit(Surv(months, status) ~ 1, conf.type = "log-log")
  told <- summary(fit, times = 0:{horizon} + .5, extend = TRUE)
}})[["elapsed"]]
cat(sprintf('{{"seconds": %.4f, "peak_mb": %.1f, ', seconds, sum(gc()[, 6])))
cat(sprintf('"start_mb": %.1f, ', start))
cat(sprintf('"estimate": [%s], "error": [%s]}}',
  paste(sprintf("%.15g", told$pstate[, 2]), collapse = ","),
  paste(sprintf("%.15g", told$std.err[, 2]), collapse = ",")))
"""


def draw_stays(n: int, seed: int) -> np.ndarray:
    """Months and reason (0 is ongoing) of n stays: entry over five years, four ways out."""
    rng = np.random.default_rng(seed)
    stay = rng.exponential(14, n).astype(np.int32)
    followed = rng.integers(1, MONTHS + 1, n, dtype=np.int32)
    reason = rng.choice(4, n, p=(0.45, 0.15, 0.02, 0.38)).astype(np.int32) + 1
    return np.stack([np.minimum(stay, followed), np.where(stay <= followed, reason, 0)])


def hfcore_side(stays: np.ndarray) -> dict:
    """Time the metric as notebooks call it: cohort in, result rows out."""
    import pandas as pd

    from hfcore.estimators import competing_risks
    from hfcore.metrics import time_to_closure
    from hfcore.study import Definitions, Municipality, Study

    first, last = date(2016, 1, 1), date(2020, 12, 31)
    place = Municipality("1290", "K", first, last, first, date(2020, 12, 1))
    definitions = Definitions(horizon_months=HORIZON)
    study = Study("bench", {}, True, last, 2021, (place,), definitions)
    names = np.array(["", *REASONS], dtype=object)
    reasons = pd.Series(names[stays[1]])
    cohort = pd.DataFrame(
        {
            "group": "participant",
            "observed_months": pd.array(stays[0], dtype="Int64"),
            "closure_reason": reasons.mask(reasons.eq("")).astype("str"),
            "closure_assessment": pd.Series(None, index=reasons.index, dtype="str"),
            "record_key": np.random.default_rng(1).random(stays.shape[1]),
        }
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    rows = time_to_closure.cumulative_incidence(cohort, study)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    counts = competing_risks.count_events(stays[0], stays[1], len(REASONS))
    _, error = competing_risks.aalen_johansen(counts)
    bare = time.perf_counter() - start
    told = rows.loc[rows["cause"].eq("self_sufficiency"), "estimate"]
    at = competing_risks.at_times(counts, error, np.arange(HORIZON + 1))[:, 0]
    return {
        "seconds": seconds,
        "bare_seconds": bare,
        "start_mb": before,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "estimate": told.tolist(),
        "error": at.tolist(),
    }


def in_own_process(command: list[str], folder: Path) -> dict:
    """Run one side and read what it prints."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def compare(n: int, seed: int) -> dict:
    """One size: both sides on the same stays."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_stays(n, seed).astype("<i4").tofile(folder / "stays.bin")
        ours = in_own_process([sys.executable, str(HERE / Path(__file__).name), "--side"], folder)
        theirs = None
        if shutil.which("Rscript"):
            (folder / "side.R").write_text(R_SIDE.format(n=n, horizon=HORIZON), encoding="utf-8")
            theirs = in_own_process(["Rscript", "side.R"], folder)
    return {"n": n, "ours": ours, "theirs": theirs}


def row(result: dict) -> str:
    """One line of the table."""
    ours, theirs = result["ours"], result["theirs"]
    cells = [f"{result['n']:,}", f"{ours['seconds']:.2f}", f"{ours['bare_seconds']:.2f}"]
    cells.append(f"{ours['peak_mb'] - ours['start_mb']:.0f}")
    if theirs is None:
        return "| " + " | ".join([*cells, "–", "–", "–", "–"]) + " |"
    gap = max(np.abs(np.subtract(ours[key], theirs[key])).max() for key in ("estimate", "error"))
    cells += [
        f"{theirs['seconds']:.2f}",
        f"{theirs['peak_mb'] - theirs['start_mb']:.0f}",
        f"{theirs['seconds'] / ours['seconds']:.1f}",
        f"{gap:.0e}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Both sides for each size, as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--households", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--side", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(hfcore_side(np.fromfile("stays.bin", dtype="<i4").reshape(2, -1))))
        return
    head = (
        "| households | hfcore, the metric, s | hfcore, the curve alone, s | more MB | "
        "R survfit, s | more MB | R / hfcore | largest difference |\n" + "|---" * 8 + "|"
    )
    table = "\n".join([head, *(row(compare(n, asked.seed)) for n in asked.households)])
    (HERE / "trajectories.md").write_text(
        "# Cumulative incidence with intervals, four causes, by month\n\n" + table + "\n\n" + NOTE,
        encoding="utf-8",
    )
    print(table)


if __name__ == "__main__":
    main()
