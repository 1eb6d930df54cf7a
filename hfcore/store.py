"""Where everything lies, and the one place that reads and writes Parquet.

The root is the folder named by ``HFCORE_DATA``, else ``data`` of the repository or, where hfcore is
installed, of the folder where one works. Names of studies
and municipalities are checked before they become part of a path. A file is written beside its
place and moved there when whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hfcore.errors import StudyError, TableAbsentError, UsageError
from hfcore.results import OWNER_COLUMNS, build_results
from hfcore.schema import DTYPES, TABLES, TECHNICAL_TABLES, empty_table, table_columns
from hfcore.study import Municipality, Study, own_words
from hfcore.study_file import CODE, NAME, read_study

ALL = "all"
# Where protected rows lie until the audit has passed them and the site made from them.
WAITING = "protected.new"


def data_root() -> Path:
    """The folder with ``raw`` and ``processed`` below it.

    That of ``HFCORE_DATA``, else the repository's, else ``data`` in the folder where one works.
    """
    named = os.environ.get("HFCORE_DATA")
    if named:
        return Path(named)
    home = Path(__file__).resolve().parent.parent
    return (home if (home / "pyproject.toml").is_file() else Path.cwd()) / "data"


def _checked(text: str, pattern: Any, what: str) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise UsageError(f"That is no {what}; allowed is {pattern.pattern}.")
    return text


def raw_folder(study_name: str) -> Path:
    """The folder of a study's raw files."""
    return data_root() / "raw" / _checked(study_name, NAME, "study name")


def processed_folder(study_name: str) -> Path:
    """The folder of everything made from a study."""
    return data_root() / "processed" / _checked(study_name, NAME, "study name")


def study_names() -> list[str]:
    """The studies that have a definition."""
    return sorted(path.parent.name for path in (data_root() / "raw").glob("*/study.toml"))


def load_study(study_name: str) -> Study:
    """The checked definition of a study; StudyError tells all its mistakes."""
    if not (raw_folder(study_name) / "study.toml").is_file():
        there = ", ".join(study_names()) or "none yet"
        raise UsageError(f"There is no study of that name; there are: {there}.")
    study = read_study(raw_folder(study_name) / "study.toml")
    if study.name != study_name:
        raise StudyError(f"study.toml names the study {study.name}, but its folder {study_name}.")
    own_words.clear()
    own_words.update(study.labels)
    return study


def _part(kind: str, study_name: str, municipality: str) -> Path:
    if municipality != ALL:
        _checked(municipality, CODE, "municipality code")
    return processed_folder(study_name) / kind / f"municipality={municipality}"


def table_folder(study_name: str, table: str, municipality: str) -> Path:
    """The folder with the Parquet files of one table and municipality."""
    table_columns(table)
    return _part(f"tables/{table}", study_name, municipality)


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame so that the file is there whole or not at all; same rows, same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    # Amounts seldom repeat: a dictionary of them takes longer and makes the file larger.
    repeating = [str(name) for name, kind in frame.dtypes.items() if kind.kind != "f"]
    options = {"use_dictionary": repeating, "write_statistics": False}
    try:
        frame.to_parquet(half, index=False, engine="pyarrow", compression="zstd", **options)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    try:
        half.write_text(text, encoding="utf-8", newline="\n")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def read_parquet(path: Path) -> pd.DataFrame:
    """Read one Parquet file; OSError or ValueError where it is absent or not whole."""
    return pd.read_parquet(path, engine="pyarrow", partitioning=None)


