"""What a reader would try on the texts of protected rows; ``attacks`` lists them with the rest."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

from hfcore.study import Publication
from hfpublish.disclosure.text_rules import SINGLE_UNITS

_FREE_TEXT = re.compile(r"[\n\r\t]|@\w|\w@|https?:|\d{6}[-+ ]?\d{4}|(?:\S+ ){4}\S|.{161}")
_FORMULA = re.compile(r"[=+\-@\t\r]")


def single_units(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """11: a figure of one household, person or worker."""
    is_told = rows["estimate"].notna() | rows["level"].ne("")
    return rows["dimension"].isin(SINGLE_UNITS) & is_told


def free_texts(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """13: a text that somebody wrote."""
    found = _match(
        rows, ("variant", "dimension", "level", "cause", "period", "method"), _FREE_TEXT.search
    )
    return found & rows["kind"].ne("plain")


def formulas(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """14: a text that a spreadsheet would run."""
    return _match(
        rows, ("variant", "raw_dimension", "raw_level", "cause", "period", "method"), _FORMULA.match
    )


def _match(rows: pd.DataFrame, columns: tuple[str, ...], is_bad: Callable) -> pd.Series:
    """Which rows have a bad text in one of the columns; each different text is tried once."""
    found = pd.Series(False, index=rows.index)
    for column in columns:
        bad = [text for text in rows[column].unique() if is_bad(text)]
        found |= rows[column].isin(bad)
    return found
