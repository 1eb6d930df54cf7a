"""The process behind the simulated studies: households, selection, payments and the effect.

A household has characteristics, a permanent need that no file shows, and shocks that fade
(autoregressive). It takes part because its need peaks when somebody refers it; comparison
households of the same month are drawn for other reasons. For every participant both courses of
payments are kept, the one without and the one with the programme, so the true effect is known.

The order is: start months → candidates of each month → participants and controls → closures →
payments without and with the programme. ``hfdemo.calibration`` conditions single steps on
published figures; without it the steps follow one another freely.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

DAYS_PER_MONTH = 30.4375
ADULT_AGE = 18
CAUSES = ("self_sufficiency", "moved", "deceased", "other_positive", "negative")
DEPARTED = ("moved", "deceased")
OBSTACLES = ("unemployed", "sick_listed", "social_reasons", "language", "parental_leave")


@dataclass(frozen=True)
class Process:
    """The parameters of the process: SEK and SEK per month, months, hazards per month.

    ``hazards`` are those of closing to each cause for a household of average ease;
    ``ends_support`` the closure reasons after which payments stop.
    """

    candidates_per_start: int = 14
    controls_per_participant: int = 3
    share_couples: float = 0.42
    mean_children: float = 2.3
    need_sek: float = 6_400.0
    need_second_adult_sek: float = 1_500.0
    need_child_sek: float = 1_000.0
    permanent_sd_sek: float = 2_600.0
    shock_sd_sek: float = 3_600.0
    shock_correlation: float = 0.92
    noise_sd_sek: float = 900.0
    lump_share: float = 0.05
    lump_sek: float = 1_500.0
    calendar_shock_month: str = "2020-03"
    calendar_shock_sek: float = 1_200.0
    calendar_shock_correlation: float = 0.85
    smallest_payment_sek: float = 1_500.0
    largest_payment_sek: float = 25_000.0
    share_recent_spells: float = 0.25
    recent_months: int = 24
    older_months: float = 53.0
    select_shock: float = 0.7
    select_permanent: float = 0.35
    select_children: float = 0.25
    mean_agencies: float = 2.4
    select_agencies: float = 0.5
    control_permanent: float = 0.55
    exit_hazard: float = 0.018
    return_hazard: float = 0.02
    hazards: Mapping[str, float] = field(
        default_factory=lambda: dict(zip(CAUSES, (0.018, 0.004, 0.002, 0.03, 0.018), strict=True))
    )
    ends_support: tuple[str, ...] = (
        "work",
        "subsidised_work",
        "sheltered_work",
        "studies",
        "social_insurance",
        "moved",
        "deceased",
        "cohabiting",
        "stopped_applying",
    )
    reactivation_hazard: float = 0.008
    response_remainder: float = 0.5
    response_of_exits: float = 1.0
    response_within_months: int = 4


def stream(seed: int, *topics: str) -> np.random.Generator:
    """A generator of its own for each topic, so that one step's draws never shift another's.

    >>> stream(1, "a").integers(100) == stream(1, "a").integers(100)
    np.True_
    """
    return np.random.default_rng([seed, *(zlib.crc32(topic.encode()) for topic in topics)])


def month_of(days: np.ndarray | pd.Series) -> np.ndarray:
    """Running month number (year × 12 + month − 1) of dates.

    >>> month_of(np.array(["1970-01-31", "1971-02-01"], "datetime64[D]")).tolist()
    [23640, 23653]
    """
    months = np.asarray(days).astype("datetime64[M]")
    return np.where(np.isnat(months), 0, months.astype(int) + 1970 * 12)


def draw_starts(
    rng: np.random.Generator, n: int, first: np.datetime64, last: np.datetime64
) -> np.ndarray:
    """Start days of the participants, even over the intake: (n,) dates in order."""
    days = rng.integers(0, (last - first).astype(int) + 1, n)
    return np.sort(first + days.astype("timedelta64[D]"))


def draw_candidates(rng: np.random.Generator, starts: np.ndarray, process: Process) -> pd.DataFrame:
    """Households on support that might be referred, ``candidates_per_start`` for every start.

    Row: a household; ``slot`` the start it belongs to, ``permanent`` and ``shock`` standardised
    need (the shock that of month 0), ``months_on_support`` at start.
    """
    size = len(starts) * process.candidates_per_start
    adults = np.where(rng.random(size) < process.share_couples, 2, 1)
    older = process.recent_months + rng.gamma(1.3, process.older_months / 1.3, size)
    recent = rng.integers(1, process.recent_months + 1, size)
    is_recent = rng.random(size) < process.share_recent_spells
    age = np.clip(rng.gamma(9.0, 4.2, size), 20, 62).astype(int)
    households = pd.DataFrame(
        {
            "slot": np.repeat(np.arange(len(starts)), process.candidates_per_start),
            "started_on": np.repeat(starts, process.candidates_per_start),
            "adults": adults,
            "children": rng.poisson(process.mean_children, size),
            "applicant_age": age,
            "applicant_is_woman": rng.random(size) < np.where(adults == 2, 0.5, 0.8),
            "obstacle": rng.choice(OBSTACLES, size, p=(0.36, 0.26, 0.2, 0.12, 0.06)),
            "months_on_support": np.minimum(
                np.where(is_recent, recent, older), longest_spell_months(age)
            ).astype(int),
            "other_agencies": rng.poisson(process.mean_agencies, size),
            "permanent": rng.normal(size=size),
            "shock": rng.normal(size=size),
        }
    )
    return households.assign(start=month_of(households["started_on"]))


def longest_spell_months(applicant_age: np.ndarray | pd.Series) -> np.ndarray:
    """Months on support that an applicant can have behind them, as an adult.

    >>> longest_spell_months(np.array([20])).tolist()
    [24]
    """
    return 12 * (np.asarray(applicant_age) - ADULT_AGE)


def mean_need(households: pd.DataFrame, process: Process) -> np.ndarray:
    """Need that a household has on average, from its characteristics and its permanent part."""
    return (
        process.need_sek
        + process.need_second_adult_sek * (households["adults"] - 1)
        + process.need_child_sek * households["children"]
        + process.permanent_sd_sek * households["permanent"]
    ).to_numpy(float)


def select_groups(
    rng: np.random.Generator,
    candidates: pd.DataFrame,
    process: Process,
    months_at_risk: np.ndarray | None = None,
    control_permanent: float | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One participant and its controls from the candidates of each start.

    Participants are chosen for the shock at the start month, for permanent need, for many children
    and many other agencies; controls for permanent need with another weight. ``months_at_risk``
    counts the start months in which a candidate is on support: one that is so in many stands in
    many months' pools and would be drawn as often, so that those on support in a month would be
    too many of those who stay; each is weighed by one over their number.
    Returns (participants, controls), both in the order of the starts.
    """
    shape = (-1, process.candidates_per_start)
    luck = rng.gumbel(size=(2, len(candidates)))
    need = mean_need(candidates, process) + process.shock_sd_sek * candidates["shock"].to_numpy()
    off = np.where(need > process.smallest_payment_sek, 0.0, -1e6)
    referral = (
        process.select_shock * candidates["shock"]
        + process.select_permanent * candidates["permanent"]
        + process.select_children * (candidates["children"] - process.mean_children)
        + process.select_agencies * (candidates["other_agencies"] - process.mean_agencies)
    ).to_numpy()
    chosen = np.argmax((referral + luck[0] + off).reshape(shape), axis=1)
    weight = process.control_permanent if control_permanent is None else control_permanent
    often = 0.0 if months_at_risk is None else np.log(np.maximum(months_at_risk, 1))
    comparable = weight * candidates["permanent"].to_numpy() + luck[1] + off - often
    comparable = comparable.reshape(shape)
    rows = np.arange(len(chosen))
    comparable[rows, chosen] = -np.inf
    taken = np.sort(np.argsort(comparable, axis=1)[:, -process.controls_per_participant :], axis=1)
    first = rows * process.candidates_per_start
    participants = candidates.iloc[first + chosen].reset_index(drop=True)
    controls = candidates.iloc[(first[:, None] + taken).ravel()].reset_index(drop=True)
    return participants, controls


