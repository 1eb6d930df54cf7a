"""study.toml → a checked Study: every mistake of the file is found and told at once."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from hfcore.errors import StudyError, as_list
from hfcore.results import METRICS
from hfcore.schema import CLOSURE_REASONS, TABLES, TECHNICAL_TABLES
from hfcore.study import (
    UNITS,
    ColumnSource,
    Definitions,
    Municipality,
    Publication,
    Source,
    Study,
    TheoryStep,
    Wave,
)

FORMATS = ("local", "personal_number")
OPTION_TEXTS = ("row_id", "version", "paid_on", "protected", "birth_year", "header", "layout")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
CODE = re.compile(r"[0-9]{4}")
MAX_BYTES = 1_000_000
LONG_NUMBER = re.compile(r"(?m)^[^\"'#\n]*=\s*[-+]?\d{19,}\s*(?:#.*)?$")
DEEP = re.compile(r"[\[{](?:\s*[\[{]){20,}|(?:\w+\s*\.\s*){50,}")
YEARS = (1990, 2200)
MOST_MONTHS = 1_200
# Settings of a source that may stand beside the others or in its options.
_OPTIONS = ("fill", "header", "thousands", "wide", "widths")
WAVE = re.compile(r"[a-z0-9_]{1,40}")
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
    "unit",
    "has_earlier_reports",
    "labels",
    "waves",
    "theory",
}
MOST_LETTERS = 60
_OPTIONAL = ("payments_cover", "contacts_from", "contacts_to", "teams", "teams_counted")
_SOURCE_KEYS = {each.name for each in fields(Source)}
_COLUMN_KEYS = {each.name for each in fields(ColumnSource)}


def read_study(path: Path) -> Study:
    """Read and check a study definition.

    Raises StudyError with all mistakes of the file, each a sentence that names the field and
    what is allowed there.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"There is no study definition {path.parent.name}/{path.name}.") from None
    return build_study(parse_toml(raw, path.name))


def parse_toml(raw: bytes, name: str = "study.toml") -> dict[str, Any]:
    """The content of a TOML file; StudyError says what it is where it cannot be read."""
    if len(raw) > MAX_BYTES:
        raise StudyError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB: it is no definition.")
    if b"\0" in raw:
        line = raw[: raw.index(b"\0")].count(b"\n") + 1
        raise StudyError(
            f"{name} holds UTF-16 from line {line} on, as PowerShell's >> writes it. Take these "
            "lines away, or save the file as UTF-8 in Notepad; hfcore ingest --suggest FILE "
            "--append writes a draft into the file itself."
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise StudyError(
            f"{name} is not in UTF-8: line {line} has a letter such as å in Windows' own encoding "
            "(cp1252). Save it as UTF-8 (in Notepad: Save as, Encoding)."
        ) from None
    # Numbers of many digits and tables in tables take a parser time and depth without end.
    if LONG_NUMBER.search(text) or DEEP.search(text):
        raise StudyError(f"{name} holds a number of over 18 digits, or brackets in brackets.")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        where = re.search(r"line \d+, column \d+", str(error))
        place = f" ({where.group()})" if where else ""
        raise StudyError(f"{name} is not valid TOML in UTF-8{place}.") from None


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
    if publication:
        _check_publication(publication, mistakes)
    sources = tuple(
        _build_source(each, place, mistakes)
        for place, each in enumerate(_rows(raw, "sources", mistakes, needed=False), start=1)
    )
    waves = tuple(
        _build_wave(each, place, mistakes)
        for place, each in enumerate(_rows(raw, "waves", mistakes, needed=False), start=1)
    )
    theory = tuple(
        _build_step(each, place, mistakes)
        for place, each in enumerate(_rows(raw, "theory", mistakes, needed=False), start=1)
    )
    if mistakes:
        raise StudyError(told_mistakes(mistakes))
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
        unit=raw.get("unit", UNITS[0]),
        has_earlier_reports=raw.get("has_earlier_reports", False),
        labels=raw.get("labels", {}),
        waves=waves,
        theory=theory,
    )


def told_mistakes(mistakes: list[str]) -> str:
    """All mistakes of a definition as one text."""
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return f"study.toml has {count}:\n{as_list(mistakes)}"


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
    if raw.get("unit", UNITS[0]) not in UNITS:
        mistakes.append(f"unit: write one of {', '.join(UNITS)}.")
    if not isinstance(raw.get("has_earlier_reports", False), bool):
        mistakes.append("has_earlier_reports: write true or false.")
    _check_labels(raw.get("labels", {}), mistakes)
    year = raw.get("price_year")
    if type(year) is not int or not YEARS[0] <= year <= YEARS[1]:
        mistakes.append("price_year: write a year such as 2021.")


def _check_labels(raw: object, mistakes: list[str]) -> None:
    """Words for a study's own codes: [labels.causes] code = { sv = "…", en = "…" }."""
    sections = raw.values() if isinstance(raw, Mapping) else [None]
    words = [each for section in sections for each in getattr(section, "values", lambda: [0])()]
    if None in sections or not all(
        isinstance(each, Mapping)
        and set(each) == {"sv", "en"}
        and all(isinstance(word, str) and len(word) <= MOST_LETTERS for word in each.values())
        for each in words
    ):
        mistakes.append(
            'labels: write [labels.causes] and for each code { sv = "…", en = "…" }, at most '
            f"{MOST_LETTERS} letters."
        )


