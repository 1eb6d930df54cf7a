"""Does the interval of the effect on support hold? Simulated households with a known effect.

Run from the repository's root: `python benchmarks/simulate_support.py --replications 1000`.
It writes benchmarks/support_simulation.csv and .md beside this file; the same seed gives the same
bytes. One row a cell: households, effect, how participants are selected.

The process. A household's monthly need is a mean from five covariates (children, single parent,
years on support, schooling, age), a permanent part that no file shows (SD 2,600 SEK), a fading
shock (autoregressive, 0.92 a month, SD 4,200), noise and rare lump sums. Need under 1,500 is
paid as 0, at most 25,000. For 45 % the spell began within the last 24 months, with zeros before;
after month 0 households leave for good by a hazard that falls with need. Participants and
controls are on support in month 0 or the month before. Of the participants those who respond
leave support within eight months or get half as much; their share is set so that the mean effect
over months 1–12 is the one asked for.

Selection: `covariates` on the five covariates alone; `peak` on these, on the shock of month 0 and
on the permanent need; `permanent` and `sudden` are stress cases outside what the design assumes:
strong selection on the permanent need alone, and shocks that come at once and fade slowly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from _table import markdown_rows, read_options, write_table

from hfcore.metrics.difference_in_differences import estimate_effect, window_change

MONTHS = np.arange(-24, 25)
SIZES = (20, 30, 95, 400)
EFFECTS = (0.0, -1250.0)
CONTROLS_EACH = 3
RHO = 0.92
LAST_TWO = slice(23, 25)
POOL_EACH = 12


@dataclass(frozen=True)
class Selection:
    """How strongly standardised covariates, shock and permanent need draw households in."""

    covariates: float = 0.0
    shock: float = 0.0
    permanent: float = 0.0
    is_sudden: bool = False


SELECTIONS = {
    "covariates": Selection(covariates=0.35),
    "peak": Selection(covariates=0.35, shock=1.0, permanent=0.4),
    "permanent": Selection(covariates=0.35, permanent=0.9),
    "sudden": Selection(covariates=0.35, shock=1.0, permanent=0.4, is_sudden=True),
}
STRESS = ("permanent", "sudden")


def simulate(
    rng: np.random.Generator, n: int, selection: Selection, responders: float
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """One study: payments (households × months −24…24), group, covariates, true effects."""
    size = n * POOL_EACH
    x, permanent = _covariates(rng, size), rng.normal(size=size)
    mean = _mean(x) + 2600 * permanent
    began = np.where(rng.random(size) < 0.45, -rng.integers(1, 25, size), -1000)
    paths = _sudden_shocks(rng, size) if selection.is_sudden else None
    ends = _last_two_shocks(rng, size) if paths is None else paths[:, LAST_TWO]
    noise = _noise(rng, (size, 2))
    need = np.where(began[:, None] > MONTHS[LAST_TWO], 0, mean[:, None] + 4200 * ends + noise)
    on_support = (need >= 1500).any(axis=1)
    pull = selection.covariates * _score(x) + selection.permanent * permanent
    pull = pull + selection.shock * ends[:, 1] + rng.gumbel(size=size)
    order = np.argsort(np.where(on_support, -pull, np.inf), kind="stable")
    treated = order[:n]
    rest = rng.permutation(order[n : on_support.sum()])[: CONTROLS_EACH * n]
    rows = np.concatenate([treated, rest])
    shocks = _extend(rng, ends[rows]) if paths is None else paths[rows]
    noises = _noise(rng, (len(rows), len(MONTHS)))
    noises[:, LAST_TWO] = noise[rows]
    need = np.where(began[rows, None] > MONTHS, 0.0, mean[rows, None] + 4200 * shocks + noises)
    paid = _paid(rng, need, x[rows])
    is_treated = np.arange(len(rows)) < n
    received = paid.copy()
    received[:n] = _respond(rng, paid[:n], responders)
    effects = (received - paid)[:n, 25:37].mean(axis=1)
    return pd.DataFrame(received, columns=MONTHS), is_treated, x[rows], effects


def _covariates(rng: np.random.Generator, size: int) -> np.ndarray:
    children = rng.poisson(1.8, size)
    single = rng.random(size) < 0.5
    years = rng.normal(0.9, 0.7, size)
    schooling = rng.random(size) < 0.45
    return np.column_stack([children, single, years, schooling, rng.normal(38, 9, size)])


def _score(x: np.ndarray) -> np.ndarray:
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    return scaled @ np.array([1.0, 0.6, 1.0, -0.6, -0.4])


def _mean(x: np.ndarray) -> np.ndarray:
    return 6000 + 900 * x[:, 0] + 700 * x[:, 1] + 600 * x[:, 2] - 800 * x[:, 3] - 20 * x[:, 4]


def _last_two_shocks(rng: np.random.Generator, size: int) -> np.ndarray:
    """Standardised autoregressive shocks of months −1 and 0."""
    now = rng.normal(size=size)
    before = RHO * now + np.sqrt(1 - RHO**2) * rng.normal(size=size)
    return np.column_stack([before, now])


def _extend(rng: np.random.Generator, ends: np.ndarray) -> np.ndarray:
    """The whole course of the shocks from months −1 and 0: both ways, as they are reversible."""
    shocks = rng.normal(0, np.sqrt(1 - RHO**2), (len(ends), len(MONTHS)))
    shocks[:, LAST_TWO] = ends
    for month in range(22, -1, -1):
        shocks[:, month] += RHO * shocks[:, month + 1]
    for month in range(25, len(MONTHS)):
        shocks[:, month] += RHO * shocks[:, month - 1]
    return shocks


def _sudden_shocks(rng: np.random.Generator, size: int) -> np.ndarray:
    """Jumps that come at once and fade slowly: another course before than after."""
    draws = rng.exponential(4.0, (size, len(MONTHS) + 48))
    draws = np.where(rng.random(draws.shape) < 0.06, draws, 0.0)
    draws = (draws - 0.24) / np.sqrt(0.06 * 32 - 0.24**2)
    shocks = np.zeros_like(draws)
    for month in range(1, draws.shape[1]):
        shocks[:, month] = RHO * shocks[:, month - 1] + np.sqrt(1 - RHO**2) * draws[:, month]
    return shocks[:, 48:]


def _noise(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Small noise, and lump sums in four months of a hundred."""
    lumps = rng.random(shape) < 0.04
    return rng.normal(0, 900, shape) + np.where(lumps, 2000 * (1 + rng.pareto(2.5, shape)), 0)


