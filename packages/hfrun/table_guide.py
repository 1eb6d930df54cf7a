"""What tables and columns there are, in words: for the screen, a template workbook, a page.

The words stand in ``table_guide.toml``, the Swedish headers and words of codes in
``draft_mapping.toml``: a workbook filled in under these headers needs no mapping of its own.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

from hfcore.errors import UsageError
from hfcore.schema import TABLES, TECHNICAL_TABLES, Column
from hfcore.store import write_text

WORDS = {
    "sv": {"needed": "behövs", "optional": "kan saknas", "codes": "ett av", "example": "t.ex."},
    "en": {"needed": "needed", "optional": "may lack", "codes": "one of", "example": "such as"},
}
KINDS = {
    "sv": {"id": "nummer", "date": "dag", "month": "månad", "int": "heltal", "float": "tal"}
    | {"bool": "ja eller nej", "code": "ord", "list": "ord", "text": "text"},
    "en": {"id": "number", "date": "day", "month": "month", "int": "whole number"}
    | {"float": "number", "bool": "yes or no", "code": "word", "list": "words", "text": "text"},
}


@cache
def _file(name: str) -> dict:
    return tomllib.loads(files("hfrun").joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def table_names() -> list[str]:
    """The tables that files fill."""
    return [name for name in TABLES if name not in TECHNICAL_TABLES]


def name_of(table: str, language: str) -> str:
    """The name of a table in words."""
    return _file("table_guide").get(table, {}).get("table", {}).get(language, table)


def header_of(table: str, column: str) -> str:
    """The header that a column has in an office's file.

    >>> header_of("payments", "amount_sek")
    'Belopp'
    """
    words = _file("draft_mapping")["headers"].get(table, {}).get(column, [column])
    return words[0][:1].upper() + words[0][1:]


def code_words(column: Column, language: str) -> list[str]:
    """The codes of a column, in words of an office in Swedish, as they are in English."""
    known = _file("draft_mapping")["codes"]
    swedish = [known.get(code, [code])[0] for code in column.codes]
    return swedish if language == "sv" else list(column.codes)


def describe_tables(language: str) -> str:
    """One line a table: its name, what a row is."""
    lines = []
    for name in table_names():
        words = _file("table_guide").get(name, {}).get("table", {})
        lines.append(f"{name}\t{name_of(name, language)}\t{words.get(f'about_{language}', '')}")
    return "\n".join(lines)


def describe_table(table: str, language: str) -> str:
    """One line a column: name, header, needed or not, kind, meaning, codes, an example.

    Raises UsageError naming the tables that there are.
    """
    if table not in table_names():
        raise UsageError(f"There is no table of that name; there are: {', '.join(table_names())}.")
    said = WORDS[language]
    lines = []
    for name, column in TABLES[table].columns.items():
        words = _file("table_guide").get(table, {}).get(name, {})
        codes = f" ({said['codes']}: {', '.join(code_words(column, language))})"
        meaning = words.get(language, name) + (codes if column.codes else "")
        needed = said["optional" if column.nullable else "needed"]
        example = f"{said['example']} {words['example']}" if "example" in words else ""
        kind = KINDS[language][column.kind]
        lines.append("\t".join((name, header_of(table, name), needed, kind, meaning, example)))
    return "\n".join(lines)


def write_template(path: Path, language: str) -> None:
    """Write a workbook to fill in: one sheet a table, headers with their meaning as notes.

    Raises UsageError where the name does not end in ``.xlsx`` or the file is there already.
    """
    from openpyxl import Workbook
    from openpyxl.comments import Comment
    from openpyxl.styles import Font
    from openpyxl.worksheet.datavalidation import DataValidation

    if path.suffix.lower() != ".xlsx" or path.exists():
        raise UsageError("The template is a new file whose name ends in .xlsx.")
    book = Workbook()
    book.remove(book.active)
    for table in table_names():
        guide = _file("table_guide").get(table, {})
        sheet = book.create_sheet(name_of(table, "sv")[:31])
        for place, (name, column) in enumerate(TABLES[table].columns.items(), start=1):
            cell = sheet.cell(1, place, header_of(table, name))
            cell.font = Font(bold=not column.nullable)
            cell.comment = Comment(_note(guide.get(name, {}), name, column, language), "hfcore")
            letter = cell.column_letter
            sheet.column_dimensions[letter].width = max(12, len(str(cell.value)) + 4)
            if column.kind in ("id", "month", "text"):
                # As text, so that no digit and no zero in front is lost.
                sheet.column_dimensions[letter].number_format = "@"
            words = ",".join(code_words(column, "sv"))
            if column.codes and len(words) < MOST_LETTERS:
                choice = DataValidation("list", formula1=f'"{words}"', allow_blank=column.nullable)
                choice.add(f"{letter}2:{letter}5000")
                sheet.add_data_validation(choice)
        sheet.freeze_panes = "A2"
    book.save(path)


# What Excel takes for the words of a list to choose from.
MOST_LETTERS = 255


def _note(words: dict[str, str], name: str, column: Column, language: str) -> str:
    said = WORDS[language]
    needed = said["optional" if column.nullable else "needed"]
    example = f"; {said['example']} {words['example']}" if "example" in words else ""
    return f"{words.get(language, name)} ({needed}{example})"


def write_page(path: Path) -> None:
    """Write the page of tables of the documentation, in Swedish and English."""
    parts = ["# Tabeller och kolumner · Tables and columns\n"]
    parts.append(
        "Skrivs av `hfcore tables`: samma ord som på skärmen och i mallen "
        "(`hfcore tables --template mall.xlsx`). · Written by `hfcore tables`.\n"
    )
    for table in table_names():
        words = _file("table_guide").get(table, {}).get("table", {})
        parts.append(f"## {table} · {name_of(table, 'sv')}\n")
        parts.append(f"{words.get('about_sv', '')} · {words.get('about_en', '')}\n")
        parts.append("| kolumn · column | rubrik | svenska | English | exempel |")
        parts.append("|---|---|---|---|---|")
        for name, column in TABLES[table].columns.items():
            own = _file("table_guide").get(table, {}).get(name, {})
            sv, en = (_meaning(own, name, column, language) for language in ("sv", "en"))
            header = header_of(table, name)
            parts.append(f"| `{name}` | {header} | {sv} | {en} | {own.get('example', '')} |")
        parts.append("")
    write_text(path, "\n".join(parts))


def _meaning(words: dict[str, str], name: str, column: Column, language: str) -> str:
    said = WORDS[language]
    codes = f"; {said['codes']}: {', '.join(code_words(column, language))}" if column.codes else ""
    needed = said["optional" if column.nullable else "needed"]
    return f"{words.get(language, name)}{codes} ({needed})"
