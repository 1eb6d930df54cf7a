"""The cleaned files of one municipality → its tables: what can only be seen with all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hfcore.clean.household_membership import assign_members
from hfcore.clean.municipality_rows import MunicipalityRows
from hfcore.clean.rules import harmless
from hfcore.clean.table_cleaning import NUMERIC
from hfcore.errors import HfcoreError
from hfcore.schema import TABLES
from hfcore.study import Municipality, Study, month_number

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
    assign_members(home, study)
    for table in home.tables:
        _stop_same_keys(home, table)
    _check_references(home)
    if "payments" in home.tables:
        _stop_files_again(home)
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
        values = rows[column].dropna()
        is_wrong = kind.kind == "month" and not (values.dt.day == 1).all()
        is_wrong |= bool(kind.kind == "code" and kind.codes and not values.isin(kind.codes).all())
        is_wrong |= kind.kind in ("date", "month") and not (values.dt.normalize() == values).all()
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


def _stop_files_again(home: MunicipalityRows) -> None:
    """Stop a file of payments of which nearly every row stands in the other files too."""
    rows = home.tables["payments"]
    sizes = rows["_file"].value_counts()
    if (sizes > 0).sum() < 2:
        return
    marks = pd.util.hash_pandas_object(rows[["household_id", "month", "amount_sek"]], index=False)
    shares = marks.duplicated(keep=False).groupby(rows["_file"], observed=True).mean()
    likely = [file for file in shares.index[shares >= NEARLY_ALL] if sizes[file] >= LEAST_ROWS]
    is_left = pd.Series(True, rows.index)
    for file in sorted(sorted(likely, reverse=True), key=lambda each: sizes[each]):
        is_own = rows["_file"] == file
        share = marks[is_own].isin(marks[is_left & ~is_own]).mean()
        if share >= NEARLY_ALL:
            is_left &= ~is_own
            home.stop("payments", "E-DUPLICATE file", rows.loc[is_own], share=f"{100 * share:.0f}")


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
