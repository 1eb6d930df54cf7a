"""Does the interval of a ratio over households hold? Windows met, drawn from a known process.

Run from the repository's root: `python benchmarks/simulate_cluster_ratio.py`. It writes
benchmarks/cluster_ratio_coverage.csv and .md; the same seed gives the same bytes.

Households differ: each has a chance of its own to be followed up in a window, from a beta
distribution with a correlation of 0.1 or 0.3 within a household, and stays 2 to 40 windows, most of
them short. The truth is the chance that a window of the process is met: the mean of the chances,
since stays do not depend on them. Beside the interval stands the plain linearised one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from _table import markdown_rows, read_options, write_table
from scipy.stats import t

from hfcore.estimators import cluster_ratio

SIZES, SHARES, ALIKE = (20, 30, 95), (0.5, 0.8), (0.1, 0.3)
NAME = "cluster_ratio_coverage"


def draw(
    rng: np.random.Generator, n: int, share: float, alike: float
) -> tuple[np.ndarray, np.ndarray]:
    """Windows met and windows of n households."""
    windows = np.clip(2 + rng.gamma(1.5, 7.0, n).astype(int), 2, 40)
    size = (1 - alike) / alike
    chance = rng.beta(share * size, (1 - share) * size, n)
    return rng.binomial(windows, chance), windows


def plain(y: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """The linearised interval on the logit scale with n - 1 degrees of freedom."""
    n, ratio = len(x), y.sum() / x.sum()
    if not 0 < ratio < 1:
        return np.nan, np.nan
    error = np.sqrt(n / (n - 1) * np.sum((y - ratio * x) ** 2)) / x.sum()
    reach = t.ppf(0.975, n - 1) * error / (ratio * (1 - ratio))
    middle = np.log(ratio / (1 - ratio))
    return tuple(1 / (1 + np.exp(-(middle + side * reach))) for side in (-1, 1))


def cell(n: int, share: float, alike: float, replications: int, seed: int) -> dict[str, float]:
    """Coverage of both intervals in one cell, of the samples that have one."""
    rng = np.random.default_rng([seed, n, round(share * 100), round(alike * 100)])
    held = []
    for _ in range(replications):
        y, x = draw(rng, n, share, alike)
        ends = (cluster_ratio(y, x)[1:3], plain(y, x))
        held.append([np.nan if np.isnan(a) else float(a <= share <= b) for a, b in ends])
    shown = np.array(held)
    return {
        "households": n,
        "share": share,
        "correlation": alike,
        "coverage": round(float(np.nanmean(shown[:, 0])), 3),
        "plain": round(float(np.nanmean(shown[:, 1])), 3),
        "no_interval": round(float(np.isnan(shown[:, 0]).mean()), 3),
    }


def simulate(replications: int, seed: int) -> pd.DataFrame:
    """One row a cell."""
    cells = [(n, share, alike) for n in SIZES for share in SHARES for alike in ALIKE]
    return pd.DataFrame([cell(*each, replications, seed) for each in cells])


def main() -> None:
    """Simulate and write the table."""
    options = read_options(__doc__)
    table = simulate(options.replications, options.seed)
    head = f"# Coverage of the 95 % interval of a ratio ({options.replications} replications)"
    lines = [head, "", *markdown_rows(table), "", __doc__.split("\n\n", 2)[2].strip(), ""]
    write_table(table, "\n".join(lines), options.out, NAME)


if __name__ == "__main__":
    main()
