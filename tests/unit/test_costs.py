"""Costs by hand, against every printed cell of the application, and their edges."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from hfcore.errors import MetricInputError
from hfcore.metrics import costs
from hfcore.study import Study
from hfdemo.budgets import place_budget

STUDY = Study("s", {"sv": "s", "en": "s"}, True, date(2017, 12, 31), 2017, ())


def budget(*rows):
    names = ("version", "party", "item", "funder", "from_month", "to_month")
    numbers = ("monthly_salary_sek", "fee_factor", "fte", "amount_sek")
    frame = pd.DataFrame(rows, columns=[*names, *numbers])
    months = {name: pd.to_datetime(frame[name]) for name in ("from_month", "to_month")}
    return frame.assign(**months).astype(dict.fromkeys(numbers, "float64"))


HAND = budget(
    ("outcome", "A", "post", "finsam", "2016-11", "2017-02", 1_000, 1.5, 2.0, None),
    ("outcome", "B", "post", "region", "2016-12", "2016-12", None, None, None, 500),
    ("plan", "A", "post", "finsam", "2016-11", "2017-02", None, None, None, 8_000),
)


def estimates(rows, **where):
    for column, value in where.items():
        rows = rows.loc[rows[column].eq(value)]
    return rows.set_index(["level", "period"])["estimate"].to_dict()


def test_two_parties_and_two_years_by_hand():
    rows = costs.cost(HAND, STUDY)
    assert estimates(rows, variant="outcome", dimension="party") == {
        ("A", "2016"): 6_000,
        ("A", "2017"): 6_000,
        ("A", ""): 12_000,
        ("B", "2016"): 500,
        ("B", "2017"): 0,
        ("B", ""): 500,
    }
    assert estimates(rows, variant="outcome", dimension="") == {
        ("", "2016"): 6_500,
        ("", "2017"): 6_000,
        ("", ""): 12_500,
    }
    assert estimates(rows, variant="outcome", dimension="funder")["region", ""] == 500
    against = costs.cost_difference(rows)
    assert estimates(against, dimension="party")["A", ""] == 4_000
    assert estimates(against, dimension="party")["B", "2016"] == 500
    assert rows["n"].isna().all() and rows["ci_low"].isna().all()


def test_the_studys_fee_factor_counts_where_a_row_has_none():
    bare = HAND.assign(fee_factor=np.nan)
    whole = costs.outcome_total(bare, STUDY)
    assert whole == pytest.approx(4 * 1_000 * 1.4 * 2 + 500)


PRINTED = {
    "original": {
        "Kristianstads kommun": (260_400, 1_041_600, 1_041_600, 781_200, 0, 3_124_800),
        "Näsby vårdcentral": (31_920, 127_680, 127_680, 95_760, 0, 383_040),
        "": (327_320, 1_269_280, 1_269_280, 951_960, 0, 3_817_840),
    },
    "expansion": {
        "Kristianstads kommun": (0, 0, 1_242_640, 2_130_240, 887_600, 4_260_480),
        "Vårdcentralen Vilan": (0, 0, 49_581, 132_216, 55_090, 236_887),
        "Vårdcentralen Östermalm": (0, 0, 47_880, 127_680, 53_200, 228_760),
        "": (0, 0, 1_340_101, 2_390_136, 995_890, 4_726_127),
    },
}


@pytest.mark.parametrize("version", PRINTED)
def test_every_printed_cell_of_the_budgets(version):
    rows = costs.cost(place_budget("1290"), STUDY)
    rows = rows.loc[rows["dimension"].isin(["", "party"])]
    found = estimates(rows, variant=version)
    for party, cells in PRINTED[version].items():
        for period, cell in zip(("2015", "2016", "2017", "2018", "2019", ""), cells, strict=True):
            assert found.get((party, period), 0) == cell, (party, period)


def test_workshops_and_evaluation_are_printed_by_item():
    rows = costs.cost(place_budget("1290"), STUDY)
    found = estimates(rows, variant="original", dimension="item")
    years = ("2015", "2016", "2017", "2018")
    assert [found["workshops", year] for year in years] == [5_000, 20_000, 20_000, 15_000]
    assert [found["utvärdering", year] for year in years] == [30_000, 80_000, 80_000, 60_000]


def test_the_plan_and_the_real_increase():
    rows = costs.cost(place_budget("1290"), STUDY)
    whole = {name: estimates(rows, variant=name, dimension="")["", ""] for name in rows["variant"]}
    assert whole["plan"] == 7_155_167
    assert whole["plan"] - whole["original"] == 3_337_327


def test_the_outcome_of_three_municipalities_is_the_printed_total():
    parts = [costs.cost(place_budget(code), STUDY) for code in ("1290", "1293", "1256")]
    whole = estimates(costs.all_costs(parts))
    assert whole["", ""] == 16_839_022
    assert estimates(parts[0], variant="outcome", dimension="")["", ""] > 16_839_022 / 2


def test_a_pre_study_of_three_months():
    row = budget(("outcome", "Finsam", "x", "finsam", "2009-10", "2009-12", *[None] * 3, 122_690))
    assert costs.outcome_total(row, STUDY) == 122_690
    assert costs.monthly_costs(row, STUDY)["cost_sek"].tolist() == pytest.approx([122_690 / 3] * 3)


COHORT = pd.DataFrame(
    {
        "household_id": list("abcd"),
        "group": ["participant"] * 3 + ["control"],
        "started_on": pd.to_datetime(["2016-11-01", "2016-12-01", "2017-02-01", None]),
        "closed_on": pd.to_datetime(["2017-01-01", None, None, None]),
        "closure_reason": pd.array(["work", None, None, None], dtype="str"),
        "closure_assessment": pd.array([None] * 4, dtype="str"),
        "cause": pd.array(["self_sufficiency", None, None, None], dtype="str"),
        "is_closed": [True, False, False, False],
        "observed_months": pd.array([2, 12, 10, None], dtype="Int64"),
        "stay_months": [2.0, 13.0, 11.0, np.nan],
        "record_key": [0.25, 0.5, 0.5, 0.0],
    }
)


def test_cost_by_household_month_and_exit_by_hand():
    rows = costs.cost_per_household(HAND, COHORT, STUDY).set_index(["metric", "variant"])
    assert rows.loc[("cost_per_household", "default"), "estimate"] == pytest.approx(12_500 / 3)
    days = 30 + 31 + (31 + 31 + 28) + 28
    assert rows.loc[("cost_per_month", "default"), "estimate"] == pytest.approx(
        12_500 / (days / 30.4375)
    )
    row = costs.cost_per_exit(HAND, COHORT, STUDY).set_index("variant").loc["default"]
    low, high = binomtest(1, 3).proportion_ci(method="wilson")
    assert row[["estimate", "ci_low", "ci_high"]].tolist() == pytest.approx(
        [12_500, 12_500 / (3 * high), 12_500 / (3 * low)]
    )
    assert (row["n"], row["n_events"]) == (3, 1)


def test_no_exit_leaves_the_lower_end():
    still = COHORT.assign(closure_reason=pd.array([None] * 4, dtype="str"))
    row = costs.cost_per_exit(HAND, still, STUDY).set_index("variant").loc["default"]
    assert pd.isna(row["estimate"]) and pd.isna(row["ci_high"]) and row["ci_low"] > 0
    assert row["status"] == "too_few"


def fair(low, estimate, high):
    return pd.DataFrame(
        {
            "metric": ["incidence_difference"],
            "group": ["difference"],
            "cause": ["exit_from_support"],
            "month": [24],
            "estimate": [estimate],
            "ci_low": [low],
            "ci_high": [high],
        }
    )


@pytest.mark.parametrize(
    ("share", "figures", "status"),
    [
        ((0.1, 0.2, 0.5), (12_500 / 0.6, 12_500 / 1.5, 12_500 / 0.3), "ok"),
        ((-0.1, 0.2, 0.5), (np.nan, 12_500 / 1.5, np.nan), "too_few"),
        ((-0.5, -0.2, -0.1), (np.nan, np.nan, np.nan), "too_few"),
    ],
)
def test_cost_of_an_extra_exit_turns_the_range_around(share, figures, status):
    row = costs.cost_per_extra_exit(HAND, fair(*share), COHORT, STUDY).iloc[0]
    found = row[["estimate", "ci_low", "ci_high"]].astype("float64").tolist()
    assert found == pytest.approx(figures, nan_ok=True)
    assert row["status"] == status


def test_order_does_not_matter_and_the_input_stays():
    before = HAND.copy(deep=True)
    first = costs.cost(HAND, STUDY)
    pd.testing.assert_frame_equal(first, costs.cost(HAND.iloc[::-1], STUDY))
    pd.testing.assert_frame_equal(HAND, before)


def test_nothing_is_an_answer():
    assert costs.cost(HAND.head(0), STUDY)["status"].eq("not_available").all()
    rows = costs.cost_per_household(HAND.head(0), COHORT, STUDY)
    assert rows["status"].eq("not_available").all()
    nobody = costs.cost_per_household(HAND, COHORT.head(0), STUDY)
    assert nobody["status"].eq("not_available").all()


def test_a_row_without_a_cost_is_told_without_its_words():
    with pytest.raises(MetricInputError, match="budget has 0 rows that end"):
        costs.cost(HAND.assign(amount_sek=np.nan, fte=np.nan), STUDY)
    with pytest.raises(MetricInputError, match="budget lacks the column party"):
        costs.cost(HAND.drop(columns="party"), STUDY)
