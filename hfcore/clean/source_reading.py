"""Raw file → frame of texts, one row a raw row, with the columns that the mapping names.

Everything is text until ``hfcore.clean.table_cleaning`` parses it by declared forms. Nothing about
a file is guessed that a mapping could say; encodings are tried in a fixed order and reported.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from hfcore.clean.archive_checks import MAX_TEXT_BYTES, RefusedFileError
from hfcore.clean.delimited_text import CONTROL, Records, split_records
from hfcore.clean.rules import harmless, problem
from hfcore.clean.workbooks import read_grid
from hfcore.errors import Problem, StudyError
from hfcore.study import Source

HEADER_SEARCH_ROWS = 20
LOOKED_AT = 65_536
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
OPTION_HEADERS = ("row_id", "version", "paid_on", "protected", "birth_year", "person_id")

# Swedish letters saved as UTF-8, read as cp1252 and saved again.
MOJIBAKE = ("Ã¥", "Ã¤", "Ã¶", "Ã…", "Ã„", "Ã–", "Ã©", "â€", "ï»¿")
_CONTROL = re.compile(f"[{re.escape(CONTROL)}]")


@dataclass(frozen=True)
class TextTable:
    """What was read from one file.

    ``rows`` has the mapped headers as columns and the row numbers of a spreadsheet as index,
    ``numeric`` tells for a header in which rows the cell was a number and not text,
    ``stopped`` has a row for each row that cannot go on: row, column, rule.
    """

    file: str
    sheet: str
    rows: pd.DataFrame
    numeric: dict[str, pd.Index]
    stopped: pd.DataFrame
    problems: list[Problem]


class Readable(Protocol):
    """Something other than a file that can be read as one."""

    name: str

    def read_as(self, source: Source, file: str) -> TextTable:
        """The texts, told under the name of a file."""


def read_source(raw: Path | Readable, source: Source, name: str = "") -> TextTable:
    """Read a raw file, or a piece of one, as texts.

    What cannot be read gives no rows and a problem.
    """
    file = harmless(name or raw.name)
    try:
        if not isinstance(raw, Path):
            return raw.read_as(source, file)
        if source.format == "excel":
            return _read_excel(raw, source, file)
        if raw.stat().st_size > MAX_TEXT_BYTES:
            raise RefusedFileError("E-SIZE")
        return read_text(raw.read_bytes(), source, file)
    except RefusedFileError as refused:
        found = problem(refused.rule, file, sheet=harmless(source.sheet), **refused.words)
        return TextTable(file, source.sheet, pd.DataFrame(), {}, stopped_rows(), [found])


def stopped_rows(rows: Any = (), column: Any = "", rule: str = "") -> pd.DataFrame:
    """A frame of rows that cannot go on."""
    numbers = np.array(list(rows), dtype="int64")
    texts = {
        name: pd.array([text] * len(numbers), dtype="str")
        for name, text in (("column", column), ("rule", rule))
    }
    return pd.DataFrame({"row": numbers, **texts})


def mapped_headers(source: Source) -> list[str]:
    """The headers that a source's mapping and options name, each once."""
    shared = [source.municipality.header] if source.is_shared else []
    return list(dict.fromkeys([*cell_headers(source), *shared]))


def cell_headers(source: Source) -> list[str]:
    """The headers whose cells become columns of the table, or are looked at on the way."""
    headers = [column.header for column in source.columns.values() if column.header]
    return headers + [str(source.options[key]) for key in OPTION_HEADERS if key in source.options]


