"""Small cohorts and panels, by hand and from the reference numbers, for the tests of support."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from hfcore.study import Definitions, Municipality, Study

REFERENCE = json.loads(
    (Path(__file__).parent / "reference" / "support_reference.json").read_text(encoding="utf-8")
)
MUNICIPALITY = Municipality(
    "1290", "K", date(2016, 1, 1), date(2021, 12, 31), date(2014, 1, 1), date(2020, 12, 1)
)


def study(**definitions: object) -> Study:
    """A study with some of its definitions changed."""
    known = {"covariates": ("children", "age", "woman"), "min_households_arm": 5} | definitions
    title = {"sv": "s", "en": "s"}
    cutoff = date(2021, 12, 31)
    return Study("s", title, True, cutoff, 2021, (MUNICIPALITY,), Definitions(**known))


def cohort_of(groups: list[str], start: str = "2017-03-01", **columns: object) -> pd.DataFrame:
    """One row a household, h0, h1, …, all started in one month and ongoing."""
    n = len(groups)
    frame = pd.DataFrame(
        {
            "household_id": [f"h{i}" for i in range(n)],
            "group": groups,
            "started_on": pd.Series([start] * n, dtype="datetime64[s]"),
            "start_month": pd.Series([start] * n, dtype="datetime64[s]"),
            "closed_on": pd.Series([None] * n, dtype="datetime64[s]"),
            "closure_reason": pd.Series([None] * n, dtype="str"),
            "support_since": pd.Series(["2016-01-01"] * n, dtype="datetime64[s]"),
            "applicant_birth_year": pd.Series([1980] * n, dtype="Int64"),
            "record_key": [(i + 1) / 16 for i in range(n)],
        }
    ).astype({"household_id": "str", "group": "str"})
    return frame.assign(**columns)


def panel_of(cohort: pd.DataFrame, amounts: np.ndarray, first: int = -24) -> pd.DataFrame:
    """A panel from a matrix households × months, the first column month ``first``."""
    width = amounts.shape[1]
    columns = ["household_id", "group", "record_key", "start_month"]
    repeated = cohort.loc[cohort.index.repeat(width), columns]
    return repeated.reset_index(drop=True).assign(
        month=np.tile(np.arange(first, first + width), len(cohort)),
        amount_sek=np.asarray(amounts, dtype=float).ravel(),
    )


def reference_case() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The panel and the cohort that the reference numbers were made on."""
    data = REFERENCE["data"]
    treated = np.array(data["treated"])
    cohort = cohort_of(
        ["participant" if each else "control" for each in treated],
        children=data["children"],
        age=np.array(data["age"], dtype=float),
        woman=np.array(data["woman"], dtype=float),
    )
    return panel_of(cohort, np.array(data["amounts"], dtype=float)), cohort


def scrambled(frame: pd.DataFrame, seed: int = 3) -> pd.DataFrame:
    """The same rows in another order."""
    return frame.sample(frac=1, random_state=np.random.RandomState(seed))
