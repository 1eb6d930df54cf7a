"""From exact results to what may leave the house: protected rows, and the site put in place."""

from __future__ import annotations

import ctypes
import os
import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from hfcore import store
from hfcore.errors import LeakError, as_list
from hfpublish.audit import releases
from hfrun.journal import Entry, code_hash, file_hash, files_hash, fingerprint
from hfrun.tasks import LANGUAGES, OVERVIEW, PUBLIC, REPORT, Run

if TYPE_CHECKING:
    import pandas as pd

    from hfpublish.site import State

_EXCHANGE, _HERE = 2, -100
MAX_LEAKS_TOLD = 20


def protect_results(run: Run) -> None:
    """Make the protected rows of every results file that is new; drop those that have none."""
    definition = file_hash(store.raw_folder(run.study.name) / "study.toml")
    places, past = _result_files(run), releases.earlier(run.study.name)
    bound = {code: releases.binding(past, code, run.study.publication) for code, _ in places}
    marks = {
        place: fingerprint(code_hash(), definition, file_hash(path), bound[place[0]])
        for place, path in places.items()
    }
    keys = {place: f"{place[0]}/{place[1]}/protect" for place in places}
    stale = [
        place for place in places if run.force or not run.journal.is_done(keys[place], marks[place])
    ]
    for place in stale:
        entry = _protect_one(run, *place, marks[place], past)
        run.journal.write(keys[place], entry)
        if entry.error:
            run.outcome.count(keys[place], entry)
    dropped = _drop_orphans(run, places)
    combined = run.folder / "protected" / "results.csv"
    if stale or dropped or not combined.exists():
        _write_csv(run, combined)


def _result_files(run: Run) -> dict[tuple[str, str], Path]:
    """The exact results that the journal vouches for, by municipality and notebook."""
    found = {}
    for key, entry in run.journal.entries.items():
        code, _, notebook = key.partition("/")
        paths = [run.folder / path for path in entry.outputs if path.startswith("results/")]
        if entry.status == "done" and paths and code in (*run.study.codes, store.ALL):
            found[code, notebook] = paths[0]
    return found


def _protected_path(run: Run, code: str, notebook: str) -> Path:
    return run.folder / "protected" / f"municipality={code}" / f"{notebook}.parquet"


def _protect_one(
    run: Run, code: str, notebook: str, mark: str, past: list[releases.Release]
) -> Entry:
    from hfpublish.disclosure import protect

    path = _protected_path(run, code, notebook)
    try:
        exact = store.read_results(run.study.name, code, notebook)
        kept = releases.settled(exact, past, run.study.publication)
        rows = protect(kept, run.study)
        store.write_protected(rows, run.study.name, code, notebook)
    except Exception as problem:
        path.unlink(missing_ok=True)
        return Entry("failed", mark, error=f"It could not be protected ({type(problem).__name__}).")
    return Entry("done", mark, outputs={path.relative_to(run.folder).as_posix(): file_hash(path)})


def _drop_orphans(run: Run, places: dict[tuple[str, str], Path]) -> bool:
    """Remove protected rows whose exact results are gone; return whether there were any."""
    wanted = {_protected_path(run, *place) for place in places}
    orphans = set((run.folder / "protected").glob("municipality=*/*.parquet")) - wanted
    for path in orphans:
        path.unlink()
    return bool(orphans)


def _write_csv(run: Run, path: Path) -> None:
    """All protected rows as one file for other programs."""
    from hfcore.errors import TableAbsentError

    path.unlink(missing_ok=True)
    try:
        rows = store.read_protected(run.study.name)
    except TableAbsentError:
        return
    half = path.with_name(f".{path.name}.half")
    rows.to_csv(half, index=False, lineterminator="\n")
    half.replace(path)


def publish(run: Run) -> Path | None:
    """Build the site and put it in the earlier one's place in one step; return its first page.

    Nothing is done where nothing has changed. What is put in place is kept as a release.

    Raises LeakError where the audit finds anything; then the earlier site stands as it was.
    """
    target, new, old = (run.folder / f"site{suffix}" for suffix in ("", ".new", ".old"))
    mark = _site_fingerprint(run)
    first = target / "index.html"
    if not run.force and run.journal.is_done("site", mark):
        return first
    from hfpublish.site import write_front_pages

    shutil.rmtree(new, ignore_errors=True)
    pages = _collect_pages(run, new)
    write_front_pages(new, run.study, _states(run, pages))
    _refuse_leaks(run, new)
    if (new / "results.csv").exists():
        releases.keep(run.study.name, run.study.publication)
    _swap(new, target, old)
    outputs = dict(files_hash(target.rglob("*.html"), run.folder))
    run.journal.write("site", Entry("done", mark, outputs=outputs))
    return first


