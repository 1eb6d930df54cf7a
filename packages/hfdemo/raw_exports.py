"""Tables in the look of municipal exports: separators, decimal commas, title rows, workbooks.

The mess is of the kind that a careful reader removes without changing a number. All bytes are
fixed by the rows: line ends, time stamps and compression do not depend on machine or day.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

RawRows = Mapping[str, np.ndarray]
NO_BREAK_SPACE = "\u00a0"
NARROW_SPACE = "\u202f"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_LARGEST_LISTED = 30_000


def write_csv(path: Path, rows: RawRows, encoding: str = "cp1252", last: str | None = None) -> None:
    """Write cells with semicolons, in cp1252 with Windows line ends; ``last`` is one more line."""
    end = "\r\n" if encoding == "cp1252" else "\n"
    lines = map(";".join, zip(*(map(str, cells) for cells in rows.values()), strict=True))
    text = end.join([";".join(rows), *lines, *([last] if last else []), ""])
    path.write_bytes(text.encode(encoding))


def swedish_amounts(amounts: np.ndarray, space: str = NO_BREAK_SPACE) -> np.ndarray:
    """Whole kronor with thousands spaces and decimal comma.

    >>> swedish_amounts(np.array([950, 12345]), " ").tolist()
    ['950,00', '12 345,00']
    """
    if len(amounts) and amounts.min() >= 0 and amounts.max() < _LARGEST_LISTED:
        return _listed(space)[amounts.astype(int)]
    return np.array([_swedish(each, space) for each in amounts.tolist()], object)


@lru_cache
def _listed(space: str) -> np.ndarray:
    return np.array([_swedish(each, space) for each in range(_LARGEST_LISTED)], object)


def _swedish(amount: float, space: str) -> str:
    return f"{amount:,.2f}".replace(",", space).replace(".", ",")


def swedish_number(values: Iterable[float], decimals: int = 2) -> list[str]:
    """Numbers with a decimal comma.

    >>> swedish_number([1.5, 0.25])
    ['1,50', '0,25']
    """
    return [f"{each:.{decimals}f}".replace(".", ",") for each in values]


def repeat_rows(rng: np.random.Generator, rows: RawRows, count: int) -> RawRows:
    """The rows with some of them twice, the second right after the first."""
    size = len(next(iter(rows.values())))
    twice = rng.choice(size, min(count, size), replace=False)
    order = np.sort(np.concatenate([np.arange(size), twice]))
    return {header: cells[order] for header, cells in rows.items()}


def write_workbook(path: Path, sheet: str, rows: RawRows, titles: Sequence[str] = ()) -> None:
    """Write one sheet: title rows, the header, the rows; numbers as numbers, the rest as text."""
    lines = [*([title] for title in titles), list(rows), *zip(*rows.values(), strict=True)]
    body = "".join(_row(number, cells) for number, cells in enumerate(lines, start=1))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_SHEETS}" xmlns:r="{_RELATIONS}"><sheets>'
        f'<sheet name="{escape(sheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_SHEETS}"><sheetData>{body}</sheetData>'
        "</worksheet>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            archive.writestr(entry, (_XML + content).encode("utf-8"))


def _row(number: int, cells: Sequence[object]) -> str:
    return f'<row r="{number}">{"".join(map(_cell, cells))}</row>'


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'
