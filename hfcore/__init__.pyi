from . import errors, estimators, figures, i18n, metrics, results, robustness, schema, store, study
from .cohort import build_cohort, support_panel
from .figures.result_table import show_table
from .results import build_results, join_results, main_rows, rows_of
from .store import (
    load,
    load_study,
    provenance,
    read_ingest,
    read_protected,
    read_results,
    write_results,
)

__version__: str

__all__ = [
    "build_cohort",
    "build_results",
    "errors",
    "estimators",
    "figures",
    "i18n",
    "join_results",
    "load",
    "load_study",
    "main_rows",
    "metrics",
    "provenance",
    "read_ingest",
    "read_protected",
    "read_results",
    "results",
    "robustness",
    "rows_of",
    "schema",
    "show_table",
    "store",
    "study",
    "support_panel",
    "write_results",
]
