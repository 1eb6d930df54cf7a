"""Text with separators → records, counted field by field.

A row with another number of fields than the header, or with a quotation mark that does not open
or close a field, is set aside by its row number and never shifts its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

MAX_LINES_A_RECORD = 50
BLOCK_BYTES = 1 << 20
CONTROL = "".join(map(chr, [*range(9), 11, 12, *range(14, 32), 127, 0xFFFE, 0xFFFF]))
_LINE_END = re.compile(r"\r\n|\r|\n")
_TEXT = {pa.string(): pd.StringDtype(na_value=float("nan"))}


@dataclass(frozen=True)
class Records:
    """Records of one text: their numbers (from 1), fields, and numbers of the ragged ones.

    Either ``fields`` or ``table`` holds the cells.
    """

    numbers: list[int] | pd.Index
    fields: list[list[str]]
    ragged: list[int]
    may_have_control: bool = True
    table: pa.Table | None = None

    @classmethod
    def from_rows(cls, rows: list[tuple[int, list[str]]]) -> Records:
        """Records of rows that are whole already, such as those of a sheet."""
        return cls([number for number, _ in rows], [fields for _, fields in rows], [])

    def frame(self, headers: list[str]) -> pd.DataFrame:
        """The records under their headers, row numbers as index, blank rows left out."""
        if self.table is not None:
            frame = self.table.to_pandas(types_mapper=_TEXT.get)
            frame = frame.set_axis(headers, axis=1).set_axis(self.numbers, axis=0)
        else:
            width = len(headers)
            padded = [each[:width] + [""] * (width - len(each)) for each in self.fields]
            frame = pd.DataFrame(padded, self.numbers, headers, dtype="str")
        named = frame.loc[:, [bool(header) for header in headers]].rename_axis(index="row")
        blank = pd.Series(True, named.index)
        for column in named:
            blank &= named[column].str.strip() == ""
            if not blank.any():
                return named
        return named.loc[~blank]


def split_records(
    text: str, separator: str, *, skip: int = 0, rows: int | None = None, width: int | None = None
) -> Records:
    """Split a text into records; lines end in any of the usual ways.

    ``skip`` leaves out the first records, ``rows`` stops after so many, ``width`` is the number
    of fields that each must have. Records are numbered from 1, skipped ones included.
    """
    if width is not None and width > 1 and separator.isascii():
        is_quoted = '"' in text
        if not is_quoted or are_whole(text.encode("utf-8", "replace"), separator):
            return _split_plain(text, separator, skip, width, is_quoted)
        return _split_mixed(text, separator, skip, width)
    numbers, fields, ragged = [], [], []
    lines = _lines(text, None if rows is None else rows * MAX_LINES_A_RECORD)
    for number, (record, _) in enumerate(walk_lines(lines, separator, width), start=1):
        if number <= skip:
            continue
        if rows is not None and number > rows:
            break
        is_blank = record is not None and not "".join(record).strip()
        if record is None or (width is not None and not is_blank and len(record) != width):
            ragged.append(number)
        else:
            numbers.append(number)
            fields.append(record)
    return Records(numbers, fields, ragged, rows is None and _has_control(text))


def _has_control(text: str) -> bool:
    """Whether a text holds control characters; one quick search each beats one slow for all."""
    return any(character in text for character in CONTROL)


def are_whole(raw: bytes, separator: str) -> bool:
    """Whether each line is a record: every quotation mark opens or closes a field of one line.

    >>> are_whole(b'a;"b;""c"', ";"), are_whole(b'a;"b', ";")
    (True, False)
    """
    text, line = pa.array([raw], pa.large_binary()), _whole_line(separator)
    return pc.match_substring_regex(text, f"^(?:{line}[\r\n])*{line}$")[0].as_py()


def _whole_line(separator: str) -> str:
    mark = re.escape(separator).replace("\\\t", "\t")
    field = rf'(?:"(?:[^"\r\n]|"")*"|[^"\r\n{mark}]*)'
    return f"{field}(?:{mark}{field})*"


def odd_records(
    lines: list[str], separator: str, width: int
) -> Iterator[tuple[int, int, list[str] | None]]:
    """The records that are not one whole line each: first line, how many lines, fields."""
    pattern = f"^{_whole_line(separator)}$"
    whole = pc.match_substring_regex(pa.array(lines, pa.large_string()), pattern)
    after = 0
    for at in np.flatnonzero(~whole.to_numpy(zero_copy_only=False)).tolist():
        if at >= after:
            record, used = _quoted(lines, at, separator, width)
            after = at + used
            yield at, used, record


def _split_mixed(text: str, separator: str, skip: int, width: int) -> Records:
    """Text in which most lines are one record, and the others are looked at one by one."""
    lines = _lines(text, None)
    odd = list(odd_records(lines, separator, width))
    is_alone, is_first = np.ones(len(lines), bool), np.ones(len(lines), bool)
    for at, used, _ in odd:
        is_alone[at : at + used] = False
        is_first[at + 1 : at + used] = False
    numbers = np.cumsum(is_first)
    alone = np.flatnonzero(is_alone)
    types = dict.fromkeys(range(width), pa.string())
    raw = "\n".join(lines[at] for at in alone).encode("utf-8", "replace")
    table, ragged, blank = plain_columns(raw, separator, types, width, is_quoted=True)
    read = np.delete(numbers[alone], np.array([*ragged, *blank], "int64") - 1)
    fits = [(numbers[at], each) for at, _, each in odd if each and len(each) == width]
    others = zip(*(each for _, each in fits), strict=True) if fits else [[]] * width
    added = pa.table([pa.array(each, pa.string()) for each in others], names=table.column_names)
    read = np.append(read, [number for number, _ in fits]).astype("int64")
    order = np.argsort(read)
    order = order[read[order] > skip]
    stopped = [numbers[alone[number - 1]] for number in ragged]
    stopped += [numbers[at] for at, _, each in odd if not each or len(each) != width]
    return Records(
        pd.Index(read[order]),
        [],
        sorted(int(number) for number in stopped if number > skip),
        _has_control(text),
        pa.concat_tables([table, added]).take(pa.array(order)),
    )


def _split_plain(text: str, separator: str, skip: int, width: int, is_quoted: bool) -> Records:
    """Text in which one line is one record."""
    ends = [end.end() for end in islice(_LINE_END.finditer(text), skip)]
    body = text[ends[-1] if ends else 0 :]
    if len(ends) < skip or not body:
        return Records([], [], [], False)
    types = dict.fromkeys(range(width), pa.string())
    raw = body.encode("utf-8", "replace")
    table, ragged, blank = plain_columns(raw, separator, types, width, is_quoted)
    odd = [number + skip for number in (*ragged, *blank)]
    numbers = pd.RangeIndex(skip + 1, skip + table.num_rows + len(odd) + 1).drop(odd)
    return Records(numbers, [], odd[: len(ragged)], _has_control(text), table)


def plain_columns(
    raw: bytes,
    separator: str,
    types: Mapping[int, pa.DataType],
    width: int,
    is_quoted: bool,
    is_utf8: bool = True,
) -> tuple[pa.Table, list[int], list[int]]:
    """Columns, by their places, of lines that are records; ``is_quoted``: with quotation marks.

    Lines with another number of fields than ``width`` are left out; the numbers (from 1) of those
    with something in them come second, of the blank ones third.
    """
    if not raw or raw.isspace():
        blank = range(1, len(raw.splitlines()) + 1)
        schema = pa.schema([(str(place), kind) for place, kind in types.items()])
        return schema.empty_table(), [], list(blank)
    how = (separator, types, width, is_quoted)
    if not is_utf8:
        try:
            return _plain_columns(raw, *how, BLOCK_BYTES, tells=False)
        except pa.ArrowInvalid:
            # Lines that do not fit are told as UTF-8 or not at all.
            raw = raw.decode("latin-1").encode()
    try:
        return _plain_columns(raw, *how, BLOCK_BYTES)
    except pa.ArrowInvalid:
        # A line longer than a block, as only a file that is no table has.
        return _plain_columns(raw, *how, len(raw) + 1)


def _plain_columns(
    raw: bytes,
    separator: str,
    types: Mapping[int, pa.DataType],
    width: int,
    is_quoted: bool,
    block: int,
    tells: bool = True,
) -> tuple[pa.Table, list[int], list[int]]:
    ragged, blank = [], []

    def note(row: arrow_csv.InvalidRow) -> str:
        fields = _fields(row.text, separator)[0] if is_quoted else row.text.split(separator)
        (ragged if "".join(fields or ()).strip() else blank).append(row.number)
        return "skip"

    names = [str(place) for place in range(width)]
    wanted = {names[place]: kind for place, kind in types.items()}
    table = arrow_csv.read_csv(
        pa.BufferReader(raw),
        read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=block),
        parse_options=arrow_csv.ParseOptions(
            delimiter=separator,
            quote_char='"' if is_quoted else False,
            double_quote=is_quoted,
            newlines_in_values=False,
            ignore_empty_lines=False,
            invalid_row_handler=note if tells else None,
        ),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=list(wanted),
            column_types=wanted,
            strings_can_be_null=False,
            # Texts come from a decoded text, and bytes are not looked into.
            check_utf8=False,
        ),
    )
    return table, ragged, blank


def _lines(text: str, count: int | None) -> list[str]:
    """The lines of a text, however they end; the first ``count`` where only these are asked for."""
    if count is not None:
        text = "\n".join(text.split("\n", count)[:count])
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")[:count]


def walk_lines(
    lines: list[str], separator: str, width: int | None
) -> Iterator[tuple[list[str] | None, int]]:
    """Fields of each record and how many lines it takes; None where quotation marks do not fit."""
    at = 0
    while at < len(lines):
        if '"' not in lines[at]:
            record, used = lines[at].split(separator), 1
        else:
            record, used = _quoted(lines, at, separator, width)
        yield record, used
        at += used


def _quoted(
    lines: list[str], at: int, separator: str, width: int | None
) -> tuple[list[str] | None, int]:
    """One record that begins on a line with quotation marks, and how many lines it takes."""
    joined = lines[at]
    for used in range(1, MAX_LINES_A_RECORD + 1):
        fields, is_open = _fields(joined, separator)
        if not is_open:
            fits = used == 1 or width is None or fields is None or len(fields) == width
            return (fields, used) if fits and fields is not None else (None, 1)
        if at + used >= len(lines):
            break
        joined += "\n" + lines[at + used]
    return None, 1


def _fields(record: str, separator: str) -> tuple[list[str] | None, bool]:
    """The fields of a record, None where a quotation mark is astray; whether one stays open."""
    field = re.compile(
        rf'(?:"((?:[^"]|"")*)"|([^"{re.escape(separator)}]*))(?:({re.escape(separator)})|$)'
    )
    fields, place = [], 0
    while True:
        found = field.match(record, place)
        if not found:
            rest = record[place:]
            return None, rest.startswith('"') and rest.count('"') % 2 == 1
        quoted, bare, more = found.groups()
        fields.append(bare if quoted is None else quoted.replace('""', '"'))
        place = found.end()
        if not more:
            return fields, False