def _paid(rng: np.random.Generator, need: np.ndarray, x: np.ndarray) -> np.ndarray:
    """What is paid without a programme: limits, and exits for good after month 0."""
    hazard = 0.028 * np.exp(-0.25 * (x[:, 0] - 1.8))
    leaves = rng.geometric(np.clip(hazard, 0.002, 0.5))
    paid = np.where(need < 1500, 0.0, np.minimum(need, 25_000))
    return np.rint(np.where(MONTHS[None, :] > leaves[:, None], 0.0, paid))


def _respond(rng: np.random.Generator, paid: np.ndarray, share: float) -> np.ndarray:
    """The participants' payments with the programme."""
    responds = rng.random(len(paid)) < share
    exits = rng.random(len(paid)) < 0.6
    onset = rng.integers(1, 9, len(paid))
    later = (MONTHS[None, :] >= onset[:, None]) & responds[:, None]
    return np.where(later, np.where(exits[:, None], 0.0, np.rint(paid / 2)), paid)


def share_for(effect: float, selection: Selection, seed: int) -> float:
    """The share of responders at which the mean effect is the one asked for."""
    if effect == 0:
        return 0.0
    rng = np.random.default_rng([seed, 99])
    everybody = [simulate(rng, 2000, selection, 1.0)[3].mean() for _ in range(10)]
    return min(1.0, effect / float(np.mean(everybody)))


