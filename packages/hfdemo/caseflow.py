"""A team's flow of cases conditioned on a report, and the staff tables that go with it.

For HASKY: how many cases the team had at its start, how many came and closed in each month, for
which reasons and after how long on support; how its working time and its caseload compare with
the ordinary team's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hfcore.errors import HfcoreError
from hfdemo.calibration import stretch
from hfdemo.household_process import ADULT_AGE, month_of

POSITIVE_REASONS = ("work", "subsidised_work", "sheltered_work", "studies", "social_insurance")
_UNIT_HOURS = 0.05
_UNITS_A_DAY = 150


@dataclass(frozen=True)
class Flow:
    """A team's published flow of cases.

    ``inflow`` and ``outflow`` are cases a month from ``first_month`` on, ``at_start`` the cases
    that it took over. By year: ``reasons`` and ``durations`` (cases under 6, 6-12 and over 12
    months on support). ``long_months`` are the longest times on support, ``over_five_years`` the
    number above 60 months, the longest included. ``baseline_sek`` is the mean monthly payment
    over the three months before closure.
    """

    first_month: str
    at_start: int
    inflow: tuple[int, ...]
    outflow: tuple[int, ...]
    reasons: Mapping[int, Mapping[str, int]]
    durations: Mapping[int, tuple[int, int, int]]
    over_five_years: int
    long_months: tuple[int, ...]
    mean_duration_months: float
    reactivated: int
    baseline_sek: float

    @property
    def cases(self) -> int:
        """All cases that the team ever had."""
        return self.at_start + sum(self.inflow)


def flow_starts(rng: np.random.Generator, flow: Flow) -> np.ndarray:
    """Start days: the cases taken over on the first day, the others later in their month."""
    month = np.datetime64(flow.first_month, "M")
    months = month + np.repeat(np.arange(len(flow.inflow)), flow.inflow)
    days = months.astype("datetime64[D]") + rng.integers(1, 28, len(months))
    taken_over = np.repeat(month.astype("datetime64[D]"), flow.at_start)
    return np.concatenate([taken_over, np.sort(days)])


def close_by_flow(
    rng: np.random.Generator, participants: pd.DataFrame, latent: np.ndarray, flow: Flow
) -> pd.DataFrame:
    """Closures as the team reported them.

    Adds closed_on, cause, closure_reason and return_after (months from closure to a new payment),
    and sets the months on support before start. Raises HfcoreError where they do not fit.
    """
    started = participants["started_on"].to_numpy().astype("datetime64[D]")
    closed_on = _close_earliest(rng, started, started.astype(int) + latent.min(axis=1), flow)
    stays = month_of(closed_on) - participants["start"].to_numpy()
    reasons, months = _reasons_and_months(rng, closed_on, stays, flow)
    months = np.where(np.isnat(closed_on), participants["months_on_support"], months - stays)
    if (months < 0).any():
        raise HfcoreError("A simulated case is open for longer than it is on support.")
    return participants.assign(
        closed_on=closed_on,
        closure_reason=reasons,
        cause=_causes(reasons),
        months_on_support=months,
        applicant_age=np.maximum(participants["applicant_age"], ADULT_AGE + 1 + months // 12),
        return_after=_returns(rng, closed_on, reasons, flow),
    )


def _close_earliest(
    rng: np.random.Generator, started: np.ndarray, latent_end: np.ndarray, flow: Flow
) -> np.ndarray:
    """Each month closes the open cases that started before it and whose latent end comes first."""
    closed_on = np.full(len(started), np.datetime64("NaT", "D"))
    for place, count in enumerate(flow.outflow):
        month = (np.datetime64(flow.first_month, "M") + place).astype("datetime64[D]")
        is_open = np.isnat(closed_on) & (started <= month)
        chosen = np.argsort(np.where(is_open, latent_end, np.inf), kind="stable")[:count]
        closed_on[chosen] = month + rng.integers(1, 28, count)
    return closed_on


def _reasons_and_months(
    rng: np.random.Generator, closed_on: np.ndarray, stays: np.ndarray, flow: Flow
) -> tuple[np.ndarray, np.ndarray]:
    """Closure reason, and months on support at closure: longer for those who stayed longer."""
    years = closed_on.astype("datetime64[Y]").astype(int) + 1970
    reasons = np.full(len(closed_on), "", dtype=object)
    months = np.zeros(len(closed_on), int)
    durations = _durations(rng, flow)
    for year, counts in flow.reasons.items():
        rows = rng.permutation(np.flatnonzero(years == year))
        rows = rows[np.argsort(stays[rows], kind="stable")]
        months[rows] = durations[year]
        reasons[rows] = rng.permutation(np.repeat(list(counts), list(counts.values())))
        _swap_in(reasons, rows[months[rows] == flow.long_months[0]], rows, "work")
    return reasons, months


def _swap_in(reasons: np.ndarray, place: np.ndarray, rows: np.ndarray, word: str) -> None:
    """Give the household at ``place`` the reason, and its reason to one that had it."""
    for row in place:
        other = rows[reasons[rows] == word][0]
        reasons[row], reasons[other] = reasons[other], reasons[row]


def _durations(rng: np.random.Generator, flow: Flow) -> dict[int, np.ndarray]:
    """Whole months on support at closure by year, in rising order."""
    counts = list(flow.durations.values())
    n_middle = sum(over for _, _, over in counts) - flow.over_five_years
    n_long = flow.over_five_years - len(flow.long_months)
    short = [rng.integers(3, 6, under) for under, _, _ in counts]
    half = [rng.integers(8, 12, half) for _, half, _ in counts]
    long = np.concatenate([rng.integers(62, 110, n_long), flow.long_months])
    known = np.concatenate([*short, *half, long]).sum()
    total = flow.mean_duration_months * sum(sum(each) for each in counts)
    middle = stretch(
        rng.gamma(3.0, 10.0, n_middle),
        (total - known) / n_middle,
        np.full(n_middle, 16.0),
        np.full(n_middle, 58.0),
    )
    over = rng.permutation(np.concatenate([np.rint(middle), long]).astype(int))
    over = np.concatenate([over[over != flow.long_months[0]], [flow.long_months[0]]])
    cuts = np.cumsum([each[2] for each in counts])[:-1]
    parts = zip(flow.durations, short, half, np.split(over, cuts), strict=True)
    return {year: np.sort(np.concatenate(each)).astype(int) for year, *each in parts}


def _causes(reasons: np.ndarray) -> np.ndarray:
    causes = np.where(reasons == "", "", "other_positive").astype(object)
    causes[np.isin(reasons, POSITIVE_REASONS)] = "self_sufficiency"
    causes[reasons == "stopped_applying"] = "negative"
    for word in ("moved", "deceased"):
        causes[reasons == word] = word
    return causes


def _returns(
    rng: np.random.Generator, closed_on: np.ndarray, reasons: np.ndarray, flow: Flow
) -> np.ndarray:
    """Months from closure to the first new payment of those who come back; null for the others."""
    last = np.datetime64(flow.first_month, "M") + len(flow.outflow) - 1
    room = (last - closed_on.astype("datetime64[M]")).astype(float)
    able = np.flatnonzero(np.isin(reasons, POSITIVE_REASONS) & (room >= 6))
    returns = np.full(len(reasons), np.nan)
    returns[rng.choice(able, flow.reactivated, replace=False)] = rng.integers(
        3, 6, flow.reactivated
    )
    return returns


def open_cases(households: pd.DataFrame, days: np.ndarray) -> np.ndarray:
    """How many of the households are open on each day."""
    started = households["started_on"].to_numpy().astype("datetime64[D]")
    closed = households["closed_on"].to_numpy().astype("datetime64[D]")
    closed = np.where(np.isnat(closed), np.datetime64("2999-01-01", "D"), closed)
    return ((started[:, None] <= days) & (closed[:, None] > days)).sum(axis=0)


def build_caseload(
    rng: np.random.Generator, households: pd.DataFrame, days: np.ndarray, fte: tuple[float, float]
) -> pd.DataFrame:
    """One row a team and day: the whole office has 280-300 cases, the team 40-50 % fewer a post."""
    own = open_cases(households, days)
    ratio = own / fte[0] * fte[1]
    low = np.maximum(280 - own, np.ceil(ratio / 0.595)).astype(int)
    high = np.minimum(300 - own, np.floor(ratio / 0.505)).astype(int)
    others = rng.integers(low, np.maximum(high, low) + 1)
    return pd.DataFrame(
        {
            "team": np.repeat(["intervention", "comparison"], len(days)),
            "on": np.tile(days, 2),
            "staff_fte": np.repeat(fte, len(days)),
            "open_cases": np.concatenate([own, others]),
        }
    )


def build_worktime(
    rng: np.random.Generator,
    shares: Mapping[str, Mapping[str, float]],
    workers: Mapping[str, int],
    days: np.ndarray,
) -> pd.DataFrame:
    """One row a worker, day and category; a team's hours have exactly the shares given."""
    parts, first = [], 1
    for team, by_category in shares.items():
        slots = workers[team] * len(days)
        units = np.rint(np.array(list(by_category.values())) * slots * _UNITS_A_DAY).astype(int)
        spent = _in_blocks(rng, np.repeat(np.arange(len(units)), units))
        hours = pd.crosstab(np.arange(len(spent)) // _UNITS_A_DAY, spent).stack()
        slot = hours.index.get_level_values(0).to_numpy()
        category = hours.index.get_level_values(1).to_numpy()
        part = pd.DataFrame(
            {
                "worker": first + slot // len(days),
                "team": team,
                "on": days[slot % len(days)],
                "category": np.array(list(by_category))[category],
                "hours": hours.to_numpy() * _UNIT_HOURS,
            }
        )
        parts.append(part[part["hours"] > 0])
        first += workers[team]
    return pd.concat(parts, ignore_index=True)


def _in_blocks(rng: np.random.Generator, units: np.ndarray) -> np.ndarray:
    """The units of time in stretches of about an hour, in random order."""
    blocks = np.arange(len(units)) // 20
    return units[np.argsort(rng.permutation(blocks.max() + 1)[blocks], kind="stable")]
