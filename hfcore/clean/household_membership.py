"""Households over time: which of two are one, and where a person in several belongs.

A household is its adults: where at least half of them are the same and the two were not open at
the same time, the later is the earlier one come back. Whoever is in several households counts
once: as an adult before as a child, in the earlier household before the later.
"""

from __future__ import annotations

import pandas as pd

from hfcore.clean.municipality_rows import MunicipalityRows
from hfcore.schema import TABLES
from hfcore.study import Study

SAME_SHARE = 0.5
ADULT_AGE = 21
LONG_AGO, FAR_AHEAD = pd.Timestamp("1800-01-01"), pd.Timestamp("2200-01-01")


def assign_members(home: MunicipalityRows, study: Study) -> None:
    """Give every person one household, and households that are one the same id."""
    if not {"households", "persons"} <= set(home.tables):
        return
    _note_grown_children(home, study)
    pairs = _shared_adults(home)
    if len(pairs):
        _stop_counted_twice(home, pairs.loc[pairs["overlap"]])
        _join_households(home, _same_households(pairs))
    _keep_one_row_each(home)


def _spells(home: MunicipalityRows) -> pd.DataFrame:
    """First and last day of each household, by id; far away where it is open."""
    households = home.tables["households"]
    first = households["started_on"].fillna(LONG_AGO)
    last = households["closed_on"].fillna(FAR_AHEAD)
    spells = pd.DataFrame({"id": households["household_id"], "first": first, "last": last})
    return spells.drop_duplicates("id").set_index("id")


def _shared_adults(home: MunicipalityRows) -> pd.DataFrame:
    """One row an adult and pair of households that have it, the earlier first."""
    persons = home.tables["persons"]
    adults = persons.loc[persons["role"] != "child", ["person_id", "household_id"]]
    adults = adults.drop_duplicates()
    adults = adults.loc[adults["household_id"].isin(home.tables["households"]["household_id"])]
    sizes = adults.groupby("household_id").size()
    many = adults.loc[adults["person_id"].duplicated(keep=False)]
    if not len(many):
        return many
    pairs = many.merge(many, on="person_id", suffixes=("", "_later"))
    spells = _spells(home)
    first = pairs["household_id"].map(spells["first"])
    later = pairs["household_id_later"].map(spells["first"])
    is_order = (first < later) | (
        (first == later) & (pairs["household_id"] < pairs["household_id_later"])
    )
    pairs = pairs.assign(later=later).loc[is_order]
    counts = pairs.groupby(["household_id", "household_id_later"])["person_id"].transform("size")
    largest = pd.concat(
        [pairs[column].map(sizes) for column in ("household_id", "household_id_later")], axis=1
    ).max(axis=1)
    overlap = pairs["household_id"].map(spells["last"]) > pairs["later"]
    ends = pairs["household_id_later"].map(spells["last"])
    return pairs.assign(share=counts / largest, overlap=overlap, until=ends)


def _stop_counted_twice(home: MunicipalityRows, pairs: pd.DataFrame) -> None:
    persons = home.tables["persons"]
    here = [
        pairs[["person_id", name]].set_axis(["person_id", "household_id"], axis=1)
        for name in ("household_id", "household_id_later")
    ]
    twice = pd.MultiIndex.from_frame(pd.concat(here).drop_duplicates())
    rows = persons.loc[pd.MultiIndex.from_frame(persons[["person_id", "household_id"]]).isin(twice)]
    home.stop("persons", "E-TWO-HOUSEHOLDS", rows, "person_id")


def _same_households(pairs: pd.DataFrame) -> dict[str, str]:
    """Each later household that is an earlier one come back, with that one's id."""
    columns = ["household_id", "household_id_later", "later", "until", "share"]
    candidates = pairs.loc[~pairs["overlap"] & (pairs["share"] >= SAME_SHARE), columns]
    ordered = candidates.drop_duplicates().sort_values(
        ["later", "share", "household_id", "household_id_later"],
        ascending=[True, False, True, True],
    )
    same: dict[str, str] = {}
    busy_until: dict[str, pd.Timestamp] = {}
    for earlier, later, start, until, _ in ordered.itertuples(index=False):
        root = same.get(earlier, earlier)
        if later in same or start < busy_until.get(root, start):
            continue
        same[later] = root
        busy_until[root] = until
    return same


def _join_households(home: MunicipalityRows, same: dict[str, str]) -> None:
    if not same:
        return
    households = home.tables["households"]
    home.stop("households", "W-HOUSEHOLD", households.loc[households["household_id"].isin(same)])
    for name, rows in home.tables.items():
        if "household_id" in TABLES[name].columns:
            ids = rows["household_id"].astype("str")
            joined = ids.map(same).astype("str").fillna(ids)
            home.tables[name] = rows.assign(household_id=joined)


def _keep_one_row_each(home: MunicipalityRows) -> None:
    """Of several rows of one person, the one as an adult in the earliest household."""
    persons = home.tables["persons"]
    twice = persons.loc[persons["person_id"].duplicated(keep=False)]
    if not len(twice):
        return
    firsts = twice["household_id"].map(_spells(home)["first"])
    order = twice.assign(_child=twice["role"] == "child", _first=firsts).sort_values(
        ["person_id", "_child", "_first", "household_id", "_file", "_row"]
    )
    home.stop("persons", "W-HOUSEHOLD", twice.loc[order.index[order["person_id"].duplicated()]])


def _note_grown_children(home: MunicipalityRows, study: Study) -> None:
    persons = home.tables["persons"]
    starts = home.tables["households"].drop_duplicates("household_id").set_index("household_id")
    years = starts["started_on"].dt.year.astype("Int64")
    year = persons["household_id"].map(years).astype("Int64").fillna(study.cutoff.year)
    grown = (persons["role"] == "child") & (year - persons["birth_year"] >= ADULT_AGE)
    home.note("persons", "W-GROWN", persons.loc[grown.fillna(False)], "role")
