"""study.toml → a checked Study: every mistake of the file is found and told at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from hfcore.errors import StudyError, as_list
from hfcore.schema import CLOSURE_REASONS, TABLES, TECHNICAL_TABLES
from hfcore.study import ColumnSource, Definitions, Municipality, Publication, Source, Study

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
CODE = re.compile(r"[0-9]{4}")
_STUDY_KEYS = {
    "name",
    "title",
    "is_simulated",
    "cutoff",
    "price_year",
    "municipalities",
    "definitions",
    "publication",
    "sources",
}
_SOURCE_KEYS = {each.name for each in fields(Source)}
_COLUMN_KEYS = {each.name for each in fields(ColumnSource)}


def read_study(path: Path) -> Study:
    """Read and check a study definition.

    Raises StudyError with all mistakes of the file, each a sentence that names the field and
    what is allowed there.
    """
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise StudyError(f"There is no study definition {path.parent.name}/{path.name}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        where = re.search(r"line \d+, column \d+", str(error))
        place = f" ({where.group()})" if where else ""
        raise StudyError(f"{path.name} is not valid TOML in UTF-8{place}.") from None
    return build_study(raw)


def build_study(raw: Mapping[str, Any]) -> Study:
    """Turn the parsed file into a Study, or raise StudyError with every mistake found."""
    mistakes: list[str] = []
    _check_keys(raw, _STUDY_KEYS, "study.toml", mistakes)
    _check_head(raw, mistakes)
    municipalities = tuple(
        _build_municipality(each, place, mistakes)
        for place, each in enumerate(_rows(raw, "municipalities", mistakes), start=1)
    )
    codes = [each.code for each in municipalities if each]
    if len(set(codes)) < len(codes):
        mistakes.append("municipalities: each code may stand once only.")
    definitions = _build_section(Definitions, raw.get("definitions", {}), "definitions", mistakes)
    publication = _build_section(Publication, raw.get("publication", {}), "publication", mistakes)
    if definitions:
        _check_definitions(definitions, mistakes)
    sources = tuple(
        _build_source(each, place, mistakes)
        for place, each in enumerate(_rows(raw, "sources", mistakes, needed=False), start=1)
    )
    if mistakes:
        raise StudyError(f"study.toml has {len(mistakes)} mistakes:\n{as_list(mistakes)}")
    return Study(
        name=raw["name"],
        title=dict(raw["title"]),
        is_simulated=raw["is_simulated"],
        cutoff=raw["cutoff"],
        price_year=raw["price_year"],
        municipalities=tuple(each for each in municipalities if each),
        definitions=definitions,
        publication=publication,
        sources=tuple(each for each in sources if each),
    )


def _check_keys(raw: Mapping, allowed: set[str], place: str, mistakes: list[str]) -> None:
    unknown = sorted(set(raw) - allowed)
    if unknown:
        mistakes.append(
            f"{place}: unknown field {', '.join(unknown)}; allowed: {', '.join(sorted(allowed))}."
        )


def _check_head(raw: Mapping, mistakes: list[str]) -> None:
    name = raw.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        mistakes.append("name: write lower-case letters, digits and hyphens, at most 40.")
    title = raw.get("title")
    if not isinstance(title, Mapping) or not {"sv", "en"} <= set(title):
        mistakes.append("title: give a text for sv and one for en.")
    if not isinstance(raw.get("is_simulated"), bool):
        mistakes.append("is_simulated: write true or false.")
    if not _is_date(raw.get("cutoff")):
        mistakes.append("cutoff: write a date such as 2021-12-31, without quotes.")
    if not isinstance(raw.get("price_year"), int):
        mistakes.append("price_year: write a year such as 2021.")


def _is_date(value: Any) -> bool:
    return type(value) is date


def _rows(raw: Mapping, key: str, mistakes: list[str], needed: bool = True) -> list[Mapping]:
    rows = raw.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(each, Mapping) for each in rows):
        mistakes.append(f"{key}: write one [[{key}]] section for each.")
        return []
    if needed and not rows:
        mistakes.append(f"{key}: at least one [[{key}]] section is needed.")
    return rows


def _build_municipality(raw: Mapping, place: int, mistakes: list[str]) -> Municipality | None:
    here = f"municipalities, number {place}"
    before = len(mistakes)
    _check_keys(raw, {each.name for each in fields(Municipality)}, here, mistakes)
    code: Any = raw.get("code")
    name: Any = raw.get("name")
    if not isinstance(code, str) or not CODE.fullmatch(code):
        mistakes.append(f'{here}: code is four digits in quotes, such as "0180".')
    if not isinstance(name, str) or not name.strip():
        mistakes.append(f"{here}: name is missing.")
    for key in ("first_day", "last_day"):
        if not _is_date(raw.get(key)):
            mistakes.append(f"{here}: {key} is a date such as 2016-05-01, without quotes.")
    months: dict[str, Any] = {key: _month(raw.get(key)) for key in ("payments_from", "payments_to")}
    for key, month in months.items():
        if month is None:
            mistakes.append(f'{here}: {key} is a month in quotes, such as "2014-05".')
    if len(mistakes) > before:
        return None
    if raw["first_day"] > raw["last_day"] or months["payments_from"] > months["payments_to"]:
        mistakes.append(f"{here}: a period ends before it begins.")
    return Municipality(code, name, raw["first_day"], raw["last_day"], **months)


def _month(value: Any) -> date | None:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value):
        return date(int(value[:4]), int(value[5:]), 1)
    return None


def _build_section(kind: type, raw: Any, place: str, mistakes: list[str]) -> Any:
    if not isinstance(raw, Mapping):
        mistakes.append(f"{place}: write a section [{place}].")
        return None
    default = kind()
    known = {each.name: getattr(default, each.name) for each in fields(kind)}
    _check_keys(raw, set(known), place, mistakes)
    values = {}
    for key in sorted(set(raw) & set(known)):
        value = _as_tuples(raw[key])
        if not _same_kind(value, known[key]):
            mistakes.append(f"{place}.{key}: write it like the default, {_shown(known[key])}.")
        values[key] = value
    return None if mistakes else kind(**values)


def _as_tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_as_tuples(each) for each in value)
    if isinstance(value, Mapping):
        return {key: _as_tuples(each) for key, each in value.items()}
    return value


def _same_kind(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, int | float) and value >= 0
    if isinstance(default, int):
        return isinstance(value, int) and value >= 0
    if isinstance(default, tuple):
        kind = type(default[0]) if default else str
        return isinstance(value, tuple) and all(type(each) is kind for each in value)
    return isinstance(value, Mapping) if isinstance(default, Mapping) else isinstance(value, str)


def _shown(default: Any) -> str:
    return str(list(default)) if isinstance(default, tuple) else str(default)


def _check_definitions(definitions: Definitions, mistakes: list[str]) -> None:
    maps = {"definitions.causes": definitions.causes}
    for name, variant in definitions.cause_variants.items():
        maps[f"definitions.cause_variants.{name}"] = variant
        undeclared = sorted(set(variant) - set(definitions.causes))
        if undeclared:
            mistakes.append(
                f"definitions.cause_variants.{name}: {', '.join(undeclared)} is not among the "
                f"causes: {', '.join(definitions.causes)}."
            )
    for place, causes in maps.items():
        _check_causes(place, causes, mistakes)
    if "rest" not in definitions.causes.values():
        mistakes.append('definitions.causes: one cause must be "rest", so that none is lost.')
    if list(definitions.duration_bands_months) != sorted(set(definitions.duration_bands_months)):
        mistakes.append("definitions.duration_bands_months: write rising numbers of months.")
    if _month(definitions.split_month) is None:
        mistakes.append('definitions.split_month: write a month in quotes, such as "2020-03".')
    if set(definitions.plan_order) - set(definitions.plans):
        mistakes.append("definitions.plan_order: it may hold only codes that plans declares.")


def _check_causes(place: str, causes: Mapping, mistakes: list[str]) -> None:
    reasons = [each for value in causes.values() if isinstance(value, tuple) for each in value]
    unknown = sorted(set(reasons) - set(CLOSURE_REASONS))
    if unknown:
        mistakes.append(
            f"{place}: unknown closure reason {', '.join(unknown)}; allowed: "
            f"{', '.join(CLOSURE_REASONS)}."
        )
    if len(set(reasons)) < len(reasons):
        mistakes.append(f"{place}: a closure reason may belong to one cause only.")
    words = [value for value in causes.values() if isinstance(value, str)]
    if set(words) - {"positive", "rest"}:
        mistakes.append(f'{place}: a cause is a list of closure reasons, "positive" or "rest".')


def _build_source(raw: Mapping, place: int, mistakes: list[str]) -> Source | None:
    here = f"sources, number {place}"
    before = len(mistakes)
    _check_keys(raw, _SOURCE_KEYS, here, mistakes)
    table: Any = raw.get("table")
    if table not in TABLES or table in TECHNICAL_TABLES:
        known = ", ".join(name for name in TABLES if name not in TECHNICAL_TABLES)
        mistakes.append(f"{here}: table is one of {known}.")
    files: Any = raw.get("files")
    if not isinstance(files, list) or not files or not all(map(_is_safe_pattern, files)):
        mistakes.append(
            f"{here}: files is a list of names or patterns inside the municipality's folder."
        )
    columns = raw.get("columns", {})
    if not isinstance(columns, Mapping) or not all(
        isinstance(each, str | Mapping) for each in columns.values()
    ):
        mistakes.append(f"{here}: columns says for each column its header or a table of settings.")
    if len(mistakes) > before:
        return None
    built: dict[str, Any] = {
        name: _build_column(each, f"{here}, column {name}", mistakes)
        for name, each in columns.items()
    }
    unknown = sorted(set(columns) - set(TABLES[table].columns))
    if unknown:
        mistakes.append(
            f"{here}: {table} has no column {', '.join(unknown)}; it has: "
            f"{', '.join(TABLES[table].columns)}."
        )
    own = ("columns", "files", "municipality")
    settings = {key: _as_tuples(raw[key]) for key in raw if key not in own}
    if "municipality" in raw:
        settings["municipality"] = _build_shared(raw["municipality"], here, mistakes)
    if mistakes:
        return None
    return Source(files=tuple(files), columns=built, **settings)


def _build_shared(raw: Any, here: str, mistakes: list[str]) -> ColumnSource | None:
    """The column of a shared file that says whose a row is."""
    is_read = isinstance(raw, str | Mapping) and raw
    built = _build_column(raw, f"{here}, municipality", mistakes) if is_read else None
    if built is not None and built.header and not (built.format or built.value):
        return built
    mistakes.append(
        f"{here}: municipality is the header of the column that names each row's municipality, "
        "or a table with header and codes; without it each municipality has files of its own."
    )
    return None


def _is_safe_pattern(pattern: Any) -> bool:
    if not isinstance(pattern, str) or not pattern or pattern.startswith(("/", "\\")):
        return False
    return ".." not in re.split(r"[/\\]", pattern) and ":" not in pattern and "\0" not in pattern


def _build_column(raw: str | Mapping, place: str, mistakes: list[str]) -> ColumnSource | None:
    if isinstance(raw, str):
        return ColumnSource(header=raw)
    _check_keys(raw, _COLUMN_KEYS, place, mistakes)
    if not (raw.get("header") or raw.get("value")):
        mistakes.append(f"{place}: give its header in the file, or a value for all rows.")
        return None
    return ColumnSource(**{key: raw[key] for key in raw if key in _COLUMN_KEYS})
