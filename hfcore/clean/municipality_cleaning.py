"""One municipality's folder → its tables, with pseudonyms only, and an account of every file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from hfcore.clean.aliases import follow_aliases
from hfcore.clean.cleaned_file_cache import CleanedFileCache
from hfcore.clean.cross_table_checks import PLACE, MunicipalityRows, join_tables
from hfcore.clean.file_discovery import find_files, public_name, unused_files
from hfcore.clean.file_layouts import RawFile, adapted
from hfcore.clean.rules import harmless, problem
from hfcore.clean.source_reading import read_sheets, read_source
from hfcore.clean.table_cleaning import Cleaned, clean_table
from hfcore.errors import Problem
from hfcore.identifiers import stands_again
from hfcore.identity import Key, pseudonyms, record_keys, row_marks
from hfcore.schema import TABLES, empty_table
from hfcore.study import Municipality, Source, Study

PURPOSE = {"household_id": "household", "person_id": "person", "worker_id": "worker"}
QUARANTINE_COLUMNS = ("file", "sheet", "row", "column", "rule")


@dataclass(frozen=True)
class CleanedMunicipality:
    """The tables of one municipality, and what became of its files.

    ``quarantine`` has per table the rows that were stopped, ``files`` one entry a file read,
    ``counts`` one entry a table.
    """

    municipality: str
    tables: Mapping[str, pd.DataFrame]
    quarantine: Mapping[str, pd.DataFrame]
    problems: list[Problem]
    files: list[dict] = field(default_factory=list)
    counts: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class Context:
    """What the files of one municipality are cleaned with; ``cache`` has those read before."""

    folder: Path
    study: Study
    municipality: Municipality
    key: Key
    aliases: Mapping[str, str]
    cache: CleanedFileCache


def clean_municipality(
    context: Context, pieces: Mapping[int, Sequence[RawFile]]
) -> CleanedMunicipality:
    """Read, check and join all files of one municipality.

    ``pieces`` has its pieces of shared files, by the place of their source in the study.
    """
    code = context.municipality.code
    cleaned, files, problems = _clean_files(context, pieces)
    by_table: dict[str, list[Cleaned]] = {}
    for each in cleaned:
        by_table.setdefault(each.table, []).append(each)
    placed = {name: _placed(name, parts) for name, parts in by_table.items()}
    joined, rows = join_tables(placed, context.study, context.municipality)
    tables = {name: table if len(table) else empty_table(name) for name, table in joined.items()}
    tables["record_keys"] = _keyed(tables, context.key)
    quarantine = {name: _quarantine(name, parts, rows.stopped) for name, parts in by_table.items()}
    counts = [
        {"table": name, "municipality": code, "files": len(parts)}
        | {"read": sum(part.read for part in parts), "kept": len(rows.kept(name))}
        | {"quarantined": len(quarantine[name].drop_duplicates(["file", "sheet", "row"]))}
        for name, parts in by_table.items()
    ]
    read = {(part.file, part.sheet) for part in cleaned}
    early = [each for part in cleaned for each in part.problems]
    early = [e for e in early if e.rule != "W-UNUSED" or (e.file, e.sheet) not in read]
    found = [*problems, *dict.fromkeys(early), *rows.problems]
    return CleanedMunicipality(code, tables, quarantine, found, _conserved(files, rows), counts)


def _clean_files(
    context: Context, pieces: Mapping[int, Sequence[RawFile]]
) -> tuple[list[Cleaned], list[dict], list[Problem]]:
    cleaned, files, problems, used = [], [], [], set()
    study, folder, code = context.study, context.folder, context.municipality.code
    heads: dict[str, str] = {}
    tables = [source.table for source in study.sources]
    # Layouts come first: they say which household an adult's number stands for.
    places = sorted(enumerate(study.sources), key=lambda each: "layout" not in each[1].options)
    for place, source in places:
        raw, where = pieces.get(place, ()), {"table": source.table, "municipality": code}
        if source.is_shared and not raw:
            problems.append(problem("W-NO-ROWS", f"{code}/", **where))
        if not source.is_shared:
            paths, refused = find_files(folder, source, study)
            problems += [replace(each, municipality=code) for each in refused]
            used |= set(paths)
            names = [public_name(folder, path, study.sources) for path in paths]
            hashes = map(context.cache.hash_of, paths)
            raw = list(map(RawFile, paths, names, hashes))
        first: dict[str, RawFile] = {}
        for each in raw:
            same = first.setdefault(each.sha256, each)
            if same is not each:
                other = harmless(same.name)
                name = harmless(each.name)
                problems.append(problem("E-DUPLICATE bytes", name, other=other, **where))
        raw, source = list(first.values()), _second(study, place)
        if "layout" in source.options:
            texts, mapped, found = adapted(raw, source, study)
            heads |= found
            typed = [clean_table(text, mapped, study, code) for text in texts]
            parts = [[with_pseudonyms(each, context, {})] for each in typed]
        else:
            is_alone = len(raw) == 1 and tables.count(source.table) == 1
            parts = [_clean_file(each, source, context, heads, is_alone) for each in raw]
        cleaned += [part for sheets in parts for part in sheets]
        files += [
            {"file": part.file, "sheet": part.sheet, **where, "sha256": each.sha256}
            | {"read": part.read, "kept": len(part.rows), "stopped": part.gone}
            for sheets, each in zip(parts, raw, strict=False)
            for part in sheets
        ]
    return cleaned, files, problems + unused_files(folder, used, study, code)


def _clean_file(
    raw: RawFile, source: Source, context: Context, heads: Mapping[str, str], is_alone: bool
) -> list[Cleaned]:
    """One cleaned file, sheet by sheet; from the cache where it is unchanged and one sheet."""
    is_one = isinstance(source.sheet, str) and source.sheet != "*"
    cache = context.cache.for_files_that_depend_on(repr((is_alone, sorted(heads.items()))))
    name = cache.name(raw.sha256, source, raw.name)
    part = cache.read(name) if is_one else None
    if part is not None:
        return [part]
    how = (raw.raw, source, raw.name)
    texts = [read_source(*how)] if is_one else read_sheets(*how)
    typed = [clean_table(text, source, context.study, context.municipality.code) for text in texts]
    parts = [with_pseudonyms(each, context, heads, is_alone and is_one) for each in typed]
    if is_one:
        cache.write(name, parts[0])
    return parts


def _second(study: Study, place: int) -> Source:
    """A source, marked where one before it reads the same rows for the same table; named sheets.

    So an applicant and a co-applicant in one row become two persons, and of a single household
    nobody is missed.
    """
    source = study.sources[place]
    if source.format == "excel":
        named = [(e.sheet,) if isinstance(e.sheet, str) else e.sheet for e in study.sources]
        sheets = tuple(sorted({name for names in named for name in names} - {"", "*"}))
        source = replace(source, options={**source.options, "sheets": sheets})
    same = (source.table, source.files, source.sheet)
    if all((each.table, each.files, each.sheet) != same for each in study.sources[:place]):
        return source
    return replace(source, options={**source.options, "second": True})


def _conserved(files: list[dict], rows: MunicipalityRows) -> list[dict]:
    """The account of each file: rows read = kept + stopped (E-) + known to be left out (W-)."""
    found: dict[tuple, dict] = {}
    for each in files:
        place = (each["table"], each["file"], each["sheet"])
        known = found.setdefault(place, each | {"read": 0, "kept": 0, "stopped": Counter()})
        known["stopped"] = known["stopped"] + Counter(each["stopped"])
        known |= {name: known[name] + each[name] for name in ("read", "kept")}
    for (*where, rule), count in rows.gone.items():
        found[tuple(where)]["stopped"][rule] += count
        found[tuple(where)]["kept"] -= count
    return [
        each
        | {"stopped": {r: n for r, n in sorted(each["stopped"].items()) if r[0] == "E"}}
        | {"left_out": {r: n for r, n in sorted(each["stopped"].items()) if r[0] == "W"}}
        for each in found.values()
    ]


def with_pseudonyms(
    cleaned: Cleaned, context: Context, heads: Mapping[str, str], is_alone: bool = False
) -> Cleaned:
    """The rows with pseudonyms for ids; from here on no raw id is anywhere.

    ``heads`` has the household of an adult where households are told by an adult's number. Of a
    file that fills its table alone, only record ids that stand there again can ever matter.
    """
    rows, replaced = cleaned.rows, pd.Index([])
    key, code = context.key, context.municipality.code
    for name, kind in TABLES[cleaned.table].columns.items():
        if kind.kind != "id" or f"{name}_is_national" not in rows:
            continue
        ids, was_replaced = follow_aliases(rows[name], context.aliases)
        replaced = replaced.union(rows.index[was_replaced])
        national = rows[f"{name}_is_national"].to_numpy(dtype=bool)
        if name == "household_id" and heads:
            ids, is_head = follow_aliases(ids, heads)
            national = national & ~is_head.to_numpy(dtype=bool)
        hidden = _hidden(ids, national, key, PURPOSE[name], code)
        rows = rows.assign(**{name: hidden}).drop(columns=f"{name}_is_national")
    records = rows["_row_id"].astype("str")
    if is_alone:
        records = records.where(stands_again(records))
    rows = rows.assign(_row_id=row_marks(records, key))
    problems = list(cleaned.problems)
    if len(replaced):
        where = {"sheet": cleaned.sheet, "table": cleaned.table, "municipality": code}
        problems.append(problem("W-ALIAS", cleaned.file, rows=replaced, **where))
    return replace(cleaned, rows=rows, problems=problems)


def _hidden(
    ids: pd.Series, national: np.ndarray, key: Key, purpose: str, municipality: str
) -> pd.Series:
    """Pseudonyms: of national ids the same everywhere, of others the municipality's own."""
    if not national.any():
        return pseudonyms(ids, key, purpose, scope=municipality)
    same_everywhere = pseudonyms(ids.where(national), key, purpose).astype("str")
    local = pseudonyms(ids.where(~national), key, purpose, scope=municipality)
    return same_everywhere.fillna(local.astype("str")).astype("category")


