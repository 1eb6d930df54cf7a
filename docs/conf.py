"""The site of the documentation: `make docs`. Notebooks are shown as committed, never run."""

import shutil
from pathlib import Path

import hfcore
from hfcore.results import INSIDE_DTYPES, METRICS, RESULT_DTYPES, STATUSES, UNITS
from hfcore.schema import TABLES, Table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
GENERATED = HERE / "generated"
PAGES = ("README.md", "METHODS.md", "GLOSSARY.md", "CHANGELOG.md", "CONTRIBUTING.md")
ROOMS = ("metrics", "figures", "robustness", "estimators", "i18n")

project = "hfcore"
author = "The hfcore contributors"
version = release = hfcore.__version__
extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
exclude_patterns = ["_build"]
root_doc = "index"
html_theme = "alabaster"
html_copy_source = False
nb_execution_mode = "off"
myst_heading_anchors = 3
# Cells of public notebooks are single headings in two languages; the table behind a picture is
# for the project's own pages, and stands as a table beside it there.
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]
myst_enable_extensions = ["dollarmath"]
numpydoc_show_class_members = False
autosummary_generate = True
autodoc_typehints = "none"


def copy_pages() -> None:
    """Put what stands elsewhere in the repository below the folder that Sphinx reads."""
    shutil.rmtree(GENERATED, ignore_errors=True)
    shutil.copytree(ROOT / "notebooks", GENERATED / "notebooks")
    for name in PAGES:
        text = (ROOT / name).read_text(encoding="utf-8")
        text = text.replace("](docs/", "](../")
        (GENERATED / name).write_text(text, encoding="utf-8")
    shutil.copytree(
        ROOT / "benchmarks", GENERATED / "benchmarks", ignore=shutil.ignore_patterns("*.py", "__*")
    )
    shutil.copy(ROOT / "CITATION.cff", GENERATED)


def write_tables() -> None:
    """Each table with its columns, as the schema has them."""
    lines = ["# Tables and columns", ""]
    for name, table in TABLES.items():
        lines += [f"## {name}", "", table_words(table), ""]
    lines += ["## Results", "", "One row a figure. `METHODS.md` says what each method is.", ""]
    kinds = RESULT_DTYPES | INSIDE_DTYPES
    lines += ["| column | type |", "|---|---|"]
    lines += [f"| `{name}` | {kind} |" for name, kind in kinds.items()]
    for what, words in {"Metrics": METRICS, "Units": UNITS, "Statuses": STATUSES}.items():
        lines += ["", f"{what}: " + ", ".join(f"`{word}`" for word in words) + "."]
    (GENERATED / "tables.md").write_text("\n".join(lines), encoding="utf-8")


def table_words(table: Table) -> str:
    """One table of the schema as a table of Markdown."""
    rows = ["| column | kind | may be empty | values |", "|---|---|---|---|"]
    for name, column in table.columns.items():
        values = ", ".join(column.codes)
        if column.minimum is not None:
            values = f"at least {column.minimum:g}"
        if column.refers_to:
            values = f"as in {column.refers_to}"
        key = " (key)" if name in table.key else ""
        rows.append(
            f"| `{name}`{key} | {column.kind} | {'yes' if column.nullable else ''} | {values} |"
        )
    return "\n".join(rows)


def write_functions() -> None:
    """The public names of each room, with a page for each."""
    names = {"hfcore": [], **{f"hfcore.{room}": [] for room in ROOMS}}
    for module in names:
        owner = hfcore if module == "hfcore" else getattr(hfcore, module.split(".")[1])
        public = [name for name in owner.__all__ if callable(getattr(owner, name))]
        names[module] = public
    lines = ["# Functions", ""]
    for module, public in names.items():
        lines += [f"## {module}", "", "```{eval-rst}", f".. currentmodule:: {module}", ""]
        lines += [".. autosummary::", "   :toctree: functions", "   :nosignatures:", ""]
        lines += [f"   {name}" for name in public] + ["```", ""]
    (GENERATED / "functions.md").write_text("\n".join(lines), encoding="utf-8")


copy_pages()
write_tables()
write_functions()
