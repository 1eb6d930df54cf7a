"""What a run is made of: its notebooks, for whom each is executed, and how one is done.

One task is one notebook for one municipality (or for ``all``) in one language (or none).
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from hfcore import store
from hfcore.errors import HfcoreError, UsageError
from hfcore.store import write_text
from hfcore.study import Study
from hfpublish import html_pages
from hfrun import engine, sandbox
from hfrun.journal import (
    Entry,
    Journal,
    code_hash,
    environment_hash,
    file_hash,
    files_hash,
    fingerprint,
    notebook_hash,
    notebook_needs,
)

# An installed wheel brings the notebooks beside this file, a checkout has them at its top.
_BUNDLED = Path(__file__).resolve().with_name("notebooks")
NOTEBOOKS = _BUNDLED if _BUNDLED.is_dir() else _BUNDLED.parents[2] / "notebooks"
REPORT, OVERVIEW = "90_report", "95_overview"
PUBLIC = (REPORT, OVERVIEW)
POOLED = "45_all_municipalities"
WHOLE_STUDY = (POOLED, "85_published_claims", OVERVIEW, "99_method_validation")
LANGUAGES = ("sv", "en")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r"(Cell In\s?\[\d+\], line \d+|File \S+:\d+, in \w+)")
PUBLISHED_FIGURES = "raw/published_figures.csv"


@dataclass(frozen=True)
class Task:
    """One notebook to execute for one municipality (or ``all``) in one language (or none)."""

    notebook: Path
    municipality: str
    language: str = ""

    @property
    def name(self) -> str:
        """The notebook's name, such as ``10_trajectories``."""
        return self.notebook.stem

    @property
    def is_public(self) -> bool:
        """Whether its page is for everybody, made where exact results cannot be reached."""
        return self.name in PUBLIC

    @property
    def stage(self) -> int:
        """When its turn comes: each municipality's own notebooks, those of the study, the pages."""
        return 2 if self.is_public else int(self.municipality == store.ALL)

    @property
    def key(self) -> str:
        """The task's name in the journal."""
        return "/".join(filter(None, (self.municipality, self.name, self.language)))

    @property
    def needs(self) -> tuple[str, ...]:
        """The tables without which it is not applicable: ``needs`` in the notebook's metadata."""
        return notebook_needs(self.notebook)

    @property
    def executed(self) -> str:
        """Where the executed notebook lies below the study's folder."""
        kind = "public" if self.is_public else "inside"
        return f"{kind}/{self.municipality}/{'.'.join(filter(None, (self.name, self.language)))}"

    def parameters(self, study_name: str) -> dict[str, str]:
        """The notebook's parameters."""
        own = {"study": study_name, "municipality": self.municipality}
        return own | ({"language": self.language} if self.language else {})


@dataclass
class Outcome:
    """What a run came to: tasks done, done before, not applicable, and failed (as sentences)."""

    done: int = 0
    unchanged: int = 0
    not_applicable: int = 0
    failures: list[str] = field(default_factory=list)
    site: Path | None = None

    @property
    def exit_code(self) -> int:
        """0 where everything is done, 3 where something failed."""
        return 3 if self.failures else 0

    def count(self, key: str, entry: Entry) -> None:
        """Count a task that has just ended."""
        if entry.status == "done":
            self.done += 1
        elif entry.status == "not_applicable":
            self.not_applicable += 1
        else:
            self.failures.append(f"{key}: {entry.error}")


@dataclass(frozen=True)
class Run:
    """What the tasks of one run share; ``folder`` is where everything of the study lands."""

    study: Study
    folder: Path
    journal: Journal
    outcome: Outcome
    languages: tuple[str, ...] = LANGUAGES
    force: bool = False


