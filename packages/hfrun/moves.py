"""Households that stand in more than one municipality of a study: each counts once and is followed.

A municipality pays nothing to those who left it and says nothing of the time before they came.
What a household got while it lived in another municipality of the study is in that one's export.
It is the same household where at least half of the adults are the same. It counts where it was a
participant, else where it started or was paid first; there, what the others paid is added to its
payments and what they planned to its plans, and months outside the others' exports are unknown
while it lived with them. The raw municipalities' own tables stay as they are: ``moves``,
``moved_payments`` and ``moved_plans`` stand beside them, and ``store.load`` puts all together.
"""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd

from hfcore.clean.cross_table_checks import SAME_SHARE
from hfcore.clean.rules import problem
from hfcore.errors import Problem
from hfcore.schema import MOVE_TABLES, TABLES, empty_table
from hfcore.store import has_table, read_table, table_folder, write_table
from hfcore.study import Municipality, Study

RULES = ("W-MOVED", "W-ELSEWHERE", "W-PARTED")
PLACE = ["municipality", "household_id"]


def settle_moves(study: Study) -> list[Problem]:
    """Write for each municipality which households count there and what others paid them.

    Reads the tables of all municipalities, so that it may run again at any time. Returns what the
    quality notebook tells: households followed (W-MOVED), households left out because they count
    elsewhere (W-ELSEWHERE), adults who are in two households that are not the same (W-PARTED).
    """
    pairs = _shared_adults(study)
    same = pairs.loc[pairs["share"] >= SAME_SHARE]
    settled = _settled(same, study) if len(same) else dict.fromkeys(MOVE_TABLES, _NONE)
    for table, rows in settled.items():
        for code in study.codes:
            _write(study, code, rows.loc[rows["municipality"] == code], table)
    moves = settled["moves"]
    parted = int(pairs.loc[pairs["share"] < SAME_SHARE, "person_id"].nunique())
    return [*_told(moves), *_problems("W-PARTED", "", parted)]


_NONE = pd.DataFrame(columns=["municipality", "is_counted_here"])


def _settled(same: pd.DataFrame, study: Study) -> dict[str, pd.DataFrame]:
    """Rows of each table of moves, with the municipality where the household counts."""
    listed = _registrations(same, study)
    payments = _payments_of(listed, study)
    ordered = _ordered(listed, payments)
    paid = _paid_elsewhere(ordered, payments, study)
    tables = (_moves(ordered), paid, _planned_elsewhere(ordered, study))
    return dict(zip(MOVE_TABLES, tables, strict=True))


def _shared_adults(study: Study) -> pd.DataFrame:
    """One row an adult and pair of households in two municipalities; the share of adults in both.

    Columns person_id, municipality, household_id, municipality_other, household_id_other, share.
    """
    parts = [
        _adults(read_table(study.name, "persons", code)).assign(municipality=code)
        for code in study.codes
        if has_table(study.name, "persons", code)
    ]
    if len(parts) < 2:
        return pd.DataFrame(columns=["person_id", *PLACE, *_other(PLACE), "share"])
    adults = pd.concat(parts, ignore_index=True)
    sizes = adults.groupby(PLACE).size()
    many = adults.loc[adults["person_id"].duplicated(keep=False)]
    pairs = many.merge(many, on="person_id", suffixes=("", "_other"))
    pairs = pairs.loc[pairs["municipality"] < pairs["municipality_other"]]
    shared = pairs.groupby([*PLACE, *_other(PLACE)])["person_id"].transform("size")
    ends = [sizes.reindex(pd.MultiIndex.from_frame(pairs[e])) for e in (PLACE, _other(PLACE))]
    return pairs.assign(share=shared / np.maximum(*(each.to_numpy() for each in ends)))


def _adults(persons: pd.DataFrame) -> pd.DataFrame:
    return persons.loc[persons["role"] != "child", ["person_id", "household_id"]]


