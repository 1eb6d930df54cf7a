"""What the simulations share: their options, their table as Markdown, and the files they write."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


def read_options(doc: str) -> argparse.Namespace:
    """How many replications of each cell, from which seed, written where."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE)
    return parser.parse_args()


def markdown_rows(shown: pd.DataFrame) -> list[str]:
    """The lines of a table in Markdown."""
    lines = ["| " + " | ".join(shown.columns) + " |", "|" + "---|" * len(shown.columns)]
    return lines + [
        "| " + " | ".join(row) + " |" for row in shown.astype("str").to_numpy().tolist()
    ]


def write_table(table: pd.DataFrame, text: str, folder: Path, name: str) -> None:
    """Write the table for programs and the page for readers."""
    table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
