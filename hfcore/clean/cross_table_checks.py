"""The cleaned files of one municipality → its tables: what can only be seen with all of them.

Rows come with pseudonyms and with the place that they were read from (``_file``, ``_sheet``,
``_row``). A household is its adults: where at least half of them are the same and the two were not
open at the same time, the later is the earlier one come back. Whoever is in several households
counts once: as an adult before as a child, in the earlier household before the later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hfcore.clean.rules import code_of, harmless, problem
from hfcore.clean.table_cleaning import NUMERIC
from hfcore.errors import HfcoreError, Problem
from hfcore.schema import TABLES
from hfcore.study import Municipality, Study, month_number

PLACE = ("_file", "_sheet", "_row")


class MunicipalityRows:
    """All rows of one municipality under work, by table, with what was stopped and noticed."""

    def __init__(
        self,
        tables: dict[str, pd.DataFrame],
        municipality: str,
        headers: Mapping[tuple[str, str], str] | None = None,
    ):
        self.tables = dict(tables)
        self.gone: Counter[tuple[str, str, str, str]] = Counter()
        self._headers = headers or {}
        self.municipality = municipality
        self.problems: list[Problem] = []
        self.stopped: list[pd.DataFrame] = []
        self._kept: dict[str, pd.DataFrame] = {}

    def kept(self, table: str) -> pd.DataFrame:
        """The raw rows of a table that count."""
        return self._kept.get(table, self.tables[table])

    def replace_rows(self, table: str, rows: pd.DataFrame) -> None:
        """Put rows in the place of the raw rows that they come from."""
        self._kept[table] = self.tables[table]
        self.tables[table] = rows

    def stop(
        self, table: str, rule: str, rows: pd.DataFrame, column: str = "", **words: str
    ) -> None:
        """Take rows out of a table: into quarantine by an E-rule, counted by a W-rule."""
        if not len(rows):
            return
        self.note(table, rule, rows, column, **words)
        self.leave_out(table, rule, rows)
        column = self._headers.get((table, column), column)
        if rule.startswith("E-"):
            places = rows[list(PLACE)].astype({"_file": "str", "_sheet": "str"})
            listed = places.assign(table=table, column=column, rule=code_of(rule))
            self.stopped.append(listed)

    def leave_out(self, table: str, rule: str, rows: pd.DataFrame) -> None:
        """Take rows out of a table, and count them by the rule, file by file."""
        is_gone = self.tables[table].index.isin(rows.index)
        self.tables[table] = self.tables[table].loc[~is_gone]
        for place, count in rows.groupby(["_file", "_sheet"], observed=True).size().items():
            self.gone[(table, *place, code_of(rule))] += int(count)

    def note(
        self, table: str, rule: str, rows: pd.DataFrame, column: str = "", **words: str
    ) -> None:
        """Write down what was noticed about rows, file by file."""
        if not len(rows):
            return
        for (file, sheet), each in rows.groupby(["_file", "_sheet"], observed=True, sort=True):
            found = problem(
                rule,
                file,
                sheet=sheet,
                column=self._headers.get((table, column), column),
                rows=each["_row"],
                count=len(each),
                table=table,
                municipality=self.municipality,
                **words,
            )
            self.problems.append(found)

    def count(self, table: str, rule: str, count: int, **words: str) -> None:
        """Write down how often something was noticed that has no rows to point at."""
        if count:
            self.problems.append(
                problem(
                    rule,
                    f"{self.municipality}/",
                    count=count,
                    table=table,
                    municipality=self.municipality,
                    **words,
                )
            )


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


GAP_SHARE = 0.1
# A file of which so many rows find no match, or stand elsewhere too, is judged as a whole.
NEARLY_ALL, LEAST_ROWS = 0.9, 3
# Sums by a table of all households and months are quicker while most of it is not empty.
CELLS_A_ROW = 16
MIXER = 0x9E3779B97F4A7C1


def join_tables(
    tables: dict[str, pd.DataFrame], study: Study, municipality: Municipality
) -> tuple[dict[str, pd.DataFrame], MunicipalityRows]:
    """The tables of one municipality, each with just its own columns, and the account of it."""
    headers = {
        (source.table, name): harmless(column.header)
        for source in study.sources
        for name, column in source.columns.items()
        if column.header
    }
    home = MunicipalityRows(tables, municipality.code, headers)
    _leave_out_protected(home)
    for table in home.tables:
        _keep_latest(home, table)
        _drop_same_rows(home, table)
    # Elsewhere the same rows are told apart by their key, and count once.
    for table in (each for each in home.tables if each == "payments" or not TABLES[each].key):
        _stop_files_again(home, table)
    assign_members(home, study)
    for table in home.tables:
        _stop_same_keys(home, table)
    _check_references(home)
    if "payments" in home.tables:
        payments = home.tables["payments"]
        cells = paid_cells(payments)
        _look_at_payments(home, cells, municipality)
        home.replace_rows("payments", net_payments(payments["amount_sek"], cells))
        _look_for_gaps(home, study, municipality)
    joined = {name: rows[list(TABLES[name].columns)] for name, rows in home.tables.items()}
    for name, rows in joined.items():
        _hold_to_form(name, rows)
    return joined, home


def _hold_to_form(name: str, rows: pd.DataFrame) -> None:
    """Raise HfcoreError where a table is not in its one form: a fault of this project."""
    for column, kind in TABLES[name].columns.items():
        if kind.kind not in ("code", "date", "month"):
            continue
        values = pd.Series(rows[column].unique()).dropna()
        is_wrong = kind.kind == "month" and not (values.dt.day == 1).all()
        is_wrong |= bool(kind.kind == "code" and kind.codes and not values.isin(kind.codes).all())
        is_wrong |= kind.kind == "date" and not (values.dt.normalize() == values).all()
        if is_wrong:
            raise HfcoreError(f"The column {column} of {name} is not in its form after cleaning.")
    # Payments are one row a household and month because they were added up so.
    key = list(TABLES[name].key)
    if key and name != "payments" and rows.duplicated(key).any():
        raise HfcoreError(f"The key of {name} stands twice after cleaning.")


def _leave_out_protected(home: MunicipalityRows) -> None:
    """Households in which anybody has a protected identity go, with everything of theirs."""
    marked = [
        rows.loc[rows["_is_protected"].astype(bool)]
        for rows in home.tables.values()
        if rows["_is_protected"].any()
    ]
    if not marked:
        return
    households, persons = _ids(marked, "household_id"), _ids(marked, "person_id")
    members = home.tables.get("persons")
    if members is not None:
        households |= set(members.loc[members["person_id"].isin(persons), "household_id"])
        persons |= set(members.loc[members["household_id"].isin(households), "person_id"])
    for name, rows in list(home.tables.items()):
        gone = pd.Series(False, rows.index)
        for column, ids in (("household_id", households), ("person_id", persons)):
            if column in rows:
                gone |= rows[column].isin(ids)
        home.leave_out(name, "W-PROTECTED", rows.loc[gone])
    home.count("households", "W-PROTECTED", len(households))


def _ids(frames: Iterable[pd.DataFrame], column: str) -> set[str]:
    return {each for rows in frames if column in rows for each in rows[column].dropna()}


def _keep_latest(home: MunicipalityRows, table: str) -> None:
    """Of the versions of one record, the latest; of the same record twice, one."""
    rows = home.tables[table]
    marks = rows["_row_id"].dropna()
    several = rows.loc[marks.index[marks.duplicated(keep=False)]]
    if not len(several):
        return
    same = several.duplicated(subset=["_row_id", "_version", *TABLES[table].columns])
    home.stop(table, "W-DUPLICATE", several.loc[same])
    versions = several.loc[~same]
    if versions["_version"].notna().any():
        latest = versions.groupby("_row_id")["_version"].transform("max")
        home.stop(table, "W-VERSION", versions.loc[versions["_version"] < latest])
        versions = versions.loc[versions["_version"] == latest]
    home.stop(table, "E-DUPLICATE", versions.loc[versions["_row_id"].duplicated(keep=False)])


def _drop_same_rows(home: MunicipalityRows, table: str) -> None:
    """The same row twice counts once, in tables whose key tells rows apart."""
    rows, columns = home.tables[table], list(TABLES[table].columns)
    if not TABLES[table].key or table == "payments":
        return
    lists = {name: rows[name].astype("str") for name in columns if rows[name].dtype == "object"}
    same = rows[columns].assign(**lists).duplicated()
    home.stop(table, "W-DUPLICATE", rows.loc[same])


def _stop_same_keys(home: MunicipalityRows, table: str) -> None:
    """The same key with another content is stopped; nobody can say which is right."""
    key = list(TABLES[table].key)
    if key and table != "payments":
        rows = home.tables[table]
        home.stop(table, "E-DUPLICATE", rows.loc[rows.duplicated(subset=key, keep=False)], key[0])


def _check_references(home: MunicipalityRows) -> None:
    """Stop rows whose household or person is in none of the files.

    An id that a program made a number has lost nothing where it finds its match.
    """
    for name in (each for each in TABLES if each in home.tables):
        for column, kind in TABLES[name].columns.items():
            target = kind.refers_to.partition(".")[0]
            if target in home.tables:
                _stop_unmatched(home, name, column, home.tables[target][column])
        if NUMERIC in home.tables[name]:
            rows = home.tables[name]
            home.note(name, "W-ID-NUMBER", rows.loc[rows[NUMERIC].eq(True)])


def _stop_unmatched(home: MunicipalityRows, name: str, column: str, known: pd.Series) -> None:
    rows = home.tables[name]
    lost = rows.loc[~rows[column].isin(known)]
    if not len(lost):
        return
    read, gone = rows["_file"].value_counts(), lost["_file"].value_counts()
    is_many = 2 * len(known) >= lost[column].nunique()
    whole = [f for f in gone.index if gone[f] >= max(NEARLY_ALL * read[f], LEAST_ROWS)]
    is_whole = lost["_file"].isin(whole) & is_many
    is_numeric = lost.get(NUMERIC, pd.Series(False, lost.index)).eq(True) & ~is_whole
    home.stop(name, "E-REFERENCE file", lost.loc[is_whole], column)
    home.stop(name, "E-ID", lost.loc[is_numeric], column)
    home.stop(name, "E-REFERENCE", lost.loc[~is_whole & ~is_numeric], column)


def _stop_files_again(home: MunicipalityRows, table: str) -> None:
    """Stop a file of which nearly every row stands in the other files too."""
    rows, columns = home.tables[table], list(TABLES[table].columns)
    sizes = rows["_file"].value_counts()
    if (sizes > 0).sum() < 2:
        return
    lists = {name: rows[name].astype("str") for name in columns if rows[name].dtype == "object"}
    marks = pd.util.hash_pandas_object(rows[columns].assign(**lists), index=False)
    shares = marks.duplicated(keep=False).groupby(rows["_file"], observed=True).mean()
    likely = [file for file in shares.index[shares >= NEARLY_ALL] if sizes[file] >= LEAST_ROWS]
    is_left = pd.Series(True, rows.index)
    for file in sorted(sorted(likely, reverse=True), key=lambda each: sizes[each]):
        is_own = rows["_file"] == file
        share = marks[is_own].isin(marks[is_left & ~is_own]).mean()
        # Rows that repeat within one file say nothing of the other.
        is_telling = marks[is_own].nunique() >= sizes[file] / 2
        if share >= NEARLY_ALL and is_telling:
            is_left &= ~is_own
            home.stop(table, "E-DUPLICATE file", rows.loc[is_own], share=f"{100 * share:.0f}")


def _look_at_payments(home: MunicipalityRows, cells: PaidCells, municipality: Municipality) -> None:
    rows = home.tables["payments"]
    home.note("payments", "W-DUPLICATE?", rows.loc[_is_again(cells.places, rows["amount_sek"])])
    inside = rows["month"].between(
        pd.Timestamp(municipality.payments_from), pd.Timestamp(municipality.payments_to)
    )
    home.note("payments", "W-PERIOD", rows.loc[~inside])


def _is_again(places: np.ndarray, amounts: pd.Series) -> np.ndarray:
    """Whether a row before has the same place and amount.

    All rows are looked at by one number that both are mixed into, and only those that share it
    with another row by the two themselves.
    """
    mixed = pd.Series(places * MIXER ^ (amounts.to_numpy() + 0.0).view("int64"))
    suspects = np.flatnonzero(mixed.duplicated(keep=False))
    pairs = pd.DataFrame({"place": places[suspects], "amount": amounts.array[suspects]})
    is_again = np.zeros(len(places), dtype=bool)
    is_again[suspects[pairs.duplicated()]] = True
    return is_again


@dataclass(frozen=True)
class PaidCells:
    """The table of households and months that payments fall into, both in order.

    ``places`` has for each payment its place in the table, counted row by row.
    """

    places: np.ndarray
    households: pd.Series
    months: pd.Series


def paid_cells(payments: pd.DataFrame) -> PaidCells:
    """The household and month of each payment as one number."""
    households, ids = pd.factorize(payments["household_id"].astype("category"), sort=True)
    numbers, months = pd.factorize(payments["month"], sort=True)
    places = households * len(months) + numbers
    return PaidCells(places, pd.Series(ids, dtype="str"), pd.Series(months))


def net_payments(amounts: pd.Series, cells: PaidCells) -> pd.DataFrame:
    """One row a household and month: the sum of its payments and corrections, never clipped."""
    cents = (amounts * 100).round()
    if len(cells.households) * len(cells.months) <= CELLS_A_ROW * len(amounts):
        paid = np.flatnonzero(np.bincount(cells.places))
        sums = np.bincount(cells.places, cents)[paid]
    else:
        paid, places = np.unique(cells.places, return_inverse=True)
        sums = np.bincount(places, cents)
    households, numbers = np.divmod(paid, max(len(cells.months), 1))
    return pd.DataFrame(
        {
            "household_id": cells.households.array[households],
            "month": cells.months.array[numbers],
            "amount_sek": sums / 100,
        }
    )


def _look_for_gaps(home: MunicipalityRows, study: Study, municipality: Municipality) -> None:
    """Count the months of open cases, inside the export period, that have no payment row."""
    if "households" not in home.tables:
        return
    households, payments = home.tables["households"], home.tables["payments"]
    last = min(pd.Timestamp(study.cutoff), pd.Timestamp(municipality.payments_to))
    opened = households["started_on"].clip(lower=pd.Timestamp(municipality.payments_from))
    closed = households["closed_on"].fillna(last).clip(upper=last)
    months = (month_number(closed) - month_number(opened) + 1).clip(lower=0)
    cases = pd.DataFrame(
        {"household_id": households["household_id"], "opened": opened, "closed": closed}
    ).dropna()
    paid = payments.merge(cases, on="household_id")
    first = paid["opened"].dt.to_period("M").dt.to_timestamp()
    is_open = paid["month"].between(first, paid["closed"])
    expected, found = int(months.sum()), int(is_open.sum())
    if expected and (expected - found) / expected > GAP_SHARE:
        percent = f"{100 * (expected - found) / expected:.0f}"
        home.count("payments", "W-GAP", expected - found, percent=percent)
