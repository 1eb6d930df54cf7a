"""Amounts in the prices of one year."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support_cases import cohort_of, panel_of

from hfcore.errors import UsageError
from hfcore.metrics.price_index import in_fixed_prices, known_in_fixed_prices, price_factor

# Yearly means as Statistics Sweden prints them, another road than the months of the file.
PRINTED = {2014: 313.49, 2016: 316.43, 2018: 328.40, 2020: 335.92, 2021: 343.19, 2022: 371.91}


@pytest.mark.parametrize(("year", "mean"), PRINTED.items())
def test_the_months_of_a_year_average_to_the_printed_mean(year, mean):
    months = pd.Series(pd.date_range(f"{year}-01-01", periods=12, freq="MS"))
    index = PRINTED[2021] / price_factor(months, 2021)
    assert index.mean() == pytest.approx(mean, abs=0.02)


def test_an_amount_of_the_price_year_stays_about_what_it_is():
    months = pd.Series(pd.date_range("2021-01-01", periods=12, freq="MS"))
    assert (1 / price_factor(months, 2021)).mean() == pytest.approx(1, abs=1e-12)


def test_a_panel_by_hand():
    cohort = cohort_of(["participant"], start="2021-01-01")
    panel = panel_of(cohort, np.array([[100.0, np.nan, 0.0]]), first=0)
    fixed = in_fixed_prices(panel, cohort, 2021)
    # January 2021 is 338.09, the mean of 2021 343.19.
    assert fixed["amount_sek"].iloc[0] == pytest.approx(100 * 343.19 / 338.09, rel=1e-4)
    assert np.isnan(fixed["amount_sek"].iloc[1])
    assert fixed["amount_sek"].iloc[2] == 0
    assert panel["amount_sek"].iloc[0] == 100


def test_unknown_amounts_may_lie_outside_the_index():
    cohort = cohort_of(["participant"], start="1990-01-01")
    panel = panel_of(cohort, np.array([[np.nan, np.nan]]), first=0)
    assert in_fixed_prices(panel, cohort, 2021)["amount_sek"].isna().all()


def test_amounts_outside_the_index_become_unknown_where_that_is_asked_for():
    cohort = cohort_of(["participant"], start="1990-01-01")
    panel = panel_of(cohort, np.array([[100.0, 0.0]]), first=0)
    assert known_in_fixed_prices(panel, cohort, 2021)["amount_sek"].isna().all()
    inside = cohort.assign(start_month=pd.Timestamp("2021-01-01"))
    known = known_in_fixed_prices(panel, inside, 2021)
    pd.testing.assert_frame_equal(known, in_fixed_prices(panel, inside, 2021))


def test_a_month_outside_the_index_says_what_there_is():
    with pytest.raises(UsageError, match="from 2008-01 to 2024-03"):
        price_factor(pd.Series(pd.to_datetime(["2007-12-01"])), 2021)


@pytest.mark.parametrize("year", [2007, 2024])
def test_a_price_year_without_twelve_months_is_refused(year):
    with pytest.raises(UsageError, match="whole price year"):
        price_factor(pd.Series(pd.to_datetime(["2020-01-01"])), year)
