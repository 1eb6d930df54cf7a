"""What can go wrong, as one class per kind of mistake, each with its exit code.

A user's mistake is told in sentences that name file, sheet, column, rows and rule, and never a
cell's value: these texts end up in notebooks and logs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_ROWS_NAMED = 10


class HfcoreError(Exception):
    """A fault of hfcore itself; every other error of the project is one of its subclasses."""

    exit_code = 1


class UsageError(HfcoreError):
    """A command or a function was asked for something that does not exist."""

    exit_code = 2


class StudyError(UsageError):
    """The study definition does not hold together; carries all its mistakes."""


class KeyMissingError(UsageError):
    """The key that makes pseudonyms is absent, unsafe or another one than before."""


class TableAbsentError(UsageError):
    """The study has no such table, so what needs it cannot be said."""


class MetricInputError(UsageError):
    """A frame given to a metric lacks a column or holds something the metric does not know."""


class RawDataError(HfcoreError):
    """Some file or row could not be taken; carries all problems of a drop."""

    exit_code = 3


class PartlyDoneError(HfcoreError):
    """Some notebook failed and is listed; the rest is done."""

    exit_code = 3


class LockedError(HfcoreError):
    """Another run works on the same study."""

    exit_code = 4


class LeakError(HfcoreError):
    """The audit found something that must not be published."""

    exit_code = 5


@dataclass(frozen=True)
class Problem:
    """One broken rule in one place of a drop.

    ``rule`` is the code (``E-DATE`` stops file or row, ``W-SERIAL`` goes on and is counted),
    ``rows`` the row numbers as a spreadsheet shows them, ``count`` how many there are in all.
    ``message`` and ``message_sv`` say what is allowed and what to do, never what the cell held.
    """

    rule: str
    file: str
    message: str
    message_sv: str
    sheet: str = ""
    column: str = ""
    rows: tuple[int, ...] = ()
    count: int = 0
    table: str = ""
    municipality: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the rule stops its row or file."""
        return self.rule.startswith("E-")

    @property
    def weight(self) -> int:
        """0 stops a whole file, 1 stops rows, 2 goes on and is counted."""
        return (1 if self.rows else 0) if self.is_error else 2

    def sentence(self, language: str = "en") -> str:
        """The problem as one line.

        >>> Problem("E-DATE", "a.csv", "Write dates as 2021-05-01.", "Skriv datum som 2021-05-01.",
        ...         column="Start", rows=(3, 7), count=2).sentence()
        'E-DATE a.csv, column "Start", rows 3, 7: Write dates as 2021-05-01.'
        """
        words = {"sv": _SWEDISH, "en": _ENGLISH}[language]
        place = self.file
        place += f', {words[0]} "{self.sheet}"' if self.sheet else ""
        place += f', {words[1]} "{self.column}"' if self.column else ""
        if self.rows:
            named = ", ".join(str(row) for row in self.rows[:MAX_ROWS_NAMED])
            more = f" ({words[3]} {self.count})" if self.count > MAX_ROWS_NAMED else ""
            place += f", {words[2 if len(self.rows) > 1 else 4]} {named}{more}"
        return f"{self.rule} {place}: {self.message_sv if language == 'sv' else self.message}"


_ENGLISH = ("sheet", "column", "rows", "of", "row")
_SWEDISH = ("blad", "kolumn", "rader", "av totalt", "rad")


def as_list(mistakes: Iterable[str]) -> str:
    """Sentences as one text, one a line.

    >>> print(as_list(["First.", "Second."]))
    - First.
    - Second.
    """
    return "\n".join(f"- {mistake}" for mistake in mistakes)
