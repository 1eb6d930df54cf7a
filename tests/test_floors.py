"""Imports in hfcore go downwards only, and each file is a room of a known floor."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import hfcore

HOUSE = Path(hfcore.__file__).parent

# From the ground up. A folder is one room; rooms in one row do not import each other.
FLOORS = (
    ("__init__", "errors"),
    ("study", "schema", "results", "ids"),
    ("definition", "identity"),
    ("store",),
    ("journal", "statistics"),
    ("data_in", "simulated", "cohort", "disclosure"),
    ("claims", "audit"),
    ("metrics",),
    ("pages",),
    ("figures",),
    ("running",),
    ("cli",),
    ("__main__",),
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path: Path) -> str:
    """The room that a file stands in: its folder, or itself where it stands alone."""
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imported_modules(path: Path) -> set[str]:
    """The dotted names within hfcore that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            parts = node.module.split(".")
            if parts[0] == "hfcore":
                found |= {".".join([*parts[1:], alias.name]) for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {".".join(parts[1:]) for parts in names if parts[0] == "hfcore"}
    return found


def imported_rooms(path: Path) -> set[str]:
    """The other rooms that a file imports."""
    rooms = {name.split(".")[0] for name in imported_modules(path)}
    return {room if room in FLOOR_OF else "__init__" for room in rooms} - {room_of(path)}


def upward_imports(rooms: dict[str, set[str]]) -> list[str]:
    """Each import that does not go to a lower floor, as a sentence."""
    return [
        f"{room} imports {other}"
        for room, others in sorted(rooms.items())
        for other in sorted(others)
        if FLOOR_OF[other] >= FLOOR_OF[room]
    ]


def house() -> dict[str, set[str]]:
    """The rooms of the house, each with the rooms that it imports."""
    rooms: dict[str, set[str]] = {}
    for path in HOUSE.rglob("*.py"):
        rooms.setdefault(room_of(path), set()).update(imported_rooms(path))
    return rooms


def within(folder: Path) -> dict[str, set[str]]:
    """The files of one room, each with those of the same room that it imports."""
    files = {path.stem for path in folder.glob("*.py")}
    found = {}
    for path in folder.glob("*.py"):
        parts = [name.split(".") for name in imported_modules(path)]
        found[path.stem] = {p[1] for p in parts if p[0] == folder.name and p[1] in files}
    return found


def test_every_room_has_a_floor():
    assert sorted(set(house()) - set(FLOOR_OF)) == []


def test_imports_go_downwards():
    assert upward_imports(house()) == []


@pytest.mark.parametrize("folder", sorted(p.parent.name for p in HOUSE.glob("*/__init__.py")))
def test_no_circles_within_a_room(folder: str):
    list(TopologicalSorter(within(HOUSE / folder)).static_order())


def test_a_circle_is_found():
    with pytest.raises(CycleError):
        list(TopologicalSorter({"one": {"two"}, "two": {"one"}}).static_order())


def test_an_upward_import_is_found():
    found = upward_imports({"errors": {"store"}, "store": {"errors"}, "study": {"schema"}})
    assert found == ["errors imports store", "study imports schema"]


def test_no_relative_imports_and_no_grab_bags():
    for path in HOUSE.rglob("*.py"):
        assert "util" not in path.stem
        assert "\nfrom ." not in path.read_text(encoding="utf-8"), path.name
