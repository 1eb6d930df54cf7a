"""A simulation of the benchmarks as a module, and the table that it committed."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pandas as pd

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def load_benchmark(name: str) -> ModuleType:
    """Import a file of the benchmarks with those beside it."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))


def committed_table(name: str) -> pd.DataFrame:
    """The numbers that were committed."""
    return pd.read_csv(BENCHMARKS / f"{name}.csv")


def committed_page(name: str) -> str:
    """The page that was committed."""
    return (BENCHMARKS / f"{name}.md").read_text(encoding="utf-8")
