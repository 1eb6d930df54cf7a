"""Cleaned files kept from one ingest to the next, so that only changed files are read again.

A part holds pseudonyms only. It is found again by a fingerprint of the file's bytes and of all
else that it depends on: mapping, study, key, aliases, code.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

import pandas as pd

from hfcore.clean.source_reading import stopped_rows
from hfcore.clean.table_cleaning import Cleaned
from hfcore.errors import Problem
from hfcore.identity import Key
from hfcore.schema import DTYPES, TABLES
from hfcore.store import file_hash, write_text
from hfcore.study import Source, Study

# The ground that a cleaned file stands on; where it or a file of this folder changes, all are read
# again.
GROUND = ("identity.py", "identifiers.py", "schema.py")


@dataclass
class CleanedFileCache:
    """The parts of one municipality. ``used`` collects those of this run.

    ``hashes`` has the SHA-256 of its raw files, so that each is computed once.
    """

    folder: Path
    seal: str
    may_write: bool
    hashes: Mapping[Path, str]
    used: set[str] = field(default_factory=set)

    def hash_of(self, path: Path) -> str:
        """The SHA-256 of a raw file."""
        return self.hashes.get(path) or file_hash(path)

    def name(self, sha256: str, source: Source, file: str) -> str:
        """The fingerprint under which the part of a file with that hash is kept."""
        name = fingerprint(self.seal, sha256, repr(source), file)
        self.used.add(name)
        return name

    def for_files_that_depend_on(self, more: str) -> CleanedFileCache:
        """The same cache for files that also depend on more."""
        return replace(self, seal=fingerprint(self.seal, more))

    def read(self, name: str) -> Cleaned | None:
        """The part of that name; None where there is none, or it is not whole."""
        try:
            told = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
            rows = pd.read_feather(self.folder / f"{name}.arrow")
        except (OSError, ValueError):
            return None
        stopped = pd.DataFrame(told["stopped"]) if told["stopped"] else stopped_rows()
        problems = [Problem(**{**each, "rows": tuple(each["rows"])}) for each in told["problems"]]
        typed = _typed(rows.set_index("_row").rename_axis(index="row"), told["table"])
        return Cleaned(
            *(told["table"], told["file"], told["sheet"], typed, stopped, problems, told["read"]),
            told["gone"],
        )

    def write(self, name: str, part: Cleaned) -> None:
        """Keep a part; its account is written last, so that a half part is never found."""
        if not self.may_write:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # Arrow's own format: written in a tenth of the time that Parquet takes.
        rows = part.rows.assign(_row=part.rows.index).reset_index(drop=True)
        half = self.folder / f".{name}.{os.getpid()}.half"
        rows.to_feather(half, compression="uncompressed")
        half.replace(self.folder / f"{name}.arrow")
        told = {
            "table": part.table,
            "file": part.file,
            "sheet": part.sheet,
            "read": part.read,
            "gone": part.gone,
            "stopped": part.stopped.to_dict("records"),
            "problems": [asdict(each) for each in part.problems],
        }
        write_text(self.folder / f"{name}.json", json.dumps(told))

    def clear(self) -> None:
        """Take away the parts that this run did not use."""
        for path in self.folder.glob("*") if self.may_write else ():
            if path.name.partition(".")[0] not in self.used:
                path.unlink(missing_ok=True)


def _typed(rows: pd.DataFrame, table: str) -> pd.DataFrame:
    columns = {name: kind.kind for name, kind in TABLES[table].columns.items() if name in rows}
    kinds = {name: kind for name, kind in columns.items() if kind != "id"}
    lists = {
        name: rows[name].map(list, na_action="ignore") for name, k in kinds.items() if k == "list"
    }
    return rows.assign(**lists).astype({name: DTYPES[kind] for name, kind in kinds.items()})


def seal_of(study: Study, municipality: str, key: Key, aliases: Mapping[str, str]) -> str:
    """A fingerprint of all that a cleaned file depends on beside its bytes and its mapping."""
    chosen = (study.name, study.cutoff, study.definitions.plans, sorted(aliases.items()))
    return fingerprint(repr(chosen), municipality, key.fingerprint, code_seal())


@cache
def code_seal() -> str:
    """A fingerprint of the code that a cleaned file comes from."""
    here = Path(__file__).parent
    files = sorted(path for path in here.iterdir() if path.suffix in (".py", ".toml"))
    files += [here.parent / name for name in GROUND]
    return fingerprint(*(path.read_text(encoding="utf-8") for path in files))


def hashes_of(folder: Path) -> dict[Path, str]:
    """The SHA-256 of every file below a folder, in order of their paths."""
    return {path: file_hash(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def fingerprint(*parts: str) -> str:
    """One short hash of several texts."""
    return hashlib.sha256("\x1e".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
