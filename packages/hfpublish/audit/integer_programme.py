"""Unknown true counts, the sums that tie them together, and what an integer programme finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from hfcore.study import Publication


@dataclass
class Counts:
    """Unknown true counts with their bounds, and the sums (coefficients by unknown) that are 0."""

    names: dict[tuple, int] = field(default_factory=dict)
    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    sums: list[dict[int, int]] = field(default_factory=list)

    def add(self, name: tuple, shown: float, publication: Publication) -> int | None:
        """An unknown with what its shown count allows; a second showing narrows it."""
        if pd.isna(shown):
            return self.names.get(name)
        low, high = allowed(int(shown), publication)
        if name not in self.names:
            self.names[name] = len(self.low)
            self.low.append(low)
            self.high.append(high)
        place = self.names[name]
        # Two showings that cannot both be right are of different contributors: keep the wider.
        if max(self.low[place], low) <= min(self.high[place], high):
            self.low[place] = max(self.low[place], low)
            self.high[place] = min(self.high[place], high)
        return place

    def tie(self, whole: int | None, parts: list[int | None], is_complete: bool = True) -> None:
        """The whole is the sum of its parts, where all of them are shown."""
        if whole is not None and parts and None not in parts and is_complete:
            self.sums.append({whole: -1} | dict.fromkeys(parts, 1))


def allowed(shown: int, publication: Publication) -> tuple[int, int]:
    """The true counts that a shown one can come from.

    >>> allowed(0, Publication()), allowed(3, Publication()), allowed(26, Publication())
    ((0, 3), (1, 6), (23, 29))

    1 and 2 are only ever shown as 0 or as the least count that is:

    >>> allowed(4, Publication()), allowed(5, Publication())
    ((3, 7), (3, 8))

    A count that noise never shows must be the true one:

    >>> allowed(2, Publication())
    (2, 2)
    """
    reach = publication.noise_max
    if shown == 0:
        return 0, reach
    if shown < publication.never_shown_below:
        return shown, shown
    least = 1 if shown == publication.never_shown_below else publication.never_shown_below
    return max(least, shown - reach), shown + reach


@dataclass
class System:
    """Unknowns that sums tie together, apart from all others, ready to be solved."""

    place_of: dict[int, int]
    bounds: Any
    ties: list[Any]

    def solve(self, target: Mapping[int, int], sign: int) -> int | None:
        """The least (sign 1) or largest (−1) value of a sum of unknowns; None if nothing fits."""
        from scipy.optimize import milp

        goal = np.zeros(len(self.place_of))
        for place, factor in target.items():
            goal[self.place_of[place]] = sign * factor
        answer = milp(
            goal, constraints=self.ties, bounds=self.bounds, integrality=np.ones(len(goal))
        )
        return round(sign * answer.fun) if answer.status == 0 else None


def systems_of(counts: Counts) -> list[System]:
    """The unknowns in systems that no sum ties to each other; those that none holds are left out.

    A reader's knowledge of one system tells nothing of another, and small ones are solved sooner.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not counts.sums:
        return []
    cells = [(row, place, f) for row, each in enumerate(counts.sums) for place, f in each.items()]
    lines, places, factors = (np.array(each) for each in zip(*cells, strict=True))
    size = len(counts.sums) + len(counts.low)
    web = coo_array((np.ones(len(cells)), (lines, places + len(counts.sums))), (size, size))
    number, label = connected_components(web, directed=False)
    of_sum, of_place = label[: len(counts.sums)], label[len(counts.sums) :]
    matrix = coo_array((factors, (lines, places)), (len(counts.sums), len(counts.low))).tocsr()
    return [
        _system(counts, np.flatnonzero(of_place == each), matrix[of_sum == each])
        for each in range(number)
        if (of_sum == each).any()
    ]


def _system(counts: Counts, places: np.ndarray, sums: Any) -> System:
    from scipy.optimize import Bounds, LinearConstraint

    bounds = Bounds(np.array(counts.low)[places], np.array(counts.high)[places])
    ties = [LinearConstraint(sums[:, places], 0, 0)]
    return System({place: number for number, place in enumerate(places.tolist())}, bounds, ties)


def ends_of(
    counts: Counts, systems: list[System], target: Mapping[int, int]
) -> tuple[int | None, int | None]:
    """Least and largest value of a sum of unknowns; None where nothing fits."""
    solved = {place for system in systems for place in system.place_of}
    free = {place: factor for place, factor in target.items() if place not in solved}
    alone = [sorted((f * counts.low[p], f * counts.high[p])) for p, f in free.items()]
    ends = [sum(each[side] for each in alone) for side in (0, 1)]
    for system in systems:
        own = {place: factor for place, factor in target.items() if place in system.place_of}
        found = [system.solve(own, sign) for sign in (1, -1)] if own else [0, 0]
        if None in found:
            return None, None
        ends = [before + each for before, each in zip(ends, found, strict=True)]
    return ends[0], ends[1]
