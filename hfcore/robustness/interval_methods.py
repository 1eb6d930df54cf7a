"""Does an answer depend on the method of its interval? The same figures with others beside.

For reviewers: the default stands first and is the one that reports use.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators import proportions
from hfcore.results import join_results

_SHARES = {"clopper_pearson": proportions.clopper_pearson, "mid_p": proportions.mid_p}
_DIFFERENCES = {
    "newcombe": proportions.newcombe,
    "agresti_caffo": proportions.agresti_caffo,
    "miettinen_nurminen": proportions.miettinen_nurminen,
    "wald": proportions.wald,
}


def share_methods(shares: pd.DataFrame) -> pd.DataFrame:
    """Shares with Wilson's interval, and the same with the exact one and its mid-p.

    Parameters
    ----------
    shares : DataFrame
        Results in shares of independent households, with n and n_events.

    Returns
    -------
    DataFrame
        Three rows for each: ``variant`` default as given, ``clopper_pearson`` and ``mid_p``. Where
        nobody is counted there is no interval.

    References
    ----------
    Clopper & Pearson (1934); Newcombe (1998) Stat Med 17:857, methods 3, 5 and 6.
    """
    counts = shares[["n_events", "n"]].to_numpy(dtype="float64")
    others = []
    for name, interval in _SHARES.items():
        ends = np.array([interval(*row) for row in counts], dtype="float64").reshape(-1, 2)
        others.append(_with_ends(shares, name, ends))
    order = np.argsort(np.tile(np.arange(len(shares)), 1 + len(others)), kind="stable")
    return join_results(shares, *others).iloc[order].reset_index(drop=True)


def difference_methods(changed: pd.DataFrame, month: int) -> pd.DataFrame:
    """The difference in the share with another plan at one point, with each interval.

    Parameters
    ----------
    changed : DataFrame
        Results of ``plan_changed``.
    month : int
        The measurement point.

    Returns
    -------
    DataFrame
        ``plan_changed_difference``, one row a method: ``default`` (Newcombe's on effective
        numbers) and ``cluster_robust`` as they are, and as if all adults were independent
        ``newcombe``, ``agresti_caffo``, ``miettinen_nurminen`` and ``wald``. These are too short
        where two adults of a household resemble each other.

    References
    ----------
    Newcombe (1998) Stat Med 17:873; Agresti & Caffo (2000); Miettinen & Nurminen (1985).
    """
    then = changed.loc[changed["month"].eq(month)]
    difference = then.loc[then["metric"].eq("plan_changed_difference")]
    default, robust = (
        difference.loc[difference["variant"].eq(name)] for name in ("default", "cluster_robust")
    )
    shares = then.loc[then["metric"].eq("plan_changed") & then["variant"].eq("default")]
    of_group = shares.set_index("group")[["n_events", "n"]].astype("float64")
    table = [*of_group.loc["participant"], *of_group.loc["control"]]
    others = [
        _with_ends(default, name, np.reshape(_ends(interval, table), (1, 2)))
        for name, interval in _DIFFERENCES.items()
    ]
    return join_results(default, robust, *others)


def _ends(interval, table: list[float]) -> tuple:
    return interval(*table) if table[1] and table[3] else (np.nan, np.nan)


def _with_ends(rows: pd.DataFrame, name: str, ends: np.ndarray) -> pd.DataFrame:
    return rows.assign(variant=name, method=name, ci_low=ends[:, 0], ci_high=ends[:, 1])
