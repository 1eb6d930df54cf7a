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
from hfcore.clean.cleaned_file_cache import Shelf
from hfcore.clean.cross_table_checks import join_drop
from hfcore.clean.file_discovery import find_files, unused_files
from hfcore.clean.file_layouts import Given, adapted
from hfcore.clean.municipality_rows import PLACE, Drop
from hfcore.clean.rules import harmless, problem
from hfcore.clean.safe_filenames import told_name
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
class Intake:
    """What came in from one municipality.

    ``quarantine`` has per table the rows that were stopped, ``files`` one entry a file read,
    ``counts`` one entry a table.
    """

    municipality: str
    tables: Mapping[str, pd.DataFrame]
    quarantine: Mapping[str, pd.DataFrame]
    problems: list[Problem]
    files: list[dict] = field(default_factory=list)
    counts: list[dict] = field(default_factory=list)


def take_in(
    folder: Path,
    study: Study,
    municipality: Municipality,
    key: Key,
    aliases: Mapping[str, str],
    shelf: Shelf,
    pieces: Mapping[int, Sequence[Given]],
) -> Intake:
    """Read, check and join all files of one municipality; ``shelf`` has those read before.

    ``pieces`` has its pieces of shared files, by the place of their source in the study.
    """
    cleaned, files, problems = _clean_files(
        folder, study, municipality, key, aliases, shelf, pieces
    )
    by_table: dict[str, list[Cleaned]] = {}
    for each in cleaned:
        by_table.setdefault(each.table, []).append(each)
    placed = {name: _placed(name, parts) for name, parts in by_table.items()}
    joined, drop = join_drop(placed, study, municipality)
    tables = {name: rows if len(rows) else empty_table(name) for name, rows in joined.items()}
    tables["record_keys"] = _keyed(tables, key)
    quarantine = {name: _quarantine(name, parts, drop.stopped) for name, parts in by_table.items()}
    files = [_conserved(each, drop) for each in files]
    counts = [
        {
            "table": name,
            "municipality": municipality.code,
            "files": len(parts),
            "read": sum(part.read for part in parts),
            "kept": len(drop.kept(name)),
            "quarantined": len(quarantine[name].drop_duplicates(["file", "sheet", "row"])),
        }
        for name, parts in by_table.items()
    ]
    read = {(part.file, part.sheet) for part in cleaned}
    early = [each for part in cleaned for each in part.problems]
    early = [e for e in early if e.rule != "W-UNUSED" or (e.file, e.sheet) not in read]
    found = [*problems, *dict.fromkeys(early), *drop.problems]
    return Intake(municipality.code, tables, quarantine, found, files, counts)


def _clean_files(
    folder: Path,
    study: Study,
    municipality: Municipality,
    key: Key,
    aliases: Mapping[str, str],
    shelf: Shelf,
    pieces: Mapping[int, Sequence[Given]],
) -> tuple[list[Cleaned], list[dict], list[Problem]]:
    cleaned, files, problems, used = [], [], [], set()
    heads: dict[str, str] = {}
    tables = [source.table for source in study.sources]
    # Layouts come first: they say which household an adult's number stands for.
    places = sorted(enumerate(study.sources), key=lambda each: "layout" not in each[1].options)
    for place, source in places:
        given = pieces.get(place, ())
        if source.is_shared and not given:
            told = {"table": source.table, "municipality": municipality.code}
            problems.append(problem("W-NO-ROWS", f"{municipality.code}/", **told))
        if not source.is_shared:
            paths, refused = find_files(folder, source, study)
            problems += [replace(each, municipality=municipality.code) for each in refused]
            used |= set(paths)
            given = [
                Given(path, told_name(folder, path, study.sources), shelf.hash_of(path))
                for path in paths
            ]
        again, given = _twice(given)
        problems += [_told_twice(each, other, source, municipality) for each, other in again]
        source = _second(study, place)
        if "layout" in source.options:
            texts, mapped, found = adapted(given, source, study)
            heads |= found
            typed = [clean_table(text, mapped, study, municipality.code) for text in texts]
            parts = [[with_pseudonyms(each, key, municipality.code, aliases, {})] for each in typed]
        else:
            is_alone = len(given) == 1 and tables.count(source.table) == 1
            kept = shelf.sealed(repr((is_alone, sorted(heads.items()))))
            parts = [
                _clean_file(each, source, study, municipality, key, aliases, heads, kept, is_alone)
                for each in given
            ]
        cleaned += [part for sheets in parts for part in sheets]
        files += [
            _file_entry(part, municipality.code, each.sha256)
            for sheets, each in zip(parts, given, strict=False)
            for part in sheets
        ]
    return cleaned, files, problems + unused_files(folder, used, study, municipality.code)


