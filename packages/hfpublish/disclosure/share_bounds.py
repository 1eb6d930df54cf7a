"""Rule 4 for shares without chance: of all who are counted, or between two ends; and for rates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators.intervals import LEVEL, normal_quantile
from hfcore.study import Publication
from hfpublish.disclosure.protection import at_least, is_kind, mark, round_to, withhold

METHOD, FULL = "manski_bounds", "full_count"
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


def counted_shares(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Shares of a full count: the range holds what protection added and no chance."""
    which = is_kind(rows, "share") & rows["method"].eq(FULL)
    if not which.any():
        return rows
    n, events = (rows[name].astype("float64").where(which) for name in ("shown_n", "shown_events"))
    share = np.minimum(events / n, 1)
    reach = normal_quantile(LEVEL) * np.sqrt(float(publication.noise_variance) * (1 + share**2)) / n
    ends = {"shown_low": share - reach, "shown_high": share + reach}
    return rows.assign(
        **{
            name: rows[name].mask(which, round_to(value.clip(0, 1), _STEP).round(2))
            for name, value in ends.items()
        }
    )


def shown_rates(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rates of a known base (per 1 000 listed) from the shown count, to tenths."""
    which = is_kind(rows, "rate")
    if not which.any():
        return rows
    rows = withhold(rows, which & ~at_least(rows, publication.min_mean_n))
    rate = rows["estimate"] / rows["n"].astype("float64") * rows["shown_n"].astype("float64")
    which = is_kind(rows, "rate")
    shown = rows["shown"].mask(which, round_to(rate, 0.1).round(1))
    return mark(rows.assign(shown=shown), which, "rounded")
