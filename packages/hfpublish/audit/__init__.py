"""The reader as an attacker, over what lies in ``site/`` and ``protected/`` and earlier releases.

Nothing may be published while ``audit_study`` finds anything.
"""

from __future__ import annotations

import getpass
import json
import re
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from hfcore import store
from hfcore.errors import TableAbsentError
from hfcore.results import INSIDE_DTYPES
from hfcore.study import Publication, Study
from hfpublish.audit import followed_counts, reconstruction, releases
from hfpublish.audit.attacks import ATTACKS, KEYS, TRUE, sensitive_words, strictest
from hfpublish.audit.leaks import Secrets, forms_of, search
from hfpublish.audit.releases import Release
from hfpublish.disclosure.protection import KIND_OF
from hfpublish.disclosure.text_rules import TEXTS

COLUMNS = ["attack", "rule", "where", "found"]
ESTIMATES = ("estimate", "ci_low", "ci_high")
PUBLIC_FOLDERS = ("site", "site.new", "protected", store.WAITING)
RENDERED = "public"
VECTOR_SUFFIXES = (".svg", ".pdf", ".eps", ".ps")
CANARIES = "canaries.txt"
COMMON_NAMES = ("root", "user", "runner", "localhost", "jupyter")


def audit_study(study_name: str, canaries: Sequence[str] = ()) -> pd.DataFrame:
    """Attack what a study would publish: what waits for it (``site.new``), else what stands.

    Parameters
    ----------
    study_name : whose ``processed`` folder is attacked, with the exact results as the truth.
    canaries : texts of the raw files that may stand nowhere, besides those that
        ``raw/<study>/canaries.txt`` lists, one a line.

    Returns
    -------
    One row a finding: attack, rule (0 where it is none of the fifteen), where, found (a sentence,
    never a value). No row: it may be published.
    """
    study, folder = store.load_study(study_name), store.processed_folder(study_name)
    protected, exact = _rows(store.read_waiting, study_name), _rows(_read_exact, study_name)
    parts = []
    if protected is not None:
        parts.append(audit_rows(protected, study, exact, releases.earlier(study_name)))
    parts.append(audit_files(folder, study, canaries))
    return pd.concat(parts, ignore_index=True)


def _read_exact(study_name: str) -> pd.DataFrame:
    return store.read_results(study_name, "*")


def _rows(read: Callable[[str], pd.DataFrame], study_name: str) -> pd.DataFrame | None:
    try:
        return read(study_name)
    except TableAbsentError:
        return None


def audit_rows(
    protected: pd.DataFrame,
    study: Study,
    exact: pd.DataFrame | None = None,
    earlier: Sequence[Release] = (),
) -> pd.DataFrame:
    """Attack protected rows: each figure by itself, all counts together, and all releases.

    ``exact`` are the results of the same data; without them the attacks that need the truth are as
    sharp as a reader's. ``earlier`` are the releases that came before.
    """
    found = []
    limits = strictest(study.publication)
    for release in earlier:
        found += _release_findings(protected, exact, release, limits)
    kept = exact if exact is None else releases.settled(exact, earlier, limits)
    rows = judged(protected, kept)
    word = rows["cause"].mask(rows["cause"].eq(""), rows["level"])
    rows = rows.assign(
        raw_dimension=protected["dimension"].to_numpy(),
        raw_level=protected["level"].to_numpy(),
        is_sensitive=word.isin(list(sensitive_words(study))),
    )
    for rule, name, attack in ATTACKS:
        bad = rows.loc[attack(rows, limits).fillna(False).astype(bool)]
        found += _told(bad, rule, name)
    sentences = reconstruction.findings(protected, limits)
    found += [("integer programme", 1, code, sentence) for code, sentence in sentences]
    for code, sentence in followed_counts.findings(rows, limits):
        found.append(("curves and model rows", 9, code, sentence))
    return pd.DataFrame(found, columns=COLUMNS)


