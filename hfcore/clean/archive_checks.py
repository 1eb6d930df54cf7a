"""A raw file, looked at before any reader opens it: what it is, how large, what a sheet holds.

Sizes are checked from a package's directory and again while unpacking (a directory may lie);
entities are refused; hidden rows, formulas without a result, errors and links are noted.
"""

from __future__ import annotations

import gzip
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree
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


MAX_FILE_BYTES = 200_000_000
MAX_TEXT_BYTES = 5 * MAX_FILE_BYTES
MAX_UNPACKED_BYTES = 400_000_000
MAX_MEMBERS = 2_000
MAX_RATIO = 150
FREE_RATIO_BYTES = 5_000_000
LOOKED_AT = 65_536
# What a file is by how it begins; SAS, SPSS and Stata are named so that one knows what to export.
FIRST_BYTES = (
    (b"PAR1", "parquet"),
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old"),
    (b"$FL2", "spss"),
    (b"$FL3", "spss"),
    (b"<stata_dta>", "stata"),
    *((bytes([number, order, 1, 0]), "stata") for number in range(0x6C, 0x76) for order in (1, 2)),
    (b"\0" * 12 + b"\xc2\xea\x81\x60", "sas"),
    (b"%PDF", "pdf"),
    (b"ARROW1", "arrow"),
)
KINDS = {
    "excel": "Excel",
    "text": "CSV",
    "spss": "SPSS (.sav)",
    "stata": "Stata (.dta)",
    "sas": "SAS (.sas7bdat)",
    "pdf": "PDF",
    "html": "HTML/XML",
    "arrow": "Arrow",
    "gzip": "gzip",
    "zip": "ZIP",
    "parquet": "Parquet",
}
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_TEXT_BYTES = bytes([9, 10, 12, 13, *range(32, 256)])
_CHUNK = 1 << 18
_OVERLAP = 32
_ENTITY = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_REMARKABLE = re.compile(rb"<(?:\w+:)?f[\s/>]|\shidden\s*=|\st\s*=\s*[\"']e[\"']")
OPEN_DOCUMENT = "content.xml"
_SHEET_PART = re.compile(r"/?xl/worksheets/[^/]+\.xml")


@dataclass(frozen=True)
class Package:
    """What was seen in a package, marks by the sheet's name; ``size`` is its bytes unpacked.

    ``is_old`` is a file of the older kind, which is no package and has no marks.
    """

    marks: dict[str, SheetMarks] = field(default_factory=dict)
    has_links: bool = False
    size: int = 0
    is_old: bool = False


def look_into(path: Path) -> Package:
    """Look at a package without opening it in a reader; RefusedFileError where it is unsafe.

    Files of the older kind without a package (.xls) pass with their size alone.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise RefusedFileError("E-SIZE")
    if not zipfile.is_zipfile(path):
        return Package(size=path.stat().st_size, is_old=True)
    try:
        with zipfile.ZipFile(path) as package, path.open("rb") as file:
            members = package.infolist()
            _check_sizes(members)
            return _look_at(file, members)
    except RefusedFileError:
        raise
    except Exception:
        # A broken package breaks in as many ways as there are bytes.
        raise RefusedFileError("E-FORMAT", format="excel") from None


def kind_of(path: Path) -> str:
    """What a file is by its first bytes: a key of `KINDS`; empty where they do not tell."""
    with path.open("rb") as file:
        start = file.read(LOOKED_AT)
        found = next((kind for mark, kind in FIRST_BYTES if start.startswith(mark)), "")
        if found == "old":
            return "password" if _ENCRYPTED in start + file.read(MAX_FILE_BYTES) else "excel"
    if found == "zip":
        # A broken package is taken for a workbook, whose reader says so.
        try:
            with zipfile.ZipFile(path) as package:
                names = package.namelist()
        except Exception:
            return "excel"
        is_book = any(n in (OPEN_DOCUMENT, "[Content_Types].xml") or n[:3] == "xl/" for n in names)
        return "excel" if is_book or len(names) != 1 else "zip"
    lowered = start[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not found and lowered.startswith((b"<!doctype html", b"<html", b"<table", b"<?xml")):
        return "html"
    is_text = bool(start) and not found and not start.translate(None, _TEXT_BYTES)
    return "text" if is_text else found


def unpacked_text(path: Path, kind: str) -> bytes:
    """The one text file that a gzip or zip archive holds, unpacked within bounds."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise RefusedFileError("E-SIZE")
    try:
        if kind == "gzip":
            with gzip.open(path) as file:
                raw = file.read(
                    min(MAX_UNPACKED_BYTES, MAX_RATIO * path.stat().st_size + FREE_RATIO_BYTES)
                )
                if file.read(1):
                    raise RefusedFileError("E-SIZE")
                return raw
        with zipfile.ZipFile(path) as package, path.open("rb") as file:
            _check_sizes(package.infolist())
            return b"".join(_unpacked(file, package.infolist()[0]))
    except RefusedFileError:
        raise
    except Exception:
        raise RefusedFileError("E-FORMAT", format=kind) from None


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    steep = any(
        each.file_size > FREE_RATIO_BYTES and each.file_size > MAX_RATIO * each.compress_size
        for each in members
    )
    unpacked = sum(each.file_size for each in members)
    if steep or unpacked > MAX_UNPACKED_BYTES or len(members) > MAX_MEMBERS:
        raise RefusedFileError("E-SIZE")


