"""A delimited file that several municipalities share → its lines, parted block by block.

A block holds whole records, so that any block can be read again by itself. What is not cut here
is checked later, piece by piece, by the reader of any other file.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hfcore.data_in.delimited import MAX_LINES_A_RECORD, plain_columns, walk_lines
from hfcore.data_in.packages import RefusedFileError
from hfcore.data_in.reading import codec_name

BLOCK_BYTES = 16_000_000
HEAD_BYTES = 1_000_000
MAX_LINE_BYTES = 100_000_000
ELSEWHERE, UNNAMED, RAGGED, BLANK = "elsewhere", "unnamed", "ragged", "blank"
UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True)
class Head:
    """How a shared file begins, and where in a record the municipality stands.

    ``raw`` are the lines up to the header's, ``count`` says how many. ``codec`` is set where the
    bytes are not ASCII with more, ``start`` is where the first of these lines begins.
    """

    raw: bytes
    count: int
    width: int
    place: int
    separator: bytes
    codec: str = ""
    start: int = 0


def head_of(
    text: bytes, count: int, width: int, place: int, separator: bytes, codec: str, start: int
) -> Head:
    """The head of a file that begins with ``text``, of which the first ``count`` records are it."""
    lines = text.splitlines(keepends=True)
    letters = [line.rstrip(b"\r\n").decode("latin-1") for line in lines]
    records = walk_lines(letters, separator.decode("latin-1"), None)
    used = sum(used for _, (_, used) in zip(range(count), records, strict=False))
    raw = b"".join(lines[:used])
    ended = raw if raw.endswith((b"\n", b"\r")) or not raw else raw + b"\n"
    return Head(ended, count, width, place, separator, codec, start)


@dataclass(frozen=True)
class Block:
    """Whole records of a file: where they begin (byte), how long, the first one's number."""

    offset: int
    size: int
    first: int


@dataclass
class Cut:
    """The records of one block by municipality: lines, and the numbers of the records.

    ``apart`` has the numbers of those that belong to none, by the reason.
    """

    block: Block
    lines: dict[str, bytes] = field(default_factory=dict)
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    apart: dict[str, np.ndarray] = field(default_factory=dict)


class Places:
    """The municipality that a cell names, each distinct cell looked at once."""

    def __init__(self, codes: Sequence[str], translated: Mapping[str, str]):
        self.kinds = (*codes, ELSEWHERE, UNNAMED, RAGGED, BLANK)
        self._codes, self._translated = set(codes), translated
        self._known: dict[bytes, int] = {}

    def number(self, cell: bytes) -> int:
        """The place among ``kinds`` of what a cell names."""
        if cell not in self._known:
            self._known[cell] = self.kinds.index(self.kind(cell))
        return self._known[cell]

    def kind(self, cell: bytes) -> str:
        """The municipality that a cell names, or why it is none of the study."""
        try:
            text = cell.decode()
        except UnicodeDecodeError:
            text = cell.decode("cp1252", "replace")
        name = text.strip()
        code = self._translated.get(name, name)
        if code in self._codes:
            return code
        return ELSEWHERE if len(code) == 4 and code.isdecimal() and code.isascii() else UNNAMED


def codec_of(path: Path, declared: str) -> tuple[str, int]:
    """The codec of a file in two-byte letters and the length of its mark; else nothing."""
    with path.open("rb") as file:
        start = file.read(2)
    if start in UTF_16:
        return UTF_16[start], len(start)
    name = codec_name(declared)
    return {"utf-16": "utf-16-le"}.get(name, name if name.startswith("utf-16") else ""), 0


def first_block(path: Path, codec: str, start: int) -> bytes:
    """The first lines of a file, enough to find its header."""
    with path.open("rb") as file:
        file.seek(start)
        raw = file.read(HEAD_BYTES)
    whole = _last_end(raw, codec) or len(raw)
    return _plain(raw[:whole], codec)


def cut_file(path: Path, head: Head, places: Places) -> Iterator[Cut]:
    """Read a file once and cut block after block.

    Raises RefusedFileError for a file without ends of lines, or not in its encoding.
    """
    offset, number, left = head.start, 1, b""
    with path.open("rb") as file:
        file.seek(offset)
        while True:
            read = file.read(BLOCK_BYTES)
            raw = left + read
            if not raw:
                return
            is_last = len(read) < BLOCK_BYTES
            cut, used = _cut(raw, head, places, Block(offset, len(raw), number), is_last)
            if not used:
                if is_last or len(raw) > MAX_LINE_BYTES:
                    raise RefusedFileError("E-SIZE")
                left = raw
                continue
            offset, left = offset + used, raw[used:]
            number += sum(map(len, [*cut.numbers.values(), *cut.apart.values()]))
            yield cut
            if is_last and not left:
                return


def cut_again(path: Path, head: Head, places: Places, blocks: Sequence[Block]) -> Iterator[Cut]:
    """Cut blocks that are known from before."""
    with path.open("rb") as file:
        for block in blocks:
            file.seek(block.offset)
            yield _cut(file.read(block.size), head, places, block, True)[0]


def _cut(raw: bytes, head: Head, places: Places, block: Block, is_last: bool) -> tuple[Cut, int]:
    """The whole records of a block, and how many of its bytes they take."""
    whole = len(raw) if is_last else _last_end(raw, head.codec)
    if not whole:
        return Cut(block), 0
    text = _plain(raw[:whole], head.codec)
    if b'"' in text:
        kinds, ends = _walked(text, head, places, is_last)
    else:
        text, ends = _lined(text)
        kinds = _looked_up(text, ends, head, places)
    used, end = whole, int(ends[-1]) if len(ends) else 0
    if end < len(text):
        used = len(text[:end].decode().encode(head.codec)) if head.codec else end
    cut = Cut(Block(block.offset, used, block.first))
    if block.first == 1:
        kinds[: head.count] = len(places.kinds) - 1
    _part(text, kinds, ends, places, head.separator.decode(), cut)
    return cut, used