def judged(protected: pd.DataFrame, exact: pd.DataFrame | None) -> pd.DataFrame:
    """Protected rows with kind and, where there are exact results, the truth behind each.

    ``true_n``, ``true_events``, ``true_at_risk`` and the inside columns are null for rows that
    have no exact counterpart (merged categories).
    """
    kind = protected["metric"].map(KIND_OF).fillna("unknown").astype("str")
    of_shares = kind.isin(["share", "curve"]) & protected["group"].eq("difference")
    kind = kind.mask(of_shares, "model")
    rows = _unescaped(protected).reset_index(drop=True).assign(kind=kind.to_numpy())
    if exact is None:
        empty = dict.fromkeys([*TRUE.values(), *INSIDE_DTYPES], np.nan)
        return rows.assign(**empty)
    inside = exact[[*KEYS, "method", *TRUE, *INSIDE_DTYPES]].rename(columns=TRUE)
    inside = inside.drop_duplicates([*KEYS, "method"])
    return rows.merge(inside, on=[*KEYS, "method"], how="left")


def _unescaped(protected: pd.DataFrame) -> pd.DataFrame:
    """Protected rows with their parts named as in exact ones, to be found there."""
    parts = {name: protected[name].str.removeprefix("'") for name in ("dimension", "level")}
    return protected.assign(**parts)


def _told(bad: pd.DataFrame, rule: int, name: str) -> list[tuple[str, int, str, str]]:
    """One finding a metric and municipality, with how many figures."""
    found = []
    for (code, metric), own in bad.groupby(["municipality", "metric"], sort=False):
        found.append((name, rule, f"{code} {metric}", f"{len(own)} figures give too much away."))
    return found


def _release_findings(
    protected: pd.DataFrame, exact: pd.DataFrame | None, release: Release, publication: Publication
) -> list[tuple[str, int, str, str]]:
    """15: figures that moved although few came since a release, and what both together give."""
    found = []
    if exact is not None and release.is_recent(publication):
        found += _told(_moved(protected, exact, release, publication), 15, "difference of releases")
    now = dict(iter(protected.groupby("municipality", sort=False)))
    for code, own in release.protected.groupby("municipality", sort=False):
        here = now.get(code, protected.head(0))
        for sentence in reconstruction.findings_between(own, here, publication):
            found.append(("integer programme of releases", 15, code, sentence))
    return found


def _moved(
    protected: pd.DataFrame, exact: pd.DataFrame, release: Release, publication: Publication
) -> pd.DataFrame:
    """Figures that are shown otherwise than in a release since which fewer than five came."""
    keys = [*KEYS, "method"]
    both, before = (_unescaped(rows) for rows in (protected, release.protected))
    both = both.drop_duplicates(keys)
    for rows, suffix in ((before, "_before"), (exact, "_now"), (release.exact, "_then")):
        columns = [*ESTIMATES, *TRUE]
        renamed = rows.drop_duplicates(keys).rename(columns={c: c + suffix for c in columns})
        both = both.merge(renamed[[*keys, *(c + suffix for c in columns)]], on=keys)
    few = (both["n_now"] - both["n_then"]).abs().lt(publication.min_newcomers)
    differ = pd.Series(False, index=both.index)
    for column in (*ESTIMATES, *TRUE):
        now, before = (both[name].astype("Float64") for name in (column, f"{column}_before"))
        differ |= now.fillna(-1).ne(before.fillna(-1)).astype(bool)
    return both.loc[few.fillna(False).astype(bool) & differ]


