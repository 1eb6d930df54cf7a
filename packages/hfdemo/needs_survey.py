"""A simulated inventory of a target group before any programme: persons, needs and measures.

How many clients there are and which needs they share is a pre-study's; who has which is drawn. No
payments: what builds on them does not apply.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from hfdemo.export_layouts import LAYOUTS, raw_rows, source_sections
from hfdemo.household_process import stream
from hfdemo.raw_exports import write_csv

NAME = "orebro-forstudie"
PLACE = "1880"
CLIENTS, WOMEN = 36, 26
# How many of the clients have each need; the pre-study tells that all lack Swedish.
NEEDS = {
    "swedish": 36,
    "work_experience": 30,
    "schooling": 27,
    "physical_health": 20,
    "mental_health": 15,
    "full_time_sick_leave": 12,
    "suspected_disability": 6,
}
_NO_LEAVE = ("full_time_sick_leave",)
# Measure: what it requires, excludes and helps with, and its places.
MEASURES = {
    "job_coaching": (("swedish_basic",), _NO_LEAVE, ("work_experience",), 8),
    "internship": (("swedish_basic",), _NO_LEAVE, ("work_experience",), 10),
    "vocational_course": (("swedish_basic", "schooling"), _NO_LEAVE, ("schooling",), 12),
    "health_group": (("swedish_basic",), _NO_LEAVE, ("physical_health", "mental_health"), 8),
}
TABLES = ("households", "persons", "needs", "measures")
_STUDY = f"""# Simulated clients: no row in this study is a real person.
name = "{NAME}"
title = {{ sv = "Förstudie (simulerade klienter)", en = "Pre-study (simulated clients)" }}
is_simulated = true
cutoff = 2014-12-31
price_year = 2014

[[municipalities]]
code = "{PLACE}"
name = "Örebro"
first_day = 2014-01-01
last_day = 2014-12-31
payments_from = "2014-01"
payments_to = "2014-12"
teams = 3
teams_counted = 1
"""


def inventory(seed: int) -> dict[str, pd.DataFrame]:
    """The tables of the study, as the files hold them."""
    rng = stream(seed, NAME, PLACE, "inventory")
    ids = [f"{PLACE}-{number:04}" for number in range(1, CLIENTS + 1)]
    clients = [f"K{number:03}" for number in range(1, CLIENTS + 1)]
    households = pd.DataFrame({"household_id": ids, "group": "participant", "adults": 1})
    households["children"] = rng.integers(0, 4, CLIENTS)
    sex = np.array(["woman"] * WOMEN + ["man"] * (CLIENTS - WOMEN), dtype=object)
    persons = pd.DataFrame(
        {
            "person_id": clients,
            "household_id": ids,
            "role": "applicant",
            "sex": rng.permutation(sex),
            "birth_year": rng.integers(1955, 1985, CLIENTS),
            "obstacle": "language",
        }
    )
    needs = pd.concat(
        [
            pd.DataFrame({"person_id": np.sort(rng.choice(clients, count, False)), "need": need})
            for need, count in NEEDS.items()
        ],
        ignore_index=True,
    )
    measures = pd.DataFrame(
        [
            (name, *(",".join(codes) for codes in lists), places)
            for name, (*lists, places) in MEASURES.items()
        ],
        columns=["measure", "requires", "excludes", "addresses", "places"],
    )
    return {"households": households, "persons": persons, "needs": needs, "measures": measures}


def write_inventory(folder: Path, seed: int, is_clean: bool) -> str:
    """Write the raw files of the municipality below ``folder``; returns the study.toml's text."""
    place = folder / PLACE
    place.mkdir(parents=True)
    for table, rows in inventory(seed).items():
        layout = LAYOUTS[table]
        known = rows.assign(**{name: "" for name in layout.columns if name not in rows})
        encoding = "utf-8" if is_clean else layout.encoding
        write_csv(place / layout.file, raw_rows(table, known), encoding)
    sections = source_sections(TABLES, is_clean).replace(
        'person_id = "Personnummer"', 'person_id = { header = "Personnummer", format = "local" }'
    )
    return f"{_STUDY}\n{sections}"
