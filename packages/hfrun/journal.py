"""What a run has done: the journal in run.json, fingerprints of what it was done with, the lock."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import sysconfig
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from hfcore import __version__
from hfcore.errors import LockedError, UsageError
from hfcore.schema import TABLES
from hfcore.store import write_text
from hfrun import package_folders

SCHEMA = 1
SETTLED = ("done", "not_applicable")
SECONDS_BETWEEN_SAVES = 1.0


@dataclass(frozen=True)
class Entry:
    """How one task ended: done, failed or not_applicable, when, how long it took, what it wrote.

    ``error`` says why it failed or what the study lacks.
    ``outputs`` maps a path below the study's folder to the SHA-256 of the file.
    """

    status: str
    fingerprint: str
    seconds: float = 0.0
    finished: str = ""
    error: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


class Journal:
    """The entries of a study's tasks by key, such as ``1290/10_trajectories``; kept in a file.

    Several threads may write to it. A journal that cannot be read counts as empty: then
    everything is done anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, Entry] = {}
        self._guard = threading.Lock()
        self._saved = 0.0
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            text = json.loads(path.read_text(encoding="utf-8"))
            if text["schema"] == SCHEMA:
                self.entries = {key: Entry(**entry) for key, entry in text["tasks"].items()}

    def is_done(self, key: str, fingerprint: str) -> bool:
        """Whether a task was done with the same input, and what it wrote is still there."""
        entry = self.entries.get(key)
        if entry is None or entry.status not in SETTLED or entry.fingerprint != fingerprint:
            return False
        folder = self.path.parent
        return all(file_hash(folder / path) == digest for path, digest in entry.outputs.items())

    def write(self, key: str, entry: Entry) -> None:
        """Note how a task ended."""
        with self._guard:
            finished = entry.finished or datetime.now(UTC).isoformat(timespec="seconds")
            self.entries[key] = Entry(**(asdict(entry) | {"finished": finished}))
            if time.monotonic() - self._saved > SECONDS_BETWEEN_SAVES:
                self._save()

    def keep_only(self, keys: set[str]) -> None:
        """Drop the entries of notebooks that there are no more, and of what was made from them."""
        self.entries = {
            key: entry
            for key, entry in self.entries.items()
            if key == "site" or key in keys or key.removesuffix("/protect") in keys
        }

    def save(self) -> None:
        """Write the file, whole."""
        with self._guard:
            self._save()

    def _save(self) -> None:
        tasks = {key: asdict(self.entries[key]) for key in sorted(self.entries)}
        text = {"schema": SCHEMA, "versions": versions(), "tasks": tasks}
        write_text(self.path, json.dumps(text, indent=1, ensure_ascii=False) + "\n")
        self._saved = time.monotonic()


def file_hash(path: Path) -> str:
    """The SHA-256 of a file; an empty text where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def fingerprint(*parts: Any) -> str:
    """One hash of everything that a task depends on; ``parts`` are of JSON types.

    >>> fingerprint({"a": 1}, "b") == fingerprint({"a": 1}, "b") != fingerprint({"a": 2}, "b")
    True
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def files_hash(files: Iterable[Path], folder: Path) -> list[list[str]]:
    """Each file's place below a folder and its hash, in order."""
    return [[path.relative_to(folder).as_posix(), file_hash(path)] for path in sorted(files)]


@cache
def code_hash() -> str:
    """One hash of the five packages and their templates."""
    return fingerprint([files_hash(_sources(folder), folder) for folder in package_folders()])


def _sources(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]


@cache
def environment_hash() -> str:
    """One hash of the Python version and of every package installed, with its version."""
    installed = Path(sysconfig.get_path("purelib")).glob("*.dist-info")
    return fingerprint(platform.python_version(), sorted(path.name for path in installed))


def versions() -> dict[str, str]:
    """What a run is made with, for the journal."""
    return {
        "hfcore": __version__,
        "python": platform.python_version(),
        "code": code_hash(),
        "environment": environment_hash(),
    }


def notebook_hash(notebook: Path) -> str:
    """One hash of a notebook's cells, without what they put out."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    said = [[cell["cell_type"], "".join(cell["source"]), cell["metadata"]] for cell in cells]
    return fingerprint(said, notebook_needs(notebook))


def notebook_needs(notebook: Path) -> tuple[str, ...]:
    """The tables that a notebook says it needs, in its metadata's ``needs``.

    Raises UsageError for a name that is no table.
    """
    metadata = json.loads(notebook.read_text(encoding="utf-8"))["metadata"]
    needs = tuple(metadata.get("needs", ()))
    unknown = [table for table in needs if table not in TABLES]
    if unknown:
        raise UsageError(f"{notebook.name} needs {', '.join(unknown)}, which is no table.")
    return needs


@contextlib.contextmanager
def study_lock(folder: Path) -> Iterator[None]:
    """Keep every other run from a study's folder; LockedError where another has it.

    The system lifts the lock when the process ends, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+b") as file:
        try:
            _take(file.fileno())
        except OSError:
            raise LockedError(
                f"Another run is working on the study {folder.name}: wait until it has ended."
            ) from None
        yield


def _take(handle: int) -> None:
    try:
        import fcntl
    except ImportError:
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