def audit_files(folder: Path, study: Study, canaries: Sequence[str] = ()) -> pd.DataFrame:
    """Search every byte that is published, and canaries in all that hfcore writes of a run."""
    secrets = _secrets(folder, study, canaries)
    # Inside files may hold pseudonyms and paths; names and personal numbers stand nowhere.
    inside = replace(secrets, pseudonyms=frozenset(), names=())
    found: list[tuple[str, int, str, str]] = []
    replaced = {
        folder / name for name in ("site", "protected") if (folder / f"{name}.new").exists()
    }
    kinds_of: dict[tuple[bytes, bool], set[str]] = {}
    for path in _files(folder):
        if not replaced.isdisjoint(path.parents):
            continue
        is_public, content = _is_public(path, folder), path.read_bytes()
        # A page is written once and copied into the site: the same bytes are searched once.
        same = sha256(content).digest(), is_public
        if same not in kinds_of:
            kinds_of[same] = search(content, secrets if is_public else inside)
        kinds = kinds_of[same] | search(path.stem.encode(), secrets if is_public else inside)
        found += _file_findings(path, folder, content, kinds, is_public)
    return pd.DataFrame(found, columns=COLUMNS)


def _is_public(path: Path, folder: Path) -> bool:
    """Whether a file is or becomes part of what is published: pages rendered for it too."""
    first = path.relative_to(folder).parts[0]
    return first in PUBLIC_FOLDERS or (first == RENDERED and path.suffix == ".html")


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _file_findings(
    path: Path, folder: Path, content: bytes, kinds: set[str], is_public: bool
) -> list[tuple[str, int, str, str]]:
    where = path.relative_to(folder).as_posix()
    kinds = kinds if is_public else kinds - {"path", "pseudonym"}
    found = [("bytes", 0, where, f"It holds a {kind}.") for kind in sorted(kinds)]
    if is_public and _is_vector(path, content):
        found.append(("vector picture", 11, where, "It holds a drawing with exact values."))
    if is_public and path.suffix == ".csv":
        found += [("formula", 14, where, each) for each in _csv_findings(path)]
    return found


def _is_vector(path: Path, content: bytes) -> bool:
    return path.suffix in VECTOR_SUFFIXES or b"<svg" in content or b"image/svg" in content


def _csv_findings(path: Path) -> list[str]:
    cells = pd.read_csv(path, dtype="str", keep_default_na=False)
    columns = [each for each in cells if each in {*TEXTS, *KEYS, "base", "protection"} - {"month"}]
    runs = sum(
        count
        for column in columns
        for text, count in cells[column].value_counts().items()
        if re.match(r"[=+\-@\t\r]", text)
    )
    return [f"{runs} cells would run in a spreadsheet."] if runs else []


def _secrets(folder: Path, study: Study, canaries: Sequence[str]) -> Secrets:
    listed = store.raw_folder(study.name) / CANARIES
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
    words = [word.strip() for word in [*canaries, *lines] if word.strip()]
    names = {getpass.getuser(), socket.gethostname()} - set(COMMON_NAMES)
    return Secrets(
        words=forms_of(words),
        pseudonyms=frozenset(_pseudonyms(folder)),
        raw=_key_bytes(study),
        names=tuple(sorted(name for name in names if len(name) > 3)),
        paths=_own_paths(),
    )


def _own_paths() -> tuple[str, ...]:
    """The folders of data, of hfcore and of Python, and the user's own, as they are written."""
    folders = (
        store.data_root().resolve(),
        Path(__file__).parents[3],
        Path.home(),
        Path(sys.prefix),
    )
    return tuple(sorted({str(each) for each in folders if len(each.parts) > 2}))


def _pseudonyms(folder: Path) -> set[str]:
    """Every id in the study's tables."""
    ids: set[str] = set()
    for path in (folder / "tables" / "record_keys").glob("*/*.parquet"):
        ids |= set(pd.read_parquet(path, columns=["id"])["id"])
    return ids


def _key_bytes(study: Study) -> tuple[bytes, ...]:
    """The key of a simulated study in the forms in which it could stand somewhere."""
    from hfcore.identity import read_key

    if not study.is_simulated:
        return ()
    secret = read_key(study).secret
    return secret, secret.hex().encode(), json.dumps(list(secret)).encode()
