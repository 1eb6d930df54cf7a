"""Simulated studies as raw files: messy exports, their study.toml, and the truth in truth.json.

What is written looks like what municipalities export; the process is told in
``hfdemo.household_process``. The same name, numbers and seed give the same bytes.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hfcore.errors import UsageError
from hfcore.study_file import NAME
from hfdemo import needs_survey
from hfdemo.budgets import place_budget
from hfdemo.caseflow import build_caseload, build_worktime
from hfdemo.collaboration import (
    build_care_centres,
    build_contacts,
    build_fidelity,
    build_meetings,
)
from hfdemo.designs import (
    BUNDLED,
    STAFF_FTE,
    WORKERS,
    WORKTIME_SHARES,
    Design,
    Place,
    choose_design,
)
from hfdemo.export_layouts import LAYOUTS, raw_rows, source_sections
from hfdemo.family_survey import Survey, build_survey
from hfdemo.household_process import stream
from hfdemo.municipality_process import Simulated, simulate_place
from hfdemo.people import PLANS
from hfdemo.raw_exports import (
    RawRows,
    repeat_rows,
    swedish_amounts,
    swedish_number,
    write_csv,
    write_workbook,
)
from hfdemo.truth import place_truth

TRUTH = "truth.json"
# Of the country's population, as the report that scales up takes it.
NATIONAL_SHARES = {"hasky": "national_shares = { population = 0.01 }\n"}
THEORY = """[[theory]]
id = "often_together"
level = "activity"
sv = "Familjen följs upp minst varannan vecka"
en = "The family is followed up at least every other week"
leads_to = ["trust"]
metric = "followup_on_time"

[[theory]]
id = "care_early"
level = "activity"
sv = "Vården kommer in tidigt"
en = "Health care comes in early"
leads_to = ["trust"]
metric = "first_care_contact"

[[theory]]
id = "trust"
level = "mechanism"
sv = "Familjen får tilltro till sin förmåga"
en = "The family gains trust in what it can do"
leads_to = ["participation", "self_support"]

[[theory]]
id = "participation"
level = "short"
sv = "Ökad delaktighet"
en = "More participation"

[[theory]]
id = "health"
level = "short"
sv = "Bättre hälsa"
en = "Better health"

[[theory]]
id = "self_support"
level = "long"
sv = "Egen försörjning: lägre försörjningsstöd"
en = "Self-sufficiency: lower support"
metric = "support_effect"
dimension = "window"
level_of = "1-12"
direction = "down"

