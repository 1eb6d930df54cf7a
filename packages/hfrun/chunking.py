"""Lines of a file that several municipalities share → those of each, and those of none.

What is not looked at here is checked later, piece by piece, by the reader of any other file.
Blocks of whole records are known by where they begin, so that any can be read again by itself.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from hfcore.clean.archive_checks import RefusedFileError
from hfcore.clean.delimited_text import (
    MAX_LINES_A_RECORD,
    are_whole,
    odd_records,
    plain_columns,
    walk_lines,
)
from hfcore.clean.source_reading import (
    TextTable,
    cell_headers,
    codec_name,
    normal_header,
    read_text,
    wide_columns,
)
from hfcore.study import Source

BLOCK_BYTES = 16_000_000
HEAD_BYTES = 1_000_000
MAX_LINE_BYTES = 100_000_000
UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
CODEC = pa.Codec("lz4_raw")
MOST_KNOWN = 100_000
ELSEWHERE, UNNAMED, RAGGED, BLANK = "elsewhere", "unnamed", "ragged", "blank"


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


@dataclass(frozen=True)
class Block:
    """Whole records of a file: where they begin (byte), how long, the first one's number."""

    offset: int
    size: int
    first: int


@dataclass
class Cut:
    """The records of one block by municipality: lines, and the numbers of the records.

    ``kept`` has the lines as they are to be kept (see `Piece`), ``apart`` the numbers of records
    that belong to none, by the reason.
    """

    block: Block
    lines: dict[str, bytes] = field(default_factory=dict)
    kept: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    apart: dict[str, np.ndarray] = field(default_factory=dict)


def _packed(lines: bytes) -> tuple[bytes, int]:
    return CODEC.compress(lines, asbytes=True), len(lines)


def _as_it_is(lines: bytes) -> tuple[bytes, int]:
    return lines, 0


def _unpacked(lines: bytes, size: int) -> bytes:
    return CODEC.decompress(lines, decompressed_size=size, asbytes=True) if size else lines


@dataclass(frozen=True)
class Piece:
    """The records of one municipality in a file that several share, the header's lines first.

    ``lines`` are packed, with their size, or as they are, with 0; ``numbers`` are those of its
    records in the shared file. Of a workbook, which is read in one go, ``table`` has the rows, and
    ``lines`` is empty. ``encoding`` is set where it is not the file's.
    """

    lines: tuple[tuple[bytes, int], ...]
    numbers: np.ndarray
    table: TextTable | None = None
    encoding: str = ""

    @property
    def size(self) -> int:
        """The bytes that are kept."""
        return sum(len(lines) for lines, _ in self.lines) + self.numbers.nbytes

    def read_as(self, source: Source, file: str) -> TextTable:
        """The piece as texts, under the row numbers of the shared file."""
        if self.table is not None:
            return replace(self.table, file=file)
        declared = self.encoding or source.encoding
        raw = b"".join(_unpacked(*each) for each in self.lines)
        found = read_text(raw, replace(source, encoding=declared), file)
        known = np.concatenate([[0], self.numbers])
        problems = [
            replace(each, rows=tuple(int(known[row]) for row in each.rows))
            for each in found.problems
            if each.rule != "W-HEADER-ROW"
        ]
        stopped = found.stopped.assign(row=known[found.stopped["row"].to_numpy(dtype="int64")])
        rows = found.rows
        if len(rows):
            cells = [normal_header(each) for each in cell_headers(source)] + wide_columns(source)
            is_mapped = [each in cells for each in rows]
            rows = rows.loc[:, is_mapped].set_axis(pd.Index(known[rows.index], name="row"))
        return TextTable(file, found.sheet, rows, {}, stopped, problems)


class Places:
    """The municipality that a cell names, each distinct cell looked at once.

    A record's kind is a place in ``kinds``: the first ``known`` are municipalities.
    """

    def __init__(self, codes: Sequence[str], translated: Mapping[str, str]):
        self.kinds = (*codes, ELSEWHERE, UNNAMED, RAGGED, BLANK)
        self.known, self.ragged = len(codes), len(codes) + 2
        self.blank = len(codes) + 3
        self._codes, self._translated = set(codes), translated
        self._known: dict[bytes, int] = {}

    def number(self, cell: bytes) -> int:
        """The place among ``kinds`` of what a cell names."""
        number = self._known.get(cell)
        if number is None:
            number = self.kinds.index(self.kind(cell))
            if len(self._known) < MOST_KNOWN:
                self._known[cell] = number
        return number

    def kind(self, cell: bytes) -> str:
        """The municipality that a cell names, or why it is none of the study."""
        try:
            text = cell.decode()
        except UnicodeDecodeError:
            text = cell.decode("cp1252", "replace")
        name = text.strip()
        code = self._translated.get(name, name)
        # A program that made codes numbers took the nought in front away.
        code = f"0{code}" if len(code) == 3 and code.isdecimal() else code
        if code in self._codes:
            return code
        return ELSEWHERE if len(code) == 4 and code.isdecimal() and code.isascii() else UNNAMED


def cut_lines(
    raw: bytes, head: Head, places: Places, offset: int, is_last: bool, is_packed: bool = False
) -> Cut:
    """The records that are whole in some lines; numbers count from 0."""
    if not raw:
        return Cut(Block(offset, 0, 0))
    text = plain_bytes(raw, head.codec)
    is_quoted = b'"' in text
    if is_quoted and not are_whole(text, head.separator.decode()):
        kinds, ends = _walked(text, head, places, is_last)
    else:
        text, ends = _lined(text)
        kinds = _looked_up(text, ends, head, places, is_quoted)
    used, end = len(raw), int(ends[-1]) if len(ends) else 0
    if end < len(text):
        used = len(text[:end].decode().encode(head.codec)) if head.codec else end
    if offset == head.start:
        kinds[: head.count] = places.blank
    cut = Cut(Block(offset, used, 0))
    _part(text, kinds, ends, places, head.separator.decode(), cut)
    keep = _packed if is_packed else _as_it_is
    cut.kept = {code: keep(lines) for code, lines in cut.lines.items()}
    return cut


