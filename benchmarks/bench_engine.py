"""What a warm process saves: the same notebooks in forked kernels and in started ones.

    python benchmarks/bench_engine.py [STUDY] [MUNICIPALITY] [PAIRS]

Executes five notebooks of an ingested study with both kinds of kernel, one run after the other and
pair by pair, each run in a process of its own. Writes the medians of CPU seconds (steadier than
the clock on a shared machine) and of seconds to ``benchmarks/engine.md``.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
NOTEBOOKS = (
    "00_data_quality",
    "10_trajectories",
    "20_comparison_group",
    "30_support_costs",
    "40_planning",
)
EXECUTE = """
import sys
from pathlib import Path
from hfcore import store
from hfrun import engine
study, municipality, folder, *notebooks = sys.argv[1:]
given = {"study": study, "municipality": municipality}
with engine.warm_kernels():
    for each in map(Path, notebooks):
        done = engine.execute(each, Path(folder) / each.name, given, data_root=store.data_root())
        if done.error:
            sys.exit(f"{each.name}: {done.error}")
"""


def measure(study: str, municipality: str, is_cold: bool) -> tuple[float, float]:
    """CPU seconds, of this and all kernels together, and seconds of executing the notebooks."""
    environment = {k: v for k, v in os.environ.items() if k != "HFCORE_COLD"}
    environment |= {"HFCORE_COLD": "1"} if is_cold else {}
    paths = [str(HOME / "notebooks" / f"{name}.ipynb") for name in NOTEBOOKS]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", EXECUTE, study, municipality, folder, *paths]
        subprocess.run(command, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - start


def main(study: str = "hela-familjen", municipality: str = "1290", pairs: str = "3") -> None:
    """Measure pair by pair, print each pair and write the table."""
    measured: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for _ in range(int(pairs)):
        for is_cold in (True, False):
            measured[is_cold].append(measure(study, municipality, is_cold))
        print("cold, warm (CPU s, s):", measured[True][-1], measured[False][-1])
    lines = [
        f"# {len(NOTEBOOKS)} notebooks, one worker, {pairs} pairs of runs\n",
        "| kernels | CPU s | s |\n|---|---|---|",
    ]
    for is_cold, name in ((True, "started one by one"), (False, "forked from a warm process")):
        cpu, seconds = (statistics.median(each) for each in zip(*measured[is_cold], strict=True))
        lines.append(f"| {name} | {cpu:.1f} | {seconds:.1f} |")
    shares = [w[0] / c[0] for c, w in zip(measured[True], measured[False], strict=True)]
    lines.append(
        f"\nCPU of forked to started kernels, median of pairs: {statistics.median(shares):.2f}"
    )
    (HOME / "benchmarks" / "engine.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
