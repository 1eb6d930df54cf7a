"""What curves and model rows together tell a reader of how many had closed so by a month.

The reader is the strongest there is: who knows the size of each group and who was followed how
long, reads the protection of each row, and uses ranges, differences, times lost and detectable
differences, and where one of these is missing. Unknowns are the numbers closed so far by group,
cause and month, each with a least and a largest value; every printed row narrows them until none
does any more. A row that follows from printed ones narrows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd

from hfcore.estimators.intervals import detectable_difference
from hfcore.study import Publication
from hfpublish.audit.integer_programme import allowed

SMALL = 4
ROUNDS = 4
EXITS = "exit_from_support"
_CURVE = ["metric", "variant", "group", "dimension", "level", "period", "cause"]
Cell = tuple[tuple[str, ...], int]


@dataclass
class Known:
    """Least and largest number closed so by a month, the group's size and the printed share."""

    low: dict[Cell, int] = field(default_factory=dict)
    high: dict[Cell, int] = field(default_factory=dict)
    size: dict[Cell, int] = field(default_factory=dict)
    share: dict[Cell, float] = field(default_factory=dict)

    def narrow(self, cell: Cell, low: float, high: float) -> None:
        """Take in what a row says of a cell; what cannot be true with the rest is not believed."""
        low = max(self.low[cell], int(np.ceil(max(low, 0) - 1e-9)))
        high = min(self.high[cell], int(np.floor(min(high, self.size[cell]) + 1e-9)))
        if low <= high:
            self.low[cell], self.high[cell] = low, high


def findings(rows: pd.DataFrame, limits: Publication) -> list[tuple[str, str]]:
    """Pairs of municipality and sentence: small numbers and sizes that follow exactly.

    ``rows`` are those of ``hfpublish.audit.judged``.
    """
    found = []
    for code, own in rows.groupby("municipality", sort=False):
        known = known_counts(own, limits)
        exact = sum(1 <= known.low[cell] == known.high[cell] <= SMALL for cell in known.low)
        if exact:
            told = f"{exact} small numbers of closures follow exactly from curves and model rows."
            found.append((str(code), told))
        sizes = int(_bare_sizes(own).sum())
        if sizes:
            found.append((str(code), f"{sizes} effective sizes tell the exact size of a group."))
    return found


def known_counts(rows: pd.DataFrame, limits: Publication) -> Known:
    """What the rows of one municipality tell of every number that a curve is made of."""
    known = Known()
    shown = rows.loc[rows["estimate"].notna() & rows["month"].notna()]
    curves = shown.loc[shown["kind"].eq("curve") & shown["metric"].ne("still_in_intervention")]
    for row in curves.to_dict("records"):
        _add_point(known, row, limits)
    models = shown.loc[shown["kind"].eq("model")].to_dict("records")
    for _ in range(ROUNDS):
        _nest(known)
        for row in models:
            _use(known, row)
    return known


def _place(row: dict, **changed: object) -> Cell:
    told = row | changed
    return tuple(str(told[name]) for name in _CURVE), int(row["month"])


def _is_moved(row: dict) -> bool:
    return row["protection"] == "cell_key"


def _tolerance(value: float, step: float) -> float:
    """Half a step where a value is rounded to one, else none."""
    return step / 2 if abs(value / step - round(value / step)) < 1e-6 else 1e-6


def _add_point(known: Known, row: dict, limits: Publication) -> None:
    """A printed share: so many closed, as far as its noise and rounding let one see."""
    cell, shown_n = _place(row), float(row["n"])
    size = int(shown_n if pd.isna(row["true_n"]) else row["true_n"])
    known.low[cell], known.high[cell], known.size[cell] = 0, size, size
    known.share[cell] = float(row["estimate"])
    reach = _tolerance(row["estimate"], 0.01)
    # Those not followed so long make the share larger than those closed: no least value then.
    is_followed = pd.notna(row["n_started"]) and row["n_started"] >= size
    if _is_moved(row):
        counts = [(row["estimate"] + end) * shown_n for end in (-reach, reach)]
        least, most = (max(0, int(f(c))) for f, c in zip((np.floor, np.ceil), counts, strict=True))
        ends = [allowed(count, limits) for count in (least, most) if count not in (1, 2)]
        ends += [allowed(0, limits), allowed(3, limits)] if {least, most} & {1, 2} else []
        low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    else:
        low, high = ((row["estimate"] + end) * size for end in (-reach, reach))
        if pd.isna(row["ci_low"]) and row["estimate"] < 0.5:
            high = 0
        elif row["estimate"] > 0:
            low = max(low, 1)
    known.narrow(cell, low if is_followed else float(low >= 1 and not _is_moved(row)), high)