def plain_bytes(raw: bytes, codec: str) -> bytes:
    """Bytes in which ASCII letters are ASCII; RefusedFileError where they are not in ``codec``."""
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


def _looked_up(
    text: bytes, ends: np.ndarray, head: Head, places: Places, is_quoted: bool
) -> np.ndarray:
    """What each line belongs to, where each is a record."""
    table, ragged, blank = plain_columns(
        text, head.separator.decode(), {head.place: pa.binary()}, head.width, is_quoted, False
    )
    odd = np.array([*ragged, *blank], "int64") - 1
    kinds = np.full(len(ends), places.blank, "int16")
    kinds[odd[: len(ragged)]] = places.ragged
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
    kinds = np.full(len(lines), -1, "int16")
    is_first, after = np.ones(len(lines), bool), len(lines)
    for at, used, record in odd_records(letters, head.separator.decode(), head.width):
        if at + MAX_LINES_A_RECORD > len(lines) and not is_last:
            after = at
            break
        kinds[at] = _kind(record, head, places)
        is_first[at + 1 : at + used] = False
    is_alone = is_first & (kinds < 0)
    is_alone[after:] = False
    alone = b"".join(lines[at].rstrip(b"\r\n") + b"\n" for at in np.flatnonzero(is_alone))
    kinds[is_alone] = _looked_up(alone, np.arange(is_alone.sum()), head, places, True)
    # A record ends where its last line does.
    last = np.append(np.flatnonzero(is_first[:after])[1:], after) - 1 if after else []
    return kinds[:after][is_first[:after]], ends[last]


def _kind(record: list[str] | None, head: Head, places: Places) -> int:
    if record is not None and not "".join(record).strip():
        return places.blank
    if record is None or len(record) != head.width:
        return places.ragged
    return places.number(record[head.place].encode("latin-1"))


def _part(
    text: bytes, kinds: np.ndarray, ends: np.ndarray, places: Places, separator: str, cut: Cut
) -> None:
    """Put the records of each municipality together, in their order."""
    order = np.argsort(kinds, kind="stable")
    bounds = np.searchsorted(kinds[order], np.arange(len(places.kinds) + 1))
    known = bounds[places.known]
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
        numbers = order[first:after].astype("int32")
        if number < places.known:
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
    return plain_bytes(raw[:whole], codec)


def cut_file(
    path: Path,
    head: Head,
    places: Places,
    threads: int = 1,
    see: Callable[[bytes], None] = lambda read: None,
    is_tight: Callable[[int], bool] = lambda offset: False,
) -> Iterator[Cut]:
    """Read a file once and cut block after block, several at a time by as many ``threads``.

    All that is read is shown to ``see``; ``is_tight`` says whether there is so little room for
    what comes from a byte on that lines must be packed.

    Raises RefusedFileError for a file without ends of lines, or not in its encoding.
    """
    number = 1
    with ThreadPoolExecutor(threads) as pool:
        for cut in _waited_for(_cuts(path, head, places, pool, see, is_tight), threads):
            yield _numbered(cut, number)
            number += sum(map(len, [*cut.numbers.values(), *cut.apart.values()]))


def _waited_for(begun: Iterator[Future[Cut]], threads: int) -> Iterator[Cut]:
    """What was begun, in its order, while some more is begun ahead."""
    ahead: deque[Future[Cut]] = deque()
    for future in begun:
        ahead.append(future)
        if len(ahead) > threads:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def _cuts(
    path: Path,
    head: Head,
    places: Places,
    pool: ThreadPoolExecutor,
    see: Callable[[bytes], None],
    is_tight: Callable[[int], bool],
) -> Iterator[Future[Cut]]:
    """Begin to cut each block; numbers count from 0 within it."""
    offset, left, is_last = head.start, b"", False
    with path.open("rb") as file:
        see(file.read(offset))
        while not is_last:
            read = file.read(BLOCK_BYTES)
            see(read)
            raw, is_last = left + read, len(read) < BLOCK_BYTES
            whole = len(raw) if is_last else _last_end(raw, head.codec)
            told = (head, places, offset, is_last, is_tight(offset))
            begun = pool.submit(cut_lines, raw[:whole], *told)
            # Where quotation marks part records, a block's end is known once it has been walked.
            used = begun.result().block.size if b'"' in raw else whole
            if used:
                yield begun
            elif raw and (is_last or len(raw) > MAX_LINE_BYTES):
                raise RefusedFileError("E-SIZE")
            offset, left = offset + used, raw[used:]


def _numbered(cut: Cut, first: int) -> Cut:
    """The same with numbers that count from the file's beginning."""
    return replace(
        cut,
        block=replace(cut.block, first=first),
        numbers={kind: rows + first for kind, rows in cut.numbers.items()},
        apart={kind: rows + first for kind, rows in cut.apart.items()},
    )


def cut_again(path: Path, head: Head, places: Places, blocks: Sequence[Block]) -> Iterator[Cut]:
    """Cut blocks that are known from before."""
    with path.open("rb") as file:
        for block in blocks:
            file.seek(block.offset)
            cut = cut_lines(file.read(block.size), head, places, block.offset, True)
            yield _numbered(cut, block.first)


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
