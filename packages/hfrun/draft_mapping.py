"""A raw file → the draft of its [[sources]] section in study.toml, for a person to complete.

Headers, the look of the cells and known words are compared with ``draft_mapping.toml``. No cell is
printed but words of columns that are codes, repeated in many rows, without digits.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import pandas as pd

from hfcore.clean.archive_checks import RefusedFileError
from hfcore.clean.delimited_text import Records, split_records
from hfcore.clean.rules import harmless, rules
from hfcore.clean.source_reading import HEADER_SEARCH_ROWS, decode, normal_header
from hfcore.clean.workbooks import read_grid
from hfcore.errors import RawDataError
from hfcore.schema import TABLES
from hfrun.cell_patterns import KINDS_OF, Shape, shape_of

SEPARATORS = (";", "\t", ",", "|")
ROWS_LOOKED_AT = 5_000
BYTES_LOOKED_AT = 16_000_000
KIND_POINTS, WORD_POINTS, CODE_POINTS = 2.0, 4.0, 3.0
LEAST_POINTS = 3.0
LEAST_LETTERS = 4
MUNICIPALITY = re.compile(r"kommun|municipality", re.IGNORECASE)


@dataclass(frozen=True)
class Draft:
    """The draft of a mapping: its table, the header of each column, and the text to paste."""

    table: str
    headers: Mapping[str, str]
    text: str


def suggest_source(path: Path) -> Draft:
    """Draft the mapping of one file.

    Raises RawDataError with the sentence of the rule where the file cannot be read.
    """
    try:
        settings, cells = _look(path)
    except RefusedFileError as refused:
        message = rules()[refused.rule]["en"].format(**({"format": "text"} | refused.words))
        raise RawDataError(f"{refused.rule} {harmless(path.name)}: {message}") from None
    shapes = {header: shape_of(cells[header]) for header in cells}
    table, headers = _best_table(shapes)
    return Draft(table, headers, _toml(path, table, headers, shapes, settings))


@cache
def _known() -> dict:
    return tomllib.loads(files("hfrun").joinpath("draft_mapping.toml").read_text(encoding="utf-8"))


def _look(path: Path) -> tuple[dict[str, str], pd.DataFrame]:
    """How the file is written, and its cells under their headers."""
    with path.open("rb") as file:
        start = file.read(8)
    if zipfile.is_zipfile(path) or start == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        grid = read_grid(path, "", ",")
        records = Records.from_rows(list(enumerate(grid.cells[:ROWS_LOOKED_AT], start=1)))
        return {"format": "excel", "sheet": grid.sheet}, _under_header(records)
    with path.open("rb") as file:
        start = file.read(BYTES_LOOKED_AT)
    if len(start) == BYTES_LOOKED_AT:
        start = start[: start.rfind(b"\n") + 1] or start
    try:
        text, encoding = decode(start)
    except UnicodeDecodeError:
        raise RefusedFileError("E-ENCODING") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    text = "\n".join(text.split("\n")[:ROWS_LOOKED_AT])
    separator = max(SEPARATORS, key=lambda each: _regularity(text, each))
    settings = {"format": "csv", "encoding": encoding.removesuffix("-sig"), "separator": separator}
    return settings, _under_header(split_records(text, separator))


def _regularity(text: str, separator: str) -> tuple[float, int]:
    """How much the lines agree on their number of fields, and what that number is."""
    head = split_records(text, separator, rows=HEADER_SEARCH_ROWS * 5)
    wide = pd.Series([len(fields) for fields in head.fields if len(fields) > 1], dtype="int64")
    if not len(wide):
        return 0.0, 0
    return wide.value_counts().max() / len(head.fields), int(wide.max())


def _under_header(records: Records) -> pd.DataFrame:
    """The cells below the first row that is as wide as most and holds words alone."""
    rows = records.fields
    widths = pd.Series([sum(bool(cell.strip()) for cell in row) for row in rows], dtype="int64")
    if not len(widths) or widths.max() < 1:
        raise RefusedFileError("E-HEADER", missing="-", found="-")
    usual = widths.loc[widths > 1].mode()
    width = int(usual.iloc[0]) if len(usual) else 1
    at = next(
        (
            place
            for place, row in enumerate(rows[:HEADER_SEARCH_ROWS])
            if widths[place] >= min(width, 2) and not any(any(map(str.isdigit, c)) for c in row)
        ),
        0,
    )
    headers = [normal_header(cell) for cell in rows[at]]
    body = [row[: len(headers)] + [""] * (len(headers) - len(row)) for row in rows[at + 1 :]]
    frame = pd.DataFrame(body, columns=headers, dtype="str")
    return frame.loc[:, [bool(each) and headers.count(each) == 1 for each in headers]]


def _best_table(shapes: Mapping[str, Shape]) -> tuple[str, dict[str, str]]:
    """The table that most of the file fits, weighed by what the table needs."""
    found = {name: _assign(name, shapes) for name in TABLES if name in _known()["headers"]}

    def weight(name: str) -> float:
        needed = [c for c, kind in TABLES[name].columns.items() if not kind.nullable]
        points = sum(points for _, points in found[name].values())
        missing = sum(column not in found[name] for column in needed)
        return points - 5 * missing

    best = max(found, key=weight)
    return best, {column: header for column, (header, _) in found[best].items()}


def _assign(table: str, shapes: Mapping[str, Shape]) -> dict[str, tuple[str, float]]:
    """The header of each column, the best match first, each header once."""
    scores = sorted(
        (
            (_points(table, column, header, shape), column, header)
            for column in TABLES[table].columns
            for header, shape in shapes.items()
        ),
        key=lambda each: (-each[0], each[1], each[2]),
    )
    chosen: dict[str, tuple[str, float]] = {}
    for points, column, header in scores:
        is_taken = column in chosen or header in {taken for taken, _ in chosen.values()}
        if points >= LEAST_POINTS and not is_taken:
            chosen[column] = (header, points)
    return chosen


def _points(table: str, column: str, header: str, shape: Shape) -> float:
    """How well a header and its cells fit a column."""
    kind = TABLES[table].columns[column].kind
    fits = shape.kind in KINDS_OF[kind] or shape.kind == "empty"
    if not fits or (shape.kind == "number_of_person") != (column == "person_id"):
        return 0.0
    name = header.casefold()
    words = [word for word in _known()["headers"][table].get(column, ()) if word in name]
    longest = max(map(len, words), default=0)
    points = WORD_POINTS * longest / max(len(name), 1) + (KIND_POINTS if longest else 0.0)
    points += KIND_POINTS if shape.kind == KINDS_OF[kind][0] else 0.0
    points += CODE_POINTS * _known_share(TABLES[table].columns[column].codes, shape)
    return points + (KIND_POINTS if shape.kind == "number_of_person" else 0.0)


def _known_share(codes: tuple[str, ...], shape: Shape) -> float:
    """The share of a column's words that are known words of a column's codes."""
    if not codes or not shape.words:
        return 0.0
    known = {word for code in codes for word in (*_known()["codes"].get(code, ()), code)}
    return sum(word.casefold() in known for word in shape.words) / len(shape.words)


def _toml(
    path: Path,
    table: str,
    headers: Mapping[str, str],
    shapes: Mapping[str, Shape],
    settings: Mapping[str, str],
) -> str:
    """The section as text, with comments where a person must look."""
    lines = [
        "",
        "# A draft: look at every line. What is not sure says CHECK.",
        "[[sources]]",
        f"table = {_quoted(table)}",
        f'files = [{_quoted(path.name)}]  # or a pattern, such as "export*.csv"; nobody\'s name',
        *(f"{key} = {_quoted(value)}" for key, value in settings.items()),
        f"decimal = {_quoted(_decimal(headers, shapes))}",
    ]
    unused = [each for each in shapes if each not in headers.values()]
    if table == "payments":
        lines.append(_row_id(unused, shapes))
    lines += [
        f"# municipality = {_quoted(each)}  # CHECK: only where the file is of several "
        "municipalities; it then lies beside study.toml"
        for each in unused
        if MUNICIPALITY.search(each)
    ]
    lines.append("[sources.columns]")
    for column, kind in TABLES[table].columns.items():
        if column in headers:
            lines += _column(table, column, headers[column], shapes[headers[column]])
        elif not kind.nullable:
            lines.append(_lacking(table, column, unused, shapes))
    lines += [f"# not used: {harmless(each)}" for each in unused]
    return "\n".join(lines) + "\n"


def _lacking(table: str, column: str, unused: list[str], shapes: Mapping[str, Shape]) -> str:
    """A comment for a column that must be there, with the header that it may be."""
    kinds = KINDS_OF[TABLES[table].columns[column].kind][:2]
    is_key = TABLES[table].key == (column,)
    alike = [each for each in unused if shapes[each].kind in kinds]
    alike.sort(key=lambda each: shapes[each].is_unique != is_key)
    told = "perhaps this one, by its cells" if alike else "no column of the file looks like it"
    guess = _quoted(alike[0]) if alike else '""'
    return f"# {column} = {guess}  # CHECK: needed; {told}"


def _row_id(unused: list[str], shapes: Mapping[str, Shape]) -> str:
    """A comment on the number of each payment, which tells a payment listed twice from two."""
    numbered = [each for each in unused if shapes[each].is_unique]
    guess = _quoted(numbered[0]) if numbered else '"…"'
    return f"# options = {{row_id = {guess}}}  # CHECK: the column that numbers the payments"


def _decimal(headers: Mapping[str, str], shapes: Mapping[str, Shape]) -> str:
    marks = [shapes[header].decimal for header in headers.values() if shapes[header].decimal]
    return marks[0] if marks else ","


def _column(table: str, column: str, header: str, shape: Shape) -> list[str]:
    kind = TABLES[table].columns[column]
    if kind.kind in ("date", "month") and shape.form:
        return [f"{column} = {{header = {_quoted(header)}, format = {_quoted(shape.form)}}}"]
    pairs = [(word, *_code(kind.codes, word)) for word in shape.words]
    is_named = any(word in header.casefold() for word in _known()["headers"][table][column])
    if kind.kind not in ("code", "list") or not (is_named or any(sure for *_, sure in pairs)):
        return [f"{column} = {_quoted(header)}"]
    codes = ", ".join(f"{_quoted(word)} = {_quoted(code)}" for word, code, _ in pairs)
    line = f"{column} = {{header = {_quoted(header)}, codes = {{{codes}}}}}"
    return [line + _unsure(column, kind.codes, pairs)]


def _unsure(column: str, codes: tuple[str, ...], pairs: list[tuple[str, str, bool]]) -> str:
    """What to look at: codes that are empty, guessed, or of the study's own making."""
    if all(sure for *_, sure in pairs):
        return ""
    if column == "plan":
        return "  # CHECK: and list these codes in [definitions], as plans = [...]"
    if not codes:
        return "  # CHECK: the codes are yours to choose"
    return f"  # CHECK: each is one of {', '.join(codes)}"


def _code(codes: tuple[str, ...], word: str) -> tuple[str, bool]:
    """The code that a word stands for, and whether that is sure; empty where none is known.

    >>> _code(("work", "moved"), "Arbete"), _code(("work", "moved"), "Fått arbete")
    (('work', True), ('work', False))
    >>> _code((), "Språkhinder, annat")
    ('sprakhinder_annat', False)
    """
    if not codes:
        return _own_code(word), False
    told, known = word.casefold(), _known()["codes"]
    for code in codes:
        if told in (*known.get(code, ()), code):
            return code, True
    inside = [
        (len(each), code)
        for code in codes
        for each in (*known.get(code, ()), code)
        if len(each) >= LEAST_LETTERS and each in told
    ]
    return (max(inside)[1], False) if inside else ("", False)


def _own_code(word: str) -> str:
    """A word as a code of lower-case ASCII letters, digits and underscores."""
    plain = unicodedata.normalize("NFD", word.casefold())
    letters = "".join(each for each in plain if not unicodedata.combining(each))
    return re.sub(r"[^a-z0-9]+", "_", letters).strip("_")[:40]


def _quoted(text: str) -> str:
    """A text as a TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return '"' + "".join(c for c in escaped if c.isprintable()) + '"'
