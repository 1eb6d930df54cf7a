"""Which raw files the patterns of a source name, which may not be read, and which nobody named."""

from __future__ import annotations

import unicodedata
from fnmatch import fnmatchcase
from pathlib import Path

from hfcore.clean.rules import harmless, problem
from hfcore.clean.safe_filenames import public_name
from hfcore.errors import Problem
from hfcore.study import Source, Study

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
