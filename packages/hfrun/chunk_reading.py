"""A file that several municipalities share → its blocks of whole records, each cut.

Blocks are known by where they begin, so that any of them can be read again by itself.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hfcore.clean.archive_checks import RefusedFileError
from hfcore.clean.delimited_text import walk_lines
from hfcore.clean.source_reading import codec_name
from hfrun.chunking import Block, Cut, Head, Places, cut_lines, plain_bytes

BLOCK_BYTES = 16_000_000
HEAD_BYTES = 1_000_000
MAX_LINE_BYTES = 100_000_000
UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


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
