"""Committed notebooks: executed in order, one question each, built alike."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from hfcore import store

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PUBLIC = ("90_report", "95_overview")
MOST_LINES = 15
STUDIES = ("hela-familjen", "hasky")
NAMES = [place.name for study in STUDIES for place in store.load_study(study).municipalities]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell):
    return "".join(cell["source"])


def code_cells(notebook):
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and source(c).strip()]


def static_texts(notebook):
    return [source(c) for c in notebook["cells"] if c["cell_type"] == "markdown"]


def tags(cell):
    return cell["metadata"].get("tags", [])


def faults(notebook):
    """What is wrong with a notebook, as words; nothing for a good one."""
    cells, found = code_cells(notebook), []
    if [cell["execution_count"] for cell in cells] != list(range(1, len(cells) + 1)):
        found.append("not executed in order")
    if any(output["output_type"] == "error" for cell in cells for output in cell["outputs"]):
        found.append("holds an error")
    if any(len(source(cell).splitlines()) > MOST_LINES for cell in cells):
        found.append("a cell is too long")
    nodes = [node for cell in cells for node in ast.walk(ast.parse(source(cell)))]
    if any(isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Lambda) for n in nodes):
        found.append("defines a function")
    if any(isinstance(node, ast.For | ast.While) for node in nodes):
        found.append("holds a loop")
    metadata = notebook["metadata"].get("language_info", {"name": "python"})
    if set(metadata) != {"name"} or any(set(c["metadata"]) - {"tags"} for c in notebook["cells"]):
        found.append("holds the metadata of a machine")
    parameters = [cell for cell in cells if "parameters" in tags(cell)]
    if len(parameters) != 1 or not {"study", "municipality"} <= assigned(parameters[0]):
        found.append("has no cell of parameters")
    if not any("write_results" in source(c) for c in cells):
        found.append("writes no results")
    if not any("provenance" in source(cell) for cell in cells):
        found.append("tells no versions")
    if sum(text.startswith("# ") for text in static_texts(notebook)) != 1:
        found.append("asks not one question")
    if any(
        re.search(r"\d{2,}", re.sub(r"95(-procent|%| %| procent| per cent)", "", text))
        for text in static_texts(notebook)
    ):
        found.append("holds a number in its text")
    if any(name in text for text in static_texts(notebook) for name in NAMES):
        found.append("names a municipality")
    if notebook["metadata"]["kernelspec"]["name"] != "python3":
        found.append("names a kernel of its own")
    return found


def assigned(cell):
    """The names that a cell gives literals to, each with its comment."""
    body = ast.parse(source(cell)).body
    lines = source(cell).splitlines()
    plain = [n for n in body if isinstance(n, ast.Assign) and isinstance(n.value, ast.Constant)]
    if len(plain) != len(body) or not all("#" in line for line in lines):
        return set()
    return {node.targets[0].id for node in plain}


def allowed(path):
    """What the anatomy leaves out of a notebook of its kind."""
    if path.stem in PUBLIC:
        # Their headings come from data or stand once a language; they only read.
        return {"writes no results", "tells no versions", "asks not one question"}
    return {"writes no results"} if path.stem.startswith("00_") else set()


def test_all_questions_have_their_notebook():
    assert [path.stem for path in NOTEBOOKS] == [
        "00_data_quality",
        "10_trajectories",
        "20_comparison_group",
        "30_support_costs",
        "40_planning",
        "45_all_municipalities",
        "50_resources",
        "55_staff",
        "60_target_group",
        "70_collaboration",
        "80_experience",
        "85_published_claims",
        "90_report",
        "95_overview",
        "99_method_validation",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_executed_and_built_like_the_others(path):
    assert set(faults(read(path))) - allowed(path) == set()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_enough_to_be_read_on_a_page(path):
    assert path.stat().st_size < 1_000_000


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda nb: code_cells(nb)[1].update(execution_count=7), "not executed in order"),
        (lambda nb: code_cells(nb)[1].update(source="def f():\n    pass"), "defines a function"),
        (lambda nb: code_cells(nb)[1].update(source="x = 1\n" * 16), "a cell is too long"),
        (lambda nb: code_cells(nb)[1].update(source="for x in y:\n    x"), "holds a loop"),
        (lambda nb: code_cells(nb)[0].update(source="study = f()"), "has no cell of parameters"),
        (
            lambda nb: code_cells(nb)[1]["outputs"].append({"output_type": "error"}),
            "holds an error",
        ),
        (
            lambda nb: nb["cells"].append(
                {"cell_type": "markdown", "metadata": {}, "source": "In Kristianstad 121 families"}
            ),
            "names a municipality",
        ),
    ],
)
def test_a_bad_notebook_is_found_out(change, fault):
    notebook = read(FOLDER / "10_trajectories.ipynb")
    change(notebook)
    assert fault in faults(notebook)