def find_notebooks(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """The notebooks of a folder in the order of their names, all or the named ones."""
    there = {path.stem: path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}
    unknown = sorted({name.removesuffix(".ipynb") for name in names} - set(there))
    if unknown or not there:
        raise UsageError(
            f"There is no notebook {', '.join(unknown)}; there are: {', '.join(there) or 'none'}."
        )
    wanted = {name.removesuffix(".ipynb") for name in names} or set(there)
    return [path for stem, path in there.items() if stem in wanted]


def plan(codes: Sequence[str], notebooks: Iterable[Path], languages: Sequence[str]) -> list[Task]:
    """Every task of a run: notebook × municipality (or ``all``) × language where it has one."""
    return [
        Task(notebook, code, language)
        for notebook in notebooks
        for code in ([store.ALL] if notebook.stem in WHOLE_STUDY else codes)
        for language in (languages if notebook.stem in PUBLIC else [""])
    ]


def task_fingerprint(run: Run, task: Task) -> str:
    """A hash of all that a task's output depends on."""
    shared = [code_hash(), environment_hash(), notebook_hash(task.notebook)]
    definition = file_hash(store.raw_folder(run.study.name) / "study.toml")
    inputs = files_hash(_inputs(run, task), run.folder)
    published = file_hash(store.data_root() / PUBLISHED_FIGURES)
    said = [task.parameters(run.study.name), run.languages if task.is_public else ()]
    intake = [] if task.is_public else _intake(run, task.municipality)
    return fingerprint(shared, definition, said, inputs, published, intake)


def _intake(run: Run, municipality: str) -> list[object]:
    """What the account of the ingest says of a municipality: files, rows, rules."""
    path = run.folder / "ingest.json"
    parts = _read_json(path, path.stat().st_mtime_ns) if path.exists() else {}
    rows = [row for part in parts.values() if isinstance(part, list) for row in part]
    if municipality == store.ALL:
        return rows
    return [row for row in rows if row.get("municipality") in (municipality, "")]


@lru_cache(maxsize=1)
def _read_json(path: Path, _changed: int) -> dict[str, object]:
    return json.loads(path.read_text(encoding="utf-8"))


def _inputs(run: Run, task: Task) -> list[Path]:
    """The files that a task may read: tables, the exact results of all, or protected results."""
    part = "*" if task.municipality == store.ALL else task.municipality
    if task.name == POOLED:
        return sorted(run.folder.glob("results/municipality=[0-9]*/*.parquet"))
    if not task.is_public:
        return [*run.folder.glob(f"tables/*/municipality={part}/*.parquet")]
    own = [*run.folder.glob(f"protected/municipality={part}/*.parquet")]
    whole = [*run.folder.glob(f"protected/municipality={store.ALL}/*.parquet")]
    return sorted({*own, *whole})


def perform(run: Run, task: Task, mark: str) -> Entry:
    """Execute one notebook and render its page; what went wrong becomes the entry's sentence."""
    start = time.monotonic()
    if lacking := _lacking_tables(run, task):
        _remove_outputs(run, task)
        (run.folder / f"{task.executed}.failed.ipynb").unlink(missing_ok=True)
        said = f"The study has no table {', '.join(lacking)} here."
        return Entry("not_applicable", mark, error=said)
    try:
        error = _missing_input(run, task) or _execute_one(run, task)
        outputs = {} if error else _render(run, task)
    except HfcoreError as problem:
        error, outputs = str(problem), {}
    except Exception as problem:
        if os.environ.get("HFCORE_DEBUG"):
            raise
        error, outputs = f"hfcore could not finish it ({type(problem).__name__}).", {}
    if error:
        _remove_outputs(run, task)
        hush(run.folder / f"{task.executed}.failed.ipynb")
    seconds = round(time.monotonic() - start, 2)
    return Entry("failed" if error else "done", mark, seconds, error=error, outputs=outputs)


def _lacking_tables(run: Run, task: Task) -> list[str]:
    """The tables that a task needs and that no municipality of its has, once it is ingested."""
    name, own = run.study.name, task.municipality
    codes = run.study.codes if own == store.ALL else (own,)
    if not any(store.has_table(name, "households", code) for code in codes):
        return []
    return [
        table
        for table in task.needs
        if not any(store.has_table(name, table, code) for code in codes)
    ]


def _missing_input(run: Run, task: Task) -> str:
    """Say what a task cannot do without, where it is absent."""
    if task.is_public:
        own = "*" if task.municipality == store.ALL else task.municipality
        has = any(run.folder.glob(f"protected/municipality={own}/*.parquet"))
        return "" if has else "There are no results to report."
    if task.municipality == store.ALL:
        return ""
    has = store.has_table(run.study.name, "households", task.municipality)
    return "" if has else f"It is not ingested; do first: hfcore ingest {run.study.name}"


def _execute_one(run: Run, task: Task) -> str:
    output = run.folder / f"{task.executed}.ipynb"
    parameters = task.parameters(run.study.name)
    if not task.is_public:
        root = store.data_root().resolve()
        return engine.execute(task.notebook, output, parameters, data_root=root).error
    with tempfile.TemporaryDirectory(prefix="hf-") as folder:
        root = Path(folder).resolve()
        sandbox.fill(root, store.data_root(), run.study.name, _inputs(run, task))
        return engine.execute(task.notebook, output, parameters, sealed_root=root).error


def _render(run: Run, task: Task) -> dict[str, str]:
    """Write the task's page; return what the task wrote, with hashes."""
    notebook = run.folder / f"{task.executed}.ipynb"
    page = notebook.with_suffix(".html")
    text = html_pages.render_notebook(notebook, _page(run, task))
    if task.is_public and len(text.encode()) > html_pages.MAX_BYTES:
        raise UsageError("The page is larger than 1.5 MB: show fewer or smaller figures.")
    write_text(page, text)
    results = run.folder / "results" / f"municipality={task.municipality}" / f"{task.name}.parquet"
    written = [notebook, page] + ([results] if results.exists() else [])
    return {path.relative_to(run.folder).as_posix(): file_hash(path) for path in written}


def _page(run: Run, task: Task) -> html_pages.Page:
    language, study = task.language or "en", run.study
    place = "" if task.municipality == store.ALL else study.municipality(task.municipality).name
    links, downloads, other, home = (), (), "", ""
    if task.is_public:
        home = "../../" if language == "sv" else "../../en/"
        said = html_pages.texts(language)
        links = ((said["home"], f"{home}index.html"),)
        other = next((f"../{each}/index.html" for each in run.languages if each != language), "")
        figures = (said["download_place"], "../results.csv")
        if task.municipality == store.ALL:
            figures = (said["download"], "../../results.csv")
        downloads = (figures, (said["columns_page"], f"{home}columns.html"))
    subject = study.title[language] if task.is_public else task.name
    return html_pages.Page(
        language=language,
        title=" – ".join(filter(None, (place, subject))),
        study_title=study.title[language],
        is_public=task.is_public,
        is_simulated=study.is_simulated,
        place=place,
        links=links,
        other_language=other,
        glossary=f"{home}words.html" if home else "",
        downloads=downloads,
    )


def _remove_outputs(run: Run, task: Task) -> None:
    """Leave nothing of a failed task where something of a whole one is expected."""
    for suffix in (".ipynb", ".html"):
        (run.folder / f"{task.executed}{suffix}").unlink(missing_ok=True)
    if not task.is_public:
        part = f"municipality={task.municipality}/{task.name}.parquet"
        (run.folder / "results" / part).unlink(missing_ok=True)


def hush(notebook: Path) -> None:
    """Take the texts of errors out of a failed notebook: they may quote what a cell held.

    What stays is the kind of error and where it was met; HFCORE_DEBUG=1 keeps all.
    """
    if not notebook.exists() or os.environ.get("HFCORE_DEBUG"):
        return
    book = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in book["cells"]:
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                output["evalue"] = ""
                output["traceback"] = _places(output["traceback"])
            elif output.get("name") == "stderr":
                output["text"] = ""
    write_text(notebook, json.dumps(book, indent=1, ensure_ascii=False) + "\n")


def _places(traceback: Sequence[str]) -> list[str]:
    lines = _COLOUR.sub("", "\n".join(traceback)).splitlines()
    return [line for line in lines if _PLACE.match(line)]
