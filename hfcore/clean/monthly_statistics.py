"""The monthly file to the National Board of Health and Welfare → payments and persons.

One file a month, tab-separated, without a header where ``options.header`` is ``none``. The first
eighteen columns are those of a published record description; later ones, and other names, come
from the mapping's options (``amount = "Sbel"``).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from hfcore.clean.household_linkage import as_texts, by_file, heads_of, with_households
from hfcore.clean.source_reading import Readable, TextTable, read_source
from hfcore.identifiers import normal_ids
from hfcore.study import ColumnSource, Source, Study

PUBLISHED = (
    "Ar",
    "Manad",
    "Kommun",
    "Distrikt",
    "Barn15",
    "Sbel",
    "Personnr1",
    "Hhstatus1",
    "Flykting1",
    "Utlblank1",
    "Kon1",
    "Alder1",
    "Personnr2",
    "Hhstatus2",
    "Flykting2",
    "Utlblank2",
    "Kon2",
    "Alder2",
)
FIELDS = {
    "year": "Ar",
    "month": "Manad",
    "amount": "Sbel",
    "applicant": "Personnr1",
    "co_applicant": "Personnr2",
    "applicant_sex": "Kon1",
    "co_applicant_sex": "Kon2",
}
SEXES = {"1": "man", "2": "woman"}


def header_of(source: Source, field: str) -> str:
    """The header (or the place, where the file has none) of one field."""
    return _placed(source, str(source.options.get(field, FIELDS.get(field, ""))))


def _placed(source: Source, name: str) -> str:
    is_placed = source.options.get("header") == "none" and name in PUBLISHED
    return str(PUBLISHED.index(name) + 1) if is_placed else name


def read_files(files: list[Path | Readable], names: list[str], source: Source) -> list[TextTable]:
    """The files as texts under the names of the fields."""
    reading = reading_source(source)
    return [read_source(file, reading, name) for file, name in zip(files, names, strict=True)]


def reading_source(source: Source) -> Source:
    """The source that reads the file's own columns as texts."""
    fields = [*FIELDS, *(["obstacle"] if "obstacle" in source.options else [])]
    columns = {field: ColumnSource(header_of(source, field)) for field in fields}
    options = {key: source.options[key] for key in ("header",) if key in source.options}
    named = replace(source.municipality, header=_placed(source, source.municipality.header))
    return replace(source, columns=columns, options=options, municipality=named)


def adapt(
    texts: list[TextTable], source: Source, study: Study
) -> tuple[list[TextTable], Source, dict[str, str]]:
    """The files as texts of the source's table, its mapping, and each adult's household."""
    units = with_households(_units(texts, source, study))
    columns, parts = {"payments": _payments, "persons": _persons}[source.table](units, source)
    heads = heads_of(units)
    return by_file(texts, parts, columns), replace(source, columns=columns, options={}), heads


def _units(texts: list[TextTable], source: Source, study: Study) -> pd.DataFrame:
    """One row a row of the files: its texts, the ids of its adults, its place."""
    names = {column.header: field for field, column in reading_source(source).columns.items()}
    parts = [
        text.rows.rename(columns=names).assign(_file=place, _row=text.rows.index)
        for place, text in enumerate(texts)
        if len(text.rows)
    ]
    columns = [*names.values(), "_file", "_row"]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    rows = rows.assign(**{field: rows[field].astype("str").str.strip() for field in names.values()})
    first = normal_ids(rows["applicant"], None, study.cutoff)["id"].astype("str")
    co_applicant = rows["co_applicant"].replace("", None)
    second = normal_ids(co_applicant, None, study.cutoff)["id"].astype("str")
    adults = [
        frozenset(each for each in pair if isinstance(each, str))
        for pair in zip(first, second, strict=True)
    ]
    years = pd.to_numeric(rows["year"], errors="coerce").fillna(0)
    months = pd.to_numeric(rows["month"], errors="coerce").fillna(0)
    counted = (years.clip(0, 9999) * 12 + months.clip(0, 99)).astype("int64")
    dated = (rows["year"] + "-" + rows["month"].str.zfill(2)).astype("str")
    return rows.assign(first=first, second=second, adults=adults, dated=dated, month=counted)


def _payments(
    units: pd.DataFrame, source: Source
) -> tuple[dict[str, ColumnSource], list[pd.DataFrame]]:
    columns = {
        "household_id": ColumnSource("household_id", format="local"),
        "month": ColumnSource("month", format="%Y-%m"),
        "amount_sek": ColumnSource("amount_sek"),
    }
    rows = as_texts(
        units, household_id=units["household"], month=units["dated"], amount_sek=units["amount"]
    )
    return columns, [rows]


def _persons(
    units: pd.DataFrame, source: Source
) -> tuple[dict[str, ColumnSource], list[pd.DataFrame]]:
    columns = {
        name: ColumnSource(name) for name in ("person_id", "household_id", "role", "birth_year")
    }
    columns["household_id"] = ColumnSource("household_id", format="local")
    columns["sex"] = ColumnSource("sex", codes=SEXES)
    if "obstacle" in source.options:
        given = source.columns.get("obstacle", ColumnSource())
        columns["obstacle"] = replace(given, header="obstacle")
    parts = []
    for role, ids in (("applicant", "first"), ("co_applicant", "second")):
        there = units.loc[units["adults"].map(bool) & (units[role] != "")]
        found = as_texts(
            there,
            person_id=there[ids].fillna(there[role]),
            household_id=there["household"],
            role=role,
            sex=there[f"{role}_sex"],
            birth_year=there[ids].str[:4],
            obstacle=there.get("obstacle", ""),
        )
        parts.append(found.assign(_at=there["month"]))
    everybody = pd.concat(parts).sort_values(["_at", "_file", "_row"], kind="stable")
    once = everybody.drop_duplicates("person_id")
    return columns, [once.loc[once["role"] == role] for role in ("applicant", "co_applicant")]
