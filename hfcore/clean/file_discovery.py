"""Which raw files the patterns of a source name, and what may be told of the name of a file.

Names of files can be names of people. Told are words that ``study.toml`` names in its patterns, a
few that any export may have, and numbers that are years, months or parts. The rest is left out, and
the file is told by its place among the municipality's files in the order of their names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from hfcore.clean.rules import harmless, problem
from hfcore.errors import Problem
from hfcore.study import Source, Study

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


NEEDED_TABLES = ("households", "persons", "payments")


def find_files(folder: Path, source: Source, study: Study) -> tuple[list[Path], list[Problem]]:
    """The files that a source's patterns name, in order, and those that may not be read."""
    found, refused = set(), []
    home = folder.resolve()
    for pattern in source.files:
        for path in _named(folder, pattern):
            if path.is_dir():
                continue
            if path.is_symlink() or not path.is_file() or home not in path.resolve().parents:
                name = public_name(folder, path, study.sources)
                refused.append(problem("E-PATH", name, table=source.table))
            else:
                found.add(path)
    if not found and not refused:
        rule = "E-MISSING" if source.table in NEEDED_TABLES else "W-MISSING"
        pattern = harmless(", ".join(source.files))
        refused.append(problem(rule, f"{folder.name}/", pattern=pattern, table=source.table))
    return sorted(found), refused


def _named(folder: Path, pattern: str) -> list[Path]:
    """The files that a pattern names, whatever the case and composition of their letters."""
    wanted = unicodedata.normalize("NFC", pattern).casefold().split("/")
    if "**" in wanted:
        return list(folder.glob(pattern))

    def fits(path: Path) -> bool:
        own = unicodedata.normalize("NFC", path.relative_to(folder).as_posix()).casefold()
        parts = own.split("/")
        return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))

    return [path for path in folder.rglob("*") if fits(path)]


def unused_files(folder: Path, used: set[Path], study: Study, municipality: str) -> list[Problem]:
    """A warning for each file of a municipality that no source named."""
    left = sorted(path for path in folder.rglob("*") if path.is_file() and path not in used)
    return [
        problem("W-UNUSED", public_name(folder, path, study.sources), municipality=municipality)
        for path in left
        if not path.name.startswith(".")
    ]
