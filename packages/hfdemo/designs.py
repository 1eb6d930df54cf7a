"""The studies that can be simulated: places and periods, and what their reports print.

Figures are those of the published reports; where a report says nothing (how a total splits by
month or municipality), the number here is a choice.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from hfcore.errors import UsageError
from hfcore.study import Municipality
from hfdemo.calibration import Margins
from hfdemo.caseflow import Flow
from hfdemo.family_survey import Survey
from hfdemo.household_process import CAUSES, Process, stream
from hfdemo.raw_exports import NARROW_SPACE, NO_BREAK_SPACE

LARGEST_HOUSEHOLDS = 20_000


@dataclass(frozen=True)
class Place:
    """One municipality of a design: how many take part, and what a report prints about them.

    ``draw`` tells apart draws of the same process under one seed. Those of the bundled
    municipalities were picked among many: in Kristianstad the estimate lies near the truth, in
    the two small ones its interval includes zero. That they agree is therefore no
    evidence for the estimator; a study under another name or seed is not picked.
    """

    municipality: Municipality
    participants: int
    care_centres: tuple[str, ...] = ()
    draw: int = 1
    thousands: str = NO_BREAK_SPACE
    margins: Margins | None = None
    flow: Flow | None = None
    survey: Survey | None = None
    contact_days: float = 0.0


@dataclass(frozen=True)
class Design:
    """A study to simulate; ``effect_sek`` is the true mean effect over months 1-24."""

    name: str
    title_sv: str
    title_en: str
    cutoff: date
    effect_sek: float
    places: tuple[Place, ...]
    process: Process
    has_staff: bool = False
    unit: str = "household"


def _place(code, name, first, last, payments_from, payments_to, participants, **more) -> Place:
    months = (date.fromisoformat(f"{month}-01") for month in (payments_from, payments_to))
    days = (date.fromisoformat(day) for day in (first, last))
    return Place(Municipality(code, name, *days, *months), participants, **more)


def _closures(*counts: tuple[int, float]) -> dict[str, tuple[int, float]]:
    return {cause: each for cause, each in zip(CAUSES, counts, strict=True) if each[0]}


HELA_FAMILJEN = Design(
    name="hela-familjen",
    title_sv="Hela Familjen (simulerade hushåll)",
    title_en="Hela Familjen (simulated households)",
    cutoff=date(2021, 12, 31),
    effect_sek=-2_000.0,
    unit="family",
    process=Process(),
    places=(
        _place(
            "1290",
            "Kristianstad",
            "2016-05-01",
            "2021-12-31",
            "2014-05",
            "2021-12",
            121,
            draw=15,
            care_centres=("Näsby", "Vilan", "Östermalm"),
            contact_days=11.0,
            survey=Survey(
                wave="2020h2",
                first_day="2020-09-01",
                last_day="2020-12-31",
                contacted=68,
                answered=62,
                answers={"helped": (35, 18, 9), "changed_view": (13, 7, 42)},
            ),
            margins=Margins(
                couples=51,
                single_women=60,
                children=330,
                closures=_closures((25, 8.5), (5, 8.5), (3, 4.2), (40, 11.7), (22, 11.9)),
                mean_participation=13.6,
                naive_sek=-1_250.0,
                plans={"participant": {6: 0.57, 18: 0.89}, "control": {6: 0.39, 18: 0.52}},
            ),
        ),
        _place(
            "1293",
            "Hässleholm",
            "2018-06-01",
            "2021-12-31",
            "2016-06",
            "2021-12",
            30,
            draw=7,
            care_centres=("Solbrinken",),
            margins=Margins(
                couples=13,
                single_women=14,
                children=81,
                closures=_closures((5, 7.4), (0, 0), (0, 0), (11, 14.2), (7, 14.8)),
                mean_participation=16.2,
            ),
        ),
        _place(
            "1256",
            "Östra Göinge",
            "2019-01-01",
            "2021-11-30",
            "2017-01",
            "2021-12",
            30,
            draw=24,
            care_centres=("Capio",),
            thousands=NARROW_SPACE,
            margins=Margins(
                couples=13,
                single_women=15,
                children=83,
                closures=_closures((4, 7.5), (0, 0), (0, 0), (14, 12.4), (9, 12.9)),
                mean_participation=12.8,
            ),
        ),
    ),
)

_HASKY_FLOW = Flow(
    first_month="2013-09",
    at_start=111,
    inflow=(20, 5, 5, 4, 8, 8, 8, 6, 5, 5, 6, 7, 10, 7, 9, 3),
    outflow=(23, 4, 5, 4, 8, 7, 7, 5, 5, 4, 6, 6, 8, 5, 6, 4),
    reasons={
        2013: {
            "social_insurance": 16,
            "work": 6,
            "subsidised_work": 4,
            "stopped_applying": 3,
            "moved": 1,
            "sheltered_work": 2,
            "studies": 2,
            "cohabiting": 1,
            "other": 1,
        },
        2014: {
            "social_insurance": 36,
            "work": 11,
            "subsidised_work": 7,
            "deceased": 1,
            "stopped_applying": 4,
            "moved": 1,
            "sheltered_work": 5,
            "studies": 3,
            "cohabiting": 2,
            "other": 1,
        },
    },
    durations={2013: (1, 8, 27), 2014: (7, 8, 56)},
    over_five_years=18,
    long_months=(221, 152, 137, 124),
    mean_duration_months=38.5,
    reactivated=3,
    baseline_sek=5_650.0,
)

HASKY = Design(
    name="hasky",
    title_sv="HASKY (simulerade hushåll)",
    title_en="HASKY (simulated households)",
    cutoff=date(2014, 12, 31),
    effect_sek=-1_000.0,
    process=replace(
        Process(),
        share_couples=0.06,
        share_recent_spells=0.3,
        mean_children=0.3,
        permanent_sd_sek=1_300.0,
        shock_sd_sek=1_900.0,
        noise_sd_sek=500.0,
        lump_share=0.03,
        ends_support=(*Process().ends_support, "other"),
        response_remainder=1.0,
        exit_hazard=0.035,
        hazards=dict(zip(CAUSES, (0.03, 0.001, 0.001, 0.002, 0.003), strict=True)),
    ),
    places=(
        _place(
            "2180",
            "Gävle",
            "2013-09-01",
            "2014-12-31",
            "2011-09",
            "2014-12",
            _HASKY_FLOW.cases,
            draw=5,
            flow=_HASKY_FLOW,
            thousands=" ",
        ),
    ),
    has_staff=True,
)

BUNDLED = {design.name: design for design in (HELA_FAMILJEN, HASKY)}

STAFF_FTE = (4.5, 3.8)
WORKERS = {"intervention": 5, "comparison": 4}
WORKTIME_SHARES = {
    "intervention": {
        "direct_client": 0.16,
        "indirect_client": 0.332,
        "management": 0.22,
        "collaboration": 0.058,
        "administration": 0.17,
        "other": 0.06,
    },
    "comparison": {
        "direct_client": 0.126,
        "indirect_client": 0.426,
        "management": 0.118,
        "collaboration": 0.0,
        "administration": 0.25,
        "other": 0.08,
    },
}


def read_municipalities() -> dict[str, str]:
    """The 290 municipalities of Sweden: name by code.

    >>> read_municipalities()["0180"]
    'Stockholm'
    """
    path = Path(__file__).with_name("municipalities.csv")
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["code"]: row["name"] for row in csv.DictReader(lines, delimiter=";")}


def choose_design(
    name: str, municipalities: int | None, households: int | None, effect: float | None, seed: int
) -> Design:
    """The bundled study of that name, else a national one; with further municipalities if asked.

    Raises UsageError for numbers that no study can have.
    """
    _check(municipalities, households, effect, seed)
    design = BUNDLED.get(name)
    if design is None:
        design = Design(
            name,
            f"Nationell studie {name} (simulerade hushåll)",
            f"National study {name} (simulated households)",
            date(2021, 12, 31),
            -1_250.0,
            (),
            Process(),
        )
    own = [place.municipality.code for place in design.places]
    wanted = municipalities if municipalities is not None else (0 if own else 3)
    others = [code for code in read_municipalities() if code not in own]
    if wanted > len(others):
        raise UsageError(f"municipalities: there are {len(others)} beyond the study's own.")
    chosen = sorted(stream(seed, name, "municipalities").permutation(others)[:wanted].tolist())
    more = tuple(_further(design, code, households or 60) for code in chosen)
    effect_sek = design.effect_sek if effect is None else float(effect)
    return replace(design, places=design.places + more, effect_sek=effect_sek)


def _check(
    municipalities: int | None, households: int | None, effect: float | None, seed: int
) -> None:
    if municipalities is not None and municipalities < 1:
        raise UsageError("municipalities: ask for at least 1.")
    if households is not None and not 1 <= households <= LARGEST_HOUSEHOLDS:
        raise UsageError(f"households: ask for 1 to {LARGEST_HOUSEHOLDS} participants.")
    if effect is not None and not -25_000 <= effect <= 0:
        raise UsageError("effect: write SEK per household and month, from -25000 to 0.")
    if seed < 0:
        raise UsageError("seed: write a whole number from 0 on.")


def _further(design: Design, code: str, participants: int) -> Place:
    """A municipality beyond the study's own, in the study's period, bound by no report."""
    name = read_municipalities()[code]
    if not design.places:
        return _place(code, name, "2018-01-01", "2021-12-31", "2016-01", "2021-12", participants)
    widest = design.places[0].municipality
    return Place(replace(widest, code=code, name=name), participants)
