"""Figures that tie a known amount to a number of people: formed from the number that is shown.

A budget is public, so that kronor a household or a closure would give the exact number away by a
division. Sums of nested groups would give away what lies between them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.estimators.intervals import wilson
from hfcore.results import OWNER_COLUMNS
from hfcore.study import Publication
from hfpublish.disclosure.model_rows import model_results
from hfpublish.disclosure.protection import ESTIMATE, at_least, mark, withhold

NOISE_VARIANCE, Z = 2.0, 1.96
BY_HOUSEHOLDS = ("cost_per_household", "cost_per_extra_exit")
BY_CLOSURES = ("cost_per_exit", "stock_duration")
BY_POSTS = ("closures_per_post",)
OF_COST = ("break_even_effect", "net_per_household")
OF_TEAMS = ("worktime_difference",)
CHANCE_STEP = 0.05
DIGITS = {"national_saving": 2, "cost_per_extra_exit": 2, "closures_per_post": 2}


def models_and_ratios(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 9 for model results, and for what a known amount makes with a count."""
    return ratios_of_counts(model_results(rows, publication), publication)


def ratios_of_counts(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 9: what a known amount makes with a count comes from the shown count, as its range does.

    ``cost_per_household``, ``cost_per_exit``, ``closures_per_post`` and what is made of them; a
    chance in steps of five per cent, sums for the nation in two digits. Of nested sums those that
    differ by fewer than ``min_sum_n`` closures are withheld, and differences between teams of
    fewer than ``min_workers``.
    """
    rows = _from_shown(rows, publication)
    rows = _of_shown_costs(rows)
    rows = _nested_sums(rows, publication)
    of_teams = rows["metric"].isin(OF_TEAMS) | rows["variant"].eq("per_worker")
    few = ~(rows["n"] >= publication.min_workers).fillna(False).astype(bool)
    rows = withhold(rows, of_teams & few)
    return _coarse(rows, publication)


def _from_shown(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Ratios with a count of households or closures, anew from the shown count."""
    metric = rows["metric"]
    new = {column: rows[column].astype("float64") for column in ESTIMATE}
    changed = pd.Series(False, index=rows.index)
    # What another rule has withheld stays withheld.
    told = metric.isin([*BY_HOUSEHOLDS, *BY_CLOSURES, *BY_POSTS]) & rows["protection"].ne(
        "withheld"
    )
    for place in rows.index[told]:
        row = rows.loc[place]
        figures = _ratio_of_shown(row)
        changed[place] = True
        for column, figure in zip(ESTIMATE, figures, strict=True):
            new[column][place] = figure
    few = changed & ~(rows["n"].fillna(rows["n_events"]) >= publication.min_mean_n).fillna(False)
    return withhold(mark(rows.assign(**new), changed, "cell_key"), few.astype(bool))


def _ratio_of_shown(row: pd.Series) -> tuple[float, float, float]:
    metric = row["metric"]
    true, shown = (
        (row["n"], row["shown_n"])
        if metric in BY_HOUSEHOLDS
        else (row["n_events"], row["shown_events"])
    )
    estimate = float(row["estimate"])
    if pd.isna(true) or pd.isna(shown) or not shown or np.isnan(estimate):
        lower = row["ci_low"] if metric == "cost_per_extra_exit" else np.nan
        factor = true / shown if pd.notna(true) and pd.notna(shown) and shown else np.nan
        return np.nan, float(lower) * float(factor) if pd.notna(lower) else np.nan, np.nan
    true, shown, noise = float(true), float(shown), Z * NOISE_VARIANCE**0.5
    if metric in BY_POSTS:
        exposure, half = true / estimate, Z * (shown + NOISE_VARIANCE) ** 0.5
        ends = (max(shown - half, 0.0) / exposure, (shown + half) / exposure)
        return shown / exposure, *ends
    amount = estimate * true
    if metric == "cost_per_exit":
        n = float(row["shown_n"])
        low, high = (float(end) * n for end in wilson(min(shown, n), n))
        low, high = (
            shown - np.hypot(shown - low, noise),
            shown + np.hypot(high - shown, noise),
        )
        return amount / shown, amount / high, amount / low if low > 0 else np.nan
    if metric == "cost_per_extra_exit" or pd.notna(row["ci_low"]):
        # Its own range is about the effect or the stay; the count adds little beside.
        factor = true / shown
        return estimate * factor, float(row["ci_low"]) * factor, float(row["ci_high"]) * factor
    top = amount / (shown - noise) if shown > noise else np.nan
    return amount / shown, amount / (shown + noise), top


def _of_shown_costs(rows: pd.DataFrame) -> pd.DataFrame:
    """What a household's cost is part of, anew from the shown cost."""
    owners = [column for column in OWNER_COLUMNS if column in rows]
    for place in rows.index[rows["metric"].isin(OF_COST) & rows["shown"].notna()]:
        row = rows.loc[place]
        own = rows["metric"].eq("cost_per_household")
        for owner in owners:
            own &= rows[owner].eq(row[owner])
        costs = rows.loc[own & rows["estimate"].notna()].set_index("variant")
        name = next((each for each in ("steady", "default") if each in costs.index), None)
        if name is None or pd.isna(costs.loc[name, "shown"]):
            rows = withhold(rows, pd.Series(rows.index == place, rows.index))
            continue
        moved = float(costs.loc[name, "shown"]) - float(costs.loc[name, "estimate"])
        by = moved / float(row["month"]) if row["metric"] == OF_COST[0] else -moved
        figures = {column: float(row[true]) + by for column, true in _TRUE.items()}
        rows = rows.assign(
            **{
                column: rows[column].mask(rows.index == place, figure)
                for column, figure in figures.items()
            }
        )
    return rows


_TRUE = {"shown": "estimate", "shown_low": "ci_low", "shown_high": "ci_high"}


def _nested_sums(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Withhold sums whose closures are all but a few of those of a larger sum."""
    sums = rows["metric"].eq("saving_gross") & rows["shown"].notna() & rows["n"].notna()
    owners = [column for column in OWNER_COLUMNS if column in rows]
    hidden = pd.Series(False, index=rows.index)
    for _, same in rows.loc[sums].groupby([*owners, "dimension", "level"], sort=False):
        kept: list[int] = []
        first = same["variant"].map({"all_closures": 0, "default": 1, "expected": 2}).fillna(3)
        order = same.assign(first=first).sort_values(["first", "n"], ascending=[True, False])
        for place, n in order["n"].items():
            apart = [abs(int(n) - each) for each in kept]
            if any(distance < publication.min_sum_n for distance in apart):
                hidden[place] = True
            else:
                kept.append(int(n))
    return withhold(rows, hidden)


def _coarse(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Few digits where more would say more than is known."""
    chance = rows["metric"].eq("break_even_chance")
    for column in ESTIMATE:
        values = rows[column].astype("float64")
        values = values.mask(chance, (values / CHANCE_STEP).round() * CHANCE_STEP)
        for metric, digits in DIGITS.items():
            values = values.mask(rows["metric"].eq(metric), _significant(values, digits))
        is_large = rows["metric"].isin([*BY_HOUSEHOLDS, *BY_CLOSURES, *OF_COST])
        small = rows["metric"].isin(BY_HOUSEHOLDS) & ~at_least(rows, publication.fine_mean_n)
        step = np.where(values.abs() >= 100_000, 1_000.0, np.where(small, 500.0, 100.0))
        step = np.where(rows["unit"].eq("months"), 0.5, step)
        rows = rows.assign(**{column: values.mask(is_large, (values / step).round() * step)})
    return rows


def _significant(values: pd.Series, digits: int) -> pd.Series:
    """Values in so many significant digits.

    >>> _significant(pd.Series([578_793_320.0, 1.486, 0.0]), 2).tolist()
    [580000000.0, 1.5, 0.0]
    """
    size = np.floor(np.log10(values.abs().where(values.ne(0), 1.0)))
    step = 10.0 ** (size - digits + 1)
    return (values / step).round() * step
