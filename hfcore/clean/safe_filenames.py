"""What may be told of the name of a raw file, for names of files can be names of people.

Told are words that ``study.toml`` names in its patterns, a few that any export may have, and
numbers that are years, months or parts. The rest is left out, and the file is told by its place
among the municipality's files in the order of their names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from hfcore.clean.rules import harmless
from hfcore.study import Source

USUAL = "csv txt tsv xlsx xls ods json del part kopia copy export utdrag ny version v kv kvartal"
LEAST_LETTERS = 3
_LEFT_OUT = "…"
_YEAR, _MONTH = r"20\d\d", r"(?:0[1-9]|1[0-2])"
_TOLD_NUMBERS = re.compile(rf"\d{{0,2}}|{_YEAR} ?\d{{0,2}}|[0-3]\d{_MONTH}")
_RUNS = re.compile(r"(?P<letters>[^\W\d_]+)|(?P<digits>\d+)|(?P<mark>[ _.()-])|(?P<other>.)", re.S)


def public_name(folder: Path, path: Path, sources: Iterable[Source]) -> str:
    """The name of a file below a municipality's folder as messages and accounts may tell it.

    >>> from pathlib import Path
    >>> source = Source("persons", ("personer*.csv",), {})
    >>> public_name(Path("1290"), Path("1290/personer 2021-03.csv"), [source])
    '1290/personer 2021-03.csv'
    >>> public_name(Path("1290"), Path("1290/personer Anna A.csv"), [source])
    '1290/personer ….csv'
    """
    own, patterns = path.relative_to(folder).as_posix(), [p for s in sources for p in s.files]
    words = {*USUAL.split(), *(word for pattern in patterns for word in _words(pattern))}
    is_named = own in patterns
    told = own if is_named else "/".join(_told_part(part, words) for part in own.split("/"))
    place = "" if is_named or _LEFT_OUT not in told else _place(folder, path)
    return f"{folder.name}/{harmless(told)}{place}"


def _words(pattern: str) -> list[str]:
    literal = re.sub(r"\[[^\]]*\]", "*", unicodedata.normalize("NFC", pattern).casefold())
    return re.findall(r"[^\W\d_]+", literal)


def _told_part(part: str, words: set[str]) -> str:
    """One part of a path without the words and numbers that nobody expects."""
    name = unicodedata.normalize("NFC", part)
    is_number_told = _TOLD_NUMBERS.fullmatch(" ".join(re.findall(r"\d+", name)))

    def told(run: re.Match) -> str:
        if run["letters"]:
            return _told_word(run["letters"], words)
        if run["digits"]:
            return run["digits"] if is_number_told else _LEFT_OUT
        return run["mark"] or _LEFT_OUT

    return re.sub(rf"{_LEFT_OUT}(?:[ _()-]*{_LEFT_OUT})+", _LEFT_OUT, _RUNS.sub(told, name))


def _told_word(word: str, words: set[str]) -> str:
    """A known word, or the known beginning of another (``ekbist`` of ``ekbistny``)."""
    small = word.casefold()
    if small in words:
        return word
    known = [each for each in words if len(each) >= LEAST_LETTERS and small.startswith(each)]
    return max(known, key=len, default="") + _LEFT_OUT


def _place(folder: Path, path: Path) -> str:
    """The place of a file among those of its municipality, by name."""
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    return f" (file {files.index(path) + 1})" if path in files else ""
