"""Imports in hfcore go downwards only, and each file is a room of a known floor."""

from __future__ import annotations

import ast
from pathlib import Path

import hfcore

HOUSE = Path(hfcore.__file__).parent

# From the ground up. Files in one row may not import each other.
FLOORS = (
    ("__init__", "errors"),
    ("study", "schema"),
    ("definition",),
    ("store",),
    ("rules", "identity", "simulation", "demo_exports", "demo_layouts", "packages"),
    ("workbooks", "delimited", "parsing"),
    ("reading", "calibration", "demo_closures", "demo_people"),
    ("linking", "shapes", "kolada", "demo_caseflow", "demo_programme"),
    ("demo_designs",),
    ("demo_places",),
    ("demo_truth",),
    ("desk", "drop", "aliases", "monthly", "lifecare", "suggest", "demo"),
    ("totals", "ranges", "membership"),
    ("cleaning", "joining"),
    ("parts",),
    ("intake",),
    ("account",),
    ("cohort",),
    (
        "intervals",
        "event_times",
        "regression",
        "balancing",
        "pooling",
        "price_index",
        "covariates",
        "unmeasured",
    ),
    ("pairs", "weighting", "changes"),
    ("bands", "contributions", "curves", "paid_months"),
    ("clustered_shares", "endings", "entry"),
    ("alternatives",),
    ("claim_numbers",),
    ("claim_values", "claim_reading"),
    ("claim_shares", "claim_sums", "claim_rates", "claim_counterparts"),
    ("claim_periods",),
    (
        "trajectories",
        "spells",
        "subgroups",
        "index_months",
        "comparison",
        "support",
        "sensitivity",
        "design_grade",
        "pooled_support",
        "planning",
        "resources",
        "quality",
        "claims",
        "validation",
        "cell_key",
        "texts",
    ),
    ("protection", "published"),
    ("breakdowns", "curve_steps", "publication_rules", "formats", "answers"),
    ("disclosure", "wording"),
    ("drawing",),
    ("dot_rows",),
    ("curve_figures", "flow_figures", "support_figures", "point_figures"),
    ("tables",),
    ("figures",),
    ("attacks", "reconstruction", "leaks", "releases"),
    ("audit",),
    ("provisioner", "glossary_links", "sealed", "journal"),
    ("kernels", "warm"),
    ("engine", "rendering"),
    ("dictionary", "tasks", "ingest"),
    ("site",),
    ("publishing",),
    ("batch",),
    ("cli",),
    ("__main__",),
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a file imports, wherever in the file the import stands."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            parts = node.module.split(".")
            if parts[0] == "hfcore":
                rooms |= {parts[1]} if parts[1:] else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "hfcore":
                    rooms.add(parts[1] if parts[1:] else "__init__")
    return {room if room in FLOOR_OF else "__init__" for room in rooms - {"__version__"}}


def upward_imports(rooms: dict[str, set[str]]) -> list[str]:
    """Each import that does not go to a lower floor, as a sentence."""
    return [
        f"{room} imports {other}"
        for room, others in sorted(rooms.items())
        for other in sorted(others)
        if FLOOR_OF[other] >= FLOOR_OF[room]
    ]


def test_every_room_has_a_floor():
    rooms = {path.stem for path in HOUSE.glob("*.py")}
    assert sorted(rooms - set(FLOOR_OF)) == []


def test_imports_go_downwards():
    rooms = {path.stem: imported_rooms(path) for path in HOUSE.glob("*.py")}
    assert upward_imports(rooms) == []


def test_an_upward_import_is_found():
    found = upward_imports({"errors": {"store"}, "store": {"errors"}, "study": {"schema"}})
    assert found == ["errors imports store", "study imports schema"]


def test_no_relative_imports_and_no_grab_bags():
    for path in HOUSE.glob("*.py"):
        assert "util" not in path.stem
        assert "\nfrom ." not in path.read_text(encoding="utf-8"), path.name
