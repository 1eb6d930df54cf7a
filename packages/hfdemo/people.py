"""The members of simulated households: who they are, numbers that nobody bears, their plans.

Personal numbers keep to the birth numbers 980–999, which are never given to anybody, and are
valid in every other respect, so that readers can be tried on them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.errors import UsageError
from hfdemo.household_process import OBSTACLES

PLANS = (
    "work_training",
    "internship",
    "job_seeking",
    "studies",
    "swedish_course",
    "treatment",
    "sick_leave",
    "none",
)
START_SHARES = (0.07, 0.05, 0.2, 0.06, 0.16, 0.1, 0.26, 0.1)
CHANGES = {"participant": (7.3, 0.88), "control": (42.0, 0.36)}
CLOSER_SHARE = {"participant": 0.7, "control": 0.55}
LATER_CHANGE_MONTHS = 9.0
MAX_CHANGES = 4
HOUSEHOLD_CORRELATION = 0.35
LARGEST_SHIFT_DAYS = 1_000
_PER_SEX = 10


def build_persons(
    rng: np.random.Generator, households: pd.DataFrame, position: int = 0, step: int = 1
) -> pd.DataFrame:
    """One row a member: household_id, group, role, sex, born_on, number, obstacle.

    ``households`` has household_id, group, started_on, adults, children, applicant_age,
    applicant_is_woman and obstacle. ``position`` and ``step`` keep the numbers of several
    municipalities apart: only every ``step``-th number, from ``position`` on, is used.

    Raises UsageError where more persons are asked for than numbers there are.
    """
    applicants = households.assign(
        role="applicant", age=households["applicant_age"], is_woman=households["applicant_is_woman"]
    )
    couples = households[households["adults"] == 2]
    partners = couples.assign(
        role="co_applicant",
        age=np.clip(couples["applicant_age"] + rng.integers(-5, 6, len(couples)), 20, 64),
        is_woman=~couples["applicant_is_woman"],
        obstacle=rng.choice(OBSTACLES, len(couples)),
    )
    children = households.loc[households.index.repeat(households["children"])]
    oldest = np.minimum(children["applicant_age"].to_numpy() - 18, 17)
    children = children.assign(
        role="child",
        age=(rng.random(len(children)) * (oldest + 1)).astype(int),
        is_woman=rng.random(len(children)) < 0.5,
        obstacle=None,
    )
    members = pd.concat([applicants, partners, children], ignore_index=True)
    is_woman = members["is_woman"].to_numpy(bool)
    start = members["started_on"].to_numpy().astype("datetime64[D]").astype(int)
    born = start - (members["age"].to_numpy() * 365.25).astype(int)
    born = born - rng.integers(1, 365, len(members))
    born, numbers = personal_numbers(rng, born, is_woman, position, step)
    return members.assign(sex=np.where(is_woman, "woman", "man"), born_on=born, number=numbers).loc[
        :, ["household_id", "group", "role", "sex", "born_on", "number", "obstacle"]
    ]


def personal_numbers(
    rng: np.random.Generator,
    born: np.ndarray,
    is_woman: np.ndarray,
    position: int = 0,
    step: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of twelve digits, each once, and the birthdays that they tell.

    ``born`` are the days since 1970 wanted; where a day's numbers are taken, an earlier day
    follows. Only every ``step``-th number from ``position`` on is used, and coordination numbers
    (day + 60) beside the ordinary ones only where those are too few.

    >>> rng = np.random.default_rng(1)
    >>> born, numbers = personal_numbers(rng, np.array([5568, 5568]), np.array([True, False]))
    >>> [int(number[8:11]) >= 980 for number in numbers]
    [True, True]
    """
    wanted = born * _PER_SEX + rng.integers(0, _PER_SEX, len(born))
    for kinds in (1, 2):
        places = np.zeros(len(born), int)
        for sex in (True, False):
            same = is_woman == sex
            places[same] = _places(((wanted[same] - position) // step + 1) * kinds - 1)
        found = places // kinds * step + position
        if (born - found // _PER_SEX).max(initial=0) <= LARGEST_SHIFT_DAYS:
            is_coordination = places % kinds < kinds - 1
            return _numbers(found // _PER_SEX, found % _PER_SEX, is_woman, is_coordination)
    raise UsageError(
        "There are too few personal numbers that nobody bears for so many households: ask for "
        "fewer households or fewer municipalities."
    )


def _places(wanted: np.ndarray) -> np.ndarray:
    """The places wanted, or the nearest lower ones that are free, each once."""
    order = np.argsort(-wanted, kind="stable")
    rank = np.arange(len(wanted))
    places = np.empty_like(wanted)
    places[order] = np.minimum.accumulate(wanted[order] + rank) - rank
    return places


def _numbers(
    born: np.ndarray, place: np.ndarray, is_woman: np.ndarray, is_coordination: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    days = born.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    years = days.astype("datetime64[Y]").astype(int) + 1970
    day = (days - months).astype(int) + 1 + 60 * is_coordination
    serial = 980 + 2 * place + ~is_woman
    whole = (years * 10_000 + (months.astype(int) % 12 + 1) * 100 + day) * 1_000 + serial
    digits = whole[:, None] // 10 ** np.arange(8, -1, -1) % 10
    doubled = digits * np.array([2, 1, 2, 1, 2, 1, 2, 1, 2])
    check = -(doubled // 10 + doubled % 10).sum(axis=1) % 10
    return days, (whole * 10 + check).astype(str).astype(object)


def draw_changes(rng: np.random.Generator, adults: pd.DataFrame) -> np.ndarray:
    """Months from start to each adult's first change of plan; adults of a household alike."""
    codes, _ = pd.factorize(adults["household_id"])
    shared = rng.normal(size=codes.max(initial=0) + 1)[codes]
    own = rng.normal(size=len(adults))
    weight = np.sqrt(HOUSEHOLD_CORRELATION)
    luck = _normal_share(weight * shared + np.sqrt(1 - weight**2) * own)
    scale, shape = (adults["group"].map({g: c[i] for g, c in CHANGES.items()}) for i in (0, 1))
    return (scale * (-np.log(1 - luck)) ** (1 / shape)).to_numpy(float)


def _normal_share(z: np.ndarray) -> np.ndarray:
    """Share of the standard normal below z, by the logistic approximation (error < 0.0002)."""
    return 1 / (1 + np.exp(-(1.5976 * z + 0.070565 * z**3)))


def build_plans(
    rng: np.random.Generator, adults: pd.DataFrame, changes: np.ndarray, cutoff: np.datetime64
) -> pd.DataFrame:
    """One row a plan: number, from_on, plan; the plan at start, then every change to the cut-off.

    ``changes`` are months from start to the first change. A change leads to a plan closer to
    work with the share of the group, and never back to the plan at start.
    """
    started = adults["started_on"].to_numpy().astype("datetime64[D]")
    at_start = rng.choice(len(PLANS), len(adults), p=START_SHARES)
    before = rng.integers(20, 500, len(adults)).astype("timedelta64[D]")
    rows = [(np.arange(len(adults)), started - before, at_start)]
    current, months = at_start, changes
    closer = adults["group"].map(CLOSER_SHARE).to_numpy(float)
    for _ in range(MAX_CHANGES):
        current = _next_plan(rng, current, at_start, closer)
        rows.append((np.arange(len(adults)), _after(rng, started, months), current))
        months = np.floor(months) + 1 + rng.exponential(LATER_CHANGE_MONTHS, len(adults))
    person, on, plan = (np.concatenate(each) for each in zip(*rows, strict=True))
    plans = pd.DataFrame(
        {
            "number": adults["number"].to_numpy()[person],
            "from_on": on,
            "plan": np.array(PLANS)[plan],
        }
    )
    order = np.lexsort((on, person))
    return plans.iloc[order[on[order] <= cutoff]].reset_index(drop=True)


def _next_plan(
    rng: np.random.Generator, current: np.ndarray, at_start: np.ndarray, closer: np.ndarray
) -> np.ndarray:
    """Another plan: nearer to work (lower) with probability ``closer``, never that of start."""
    luck = rng.random((len(current), len(PLANS)))
    place = np.arange(len(PLANS))
    nearer = (place < current[:, None]) == (rng.random(len(current)) < closer)[:, None]
    allowed = (place != current[:, None]) & (place != at_start[:, None])
    return np.argmax(luck + nearer + 10.0 * allowed, axis=1)


def _after(rng: np.random.Generator, started: np.ndarray, months: np.ndarray) -> np.ndarray:
    """The day so many months after start, never on a month's mark itself."""
    whole = np.minimum(np.floor(months), 1_000).astype(int)
    month = started.astype("datetime64[M]")
    day = (started - month).astype(int)
    length = ((month + whole + 1).astype("datetime64[D]") - (month + whole)).astype(int)
    mark = (month + whole).astype("datetime64[D]") + np.minimum(day, length - 1)
    return mark + rng.integers(1, 28, len(started)).astype("timedelta64[D]")