def _placed(table: str, parts: list[Cleaned]) -> pd.DataFrame:
    """The rows of all files of a table, each with the place it was read from.

    Texts that many rows share stay encoded in payments, which may be millions.
    """
    frames = [
        part.rows.assign(
            _file=_repeated(part.file, len(part.rows)),
            _sheet=_repeated(part.sheet, len(part.rows)),
            _row=part.rows.index,
        )
        for part in parts
    ]
    if len(frames) == 1 and table == "payments":
        return frames[0].reset_index(drop=True)
    ids = [name for name, kind in TABLES[table].columns.items() if kind.kind == "id"]
    encoded = {
        name: union_categoricals(
            [frame[name].astype("category") for frame in frames], sort_categories=True
        )
        for name in [*ids, "_file", "_sheet"]
    }
    rows = pd.concat([frame.drop(columns=list(encoded)) for frame in frames], ignore_index=True)
    placed = rows.assign(**encoded)
    return placed if table == "payments" else placed.astype(dict.fromkeys(encoded, "str"))


def _repeated(text: str, count: int) -> pd.Categorical:
    return pd.Categorical.from_codes(np.zeros(count, "int8"), pd.Index([text], dtype="str"))


def _quarantine(
    table: str, parts: list[Cleaned], stopped_later: list[pd.DataFrame]
) -> pd.DataFrame:
    early = [part.stopped.assign(file=part.file, sheet=part.sheet) for part in parts]
    names = dict(zip(PLACE, ("file", "sheet", "row"), strict=True))
    late = [rows.loc[rows["table"] == table].rename(columns=names) for rows in stopped_later]
    rows = pd.concat([*early, *late], ignore_index=True)[list(QUARANTINE_COLUMNS)]
    return rows.drop_duplicates().sort_values(list(QUARANTINE_COLUMNS), ignore_index=True)


def _keyed(tables: Mapping[str, pd.DataFrame], key: Key) -> pd.DataFrame:
    """The number in [0, 1) of every household and person."""
    ids = [
        tables[name][column]
        for name, column in (("households", "household_id"), ("persons", "person_id"))
        if name in tables
    ]
    if not ids:
        return empty_table("record_keys")
    distinct = pd.concat(ids, ignore_index=True).drop_duplicates().dropna()
    return pd.DataFrame({"id": distinct, "record_key": record_keys(distinct, key)})
