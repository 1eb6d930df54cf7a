"""Text with separators → records, counted field by field.

A row with another number of fields than the header, or with a quotation mark that does not open
or close a field, is set aside by its row number and never shifts its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

MAX_LINES_A_RECORD = 50
CONTROL = "".join(map(chr, [*range(9), 11, 12, *range(14, 32), 127, 0xFFFE, 0xFFFF]))
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
    """Split a text into records.

    ``skip`` leaves out the first records, ``rows`` stops after so many, ``width`` is the number
    of fields that each must have. Records are numbered from 1, skipped ones included.
    """
    text = text.rstrip("\n")
    quoted = '"' in text
    if width is not None and width > 1 and not quoted:
        return _split_plain(text, separator, skip, width)
    numbers, fields, ragged = [], [], []
    lines = text.split("\n") if rows is None else _first_lines(text, rows * MAX_LINES_A_RECORD)
    for number, record in _walk(lines, separator, width):
        if number <= skip:
            continue
        if rows is not None and number > rows:
            break
        if record is None or (width is not None and record != [""] and len(record) != width):
            ragged.append(number)
        else:
            numbers.append(number)
            fields.append(record)
    return Records(numbers, fields, ragged, _has_control(text))


def _has_control(text: str) -> bool:
    """Whether a text holds control characters; one quick search each beats one slow for all."""
    return any(character in text for character in CONTROL)


def _split_plain(text: str, separator: str, skip: int, width: int) -> Records:
    """Text without quotation marks: one line, one record."""
    total = text.count("\n") + 1
    start = 0
    for _ in range(skip):
        start = text.find("\n", start) + 1
        if start == 0:
            return Records([], [], [], False)
    ragged, blank = [], []

    def note(row: arrow_csv.InvalidRow) -> str:
        (ragged if row.text.strip() else blank).append(row.number + skip)
        return "skip"

    names = [str(place) for place in range(width)]
    table = arrow_csv.read_csv(
        pa.BufferReader(text[start:].encode("utf-8", "replace")),
        read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False),
        parse_options=arrow_csv.ParseOptions(
            delimiter=separator,
            quote_char=False,
            double_quote=False,
            newlines_in_values=False,
            ignore_empty_lines=False,
            invalid_row_handler=note,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    numbers = pd.RangeIndex(skip + 1, total + 1).drop([*ragged, *blank])
    return Records(numbers, [], ragged, _has_control(text), table)


def _first_lines(text: str, count: int) -> list[str]:
    return text.split("\n", count)[:count]


def _walk(
    lines: list[str], separator: str, width: int | None
) -> Iterator[tuple[int, list[str] | None]]:
    """Number and fields of each record; None for one whose quotation marks do not fit."""
    at = number = 0
    while at < len(lines):
        number += 1
        if '"' not in lines[at]:
            yield number, lines[at].split(separator)
            at += 1
            continue
        record, used = _quoted(lines, at, separator, width)
        yield number, record
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