def _is_date(value: object) -> bool:
    return type(value) is date and YEARS[0] <= value.year <= YEARS[1]


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
    if raw.get("payments_cover", "study") not in ("all", "study"):
        mistakes.append(f'{here}: payments_cover is "all" or "study".')
    if not all(_is_date(raw[key]) for key in ("contacts_from", "contacts_to") if key in raw):
        mistakes.append(f"{here}: contacts_from and contacts_to are dates, without quotes.")
    if not all(type(raw[key]) is int for key in ("teams", "teams_counted") if key in raw):
        mistakes.append(f"{here}: teams and teams_counted are whole numbers.")
    if len(mistakes) > before:
        return None
    if raw["first_day"] > raw["last_day"] or months["payments_from"] > months["payments_to"]:
        mistakes.append(f"{here}: a period ends before it begins.")
    more = {key: raw[key] for key in _OPTIONAL if key in raw}
    return Municipality(code, name, raw["first_day"], raw["last_day"], **months, **more)


def _build_wave(raw: Mapping, place: int, mistakes: list[str]) -> Wave | None:
    here, before = f"waves, number {place}", len(mistakes)
    _check_keys(raw, {"code", "from", "to", "frame"}, here, mistakes)
    code, days = raw.get("code"), (raw.get("from"), raw.get("to"))
    if not isinstance(code, str) or not WAVE.fullmatch(code):
        mistakes.append(
            f'{here}: code is lower-case letters, digits and _ in quotes, such as "2020h2".'
        )
    if not all(map(_is_date, days)) or days[0] > days[1]:
        mistakes.append(f"{here}: from and to are dates such as 2020-09-01, in their order.")
    if raw.get("frame") not in ("closed", "ongoing"):
        mistakes.append(f'{here}: frame is "closed" or "ongoing".')
    return None if len(mistakes) > before else Wave(code, *days, raw["frame"])


def _build_step(raw: Mapping, place: int, mistakes: list[str]) -> TheoryStep | None:
    here, before = f"theory, number {place}", len(mistakes)
    own = {each.name for each in fields(TheoryStep)} - {"code", "text", "leads_to"}
    _check_keys(raw, own | {"id", "sv", "en", "leads_to"}, here, mistakes)
    if not isinstance(raw.get("id"), str) or not WAVE.fullmatch(raw["id"]):
        mistakes.append(f"{here}: id is lower-case letters, digits and _ in quotes.")
    if raw.get("level") not in ("activity", "mechanism", "short", "long"):
        mistakes.append(f"{here}: level is activity, mechanism, short or long.")
    if not (isinstance(raw.get("sv"), str) and isinstance(raw.get("en"), str)):
        mistakes.append(f"{here}: give a text for sv and one for en.")
    if raw.get("metric", "") not in ("", *METRICS):
        mistakes.append(f"{here}: there is no metric of that name.")
    if raw.get("direction", "") not in ("", "up", "down"):
        mistakes.append(f'{here}: direction is "up" or "down".')
    if len(mistakes) > before:
        return None
    given = {key: raw[key] for key in own if key in raw}
    texts = {"sv": raw["sv"], "en": raw["en"]}
    return TheoryStep(raw["id"], text=texts, leads_to=tuple(raw.get("leads_to", ())), **given)


def _month(value: Any) -> date | None:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value):
        year = int(value[:4])
        return date(year, int(value[5:]), 1) if YEARS[0] <= year <= YEARS[1] else None
    return None


def is_form(form: str) -> bool:
    """Whether a text is a form of dates that can be read and written.

    >>> is_form("%d/%m/%Y"), is_form("%Q"), is_form("%")
    (True, False, False)
    """
    codes = re.findall(r"%(.?)", form)
    return bool(codes) and all(code and code in "YymdbBHMSfjzT" for code in codes)


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


