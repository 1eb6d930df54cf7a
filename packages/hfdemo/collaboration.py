"""Simulated contacts, meetings and ratings of principles: how a programme was carried out.

Draws of their own: no household, payment or plan of a study moves. What reports tell in words (all
nine principles followed, trust and autonomy least evenly, care contacts a little less than
advisers) is put into the ratings; how often families were met is a choice.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

PRINCIPLES = (
    "allians",
    "helhetssyn",
    "autenticitet",
    "tilltro",
    "autonomi",
    "uthallighet",
    "kreativitet",
    "kollegialt_stod",
    "ansvarsbarare",
)
UNEVEN = ("tilltro", "autonomi")
RATERS = {"advisers": 4, "care_contacts": 3, "managers": 3}
PARTIES = ("municipality", "care_centres", "employment_service", "social_insurance_agency")
_KINDS = ("home_visit", "meeting", "phone", "digital")
_AGENCIES = {
    "care_centre": 0.012,
    "psychiatry": 0.004,
    "employment_service": 0.006,
    "social_insurance_agency": 0.004,
    "school": 0.003,
}
_EVERY_DAYS = {"steering_group": 91, "work_group": 30, "workshop": 182, "care_network": 182}
_WITHOUT_RECORD = 0.03


def build_contacts(
    rng: np.random.Generator, households: pd.DataFrame, cutoff: date, every_days: float
) -> pd.DataFrame:
    """One row a contact of the participants: with the family about so often, and with agencies."""
    ours = households.loc[
        households["group"].eq("participant").to_numpy() & households["started_on"].notna()
    ]
    last = pd.Timestamp(cutoff)
    parts = []
    for row in ours.itertuples(index=False):
        start = pd.Timestamp(row.started_on)
        end = last if pd.isna(row.closed_on) else pd.Timestamp(row.closed_on)
        length = (end - start).days
        steps = 1 + rng.gamma(3.0, every_days / 3, size=4 + int(2 * length / every_days))
        days = np.cumsum(steps).astype(int)
        days = days[days <= length]
        met = pd.DataFrame({"day": days, "counterpart": "household"})
        met["kind"] = rng.choice(_KINDS, len(days), p=(0.35, 0.25, 0.35, 0.05))
        other = []
        for agency, rate in _AGENCIES.items():
            found = rng.integers(0, length + 1, rng.poisson(rate * length))
            other.append(pd.DataFrame({"day": found, "counterpart": agency, "kind": "meeting"}))
        both = pd.concat([met, *other], ignore_index=True)
        is_plan = both["counterpart"].ne("household") & (rng.random(len(both)) < 0.15)
        both["coordinated_plan"] = np.where(is_plan, "true", "false")
        both["on"] = start + pd.to_timedelta(both["day"].astype(int), unit="D")
        if rng.random() >= _WITHOUT_RECORD:
            parts.append(both.assign(household_id=row.household_id))
    rows = pd.concat(parts, ignore_index=True).drop(columns="day")
    rows["on"] = rows["on"].astype("datetime64[s]")
    return rows.sort_values(["on", "household_id", "counterpart"], ignore_index=True)


def build_meetings(rng: np.random.Generator, first: date, last: date) -> pd.DataFrame:
    """One row a meeting that was due; nine of ten are held, and most parties come."""
    rows = []
    for arena, every in _EVERY_DAYS.items():
        for day in np.arange(np.datetime64(first), np.datetime64(last), every):
            came = [party for party in PARTIES if party == PARTIES[0] or rng.random() < 0.75]
            held = rng.random() < 0.9
            on = min(day + rng.integers(0, 20), np.datetime64(last))
            rows.append((on, arena, ",".join(came), "true" if held else "false"))
    frame = pd.DataFrame(rows, columns=["on", "arena", "parties", "held"])
    return frame.assign(on=frame["on"].astype("datetime64[s]"))


def build_fidelity(rng: np.random.Generator, wave: str) -> pd.DataFrame:
    """One row a principle, question and group of raters, rated 0 to 3."""
    rows = []
    for principle in PRINCIPLES:
        for aspect in ("meaningful", "followed", "results"):
            for group, raters in RATERS.items():
                rating = 3 if aspect == "meaningful" else 2 + int(rng.random() < 0.5)
                if aspect != "meaningful" and group == "care_contacts":
                    rating = 2
                if principle in UNEVEN and aspect != "meaningful":
                    rating = int(rng.integers(1, 4))
                rows.append((wave, principle, aspect, group, raters, rating, "interview"))
    columns = ["wave", "principle", "aspect", "rater_group", "raters", "rating", "source"]
    return pd.DataFrame(rows, columns=columns)


def build_care_centres(names: tuple[str, ...]) -> pd.DataFrame:
    """The listed persons of each care centre; all have a contact function from the first year."""
    rows = [(name, 8_000 + 1_500 * place, "true", "2017-08-14") for place, name in enumerate(names)]
    columns = ["care_centre", "listed_persons", "has_contact_function", "since"]
    return pd.DataFrame(rows, columns=columns)
