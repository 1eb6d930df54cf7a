"""The rules that raw files are held to: code, what it says in English and Swedish, what to do.

``E-`` stops a file or a row (it goes to quarantine), ``W-`` goes on and is counted. A message may
hold words of the study definition, never what a cell held.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from hfcore.errors import MAX_ROWS_NAMED, Problem

_PERSONAL = re.compile(r"\d{2}(?:\d{2})?[01]\d[0-9]\d[-+–\s]?[0-9A-Za-z]{4}|\d{7,}")
_MARKUP = str.maketrans(dict.fromkeys("<>&\"'`|;=\\", "_"))


class RefusedFileError(Exception):
    """A file that must not be opened, or cannot be; carries the rule's code and its words."""

    def __init__(self, rule: str, **words: str):
        super().__init__(rule)
        self.rule, self.words = rule, words


@cache
def rules() -> dict[str, dict[str, str]]:
    """The message of each rule by language, from ``rules.toml``."""
    path = files("hfcore.data_in") / "rules.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def harmless(name: object, length: int = 60) -> str:
    """A name from outside (file, sheet, header) that can stand in any text.

    Markup, control and direction characters and what may be a personal number are taken out.

    >>> harmless("../<b>kvar</b> 19850712-1234.csv")
    '.._/_b_kvar_/b_ ….csv'
    """
    parts = (unicodedata.normalize("NFKC", part) for part in str(name).split("…"))
    text = "…".join(parts).translate(_MARKUP)
    text = text.replace("../", ".._/")
    text = "".join(
        c for c in text if unicodedata.category(c)[0] not in "C" and c not in "\u2028\u2029"
    )
    text = _PERSONAL.sub("…", text).lstrip("+-@ ")
    return text if len(text) <= length else text[: length - 1] + "…"


def problem(
    rule: str,
    file: str,
    *,
    sheet: str = "",
    column: str = "",
    rows: Iterable[int] = (),
    count: int | None = None,
    table: str = "",
    municipality: str = "",
    **words: str,
) -> Problem:
    """One broken rule with its two messages; ``words`` fill the blanks of the message."""
    messages = rules()[rule]
    numbers = sorted({int(row) for row in rows})
    return Problem(
        rule,
        file,
        messages["en"].format(**words),
        messages["sv"].format(**words),
        sheet=sheet,
        column=column,
        rows=tuple(numbers[:MAX_ROWS_NAMED]),
        count=len(numbers) if count is None else int(count),
        table=table,
        municipality=municipality,
    )


def most_important_first(problems: Sequence[Problem]) -> list[Problem]:
    """Problems in the order in which to mend them.

    First what stops a whole file, then what stops rows (the most rows first), then warnings.
    """

    def weight(each: Problem) -> tuple:
        place = (each.municipality, each.table, each.file, each.sheet, each.column)
        return (each.weight, -each.count, each.rule, *place, each.rows)

    return sorted(problems, key=weight)
