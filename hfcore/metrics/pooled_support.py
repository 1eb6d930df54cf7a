"""The effect on support over all municipalities, where each alone is too small to see it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from hfcore.estimators.meta_analysis import pool_effects
from hfcore.metrics.difference_in_differences import WINDOWS
from hfcore.results import build_results, require_columns
from hfcore.study import Study

_NEEDED = ("municipality", "metric", "level", "variant", "estimate", "ci_high", "df", "n")


def pooled_support_effect(effects: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The mean effect over municipalities, each with its own true effect.

    Parameters
    ----------
    effects : results of ``support_effect`` of several municipalities, one below the other, with
        the column ``municipality``; those without an interval are left out.
    study : its ``min_households_arm``, which here the participants of all together must reach.

    Returns
    -------
    Results, per window a row a variant: ``pooled``, the mean; ``predicted``, the same with the
    interval in which the effect of one more municipality would lie; ``between``, the standard
    deviation between the true effects of municipalities (all three in SEK per month); and
    ``i_squared``, how much of the differences between their figures is not chance (a share).
    ``n`` and ``n_events`` count households and participants of all municipalities in the window.
    ``df`` counts the residual degrees of freedom among households (what protection asks about);
    the interval itself has municipalities − 1. Not available with fewer than two municipalities.

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
    windows = effects.loc[effects["metric"].eq("support_effect") & effects["level"].ne("")]
    windows = windows.loc[windows["variant"].eq("default")]
    present = set(windows["level"])
    rows = [
        row
        for name in WINDOWS
        if name in present
        for row in _pooled_rows(windows.loc[windows["level"].eq(name)], name, study)
    ]
    return build_results(
        pd.DataFrame(rows, columns=list(_EMPTY)),
        metric="support_effect",
        group="difference",
        dimension="window",
        method="random_effects_hartung_knapp",
    )


_VARIANTS = ("pooled", "predicted", "between", "i_squared")
_EMPTY = {
    "variant": "",
    "unit": "sek_per_month",
    "level": "",
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


def _pooled_rows(window: pd.DataFrame, name: str, study: Study) -> list[dict[str, object]]:
    """The rows of one window, a variant each."""
    known = window.loc[window["ci_high"].notna() & window["df"].notna()]
    sums = known[["n", "n_events", "key_n", "key_events", "df"]].sum().to_dict()
    figures = _figures(known) if len(known) > 1 else {each: {} for each in _VARIANTS}
    arms = min(sums["n_events"], sums["n"] - sums["n_events"])
    enough = arms >= study.definitions.min_households_arm
    status = {"status": "ok" if enough else "too_few"} if len(known) > 1 else {}
    units = {"i_squared": "share"}
    return [
        _EMPTY
        | sums
        | status
        | figure
        | {"level": name, "variant": variant}
        | ({"unit": units[variant]} if variant in units else {})
        for variant, figure in figures.items()
    ]


def _figures(effects: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Estimate and interval of each variant, from effects with intervals."""
    reach = (effects["ci_high"] - effects["estimate"]).to_numpy(dtype="float64")
    errors = reach / stdtrit(effects["df"].to_numpy(dtype="float64"), 0.975)
    found = pool_effects(effects["estimate"].to_numpy(dtype="float64"), errors)
    low, high = found.predicted
    together = {"estimate": found.estimate, "ci_low": found.ci_low, "ci_high": found.ci_high}
    return {
        "pooled": together,
        "predicted": together | {"ci_low": low, "ci_high": high},
        "between": {"estimate": float(np.sqrt(found.tau_squared))},
        "i_squared": {"estimate": found.i_squared},
    }
