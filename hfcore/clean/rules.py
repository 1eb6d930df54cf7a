"""The rules that raw files are held to: code, what it says in English and Swedish, what to do.

``E-`` stops a file or a row (it goes to quarantine), ``W-`` goes on and is counted. A message may
hold words of the study definition, never what a cell held.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from hfcore.errors import MAX_ROWS_NAMED, Problem

MOST_FILES_NAMED = 3
# Causes that are told of a file as a whole.
ALONE = ("E-DUPLICATE file", "E-DUPLICATE bytes")
OF_FILES = (" file", " all", " bytes")
_PERSONAL = re.compile(r"\d{2}(?:\d{2})?[01]\d[0-9]\d[-+–\s]?[0-9A-Za-z]{4}|\d{7,}")
_MARKUP = str.maketrans(dict.fromkeys("<>&\"'`|;=\\", "_"))


class RefusedFileError(Exception):
    """A file that must not be opened, or cannot be; carries the rule's code and its words."""

    def __init__(self, rule: str, **words: str):
        super().__init__(rule)
        self.rule = rule
        # Any, since they fill keyword arguments of several types.
        self.words: dict[str, Any] = dict(words)


@cache
def rules() -> dict[str, dict[str, str]]:
    """The message of each rule by language, from ``rules.toml``."""
    path = files("hfcore.clean") / "rules.toml"
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


def code_of(rule: str) -> str:
    """The code of a rule, without the words that tell its causes apart."""
    return rule.partition(" ")[0]


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
    """One broken rule with its two messages; ``words`` fill the blanks of the message.

    Words behind the code tell causes of one rule apart (``E-RANGE far``); the code is told alone.
    """
    parts = (rule,) if rule in ALONE else dict.fromkeys((code_of(rule), rule))
    texts = [rules()[each] for each in parts]
    messages = {k: " ".join(each[k] for each in texts) for k in ("en", "sv")}
    numbers = [] if rule.endswith(OF_FILES) else sorted({int(row) for row in rows})
    return Problem(
        code_of(rule),
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


def sentences(problems: Sequence[Problem], language: str = "en") -> list[str]:
    """Problems as lines, one a place; what many files have in common is told once for all.

    >>> each = [Problem("W-TOTAL", f"{code}/a.csv", "Left out.", "", rows=(9,), count=1)
    ...         for code in ("0114", "0115", "0117", "0120")]
    >>> sentences(each[:1]) + sentences(each)
    ['W-TOTAL 0114/a.csv, row 9: Left out.', 'W-TOTAL 4 files (0114/a.csv, 0115/a.csv, 0117/a.csv \
    and 1 more), 4 rows: Left out.']
    """
    alike: dict[tuple, list[Problem]] = {}
    for each in problems:
        alike.setdefault((each.rule, each.column, each.message), []).append(each)
    told = []
    for group in alike.values():
        if len(group) <= MOST_FILES_NAMED:
            told += [each.sentence(language) for each in group]
        else:
            told.append(_common(group, language))
    return told


def _common(group: Sequence[Problem], language: str) -> str:
    """One line for what many files have in common."""
    words = {
        "sv": "{files} filer ({named} och {more} till), {rows} rader",
        "en": "{files} files ({named} and {more} more), {rows} rows",
    }[language]
    place = words.format(
        files=len(group),
        named=", ".join(each.file for each in group[:MOST_FILES_NAMED]),
        more=len(group) - MOST_FILES_NAMED,
        rows=sum(each.count for each in group),
    )
    return replace(group[0], file=place, sheet="", rows=()).sentence(language)


def most_important_first(problems: Sequence[Problem]) -> list[Problem]:
    """Problems in the order in which to mend them.

    First what stops a whole file, then what stops rows (the most rows first, and last those that
    follow from another row), then warnings.
    """

    def weight(each: Problem) -> tuple:
        place = (each.municipality, each.table, each.file, each.sheet, each.column)
        follows = each.rule == "E-REFERENCE"
        return (each.weight, follows, -each.count, each.rule, *place, each.rows)

    return sorted(problems, key=weight)