[[theory]]
id = "resilience"
level = "long"
sv = "Motståndskraft"
en = "Resilience"
"""
PRACTICE = ("survey", "contacts", "meetings", "fidelity", "care_centres")
REPEATED = 3
SPLIT_SHARE = 0.02
WORKTIME_WEEKS = ("2014-11-03", "2014-11-10")
CASELOAD_DAYS = ("2013-09-01", "2013-12-01", "2014-03-01", "2014-06-01", "2014-09-01", "2014-12-01")


def write_demo(
    name: str,
    raw_root: Path,
    municipalities: int | None = None,
    households: int | None = None,
    effect: float | None = None,
    seed: int = 1,
    clean: bool = False,
) -> Path:
    """Write a simulated study's raw files below ``raw_root`` and return its folder.

    ``hela-familjen`` and ``hasky`` are the bundled studies, conditioned on what their reports
    print; any other name gives a national study of the same kind. ``municipalities`` are drawn
    beyond the study's own, with ``households`` participants each and three controls a
    participant; ``effect`` is the true mean effect in SEK per household and month over months
    1-24; ``clean`` leaves out the mess.

    Raises UsageError for numbers that no study can have, and where the folder holds a study that
    was not simulated: real files are never overwritten.
    """
    if not NAME.fullmatch(name):
        raise UsageError("name: write lower-case letters, digits and hyphens, at most 40.")
    is_inventory = name == needs_survey.NAME
    design = choose_design(name, municipalities, households, effect, seed)
    folder, half = raw_root / name, raw_root / f".{name}.half"
    _refuse_real(folder)
    shutil.rmtree(half, ignore_errors=True)
    try:
        if is_inventory:
            _write_inventory(half, seed, clean)
        else:
            _write_study(half, design, seed, clean)
        shutil.rmtree(folder, ignore_errors=True)
        half.rename(folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return folder


def _write_study(folder: Path, design: Design, seed: int, clean: bool) -> None:
    truth = {}
    for position, place in enumerate(design.places):
        code = place.municipality.code
        simulated = simulate_place(design, place, seed, position, len(design.places))
        rng = stream(seed, design.name, code, "mess")
        look = _look(place, position, clean)
        _write_place(folder / code, simulated, look, rng, design.has_staff)
        if has_budget(design):
            _write(folder / code, "budget", _budget_rows(code), look)
        for table, rows in _practice(design, place, seed, simulated).items():
            _write(folder / code, table, raw_rows(table, rows), look)
        truth[code] = place_truth(simulated)
    (folder / "study.toml").write_bytes(study_text(design, clean).encode("utf-8"))
    (folder / TRUTH).write_bytes(_truth_text(design, seed, truth).encode("utf-8"))


def has_budget(design: Design) -> bool:
    """Whether there is a budget of every municipality: of the bundled ones, as they are."""
    codes = [place.municipality.code for place in design.places]
    return design.name in BUNDLED and all(place_budget(code) is not None for code in codes)


def _budget_rows(code: str) -> RawRows:
    budget = place_budget(code)
    numbers = ("monthly_salary_sek", "fee_factor", "fte", "amount_sek")
    told = {
        name: np.where(budget[name].notna(), swedish_number(budget[name].fillna(0.0)), "")
        for name in numbers
    }
    return raw_rows("budget", budget.assign(**told))


def _practice(
    design: Design, place: Place, seed: int, simulated: Simulated
) -> dict[str, pd.DataFrame]:
    """The tables on how the programme was carried out, each from a stream of its own."""
    code, households = place.municipality.code, simulated.households
    own = {name: stream(seed, design.name, code, name) for name in PRACTICE}
    found = {}
    if place.survey:
        found["survey"] = build_survey(own["survey"], households, place.survey)
    if place.contact_days:
        days = place.contact_days
        found["contacts"] = build_contacts(own["contacts"], households, design.cutoff, days)
        first, last = place.municipality.first_day, place.municipality.last_day
        found["meetings"] = build_meetings(own["meetings"], first, last)
        found["fidelity"] = build_fidelity(own["fidelity"], "2020h2")
        found["care_centres"] = build_care_centres(place.care_centres)
    return found


def _write_inventory(folder: Path, seed: int, clean: bool) -> None:
    text = needs_survey.write_inventory(folder, seed, clean)
    truth = {"study": needs_survey.NAME, "is_simulated": True, "seed": seed}
    (folder / "study.toml").write_bytes(text.encode("utf-8"))
    (folder / TRUTH).write_bytes((json.dumps(truth, indent=1) + "\n").encode("utf-8"))


def _refuse_real(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / TRUTH).is_file():
        raise UsageError(
            f"{folder.name} holds files that were not simulated; give the demo another name."
        )


def _truth_text(design: Design, seed: int, truth: dict) -> str:
    head = {
        "study": design.name,
        "is_simulated": True,
        "seed": seed,
        "effect_aimed_at_sek": design.effect_sek,
        "process": asdict(design.process),
        "municipalities": truth,
    }
    return json.dumps(head, indent=1, ensure_ascii=False) + "\n"


def study_text(design: Design, clean: bool) -> str:
    """The study.toml of a simulated study."""
    plans = ", ".join(f'"{plan}"' for plan in PLANS)
    surveys = [place.survey for place in design.places if place.survey]
    has_contacts = any(place.contact_days for place in design.places)
    lacking = ("needs", "measures")
    lacking += () if design.has_staff else ("worktime", "caseload")
    lacking += () if has_budget(design) else ("budget",)
    lacking += () if surveys else ("survey",)
    lacking += () if has_contacts else ("contacts", "meetings", "fidelity", "care_centres")
    tables = tuple(table for table in LAYOUTS if table not in lacking)
    head = f"""# Simulated households: no row in this study is a real person.
name = "{design.name}"
title = {{ sv = "{design.title_sv}", en = "{design.title_en}" }}
is_simulated = true
cutoff = {design.cutoff}
price_year = {design.cutoff.year}
unit = "{design.unit}"
has_earlier_reports = {str(bool(design.name in BUNDLED)).lower()}
"""
    places = "\n".join(_municipality_text(place) for place in design.places)
    waves = "\n".join([*map(_wave_text, surveys), *([THEORY] if has_contacts else [])])
    definitions = f"""[definitions]
plans = [{plans}]
# Distance to work, nearest first.
plan_order = [{plans}]
{NATIONAL_SHARES.get(design.name, "")}"""
    return "\n".join(
        [head, places, definitions, *filter(None, [waves]), source_sections(tables, clean)]
    )


def _wave_text(survey: Survey) -> str:
    return f"""[[waves]]
code = "{survey.wave}"
from = {survey.first_day}
to = {survey.last_day}
frame = "closed"
"""


def _municipality_text(place: Place) -> str:
    m = place.municipality
    return f"""[[municipalities]]
