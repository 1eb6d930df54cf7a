"""Conditioning the simulated process on published figures, one step of the process at a time.

The process is drawn first; then the households whose latent values rank highest get the outcomes
that the report counts, and lengths of stay are stretched until the printed means hold. So the
naive figures agree with the report to its printed precision under every seed, while who has which
outcome, and everything that was not published, stays random.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from hfdemo.household_process import CAUSES, DAYS_PER_MONTH, longest_spell_months, month_of

SHORTEST_STAY_DAYS = 20


@dataclass(frozen=True)
class Margins:
    """What a report prints about the participants of one municipality.

    ``closures`` holds for each cause how many households closed to it and their mean months;
    ``mean_participation`` counts ongoing households up to the cut-off; ``plans`` the share of
    adults with another plan than at start, by group and months since start; ``naive_sek`` the
    published difference in mean support over months 1-24.
    """

    couples: int
    single_women: int
    children: int
    closures: Mapping[str, tuple[int, float]]
    mean_participation: float
    mean_support_months: float = 48.0
    naive_sek: float | None = None
    plans: Mapping[str, Mapping[int, float]] = field(default_factory=dict)


def condition_members(
    rng: np.random.Generator, participants: pd.DataFrame, margins: Margins
) -> pd.DataFrame:
    """Exactly so many couples, single women and children; those likeliest by draw come first."""
    luck = rng.random(len(participants))
    is_couple = _highest((participants["adults"] == 2) + luck, margins.couples)
    is_woman = participants["applicant_is_woman"].to_numpy(bool)
    singles = np.where(is_couple, -1.0, is_woman + luck)
    is_woman = np.where(is_couple, is_woman, _highest(singles, margins.single_women))
    children = np.maximum(participants["children"].to_numpy(), 1)
    while children.sum() != margins.children:
        short = margins.children - children.sum()
        able = np.flatnonzero(children < 9 if short > 0 else children > 1)
        picked = rng.choice(able, min(abs(short), len(able)), replace=False)
        children[picked] += np.sign(short)
    return participants.assign(
        adults=np.where(is_couple, 2, 1), applicant_is_woman=is_woman, children=children
    )


def _highest(values: np.ndarray | pd.Series, count: int) -> np.ndarray:
    """Which of the values are the ``count`` highest."""
    chosen = np.zeros(len(values), bool)
    chosen[np.argsort(-np.asarray(values), kind="stable")[:count]] = True
    return chosen


def condition_support_since(participants: pd.DataFrame, mean_months: float) -> pd.DataFrame:
    """Stretch the months on support before start until their mean is the published one."""
    months = participants["months_on_support"].to_numpy(float)
    longest = longest_spell_months(participants["applicant_age"]).astype(float)
    stretched = stretch(months, mean_months, np.full(len(months), 3.0), longest)
    return participants.assign(months_on_support=np.rint(stretched).astype(int))


def stretch(values: np.ndarray, mean: float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Multiply by one factor, held within each value's limits, so that the mean comes out.

    >>> stretch(np.array([1.0, 3.0]), 4.0, np.zeros(2), np.array([9.0, 5.0])).round(6).tolist()
    [3.0, 5.0]
    """

    def excess(log_factor: float) -> float:
        return float(np.clip(values * np.exp(log_factor), low, high).mean() - mean)

    return np.clip(values * np.exp(root(excess, -8.0, 8.0)), low, high)


