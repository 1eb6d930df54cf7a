"""A study's run: what is executed in what order, by how many workers, and what becomes of it.

Each municipality's notebooks → those of the whole study → protected results → reports and
overview → site. What is done and unchanged is not done again; a failure stops only its own
notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from hfcore import store
from hfcore.errors import UsageError
from hfrun import engine, publication, sandbox
from hfrun.journal import Journal, study_lock
from hfrun.tasks import (
    LANGUAGES,
    NOTEBOOKS,
    Outcome,
    Run,
    Task,
    find_notebooks,
    perform,
    plan,
    task_fingerprint,
)

Progress = Callable[[int, int, str], None]


def run_study(
    name: str,
    municipalities: Sequence[str] = (),
    notebooks: Sequence[str] = (),
    languages: Sequence[str] = LANGUAGES,
    workers: int = 2,
    force: bool = False,
    inside_only: bool = False,
    progress: Progress = lambda done, total, label: None,
    notebook_folder: Path = NOTEBOOKS,
) -> Outcome:
    """Execute a study's notebooks, protect their results, render the pages and build the site.

    Empty ``municipalities`` and ``notebooks`` mean all. ``progress`` is told how many notebooks
    of how many are ready, and which was the last.

    Raises UsageError for what does not exist, LockedError where another run has the study; on
    KeyboardInterrupt kernels are stopped and the earlier site stands.
    """
    study = store.load_study(name)
    codes = [study.municipality(code).code for code in municipalities] or list(study.codes)
    tasks = plan(codes, find_notebooks(notebook_folder, notebooks), languages)
    folder = store.processed_folder(name)
    if not any(store.has_table(name, "households", code) for code in codes):
        raise UsageError(f"Nothing is ingested yet; do first: hfcore ingest {name}")
    if not inside_only:
        sandbox.check_apart(folder)
    with study_lock(folder), engine.warm_kernels():
        journal = Journal(folder / "run.json")
        known = plan(study.codes, find_notebooks(notebook_folder), LANGUAGES)
        journal.keep_only({task.key for task in known})
        run = Run(study, folder, journal, Outcome(), tuple(languages), force)
        try:
            own, whole, public = ([t for t in tasks if t.stage == stage] for stage in range(3))
            _execute(run, own, workers, progress)
            _execute(run, whole, workers, progress)
            if not inside_only:
                run.outcome.notes += [] if sandbox.is_watertight() else [sandbox.NOT_WATERTIGHT]
                publication.protect_results(run)
                _execute(run, public, workers, progress)
                run.outcome.site = publication.publish(run)
        finally:
            publication.discard(run)
            journal.save()
    return run.outcome


def _execute(run: Run, tasks: Sequence[Task], workers: int, progress: Progress) -> None:
    """Execute what is not done yet, the slowest of last time first."""
    marks = {task: task_fingerprint(run, task) for task in tasks}
    open_tasks = [t for t in tasks if run.force or not run.journal.is_done(t.key, marks[t])]
    run.outcome.unchanged += len(tasks) - len(open_tasks)
    before = {task: run.journal.entries.get(task.key) for task in open_tasks}
    open_tasks.sort(key=lambda task: -(before[task].seconds if before[task] else 0))
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        waiting = {pool.submit(perform, run, task, marks[task]): task for task in open_tasks}
        try:
            _collect(run, waiting, progress)
        except BaseException:
            _abandon(waiting)
            raise


def _collect(run: Run, waiting: dict[Future, Task], progress: Progress) -> None:
    total, pending = len(waiting), set(waiting)
    while pending:
        ready, pending = wait(pending, timeout=0.5, return_when="FIRST_COMPLETED")
        for future in ready:
            task, entry = waiting[future], future.result()
            run.journal.write(task.key, entry)
            run.outcome.count(task.key, entry)
            progress(total - len(pending), total, task.key)


def _abandon(waiting: Iterable[Future]) -> None:
    """Drop what has not begun and end what runs."""
    for future in waiting:
        future.cancel()
    while not all(future.done() for future in waiting):
        engine.stop_all()
        wait(waiting, timeout=0.2)