def payments_on_support(
    rng: np.random.Generator, households: pd.DataFrame, first: int, last: int, process: Process
) -> np.ndarray:
    """Payments in SEK while households stay on support: (households, months) array.

    ``first`` and ``last`` are running months. Before the spell began nothing was paid.
    """
    since = months_since(households, first, last)
    reach = int(np.abs(since).max())
    shocks = _shocks(rng, households["shock"].to_numpy(float), reach, process)
    rows = np.arange(len(households))[:, None]
    shock = shocks[(since >= 0).astype(int), rows, np.abs(since)]
    need = mean_need(households, process)[:, None] + process.shock_sd_sek * shock
    need += rng.normal(0, process.noise_sd_sek, need.shape)
    lump = process.lump_sek * (1 + rng.pareto(2.5, need.shape))
    need += np.where(rng.random(need.shape) < process.lump_share, lump, 0)
    need += calendar_shock(first, last, process)
    paid = np.where(
        need < process.smallest_payment_sek, 0, np.minimum(need, process.largest_payment_sek)
    )
    began = -households["months_on_support"].to_numpy()[:, None]
    return np.rint(np.where(since < began, 0, paid))


def calendar_shock(first: int, last: int, process: Process) -> np.ndarray:
    """What a month adds to everybody's need, SEK: a sudden rise that fades.

    >>> calendar_shock(24241, 24243, Process()).round().tolist()
    [0.0, 1200.0, 1020.0]
    """
    since = np.arange(first, last + 1) - int(
        month_of(np.array([process.calendar_shock_month], "M8"))[0]
    )
    faded = process.calendar_shock_correlation ** np.maximum(since, 0)
    return np.where(since < 0, 0.0, process.calendar_shock_sek * faded)