code = "{m.code}"
name = "{m.name}"
first_day = {m.first_day}
last_day = {m.last_day}
payments_from = "{m.payments_from:%Y-%m}"
payments_to = "{m.payments_to:%Y-%m}"
"""


@dataclass(frozen=True)
class _Look:
    """How one municipality writes its exports; a clean one has no mess."""

    is_clean: bool
    null: str = ""
    has_dashes: bool = False
    has_total: bool = False
    thousands: str = ""


def _look(place: Place, position: int, clean: bool) -> _Look:
    """Every second municipality writes empty cells as a dash, the others a total of payments."""
    is_odd = bool(position % 2)
    if clean:
        return _Look(is_clean=True)
    return _Look(False, "-" if is_odd else "", is_odd, not is_odd, place.thousands)


def _write_place(
    folder: Path,
    simulated: Simulated,
    look: _Look,
    rng: np.random.Generator,
    has_staff: bool,
) -> None:
    """The raw files of one municipality."""
    folder.mkdir(parents=True)
    numbers = simulated.persons["number"]
    persons = simulated.persons.assign(
        person_id=numbers.str[:8] + "-" + numbers.str[8:] if look.has_dashes else numbers,
        birth_year=pd.to_datetime(simulated.persons["born_on"]).dt.year,
    )
    plans = simulated.plans.rename(columns={"number": "person_id"})
    tables = {"households": simulated.households, "persons": persons, "plans": plans}
    for table, rows in tables.items():
        text = raw_rows(table, rows, look.null)
        _write(folder, table, text if look.is_clean else repeat_rows(rng, text, REPEATED), look)
    _write_payments(folder, simulated, look, rng)
    if has_staff:
        _write_staff(folder, simulated, look, rng)


def _write(folder: Path, table: str, rows: RawRows, look: _Look, last: str | None = None) -> None:
    layout = LAYOUTS[table]
    if layout.sheet:
        titles = () if look.is_clean else layout.titles
        write_workbook(folder / layout.file, layout.sheet, rows, titles)
    else:
        write_csv(folder / layout.file, rows, "utf-8" if look.is_clean else layout.encoding, last)


def _write_payments(
    folder: Path, simulated: Simulated, look: _Look, rng: np.random.Generator
) -> None:
    """Payments by month; some in two parts, and either a totals row or repeated rows."""
    payments = _payment_rows(simulated)
    household, month, amount = payments if look.is_clean else _in_parts(rng, *payments)
    rows = {
        "Utbetalning": np.arange(1, 1 + len(amount)),
        "Ärendenummer": household,
        "Avser månad": month,
        "Belopp": swedish_amounts(amount, look.thousands),
    }
    total = swedish_amounts(np.array([amount.sum()]), look.thousands)[0]
    if not (look.is_clean or look.has_total):
        rows = repeat_rows(rng, rows, REPEATED)
    _write(folder, "payments", rows, look, f";;;{total}" if look.has_total else None)


def _payment_rows(simulated: Simulated) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Household, month and amount of every payment, by month and household."""
    received = np.concatenate([simulated.participants.received, simulated.controls.received])
    received = received[simulated.households["payment_row"].to_numpy()]
    month, household = np.nonzero(received.T)
    first = np.datetime64("1970-01", "M") + simulated.participants.first - 1970 * 12
    months = (first + np.arange(received.shape[1])).astype(str).astype(object)
    ids = simulated.households["household_id"].to_numpy(object)
    return ids[household], months[month], received[household, month]


def _in_parts(
    rng: np.random.Generator, household: np.ndarray, month: np.ndarray, amount: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same money, some of it paid in two unequal parts of the same month."""
    is_split = (amount > 4_000) & (rng.random(len(amount)) < SPLIT_SHARE)
    second = np.where(is_split, rng.integers(500, 1_500, len(amount)), 0)
    rows = np.repeat(np.arange(len(amount)), 1 + is_split)
    is_second = np.diff(rows, prepend=-1) == 0
    return household[rows], month[rows], np.where(is_second, second[rows], (amount - second)[rows])


def _write_staff(folder: Path, simulated: Simulated, look: _Look, rng: np.random.Generator) -> None:
    """Working time of two weeks and the caseloads of both teams."""
    mondays = np.array(WORKTIME_WEEKS, "datetime64[D]")
    days = (mondays[:, None] + np.arange(5)).ravel()
    worktime = build_worktime(rng, WORKTIME_SHARES, WORKERS, days)
    worktime = worktime.assign(
        worker_id=[f"H{worker}" for worker in worktime["worker"]],
        hours=swedish_number(worktime["hours"]),
    )
    _write(folder, "worktime", raw_rows("worktime", worktime), look)
    participants = simulated.households[simulated.households["group"] == "participant"]
    at = np.array(CASELOAD_DAYS, "datetime64[D]")
    caseload = build_caseload(rng, participants, at, STAFF_FTE)
    _write(folder, "caseload", raw_rows("caseload", caseload), look)
