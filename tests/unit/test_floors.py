"""Imports between packages and within ``hfcore`` go one way, and no two modules share a name."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from hfrun import PACKAGES, package_folders

FOLDERS = dict(zip(PACKAGES, package_folders(), strict=True))

# Which packages a package may import. ``hfdemo`` is imported by ``hfrun`` alone.
ARROWS = {
    "hfcore": set(),
    "hfdemo": {"hfcore"},
    "hfclaims": {"hfcore"},
    "hfpublish": {"hfcore", "hfclaims"},
    "hfrun": {"hfcore", "hfdemo", "hfclaims", "hfpublish"},
}

# ``hfcore`` from the ground up. A folder is one room; rooms in one row do not import each other.
FLOORS = (
    ("errors",),
    ("study", "schema", "results", "identifiers"),
    ("study_file", "identity"),
    ("store",),
    ("clean", "cohort", "estimators"),
    ("metrics",),
    ("robustness", "i18n"),
    ("figures",),
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# Lines of Python, code and comments and docstrings together, that each package may have.
BUDGETS = {"hfcore": 20_300, "hfdemo": 3_200, "hfclaims": 2_000, "hfpublish": 7_000, "hfrun": 4_700}


def modules(package: str) -> list[Path]:
    """The modules of a package."""
    return sorted(FOLDERS[package].rglob("*.py"))


def imported_names(path: Path) -> set[str]:
    """The dotted names that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def imported_packages(paths: Iterable[Path]) -> set[str]:
    """Which of the project's packages some files import."""
    names = {name.split(".")[0] for path in paths for name in imported_names(path)}
    return names & set(PACKAGES)


def room_of(path: Path) -> str:
    """The room of ``hfcore`` that a file stands in: its folder, or itself where it stands alone."""
    return path.relative_to(FOLDERS["hfcore"]).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """The other rooms of ``hfcore`` that a file imports."""
    names = [name.split(".") for name in imported_names(path)]
    rooms = {parts[1] for parts in names if parts[0] == "hfcore" and len(parts) > 1}
    return rooms & set(FLOOR_OF) - {room_of(path)}


def upward_imports(rooms: dict[str, set[str]]) -> list[str]:
    """Each import that does not go to a lower floor, as a sentence."""
    return [
        f"{room} imports {other}"
        for room, others in sorted(rooms.items())
        for other in sorted(others)
        if FLOOR_OF[other] >= FLOOR_OF[room]
    ]


def house() -> dict[str, set[str]]:
    """The rooms of ``hfcore``, each with the rooms that it imports."""
    rooms: dict[str, set[str]] = {}
    for path in modules("hfcore"):
        if room_of(path) != "__init__":
            rooms.setdefault(room_of(path), set()).update(imported_rooms(path))
    return rooms


def within(folder: Path) -> dict[str, set[str]]:
    """The files of one folder, each with those of the same folder that it imports."""
    root = next(each for each in FOLDERS.values() if folder.is_relative_to(each))
    dotted = ".".join([root.name, *folder.relative_to(root).parts])
    files = {path.stem: imported_names(path) for path in folder.glob("*.py")}
    return {
        stem: {other for other in files if any(_is_in(name, f"{dotted}.{other}") for name in names)}
        for stem, names in files.items()
    }


def _is_in(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_between_packages(package: str):
    others = imported_packages(modules(package)) - {package}
    assert others <= ARROWS[package]


def test_every_room_has_a_floor():
    assert set(house()) == set(FLOOR_OF)


def test_imports_go_downwards():
    assert upward_imports(house()) == []


FOLDERS_WITH_FILES = sorted(
    {path.parent for package in PACKAGES for path in modules(package)},
)


@pytest.mark.parametrize("folder", FOLDERS_WITH_FILES, ids=lambda folder: folder.name)
def test_no_circles_within_a_folder(folder: Path):
    list(TopologicalSorter(within(folder)).static_order())


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_keeps_to_its_lines(package: str):
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in modules(package))
    assert lines <= BUDGETS[package]


def test_no_two_modules_share_a_name():
    stems = [path.stem for package in PACKAGES for path in modules(package)]
    names = Counter(stem for stem in stems if not stem.startswith("__"))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_relative_imports_and_no_grab_bags():
    for path in (path for package in PACKAGES for path in modules(package)):
        assert "util" not in path.stem
        assert "\nfrom ." not in path.read_text(encoding="utf-8"), path.name


def test_a_circle_is_found():
    with pytest.raises(CycleError):
        list(TopologicalSorter({"one": {"two"}, "two": {"one"}}).static_order())


def test_an_upward_import_is_found():
    found = upward_imports({"errors": {"store"}, "store": {"errors"}, "study": {"schema"}})
    assert found == ["errors imports store", "study imports schema"]
