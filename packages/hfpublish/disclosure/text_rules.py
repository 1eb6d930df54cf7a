"""The rules for texts: codes and names only, of nobody alone, that no spreadsheet would run."""

from __future__ import annotations

import pandas as pd

from hfcore.study import Publication
from hfpublish.disclosure.protection import withhold

SINGLE_UNITS = ("household", "person", "worker", "id", "case")
TEXTS = ("metric", "variant", "group", "dimension", "level", "cause", "period", "unit", "method")
MAX_TEXT, MAX_WORDS = 160, 4
_CODE = r"[\w .,:;+<>=/()–…%&'-]*"
_LONG_NUMBER = r"\d{6}[-+ ]?\d{4}|\d{8,}"


def no_single_units(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 11: nothing is told of one household, person or worker, so no figure can draw one."""
    single = rows["dimension"].isin(SINGLE_UNITS)
    return withhold(rows.assign(level=rows["level"].mask(single, "")), single)


def codes_only(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 13: texts are short codes and names; anything else is taken out with its figure.

    A text of more than one line, of more than four words or 160 characters, or with a long number
    is free text; names of published figures may be longer.
    """
    bad = pd.Series(False, index=rows.index)
    for column in TEXTS:
        fits = rows[column].str.fullmatch(_CODE) & rows[column].str.len().le(MAX_TEXT)
        fits &= rows[column].str.count(" ").lt(MAX_WORDS) | rows["kind"].eq("plain")
        odd = ~fits | rows[column].str.contains(_LONG_NUMBER)
        bad |= odd
        rows = rows.assign(**{column: rows[column].mask(odd, "")})
    return withhold(rows, bad)


def escaped_texts(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 14: a text that a spreadsheet would take for a formula begins with an apostrophe."""
    return rows.assign(**{column: escaped(rows[column]) for column in TEXTS})


def escaped(texts: pd.Series) -> pd.Series:
    """Texts with an apostrophe before a leading =, +, -, @, tab or line break.

    >>> escaped(pd.Series(["=1+1", "work"])).tolist()
    ["'=1+1", 'work']
    """
    return texts.mask(texts.str.match(r"[=+\-@\t\r]").fillna(False), "'" + texts)
