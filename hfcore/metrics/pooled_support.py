"""The effect on support over all municipalities, where each alone is too small to see it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from hfcore.metrics.changes import WINDOWS
from hfcore.schema import build_results, require_columns
from hfcore.statistics.pooling import pool_effects
from hfcore.study import Study

_NEEDED = ("municipality", "metric", "subgroup", "variant", "estimate", "ci_high", "df", "n")


def pooled_support_effect(effects: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The mean effect over municipalities, each with its own true effect.

    Parameters
    ----------
    effects : results of ``support_effect`` of several municipalities, one below the other, with
        the column ``municipality``; those without an interval are left out.
    study : its ``min_households_arm``, which here the participants of all together must reach.

    Returns
    -------
    Results in SEK per month, variant ``pooled``, one row a window; ``n`` and ``n_events`` count
    households and participants of all municipalities that are in it. ``df`` counts the residual
    degrees of freedom among households (what protection asks about); the interval itself has
    municipalities − 1. Not available with fewer than two municipalities.

    Raises
    ------
    MetricInputError
        If a column is missing.

    Notes
    -----
    Random effects, restricted maximum likelihood, Hartung–Knapp interval. With two or three
    municipalities it is wide, and says so.
    """
    require_columns(effects, (*_NEEDED, "n_events", "key_n", "key_events"), "effects")
    windows = effects.loc[effects["metric"].eq("support_effect") & effects["subgroup"].ne("")]
    windows = windows.loc[windows["variant"].eq("default")]
    present = set(windows["subgroup"])
    names = [each for each in map("window={}".format, WINDOWS) if each in present]
    rows = [_pooled_row(windows.loc[windows["subgroup"].eq(name)], name, study) for name in names]
    return build_results(
        pd.DataFrame(rows, columns=list(_EMPTY)),
        metric="support_effect",
        variant="pooled",
        group="difference",
        unit="sek_per_month",
        method="random_effects_hartung_knapp",
    )


_EMPTY = {
    "subgroup": "",
    "estimate": np.nan,
    "ci_low": np.nan,
    "ci_high": np.nan,
    "n": 0,
    "n_events": 0,
    "key_n": 0.0,
    "key_events": 0.0,
    "df": np.nan,
    "status": "not_available",
}


def _pooled_row(window: pd.DataFrame, name: str, study: Study) -> dict[str, object]:
    known = window.loc[window["ci_high"].notna() & window["df"].notna()]
    sums = known[["n", "n_events", "key_n", "key_events", "df"]].sum().to_dict()
    if len(known) < 2:
        return _EMPTY | sums | {"subgroup": name}
    reach = (known["ci_high"] - known["estimate"]).to_numpy(dtype="float64")
    errors = reach / stdtrit(known["df"].to_numpy(dtype="float64"), 0.975)
    found = pool_effects(known["estimate"].to_numpy(dtype="float64"), errors)
    arms = min(sums["n_events"], sums["n"] - sums["n_events"])
    enough = arms >= study.definitions.min_households_arm
    return sums | {
        "subgroup": name,
        "estimate": found.estimate,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "status": "ok" if enough else "too_few",
    }
