"""Ids that were replaced by others: a coordination number that became a personal number.

``aliases.csv`` beside ``study.toml`` has two columns, ``old_id`` and ``new_id``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pandas as pd

from hfcore.clean.rules import problem
from hfcore.clean.source_reading import read_source
from hfcore.errors import Problem
from hfcore.identifiers import normal_ids
from hfcore.study import ColumnSource, Source

FILE = "aliases.csv"
_MAPPING = {"old": ColumnSource("old_id"), "new": ColumnSource("new_id")}


def read_aliases(folder: Path, cutoff: date) -> tuple[dict[str, str], list[Problem]]:
    """Each old id with the id that it became in the end, both normal; empty without a file."""
    if not (folder / FILE).is_file():
        return {}, []
    text = read_source(folder / FILE, Source(table="", files=(FILE,), columns=_MAPPING))
    problems = list(text.problems)
    if not len(text.rows):
        return {}, problems
    old = normal_ids(text.rows["old_id"].str.strip(), None, cutoff)
    new = normal_ids(text.rows["new_id"].str.strip(), None, cutoff)
    refused = old["id"].isna() | new["id"].isna()
    pairs = pd.DataFrame({"old": old["id"], "new": new["id"]}).loc[~refused].drop_duplicates()
    problems += _noted("E-ID", text.rows.index[refused])
    twice = pairs["old"].duplicated(keep=False)
    steps = dict(zip(pairs.loc[~twice, "old"], pairs.loc[~twice, "new"], strict=True))
    ends = {each: _follow(each, steps) for each in steps}
    lost = pairs["old"].isin([each for each, end in ends.items() if end is None])
    problems += _noted("E-ALIAS", pairs.index[twice | lost])
    return {each: end for each, end in ends.items() if end is not None}, problems


def _noted(rule: str, rows: pd.Index) -> list[Problem]:
    return [problem(rule, FILE, rows=rows)] if len(rows) else []


def _follow(start: str, steps: Mapping[str, str]) -> str | None:
    """Where a chain of replacements ends; None where it goes in a circle."""
    seen, at = {start}, steps[start]
    while at in steps:
        if at in seen:
            return None
        seen.add(at)
        at = steps[at]
    return at


def follow_aliases(ids: pd.Series, aliases: Mapping[str, str]) -> tuple[pd.Series, pd.Series]:
    """The ids that replaced ids became, and which were replaced.

    >>> follow_aliases(pd.Series(["A", "B"]), {"A": "C"})[0].tolist()
    ['C', 'B']
    """
    if not aliases:
        return ids, pd.Series(False, ids.index)
    became = ids.map(aliases).astype("str")
    return became.fillna(ids), became.notna()
