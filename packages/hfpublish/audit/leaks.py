"""Every byte of what is published, unpacked and searched for what must never stand there.

Looks through data URIs, zips (Excel too), gzip, Parquet and the text chunks of PNG pictures.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import html
import io
import re
import struct
import unicodedata
import urllib.parse
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from hfcore.identifiers import is_luhn, plain

MAX_DEPTH = 5
MAX_UNPACKED_BYTES = 200_000_000
MIN_WORD = 4
PNG = b"\x89PNG\r\n\x1a\n"
_DATA_URI = re.compile(rb"data:[\w/+.\-]*(;[\w=\-]+)*?(;base64)?,([A-Za-z0-9+/=%_\-\s.~!*'()]{8,})")
# Pictures and packages as JSON and pages hold them; shorter runs may be words or hashes.
_PACKED = re.compile(rb"[A-Za-z0-9+/]{400,}={0,2}")
_NO_WIDTH = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
_DASH = "[-+\u2010-\u2015\u2212\ufe58\uff0d]"
_NUMBER = re.compile(
    rf"(?<![^\W_])(?<![.,/#+-])(?:\d\d)?\d\d(?:[ ./-]?\d\d){{2}}\s?{_DASH}?\s?\d{{4}}"
    r"(?![^\W_]|%|-\d)"
)
_PATH = re.compile(
    r"(?<![\w.:/])/(?:home|root|Users|tmp|var|mnt|srv|opt)/[\w.\-]+|\b[A-Z]:\\[\w.\-]+|file:///\w"
)


@dataclass(frozen=True)
class Secrets:
    """What is searched for: words in any case, pseudonyms, raw bytes, names of users and hosts.

    ``paths`` are those of this machine's folders, besides what looks like one of any machine.
    """

    words: tuple[str, ...] = ()
    pseudonyms: frozenset[str] = frozenset()
    raw: tuple[bytes, ...] = ()
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @cached_property
    def folded(self) -> tuple[str, ...]:
        """The words in lower case, but for those too short to tell anything."""
        return tuple(word.casefold() for word in self.words if len(word) >= MIN_WORD)


def layers(content: bytes, depth: int = 0) -> Iterator[bytes]:
    """The content and everything packed in it, down to a depth of five.

    >>> packed = b'<img src="data:text/plain;base64,' + base64.b64encode(b"a secret!") + b'">'
    >>> [layer for layer in layers(packed)][1:]
    [b'a secret!']
    """
    yield content
    if depth < MAX_DEPTH:
        for inner in _inner(content):
            yield from layers(inner, depth + 1)


def _inner(content: bytes) -> Iterator[bytes]:
    if content.startswith(b"PK\x03\x04"):
        yield from _zipped(content)
    elif content.startswith(b"\x1f\x8b"):
        yield from _gunzipped(content)
    elif content.startswith(b"PAR1"):
        yield _parquet_text(content)
    elif content.startswith(PNG):
        yield from _png_texts(content)
    else:
        yield from _data_uris(content)
        yield from _packed_runs(content)


def _zipped(content: bytes) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            for member in package.infolist():
                yield member.filename.encode()
                if member.file_size <= MAX_UNPACKED_BYTES:
                    yield package.read(member)
    except (zipfile.BadZipFile, RuntimeError, zlib.error):
        return


def _gunzipped(content: bytes) -> Iterator[bytes]:
    try:
        yield gzip.GzipFile(fileobj=io.BytesIO(content)).read(MAX_UNPACKED_BYTES)
    except (OSError, EOFError, zlib.error):
        return


def _parquet_text(content: bytes) -> bytes:
    """All cells and the metadata of a Parquet file as text."""
    import pyarrow.parquet as parquet

    file = parquet.ParquetFile(io.BytesIO(content))
    table = file.read()
    metadata = b" ".join(b"%s %s" % each for each in (table.schema.metadata or {}).items())
    cells = (str(cell) for column in table.columns for cell in _distinct(column))
    # Parted by more than a blank: two amounts, one below the other, are no personal number.
    return metadata + b"\n" + "\n;\n".join(cells).encode()


def _distinct(column: Any) -> list[object]:
    """The cells of a column, each once; Arrow knows of no distinct lists."""
    is_nested = column.type.num_fields > 0
    return column.to_pylist() if is_nested else column.unique().to_pylist()


def _png_texts(content: bytes) -> Iterator[bytes]:
    place = len(PNG)
    while place + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        body = content[place + 8 : place + 8 + length]
        if kind in (b"tEXt", b"eXIf"):
            yield body
        elif kind in (b"zTXt", b"iTXt"):
            yield body
            for start in range(min(len(body), 400)):
                try:
                    yield zlib.decompress(body[start:])
                    break
                except zlib.error:
                    continue
        place += 12 + length


def _data_uris(content: bytes) -> Iterator[bytes]:
    for match in _DATA_URI.finditer(content):
        body = match[3]
        if not match[2]:
            yield urllib.parse.unquote_to_bytes(body)
            continue
        compact = re.sub(rb"\s", b"", urllib.parse.unquote_to_bytes(body))
        try:
            yield base64.b64decode(compact + b"=" * (-len(compact) % 4))
        except binascii.Error:
            continue


def _packed_runs(content: bytes) -> Iterator[bytes]:
    """What long runs of base64 hold, such as the pictures of an executed notebook."""
    for match in _PACKED.finditer(content.replace(b"\\n", b"")):
        run = match[0].rstrip(b"=")
        try:
            yield base64.b64decode(run[: len(run) // 4 * 4])
        except binascii.Error:
            continue


def search(content: bytes, secrets: Secrets) -> set[str]:
    """What kinds of secret are in a file's bytes: words, never the secret itself.

    Kinds: canary, personal number, pseudonym, key, path, user or host name.

    >>> sorted(search("född 811218\u20119876".encode(), Secrets()))
    ['personal number']
    """
    found: set[str] = set()
    for layer in layers(content):
        found |= _search_layer(layer, secrets)
    return found


def _search_layer(layer: bytes, secrets: Secrets) -> set[str]:
    found = {"key"} if any(raw in layer for raw in secrets.raw) else set()
    if layer.startswith((PNG, b"PK\x03\x04", b"PAR1")):
        return found
    # What is packed in it is a layer of its own; as text it would only take time.
    texts = set(_texts(_PACKED.sub(b" ", layer)))
    for each in texts:
        folded = each.casefold()
        if any(word in folded for word in secrets.folded):
            found.add("canary")
        if any(name in each and _stands_alone(name, each) for name in secrets.names):
            found.add("user or host name")
        if _PATH.search(each) or any(path in each for path in secrets.paths):
            found.add("path")
        if any(is_personal_number(match[0]) for match in _NUMBER.finditer(each)):
            found.add("personal number")
        if secrets.pseudonyms and not secrets.pseudonyms.isdisjoint(re.findall(r"\w+", each)):
            found.add("pseudonym")
    return found


def _stands_alone(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _texts(layer: bytes) -> Iterator[str]:
    """A layer as the texts that it may be: UTF-8, Latin-1 or UTF-16, with escapes resolved."""
    text = layer.decode("utf-8", errors="replace")
    yield text
    if "\ufffd" in text:
        yield layer.decode("latin-1")
    if "&" in text:
        yield html.unescape(text)
    if "%" in text:
        yield urllib.parse.unquote(text)
    if "\\u" in text or "\\x" in text:
        yield re.sub(
            r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})",
            lambda match: chr(int(match[1] or match[2], 16)),
            text,
        )
    if b"\x00" in layer[:2000]:
        yield layer.decode("utf-16-le", errors="replace")
        yield layer.decode("utf-16-be", errors="replace")
    if not text.isascii():
        # Letters put together from parts, wide digits, and what has no width.
        yield unicodedata.normalize("NFKC", _NO_WIDTH.sub("", text))


def is_personal_number(text: str) -> bool:
    """Whether a text is a valid personal or coordination number in any notation.

    >>> is_personal_number("19811218 - 9876"), is_personal_number("811218-9875")
    (True, False)
    """
    digits = re.sub(r"\D", "", plain(text))
    if len(digits) not in (10, 12) or not is_luhn(digits[-10:]):
        return False
    days = [digits[:8]] if len(digits) == 12 else [f"{c}{digits[:6]}" for c in ("19", "20")]
    return any(_is_day(each) for each in days)


def _is_day(digits: str) -> bool:
    """Whether eight digits are a day of 1850 to 2050; a coordination number has day + 60."""
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    try:
        return 1850 <= date(year, month, day - 60 * (day > 60)).year <= 2050
    except ValueError:
        return False


def forms_of(words: Iterable[str]) -> tuple[str, ...]:
    """Words and the forms in which files hold them: as they are, and as base64.

    >>> forms_of(["Anna Andersson"])[1:]
    ('QW5uYSBBbmRlcnNzb24',)
    """
    forms = []
    for word in words:
        forms += [word, base64.b64encode(word.encode()).decode().rstrip("=")]
    return tuple(dict.fromkeys(forms))
