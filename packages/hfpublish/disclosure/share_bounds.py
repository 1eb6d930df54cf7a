"""Rule 4 for shares that are known between two ends only, since not everybody answered."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators.intervals import LEVEL, normal_quantile
from hfcore.study import Publication
from hfpublish.disclosure.protection import is_kind, round_to

METHOD = "manski_bounds"
_STEP = 0.01


def widened_bounds(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """The ends from the printed counts, so far apart that what moved these lies between them.

    Three counts are moved: the members, those who answered (``n_at_risk``) and those who said so
    (``n_events``), each with the variance of the noise.
    """
    which = is_kind(rows, "share") & rows["method"].eq(METHOD)
    if not which.any():
        return rows
    n, answered, said = (
        rows[name].astype("float64").where(which)
        for name in ("shown_n", "shown_at_risk", "shown_events")
    )
    answered, said = np.minimum(answered, n), np.minimum(said, answered)
    low, rest = said / n, (answered - said) / n
    reach, variance = normal_quantile(LEVEL), float(publication.noise_variance)
    ends = {
        "shown": said / answered,
        "shown_low": low - reach * np.sqrt(variance * (1 + low**2)) / n,
        "shown_high": 1 - rest + reach * np.sqrt(variance * (2 + rest**2)) / n,
    }
    return rows.assign(
        **{
            name: rows[name].mask(which, round_to(value.clip(0, 1), _STEP).round(2))
            for name, value in ends.items()
        }
    )
