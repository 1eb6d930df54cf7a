"""One simulated municipality from start to end: its households, payments, people and plans."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from hfdemo.calibration import (
    condition_changes,
    condition_members,
    condition_stays,
    condition_support_since,
    nearest_need,
    nearest_weight,
)
from hfdemo.caseflow import close_by_flow, flow_starts
from hfdemo.closure_process import close_freely, describe_closures, latent_stays, true_incidence
from hfdemo.designs import Design, Place
from hfdemo.household_process import (
    DEPARTED,
    Process,
    draw_candidates,
    draw_starts,
    month_of,
    months_since,
    payments_on_support,
    select_groups,
    stream,
)
from hfdemo.people import build_persons, build_plans, draw_changes
from hfdemo.programme import Draw, Panel, control_panel, naive_difference, participant_panel

INTAKE_ENDS_DAYS = 60


@dataclass(frozen=True)
class Course:
    """The households of one municipality and their payments, without and with the programme.

    ``participants`` and ``controls`` have one row a household, in the order of ``panel`` and
    ``controls_panel``. ``responds`` marks participants whom the programme helps, ``departed``
    holds the months from start to a move or death (null for all others), ``process`` the
    parameters with those that were conditioned on figures.
    """

    participants: pd.DataFrame
    controls: pd.DataFrame
    panel: Panel
    controls_panel: Panel
    responds: np.ndarray
    departed: np.ndarray
    process: Process


@dataclass(frozen=True)
class Simulated:
    """What one municipality's files are written from, and what nobody could know but for truth.

    ``households`` has the columns of the table plus ``payment_row``, the household's row in the
    panels joined (participants first); ``responds``, ``departed`` and ``process`` are those of
    ``Course``.
    """

    households: pd.DataFrame
    persons: pd.DataFrame
    plans: pd.DataFrame
    participants: Panel
    controls: Panel
    responds: np.ndarray
    departed: np.ndarray
    process: Process
    incidence: dict[int, dict[str, float]] | None


def simulate_place(
    design: Design, place: Place, seed: int, position: int = 0, step: int = 1
) -> Simulated:
    """Simulate a municipality; ``position`` and ``step`` keep personal numbers apart."""
    draw, cutoff = _drawing(design, place, seed), np.datetime64(design.cutoff, "D")
    course = simulate_course(design, place, seed)
    households = _describe(draw("registers"), course.participants, course.controls, place)
    persons = build_persons(draw("persons"), households, position, step)
    return Simulated(
        households,
        persons,
        _plans(draw, households, persons, place, cutoff),
        course.panel,
        course.controls_panel,
        course.responds,
        course.departed,
        course.process,
        None if place.margins or place.flow else _incidence(course.participants, design.process),
    )


def simulate_course(design: Design, place: Place, seed: int, usual_exits: bool = False) -> Course:
    """The households and payments of a municipality, without its people and plans.

    ``usual_exits`` as for ``participant_panel``.
    """
    draw, cutoff = _drawing(design, place, seed), np.datetime64(design.cutoff, "D")
    process = design.process
    candidates = draw_candidates(draw("candidates"), _starts(draw("starts"), place), process)
    participants, _ = select_groups(draw("selection"), candidates, process)
    participants = _close(draw, participants, place, process, cutoff)
    if place.flow:
        process = replace(process, need_sek=_flow_need(draw, participants, place, process))
    months = _months(place)
    panel, responds = participant_panel(
        draw, participants, months, process, design.effect_sek, usual_exits
    )

    everybody = control_panel(draw, candidates, months, process)
    at_risk = _months_at_risk(everybody, participants)
    numbered = candidates.assign(row=np.arange(len(candidates)))

    def take_controls(weight: float) -> tuple[pd.DataFrame, Panel]:
        _, controls = select_groups(draw("selection"), numbered, process, at_risk, weight)
        own = everybody.received[controls["row"].to_numpy()]
        controls = _index_controls(draw("index days"), controls, participants, cutoff)
        controls = controls.drop(columns="row")
        return controls, Panel(own, own, controls["start"].to_numpy(), months[0])

    weight = process.control_permanent
    if place.margins and place.margins.naive_sek is not None:
        weight = nearest_weight(
            lambda trial: naive_difference(panel, take_controls(trial)[1]), place.margins.naive_sek
        )
    controls, controls_panel = take_controls(weight)
    departed = _departures(participants)
    own = replace(process, control_permanent=weight)
    return Course(participants, controls, panel, controls_panel, responds, departed, own)


def _months_at_risk(everybody: Panel, participants: pd.DataFrame) -> np.ndarray:
    """In how many of the participants' start months each candidate is paid then or just before."""
    paid = everybody.received > 0
    recently = paid | np.pad(paid, ((0, 0), (1, 0)))[:, :-1]
    return recently[:, np.unique(participants["start"]) - everybody.first].sum(axis=1)


def _drawing(design: Design, place: Place, seed: int) -> Draw:
    """Draws of one municipality by topic."""

    def draw(topic: str) -> np.random.Generator:
        return stream(seed, design.name, str(place.draw), place.municipality.code, topic)

    return draw