def _check_publication(publication: Publication, mistakes: list[str]) -> None:
    """No rule of disclosure control may be looser than its default, which is that of the rules."""
    for each in fields(Publication):
        own, rule = getattr(publication, each.name), each.default
        if isinstance(rule, tuple):
            missing = sorted(set(rule) - set(own))
            unknown = sorted(set(own) - set(CLOSURE_REASONS))
            if missing or unknown:
                mistakes.append(
                    f"publication.{each.name}: a study may only add to {', '.join(rule)}, and only "
                    f"closure reasons: {', '.join(CLOSURE_REASONS)}."
                )
        elif own < rule:
            mistakes.append(
                f"publication.{each.name}: {own} is looser than the rules of publication allow; "
                f"write {rule} or more, or leave it out."
            )


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
    for each in fields(definitions):
        value = getattr(definitions, each.name)
        several = value if isinstance(value, tuple) else (value,)
        is_far = any(type(number) is int and number > MOST_MONTHS for number in several)
        if is_far and each.name.endswith("_months"):
            mistakes.append(f"definitions.{each.name}: at most {MOST_MONTHS} months.")
    for place, causes in maps.items():
        _check_causes(place, causes, mistakes)
    if "rest" not in definitions.causes.values():
        mistakes.append('definitions.causes: one cause must be "rest", so that none is lost.')
    if list(definitions.duration_bands_months) != sorted(set(definitions.duration_bands_months)):
        mistakes.append("definitions.duration_bands_months: write rising numbers of months.")
    if _month(definitions.split_month) is None:
        mistakes.append('definitions.split_month: write a month in quotes, such as "2020-03".')
    if set(definitions.favourable_answers) - set(definitions.survey_answers):
        mistakes.append("definitions.favourable_answers: it may hold only codes of survey_answers.")
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
    _check_keys(raw, _SOURCE_KEYS | set(_OPTIONS), here, mistakes)
    table: Any = raw.get("table")
    if not isinstance(table, str) or table not in TABLES or table in TECHNICAL_TABLES:
        known = ", ".join(name for name in TABLES if name not in TECHNICAL_TABLES)
        mistakes.append(f"{here}: table is one of {known}.")
    files: Any = raw.get("files")
    if not isinstance(files, list) or not files or not all(map(_is_safe_pattern, files)):
        mistakes.append(
            f"{here}: files is a list of names or patterns inside the municipality's folder."
        )
    _check_settings(raw, here, mistakes)
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
    settings = {key: _as_tuples(raw[key]) for key in raw if key not in (*own, *_OPTIONS)}
    moved = {key: _as_tuples(raw[key]) for key in _OPTIONS if key in raw}
    settings["options"] = settings.get("options", {}) | moved
    if "municipality" in raw:
        settings["municipality"] = _build_shared(raw["municipality"], here, mistakes)
    if mistakes:
        return None
    return Source(files=tuple(files), columns=built, **settings)


def _check_settings(raw: Mapping, here: str, mistakes: list[str]) -> None:
    """Settings of a source that are of another kind than they must be."""
    for key in ("format", "encoding", "separator", "decimal"):
        if not isinstance(raw.get(key, ""), str):
            mistakes.append(f"{here}: {key} is a text in quotes.")
    encoding = raw.get("encoding", "")
    if isinstance(encoding, str) and encoding and not _is_encoding(encoding):
        mistakes.append(f"{here}: that encoding does not exist; write utf-8, cp1252 or utf-16.")
    sheets = raw.get("sheet", "")
    sheets = sheets if isinstance(sheets, list) and sheets else [sheets]
    if not all(isinstance(each, str) and "\0" not in each for each in sheets):
        mistakes.append(f'{here}: sheet is a name, a list of names, or "*" for every sheet.')
    nulls = raw.get("nulls", [])
    if not isinstance(nulls, list) or not all(isinstance(each, str) for each in nulls):
        mistakes.append(f'{here}: nulls is a list of texts, such as ["", "-", "saknas"].')
    if not isinstance(raw.get("options", {}), Mapping):
        mistakes.append(f'{here}: options is a table, such as {{row_id = "Id"}}.')
    wanted = [raw.get("options", {}).get(k) for k in OPTION_TEXTS] if not mistakes else []
    if not all(isinstance(each, str | None) for each in wanted):
        mistakes.append(f"{here}: options name headers, texts in quotes.")


def _is_encoding(name: str) -> bool:
    """Whether a name is that of an encoding of texts."""
    try:
        return b"a".decode(name) == "a" or codecs.lookup(name).name.startswith("utf-16")
    except (LookupError, ValueError, UnicodeError):
        return name.lower().replace("_", "-") in ("utf-16", "utf-16-le", "utf-16-be")


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
    parts = re.split(r"[/\\]", pattern)
    is_glob = all("**" not in part or part == "**" for part in parts)
    return is_glob and ".." not in parts and ":" not in pattern and "\0" not in pattern


def _build_column(raw: str | Mapping, place: str, mistakes: list[str]) -> ColumnSource | None:
    if isinstance(raw, str):
        return ColumnSource(header=raw)
    _check_keys(raw, _COLUMN_KEYS, place, mistakes)
    if not (raw.get("header") or raw.get("value")):
        mistakes.append(f"{place}: give its header in the file, or a value for all rows.")
        return None
    codes, form = raw.get("codes", {}), raw.get("format", "")
    texts = [raw.get("header", ""), raw.get("value", ""), form]
    if not all(isinstance(each, str) for each in texts):
        mistakes.append(f"{place}: header, value and format are texts in quotes.")
        return None
    if not isinstance(codes, Mapping) or not all(isinstance(c, str) for c in codes.values()):
        mistakes.append(f'{place}: codes is a table of texts, such as {{Ja = "true"}}.')
        return None
    if form and form not in FORMATS and form.strip("0") and not is_form(form):
        mistakes.append(f"{place}: format is a form of dates such as %d/%m/%Y, local, or 0000.")
        return None
    return ColumnSource(**{key: raw[key] for key in raw if key in _COLUMN_KEYS})