def _look_at(file: BinaryIO, members: list[zipfile.ZipInfo]) -> Package:
    by_name = {each.filename: each for each in members}
    marks = {}
    for member in members:
        remarkable = _has_remarkable(file, member)
        if _SHEET_PART.fullmatch(member.filename) and remarkable:
            marks[member.filename] = sheet_marks(_unpacked(file, member))
    size = sum(each.file_size for each in members)
    if "xl/workbook.xml" not in by_name and OPEN_DOCUMENT in by_name:
        return Package(*open_document_marks(_unpacked(file, by_name[OPEN_DOCUMENT])), size)
    links = any(name.startswith("xl/externalLinks/") for name in by_name)
    names = _sheet_names(file, by_name) if "xl/workbook.xml" in by_name else {}
    return Package({names.get(part, part): each for part, each in marks.items()}, links, size)


def _unpacked(file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of a member, never more than its directory entry promises."""
    file.seek(member.header_offset)
    name_length, extra_length = struct.unpack("<26xHH", file.read(30))
    file.seek(name_length + extra_length, 1)
    if member.flag_bits & 1 or member.compress_type not in (
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
    ):
        raise RefusedFileError("E-FORMAT", format="excel")
    inflate = zlib.decompressobj(-15) if member.compress_type == zipfile.ZIP_DEFLATED else None
    packed, total = member.compress_size, 0
    while packed > 0:
        raw = file.read(min(_CHUNK, packed))
        if not raw:
            raise EOFError
        packed -= len(raw)
        while raw:
            part = inflate.decompress(raw, _CHUNK) if inflate else raw
            raw = inflate.unconsumed_tail if inflate else b""
            total += len(part)
            if total > member.file_size:
                raise RefusedFileError("E-SIZE")
            yield part


def _has_remarkable(file: BinaryIO, member: zipfile.ZipInfo) -> bool:
    """Whether a part has formulas or hidden rows; RefusedFileError where it declares entities."""
    rest, found = b"", False
    for part in _unpacked(file, member):
        window = rest + part
        if _ENTITY.search(window.replace(b"\0", b"")) and _is_markup(member.filename):
            raise RefusedFileError("E-XML")
        found = found or bool(_REMARKABLE.search(window))
        rest = window[-_OVERLAP:]
    return found


def _is_markup(name: str) -> bool:
    return name.lower().endswith((".xml", ".rels", ".vml"))


def _sheet_names(file: BinaryIO, by_name: dict[str, zipfile.ZipInfo]) -> dict[str, str]:
    """The name of the sheet that each part holds."""
    relations = by_name.get("xl/_rels/workbook.xml.rels")
    if relations is None:
        return {}
    targets = {
        each.get("Id"): each.get("Target", "")
        for each in ElementTree.fromstring(b"".join(_unpacked(file, relations)))
    }
    book = ElementTree.fromstring(b"".join(_unpacked(file, by_name["xl/workbook.xml"])))
    names = {}
    for sheet in book.iter():
        if sheet.tag.rpartition("}")[2] == "sheet":
            ids = [value for key, value in sheet.attrib.items() if key.endswith("}id")]
            target = targets.get(ids[0] if ids else "", "")
            part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            names[part] = sheet.get("name", "")
    return names
