"""A drop of raw files → tables, quarantine and the account of both in ``ingest.json``.

Everything is written beside its place first and moved there at the end, under the study's lock,
so that a run that is killed leaves the earlier tables whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pandas as pd

from hfcore.clean.aliases import read_aliases
from hfcore.clean.cleaned_file_cache import CleanedFileCache, fingerprint, hashes_of, seal_of
from hfcore.clean.file_layouts import RawFile
from hfcore.clean.mapping_checks import check_mapping
from hfcore.clean.municipality_cleaning import (
    QUARANTINE_COLUMNS,
    CleanedMunicipality,
    Context,
    clean_municipality,
)
from hfcore.clean.rules import most_important_first, problem
from hfcore.errors import KeyMissingError, Problem
from hfcore.identity import Key, read_key
from hfcore.schema import MOVE_TABLES, TABLES
from hfcore.store import (
    load_study,
    processed_folder,
    raw_folder,
    table_folder,
    typed_table,
    write_parquet,
    write_text,
)
from hfcore.study import Municipality, Study
from hfrun import moves
from hfrun.journal import study_lock
from hfrun.manifest import ACCOUNT, build_account, forget_states, read_account
from hfrun.memory_budget import MEMORY, PROCESS_BYTES, bytes_needed, room_within, workers_within
from hfrun.shared_files import Shared
from hfrun.worker_pool import Crew

STAGE, PARTS, SHARED = ".staged", "parts", "shared"
COUNT_COLUMNS = ("table", "municipality", "files", "read", "kept", "quarantined")


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did.

    ``counts`` has one row a table and municipality: table, municipality, files, read, kept,
    quarantined (rows). ``problems`` come in the order in which to mend them. ``files`` tells of
    every file and sheet what became of its rows: read = kept + stopped + left_out, by rule.
    """

    counts: pd.DataFrame
    problems: list[Problem]
    files: list[dict] = field(default_factory=list)

    @property
    def has_errors(self) -> bool:
        """Whether any file or row was stopped."""
        return any(each.is_error for each in self.problems)