def _clean_file(
    given: Given,
    source: Source,
    study: Study,
    municipality: Municipality,
    key: Key,
    aliases: Mapping[str, str],
    heads: Mapping[str, str],
    shelf: Shelf,
    is_alone: bool,
) -> list[Cleaned]:
    """One cleaned file, sheet by sheet; from the cache where it is unchanged and one sheet."""
    kept_as = shelf.name(given.sha256, source, given.name)
    is_one = isinstance(source.sheet, str) and source.sheet != "*"
    part = shelf.take(kept_as) if is_one else None
    if part is not None:
        return [part]
    how = (given.raw, source, given.name)
    parts = [
        with_pseudonyms(
            clean_table(text, source, study, municipality.code),
            key,
            municipality.code,
            aliases,
            heads,
            is_alone and is_one,
        )
        for text in ([read_source(*how)] if is_one else read_sheets(*how))
    ]
    if is_one:
        shelf.put(kept_as, parts[0])
    return parts


def _twice(given: Sequence[Given]) -> tuple[list[tuple[Given, Given]], list[Given]]:
    """The files that are another one letter for letter, each with that one, and all others."""
    first: dict[str, Given] = {}
    for each in given:
        first.setdefault(each.sha256, each)
    again = [(each, first[each.sha256]) for each in given if first[each.sha256] is not each]
    return again, list(first.values())


def _told_twice(given: Given, other: Given, source: Source, place: Municipality) -> Problem:
    words = {"table": source.table, "municipality": place.code, "other": harmless(other.name)}
    return problem("E-DUPLICATE bytes", harmless(given.name), **words)


def _second(study: Study, place: int) -> Source:
    """A source, marked where one before it reads the same rows for the same table.

    So an applicant and a co-applicant in one row become two persons, and of a single household
    nobody is missed.
    """
    source = study.sources[place]
    same = (source.table, source.files, source.sheet)
    if all((each.table, each.files, each.sheet) != same for each in study.sources[:place]):
        return source
    return replace(source, options={**source.options, "second": True})


def _file_entry(part: Cleaned, municipality: str, sha256: str) -> dict:
    return {
        "file": part.file,
        "sheet": part.sheet,
        "municipality": municipality,
        "table": part.table,
        "sha256": sha256,
        "read": part.read,
        "kept": len(part.rows),
        "stopped": part.gone,
    }


def _conserved(entry: dict, drop: Drop) -> dict:
    """The account of one file: rows read = kept + stopped (E-) + known to be left out (W-)."""
    place = tuple(entry[each] for each in ("table", "file", "sheet"))
    gone = Counter(entry["stopped"])
    for (*where, rule), count in drop.gone.items():
        gone[rule] += count if tuple(where) == place else 0
    kinds = {kind: {r: n for r, n in sorted(gone.items()) if r[0] == kind and n} for kind in "EW"}
    kept = entry["kept"] - sum(n for (*where, _), n in drop.gone.items() if tuple(where) == place)
    return entry | {"kept": kept, "stopped": kinds["E"], "left_out": kinds["W"]}


def with_pseudonyms(
    cleaned: Cleaned,
    key: Key,
    municipality: str,
    aliases: Mapping[str, str],
    heads: Mapping[str, str],
    is_alone: bool = False,
) -> Cleaned:
    """The rows with pseudonyms for ids; from here on no raw id is anywhere.

    ``heads`` has the household of an adult where households are told by an adult's number. Of a
    file that fills its table alone, only record ids that stand there again can ever matter.
    """
    rows, replaced = cleaned.rows, pd.Index([])
    for name, kind in TABLES[cleaned.table].columns.items():
        if kind.kind != "id" or f"{name}_is_national" not in rows:
            continue
        ids, was_replaced = follow_aliases(rows[name], aliases)
        replaced = replaced.union(rows.index[was_replaced])
        national = rows[f"{name}_is_national"].to_numpy(dtype=bool)
        if name == "household_id" and heads:
            ids, is_head = follow_aliases(ids, heads)
            national = national & ~is_head.to_numpy(dtype=bool)
        hidden = _hidden(ids, national, key, PURPOSE[name], municipality)
        rows = rows.assign(**{name: hidden}).drop(columns=f"{name}_is_national")
    records = rows["_row_id"].astype("str")
    if is_alone:
        records = records.where(stands_again(records))
    rows = rows.assign(_row_id=row_marks(records, key))
    problems = list(cleaned.problems)
    if len(replaced):
        problems.append(
            problem(
                "W-ALIAS",
                cleaned.file,
                sheet=cleaned.sheet,
                rows=replaced,
                table=cleaned.table,
                municipality=municipality,
            )
        )
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