def _refuse_leaks(run: Run, new: Path) -> None:
    """Raise LeakError, and remove the site that waits, where the audit finds anything."""
    from hfpublish.audit import audit_study

    try:
        found = audit_study(run.study.name)
        if len(found):
            raise LeakError(leak_sentence(found))
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def leak_sentence(found: pd.DataFrame) -> str:
    """What the audit found, each with attack, rule and place, never a value."""
    told = [
        f"{row.attack}{f', rule {row.rule}' if row.rule else ''}, {row.where}: {row.found}"
        for row in found.head(MAX_LEAKS_TOLD).itertuples()
    ]
    more = len(found) - len(told)
    told += [f"and {more} more; hfcore audit lists all."] if more > 0 else []
    return (
        f"The audit found {len(found)} leaks, so nothing was published and the earlier site "
        f"stands.\n{as_list(told)}"
    )


def _site_fingerprint(run: Run) -> str:
    files = [*(run.folder / "public").glob("*/*.html"), run.folder / "protected" / "results.csv"]
    failed = sorted(key for key, entry in run.journal.entries.items() if entry.status != "done")
    definition = file_hash(store.raw_folder(run.study.name) / "study.toml")
    return fingerprint(
        code_hash(), definition, files_hash(files, run.folder), failed, run.languages
    )


def _collect_pages(run: Run, new: Path) -> set[tuple[str, str]]:
    """Copy the pages that there are to their places; return municipality and language of each."""
    pages = set()
    for code in (*run.study.codes, store.ALL):
        name, place = (OVERVIEW, "overview") if code == store.ALL else (REPORT, code)
        for language in LANGUAGES:
            page = run.folder / "public" / code / f"{name}.{language}.html"
            if page.exists():
                (new / place / language).mkdir(parents=True)
                shutil.copyfile(page, new / place / language / "index.html")
                pages.add((code, language))
    new.mkdir(parents=True, exist_ok=True)
    combined = run.folder / "protected" / "results.csv"
    if combined.exists():
        shutil.copyfile(combined, new / "results.csv")
        _write_parts(run, new, {code for code, _ in pages})
    return pages


def _write_parts(run: Run, new: Path, codes: set[str]) -> None:
    """The figures of each municipality that has a report as a file of its own."""
    rows = store.read_protected(run.study.name)
    for code, own in rows.groupby("municipality"):
        if code in codes - {store.ALL}:
            own.to_csv(new / code / "results.csv", index=False, lineterminator="\n")


def _states(run: Run, pages: set[tuple[str, str]]) -> dict[str, State]:
    """What there is of each municipality, from the pages and the journal."""
    from hfpublish.site import State

    entries: dict[str, list[tuple[str, Entry]]] = {}
    for key, entry in run.journal.entries.items():
        code, _, rest = key.partition("/")
        entries.setdefault(code, []).append((rest.partition("/")[0], entry))
    return {
        code: State(
            languages=frozenset(each for each in LANGUAGES if (code, each) in pages),
            made_on=_made_on(entries.get(code, [])),
            missing=_ended(entries.get(code, []), "failed"),
            absent=_ended(entries.get(code, []), "not_applicable"),
        )
        for code in (*run.study.codes, store.ALL)
    }


def _made_on(entries: list[tuple[str, Entry]]) -> date | None:
    """The day of the last report of a municipality, from its entries in the journal."""
    days = [entry.finished[:10] for notebook, entry in entries if notebook in PUBLIC]
    return date.fromisoformat(max(days)) if days else None


def _ended(entries: list[tuple[str, Entry]], status: str) -> tuple[str, ...]:
    """The notebooks of a municipality that ended so, be it themselves or when protected."""
    ended = {notebook for notebook, entry in entries if entry.status == status}
    return tuple(sorted(ended - set(PUBLIC)))


def _swap(new: Path, target: Path, old: Path) -> None:
    """Put a whole new folder where the earlier one stands; the earlier stands until then."""
    shutil.rmtree(old, ignore_errors=True)
    if not target.exists():
        new.rename(target)
    elif _exchange(new, target):
        shutil.rmtree(new)
    else:
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step where the system can (Linux); return whether it did."""
    function = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if function is None:
        return False
    return function(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0