def _nest(known: Known) -> None:
    """Who had closed by a month has by a later one, and another share is of another set."""
    cells = sorted(known.low)
    for before, after in pairwise(cells):
        if before[0] == after[0]:
            more = int(abs(known.share[after] - known.share[before]) > 1e-9)
            known.narrow(after, known.low[before] + more, np.inf)
            known.narrow(before, -np.inf, known.high[after] - more)


def _use(known: Known, row: dict) -> None:
    """Narrow what a model row says something new of."""
    if row["metric"] == "incidence_difference" and row["variant"] != "adjusted":
        _use_difference(known, row)
    elif row["metric"] == "months_lost" and not _is_moved(row):
        cell = _place(row, metric="cumulative_incidence")
        if cell in known.low and pd.isna(row["ci_low"]):
            known.narrow(cell, 0, 0)
        elif cell in known.low:
            known.narrow(cell, 1, np.inf)
    elif row["metric"] == "detectable_difference" and row["unit"] == "share":
        _use_detectable(known, row)


def _use_difference(known: Known, row: dict) -> None:
    parent = {"metric": "cumulative_incidence"}
    if row["cause"] == EXITS:
        parent = {"metric": EXITS, "cause": ""}
    if row["group"] == "difference":
        pair = [_place(row, **parent, group=group) for group in ("participant", "control")]
    else:
        own = _place(row, **parent)
        others = [
            cell
            for cell in known.low
            if cell[1] == own[1]
            and cell != own
            and all(
                a == b
                for place, (a, b) in enumerate(zip(cell[0], own[0], strict=True))
                if _CURVE[place] != "level"
            )
        ]
        pair = [own, *others]
    if len(pair) != 2 or not all(cell in known.low for cell in pair):
        return
    first, other = pair
    reach = _tolerance(row["estimate"], 0.01)
    if abs(row["estimate"] - known.share[first] + known.share[other]) < 1e-9:
        return  # It follows from the printed shares.
    n, m = known.size[first], known.size[other]
    gap = row["estimate"]
    known.narrow(
        first,
        n * (gap - reach + known.low[other] / m),
        n * (gap + reach + known.high[other] / m),
    )
    known.narrow(
        other,
        m * (known.low[first] / n - gap - reach),
        m * (known.high[first] / n - gap + reach),
    )


def _use_detectable(known: Known, row: dict) -> None:
    cell = _place(row, metric="cumulative_incidence")
    if cell not in known.low or row["group"] != "participant":
        return
    shown_n = float(row["n"])
    told = float(detectable_difference(shown_n, shown_n, known.share[cell]))
    reach = _tolerance(row["estimate"], 0.01)
    if abs(told - row["estimate"]) <= 0.0051 or _is_moved(row):
        return  # It follows from the printed share and size.
    size = known.size[cell]
    counts = np.arange(known.low[cell], known.high[cell] + 1)
    fits = np.abs(detectable_difference(size, size, counts / size) - row["estimate"]) <= reach
    if fits.any():
        known.narrow(cell, counts[fits].min(), counts[fits].max())


def _bare_sizes(rows: pd.DataFrame) -> pd.Series:
    """Effective sizes that no twentieth of the shown size gives."""
    sizes = rows.loc[rows["metric"].eq("effective_sample_size") & rows["estimate"].notna()]
    shown = (sizes["n"] - sizes["n_events"].fillna(0)).astype("float64").to_numpy()[:, None]
    steps = np.rint(shown * np.arange(1, 21) / 20)
    follows = (np.abs(steps - sizes["estimate"].to_numpy()[:, None]) < 0.5).any(axis=1)
    return pd.Series(~follows, index=sizes.index)