def run_cell(
    n: int, effect: float, name: str, replications: int, seed: int
) -> dict[str, float | str]:
    """Bias, coverage and rejections of the default estimator in one cell."""
    selection = SELECTIONS[name]
    responders = share_for(effect, selection, seed)
    rows = []
    for number in range(replications):
        rng = np.random.default_rng([seed, n, int(-effect), list(SELECTIONS).index(name), number])
        amounts, is_treated, x, true = simulate(rng, n, selection, responders)
        units = pd.DataFrame({"is_participant": is_treated, "household_id": amounts.index})
        change = window_change(amounts, (1, 12))
        found = estimate_effect(change, units.assign(start=0), x).contrast
        low, high = found.interval()
        after = amounts.loc[:, 1:12].mean(axis=1)
        last = after - amounts[-1]
        own = (after - amounts.loc[:, -3:-1].mean(axis=1))[is_treated]
        rows.append(
            {
                "estimate": found.estimate,
                "covers": low <= effect <= high,
                "rejects": not low <= 0 <= high,
                "width": high - low,
                "peak": amounts.loc[is_treated, -1].mean() - amounts.loc[~is_treated, -1].mean(),
                "true": true.mean(),
                "raw": after[is_treated].mean() - after[~is_treated].mean(),
                "before_after": own.mean(),
                "last_month": last[is_treated].mean() - last[~is_treated].mean(),
            }
        )
    drawn = pd.DataFrame(rows)
    return {
        "participants": n,
        "controls": CONTROLS_EACH * n,
        "selection": name,
        "effect": effect,
        "replications": replications,
        "mean_effect": drawn["true"].mean(),
        "entry_peak": drawn["peak"].mean(),
        "bias": drawn["estimate"].mean() - effect,
        "rmse": float(np.sqrt(((drawn["estimate"] - effect) ** 2).mean())),
        "coverage": drawn["covers"].mean(),
        "rejects_zero": drawn["rejects"].mean(),
        "median_width": drawn["width"].median(),
        "bias_raw_difference": drawn["raw"].mean() - effect,
        "bias_before_after": drawn["before_after"].mean() - effect,
        "bias_base_last_month": drawn["last_month"].mean() - effect,
    }


def cells() -> list[tuple[int, float, str]]:
    """What is run: sizes × effects × selections, then the stress cases."""
    main = [
        (n, effect, name) for name in ("covariates", "peak") for effect in EFFECTS for n in SIZES
    ]
    return main + [(n, 0.0, name) for name in STRESS for n in (95, 400)]


def as_markdown(table: pd.DataFrame, seed: int) -> str:
    """The table for readers: SEK without decimals, shares with three."""
    shares = ["coverage", "rejects_zero"]
    shown = table.assign(
        **{
            name: table[name].map("{:.3f}".format)
            if name in shares
            else table[name].map("{:,.0f}".format)
            for name in table.select_dtypes("number")
        }
    )
    lines = markdown_rows(shown)
    error = 100 * np.sqrt(0.95 * 0.05 / table["replications"].max())
    return "\n".join(
        [
            "# The effect on support in simulated studies",
            "",
            "Made by `python benchmarks/simulate_support.py` (the process stands there); seed "
            f"{seed}. SEK per month over months 1–12; one row a cell. `coverage`: share of 95 % "
            "intervals that hold the true effect; `rejects_zero`: share that exclude zero, which "
            "is the size where the effect is 0 and the power elsewhere. Monte-Carlo standard error "
            f"of a coverage of 95 %: {error:.1f} percentage points. `entry_peak`: how much more "
            "participants are paid than controls in the month before the start. The last three "
            "columns are the biases of what is often done instead: participants minus controls "
            "after the start, participants after minus the three months before, and the change "
            "since the month before. `permanent` and `sudden` are "
            "stress cases outside the design's assumption.",
            "",
            *lines,
            "",
        ]
    )


def main() -> None:
    """Run every cell and write the table."""
    options = read_options(__doc__)
    rows = []
    for n, effect, name in cells():
        rows.append(run_cell(n, effect, name, options.replications, options.seed))
        last = rows[-1]
        print(
            f"{n:>4} {effect:>7.0f} {name:<10} bias {last['bias']:>7.0f} "
            f"coverage {last['coverage']:.3f} rejects {last['rejects_zero']:.3f}",
            flush=True,
        )
    table = pd.DataFrame(rows).round(6)
    write_table(table, as_markdown(table, options.seed), options.out, "support_simulation")


if __name__ == "__main__":
    main()
