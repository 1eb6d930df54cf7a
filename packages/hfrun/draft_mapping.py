"""A raw file → the draft of its [[sources]] section in study.toml, for a person to complete.

Headers, the look of the cells and known words are compared with ``draft_mapping.toml``. A first
row is somebody's until it is proven to be a header; else columns are named by their places. No
cell is printed but words of columns that are codes, repeated in many rows, without digits.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import pandas as pd
from pyarrow import parquet

from hfcore.clean.archive_checks import KINDS, RefusedFileError, kind_of, unpacked_text
from hfcore.clean.delimited_text import split_records
from hfcore.clean.monthly_statistics import FIELDS, PUBLISHED
from hfcore.clean.parsing import parse_months
from hfcore.clean.rules import harmless, problem
from hfcore.clean.source_reading import HEADER_SEARCH_ROWS, decode, normal_header
from hfcore.clean.workbooks import Grid, cell_text, read_grids
from hfcore.errors import RawDataError, UsageError
from hfcore.schema import TABLES
from hfcore.store import raw_folder, write_text
from hfcore.study_file import parse_toml
from hfrun.cell_patterns import KINDS_OF, Shape, shape_of

SEPARATORS = (";", "\t", ",", "|")
ROWS_LOOKED_AT = 5_000
DEFINITION = "study.toml"
BYTES_LOOKED_AT = 16_000_000
KIND_POINTS, WORD_POINTS, CODE_POINTS = 2.0, 4.0, 3.0
LEAST_POINTS = 3.0
LEAST_LETTERS = 4
LEAST_AFFIX, LONGEST, SAMPLE = 5, 60, 200
OTHER_WORDS = (
    "namn förnamn efternamn adress gatuadress postnummer ort telefon epost kommun nämnd distrikt",
    "id nr nummer typ status kod text anteckning kommentar handläggare år datum antal län id_nr",
)
# What a cell holds and no header: a day, a number by itself, a long run of digits, an address.
_VALUE = re.compile(r"^[\d\s.,:/+-]+$|\d{5}|\d{2}[-/.]\d{2}[-/.]\d|@|\d[-+]\d{4}\b")
MUNICIPALITY = re.compile(r"kommun|municipality", re.IGNORECASE)


@dataclass(frozen=True)
class Draft:
    """The draft of a mapping: its table, the header of each column, and the text to paste."""

    table: str
    headers: Mapping[str, str]
    text: str


_MONTH_HEADER = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])")


def suggest_source(path: Path) -> Draft:
    """Draft the mapping of one file.

    Raises RawDataError with the sentence of the rule where the file cannot be read.
    """
    try:
        settings, cells, has_header = (*_look(path), False)[:3]
    except RefusedFileError as refused:
        words = {"format": "text"} | refused.words
        raise RawDataError(problem(refused.rule, harmless(path.name), **words).sentence()) from None
    if not has_header:
        settings = settings | {"header": "none"}
    months = [header for header in cells if _MONTH_HEADER.fullmatch(header)]
    if len(months) > 1:
        settings, cells = settings | {"wide": "%Y-%m"}, cells.drop(columns=months)
    shapes = {header: shape_of(cells[header]) for header in cells}
    if not has_header and len(shapes) >= len(PUBLISHED):
        numbered = FIELDS["applicant"]
        if shapes[str(PUBLISHED.index(numbered) + 1)].kind == "number_of_person":
            return Draft("payments", {}, _monthly(path, settings))
    table, headers = _best_table(shapes)
    return Draft(table, headers, _toml(path, table, headers, shapes, settings))


def append_draft(draft: Draft, file: Path, study: str | None = None) -> str:
    """Write a draft to the end of its study's definition; a sentence that says where.

    The study is the one named, else the one that the file lies in. Raises UsageError where there
    is none, StudyError where the definition cannot be read as it is.
    """
    places = [raw_folder(study)] if study else list(file.resolve().parents)[:3]
    home = next((each for each in places if (each / DEFINITION).is_file()), None)
    if home is None:
        raise UsageError(
            "There is no study.toml near the file: name its study, as hfcore ingest "
            "STUDY --suggest FILE --append."
        )
    path = home / DEFINITION
    raw = path.read_bytes()
    parse_toml(raw, DEFINITION)
    before = raw.decode("utf-8-sig").rstrip()
    if draft.text.strip() in before:
        return f"{DEFINITION} of {home.name} has this draft already."
    after = f"{before}\n{draft.text}"
    parse_toml(after.encode(), DEFINITION)
    write_text(path, after)
    return f"{DEFINITION} of {home.name} ends with the draft now: look at every line with CHECK."


@cache
def _known() -> dict:
    return tomllib.loads(files("hfrun").joinpath("draft_mapping.toml").read_text(encoding="utf-8"))


def _look(path: Path) -> tuple[dict[str, object], pd.DataFrame]:
    """How the file is written, and its cells under their headers or places."""
    kind = kind_of(path)
    if kind == "password":
        raise RefusedFileError("E-FORMAT password", format="excel")
    if kind in KINDS and kind not in ("excel", "text", "parquet", "gzip", "zip"):
        raise RefusedFileError("E-FORMAT kind", format="csv", kind=KINDS[kind])
    if kind == "excel":
        grids = read_grids(path, "*", ",")
        grid = max(grids, key=lambda each: sum(bool(cell) for row in each.cells for cell in row))
        return _sheets(grids, grid), *_under_header(grid.cells[:ROWS_LOOKED_AT])
    if kind == "parquet":
        return {"format": "csv"}, *_under_header(_parquet_rows(path))
    if kind in ("gzip", "zip"):
        start = unpacked_text(path, kind)[:BYTES_LOOKED_AT]
    else:
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
    if not _regularity(text, separator)[1] and "\n" in text:
        return {**settings, "widths": []}, pd.DataFrame()
    return settings, *_under_header(split_records(text, separator).fields)


def _sheets(grids: list[Grid], grid: Grid) -> dict[str, object]:
    """The setting of the sheet with most cells; of all sheets where they begin alike."""
    heads = [each.cells[0] for each in grids if each.cells]
    is_alike = len(heads) > 1 and all(head == heads[0] for head in heads)
    name = harmless(grid.sheet)
    return {"format": "excel", "sheet": "*" if is_alike or name != grid.sheet else name}


def _parquet_rows(path: Path) -> list[list[str]]:
    try:
        book = parquet.ParquetFile(path)
        batch = next(book.iter_batches(ROWS_LOOKED_AT), None)
        rows = batch.to_pandas().itertuples(index=False) if batch is not None else ()
        cells = [[cell_text(value, ",") for value in row] for row in rows]
        return [[str(name) for name in book.schema_arrow.names], *cells]
    except Exception:
        raise RefusedFileError("E-FORMAT", format="parquet") from None


def _regularity(text: str, separator: str) -> tuple[float, int]:
    """How much the lines agree on their number of fields, and what that number is."""
    head = split_records(text, separator, rows=HEADER_SEARCH_ROWS * 5)
    wide = pd.Series([len(fields) for fields in head.fields if len(fields) > 1], dtype="int64")
    if not len(wide):
        return 0.0, 0
    return wide.value_counts().max() / len(head.fields), int(wide.max())


def _under_header(rows: list[list[str]]) -> tuple[pd.DataFrame, bool]:
    """The cells below the first row that is proven to be a header; else all, under their places."""
    widths = pd.Series([sum(bool(cell.strip()) for cell in row) for row in rows], dtype="int64")
    if not len(widths) or widths.max() < 1:
        raise RefusedFileError("E-HEADER", missing="-", found="-")
    usual = widths.loc[widths > 1].mode()
    width = int(usual.iloc[0]) if len(usual) else 1
    likely = [at for at in range(len(rows[:HEADER_SEARCH_ROWS])) if 2 * widths[at] >= width]
    at = next((at for at in likely if is_header(rows[at], rows[at + 1 :])), None)
    if at is None:
        most = max(map(len, rows))
        headers, below = [str(place) for place in range(1, most + 1)], rows
    else:
        headers, below = [normal_header(cell) for cell in rows[at]], rows[at + 1 :]
    body = [row[: len(headers)] + [""] * (len(headers) - len(row)) for row in below]
    frame = pd.DataFrame(body, columns=headers, dtype="str")
    counts = Counter(headers)
    return frame.loc[:, [bool(each) and counts[each] == 1 for each in headers]], at is not None


def is_header(row: list[str], below: list[list[str]]) -> bool:
    """Whether a row is proven to be a header: words of headers, and nothing that rows below have.

    >>> is_header(["Ärende", "Antal barn under 18"], [["A1", "2"]])
    True
    >>> is_header(["Anna Ek", "Kvinna"], [["Bo Al", "Man"]])
    False
    """
    names = [normal_header(cell) for cell in row]
    is_month = parse_months(pd.Series(names, dtype="str")).values.notna().tolist()
    columns = [{r[place].strip() for r in below if place < len(r)} for place in range(len(names))]
    known = plausible = 0
    for name, month, cells in zip(names, is_month, columns, strict=True):
        look = _look_of(name)
        is_value = not month and (_VALUE.search(name) or (look and look in map(_look_of, cells)))
        is_code = _folded(name) in _code_words() and not _is_known(name)
        if name and (name in cells or is_value or is_code or len(name) > LONGEST):
            return False
        filled = [cell for cell in list(cells)[:SAMPLE] if cell]
        is_known = _is_known(name)
        known += is_known
        values = sum(any(map(str.isdigit, cell)) for cell in filled)
        plausible += is_known and bool(filled) and values > len(filled) / 2
    return known >= 2 or (known == 1 and (plausible > 0 or sum(map(bool, names)) == 1))


def _look_of(cell: str) -> str | None:
    """What a cell with digits looks like, letters and digits aside; None for one without."""
    has_digit = any(map(str.isdigit, cell))
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", cell)) if has_digit else None


def _is_known(name: str) -> bool:
    """Whether a name is a header that is known, a longer word with one at an end, or begins so."""
    phrases, name = _header_words(), _folded(name)
    first, *more = re.findall(r"[^\W\d_]+", name) or [""]
    if name in phrases or (more and len(first) >= LEAST_AFFIX and first in phrases):
        return True
    long = [each for each in phrases if len(each) >= LEAST_AFFIX]
    return not more and any(first.startswith(each) or first.endswith(each) for each in long)


@cache
def _header_words() -> frozenset[str]:
    """The headers that are known, of all tables and of columns that no table has."""
    told = [w for table in _known()["headers"].values() for words in table.values() for w in words]
    return frozenset(map(_folded, [*told, *" ".join(OTHER_WORDS).split()]))


@cache
def _code_words() -> frozenset[str]:
    return frozenset(_folded(word) for words in _known()["codes"].values() for word in words)


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
    name = _folded(header)
    words = [w for w in map(_folded, _known()["headers"][table].get(column, ())) if w in name]
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
    settings: Mapping[str, object],
) -> str:
    """The section as text, with comments where a person must look."""
    marks = {shapes[header].thousands for header in headers.values()} - {""}
    lines = [
        "",
        "# A draft: look at every line. What is not sure says CHECK.",
        "[[sources]]",
        f"table = {_quoted(table)}",
        f"files = [{_quoted(_pattern(path))}]  # or a pattern, as export*.csv, in nobody's name",
        *(_setting(key, value) for key, value in settings.items()),
        f"decimal = {_quoted(_decimal(headers, shapes))}",
        *(
            f"thousands = {_quoted(mark)}  # CHECK: three digits follow it in nearly all cells"
            for mark in marks
        ),
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
    is_wide = "wide" in settings
    for column, kind in TABLES[table].columns.items():
        if is_wide and column in ("month", "amount_sek"):
            continue
        if column == "birth_year" and column not in headers and "person_id" in headers:
            number = _quoted(headers["person_id"])
            form = f'{{header = {number}, format = "personal_number"}}'
            lines.append(f"birth_year = {form}  # CHECK: only where all have a personal number")
        elif column in headers:
            lines += _column(table, column, headers[column], shapes[headers[column]])
        elif not kind.nullable:
            lines.append(_lacking(table, column, unused, shapes))
    lines += [f"# not used: {harmless(each)}" for each in unused]
    return "\n".join(lines) + "\n"


def _monthly(path: Path, settings: Mapping[str, object]) -> str:
    """The sections of the monthly file to the National Board, which has no header."""
    lines = [
        "",
        "# A draft of the monthly file to the National Board of Health and Welfare: CHECK.",
    ]
    for table in ("payments", "persons"):
        lines += [
            "[[sources]]",
            f"table = {_quoted(table)}",
            f"files = [{_quoted(_pattern(path))}]",
        ]
        lines += [_setting(key, value) for key, value in settings.items()]
        lines.append('options = {layout = "monthly"}')
    return "\n".join(lines) + "\n"


def _setting(key: str, value: object) -> str:
    if key == "widths":
        return "# widths = [4, 2, 12]  # CHECK: no separator was found; how wide is each column?"
    checks = {
        "header": "  # CHECK: the first row is no header for sure, so columns are named by place",
        "wide": "  # CHECK: the form of the months that are columns",
    }
    return f"{key} = {_quoted(str(value))}{checks.get(key, '')}"


def _pattern(path: Path) -> str:
    """The name of a file as a pattern, without what may be the number of a person.

    >>> _pattern(Path("uttag 19121212-1212 2021.csv"))
    'uttag * 2021.csv'
    """
    return re.sub(r"\d{6,}(?:[-+ ]?\d{4})?", "*", path.name)


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
    named = map(_folded, _known()["headers"][table].get(column, ()))
    is_named = any(word in _folded(header) for word in named)
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
    return re.sub(r"[^a-z0-9]+", "_", _folded(word)).strip("_")[:40]


def _folded(text: str) -> str:
    """A text in small letters without marks on them, as many exports write å, ä and ö."""
    plain = unicodedata.normalize("NFD", text.casefold())
    return "".join(each for each in plain if not unicodedata.combining(each))


def _quoted(text: str) -> str:
    """A text as a TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return '"' + "".join(c for c in escaped if c.isprintable()) + '"'