def _other(names: list[str]) -> list[str]:
    return [f"{name}_other" for name in names]


def _registrations(same: pd.DataFrame, study: Study) -> pd.DataFrame:
    """One row a household and municipality that is linked to another; ``family`` numbers them."""
    # Half a second that only a drop with moves needs.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = [same[PLACE], same[_other(PLACE)].set_axis(PLACE, axis=1)]
    places, distinct = pd.factorize(pd.MultiIndex.from_frame(pd.concat(ends)))
    links = np.split(places, 2)
    graph = coo_array((np.ones(len(links[0])), links), shape=(len(distinct),) * 2)
    listed = pd.DataFrame(list(distinct), columns=PLACE, dtype="str")
    listed = listed.assign(family=connected_components(graph, directed=False)[1])
    columns = ["household_id", "group", "started_on"]
    parts = [
        rows.merge(read_table(study.name, "households", code)[columns], on="household_id")
        for code, rows in listed.groupby("municipality")
    ]
    return pd.concat(parts, ignore_index=True)


def _payments_of(listed: pd.DataFrame, study: Study) -> pd.DataFrame:
    """What each municipality paid these households within its export, with their family."""
    parts = [
        _inside(_paid_by(study, code), study.municipality(code)).merge(
            rows[[*PLACE, "family"]], on="household_id"
        )
        for code, rows in listed.groupby("municipality")
    ]
    return pd.concat(parts, ignore_index=True)


def _paid_by(study: Study, code: str) -> pd.DataFrame:
    if not has_table(study.name, "payments", code):
        return empty_table("payments")
    return read_table(study.name, "payments", code)


def _inside(payments: pd.DataFrame, municipality: Municipality) -> pd.DataFrame:
    ends = map(pd.Timestamp, (municipality.payments_from, municipality.payments_to))
    return payments.loc[payments["month"].between(*ends)]


