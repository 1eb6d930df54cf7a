"""What only a simulation knows: the true effect, and by how much the naive comparison is off."""

from __future__ import annotations

from typing import Any

import numpy as np

from hfdemo.municipality_process import Simulated
from hfdemo.programme import HORIZON, Panel, naive_difference

WINDOWS = ((1, 12), (13, 24), (1, 24))


def place_truth(simulated: Simulated) -> dict[str, Any]:
    """The truth of one municipality, in SEK per household and month.

    ``effect_by_month`` and ``effect_observed`` are means over the participants' household-months
    inside the payment export; ``effect_complete`` is the mean over households whose whole window
    is inside it and who neither moved nor died before its end. The naive difference is effect
    plus bias, exactly, in this very sample.
    """
    panel = simulated.participants
    gain = panel.received - panel.without
    naive = naive_difference(panel, simulated.controls)
    effect = float(gain[panel.within(1, HORIZON)].mean())
    return {
        "participants": len(panel.received),
        "controls": len(simulated.controls.received),
        "responding_households": int(simulated.responds.sum()),
        "need_sek": _sek(simulated.process.need_sek),
        "control_permanent": _sek(simulated.process.control_permanent),
        "effect_by_month": [_of_month(simulated, gain, month) for month in range(1, HORIZON + 1)],
        "effect_observed": [_observed(simulated, gain, window) for window in WINDOWS],
        "effect_complete": [_complete(simulated, window) for window in WINDOWS],
        "naive": {
            "window": _name((1, HORIZON)),
            "difference_sek": _sek(naive),
            "effect_sek": _sek(effect),
            "bias_sek": _sek(naive - effect),
        },
        "cumulative_incidence": simulated.incidence,
    }


def _of_month(simulated: Simulated, gain: np.ndarray, month: int) -> dict[str, Any]:
    cells = simulated.participants.within(month, month)
    return {"month": month, "effect_sek": _mean(gain[cells]), "households": int(cells.sum())}


def _observed(simulated: Simulated, gain: np.ndarray, window: tuple[int, int]) -> dict[str, Any]:
    cells = simulated.participants.within(*window)
    return {
        "window": _name(window),
        "effect_sek": _mean(gain[cells]),
        "household_months": int(cells.sum()),
    }


def whole_window_gains(panel: Panel, departed: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    """What the programme changes, SEK a month, of each participant whose whole window is seen.

    ``departed`` holds the months from start to a move or death, null for all others. The mean is
    the effect that an estimate from whole windows aims at.
    """
    length = window[1] - window[0] + 1
    has_left = panel.months_since_start() > departed[:, None]
    whole = (panel.within(*window) & ~has_left).sum(axis=1) == length
    gain = (panel.received - panel.without) * panel.within(*window)
    return gain.sum(axis=1)[whole] / length


def _complete(simulated: Simulated, window: tuple[int, int]) -> dict[str, Any]:
    means = whole_window_gains(simulated.participants, simulated.departed, window)
    return {"window": _name(window), "effect_sek": _mean(means), "households": len(means)}


def _name(window: tuple[int, int]) -> str:
    return f"{window[0]}-{window[1]}"


def _mean(values: np.ndarray) -> float | None:
    return _sek(values.mean()) if len(values) else None


def _sek(value: float) -> float:
    return round(float(value), 4)
