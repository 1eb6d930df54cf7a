"""Reference figures in Kolada's JSON → one rectangle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from hfcore.data_in.rules import harmless
from hfcore.errors import RawDataError

COLUMNS = ("kpi", "municipality", "period", "gender", "count", "value", "status")


def read_kolada(path: Path) -> pd.DataFrame:
    """Read figures as Kolada hands them out.

    Returns one row a figure: kpi, municipality (text), period (year), gender (T, K, M), count
    (parts that the figure comes from), value (null where it is withheld), status.

    Raises RawDataError for a file that is not of that kind.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        rows = [_row(outer, inner) for outer in content["values"] for inner in outer["values"]]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        return frame.astype(
            {
                "kpi": "str",
                "municipality": "str",
                "period": "Int64",
                "gender": "str",
                "count": "Int64",
                "value": "float64",
                "status": "str",
            }
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RawDataError(
            f"E-FORMAT {harmless(path.name)}: the file is not figures from Kolada in JSON. "
            "Save the answer of its data service unchanged."
        ) from None


def _row(outer: dict[str, Any], inner: dict[str, Any]) -> tuple:
    municipality = outer["municipality"]
    if not isinstance(municipality, str):
        raise ValueError
    figures = (outer["kpi"], municipality, outer["period"])
    rest = (inner["gender"], inner.get("count"), inner.get("value"), inner.get("status") or "")
    return (*figures, *rest)
