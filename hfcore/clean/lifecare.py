"""Extracts from Lifecare FamilyCare (JSON) → payments and persons.

There is no household in them: it is the set of persons on a payment. Only ids, amounts and days
are taken; names, addresses and accounts are never looked at.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from hfcore.clean.archive_checks import MAX_FILE_BYTES, RefusedFileError
from hfcore.clean.household_linkage import as_texts, by_file, heads_of, with_households
from hfcore.clean.rules import harmless, problem
from hfcore.clean.source_reading import TextTable, decode, stopped_rows
from hfcore.identifiers import normal_ids
from hfcore.study import ColumnSource, Source, Study

FIELDS = ("row_id", "version", "amount", "paid_on", "concerned", "customer", "persons")
ADULT_AGE, NUMBER_LENGTH = 18, 12


def read_files(paths: list[Path], names: list[str], source: Source) -> list[TextTable]:
    """The payments of each file as texts, one row a payment; persons joined by blanks."""
    return [_read(path, harmless(name)) for path, name in zip(paths, names, strict=True)]


def _read(path: Path, file: str) -> TextTable:
    try:
        payments = _payments_of(path)
    except RefusedFileError as refused:
        found = [problem(refused.rule, file, **refused.words)]
        return TextTable(file, "", pd.DataFrame(), {}, stopped_rows(), found)
    whole = [(n, each) for n, each in enumerate(payments, start=1) if isinstance(each, dict)]
    broken = [n for n, each in enumerate(payments, start=1) if not isinstance(each, dict)]
    cells = [_cells(each) for _, each in whole]
    rows = pd.DataFrame(cells, [number for number, _ in whole], list(FIELDS), dtype="str")
    return TextTable(file, "", rows, {}, stopped_rows(broken, rule="E-FIELDS"), [])


def _payments_of(path: Path) -> list[Any]:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise RefusedFileError("E-SIZE")
    try:
        text = decode(path.read_bytes())[0].removeprefix("\ufeff")
        content = json.loads(text, parse_float=str, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise RefusedFileError("E-FORMAT", format="json") from None
    lists = [content, *content.values()] if isinstance(content, dict) else [content]
    found = next((each for each in lists if isinstance(each, list)), None)
    if found is None:
        raise RefusedFileError("E-FORMAT", format="json")
    return found


def _cells(payment: dict[str, Any]) -> list[str]:
    """The texts of one payment."""
    given = {key.casefold(): value for key, value in payment.items()}
    listed = given.get("persons") if isinstance(given.get("persons"), list) else []
    members = [each for each in listed if isinstance(each, dict)]
    members = [{key.casefold(): value for key, value in each.items()} for each in members]
    months = [_text(each.get("concernedmonth")) for each in members]
    concerned = next(filter(None, [*months, _text(given.get("concernedmonth"))]), "")
    numbers = [_text(each.get("customernumber")).replace(" ", "") for each in members]
    names = ("id", "version", "amount", "paydate")
    head = [_text(given.get(name)) for name in names]
    customer = _text(given.get("customernumber"))
    return [*head[:3], head[3][:10], concerned[:7], customer, " ".join(filter(None, numbers))]


def _text(value: object) -> str:
    is_told = isinstance(value, str | int) and not isinstance(value, bool)
    # Half a pair of surrogates is no letter that could be written anywhere.
    return str(value).encode("utf-8", "replace").decode() if is_told else ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once each; nobody can say which of two values holds."""
    if len({key.casefold() for key, _ in pairs}) < len(pairs):
        raise RefusedFileError("E-FORMAT twice", format="json")
    return dict(pairs)


def adapt(
    texts: list[TextTable], source: Source, study: Study
) -> tuple[list[TextTable], Source, dict[str, str]]:
    """The files as texts of the source's table, its mapping, and each person's household."""
    units = with_households(_units(texts, study))
    build = {"payments": _payments, "persons": _persons}[source.table]
    columns, rows, options = build(units)
    mapped = replace(source, columns=columns, options=options, decimal=".")
    return by_file(texts, [rows], _read_too(columns, options)), mapped, heads_of(units)