def _starts(rng: np.random.Generator, place: Place) -> np.ndarray:
    if place.flow:
        return flow_starts(rng, place.flow)
    first = np.datetime64(place.municipality.first_day, "D")
    last = np.datetime64(place.municipality.last_day, "D") - INTAKE_ENDS_DAYS
    return draw_starts(rng, place.participants, first, np.maximum(first, last))


def _close(
    draw: Draw,
    participants: pd.DataFrame,
    place: Place,
    process: Process,
    cutoff: np.datetime64,
) -> pd.DataFrame:
    """Closures of the participants: free, or conditioned on what the report prints."""
    latent = latent_stays(draw("stays"), participants, process)
    if place.flow:
        closed = close_by_flow(draw("closures"), participants, latent, place.flow)
    elif place.margins:
        conditioned = condition_members(draw("members"), participants, place.margins)
        conditioned = condition_support_since(conditioned, place.margins.mean_support_months)
        days = (place.municipality.first_day, place.municipality.last_day)
        period = tuple(np.datetime64(day, "D") for day in days)
        closed = condition_stays(conditioned, latent, place.margins, period, cutoff)
    else:
        last_day = np.datetime64(place.municipality.last_day, "D")
        closed = close_freely(participants, latent, last_day)
    return describe_closures(draw("reasons"), closed, process)


def _months(place: Place) -> tuple[int, int]:
    first, last = place.municipality.payments_from, place.municipality.payments_to
    return first.year * 12 + first.month - 1, last.year * 12 + last.month - 1


def _departures(participants: pd.DataFrame) -> np.ndarray:
    departs = participants["closure_reason"].isin(DEPARTED)
    return participants["closure_month"].where(departs).to_numpy(float)


def _flow_need(draw: Draw, participants: pd.DataFrame, place: Place, process: Process) -> float:
    """The need with which mean payment over the three months before closure is the printed one."""
    end = np.where(participants["closed_on"].notna(), participants["closure_month"], -99)
    since = months_since(participants, *_months(place))
    near = (since < end[:, None]) & (since >= end[:, None] - 3)

    def before_closure(need_sek: float) -> float:
        trial = replace(process, need_sek=need_sek)
        paid = payments_on_support(draw("payments"), participants, *_months(place), trial)
        return float(paid[near].mean())

    return nearest_need(before_closure, place.flow.baseline_sek)


def _index_controls(
    rng: np.random.Generator,
    controls: pd.DataFrame,
    participants: pd.DataFrame,
    cutoff: np.datetime64,
) -> pd.DataFrame:
    """Controls get the start month of their participant and a day of their own in it."""
    months = participants["started_on"].to_numpy().astype("datetime64[M]")
    months = months[controls["slot"].to_numpy()]
    days = months.astype("datetime64[D]") + rng.integers(0, 28, len(controls))
    started = np.minimum(days, cutoff)
    return controls.assign(started_on=started, start=month_of(started))


def _incidence(participants: pd.DataFrame, process: Process) -> dict[int, dict[str, float]]:
    return {months: true_incidence(participants, process, months) for months in (6, 12, 18, 24)}


def _describe(
    rng: np.random.Generator, participants: pd.DataFrame, controls: pd.DataFrame, place: Place
) -> pd.DataFrame:
    """The households table: both groups under case numbers that do not tell the group."""
    joined = pd.concat(
        [participants.assign(group="participant"), controls.assign(group="control")],
        ignore_index=True,
    )
    n = len(joined)
    numbers = rng.permutation(np.arange(1, n + 1))
    started = joined["started_on"].to_numpy().astype("datetime64[s]")
    queue = np.maximum(7, np.rint(rng.gamma(2.2, 32.0, n))).astype("timedelta64[D]")
    takes_part = (joined["group"] == "participant").to_numpy()
    since = started.astype("datetime64[M]") - joined["months_on_support"].to_numpy()
    centres = np.array([*place.care_centres, ""], dtype=object)
    centre = centres[rng.integers(0, max(len(place.care_centres), 1), n)]
    households = joined.assign(
        household_id=[f"{place.municipality.code}-{number:04d}" for number in numbers],
        referred_on=np.where(takes_part, started - queue, np.datetime64("NaT", "s")),
        started_on=started,
        closed_on=joined["closed_on"].to_numpy().astype("datetime64[s]"),
        support_since=since.astype("datetime64[s]"),
        care_centre=centre,
        payment_row=np.arange(n),
    )
    text = ["closure_reason", "closure_assessment"]
    households = households.assign(**{column: households[column].fillna("") for column in text})
    return households.iloc[np.argsort(numbers)].reset_index(drop=True)


def _plans(
    draw: Draw,
    households: pd.DataFrame,
    persons: pd.DataFrame,
    place: Place,
    cutoff: np.datetime64,
) -> pd.DataFrame:
    adults = persons[persons["role"] != "child"].merge(
        households[["household_id", "started_on"]], on="household_id", validate="many_to_one"
    )
    changes = draw_changes(draw("changes"), adults)
    if place.margins:
        changes = condition_changes(adults, changes, place.margins, cutoff)
    return build_plans(draw("plans"), adults, changes, cutoff)