def ingest_study(
    study_name: str,
    municipalities: Sequence[str] = (),
    key_file: Path | None = None,
    workers: int = 1,
    write: bool = True,
    memory: int = MEMORY,
) -> IngestReport:
    """Turn a study's raw files into tables; with ``write=False`` only say what would happen.

    No more municipalities are read at once than ``memory`` (bytes) has room for.

    Raises StudyError where the mapping lacks a column that a table must have, UsageError for an
    unknown study or municipality or one that ``memory`` is too small for, KeyMissingError for a
    key that is absent or another one than before, LockedError where another run works on the
    study.
    """
    study = load_study(study_name)
    check_mapping(study)
    chosen = [study.municipality(code) for code in municipalities] or list(study.municipalities)
    key = read_key(study, key_file)
    folder = processed_folder(study_name)
    with study_lock(folder) if write else nullcontext(), Crew() as crew:
        before = read_account(folder)
        _check_fingerprint(before, key, study)
        aliases, problems = read_aliases(raw_folder(study_name), study.cutoff)
        hashes = {each.code: hashes_of(raw_folder(study_name) / each.code) for each in chosen}
        codes, known = [each.code for each in chosen], folder / PARTS / SHARED if write else None
        workers = max(min(workers, memory // PROCESS_BYTES), 1)
        room = room_within(memory, workers)
        shared = Shared(study, codes, room, known, workers, lambda: crew.start(workers - 1))
        problems += shared.problems
        states = {each.code: _state(study, each, key, aliases, hashes, shared) for each in chosen}
        work = partial(_work, study=study, key=key, aliases=aliases, hashes=hashes, write=write)
        changed = [code for code in codes if not _is_done(before, code, states, folder)]
        needs = {code: _need(hashes[code], shared.sizes(code)) for code in changed}
        workers = workers_within(memory - shared.held, needs, workers)
        if write:
            shutil.rmtree(folder / STAGE, ignore_errors=True)
        done = crew.do(work, shared.batches(changed), workers)
        if key.is_simulated:
            problems.append(problem("W-IDENTITY", "study.toml"))
        if write and done:
            _write_account(folder, forget_states(before, changed))
        if write and (done or shared.files):
            _commit(folder, study, done, shared.quarantine())
        if write:
            problems += moves.settle_moves(study)
            before = _without_rules(before, moves.RULES)
        account = build_account(before, done, study, key, problems, states)
        if write:
            _write_account(folder, account)
    found = [Problem(**{**each, "rows": tuple(each["rows"])}) for each in account["problems"]]
    mine = {each.code for each in chosen} | {""}
    counts = pd.DataFrame(account["tables"], columns=list(COUNT_COLUMNS))
    return IngestReport(
        counts.loc[counts["municipality"].isin(mine)].reset_index(drop=True),
        most_important_first([each for each in found if each.municipality in mine]),
        [each for each in account["files"] if each["municipality"] in mine],
    )


def _check_fingerprint(before: dict, key: Key, study: Study) -> None:
    known = before.get("key_fingerprint", key.fingerprint)
    if known != key.fingerprint:
        raise KeyMissingError(
            f"The study {study.name} was ingested with another key, and two keys make two "
            "populations. Give the first key, or delete the study's processed folder."
        )


def _state(
    study: Study,
    municipality: Municipality,
    key: Key,
    aliases: dict,
    hashes: dict[str, dict[Path, str]],
    shared: Shared,
) -> str:
    """A fingerprint of all that a municipality's tables come from."""
    folder, own = raw_folder(study.name) / municipality.code, hashes[municipality.code]
    told = [(path.relative_to(folder).as_posix(), each) for path, each in own.items()]
    told += shared.hashes(municipality.code)
    seal = seal_of(study, municipality.code, key, aliases)
    return fingerprint(seal, repr(municipality), repr(study.sources), repr(told))


def _is_done(before: dict, code: str, states: dict[str, str], folder: Path) -> bool:
    """Whether nothing changed since the tables were written, and all of them are still there."""
    tables = [row["table"] for row in before.get("tables", []) if row["municipality"] == code]
    places = [folder / "tables" / table / f"municipality={code}" for table in tables]
    kept = [place / "part.parquet" for place in places]
    kept += [folder / "quarantine" / f"{table}.csv" for table in tables]
    is_same = before.get("states", {}).get(code) == states[code]
    return is_same and bool(tables) and all(path.is_file() for path in kept)


def _need(files: Iterable[Path], pieces: Mapping[str, int]) -> int:
    return bytes_needed({path.name: path.stat().st_size for path in files} | dict(pieces))


def _work(
    code: str,
    pieces: Mapping[int, Sequence[RawFile]],
    study: Study,
    key: Key,
    aliases: dict,
    hashes: dict[str, dict[Path, str]],
    write: bool,
) -> CleanedMunicipality:
    """Take in one municipality and put its tables on the stage; what returns has no rows."""
    seal = seal_of(study, code, key, aliases)
    folder = processed_folder(study.name) / PARTS / code
    cache = CleanedFileCache(folder, seal, write, hashes[code])
    raw, own = raw_folder(study.name) / code, study.municipality(code)
    done = clean_municipality(Context(raw, study, own, key, aliases, cache), pieces)
    if write:
        for name, rows in done.tables.items():
            write_parquet(typed_table(rows, name), _staged(study.name, name, code))
        cache.clear()
    return replace(done, tables=dict.fromkeys(done.tables, pd.DataFrame()))


def _staged(study_name: str, table: str, municipality: str) -> Path:
    return processed_folder(study_name) / STAGE / municipality / f"{table}.parquet"


def _without_rules(account: dict, rules: Sequence[str]) -> dict:
    """The account without what is told anew of all municipalities together."""
    kept = [each for each in account.get("problems", []) if each["rule"] not in rules]
    return account | {"problems": kept} if account else {}


def _commit(
    folder: Path, study: Study, done: list[CleanedMunicipality], nobodys: Mapping[str, pd.DataFrame]
) -> None:
    """Move what stands on the stage to its place; ``nobodys`` rows are no municipality's."""
    quarantine = _quarantine_tables(folder, study, done, nobodys)
    for intake in done:
        for table in (name for name in TABLES if name not in MOVE_TABLES):
            place = table_folder(study.name, table, intake.municipality)
            if table in intake.tables:
                place.mkdir(parents=True, exist_ok=True)
                _staged(study.name, table, intake.municipality).replace(place / "part.parquet")
            elif place.is_dir():
                shutil.rmtree(place)
    for table, rows in quarantine.items():
        write_text(folder / "quarantine" / f"{table}.csv", rows.to_csv(index=False))
    shutil.rmtree(folder / STAGE, ignore_errors=True)


def _quarantine_tables(
    folder: Path, study: Study, done: list[CleanedMunicipality], nobodys: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    again = {each.municipality for each in done} | {study.name}
    tables = {}
    for table in dict.fromkeys(source.table for source in study.sources):
        path = folder / "quarantine" / f"{table}.csv"
        parts = [each.quarantine[table] for each in done if table in each.quarantine]
        parts += [nobodys[table]] if table in nobodys else []
        if path.is_file():
            old = pd.read_csv(path, dtype="str", keep_default_na=False).astype({"row": "int64"})
            others = ~old["file"].str.replace(r"/.*", "", regex=True).isin(again)
            parts.append(old.loc[others])
        columns = list(QUARANTINE_COLUMNS)
        rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
        tables[table] = rows.sort_values(columns, ignore_index=True)
    return tables


def _write_account(folder: Path, account: dict) -> None:
    if account:
        write_text(folder / ACCOUNT, json.dumps(account, ensure_ascii=False, indent=1) + "\n")
