"""A workbook's package, looked at before any reader opens it.

Sizes are checked from the directory and again while unpacking (a directory may lie); entities are
refused; hidden rows, formulas without a saved result and links to other files are noted.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree
from xml.parsers import expat

MAX_FILE_BYTES = 200_000_000
MAX_TEXT_BYTES = 5 * MAX_FILE_BYTES
MAX_UNPACKED_BYTES = 400_000_000
MAX_MEMBERS = 2_000
MAX_RATIO = 150
FREE_RATIO_BYTES = 5_000_000
_CHUNK = 1 << 18
_OVERLAP = 32
_ENTITY = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_REMARKABLE = re.compile(rb"<(?:\w+:)?f[\s/>]|\shidden\s*=")
_SHEET_PART = re.compile(r"/?xl/worksheets/[^/]+\.xml")


class RefusedFileError(Exception):
    """A file that must not be opened, or cannot be; carries the rule's code and its words."""

    def __init__(self, rule: str, **words: str):
        super().__init__(rule)
        self.rule, self.words = rule, words


@dataclass
class SheetMarks:
    """What a sheet holds beside its values: hidden rows and bare formulas, places from 0."""

    hidden_rows: list[int] = field(default_factory=list)
    bare_formulas: set[tuple[int, int]] = field(default_factory=set)


@dataclass(frozen=True)
class Package:
    """What was seen in a package, marks by the sheet's name."""

    marks: dict[str, SheetMarks] = field(default_factory=dict)
    has_links: bool = False


def look_into(path: Path) -> Package:
    """Look at a package without opening it in a reader; RefusedFileError where it is unsafe.

    Files of the older kind without a package (.xls) pass with their size alone.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise RefusedFileError("E-SIZE")
    if not zipfile.is_zipfile(path):
        return Package()
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
            marks[member.filename] = _sheet_marks(file, member)
    links = any(name.startswith("xl/externalLinks/") for name in by_name)
    names = _sheet_names(file, by_name) if "xl/workbook.xml" in by_name else {}
    return Package({names.get(part, part): each for part, each in marks.items()}, links)


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


def _sheet_marks(file: BinaryIO, member: zipfile.ZipInfo) -> SheetMarks:
    """Hidden rows and formulas without a saved result of one sheet."""
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
            state.has_formula = state.has_value = False
        elif name == "f":
            state.has_formula = True
        state.is_value = name in ("v", "t")

    def end(tag: str) -> None:
        if tag.rpartition("}")[2] == "c" and state.has_formula and not state.has_value:
            marks.bare_formulas.add((state.row, state.column))
        state.is_value = False

    def text(characters: str) -> None:
        state.has_value |= state.is_value and bool(characters)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    for part in _unpacked(file, member):
        parser.Parse(part)
    parser.Parse(b"", True)
    return marks


@dataclass
class _Cell:
    row: int = -1
    column: int = -1
    has_formula: bool = False
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
