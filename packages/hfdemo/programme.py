"""What the programme changes: each participant's payments without and with it.

Closures that end support would partly have come without the programme. Those who neither move nor
die leave support as often as other households would (the hazard of further exits is set so that
their mean payments without the programme stay what the process gives), so that the true effect is
all that sets participants and controls apart after start, beyond their selection. Controls
neither move nor die. Two traces remain: closures come earlier than usual exits would, so payments
are lower in the first year and higher in the second; and among few households, whose closures may
cost more payments than usual exits, no hazard makes up for it. With ``usual_exits`` there is
neither, but some cases are closed to work and still paid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hfdemo.calibration import root
from hfdemo.household_process import DEPARTED, Process, absences, months_since, payments_on_support

HORIZON = 24
UNRESPONSIVE = (*DEPARTED, "cohabiting", "stopped_applying")
_NEVER = 10_000
Draw = Callable[[str], np.random.Generator]


@dataclass(frozen=True)
class Panel:
    """Payments by household (row) and calendar month (column), SEK.

    ``without`` and ``received`` are equal for controls; for participants they are the course
    without the programme and the one that the payment file shows. ``first`` is the running
    number of the first column's month.
    """

    without: np.ndarray
    received: np.ndarray
    start: np.ndarray
    first: int

    def months_since_start(self) -> np.ndarray:
        """Months since start of every cell."""
        return self.first + np.arange(self.received.shape[1]) - self.start[:, None]

    def within(self, first: int, last: int) -> np.ndarray:
        """Which cells lie in a window of months since start, both ends included."""
        since = self.months_since_start()
        return (since >= first) & (since <= last)


def control_panel(
    draw: Draw, controls: pd.DataFrame, months: tuple[int, int], process: Process
) -> Panel:
    """Payments of controls: on support until they leave by themselves."""
    paid = payments_on_support(draw("control payments"), controls, *months, process)
    away = absences(draw("control absences"), controls, *months, process)
    received = np.where(away, 0, paid)
    return Panel(received, received, controls["start"].to_numpy(), months[0])


def participant_panel(
    draw: Draw,
    participants: pd.DataFrame,
    months: tuple[int, int],
    process: Process,
    effect: float,
    usual_exits: bool = False,
) -> tuple[Panel, np.ndarray]:
    """Both courses of the participants' payments, and which participants respond.

    ``participants`` has ``closure_month`` (months from start, null while ongoing),
    ``closure_reason``, ``closure_assessment`` and ``return_after`` (months from closure to the
    first new payment, null for none); ``months`` the first and last running month, ``effect``
    the mean effect wanted over months 1-24, SEK. ``usual_exits``: everybody leaves support as
    other households do, and closures change payments only where the programme works.
    """
    paid = payments_on_support(draw("payments"), participants, *months, process)
    since = months_since(participants, *months)
    remains = ~participants["closure_reason"].isin(DEPARTED).to_numpy()
    window = (since >= 1) & (since <= HORIZON) & remains[:, None]
    usual = np.where(absences(draw("absences"), participants, *months, process), 0, paid)
    expected = usual[window].mean()
    held = support_end(participants, process)

    response = _response(draw("response"), participants, months, process)
    if usual_exits:
        return _respond(response, paid, usual, effect, closes_anyway=False)

    def attempt(factor: float) -> tuple[Panel, np.ndarray]:
        away = absences(draw("absences"), participants, *months, process, held, factor)
        return _respond(response, paid, np.where(away, 0, paid), effect)

    def missing(factor: float) -> float:
        return expected - attempt(factor)[0].without[window].mean()

    return attempt(root(missing, 0.0, 2.0, halvings=12))


def support_end(participants: pd.DataFrame, process: Process) -> np.ndarray:
    """Months from start to a closure that ends support; 0 for all others."""
    ends = participants["closure_reason"].isin(process.ends_support)
    return participants["closure_month"].where(ends, 0).fillna(0).to_numpy(int)


@dataclass(frozen=True)
class _Response:
    """How each participant would respond: when closed, back and reduced (cells), and its rank."""

    is_closed: np.ndarray
    is_back: np.ndarray
    is_reduced: np.ndarray
    window: np.ndarray
    rank: np.ndarray
    remainder: float
    start: np.ndarray
    first: int


def _response(
    rng: np.random.Generator,
    participants: pd.DataFrame,
    months: tuple[int, int],
    process: Process,
) -> _Response:
    since = months_since(participants, *months)
    reason = participants["closure_reason"]
    ends = reason.isin(process.ends_support).to_numpy()
    end = np.where(ends, participants["closure_month"].fillna(0), _NEVER)[:, None]
    wait = participants["return_after"].fillna(_NEVER).to_numpy()[:, None]
    onset = 1 + rng.integers(0, process.response_within_months, end.shape)
    works = ends & participants["closure_assessment"].eq("positive").to_numpy()
    rank = rng.normal(size=len(since)) + process.response_of_exits * works
    return _Response(
        is_closed=since > end,
        is_back=since >= end + wait,
        is_reduced=(since >= onset) & (since <= end),
        window=(since >= 1) & (since <= HORIZON),
        rank=np.where(reason.isin(UNRESPONSIVE), -np.inf, rank),
        remainder=process.response_remainder,
        start=participants["start"].to_numpy(),
        first=months[0],
    )


def _respond(
    response: _Response,
    paid: np.ndarray,
    natural: np.ndarray,
    effect: float,
    closes_anyway: bool = True,
) -> tuple[Panel, np.ndarray]:
    """Let the households of highest rank respond until the effect is reached.

    A closure that ends support sets payments to zero from the next month. Where the household
    responds, that is the programme's doing, and its payments are also reduced from some month
    after start; else it would have happened anyway, unless not ``closes_anyway``.
    """
    closed = np.where(response.is_closed, np.where(response.is_back, paid, 0), natural)
    reduced = np.rint(closed * response.remainder)
    responding = np.where(response.is_reduced, reduced, closed)
    gains = ((responding - natural) * response.window).sum(axis=1) / response.window.sum()
    chosen = _responders(np.where(gains < 0, response.rank, -np.inf), gains, effect)
    otherwise = closed if closes_anyway else natural
    without = np.where(chosen[:, None], natural, otherwise)
    received = np.where(chosen[:, None], responding, otherwise)
    return Panel(without, received, response.start, response.first), chosen


def _responders(rank: np.ndarray, gains: np.ndarray, effect: float) -> np.ndarray:
    """The households of highest rank whose gains together come nearest to the effect."""
    order = np.argsort(-rank, kind="stable")[: int(np.isfinite(rank).sum())]
    reached = np.concatenate([[0.0], np.cumsum(gains[order])])
    chosen = np.zeros(len(rank), bool)
    chosen[order[: int(np.argmin(np.abs(reached - effect)))]] = True
    return chosen


def naive_difference(participants: Panel, controls: Panel) -> float:
    """Participants − controls as they are: mean over observed household-months 1-24, SEK.

    Controls stand in every start month in which they were on support (paid in it or the month
    before), so that start months are distributed as the participants'.
    """
    own = participants.received[participants.within(1, HORIZON)].mean()
    starts, counts = np.unique(participants.start - controls.first, return_counts=True)
    total, months = 0.0, 0.0
    for start, count in zip(starts, counts, strict=True):
        at_risk = (controls.received[:, max(start - 1, 0) : start + 1] > 0).any(axis=1)
        paid = controls.received[at_risk, start + 1 : start + HORIZON + 1]
        weight = count / max(at_risk.sum(), 1)
        total, months = total + weight * paid.sum(), months + weight * paid.size
    return float(own - total / months)