def _ordered(listed: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """The registrations with the month ``seen`` first; in each family the one that counts first."""
    first_paid = payments.groupby(PLACE)["month"].min()
    paid = first_paid.reindex(pd.MultiIndex.from_frame(listed[PLACE])).set_axis(listed.index)
    started = listed["started_on"].dt.to_period("M").dt.to_timestamp()
    seen = pd.concat([pd.to_datetime(paid), started], axis=1).min(axis=1)
    told = listed.assign(seen=seen, _control=listed["group"] == "control")
    order = ["family", "_control", "started_on", "seen", *PLACE]
    told = told.sort_values(order, ignore_index=True)
    return told.assign(is_counted_here=~told["family"].duplicated())


def _moves(listed: pd.DataFrame) -> pd.DataFrame:
    """The registrations with the month of the move; ``is_followed`` where one counts and left."""
    seen_here = listed["family"].map(_of_counted(listed, "seen"))
    left_on = listed["seen"].where(listed["seen"] > seen_here)
    moved_on = listed["family"].map(left_on.groupby(listed["family"]).min())
    moved_on = pd.to_datetime(moved_on).where(listed["is_counted_here"])
    return listed.assign(moved_on=moved_on, is_followed=moved_on.notna())


def _of_counted(listed: pd.DataFrame, column: str) -> pd.Series:
    """What is told of the registration that counts, by family."""
    return listed.loc[listed["is_counted_here"]].set_index("family")[column]


def _paid_elsewhere(listed: pd.DataFrame, payments: pd.DataFrame, study: Study) -> pd.DataFrame:
    """What the others paid each household that counts, under its place; null where unknown."""
    told = payments.merge(listed[[*PLACE, "is_counted_here"]], on=PLACE)
    by_others = told.loc[~told["is_counted_here"], ["family", "month", "amount_sek"]]
    unknown = _unknown_months(listed, study).merge(
        told[["family", "month"]].drop_duplicates(), how="left", indicator="paid"
    )
    unknown = unknown.loc[unknown["paid"] == "left_only"].drop(columns="paid")
    rows = pd.concat([by_others, unknown], ignore_index=True)
    sums = rows.groupby(["family", "month"], as_index=False)["amount_sek"].sum(min_count=1)
    return sums.assign(**{name: sums["family"].map(_of_counted(listed, name)) for name in PLACE})


def _planned_elsewhere(listed: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The plans that adults of households that count got in the others, under their place."""
    homes = _of_counted(listed, "municipality")
    parts = [empty_table("plans").assign(municipality=pd.Series(dtype="str"))]
    for code, rows in listed.loc[~listed["is_counted_here"]].groupby("municipality"):
        if has_table(study.name, "plans", code):
            members = _adults(read_table(study.name, "persons", code))
            members = members.merge(rows[["household_id", "family"]], on="household_id")
            plans = read_table(study.name, "plans", code).merge(members, on="person_id")
            parts.append(plans.assign(municipality=plans["family"].map(homes)))
    columns = [*TABLES["plans"].columns, "municipality"]
    everything = pd.concat([part[columns] for part in parts], ignore_index=True)
    return everything.drop_duplicates(["municipality", *TABLES["plans"].key])


def _unknown_months(listed: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Months in which a household lived in another municipality, outside that one's export."""
    homes = _of_counted(listed, "municipality"), _of_counted(listed, "seen")
    rows = []
    for other in listed.loc[~listed["is_counted_here"]].itertuples():
        here, seen = (study.municipality(homes[0][other.family]), homes[1][other.family])
        there = study.municipality(other.municipality)
        if pd.notna(other.seen) and pd.notna(seen):
            months = _months_there(other.seen, seen, here)
            inside = (months >= str(there.payments_from)) & (months <= str(there.payments_to))
            rows += [(other.family, month, np.nan) for month in months[~inside]]
    months = pd.DataFrame(rows, columns=["family", "month", "amount_sek"]).drop_duplicates()
    kinds = {"family": listed["family"].dtype, "month": "datetime64[s]", "amount_sek": "float64"}
    return months.astype(kinds)


def _months_there(
    seen_there: pd.Timestamp, seen_here: pd.Timestamp, here: Municipality
) -> pd.DatetimeIndex:
    """The months of the reach of the municipality that counts in which the other was the home.

    >>> from datetime import date
    >>> here = Municipality("1290", "", date(2020, 1, 1), date(2020, 1, 1),
    ...                     date(2020, 1, 1), date(2020, 12, 1))
    >>> first, later = pd.Timestamp("2020-03-01"), pd.Timestamp("2020-11-01")
    >>> _months_there(later, first, here).strftime("%m").tolist()
    ['11', '12']
    >>> _months_there(first, pd.Timestamp("2020-05-01"), here).strftime("%m").tolist()
    ['01', '02', '03', '04']
    """
    if seen_there > seen_here:
        return pd.date_range(seen_there, here.payments_to, freq="MS")
    return pd.date_range(here.payments_from, seen_here, freq="MS", inclusive="left")


def _write(study: Study, code: str, rows: pd.DataFrame, table: str) -> None:
    place = table_folder(study.name, table, code)
    if len(rows):
        write_table(rows, study.name, table, code)
    elif place.is_dir():
        shutil.rmtree(place)


def _told(moves: pd.DataFrame) -> list[Problem]:
    counted = moves["is_counted_here"].astype(bool)
    kinds = {"W-MOVED": counted, "W-ELSEWHERE": ~counted}
    counts = [
        (rule, code, count)
        for rule, which in kinds.items()
        for code, count in moves.loc[which, "municipality"].value_counts().items()
    ]
    return [found for each in counts for found in _problems(*each)]


def _problems(rule: str, code: str, count: int) -> list[Problem]:
    file = f"{code}/" if code else "study.toml"
    table = "households" if code else "persons"
    found = problem(rule, file, count=count, table=table, municipality=code)
    return [found] if count else []
