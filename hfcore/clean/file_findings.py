"""The notes at which a file is worked on: rows stopped so far, and what was noticed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.clean.rules import code_of, harmless, problem
from hfcore.clean.source_reading import TextTable, stopped_rows


class FileFindings:
    """The rows of a file under work: which are stopped by which rule, and the problems found."""

    def __init__(self, text: TextTable, decimal: str):
        self.text, self.decimal = text, decimal
        self.stopped = [text.stopped]
        self.problems = list(text.problems)

    def note(self, rule: str, column: str, rows: pd.Index, **words: str) -> None:
        """Write down a rule that rows break; those of an E-rule are stopped."""
        if not len(rows):
            return
        self.problems.append(
            problem(
                rule,
                self.text.file,
                sheet=self.text.sheet,
                column=harmless(column),
                rows=rows,
                count=len(rows),
                **words,
            )
        )
        if rule.startswith("E-"):
            self.stopped.append(stopped_rows(rows, harmless(column), code_of(rule)))

    def left(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that no rule has stopped so far."""
        gone = pd.concat([part["row"] for part in self.stopped]).unique()
        is_gone = np.isin(rows.index, gone)
        return rows.loc[~is_gone] if is_gone.any() else rows
