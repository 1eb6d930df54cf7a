"""Excel workbook → the texts of one sheet.

The reader runs in a process of its own with bounded memory and time, so that no file, however
broken, takes the ingest down with it: ``python -m hfcore.clean.workbooks FILE SHEET DECIMAL
SIZE`` prints the cells as JSON. Few bytes may stand for very many cells, so that memory and time
are bounded by the bytes that there are.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from hfcore.clean.archive_checks import Package, RefusedFileError, SheetMarks, look_into

MAX_MEMORY_BYTES, MAX_SECONDS = 2_000_000_000, 120
# What reading takes at the start, and for each byte of a large honest workbook (about a third).
FREE_MEMORY_BYTES, MEMORY_PER_BYTE = 100_000_000, 40
FREE_SECONDS, BYTES_PER_SECOND = 5, 2_000_000
_PERSONAL_NUMBER = re.compile(r"(?<!\d)\d{6}(?:\d\d)?[-+]?\d{4}(?!\d)")


@dataclass(frozen=True)
class Grid:
    """The cells of one sheet as texts, row by row.

    ``numeric`` holds the places (row, column from 0) of cells that were numbers and not text,
    ``place`` is the sheet's among the visible ones, ``unread`` has name and place of those with
    cells that nobody asked for.
    """

    sheet: str
    cells: list[list[str]]
    numeric: set[tuple[int, int]]
    marks: SheetMarks
    hidden_sheets: int
    package: Package
    place: int = 1
    unread: tuple[tuple[str, int], ...] = ()


def read_grid(path: Path, sheet: str, decimal: str) -> Grid:
    """Read one named sheet, or the first visible one where ``sheet`` is empty, as texts."""
    return read_grids(path, sheet, decimal)[0]


def read_grids(path: Path, sheet: str | Sequence[str], decimal: str) -> list[Grid]:
    """Read the named sheets (``*``: all visible ones; empty: the first of them) as texts.

    Numbers get the declared decimal mark, dates their ISO form. Raises RefusedFileError for a file
    that is too large, unpacks to too much, declares entities, hides personal numbers on a hidden
    sheet, lacks the sheet or is no workbook.
    """
    package = look_into(path)
    found = _read_apart(path, json.dumps(sheet), decimal, package.size)
    if found.get("refused"):
        raise RefusedFileError(found["refused"], format="excel")
    return [
        Grid(
            each["sheet"],
            each["cells"],
            {(row, column) for row, column in each["numeric"]},
            package.marks.get(each["sheet"], SheetMarks()),
            found["hidden_sheets"],
            package,
            each["place"],
            tuple(map(tuple, found["unread"])),
        )
        for each in found["sheets"]
    ]


def _read_apart(path: Path, sheet: str, decimal: str, size: int) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "hfcore.clean.workbooks",
        str(path.resolve()),
        sheet,
        decimal,
        str(size),
    ]
    home = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(command, capture_output=True, timeout=MAX_SECONDS, cwd=home)
    except subprocess.TimeoutExpired:
        raise RefusedFileError("E-SIZE") from None
    if done.returncode < 0 or b"MemoryError" in done.stderr or b"overflow" in done.stderr:
        raise RefusedFileError("E-SIZE")
    if done.returncode:
        raise RefusedFileError("E-FORMAT", format="excel")
    return json.loads(done.stdout)


def _read_here(path: str, sheet: str, decimal: str) -> dict[str, Any]:
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    book = CalamineWorkbook.from_path(path)
    kinds = [each for each in book.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]
    visible = [each.name for each in kinds if each.visible == SheetVisibleEnum.Visible]
    hidden = [each.name for each in kinds if each.name not in visible]
    asked = json.loads(sheet)
    chosen = (visible if asked == "*" else [asked] if isinstance(asked, str) else asked) or [""]
    chosen = [each or (visible[0] if visible else "") for each in chosen]
    if not set(chosen) <= set(visible):
        return {"refused": "E-SHEET"}
    if any(_has_personal_numbers(book, name) for name in hidden):
        return {"refused": "E-HIDDEN"}
    others = [name for name in visible if name not in chosen]
    unread = [
        (name, visible.index(name) + 1) for name in others if book.get_sheet_by_name(name).height
    ]
    sheets = [
        _cells_of(book, name, decimal) | {"place": visible.index(name) + 1} for name in chosen
    ]
    # Of all sheets, the empty ones say nothing.
    sheets = [each for each in sheets if each["cells"]] or sheets[:1]
    return {"sheets": sheets, "unread": unread, "hidden_sheets": len(hidden)}


def _cells_of(book: Any, sheet: str, decimal: str) -> dict[str, Any]:
    rows = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    numeric = [
        (r, c)
        for r, row in enumerate(rows)
        for c, value in enumerate(row)
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    cells = [[cell_text(value, decimal) for value in row] for row in rows]
    return {"sheet": sheet, "cells": cells, "numeric": numeric}


def _has_personal_numbers(book: Any, sheet: str) -> bool:
    rows = book.get_sheet_by_name(sheet).to_python()
    return any(_PERSONAL_NUMBER.search(cell_text(v, ",")) for row in rows for v in row)


def cell_text(value: object, decimal: str) -> str:
    """A cell as text: numbers with the declared decimal mark, days as ISO.

    >>> [cell_text(each, ",") for each in (12.5, 3.0, date(2021, 5, 1), True, None)]
    ['12,5', '3', '2021-05-01', 'true', '']
    """
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12f}".rstrip("0").rstrip(".").replace(".", decimal)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time | timedelta):
        return str(value)
    return str(value)


def _bound(size: int) -> None:
    """Bound memory and time of this process by the bytes to read, where the system can."""
    try:
        import resource
    except ImportError:
        return
    memory = min(MAX_MEMORY_BYTES, FREE_MEMORY_BYTES + MEMORY_PER_BYTE * size)
    seconds = min(MAX_SECONDS, FREE_SECONDS + size // BYTES_PER_SECOND)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _bound(int(sys.argv[4]))
    json.dump(_read_here(*sys.argv[1:4]), sys.stdout)
