"""A file of published figures → a typed frame; every mistake of the file is told at once.

The file is as hostile as any other: size, encoding, cells and numbers are checked before anything
is computed, and no message repeats what a cell held.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from hfclaims.numbers import read_factors, read_period
from hfcore.errors import Problem, RawDataError, UsageError, as_list

COLUMNS = (
    "claim_id",
    "source",
    "place",
    "municipality",
    "metric",
    "group",
    "at",
    "value",
    "unit",
    "numerator",
    "denominator",
    "period",
    "note",
)
MAX_BYTES = 5_000_000
MAX_ROWS = 10_000
MAX_CELL = 2_000
MAX_PRODUCT = 200
FIXED_SPACES = {0xA0: " ", 0x202F: " "}
ZERO = re.compile(r"0+(\.0*)?")
NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")
METRIC = re.compile(r"[a-z][a-z0-9_]{0,79}")
MUNICIPALITY = re.compile(r"[0-9]{4}|all|SE|")


def read_claims(path: Path) -> pd.DataFrame:
    """Read a file of published figures, one row a figure, and check every cell of it.

    Parameters
    ----------
    path : path of a CSV file in UTF-8, separated by commas, with the columns of ``COLUMNS`` in
        any order. Figures have a decimal point and no thousands separator; a cell of ``value``
        may hold several, separated by semicolons.

    Returns
    -------
    DataFrame
        The file's columns as text, save ``value``, ``numerator`` and ``denominator`` as numbers
        (null where there is none, or a list); ``printed``, the figure with the decimals it was
        printed with; ``product``, the factors where ``at`` or ``numerator`` writes them out.

    Raises
    ------
    UsageError
        If there is no such file.
    RawDataError
        With every mistake of the file: column, rows, what is allowed.
    """
    file = Path(path)
    if not file.is_file():
        raise UsageError("There is no file of published figures at that place.")
    name = file.name if file.name.isprintable() else "file"
    records = _read_records(file, name)
    frame = pd.DataFrame(records[1:], columns=records[0], dtype="str")[list(COLUMNS)]
    _raise_all(list(_cell_problems(frame, name)))
    return _typed(frame)


def _raise_all(problems: list[Problem]) -> None:
    if problems:
        raise RawDataError(as_list(problem.sentence() for problem in problems))


def _read_records(file: Path, name: str) -> list[list[str]]:
    if file.stat().st_size > MAX_BYTES:
        _raise_all([_problem("E-SIZE", name, f"The file may hold {MAX_BYTES} bytes at most.")])
    try:
        text = file.read_bytes().decode("utf-8-sig")
        records = list(csv.reader(text.splitlines(keepends=True), strict=True))
    except UnicodeDecodeError:
        _raise_all([_problem("E-ENCODING", name, "Save the file as UTF-8.")])
    except csv.Error:
        _raise_all([_problem("E-FIELDS", name, "Quotes do not close, or a cell is too long.")])
    records = [each for each in records if each]
    header = records[0] if records else []
    if sorted(header) != sorted(COLUMNS):
        missing = [each for each in COLUMNS if each not in header]
        lacks = f"it lacks {', '.join(missing)}" if missing else "it has others or repeats one"
        wanted = f"The header is {','.join(COLUMNS)}; {lacks}."
        _raise_all([_problem("E-HEADER", name, wanted)])
    if len(records) - 1 > MAX_ROWS:
        _raise_all([_problem("E-SIZE", name, f"The file may hold {MAX_ROWS} rows at most.")])
    wrong = [row for row, each in enumerate(records, 1) if len(each) != len(COLUMNS)]
    if wrong:
        rule = f"Each row has {len(COLUMNS)} cells."
        _raise_all([_problem("E-FIELDS", name, rule, rows=wrong)])
    return records


_SV = {
    "E-SIZE": "Filen är för stor.",
    "E-ENCODING": "Spara filen som UTF-8.",
    "E-FIELDS": "Antalet fält stämmer inte.",
    "E-HEADER": "Rubrikraden stämmer inte.",
    "E-TEXT": "Otillåtna tecken eller för lång text.",
    "E-ID": "Varje uppgift har ett eget id.",
    "E-CODE": "Otillåten kod.",
    "E-NUMBER": "Skriv tal med decimalpunkt och utan mellanrum.",
    "E-PERIOD": "Skriv perioder som 2016, 2016-05 eller 2016-05-01/2021-12-31.",
    "E-RANGE": "Nämnaren är större än noll.",
}


def _problem(
    rule: str, name: str, message: str, column: str = "", rows: Sequence[int] = ()
) -> Problem:
    return Problem(
        rule, name, message, _SV[rule], column=column, rows=tuple(rows[:10]), count=len(rows)
    )


def _cell_problems(frame: pd.DataFrame, name: str) -> Iterator[Problem]:
    """Every broken rule of the cells, one problem a rule and column."""
    for column in COLUMNS:
        bad = ~_where(frame[column], _is_text)
        rule = f"Cells hold printable characters, {MAX_CELL} at most."
        yield from _told("E-TEXT", name, rule, column, bad)
    for column, pattern, allowed in (
        ("metric", METRIC, "lower-case letters, digits and underscores"),
        ("municipality", MUNICIPALITY, "four digits, all, SE or nothing"),
    ):
        bad = ~_where(frame[column], pattern.fullmatch)
        yield from _told("E-CODE", name, f"Allowed: {allowed}.", column, bad)
    bad = frame["claim_id"].str.strip().eq("") | frame["claim_id"].duplicated(keep=False)
    yield from _told("E-ID", name, "Give each figure an id of its own.", "claim_id", bad)
    rule = "Write numbers with a decimal point and no spaces; lists with semicolons, in value only."
    for column, good in (
        ("value", _where(frame["value"], _is_list)),
        ("numerator", _where(frame["numerator"], lambda cell: _is_count(cell) or _factors(cell))),
        ("denominator", _where(frame["denominator"], _is_count)),
    ):
        yield from _told("E-NUMBER", name, rule, column, ~good)
    zero = _where(frame["denominator"], lambda cell: ZERO.fullmatch(cell))
    yield from _told("E-RANGE", name, "A denominator is above zero.", "denominator", zero)
    bad = ~_where(frame["period"], lambda cell: cell == "" or read_period(cell) is not None)
    rule = "Write periods as 2016, 2016-05 or 2016-05-01/2021-12-31, the first day first."
    yield from _told("E-PERIOD", name, rule, "period", bad)


def _where(cells: pd.Series, test: Callable[[str], object]) -> pd.Series:
    return pd.Series([bool(test(cell)) for cell in cells], index=cells.index, dtype=bool)


def _told(rule: str, name: str, message: str, column: str, bad: pd.Series) -> Iterator[Problem]:
    rows = [int(position) + 2 for position in bad.to_numpy(dtype=bool).nonzero()[0]]
    if rows:
        yield _problem(rule, name, message, column, rows)


def _is_text(cell: str) -> bool:
    """Short and printable, fixed spaces included."""
    return len(cell) <= MAX_CELL and cell.translate(FIXED_SPACES).isprintable()


def _is_list(cell: str) -> bool:
    return all(NUMBER.fullmatch(each) for each in cell.split(";"))


def _is_count(cell: str) -> bool:
    return cell == "" or (bool(NUMBER.fullmatch(cell)) and not cell.startswith("-"))


def _factors(cell: str) -> bool:
    return len(cell) <= MAX_PRODUCT and len(read_factors(cell)) > 1


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    in_top, in_at = (_where(frame[column], _factors) for column in ("numerator", "at"))
    product = frame["numerator"].where(in_top, frame["at"].where(in_at, ""))
    return frame.assign(
        printed=frame["value"],
        product=product,
        value=pd.to_numeric(frame["value"], errors="coerce").astype("float64"),
        numerator=pd.to_numeric(frame["numerator"].mask(in_top, ""), errors="coerce").astype(
            "float64"
        ),
        denominator=pd.to_numeric(frame["denominator"], errors="coerce").astype("float64"),
    )
