"""What a sheet holds beside its values: hidden rows, formulas without a result, errors, links."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.parsers import expat

from hfcore.clean.rules import RefusedFileError

# An OpenDocument cell, row or blank may say that it stands so many times.
MAX_REPEATED_CELLS = 1_000_000
MAX_REPEATED_BLANKS = 1_000


@dataclass
class SheetMarks:
    """What a sheet holds beside its values: hidden rows and bare formulas, places from 0."""

    hidden_rows: list[int] = field(default_factory=list)
    bare_formulas: set[tuple[int, int]] = field(default_factory=set)


def sheet_marks(parts: Iterable[bytes]) -> SheetMarks:
    """Hidden rows and formulas without a saved result of one sheet of an Excel workbook."""
    marks, state = SheetMarks(), _Cell()
    parser = expat.ParserCreate(namespace_separator="}")

    def start(tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if name == "row":
            state.row = int(attributes.get("r", state.row + 2)) - 1
            state.column = -1
            if attributes.get("hidden") in ("1", "true"):
                marks.hidden_rows.append(state.row)
        elif name == "c":
            state.column = _column(attributes.get("r", ""), state.column + 1)
            # An error is no value: what it hides is unknown.
            state.is_error = attributes.get("t") == "e"
            state.has_formula = state.has_value = False
        elif name == "f":
            state.has_formula = True
        state.is_value = name in ("v", "t")

    def end(tag: str) -> None:
        is_bare = state.is_error or (state.has_formula and not state.has_value)
        if tag.rpartition("}")[2] == "c" and is_bare:
            marks.bare_formulas.add((state.row, state.column))
        state.is_value = False

    def text(characters: str) -> None:
        state.has_value |= state.is_value and bool(characters)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    for part in parts:
        parser.Parse(part)
    parser.Parse(b"", True)
    return marks


@dataclass
class _Cell:
    row: int = -1
    column: int = -1
    has_formula: bool = False
    is_error: bool = False
    has_value: bool = False
    is_value: bool = False


def _column(reference: str, otherwise: int) -> int:
    letters = re.match(r"[A-Z]{1,3}", reference)
    if not letters:
        return otherwise
    number = 0
    for letter in letters.group():
        number = number * 26 + ord(letter) - 64
    return number - 1


@dataclass
class _Row:
    """The row under work of an OpenDocument sheet; ``first`` counts from 0."""

    first: int = 0
    repeated: int = 1
    is_hidden: bool = False
    column: int = 0
    filled: int = 0


def open_document_marks(parts: Iterable[bytes]) -> tuple[dict[str, SheetMarks], bool]:
    """Hidden rows and formulas without a saved result by sheet, and whether others are linked.

    Raises RefusedFileError where few bytes repeat into very many cells or blanks.
    """
    sheets: dict[str, SheetMarks] = {}
    seen = {"cells": 0, "links": 0}
    state = {"sheet": SheetMarks(), "row": _Row()}
    parser = expat.ParserCreate()

    def start(tag: str, given: dict[str, str]) -> None:
        row = state["row"]
        if tag == "table:table":
            state["sheet"] = sheets.setdefault(given.get("table:name", ""), SheetMarks())
            state["row"] = _Row()
        elif tag == "table:table-row":
            hidden = given.get("table:visibility", "visible") != "visible"
            repeated = int(given.get("table:number-rows-repeated", 1))
            state["row"] = _Row(row.first, repeated, hidden)
        elif tag in ("table:table-cell", "table:covered-table-cell"):
            _note_cell(state["sheet"], row, given)
        elif tag == "text:s" and int(given.get("text:c", 1)) > MAX_REPEATED_BLANKS:
            raise RefusedFileError("E-SIZE")
        seen["links"] += tag == "table:cell-range-source" or tag == "table:table-source"

    def end(tag: str) -> None:
        row = state["row"]
        if tag != "table:table-row":
            return
        seen["cells"] += row.filled * row.repeated if row.repeated > 1 else 0
        if max(seen["cells"], row.filled) > MAX_REPEATED_CELLS:
            raise RefusedFileError("E-SIZE")
        if row.is_hidden and row.filled:
            state["sheet"].hidden_rows.extend(range(row.first, row.first + row.repeated))
        state["row"] = _Row(row.first + row.repeated)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    for part in parts:
        parser.Parse(part)
    parser.Parse(b"", True)
    return sheets, bool(seen["links"])


def _note_cell(sheet: SheetMarks, row: _Row, given: dict[str, str]) -> None:
    repeated = int(given.get("table:number-columns-repeated", 1))
    has_value = "office:value-type" in given and given.get("calcext:value-type") != "error"
    if (given.get("table:formula") or "calcext:value-type" in given) and not has_value:
        sheet.bare_formulas.add((row.first, row.column))
    row.filled += repeated if has_value else 0
    row.column += repeated
