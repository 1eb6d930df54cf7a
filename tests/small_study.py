"""A study of two small municipalities with short notebooks, to try the running of notebooks on."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from hfrun import batch

NAME = "liten-studie"
CODES = ("0180", "1290")
DEFINITION = """
name = "liten-studie"
title = { sv = "Liten studie", en = "Small study" }
is_simulated = true
cutoff = 2021-12-31
price_year = 2021

[[municipalities]]
code = "0180"
name = "Stor & <b>stad</b>"
first_day = 2016-05-01
last_day = 2021-12-31
payments_from = "2014-05"
payments_to = "2021-12"

[[municipalities]]
code = "1290"
name = "Kristianstad"
first_day = 2016-05-01
last_day = 2021-12-31
payments_from = "2014-05"
payments_to = "2021-12"

[[sources]]
table = "households"
files = ["hushall_SECRETNAME.csv"]
[sources.columns]
household_id = "Nr"
"""
PARAMETERS = 'study = "liten-studie"  # name\nmunicipality = "1290"  # code'
COUNT = """
import pandas as pd
import hfcore as hf
households = hf.store.read_table(study, "households", municipality)
n = len(households)
rows = pd.DataFrame({"group": ["participant"], "estimate": [float(n)], "n": [n], "key_n": [7.3]})
results = hf.results.build_results(rows, metric="households", unit="count")
hf.write_results(results, study, municipality, "00_data_quality")
"""
EFFECT = """
import pandas as pd
import hfcore as hf
if municipality in FAILING:
    raise ValueError("household 19121212" + "-1212 is odd")
rows = pd.DataFrame({
    "group": ["difference"], "dimension": ["window"], "level": ["1-12"], "estimate": [-1300.0],
    "ci_low": [-2100.0], "ci_high": [-500.0], "n": [40], "key_n": [3.3], "df": [38.0],
})
results = hf.results.build_results(rows, metric="support_effect", unit="sek_per_month")
hf.write_results(results, study, municipality, "30_support_costs")
"""
REPORT = """
from IPython.display import HTML, Markdown, display
import hfcore as hf
rows = hf.read_protected(study, municipality if municipality != "all" else "*")
head = "Rapport" if language == "sv" else "Report"
display(Markdown(f"## {head} <i>{len(rows)}</i>"))
display(HTML("<table><caption>Antal</caption><thead><tr><th scope='col'>metric</th></tr></thead>"
             "<tbody><tr><td>1</td></tr></tbody></table>"))
effects = rows.loc[rows["metric"].eq("support_effect")]
if municipality != "0180":
    from hfpublish import pictures
    display(pictures.picture(hf.figures.plot_forest(effects, language), effects, language))
    display(hf.show_table(rows, language=language, is_sortable=True))
word = "Kontrollgruppen är hushåll." if language == "sv" else "The control group are households."
display(Markdown(f"{word} {word}"))
"""


def write_notebook(path: Path, *cells: str, parameters: str = PARAMETERS) -> Path:
    """A notebook with a parameters cell and the cells given (``# `` begins a Markdown cell)."""
    built = [new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    built += [
        new_markdown_cell(cell) if cell.startswith("# ") else new_code_cell(cell.strip())
        for cell in cells
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=built, metadata={"kernelspec": kernel}), path)
    return path


def write_notebooks(folder: Path, failing: tuple[str, ...] = ()) -> Path:
    """The short notebooks; the one on support fails for the municipalities named."""
    write_notebook(folder / "00_data_quality.ipynb", "# How good are the data?", COUNT)
    effect = EFFECT.replace("FAILING", repr(failing))
    write_notebook(folder / "30_support_costs.ipynb", "# What does it cost?", effect)
    public = PARAMETERS + '\nlanguage = "sv"  # sv or en'
    for name in ("90_report", "95_overview"):
        write_notebook(folder / f"{name}.ipynb", "# For whom", REPORT, parameters=public)
    return folder


def write_data(root: Path, households: int = 30) -> Path:
    """A data folder with the definition and, per municipality, a table of households."""
    (root / "raw" / NAME).mkdir(parents=True)
    (root / "raw" / NAME / "study.toml").write_text(DEFINITION, encoding="utf-8")
    for code in CODES:
        ids = [f"h{number:03}" for number in range(households)]
        frame = pd.DataFrame({"household_id": ids, "group": "participant", "adults": 1})
        folder = root / "processed" / NAME / "tables" / "households" / f"municipality={code}"
        folder.mkdir(parents=True)
        frame.to_parquet(folder / "part.parquet", index=False)
    return root


@cache
def built_study() -> Path:
    """A folder with ``data`` and ``notebooks``, run once; the support of 0180 failed."""
    folder = Path(tempfile.mkdtemp(prefix="hfcore-small-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_data(folder / "data")
    write_notebooks(folder / "notebooks", failing=("0180",))
    run_in(folder)
    return folder


def run_in(folder: Path, **options: object) -> batch.Outcome:
    """Run the study of a folder and return its outcome."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HFCORE_DATA", str(folder / "data"))
        return batch.run_study(NAME, notebook_folder=folder / "notebooks", **options)
