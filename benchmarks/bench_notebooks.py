"""Which share of a notebook's time is spent in hfcore, and in which part of it?

    python benchmarks/bench_notebooks.py [STUDY] [MUNICIPALITY]

Executes each analysis notebook of an ingested study three times, each in a process of its own: in
a fresh kernel, as a run does; cell by cell; and cell by cell under the profiler, which tells the
parts but slows them down, so that only its shares are used. A call from a cell into hfcore counts
whole, with what pandas, numpy and matplotlib do in it. What is left is the kernel's start, the
imports and the drawing of the finished figures. CPU seconds, since they are steadier than the clock
on a shared machine. Writes benchmarks/notebooks.md.
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from hfcore import store
from hfrun import engine

HOME = Path(__file__).resolve().parent.parent
CELL = "<cell>"
PARTS = ("rest", "tables", "figures")
DEFAULT = ("hela-familjen", "1290")
NOTEBOOKS = (
    "00_data_quality",
    "10_trajectories",
    "20_comparison_group",
    "30_support_costs",
    "40_planning",
)


def run_cells(
    notebook: Path, parameters: dict[str, str], profiler: cProfile.Profile | None
) -> float:
    """Execute the code cells one after the other; the CPU seconds that they take."""
    cells = [cell for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]
    names: dict = {}
    start = time.process_time()
    for cell in cells:
        code = compile(cell.source, CELL, "exec")
        if profiler:
            profiler.enable()
        exec(code, names)
        if profiler:
            profiler.disable()
        if "parameters" in cell.metadata.get("tags", []):
            names |= parameters
    return time.process_time() - start


def profile_cells(notebook: Path, parameters: dict[str, str]) -> dict[str, float]:
    """The share of all cells' time in calls into hfcore, by its rooms."""
    profiler = cProfile.Profile(time.process_time)
    whole = run_cells(notebook, parameters, profiler)
    found = dict.fromkeys(PARTS, 0.0)
    for (file, _, name), (*_, callers) in pstats.Stats(profiler).stats.items():
        seconds = sum(each[3] for (caller, _, _), each in callers.items() if caller == CELL)
        if seconds and "/hfcore/" in file and name not in ("<module>", "__getattr__"):
            found[_room(file)] += seconds / whole
    return found


def _room(file: str) -> str:
    """Which of the parts a file of hfcore is of."""
    inside = file.rpartition("/hfcore/")[2]
    if inside.startswith("figures/"):
        return "figures"
    return "tables" if inside.startswith("pages/") else "rest"


def execute(notebook: Path, parameters: dict[str, str]) -> None:
    """One execution in a kernel of its own, as a run does it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / notebook.name
        done = engine.execute(notebook, place, parameters, data_root=store.data_root())
        if done.error:
            sys.exit(f"{notebook.name}: {done.error}")


def in_own_process(step: str, notebook: str, parameters: dict[str, str]) -> tuple[str, float]:
    """What one step prints, in a process of its own, and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, __file__, *parameters.values(), notebook, step]
    shown = os.environ | {"MPLBACKEND": "Agg"} if step != "execute" else None
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=shown)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout.strip(), seconds


def row(name: str, parameters: dict[str, str]) -> str:
    """One line of the table."""
    _, whole = in_own_process("execute", name, parameters)
    plain = float(in_own_process("cells", name, parameters)[0].splitlines()[-1])
    shares = json.loads(in_own_process("profile", name, parameters)[0].splitlines()[-1])
    parts = [plain * shares[part] for part in PARTS]
    cells = [f"{each:.1f}" for each in (whole, sum(parts), *parts)]
    return "| " + " | ".join([name, *cells, f"{100 * sum(parts) / whole:.0f} %"]) + " |"


def step_of(step: str, notebook: Path, parameters: dict[str, str]) -> None:
    """One of the three executions."""
    if step == "execute":
        execute(notebook, parameters)
    elif step == "cells":
        print(run_cells(notebook, parameters, None))
    else:
        print(json.dumps(profile_cells(notebook, parameters)))


def main() -> None:
    """Every notebook, as a table."""
    given = sys.argv[1:]
    place = given[:2] if len(given) >= 2 else DEFAULT
    parameters = dict(zip(("study", "municipality"), place, strict=True))
    if len(given) == 4:
        step_of(given[3], HOME / "notebooks" / f"{given[2]}.ipynb", parameters)
        return
    head = (
        "| notebook | whole run, CPU s | in hfcore, CPU s | data and metrics | tables and words | "
        "figures | share in hfcore |\n" + "|---" * 7 + "|"
    )
    table = "\n".join([head, *(row(name, parameters) for name in NOTEBOOKS)])
    text = f"# Time of the analysis notebooks ({' '.join(place)}), one run each\n\n{table}\n"
    (HOME / "benchmarks" / "notebooks.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