def decode(raw: bytes, declared: str = "") -> tuple[str, str]:
    """A file's text and the encoding it was in: BOM, the declared one, strict UTF-8, cp1252.

    A declared one-byte encoding gives way to UTF-8 where the bytes are UTF-8 beyond ASCII.
    Raises RefusedFileError for text whose letters are broken and for what is no text.
    """
    for bom, encoding in BOMS:
        if raw.startswith(bom):
            return _decoded(raw, encoding)
    order = list(dict.fromkeys(["utf-8", codec_name(declared), "cp1252"]))
    if codec_name(declared).startswith("utf-16"):
        order = [codec_name(declared)]
    for encoding in filter(None, order):
        try:
            if encoding == "utf-8":
                # Most files that are not UTF-8 show it early; an error holds a copy of all it saw.
                codecs.utf_8_decode(raw[:LOOKED_AT], "strict", False)
            return _decoded(raw, encoding)
        except UnicodeDecodeError:
            continue
    raise RefusedFileError("E-ENCODING")


def codec_name(declared: str) -> str:
    """The name of a declared encoding, empty for none; StudyError where it does not exist."""
    try:
        return codecs.lookup(declared).name if declared else ""
    except LookupError:
        raise StudyError(
            "sources: that encoding does not exist; write utf-8, cp1252 or utf-16."
        ) from None


def _decoded(raw: bytes, encoding: str) -> tuple[str, str]:
    text = raw.decode(encoding)
    # One letter is found far quicker than two, and most texts have none of the first ones.
    is_broken = any(pair[0] in text and pair in text for pair in MOJIBAKE)
    if is_broken or text.count("\0") > len(text) // 4:
        raise RefusedFileError("E-ENCODING")
    return text, encoding


def _is_as_declared(encoding: str, declared: str, text: str) -> bool:
    if text.isascii():
        return True
    found = codecs.lookup(encoding).name.removesuffix("-sig")
    expected = codec_name(declared).removesuffix("-sig") or "utf-8"
    return found == expected or found == "utf-16" or encoding == "utf-8-sig"


def read_text(raw: bytes, source: Source, file: str) -> TextTable:
    """The bytes of a delimited file as texts; RefusedFileError where they cannot be read."""
    if len(raw) > MAX_TEXT_BYTES:
        raise RefusedFileError("E-SIZE")
    try:
        text, encoding = decode(raw, source.encoding)
    except UnicodeDecodeError:
        raise RefusedFileError("E-ENCODING") from None
    head = split_records(text, source.separator, rows=HEADER_SEARCH_ROWS)
    at, headers, problems = find_header(head, source, file, "")
    if not _is_as_declared(encoding, source.encoding, text):
        problems.append(problem("W-ENCODING", file, encoding=encoding.removesuffix("-sig")))
    if headers is None:
        return TextTable(file, "", pd.DataFrame(), {}, stopped_rows(), problems)
    records = split_records(text, source.separator, skip=at, width=len(headers))
    return _text_table(records, headers, source, file, "", problems)


def _read_excel(path: Path, source: Source, file: str) -> TextTable:
    grid = read_grid(path, source.sheet, source.decimal)
    sheet = harmless(source.sheet)
    numbered = list(enumerate(grid.cells, start=1))
    head = Records.from_rows(numbered[:HEADER_SEARCH_ROWS])
    at, headers, problems = find_header(head, source, file, sheet)
    if grid.marks.hidden_rows or grid.hidden_sheets:
        rows = [row + 1 for row in grid.marks.hidden_rows]
        count = len(rows) + grid.hidden_sheets
        problems.append(problem("W-HIDDEN", file, sheet=sheet, rows=rows, count=count))
    if grid.package.is_old:
        problems.append(problem("W-OLD", file, sheet=sheet))
    if grid.package.has_links:
        problems.append(problem("W-LINK", file, sheet=sheet))
    if headers is None:
        return TextTable(file, sheet, pd.DataFrame(), {}, stopped_rows(), problems)
    records = Records.from_rows(numbered[at:])
    table = _text_table(records, headers, source, file, sheet, problems)
    return _with_marks(table, headers, grid)


