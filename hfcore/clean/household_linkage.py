"""Households out of adults: where an export has persons by month and no household.

At least half of the adults the same is the same household, unless both were paid in one month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from hfcore.clean.source_reading import TextTable, stopped_rows
from hfcore.study import ColumnSource

SAME_SHARE = 0.5


@dataclass
class _Chain:
    """One household over time: its id, the adults it last had, the months it was seen in."""

    name: str
    adults: frozenset[str]
    months: int


def link_households(units: pd.DataFrame) -> pd.DataFrame:
    """The household of each group of adults in each month.

    Parameters
    ----------
    units
        One row a paid unit and month: month (whole number), adults (frozenset of normal ids,
        the applicant's in ``first``).

    Returns
    -------
    The units with a column ``household``: the first applicant's id of the chain, with a number
    behind it where that is taken.

    Examples
    --------
    >>> pair, one, other = frozenset("AB"), frozenset("A"), frozenset("B")
    >>> units = pd.DataFrame({"month": [1, 2, 2], "adults": [pair, one, other],
    ...                       "first": ["A", "A", "B"]})
    >>> link_households(units)["household"].tolist()
    ['A', 'A', 'B']
    """
    groups = units.groupby("adults", sort=False)
    seen = groups.agg(first=("first", "first"), start=("month", "min"))
    masks = {adults: _mask(rows["month"], units["month"].min()) for adults, rows in groups}
    order = sorted(seen.index, key=lambda each: (seen["start"][each], -len(each), sorted(each)))
    chains: dict[str, list[_Chain]] = {}
    names: dict[frozenset[str], str] = {}
    for adults in order:
        chain = _chain_of(adults, masks[adults], chains)
        if chain is None:
            chain = _Chain(_free(seen["first"][adults], set(names.values())), adults, 0)
        chain.adults, chain.months = adults, chain.months | masks[adults]
        for adult in adults:
            if chain not in chains.setdefault(adult, []):
                chains[adult].append(chain)
        names[adults] = chain.name
    return units.assign(household=units["adults"].map(names).astype("str"))


def _mask(months: pd.Series, first: int) -> int:
    mask = 0
    for month in months.unique():
        mask |= 1 << int(month - first)
    return mask


def _chain_of(adults: frozenset, months: int, chains: dict[str, list[_Chain]]) -> _Chain | None:
    """The household that a group of adults continues, the most alike first."""
    known = {id(chain): chain for adult in sorted(adults) for chain in chains.get(adult, ())}

    def share(chain: _Chain) -> float:
        return len(chain.adults & adults) / max(len(chain.adults), len(adults))

    fit = [c for c in known.values() if not c.months & months and share(c) >= SAME_SHARE]
    return min(fit, key=lambda chain: (-share(chain), chain.name)) if fit else None


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}/{number}"
    return free


def with_households(units: pd.DataFrame) -> pd.DataFrame:
    """Units with their household; null where no adult's id can be read."""
    linked = link_households(units.loc[units["adults"].map(bool)]) if len(units) else units
    found = linked["household"] if "household" in linked else pd.Series(dtype="str")
    return units.assign(household=found.reindex(units.index).astype("str"))


def heads_of(units: pd.DataFrame) -> dict[str, str]:
    """The household of each adult, the first where there are several."""
    heads: dict[str, str] = {}
    ordered = units.sort_values("month", kind="stable")
    for adults, household in zip(ordered["adults"], ordered["household"], strict=True):
        for adult in adults:
            heads.setdefault(adult, household)
    return heads


def as_texts(units: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """Columns of a table as texts, each row with the place that it was read from."""
    named = units[["_file", "_row"]].assign(**columns)
    return named.assign(**{name: named[name].astype("str").fillna("") for name in columns})


def by_file(
    texts: list[TextTable], parts: list[pd.DataFrame], columns: Mapping[str, ColumnSource]
) -> list[TextTable]:
    """The rows of each part by the file they are from; what was noticed is told once."""
    tables = []
    for number, part in enumerate(parts):
        for place, text in enumerate(texts):
            rows = part.loc[part["_file"] == place].set_index("_row")[list(columns)]
            told: dict[str, Any] = (
                {} if number == 0 else {"problems": [], "stopped": stopped_rows()}
            )
            tables.append(replace(text, rows=rows.rename_axis(index="row"), **told))
    return tables