def _read_too(columns: dict[str, ColumnSource], options: dict[str, str]) -> dict[str, ColumnSource]:
    return columns | {name: ColumnSource(name) for name in options.values() if name in FIELDS}


def _units(texts: list[TextTable], study: Study) -> pd.DataFrame:
    """One row a payment: its texts, the ids of its persons and of its adults, its place."""
    parts = [
        text.rows.assign(_file=place, _row=text.rows.index)
        for place, text in enumerate(texts)
        if len(text.rows)
    ]
    columns = [*FIELDS, "_file", "_row"]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    rows = rows.astype(dict.fromkeys(FIELDS, "str") | {"_file": "int64", "_row": "int64"})
    numbers = [
        f"{customer} {persons}".split()
        for customer, persons in zip(rows["customer"], rows["persons"], strict=True)
    ]
    distinct = pd.Series(sorted({each for listed in numbers for each in listed}), dtype="str")
    normal = normal_ids(distinct, None, study.cutoff)
    known = dict(zip(distinct, zip(normal["id"], normal["is_national"], strict=True), strict=True))
    members = [list(dict.fromkeys(known[e] for e in listed)) for listed in numbers]
    members = [[(i, n) for i, n in listed if isinstance(i, str)] for listed in members]
    years = [
        int(paid[:4]) if paid[:4].isdecimal() else study.cutoff.year for paid in rows["paid_on"]
    ]
    adults = [
        frozenset(i for i, n in listed if not n or year - int(i[:4]) >= ADULT_AGE)
        for listed, year in zip(members, years, strict=True)
    ]
    months = rows["concerned"].where(rows["concerned"] != "", rows["paid_on"].str[:7])
    day = pd.to_datetime(months, format="%Y-%m", errors="coerce")
    return rows.assign(
        adults=pd.Series(adults, rows.index, dtype="object"),
        members=pd.Series([[i for i, _ in each] for each in members], rows.index, dtype="object"),
        first=pd.Series([each[0][0] if each else "" for each in members], rows.index, dtype="str"),
        month=(day.dt.year * 12 + day.dt.month).fillna(0).astype("int64"),
    )


def _payments(units: pd.DataFrame) -> tuple[dict[str, ColumnSource], pd.DataFrame, dict[str, str]]:
    columns = {
        "household_id": ColumnSource("household_id", format="local"),
        "month": ColumnSource("month", format="%Y-%m"),
        "amount_sek": ColumnSource("amount_sek"),
    }
    rows = as_texts(
        units,
        household_id=units["household"],
        month=units["concerned"],
        amount_sek=units["amount"],
        row_id=units["row_id"],
        version=units["version"],
        paid_on=units["paid_on"],
    )
    return columns, rows, {"row_id": "row_id", "version": "version", "paid_on": "paid_on"}


def _persons(units: pd.DataFrame) -> tuple[dict[str, ColumnSource], pd.DataFrame, dict[str, str]]:
    """Each person once; age and sex as the personal number tells them."""
    columns = {
        name: ColumnSource(name)
        for name in ("person_id", "household_id", "role", "sex", "birth_year")
    }
    columns["household_id"] = ColumnSource("household_id", format="local")
    ordered = units.sort_values(["month", "_file", "_row"], kind="stable")
    seen: dict[str, tuple] = {}
    names = ("_file", "household", "first", "adults", "members")
    for file, household, first, adults, members in zip(*(ordered[n] for n in names), strict=True):
        for person in members:
            role = "applicant" if person == first else "co_applicant"
            told = (file, household, role if person in adults else "child")
            seen.setdefault(person, (*told, *_told_by_number(person)))
    rows = [(person, *told) for person, told in seen.items()]
    fields = ["person_id", "_file", "household_id", "role", "sex", "birth_year"]
    persons = pd.DataFrame(rows, columns=fields)
    numbered = persons.assign(_row=range(1, len(persons) + 1))
    return columns, as_texts(numbered, **{name: numbered[name] for name in columns}), {}


def _told_by_number(person: str) -> tuple[str, str]:
    """Sex and birth year as a personal number tells them."""
    if len(person) != NUMBER_LENGTH or not person.isdecimal():
        return "unknown", ""
    return ("man" if int(person[10]) % 2 else "woman"), person[:4]
