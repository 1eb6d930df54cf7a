"""What was published before, kept so that the next release tells nothing of the few in between.

``releases/<day>/`` (a second one of the same day: ``<day>-2``) holds what one site was made from:
the exact results, which stay inside, the protected rows, and a hash of each municipality's tables.
Between two releases from the same tables nobody came or went: they do not bind each other, so that
a corrected method can be published at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import pandas as pd

from hfcore import store
from hfcore.results import INSIDE_DTYPES, OWNER_COLUMNS, RESULT_DTYPES
from hfcore.study import Publication

FOLDER = "releases"
EXACT, PROTECTED, TABLES = "results.parquet", "protected.parquet", "tables.json"


@dataclass(frozen=True)
class Release:
    """An earlier release, with the rows of those municipalities whose tables have changed since.

    ``exact`` are the results that its figures were made from, ``protected`` those figures,
    ``days_since`` its age, ``codes`` the municipalities (and ``all``) that it binds.
    """

    exact: pd.DataFrame
    protected: pd.DataFrame
    days_since: int
    name: str = ""
    codes: frozenset[str] = frozenset()

    @cached_property
    def exact_of(self) -> dict[str, pd.DataFrame]:
        """The exact results by municipality."""
        return dict(iter(self.exact.groupby("municipality", sort=False)))

    def is_recent(self, publication: Publication) -> bool:
        """Whether it is so close that figures with few newcomers keep its values."""
        return self.days_since < publication.min_release_days


def earlier(study_name: str) -> list[Release]:
    """All releases of a study, the first one first."""
    folders = _folders(study_name)
    tables = _tables(study_name) if folders else {}
    return [_read(folder, tables) for folder in folders]


def _folders(study_name: str) -> list[Path]:
    place = store.processed_folder(study_name) / FOLDER
    found = [path.parent for path in place.glob(f"????-??-??*/{TABLES}")]
    return sorted(found, key=lambda path: (path.name[:10], int(path.name[11:] or 1)))


def _read(folder: Path, tables: dict[str, str]) -> Release:
    before = json.loads((folder / TABLES).read_text(encoding="utf-8"))
    codes = {code for code, mark in before.items() if tables.get(code) != mark}
    codes |= {store.ALL} if codes else set()
    exact, protected = (
        _in_todays_columns(store.read_parquet(folder / name)) for name in (EXACT, PROTECTED)
    )
    return Release(
        exact.loc[exact["municipality"].isin(codes)],
        protected.loc[protected["municipality"].isin(codes)],
        (date.today() - date.fromisoformat(folder.name[:10])).days,
        folder.name,
        frozenset(codes),
    )


def _in_todays_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of an earlier release; what was not yet kept inside then is unknown."""
    rows = with_parts(rows)
    if "key_n" not in rows:
        return rows
    missing = {name: kind for name, kind in INSIDE_DTYPES.items() if name not in rows}
    empty = {name: pd.Series(pd.NA, rows.index, "Float64").astype(k) for name, k in missing.items()}
    return rows.assign(**empty)


def with_parts(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of version 1 of the columns, which had one text ``subgroup``, in those of version 2."""
    if "subgroup" not in rows:
        return rows
    dimension, _, level = (rows["subgroup"].str.partition("=")[place] for place in range(3))
    is_period = dimension.isin(["quarter", "half_year", "year"])
    by_start = level.str.extract(r"^(before|from)_(\d{4}-\d{2})$").where(dimension.eq("start"))
    told = rows.assign(
        dimension=dimension.mask(is_period, ""),
        level=by_start[0].fillna(level).mask(is_period, "").astype("str"),
        period=by_start[1].fillna(level.where(is_period, "")).astype("str"),
    )
    columns = dict.fromkeys([*OWNER_COLUMNS, *RESULT_DTYPES, *told.columns])
    return told[[each for each in columns if each in told and each != "subgroup"]]


def _tables(study_name: str) -> dict[str, str]:
    """One hash of all tables of each municipality."""
    marks: dict[str, str] = {}
    files = (store.processed_folder(study_name) / "tables").glob("*/municipality=*/*.parquet")
    for path in sorted(files):
        code = path.parent.name.partition("=")[2]
        told = f"{marks.get(code, '')} {path.parent.parent.name} {store.file_hash(path)}"
        marks[code] = sha256(told.encode()).hexdigest()
    return marks


def settled(
    results: pd.DataFrame, releases: Iterable[Release], publication: Publication
) -> pd.DataFrame:
    """Exact results in which what must not move yet stands as in an earlier release (rule 15).

    ``results`` have the owner columns. Two recent releases differ by nothing or by enough, so a
    figure that keeps the value of one of them is far enough from all.
    """
    from hfpublish.disclosure.publication_rules import frozen

    codes = results["municipality"].unique()
    for release in releases:
        known = [release.exact_of[code] for code in codes if code in release.exact_of]
        before = pd.concat(known, ignore_index=True) if known else None
        results = frozen(results, before, release.days_since, publication)
    return results


def binding(releases: Iterable[Release], code: str, publication: Publication) -> list[str]:
    """The names of the releases whose values figures of a municipality may have to keep."""
    return [each.name for each in releases if code in each.codes and each.is_recent(publication)]


def keep(study_name: str, publication: Publication) -> Path | None:
    """Keep what is about to be published; None where the figures are those of the last release."""
    protected = store.read_waiting(study_name)
    folders = _folders(study_name)
    if folders and protected.equals(store.read_parquet(folders[-1] / PROTECTED)):
        return None
    exact = settled(store.read_results(study_name, "*"), earlier(study_name), publication)
    folder = _new_folder(study_name)
    store.write_parquet(exact, folder / EXACT)
    store.write_parquet(protected, folder / PROTECTED)
    # Last, because a folder without it is no release.
    (folder / TABLES).write_text(json.dumps(_tables(study_name), indent=1), encoding="utf-8")
    return folder


def _new_folder(study_name: str) -> Path:
    today = date.today().isoformat()
    taken = [path for path in _folders(study_name) if path.name.startswith(today)]
    name = f"{today}-{len(taken) + 1}" if taken else today
    return store.processed_folder(study_name) / FOLDER / name
