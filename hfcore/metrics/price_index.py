"""Amounts of different years in the prices of one year.

``price_index.csv`` holds Statistics Sweden's consumer price index by month with its source and
date; established figures are never revised, later months are added at its end.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from hfcore.errors import UsageError
from hfcore.results import require_columns
from hfcore.study import month_number

FILE = Path(__file__).with_name("price_index.csv")


@cache
def _series() -> pd.Series:
    table = pd.read_csv(FILE, comment="#", dtype={"month": "str", "index": "float64"})
    running = month_number(pd.to_datetime(table["month"], format="%Y-%m")).astype("int64")
    return pd.Series(table["index"].to_numpy(), index=running.to_numpy())


def price_factor(months: pd.Series, price_year: int) -> pd.Series:
    """What to multiply an amount of each month with to have it in the price year's mean prices.

    Raises UsageError where the index has no twelve months for the price year, or lacks a month,
    naming the span that it has.

    >>> months = pd.to_datetime(pd.Series(["2016-05-01", "2021-12-01"]))
    >>> price_factor(months, 2021).round(4).tolist()
    [1.0853, 0.9737]
    """
    series = _series()
    year = series.loc[series.index // 12 == price_year]
    running = month_number(months)
    missing = running.notna() & ~running.isin(series.index)
    if len(year) < 12 or missing.any():
        first, last = (f"{each // 12}-{each % 12 + 1:02d}" for each in series.index[[0, -1]])
        raise UsageError(
            f"The price index reaches from {first} to {last}: choose a whole price year within "
            f"it, or add the later months to hfcore/metrics/{FILE.name}."
        )
    return year.mean() / running.map(series).astype("float64")


def in_fixed_prices(panel: pd.DataFrame, cohort: pd.DataFrame, price_year: int) -> pd.DataFrame:
    """The panel with each month's amount in the prices of one year.

    Parameters
    ----------
    panel : one row a household and month around its start (``support_panel``).
    cohort : its households with ``start_month``; both have ``unit_id`` where a control serves
        several start months.
    price_year : of the study; the mean of its twelve months is the level.

    Raises
    ------
    UsageError
        If a month with a known amount lies outside the index.
    """
    key = "unit_id" if "unit_id" in panel else "household_id"
    require_columns(cohort, (key, "start_month"), "cohort")
    starts = dict(zip(cohort[key], month_number(cohort["start_month"]), strict=True))
    running = panel[key].map(starts).astype("Int64") + panel["month"]
    running = running.where(panel["amount_sek"].notna())
    distinct = running.dropna().unique()
    dates = pd.Series(pd.to_datetime([f"{each // 12}-{each % 12 + 1:02d}-01" for each in distinct]))
    factors = dict(zip(distinct, price_factor(dates, price_year), strict=True))
    return panel.assign(amount_sek=panel["amount_sek"] * running.map(factors).astype("float64"))


def known_in_fixed_prices(
    panel: pd.DataFrame, cohort: pd.DataFrame, price_year: int
) -> pd.DataFrame:
    """``in_fixed_prices``, with every amount unknown where the index does not reach."""
    try:
        return in_fixed_prices(panel, cohort, price_year)
    except UsageError:
        return panel.assign(amount_sek=np.nan)
