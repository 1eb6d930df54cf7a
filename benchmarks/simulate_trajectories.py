"""Do the intervals hold? Stays and plans drawn from a known process, told and compared.

Run from the repository's root: `python benchmarks/simulate_trajectories.py` (about two minutes).
It writes benchmarks/trajectories_coverage.md; the same seed gives the same bytes.

Stays: each month a stay ends by one of three causes with fixed chances, so every truth is a sum;
follow-up is even over 6 to 36 months; the rare cause ends one stay in twenty within a year, and
where none closed so there is no interval. Plans: two adults in six of ten households, alike with a
correlation of 0.3; three controls a participant. The same adults later: one in ten of those with
another plan has gone back and one in five of the others has come to one, alike within households.
Places: shares from a beta distribution, three or
ten places of 20, 30 or 95 households.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hfcore.estimators import competing_risks, intervals, meta_analysis, proportions

HERE = Path(__file__).resolve().parent
SIZES = (20, 30, 95, 400)
CHANCES = np.array([0.022, 0.006, 0.03])
AT = 12
SHARE, CORRELATION = 0.3, 0.3
BACK, GAINS = 0.1, (0.2, 0.05)
# Later and earlier: both, gained, lost, neither.
PAIRS = ((1, 1), (1, 0), (0, 1), (0, 0))


def truth() -> tuple[float, float, np.ndarray]:
    """The true share by month 12, months in the intervention and months lost to each cause."""
    remaining = (1 - CHANCES.sum()) ** np.arange(1, AT + 2)
    open_before = np.cumsum(np.append(1.0, remaining[:-1]))
    lost = CHANCES * open_before[:AT].sum()
    return float(CHANCES[0] * open_before[AT]), float(remaining[:AT].sum()), lost


def draw_stays(rng: np.random.Generator, n: int) -> competing_risks.EventCounts:
    """Stays of n households, counted."""
    stay = rng.geometric(CHANCES.sum(), n) - 1
    followed = rng.integers(6, 37, n)
    cause = rng.choice(3, n, p=CHANCES / CHANCES.sum()) + 1
    return competing_risks.count_events(
        np.minimum(stay, followed), np.where(stay <= followed, cause, 0), 3
    )


def stays_covered(rng: np.random.Generator, n: int) -> list[float]:
    """Whether each interval of one sample holds the truth; NaN where there is none."""
    share, mean, lost = truth()
    counts = draw_stays(rng, n)
    shares, errors = competing_risks.aalen_johansen(counts)
    at = [competing_risks.at_times(counts, each, [AT])[0, 0] for each in (shares, errors)]
    restricted = competing_risks.restricted_mean(counts, AT)
    losses, loss_errors = competing_risks.months_lost(counts, AT)
    of_losses = np.transpose(intervals.mean_within(losses, loss_errors, AT, n - 1))
    ends = (
        (intervals.log_log(*at), share),
        (intervals.estimate_t(*restricted, n - 1), mean),
        (of_losses[0], lost[0]),
        (of_losses[1], lost[1]),
    )
    return [_holds(*each) for each in ends]


def _holds(ends: tuple, true: float) -> float:
    if np.isnan(ends[0]):
        return np.nan
    return float(ends[0] <= true <= ends[1])


def draw_adults(rng: np.random.Generator, households: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcome and household of adults whose households share a common chance."""
    chance = _common_chance(rng, SHARE, households)
    home = np.repeat(np.arange(households), np.where(rng.random(households) < 0.6, 2, 1))
    return (rng.random(len(home)) < chance[home]).astype(float), home


def _common_chance(rng: np.random.Generator, mean: float, households: int) -> np.ndarray:
    size = (1 - CORRELATION) / CORRELATION
    return rng.beta(mean * size, (1 - mean) * size, households)


def plans_covered(rng: np.random.Generator, n: int) -> list[float]:
    """Whether Newcombe's intervals hold the true difference of 0: with and without households."""
    groups = [draw_adults(rng, n), draw_adults(rng, 3 * n)]
    outcome = np.concatenate([groups[0][0], groups[1][0]])
    home = np.concatenate([groups[0][1], groups[1][1] + n])
    alike = intervals.icc(outcome, home, (home >= n).astype(int))
    sizes = []
    for y, homes in groups:
        squares = np.sum(np.bincount(homes) ** 2)
        sizes += [y.sum(), len(y), float(intervals.effective_n(len(y), squares, alike))]
    clustered = proportions.newcombe_clustered(*sizes)
    plain = proportions.newcombe(*(sizes[place] for place in (0, 1, 3, 4)))
    return [_holds(clustered, 0), _holds(plain, 0)]


