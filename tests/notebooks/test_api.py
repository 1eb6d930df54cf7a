"""What analysts find: every public name is there, and Tab finds it in a real kernel."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

import hfcore as hf

PACKAGES = ("hfcore", "hfcore.metrics", "hfcore.robustness", "hfcore.figures", "hfcore.i18n")
MOST_NAMES = 60


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_once(package: str):
    module = importlib.import_module(package)
    names = module.__all__
    assert len(set(names)) == len(names)
    assert all(getattr(module, name) is not None for name in names)
    assert set(names) <= set(dir(module))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_public_name_is_hidden_by_a_module(package: str):
    """A module of the same name would take the place of the function once it is imported."""
    module = importlib.import_module(package)
    files = {path.stem for path in Path(module.__file__).parent.glob("*.py")}
    folders = {path.parent.name for path in Path(module.__file__).parent.glob("*/__init__.py")}
    modules = {name for name in module.__all__ if name in files | folders}
    assert all(getattr(module, name).__name__ == f"{package}.{name}" for name in modules)


def test_there_are_few_names_at_the_top():
    assert len(hf.__all__) <= MOST_NAMES
    assert {"load", "build_cohort", "metrics", "figures"} <= set(hf.__all__)


@pytest.fixture(scope="module")
def kernel():
    """A real kernel that has imported hfcore."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive("import hfcore as hf", timeout=60, output_hook=lambda _: None)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def completions(client, text: str) -> set[str]:
    """What Tab offers after a text."""
    reply = client.complete(text, reply=True, timeout=60)["content"]
    return {match.rpartition(".")[2] for match in reply["matches"]}


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("hf.", hf.__all__),
        ("hf.metrics.", hf.metrics.__all__),
        ("hf.figures.", hf.figures.__all__),
    ],
)
def test_tab_offers_the_public_names_and_no_others(kernel, text: str, offered: list[str]):
    assert completions(kernel, text) == set(offered)


def test_tab_offers_the_tables_that_there_are(kernel):
    silent = {"timeout": 60, "output_hook": lambda _: None}
    kernel.execute_interactive('data = hf.load("hela-familjen", "1290")', **silent)
    found = completions(kernel, "data.")
    assert {"households", "persons", "payments", "plans"} <= found
    assert "caseload" not in found