def root(rising: Callable[[float], float], low: float, high: float, halvings: int = 50) -> float:
    """Where a rising function crosses zero, by halving.

    >>> round(root(lambda x: x * x - 2, 0, 2), 9)
    1.414213562
    """
    for _ in range(halvings):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def condition_stays(
    participants: pd.DataFrame,
    latent: np.ndarray,
    margins: Margins,
    period: tuple[np.datetime64, np.datetime64],
    cutoff: np.datetime64,
) -> pd.DataFrame:
    """Closures with the published counts and mean stays: adds ``closed_on`` and ``cause``.

    ``latent`` are the days to each cause; ``period`` first and last day of the intervention. The
    households whose shortest latent time is smallest against the time they could be followed are
    the closed ones, and a cause takes those whose latent time to it is smallest against the
    others. Start days of ongoing households move so that mean participation holds.
    """
    started = participants["started_on"].to_numpy().astype("datetime64[D]")
    followed = (period[1] - started).astype(int)
    shortest = latent.min(axis=1)
    counts = {cause: count for cause, (count, _) in margins.closures.items()}
    is_closed = _highest(-shortest / np.maximum(followed, 1), sum(counts.values()))
    causes = _assign_causes(latent, is_closed, counts)
    stays = np.zeros(len(started))
    for cause, (_, months) in margins.closures.items():
        rows = np.flatnonzero(causes == cause)
        stays[rows] = stretch(
            np.minimum(shortest, followed)[rows],
            months * DAYS_PER_MONTH,
            np.minimum(SHORTEST_STAY_DAYS, followed[rows]),
            followed[rows],
        )
    stays = np.rint(stays)
    total = margins.mean_participation * DAYS_PER_MONTH * len(started)
    ongoing = np.flatnonzero(~is_closed)
    stays[ongoing] = np.rint(
        stretch(
            (cutoff - started[ongoing]).astype(float),
            (total - stays.sum()) / len(ongoing),
            np.full(len(ongoing), float(SHORTEST_STAY_DAYS)),
            np.full(len(ongoing), float((cutoff - period[0]).astype(int))),
        )
    )
    days = stays.astype("timedelta64[D]")
    started = np.where(is_closed, started, cutoff - days)
    return participants.assign(
        started_on=started,
        start=month_of(started),
        closed_on=np.where(is_closed, started + days, np.datetime64("NaT", "D")),
        cause=causes,
    )


def _assign_causes(
    latent: np.ndarray, is_closed: np.ndarray, counts: Mapping[str, int]
) -> np.ndarray:
    """Rarest causes first, each to the closed households whose latent time to it stands out."""
    causes = np.full(len(latent), "", dtype=object)
    for cause in sorted(counts, key=counts.get):
        k = CAUSES.index(cause)
        standing_out = -latent[:, k] / np.delete(latent, k, axis=1).min(axis=1)
        free = is_closed & (causes == "")
        causes[_highest(np.where(free, standing_out, -np.inf), counts[cause])] = cause
    return causes


def condition_changes(
    adults: pd.DataFrame, changes: np.ndarray, margins: Margins, cutoff: np.datetime64
) -> np.ndarray:
    """Months to the first change of plan, moved so that the published shares have changed.

    Among the adults of a group who are followed to a measurement point, those with the shortest
    latent times have changed by then; the order of the adults is kept within each interval.
    """
    changes = changes.copy()
    followed = month_of(np.array([cutoff]))[0] - month_of(adults["started_on"])
    for group, shares in margins.plans.items():
        rows = np.flatnonzero(adults["group"] == group)
        changes[rows] = _place_changes(changes[rows], followed[rows], dict(shares))
    return changes


def _place_changes(
    changes: np.ndarray, followed: np.ndarray, shares: Mapping[int, float]
) -> np.ndarray:
    """One group: the intervals between points filled from the left, in the order of latent time."""
    placed = np.full(len(changes), np.inf)
    rank = pd.Series(changes).rank(method="first").to_numpy()
    earlier = 0
    for point, share in sorted(shares.items()):
        within = followed >= point
        wanted = int(np.rint(share * within.sum())) - int((within & (placed < np.inf)).sum())
        chosen = _highest(np.where(within & (placed == np.inf), -rank, -np.inf), wanted)
        order = rank[chosen].argsort().argsort()
        placed[chosen] = earlier + (point - earlier) * (order + 0.5) / max(wanted, 1)
        earlier = point
    rest = np.flatnonzero(placed == np.inf)
    tail = changes[rest] - np.minimum(changes[rest].min(initial=np.inf), earlier)
    placed[rest] = np.maximum(earlier, followed[rest].clip(0, earlier)) + 0.01 + tail
    return placed


def nearest_weight(naive: Callable[[float], float], target: float) -> float:
    """The weight of permanent need among controls with which the naive difference comes nearest.

    The difference falls as controls of higher need are taken; weights from -1.5 to 2.5 are tried.
    """
    weights = np.linspace(-1.5, 2.5, 81)
    return float(weights[np.argmin([abs(naive(weight) - target) for weight in weights])])


def nearest_need(payment: Callable[[float], float], target: float) -> float:
    """The need in SEK with which a mean payment, rising with it, becomes the printed one."""
    return root(lambda need: payment(need) - target, 0.0, 20_000.0)
