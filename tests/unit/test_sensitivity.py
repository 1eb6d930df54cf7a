"""Every declared alternative, and what would explain the effect away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support_cases import cohort_of, panel_of, scrambled, study

from hfcore.errors import MetricInputError
from hfcore.estimators.outcome_regression import effect_on_treated
from hfcore.estimators.unmeasured_confounding import e_value, e_value_of_difference
from hfcore.metrics.price_index import in_fixed_prices
from hfcore.metrics.support import support_effect
from hfcore.robustness.sensitivity import support_effect_sensitivity

P, C = "participant", "control"
VARIANTS = {
    "default",
    "unadjusted",
    "base_early",
    "base_last_quarter",
    "base_last_month",
    "after_only",
    "before_after",
    "with_moves",
    "winsorised",
    "fixed_prices",
    "leave_one_out_lowest",
    "leave_one_out_highest",
    "placebo_6",
    "placebo_12",
    "one_month",
    "entropy_balanced",
    "balanced_on_payments",
    "matched_pairs",
    "e_value",
}


def made_up(n: int = 24, controls: int = 60, seed: int = 6) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gamma payments, a fall of 2,000 for participants, one of whom moves in month 3."""
    rng = np.random.default_rng(seed)
    size = n + controls
    cohort = cohort_of(
        [P] * n + [C] * controls,
        children=rng.integers(0, 5, size),
        age=rng.normal(40, 8, size).round(),
        woman=rng.integers(0, 2, size).astype(float),
    )
    moved = pd.Series([None] * size, dtype="str")
    day = pd.Series([None] * size, dtype="datetime64[s]")
    moved.iloc[0], day.iloc[0] = "moved", pd.Timestamp("2017-06-15")
    cohort = cohort.assign(closure_reason=moved, closed_on=day)
    amounts = rng.gamma(4, 2500, (size, 49)).round()
    amounts[:n, 25:] = np.maximum(amounts[:n, 25:] - 2000, 0)
    amounts[0, 28:] = 0
    return panel_of(cohort, amounts), cohort


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    panel, cohort = made_up()
    results = support_effect_sensitivity(panel, cohort, study(min_households_arm=20))
    return results.set_index("variant", drop=False)


def test_every_declared_variant_stands_once(rows):
    assert set(rows.index) == VARIANTS
    assert len(rows) == len(VARIANTS)
    assert set(rows["status"]) == {"ok"}
    assert set(rows.loc[rows["unit"].eq("ratio")].index) == {"e_value"}


def test_the_default_is_the_effect(rows):
    panel, cohort = made_up()
    effect = support_effect(panel, cohort, study(min_households_arm=20))
    one = effect.loc[effect["level"].eq("1-12")].iloc[0]
    for column in ("estimate", "ci_low", "ci_high", "n", "n_events", "key_n", "method"):
        assert rows.loc["default", column] == one[column]


def test_plain_alternatives_by_another_road(rows):
    panel, _ = made_up()
    wide = panel.pivot(index="household_id", columns="month", values="amount_sek")
    wide = wide.drop(index="h0")
    group = panel.drop_duplicates("household_id").set_index("household_id")["group"]
    treated = group.reindex(wide.index).eq(P)
    after = wide.loc[:, 1:12].mean(axis=1)

    def gap(values: pd.Series) -> float:
        return values[treated].mean() - values[~treated].mean()

    assert rows.loc["after_only", "estimate"] == pytest.approx(gap(after))
    assert rows.loc["base_last_month", "estimate"] == pytest.approx(gap(after - wide[-1]))
    early = wide.loc[:, -12:-4].mean(axis=1)
    assert rows.loc["base_early", "estimate"] == pytest.approx(gap(after - early))
    change = after - wide.loc[:, -12:-1].mean(axis=1)
    assert rows.loc["unadjusted", "estimate"] == pytest.approx(gap(change))
    own = (after - wide.loc[:, -3:-1].mean(axis=1))[treated]
    assert rows.loc["before_after", "estimate"] == pytest.approx(own.mean())
    reach = 2.073873068 * own.std() / np.sqrt(23)  # t(22) at 97.5 %
    assert rows.loc["before_after", "ci_high"] == pytest.approx(own.mean() + reach)
    assert (rows.loc["before_after", "n"], rows.loc["before_after", "n_events"]) == (23, 23)


def test_moves_kept_as_zero_bring_their_household_back(rows):
    assert rows.loc["default", "n"] == 83
    assert rows.loc["with_moves", "n"] == 84
    assert rows.loc["with_moves", "estimate"] < rows.loc["default", "estimate"]


def test_amounts_above_the_cap_are_cut(rows):
    panel, cohort = made_up()
    capped = panel.assign(amount_sek=panel["amount_sek"].clip(upper=25_000))
    one = support_effect(capped, cohort, study()).iloc[0]
    assert rows.loc["winsorised", "estimate"] == pytest.approx(one["estimate"])
    assert rows.loc["winsorised", "estimate"] != rows.loc["default", "estimate"]


def test_fixed_prices_are_the_effect_of_the_panel_in_them(rows):
    panel, cohort = made_up()
    fixed = in_fixed_prices(panel, cohort, 2021)
    one = support_effect(fixed, cohort, study(), variant="fixed_prices").iloc[0]
    assert rows.loc["fixed_prices", "estimate"] == pytest.approx(one["estimate"])
    assert one["variant"] == "fixed_prices"
    # Payments of 2016–2018 are worth more in the prices of 2021.
    assert abs(one["estimate"]) > 1.03 * abs(rows.loc["default", "estimate"])


def test_leaving_one_out_spans_the_default(rows):
    low, high = (rows.loc[f"leave_one_out_{end}", "estimate"] for end in ("lowest", "highest"))
    assert low < rows.loc["default", "estimate"] < high
    assert set(rows.loc[["leave_one_out_lowest", "leave_one_out_highest"], "n"]) == {82}