def _last_end(raw: bytes, codec: str) -> int:
    """Where the last line of a block ends; 0 where none does."""
    if not codec:
        # A return at the very end may belong to a line end whose second half comes later.
        return (raw.rfind(b"\n") + 1) or (raw.rfind(b"\r", 0, len(raw) - 1) + 1)
    mark = "\n".encode(codec)
    at = raw.rfind(mark)
    while at % 2 and at >= 0:
        at = raw.rfind(mark, 0, at + 1)
    return at + 2 if at >= 0 else 0


def _plain(raw: bytes, codec: str) -> bytes:
    if not codec:
        return raw
    try:
        return raw.decode(codec).encode()
    except UnicodeDecodeError:
        raise RefusedFileError("E-ENCODING") from None


def _lined(text: bytes) -> tuple[bytes, np.ndarray]:
    """A text whose lines all end in the same letter, and where they end."""
    letters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(letters == ord("\n")) + 1
    returns = np.count_nonzero(letters == ord("\r"))
    # Most returns stand before the end of a line, where they do no harm.
    if returns > np.count_nonzero(letters[ends[ends > 1] - 2] == ord("\r")):
        return _lined(text.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    if not len(ends) or ends[-1] < len(text):
        ends = np.append(ends, len(text))
    return text, ends


def _looked_up(text: bytes, ends: np.ndarray, head: Head, places: Places) -> np.ndarray:
    """What each line belongs to, where no quotation mark parts them."""
    table, ragged, blank = plain_columns(
        text, head.separator.decode(), {head.place: pa.binary()}, head.width
    )
    odd = np.array([*ragged, *blank], "int64") - 1
    kinds = np.full(len(ends), len(places.kinds) - 1, "int16")
    kinds[odd[: len(ragged)]] = len(places.kinds) - 2
    is_read = np.ones(len(ends), bool)
    is_read[odd] = False
    cells = table[0].combine_chunks().dictionary_encode()
    numbers = [places.number(cell) for cell in cells.dictionary.to_pylist()]
    kinds[is_read] = np.array(numbers, "int16")[cells.indices.to_numpy()]
    return kinds


def _walked(
    text: bytes, head: Head, places: Places, is_last: bool
) -> tuple[np.ndarray, np.ndarray]:
    """What each record belongs to and where it ends, where some may hold ends of lines."""
    lines = text.splitlines(keepends=True)
    ends = np.cumsum([len(line) for line in lines])
    # One byte, one letter: separators and quotation marks are found in any encoding.
    letters = [line.rstrip(b"\r\n").decode("latin-1") for line in lines]
    kinds, last, at = [], [], 0
    for record, used in walk_lines(letters, head.separator.decode(), head.width):
        if at + MAX_LINES_A_RECORD > len(lines) and not is_last:
            break
        at += used
        kinds.append(_kind(record, head, places))
        last.append(ends[at - 1])
    return np.array(kinds, "int16"), np.array(last, "int64")


def _kind(record: list[str] | None, head: Head, places: Places) -> int:
    if record == [""]:
        return len(places.kinds) - 1
    if record is None or len(record) != head.width:
        return len(places.kinds) - 2
    return places.number(record[head.place].encode("latin-1"))


def _part(
    text: bytes,
    kinds: np.ndarray,
    ends: np.ndarray,
    places: Places,
    separator: str,
    cut: Cut,
) -> None:
    """Put the records of each municipality together, in their order."""
    order = np.argsort(kinds, kind="stable")
    bounds = np.searchsorted(kinds[order], np.arange(len(places.kinds) + 1))
    known = bounds[len(places.kinds) - 4]
    offsets = np.concatenate([[0], ends]).astype("int64")
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    lines = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ends), buffers)
    taken = lines.take(pa.array(order[:known]))
    places_of = np.frombuffer(taken.buffers()[1], "int64")[taken.offset :][: known + 1]
    data = taken.buffers()[2]
    for number, kind in enumerate(places.kinds):
        first, after = bounds[number], bounds[number + 1]
        if first == after:
            continue
        numbers = (order[first:after] + cut.block.first).astype("int32")
        if number < len(places.kinds) - 4:
            begin, end = int(places_of[first]), int(places_of[after])
            cut.lines[kind] = bytes(memoryview(data)[begin:end])
            cut.numbers[kind] = numbers
        elif kind == UNNAMED:
            is_blank = _is_blank(lines.take(pa.array(order[first:after])), separator)
            cut.apart[kind] = numbers[~is_blank]
            cut.apart[BLANK] = numbers[is_blank]
        else:
            cut.apart[kind] = np.append(cut.apart.get(kind, numbers[:0]), numbers)


def _is_blank(lines: pa.Array, separator: str) -> np.ndarray:
    """Whether nothing but separators and blanks stands in a line."""
    texts = pa.LargeStringArray.from_buffers(
        len(lines), lines.buffers()[1], lines.buffers()[2], None, 0, lines.offset
    )
    left = pc.ascii_trim(texts, characters=f'{separator}" \t\r\n')
    return pc.equal(pc.binary_length(left), 0).to_numpy(zero_copy_only=False)