def typed_table(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """A frame with just the columns and types of a table, rows in the order of its key."""
    columns = table_columns(table)
    typed = frame.reindex(columns=list(columns)).astype(
        {name: DTYPES[column.kind] for name, column in columns.items()}
    )
    key = list(TABLES[table].key)
    if not key or _is_in_order(typed[key]):
        return typed.reset_index(drop=True)
    return typed.sort_values(key, ignore_index=True, kind="stable")


def _is_in_order(keys: pd.DataFrame) -> bool:
    """Whether each row's keys come after those of the row before: sorting takes far longer."""
    is_later = np.zeros(max(len(keys) - 1, 0), dtype=bool)
    for name in reversed(keys.columns):
        before, after = keys[name].iloc[:-1].array, keys[name].iloc[1:].array
        later, same = before < after, before == after
        is_later = np.asarray(later, bool) | (np.asarray(same, bool) & is_later)
    return bool(is_later.all())


def write_table(frame: pd.DataFrame, study_name: str, table: str, municipality: str) -> None:
    """Write one table of one municipality."""
    path = table_folder(study_name, table, municipality) / "part.parquet"
    write_parquet(typed_table(frame, table), path)


def has_table(study_name: str, table: str, municipality: str) -> bool:
    """Whether the study has the table for the municipality."""
    return any(table_folder(study_name, table, municipality).glob("*.parquet"))


def read_table(study_name: str, table: str, municipality: str) -> pd.DataFrame:
    """One table of one municipality, typed; TableAbsentError where the study has none."""
    files = sorted(table_folder(study_name, table, municipality).glob("*.parquet"))
    if not files:
        raise TableAbsentError(
            f"The study has no table {table} for this municipality: it was not ingested, or "
            "study.toml names no source for it."
        )
    frames = [pd.read_parquet(file, engine="pyarrow", partitioning=None) for file in files]
    return typed_table(pd.concat(frames, ignore_index=True), table)


@dataclass(frozen=True)
class Tables:
    """The tables of one municipality, read when asked for: ``tables.payments`` and so on.

    ``households`` and ``persons`` carry a further column ``record_key`` in [0, 1), from which
    disclosure control takes its noise; ``households`` also ``is_followed``: it moved to another
    municipality of the study, and ``payments`` has what it was paid there (null in months that
    nobody can tell), ``plans`` what was planned there. A household of several municipalities counts
    in one and is in no other.
    """

    study: Study
    municipality: Municipality

    def __getattr__(self, table: str) -> pd.DataFrame:
        """One table as a frame; TableAbsentError where the study has none."""
        if table.startswith("_") or table not in TABLES:
            raise AttributeError(table)
        frame = self._once(self._read(table), table)
        id_column = {"households": "household_id", "persons": "person_id"}.get(table)
        return self._keyed(frame, id_column) if id_column else frame

    def __dir__(self) -> list[str]:
        return ["frames", "has", "municipality", "study", *self.names()]

    def __repr__(self) -> str:
        """Which tables there are, with their rows, and the period of the payments."""
        place = self.municipality
        rows = ", ".join(f"{name} {len(getattr(self, name)):,}" for name in self.names())
        period = f"{place.payments_from:%Y-%m} to {place.payments_to:%Y-%m}"
        return f"<{place.name} {place.code} of {self.study.name}: {rows}; payments {period}>"

    def names(self) -> list[str]:
        """The tables that the municipality has, in the order of the schema."""
        return [name for name in TABLES if name not in TECHNICAL_TABLES and self.has(name)]

    def has(self, table: str) -> bool:
        """Whether the municipality has the table."""
        return has_table(self.study.name, table, self.municipality.code)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Every table that the municipality has, by name, in the order of the schema."""
        return {name: getattr(self, name) for name in self.names()}

    def _read(self, table: str) -> pd.DataFrame:
        return read_table(self.study.name, table, self.municipality.code)

    def _once(self, frame: pd.DataFrame, table: str) -> pd.DataFrame:
        """The rows of households that count here, with their payments from elsewhere."""
        moves = self._read("moves") if self.has("moves") else empty_table("moves")
        if table == "households":
            followed = moves.loc[moves["is_followed"], "household_id"]
            frame = frame.assign(is_followed=frame["household_id"].isin(followed))
        if table == "payments" and self.has("moved_payments"):
            both = pd.concat([frame, self._read("moved_payments")])
            key = list(TABLES["payments"].key)
            frame = both.groupby(key, as_index=False)["amount_sek"].sum(min_count=1)
        if table == "plans" and self.has("moved_plans"):
            both = pd.concat([frame, self._read("moved_plans")])
            key = list(TABLES["plans"].key)
            frame = both.drop_duplicates(key).sort_values(key, ignore_index=True)
        gone = moves.loc[~moves["is_counted_here"], "household_id"]
        if not len(gone):
            return frame
        if "household_id" in frame:
            return frame.loc[~frame["household_id"].isin(gone)].reset_index(drop=True)
        if "person_id" not in frame:
            return frame
        persons = self._read("persons").set_index("household_id")["person_id"]
        left = persons.loc[persons.index.isin(gone)]
        return frame.loc[~frame["person_id"].isin(left)].reset_index(drop=True)

    def _keyed(self, frame: pd.DataFrame, id_column: str) -> pd.DataFrame:
        keys = self._read("record_keys")
        return frame.assign(record_key=frame[id_column].map(keys.set_index("id")["record_key"]))


def load(study_name: str, municipality: str | int) -> Tables:
    """A municipality's tables, with the study that they belong to.

    Parameters
    ----------
    study_name : name of a folder below ``data/raw``.
    municipality : its code of four digits; a number is taken as the code that it was.

    Returns
    -------
    Tables: ``data.households`` and so on, one frame a table, read when asked for.

    Raises
    ------
    UsageError
        For a study or municipality that does not exist, and where the two are swapped.

    Examples
    --------
    >>> load("1290", "hela-familjen")
    Traceback (most recent call last):
    hfcore.errors.UsageError: The study comes first, then the municipality's code: \
load("hela-familjen", code).
    """
    names = study_names()
    if str(municipality) in names and study_name not in names:
        raise UsageError(
            f'The study comes first, then the municipality\'s code: load("{municipality}", code).'
        )
    study = load_study(study_name)
    return Tables(study, study.municipality(municipality))


def _results_path(kind: str, study_name: str, municipality: str, notebook: str) -> Path:
    if not notebook.replace("_", "").isalnum() or not notebook.isascii():
        raise UsageError("A notebook's name holds letters, digits and underscores only.")
    return _part(kind, study_name, municipality) / f"{notebook}.parquet"


def _owned(rows: pd.DataFrame, study_name: str, municipality: str, notebook: str) -> pd.DataFrame:
    owners = dict(zip(OWNER_COLUMNS, (study_name, municipality, notebook), strict=True))
    rest = rows.drop(columns=[column for column in OWNER_COLUMNS if column in rows])
    owned = rest.assign(**owners)
    return owned[[*OWNER_COLUMNS, *rest.columns]]


def write_results(
    results: pd.DataFrame, study_name: str, municipality: str, notebook: str
) -> pd.DataFrame:
    """Write a notebook's exact results and return how many rows each metric has."""
    rows = _owned(build_results(results), study_name, municipality, notebook)
    write_parquet(rows, _results_path("results", study_name, municipality, notebook))
    return rows.groupby("metric", sort=False).size().rename("rows").reset_index()


def write_protected(
    protected: pd.DataFrame, study_name: str, municipality: str, notebook: str, kind: str = WAITING
) -> None:
    """Write the rows of one notebook that are to be printed, where they wait for the audit.

    ``kind`` is ``protected`` for rows that have passed it.
    """
    rows = _owned(protected, study_name, municipality, notebook)
    write_parquet(rows, _results_path(kind, study_name, municipality, notebook))


def read_results(study_name: str, municipality: str, notebook: str = "*") -> pd.DataFrame:
    """The exact results of one municipality (inside only), of all notebooks or of one."""
    return _read_rows("results", study_name, municipality, notebook)


def read_protected(study_name: str, municipality: str = "*", notebook: str = "*") -> pd.DataFrame:
    """The rows that are safe to print, of all municipalities and notebooks or of one."""
    return _read_rows("protected", study_name, municipality, notebook)


def read_waiting(study_name: str) -> pd.DataFrame:
    """All rows that wait for the audit where there are such, else those that have passed it."""
    is_waiting = (processed_folder(study_name) / WAITING).is_dir()
    return _read_rows(WAITING if is_waiting else "protected", study_name, "*", "*")


def _read_rows(kind: str, study_name: str, municipality: str, notebook: str) -> pd.DataFrame:
    folder = processed_folder(study_name) / kind
    files = sorted(folder.glob(f"municipality={municipality}/{notebook}.parquet"))
    if not files:
        raise TableAbsentError(f"There are no {kind} rows yet; hfcore run makes them.")
    frames = [pd.read_parquet(file, engine="pyarrow", partitioning=None) for file in files]
    return pd.concat(frames, ignore_index=True)


def read_ingest(study_name: str) -> dict[str, Any]:
    """The account that ingest gave of itself: files, rows kept and quarantined, problems."""
    path = processed_folder(study_name) / "ingest.json"
    if not path.is_file():
        raise TableAbsentError("The study has not been ingested yet; hfcore ingest does it.")
    return json.loads(path.read_text(encoding="utf-8"))


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance(study_name: str, municipality: str, tables: Iterable[str] = ()) -> pd.DataFrame:
    """What a notebook was run with: versions, and a fingerprint of each table that it read.

    One row a part, with columns part and version.
    """
    rows = [("Python", platform.python_version())]
    rows += [(name, version(name)) for name in ("hfcore", "pandas", "numpy", "scipy")]
    for table in tables:
        files = sorted(table_folder(study_name, table, municipality).glob("*.parquet"))
        rows.append((table, "-".join(file_hash(file)[:12] for file in files) or "absent"))
    return pd.DataFrame(rows, columns=["part", "version"])