def find_header(
    head: Records, source: Source, file: str, sheet: str
) -> tuple[int, list[str] | None, list[Problem]]:
    """Row number and cells of the header, None where it is not among the first rows."""
    if source.options.get("header") == "none":
        width = max(map(len, head.fields), default=0)
        return 0, [str(place) for place in range(1, width + 1)], []
    wanted = [normal_header(header) for header in mapped_headers(source)]
    best, at, score = [], 0, -1
    for row, fields in zip(head.numbers, head.fields, strict=True):
        found = [normal_header(each) for each in fields]
        if sum(each in found for each in wanted) > score:
            best, at, score = found, row, sum(each in found for each in wanted)
    missing = [each for each in wanted if each not in best]
    if missing or not wanted:
        words = _shown_headers(missing, best if score > 0 else [], len(best))
        return 0, None, [problem("E-HEADER", file, sheet=sheet, **words)]
    twice = sorted({each for each in best if each and best.count(each) > 1})
    if twice:
        words = _shown_headers([*map(harmless, twice)], best, len(best))
        return 0, None, [problem("E-HEADER", file, sheet=sheet, **words)]
    skipped = (
        [] if at == 1 else [problem("W-HEADER-ROW", file, sheet=sheet, rows=[at], count=at - 1)]
    )
    return at, best, skipped


def normal_header(text: str) -> str:
    """A header as it is compared: composed letters, single blanks, none around.

    >>> normal_header("  Start\\u00a0 datum ")
    'Start datum'
    """
    return " ".join(unicodedata.normalize("NFC", text.replace("\ufeff", "")).split())


def _shown_headers(missing: list[str], found: list[str], width: int) -> dict[str, Any]:
    """Missing and found headers for a message; a row that is no header may hold personal data."""
    unknown = f"({width})"
    names = [harmless(each) for each in found if each and not re.search(r"\d{3}|@", each)]
    return {"missing": ", ".join(missing) or unknown, "found": ", ".join(names) or unknown}


def _text_table(
    records: Records, headers: list[str], source: Source, file: str, sheet: str, problems: list
) -> TextTable:
    frame = records.frame(headers)
    wanted = [normal_header(each) for each in mapped_headers(source)]
    missing = [each for each in wanted if each not in frame]
    if missing:
        words = _shown_headers(missing, [], len(headers))
        found = [*problems, problem("E-HEADER", file, sheet=sheet, **words)]
        return TextTable(file, sheet, pd.DataFrame(), {}, stopped_rows(), found)
    stopped = [stopped_rows(records.ragged, rule="E-FIELDS")]
    if records.may_have_control:
        spoilt = _any_cell(frame, _CONTROL)
        stopped.append(stopped_rows(frame.index[spoilt], rule="E-CONTROL"))
        frame = frame.loc[~spoilt]
    return TextTable(file, sheet, frame[wanted], {}, pd.concat(stopped), problems)


def _any_cell(frame: pd.DataFrame, pattern: re.Pattern) -> pd.Series:
    found = pd.Series(False, frame.index)
    for column in frame:
        found |= frame[column].str.contains(pattern, regex=True)
    return found


def _with_marks(table: TextTable, headers: list[Any], grid: Any) -> TextTable:
    """Note numeric cells by header, and stop rows with a formula that has no saved result."""
    numeric: dict[Any, list[int]] = {}
    bare = []
    for header in table.rows:
        place = headers.index(header)
        numeric[header] = [row + 1 for row, column in grid.numeric if column == place]
        rows = [row + 1 for row, column in grid.marks.bare_formulas if column == place]
        known = table.rows.index.intersection(rows)
        bare.append(stopped_rows(known, header, "E-FORMULA"))
    stopped = pd.concat([table.stopped, *bare])
    without: Any = pd.concat(bare)["row"].unique() if bare else []
    kept = table.rows.drop(index=without)
    places = {header: pd.Index(sorted(rows)) for header, rows in numeric.items() if rows}
    return TextTable(table.file, table.sheet, kept, places, stopped, table.problems)
