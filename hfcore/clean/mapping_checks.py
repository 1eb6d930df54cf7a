"""What the [[sources]] of study.toml say, held against the tables before any file is read."""

from __future__ import annotations

import re

from hfcore.clean.monthly_statistics import FIELDS
from hfcore.clean.source_reading import OPTION_HEADERS, wide_columns
from hfcore.errors import StudyError
from hfcore.schema import TABLES
from hfcore.study import Source, Study
from hfcore.study_file import is_form, told_mistakes

FORMATS, DECIMALS = ("csv", "excel"), (",", ".")
OPTIONS = (
    *OPTION_HEADERS,
    *("fill", "header", "layout", "list_separator", "norm_sek", "paid_on_format"),
    *("protected_values", "thousands", "wide", "widths"),
)
THOUSANDS = (",", ".", " ", "")
LAYOUT_OPTIONS = (*FIELDS, "obstacle")
MOST_CHARACTERS = 10_000
FREE_CODE = re.compile(r"[a-z0-9_]{1,40}")


def check_mapping(study: Study) -> None:
    """Raise StudyError with every mistake of the mappings.

    A column that a table must have and no mapping fills; a code that a table or the study does
    not know, which would make a category by accident; a setting that does not exist.
    """
    mistakes = []
    for place, source in enumerate(study.sources, start=1):
        found = [*_missing(source), *_wrong_settings(source), *_wrong_codes(source, study)]
        mistakes += [f"sources, number {place}: {each}" for each in found]
    if not study.sources:
        mistakes.append("sources: there is no [[sources]] section, so nothing can be read.")
    if mistakes:
        raise StudyError(told_mistakes(mistakes))


def _missing(source: Source) -> list[str]:
    if "layout" in source.options:
        return []
    needed = {name for name, kind in TABLES[source.table].columns.items() if not kind.nullable}
    needed -= {"month"} if "paid_on" in source.options else set()
    missing = sorted(needed - set(source.columns) - set(wide_columns(source)))
    how = ' (birth_year = {header = "…", format = "personal_number"} takes it from the number)'
    more = how if "birth_year" in missing else ""
    return [f"{source.table} needs the column {', '.join(missing)}{more}."] if missing else []


def _wrong_settings(source: Source) -> list[str]:
    known = OPTIONS + (LAYOUT_OPTIONS if "layout" in source.options else ())
    unknown = sorted(set(source.options) - set(known))
    found = [f"options has no {', '.join(unknown)}; it has: {', '.join(known)}."] if unknown else []
    for name, value, allowed in (
        ("format", source.format, FORMATS),
        ("decimal", source.decimal, DECIMALS),
    ):
        if value not in allowed:
            found.append(f"{name} is one of: {' or '.join(allowed)}.")
    thousands, widths = source.options.get("thousands", ""), source.options.get("widths", (1,))
    if thousands not in THOUSANDS or thousands == source.decimal:
        found.append("thousands is the mark of thousands, one of , . or a blank, and not decimal.")
    if not isinstance(widths, tuple) or not widths or not all(_is_width(each) for each in widths):
        found.append("widths lists how many characters wide each column is, such as [4, 2, 12].")
    if not isinstance(source.options.get("fill", ()), tuple):
        found.append('fill lists the columns that stand once a group, such as ["Ärende"].')
    wide = source.options.get("wide", "%Y-%m")
    if not isinstance(wide, str) or not is_form(wide) or len(wide_columns(source)) == 1:
        found.append('wide is the form of the months that are columns, such as "%Y-%m".')
    found += [
        f"{name}: format personal_number is for birth_year alone."
        for name, column in source.columns.items()
        if column.format == "personal_number" and name != "birth_year"
    ]
    if len(source.separator) != 1 or source.separator in '"\r\n':
        found.append("separator is one character, such as ; or \\t.")
    elif source.is_shared and not source.separator.isascii():
        found.append("separator of a shared file is one ASCII character, such as ; or \\t.")
    is_several = source.sheet == "*" or not isinstance(source.sheet, str)
    if is_several and (source.is_shared or "layout" in source.options):
        found.append("sheet is one name here: shared files and layouts have one sheet.")
    if source.is_shared and source.options.get("layout") == "lifecare":
        found.append("municipality: an extract of Lifecare is one municipality's, not shared.")
    return found


def _is_width(value: object) -> bool:
    return type(value) is int and 0 < value <= MOST_CHARACTERS


def _wrong_codes(source: Source, study: Study) -> list[str]:
    """Columns whose codes are translated into something that nobody knows, or not filled in."""
    found = []
    for name, given in source.columns.items():
        kind = TABLES[source.table].columns[name]
        allowed = study.definitions.plans if name == "plan" else kind.codes
        allowed = ("true", "false") if kind.kind == "bool" else allowed
        wrong = [
            code
            for code in given.codes.values()
            if (code not in allowed if allowed else not FREE_CODE.fullmatch(str(code)))
        ]
        if wrong:
            told = ", ".join(allowed) or "words of a-z, 0-9 and _"
            empty = " Some are empty." if "" in wrong else ""
            found.append(f"{name} has {len(wrong)} codes that are not known.{empty} Known: {told}.")
    return found