def later_covered(rng: np.random.Generator, n: int, gain: float) -> list[float]:
    """Whether the paired intervals hold the true change: with and without households."""
    earlier, home = draw_adults(rng, n)
    chances = [_common_chance(rng, each, n)[home] for each in (BACK, gain)]
    later = np.where(rng.random(len(home)) < np.where(earlier, *chances), 1 - earlier, earlier)
    cells = [np.sum((earlier == one) & (later == two)) for two, one in PAIRS]
    alike = intervals.icc(later - earlier, home)
    worth = intervals.effective_n(len(home), np.sum(np.bincount(home) ** 2), alike)
    truth_of_change = (1 - SHARE) * gain - SHARE * BACK
    ends = (proportions.newcombe_paired(*cells, n_eff=worth), proportions.newcombe_paired(*cells))
    return [_holds(each, truth_of_change) for each in ends]


def places_covered(rng: np.random.Generator, places: int, spread: float) -> list[float]:
    """Share of places whose interval holds their true share, and squared errors, raw and pooled."""
    n = rng.choice([20, 30, 95], places)
    true = rng.beta(SHARE * spread, (1 - SHARE) * spread, places)
    events = rng.binomial(n, true)
    pooled = meta_analysis.pool_shares(events, n)
    low, high = intervals.wilson(events, n)
    return [
        np.mean((pooled.ci_low <= true) & (true <= pooled.ci_high)),
        np.mean((low <= true) & (true <= high)),
        np.mean((pooled.estimate - true) ** 2),
        np.mean((events / n - true) ** 2),
    ]


def table(head: str, rows: list[str]) -> str:
    """A table in Markdown."""
    width = head.count("|") - 1
    return "\n".join([head, "|---" * width + "|", *rows, ""])


def main() -> None:
    """All cells, as tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng, times = np.random.default_rng(asked.seed), asked.replications
    stays, plans, later, places = [], [], [], []
    for n in SIZES:
        held = np.array([stays_covered(rng, n) for _ in range(times)])
        cells = [f"{each:.3f}" for each in np.nanmean(held, axis=0)]
        cells += [f"{np.isnan(held[:, place]).mean():.3f}" for place in (2, 3)]
        stays.append(f"| {n} | " + " | ".join(cells) + " |")
        held = np.nanmean([plans_covered(rng, n) for _ in range(times)], axis=0)
        plans.append(f"| {n} | {held[0]:.3f} | {held[1]:.3f} |")
        cells = []
        for gain in GAINS:
            held = np.mean([later_covered(rng, n, gain) for _ in range(times)], axis=0)
            cells += [f"{each:.3f}" for each in held]
        later.append(f"| {n} | " + " | ".join(cells) + " |")
    for number, spread in ((3, 20.0), (3, 200.0), (10, 20.0), (10, 200.0)):
        held = np.mean([places_covered(rng, number, spread) for _ in range(times // 8)], axis=0)
        errors = np.sqrt(held[2:])
        cells = f"{held[0]:.3f} | {held[1]:.3f} | {errors[0]:.3f} | {errors[1]:.3f}"
        places.append(f"| {number} | {1 / (1 + spread):.3f} | {cells} |")
    text = "\n".join(
        [
            f"# Coverage of the 95 % intervals ({times} replications)\n",
            table(
                "| households | share closed within 12 months | months in the intervention | "
                "months lost to the cause | to a rare cause | no interval | rare: no interval |",
                stays,
            ),
            table(
                "| households (and 3 controls each) | Newcombe, effective numbers | plain |", plans
            ),
            table(
                "| households, adults twice | one in five gained: effective numbers | plain | "
                "one in twenty: effective numbers | plain |",
                later,
            ),
            table(
                "| places | correlation | pooled share | Wilson | error, pooled | error, raw |",
                places,
            ),
        ]
    )
    (HERE / "trajectories_coverage.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