def months_since(households: pd.DataFrame, first: int, last: int) -> np.ndarray:
    """Months since start by household and running month."""
    return first + np.arange(last - first + 1) - households["start"].to_numpy()[:, None]


def _shocks(
    rng: np.random.Generator, at_start: np.ndarray, reach: int, process: Process
) -> np.ndarray:
    """Shocks before (0) and after (1) start by household and distance from it in months."""
    rho = process.shock_correlation
    draws = rng.normal(0, np.sqrt(1 - rho**2), (2, len(at_start), reach + 1))
    shocks = np.empty_like(draws)
    shocks[:, :, 0] = at_start
    for distance in range(1, reach + 1):
        shocks[:, :, distance] = rho * shocks[:, :, distance - 1] + draws[:, :, distance]
    return shocks


def absences(
    rng: np.random.Generator,
    households: pd.DataFrame,
    first: int,
    last: int,
    process: Process,
    held: np.ndarray | None = None,
    factor: float = 1.0,
) -> np.ndarray:
    """When households are off support without a programme: (households, months) of true or false.

    On support in month 0, and off and on again before it as after it, by the same hazards in both
    directions of time, so that month 0 is like any other in which a household is on support.
    Households of high need leave less often. Nobody leaves up to month ``held``; ``factor``
    multiplies the hazard of leaving after month 0.
    """
    since = months_since(households, first, last)
    ease = np.exp(-0.35 * households["permanent"].to_numpy(float))
    hazard = ease * process.exit_hazard
    held = np.zeros(len(households), int) if held is None else held
    after = _away(rng, since.max(initial=0), hazard * factor, held, process)
    before = _away(rng, (-since).max(initial=0), hazard, np.zeros(len(households), int), process)
    rows = np.arange(len(households))[:, None]
    later, earlier = (np.maximum(each, 0) for each in (since, -since))
    return after[later, rows] | before[earlier, rows]


def _away(
    rng: np.random.Generator, reach: int, hazard: np.ndarray, held: np.ndarray, process: Process
) -> np.ndarray:
    """Off support by distance from month 0: (reach + 1, households)."""
    draws = rng.random((reach + 1, len(hazard)))
    leaves, stays_away = draws < hazard, draws >= process.return_hazard
    away = np.zeros(draws.shape, bool)
    for month in range(1, len(draws)):
        gone = away[month - 1]
        away[month] = np.where(gone, stays_away[month], leaves[month] & (month > held))
    return away
