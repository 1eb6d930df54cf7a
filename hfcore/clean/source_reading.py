"""Raw file → frame of texts, one row a raw row, with the columns that the mapping names.

Everything is text until ``hfcore.clean.table_cleaning`` parses it by declared forms. Nothing about
a file is guessed that a mapping could say; encodings are tried in a fixed order and reported.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from pyarrow import parquet

from hfcore.clean.archive_checks import (
    KINDS,
    MAX_TEXT_BYTES,
    RefusedFileError,
    kind_of,
    unpacked_text,
)
from hfcore.clean.delimited_text import CONTROL, Records, split_records
from hfcore.clean.parsing import parse_months
from hfcore.clean.rules import harmless, problem
from hfcore.clean.workbooks import Grid, cell_text, read_grids
from hfcore.errors import Problem, StudyError
from hfcore.schema import TABLES
from hfcore.study import Source

HEADER_SEARCH_ROWS = 20
LOOKED_AT = 65_536
# Three times as many as a workbook may have.
MAX_COLUMNS, MOST_HEADERS = 50_000, 40
# A header row with so many months has a column for each month.
MONTHS_IN_HEADER = 2
MAX_PARQUET_CELLS = 500_000_000
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
OPTION_HEADERS = ("row_id", "version", "paid_on", "protected", "birth_year", "person_id")

# Swedish letters saved as UTF-8, read as cp1252 and saved again.
MOJIBAKE = ("Ã¥", "Ã¤", "Ã¶", "Ã…", "Ã„", "Ã–", "Ã©", "â€", "ï»¿")
_NUMBERED = re.compile(r"(?i)(?:blad|sheet|kvartal|kv|år)? ?\d{1,4}")
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
    """Read a raw file, or a piece of one, as texts; of a workbook the first sheet asked for.

    What cannot be read gives no rows and a problem.
    """
    return read_sheets(raw, source, name)[0]


def read_sheets(raw: Path | Readable, source: Source, name: str = "") -> list[TextTable]:
    """Read a raw file, or a piece of one, as texts, one table a sheet."""
    file = harmless(name or raw.name)
    try:
        if not isinstance(raw, Path):
            return [raw.read_as(source, file)]
        if raw.stat().st_size > MAX_TEXT_BYTES:
            raise RefusedFileError("E-SIZE")
        kind = kind_of(raw)
        if kind == "parquet":
            return [_read_parquet(raw, source, file)]
        if kind in ("gzip", "zip"):
            return [read_text(unpacked_text(raw, kind), source, file)]
        check_kind(kind, source.format)
        if source.format == "excel":
            return _read_excel(raw, source, file)
        return [read_text(raw.read_bytes(), source, file)]
    except RefusedFileError as refused:
        sheet = harmless(source.sheet) if isinstance(source.sheet, str) else ""
        found = problem(refused.rule, file, sheet=sheet, **refused.words)
        return [TextTable(file, sheet, pd.DataFrame(), {}, stopped_rows(), [found])]


def check_kind(kind: str, declared: str) -> None:
    """Refuse a file that by its first bytes is of another kind than declared, naming it."""
    words = {"format": declared, "kind": KINDS.get(kind, "")}
    if kind == "password":
        raise RefusedFileError("E-FORMAT password", **words)
    if kind == "excel" and declared == "csv":
        raise RefusedFileError("E-FORMAT setting", **words, setting='format = "excel"')
    if kind == "text" and declared == "excel":
        raise RefusedFileError("E-FORMAT setting", **words, setting='format = "csv"')
    if kind in KINDS and kind not in ("excel", "text"):
        raise RefusedFileError("E-FORMAT kind", **words)


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
    months = wide_columns(source)
    headers = [c.header for name, c in source.columns.items() if c.header and name not in months]
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
    widths = source.options.get("widths", ())
    if widths:
        text, source = _separated(text, widths), replace(source, separator="\x1f")
    head = split_records(text, source.separator, rows=HEADER_SEARCH_ROWS)
    at, headers, problems = find_header(head, source, file, "")
    if not _is_as_declared(encoding, source.encoding, text):
        problems.append(problem("W-ENCODING", file, encoding=encoding.removesuffix("-sig")))
    if headers is None:
        return TextTable(file, "", pd.DataFrame(), {}, stopped_rows(), problems)
    records = split_records(text, source.separator, skip=at, width=len(headers))
    if records.ragged and not len(records.numbers) and len(head.fields) > at:
        words = {"header": str(len(headers)), "width": str(len(head.fields[-1]))}
        count = len(records.ragged)
        problems.append(problem("E-FIELDS all", file, count=count, **words))
    return in_long_form(_text_table(records, headers, source, file, "", problems), source)


def _separated(text: str, widths: Sequence[int]) -> str:
    """Lines of fields of fixed widths with a mark between their fields."""
    places = np.cumsum([0, *widths]).tolist()
    lines = text.replace("\r\n", "\n").replace("\x1f", " ").replace('"', " ").split("\n")
    pairs = list(pairwise(places))
    return "\n".join("\x1f".join(line[a:b] for a, b in pairs) if line else "" for line in lines)


def in_long_form(table: TextTable, source: Source) -> TextTable:
    """The table with a row for each month, where months are columns (``wide``)."""
    headers = month_headers(table.rows, source)
    names = wide_columns(source)
    if not len(headers) or len(names) < 2:
        return table
    kept = [header for header in table.rows if header not in headers]
    long = table.rows.melt(kept, list(headers), *names, ignore_index=False)
    filled = long.loc[long[names[1]].str.strip() != ""].sort_index(kind="stable")
    months = filled[names[0]].map(headers).astype("str")
    return replace(table, rows=filled.assign(**{names[0]: months}).rename_axis(index="row"))


def month_headers(headers: Iterable[str], source: Source) -> dict[str, str]:
    """The headers that are months, by the form that ``wide`` declares, with the months."""
    named = pd.Series(list(headers) if "wide" in source.options else [], dtype="str")
    if not len(named):
        return {}
    months = parse_months(named, str(source.options["wide"])).values
    found = months.dt.strftime("%Y-%m")
    return {header: month for header, month in zip(named, found, strict=True) if month == month}


def wide_columns(source: Source) -> list[str]:
    """The columns that a file with a column for each month fills: the month, and the value."""
    if "wide" not in source.options or not source.table:
        return []
    needed = {n: kind.kind for n, kind in TABLES[source.table].columns.items() if not kind.nullable}
    months = [name for name, kind in needed.items() if kind in ("month", "date")]
    return months[:1] + [name for name, kind in needed.items() if kind in ("float", "int")][:1]


def _read_parquet(path: Path, source: Source, file: str) -> TextTable:
    """The columns of a Parquet file that the mapping names, as texts under row numbers from 2."""
    try:
        book = parquet.ParquetFile(path)
        names, wanted = book.schema_arrow.names, set(map(normal_header, mapped_headers(source)))
        if book.metadata.num_rows * len(names) > MAX_PARQUET_CELLS:
            raise RefusedFileError("E-SIZE")
        _, headers, problems = find_header(Records([1], [names], []), source, file, "")
        read = [name for name in names if normal_header(name) in wanted or "wide" in source.options]
        cells = book.read(columns=read).to_pandas() if headers else pd.DataFrame()
    except RefusedFileError:
        raise
    except Exception:
        raise RefusedFileError("E-FORMAT", format="parquet") from None
    if headers is None:
        return TextTable(file, "", pd.DataFrame(), {}, stopped_rows(), problems)
    rows = [[cell_text(v, source.decimal) for v in row] for row in cells.itertuples(index=False)]
    headers = [normal_header(name) for name in read]
    records = Records.from_rows(list(enumerate(rows, start=2)))
    table = _text_table(records, headers, source, file, "", problems)
    kinds = dict(zip(headers, cells.dtypes, strict=True))
    numeric = {name: table.rows.index for name in table.rows if kinds.get(name, "O").kind in "iuf"}
    return replace(table, numeric=numeric)


def _read_excel(path: Path, source: Source, file: str) -> list[TextTable]:
    grids = read_grids(path, source.sheet, source.decimal)
    tables = [_read_grid(grid, source, file) for grid in grids]
    if source.sheet == "*":
        # Of all sheets, those with none of the headers are covers and notes, and are told as such.
        others = [each for each in tables if not _has_headers(each)]
        if len(others) < len(tables):
            tables = [each for each in tables if _has_headers(each)]
            names = [each.sheet for each in others]
            tables[0].problems.extend(problem("W-UNUSED", file, sheet=name) for name in names)
    unread = [sheet_label(*each, source) for each in grids[0].unread]
    tables[0].problems.extend(problem("W-UNUSED", file, sheet=each) for each in unread)
    return tables


def sheet_label(name: str, place: int, source: Source) -> str:
    """What may be told of a sheet, whose name may be somebody's.

    Its name where the study names it or it says but a number, else its place.

    >>> source = Source("plans", ("a.xlsx",), {}, sheet="Planering")
    >>> [sheet_label(each, 2, source) for each in ("Planering", "2020", "Kalle Anka")]
    ['Planering', '2020', '(2)']
    """
    own = [source.sheet] if isinstance(source.sheet, str) else source.sheet
    is_told = name in (*own, *source.options.get("sheets", ())) or _NUMBERED.fullmatch(name)
    return harmless(name) if is_told else f"({place})"


def _has_headers(table: TextTable) -> bool:
    return len(table.rows.columns) > 0 or any(each.rule != "E-HEADER" for each in table.problems)


def _read_grid(grid: Grid, source: Source, file: str) -> TextTable:
    sheet = sheet_label(grid.sheet, grid.place, source)
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
    return in_long_form(_with_marks(table, headers, grid), source)


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
        if len(fields) > MAX_COLUMNS:
            raise RefusedFileError("E-SIZE")
        found = [normal_header(each) for each in fields]
        known = len(set(wanted) & set(found))
        if known > score:
            best, at, score = found, row, known
    missing = [each for each in wanted if each not in best]
    if "wide" in source.options and not month_headers(best, source):
        missing.append(harmless(source.options["wide"]))
    if missing or not wanted:
        # A row with a single word of the mapping may as well be somebody's.
        words = _shown_headers(missing, best if score > 1 else [], len(best))
        months = parse_months(pd.Series(best, dtype="str")).values.notna().sum() if score > 0 else 0
        rule = "E-HEADER wide" if months >= MONTHS_IN_HEADER else "E-HEADER"
        return 0, None, [problem(rule, file, sheet=sheet, **words)]
    counts = Counter(best)
    twice = sorted(each for each in set(wanted) if counts[each] > 1)
    if twice:
        words = _shown_headers([*map(harmless, twice)], best, len(best))
        return 0, None, [problem("E-HEADER", file, sheet=sheet, **words)]
    headers = [each if counts[each] == 1 else "" for each in best]
    skipped = (
        [] if at == 1 else [problem("W-HEADER-ROW", file, sheet=sheet, rows=[at], count=at - 1)]
    )
    below = [row for number, row in zip(head.numbers, head.fields, strict=True) if number > at]
    return at, _with_last(headers, below), skipped


def _with_last(headers: list[str], rows: list[list[str]]) -> list[str]:
    """The headers, where a separator ends every row or the header alone, as wide as the rows."""
    filled = [row for row in rows if any(map(str.strip, row))]
    widths = {len(row) for row in filled}
    if widths == {len(headers) + 1} and not any(row[-1].strip() for row in filled):
        return [*headers, ""]
    return headers[:-1] if widths == {len(headers) - 1} and not headers[-1] else headers


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
    shown = ", ".join(names[:MOST_HEADERS]) + (" …" if len(names) > MOST_HEADERS else "")
    return {"missing": ", ".join(missing) or unknown, "found": shown or unknown}


def _text_table(
    records: Records, headers: list[str], source: Source, file: str, sheet: str, problems: list
) -> TextTable:
    frame = records.frame(headers)
    wanted = [normal_header(each) for each in mapped_headers(source)]
    wanted += [each for each in month_headers(frame, source) if each not in wanted]
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
