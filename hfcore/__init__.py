"""Did a social intervention work: cleaning and metrics for case-system exports.

>>> import hfcore as hf
>>> hf.schema.GROUPS
('participant', 'control')

Submodules are imported when first used, so that the command line stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_SHORTCUTS = {
    "load": "store",
    "load_study": "store",
    "read_protected": "store",
    "write_results": "store",
    "provenance": "store",
    "build_cohort": "cohort",
    "support_panel": "cohort",
    "join_results": "results",
    "reference_figures": "data_in.kolada",
}


_ROOMS = ("hfcore", "hfcore.metrics", "hfcore.pages")


def __getattr__(name: str) -> Any:
    if name in _SHORTCUTS:
        return getattr(import_module(f"hfcore.{_SHORTCUTS[name]}"), name)
    for room in _ROOMS:
        try:
            return import_module(f"{room}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{room}.{name}":
                raise
    raise AttributeError(f"hfcore has no {name!r}")
