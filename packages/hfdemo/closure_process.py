"""When and why cases close: competing hazards, closure reasons, judgement and return to support.

Each cause has a hazard per month that need and age of the household raise or lower; the first
one to strike closes the case, unless the cut-off comes before.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfdemo.household_process import CAUSES, DAYS_PER_MONTH, DEPARTED, Process, month_of

REASONS: dict[str, dict[str, float]] = {
    "self_sufficiency": {
        "work": 0.32,
        "subsidised_work": 0.2,
        "sheltered_work": 0.08,
        "studies": 0.22,
        "social_insurance": 0.18,
    },
    "moved": {"moved": 1.0},
    "deceased": {"deceased": 1.0},
    "other_positive": {"other": 0.68, "transferred": 0.24, "cohabiting": 0.08},
    "negative": {"other": 0.55, "transferred": 0.33, "stopped_applying": 0.12},
}
FIRST_RETURN_MONTH = 3


def latent_stays(
    rng: np.random.Generator, participants: pd.DataFrame, process: Process
) -> np.ndarray:
    """Days until each cause would close the case, (households, causes), were it the only one."""
    hazards = household_hazards(participants, process)
    return rng.exponential(size=hazards.shape) / hazards * DAYS_PER_MONTH


def household_hazards(participants: pd.DataFrame, process: Process) -> np.ndarray:
    """Monthly hazard of each cause for each household: need and age keep from self-sufficiency."""
    ease = -0.35 * participants["permanent"] - 0.02 * (participants["applicant_age"] - 38)
    relative = np.ones((len(participants), len(CAUSES)))
    relative[:, 0] = np.exp(ease)
    return relative * np.array([process.hazards[cause] for cause in CAUSES])


def true_incidence(participants: pd.DataFrame, process: Process, months: int) -> dict[str, float]:
    """Probability of having closed to each cause by a number of months, mean over households."""
    hazards = household_hazards(participants, process)
    total = hazards.sum(axis=1, keepdims=True)
    shares = (hazards / total * (1 - np.exp(-total * months))).mean(axis=0)
    return dict(zip(CAUSES, shares.tolist(), strict=True))


def close_freely(
    participants: pd.DataFrame, latent: np.ndarray, last_day: np.datetime64
) -> pd.DataFrame:
    """Closures as the hazards give them: adds ``closed_on`` and ``cause``, null while ongoing."""
    stays = np.maximum(np.rint(latent.min(axis=1)), 1).astype("timedelta64[D]")
    closed_on = participants["started_on"].to_numpy().astype("datetime64[D]") + stays
    is_closed = closed_on <= last_day
    causes = np.where(is_closed, np.array(CAUSES)[latent.argmin(axis=1)], "")
    return participants.assign(
        closed_on=np.where(is_closed, closed_on, np.datetime64("NaT", "D")), cause=causes
    )


def describe_closures(
    rng: np.random.Generator, participants: pd.DataFrame, process: Process
) -> pd.DataFrame:
    """Add closure reason, assessment, closure month and months until support is paid again.

    A reason or a return that is there already is kept.
    """
    causes = participants["cause"].to_numpy(object)
    drawn = pd.Series(draw_reasons(rng, causes), dtype=object)
    reasons = participants.get("closure_reason", drawn)
    closed = participants["closed_on"].notna()
    months = pd.Series(month_of(participants["closed_on"]) - participants["start"].to_numpy())
    wait = FIRST_RETURN_MONTH + rng.geometric(process.reactivation_hazard, len(causes)) - 1
    returns = pd.Series(wait, dtype=float).where(~reasons.isin(DEPARTED) & closed)
    return participants.assign(
        closure_reason=reasons.to_numpy(object),
        closure_assessment=assess(reasons.to_numpy(object), causes),
        closure_month=months.where(closed),
        return_after=participants.get("return_after", returns),
    )


def draw_reasons(rng: np.random.Generator, causes: np.ndarray) -> np.ndarray:
    """A closure reason for each cause; empty where the case is ongoing."""
    reasons = np.full(len(causes), "", dtype=object)
    for cause, shares in REASONS.items():
        rows = np.flatnonzero(causes == cause)
        reasons[rows] = rng.choice(list(shares), len(rows), p=list(shares.values()))
    return reasons


def assess(reasons: np.ndarray, causes: np.ndarray) -> np.ndarray:
    """The project's own judgement of each closure; empty for moves, deaths and ongoing cases."""
    positive = np.isin(causes, ("self_sufficiency", "other_positive"))
    assessment = np.where(positive, "positive", np.where(causes == "negative", "negative", ""))
    return np.where(np.isin(reasons, DEPARTED), "", assessment)