def test_leaving_one_out_is_the_extreme_of_all_refits(rows):
    panel, cohort = made_up()
    wide = panel.pivot(index="household_id", columns="month", values="amount_sek").drop(index="h0")
    own = cohort.set_index("household_id").reindex(wide.index)
    change = (wide.loc[:, 1:12].mean(axis=1) - wide.loc[:, -12:-1].mean(axis=1)).to_numpy()
    x, treated = own[["children", "age", "woman"]].to_numpy(float), own["group"].eq(P).to_numpy()
    refits = [
        effect_on_treated(
            change[kept & treated], change[kept & ~treated], x[kept & treated], x[kept & ~treated]
        ).contrast.estimate
        for kept in (np.arange(83) != out for out in range(83))
    ]
    assert rows.loc["leave_one_out_lowest", "estimate"] == pytest.approx(min(refits))
    assert rows.loc["leave_one_out_highest", "estimate"] == pytest.approx(max(refits))


def test_intervals_hold_their_estimates(rows):
    effects = rows.loc[rows["unit"].eq("sek_per_month")]
    assert effects["ci_low"].lt(effects["estimate"]).all()
    assert effects["estimate"].lt(effects["ci_high"]).all()


def test_rows_in_any_order_give_the_same():
    panel, cohort = made_up()
    plain = support_effect_sensitivity(panel, cohort, study())
    before = panel.copy()
    other = support_effect_sensitivity(scrambled(panel), scrambled(cohort), study())
    pd.testing.assert_frame_equal(other, plain, rtol=1e-6)
    pd.testing.assert_frame_equal(panel, before)


@pytest.mark.parametrize(("n", "controls"), [(0, 9), (9, 0), (3, 9), (0, 0)])
def test_what_the_numbers_do_not_allow_is_not_available(n, controls):
    rng = np.random.default_rng(2)
    cohort = cohort_of([P] * n + [C] * controls, children=rng.integers(0, 4, n + controls))
    panel = panel_of(cohort, rng.gamma(2, 3000, (n + controls, 49)))
    rows = support_effect_sensitivity(panel, cohort, study(covariates=("children",)))
    assert set(rows["variant"]) == VARIANTS
    left = rows.loc[rows["status"].ne("not_available")]
    assert set(left["variant"]) == ({"before_after"} if n == 9 else set())
    assert rows.loc[rows["status"].eq("not_available"), "estimate"].isna().all()


def test_without_a_price_index_only_fixed_prices_are_missing():
    panel, cohort = made_up()
    later = replace(study(), price_year=2050)
    rows = support_effect_sensitivity(panel, cohort, later).set_index("variant")
    assert rows.index[rows["status"].eq("not_available")].tolist() == ["fixed_prices"]


def test_few_pairs_get_the_exact_interval():
    panel, cohort = made_up(n=8, controls=40)
    rows = support_effect_sensitivity(panel, cohort, study()).set_index("variant")
    pairs = rows.loc["matched_pairs"]
    assert pairs["method"] == "matched_pairs_sign_flip"
    assert pairs["ci_low"] < pairs["estimate"] < pairs["ci_high"]


def test_another_window_is_named_and_an_unknown_one_refused():
    panel, cohort = made_up()
    rows = support_effect_sensitivity(panel, cohort, study(), "13-24")
    assert set(rows["level"]) == {"13-24"}
    with pytest.raises(MetricInputError, match="no window 1-6; there are: 1-12, 13-24, 1-24"):
        support_effect_sensitivity(panel, cohort, study(), "1-6")


@pytest.mark.parametrize(
    ("ratio", "low", "high", "expected"),
    [
        # VanderWeele & Ding 2017, printed to two decimals.
        (3.9, 1.8, 8.7, (7.26, 3.0)),
        (0.8, 0.71, 0.91, (1.81, 1.43)),
        (1.0, 0.8, 1.25, (1.0, 1.0)),
        (1.35, 0.97, 1.88, (2.04, 1.0)),
    ],
)
def test_e_values_as_printed(ratio, low, high, expected):
    assert e_value(ratio, low, high) == pytest.approx(expected, abs=0.005)


def test_the_e_value_of_a_difference_does_not_know_its_sign():
    assert e_value_of_difference(-500, 100, 1000) == pytest.approx(
        e_value_of_difference(500, 100, 1000)
    )
    assert e_value_of_difference(-500, 400, 1000)[1] == 1.0


def test_a_control_in_several_months_counts_once_in_the_drawn_alternatives():
    panel, cohort = made_up()
    again = cohort.assign(unit_id=cohort["household_id"])
    copies = again.loc[again["group"].eq(C)].assign(
        unit_id=lambda rows: rows["household_id"] + "@2017-04",
        start_month=pd.Timestamp("2017-03-01"),
    )
    units = pd.concat([again, copies], ignore_index=True)
    rows = panel.assign(unit_id=panel["household_id"])
    more = rows.loc[rows["group"].eq(C)].assign(unit_id=lambda own: own["unit_id"] + "@2017-04")
    twice = support_effect_sensitivity(pd.concat([rows, more]), units, study())
    once = support_effect_sensitivity(panel, cohort, study())
    # The same row twice is no more information: estimates and households are the same.
    columns = ["variant", "estimate", "n", "n_events", "key_n"]
    pd.testing.assert_frame_equal(twice[columns], once[columns], rtol=1e-9)
    ends = ["ci_low", "ci_high"]
    kept = once["variant"].isin(["default", "unadjusted", "one_month", "winsorised"])
    pd.testing.assert_frame_equal(twice.loc[kept, ends], once.loc[kept, ends], rtol=1e-9)
