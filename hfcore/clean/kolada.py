"""Reference figures in Kolada's JSON → one rectangle.

>>> import hfcore as hf
>>> hf.reference_figures("hela-familjen", "1290")
Traceback (most recent call last):
hfcore.errors.TableAbsentError: The study has no reference figures: save answers of Kolada's data \
service, unchanged, in its folder kolada.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from hfcore.clean.safe_filenames import told_name
from hfcore.errors import RawDataError, TableAbsentError
from hfcore.store import raw_folder

FOLDER = "kolada"
THE_COUNTRY = "0000"
FIGURE = ["kpi", "municipality", "period", "gender"]
COLUMNS = ("kpi", "municipality", "period", "gender", "count", "value", "status")


def reference_figures(study_name: str, municipality: str = "") -> pd.DataFrame:
    """The figures of a municipality and of the country beside it, to hold a study's own against.

    Reads every answer of Kolada's data service (JSON) in the folder ``kolada`` beside the study's
    ``study.toml``. Without ``municipality`` those of all. Where a figure stands in several files,
    the last by name counts.

    Returns one row a figure, columns as in ``read_kolada``. Raises TableAbsentError where there
    is no file, RawDataError for a file that is not of that kind.
    """
    paths = sorted((raw_folder(study_name) / FOLDER).glob("*.json"))
    if not paths:
        raise TableAbsentError(
            "The study has no reference figures: save answers of Kolada's data service, "
            f"unchanged, in its folder {FOLDER}."
        )
    rows = pd.concat([read_kolada(path) for path in paths], ignore_index=True)
    rows = rows.drop_duplicates(FIGURE, keep="last").sort_values(FIGURE, ignore_index=True)
    wanted = rows["municipality"].isin([municipality, THE_COUNTRY])
    return rows.loc[wanted].reset_index(drop=True) if municipality else rows


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
            f"E-FORMAT {told_name(path.parent, path, ())}: the file is not figures from Kolada in "
            "JSON. Save the answer of its data service unchanged."
        ) from None


def _row(outer: dict[str, Any], inner: dict[str, Any]) -> tuple:
    municipality = outer["municipality"]
    if not isinstance(municipality, str):
        raise ValueError
    figures = (outer["kpi"], municipality, outer["period"])
    rest = (inner["gender"], inner.get("count"), inner.get("value"), inner.get("status") or "")
    return (*figures, *rest)
