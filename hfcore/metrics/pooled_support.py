"""The effect on support over municipalities, where each alone is too small to see it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from hfcore.estimators.meta_analysis import pool_effects
from hfcore.metrics.difference_in_differences import WINDOWS
from hfcore.results import build_results, require_columns
from hfcore.study import Study

_NEEDED = ("municipality", "metric", "level", "variant", "estimate", "ci_high", "df", "n")


MIN_MUNICIPALITIES_ANOTHER = 5


def pooled_support_effect(effects: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The effect over municipalities: on these participants, and where one more would lie.

    Parameters
    ----------
    effects : results of ``support_effect`` of several municipalities, one below the other, with
        the column ``municipality``; those without an interval are left out.
    study : its ``min_households_arm``, which here the participants of all together must reach.

    Returns
    -------
    Results, per window a row a variant, SEK per month: ``these``, the mean effect on the
    participants of these municipalities; ``another``, the mean of true effects of municipalities
    with the interval in which that of one more would lie, told from five municipalities;
    ``between``, the standard deviation between true effects; and ``i_squared``, how much of the
    differences between figures is not chance (a share). ``n`` and ``n_events`` count households
    and participants of all municipalities in the window. Not available with fewer than two.

    Raises
    ------
    MetricInputError
        If a column is missing.

    Notes
    -----
    Two questions, two estimators. *These*: sum of n_k tau_k / n over municipalities, n_k their
    participants, each with its own controls and slopes; variance sum of (n_k/n)² se_k², degrees
    of freedom by Satterthwaite. *Another*: random effects by restricted maximum likelihood with
    Hartung and Knapp's interval and its prediction interval (Higgins, Thompson & Spiegelhalter
    2009, equation 12). With two or three municipalities random effects see nothing that each of
    them shows.
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
        pd.DataFrame(rows, columns=[*_EMPTY, "method"]),
        metric="support_effect_pooled",
        group="difference",
        dimension="window",
    )


_METHODS = {
    "these": "participant_weighted_mean",
    "another": "random_effects_hartung_knapp",
    "between": "random_effects_hartung_knapp",
    "i_squared": "random_effects_hartung_knapp",
}
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
    figures = _figures(known) if len(known) > 1 else {each: {} for each in _METHODS}
    arms = min(sums["n_events"], sums["n"] - sums["n_events"])
    enough = arms >= study.definitions.min_households_arm
    rows = []
    for variant, figure in figures.items():
        is_told = enough and (variant != "another" or len(known) >= MIN_MUNICIPALITIES_ANOTHER)
        status = {"status": "ok" if is_told else "too_few"} if len(known) > 1 else {}
        unit = {"unit": "share"} if variant == "i_squared" else {}
        row = _EMPTY | sums | status | unit | figure
        rows.append(row | {"level": name, "variant": variant, "method": _METHODS[variant]})
    return rows


def _figures(effects: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Estimate and interval of each variant, from effects with intervals."""
    estimate, df, n = (
        effects[each].to_numpy(dtype="float64") for each in ("estimate", "df", "n_events")
    )
    reach = effects["ci_high"].to_numpy(dtype="float64") - estimate
    errors = reach / stdtrit(df, 0.975)
    share = n / n.sum()
    parts = (share * errors) ** 2
    own_df = parts.sum() ** 2 / (parts**2 / df).sum()
    middle, half = float(share @ estimate), stdtrit(own_df, 0.975) * np.sqrt(parts.sum())
    found = pool_effects(estimate, errors)
    low, high = found.predicted
    return {
        "these": {
            "estimate": middle,
            "ci_low": middle - half,
            "ci_high": middle + half,
            "df": own_df,
        },
        "another": {"estimate": found.estimate, "ci_low": low, "ci_high": high},
        "between": {"estimate": float(np.sqrt(found.tau_squared))},
        "i_squared": {"estimate": found.i_squared},
    }
