"""All rows of one municipality under work, by table, and the account of what becomes of them.

Rows come with pseudonyms and with the place that they were read from (``_file``, ``_sheet``,
``_row``), so that what is stopped here can be named like anywhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from hfcore.clean.rules import code_of, problem
from hfcore.errors import Problem

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
