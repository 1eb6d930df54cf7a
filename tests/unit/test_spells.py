"""Exit from support and return to it: by hand, and against household-by-household loops in R."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from reference_cohort import REFERENCE, STUDY, read_reference, reference_cohort, small_cohort

from hfcore.errors import MetricInputError
from hfcore.metrics import support_spells, time_to_closure
from hfcore.metrics.paid_months import first_gap, first_return, paid_months

R = read_reference("spells.json")
COHORT = reference_cohort()
PAYMENTS = pd.read_csv(REFERENCE / "payments.csv", parse_dates=["month"])
VARIANTS = {"gap_1": "1", "default": "2", "gap_3": "3"}
METRICS = {
    "exit_from_support": support_spells.exit_from_support,
    "reactivation": support_spells.reactivation,
    "closures_against_payments": support_spells.closures_against_payments,
    "exit_difference": support_spells.exit_difference,
    "gap_headlines": support_spells.gap_headlines,
}


@cache
def results_of(name):
    return METRICS[name](COHORT, PAYMENTS, STUDY)


def pick(results, **where):
    for column, value in where.items():
        results = results.loc[results[column].eq(value).fillna(False).astype(bool)]
    return results


def paid_in(months_of):
    """Payments of households h0, h1, … in months counted from May 2018."""
    rows = [
        (f"h{number}", pd.Timestamp("2018-05-01") + pd.DateOffset(months=month), 8000.0)
        for number, months in enumerate(months_of)
        for month in months
    ]
    return pd.DataFrame(rows, columns=["household_id", "month", "amount_sek"])


EVERY = range(-3, 44)


# By hand: 44 months are known, from month 0 to month 43.


HAND = small_cohort(
    [
        ("participant", 43, None),  # always paid
        ("participant", 5, "work"),  # last paid in month 5, back in month 9
        ("participant", 43, None),  # a gap of one month only
        ("participant", 4, "moved"),  # not paid from month 4 on: moved
        ("participant", 43, None),  # not paid at start
    ]
)
HAND_PAYMENTS = paid_in(
    [
        EVERY,
        [m for m in EVERY if not 6 <= m <= 8],
        [m for m in EVERY if m != 10],
        [m for m in EVERY if m < 4],
        [m for m in EVERY if m > 2],
    ]
)


def test_gaps_and_returns_by_hand():
    paid = paid_months(HAND, HAND_PAYMENTS, STUDY)
    gaps = {gap: first_gap(paid, gap).tolist() for gap in (1, 2, 3, 4)}
    nan = pytest.approx(np.nan, nan_ok=True)
    assert gaps[1] == [nan, 6, 10, 4, 0]
    assert gaps[2] == [nan, 6, nan, 4, 0]
    assert gaps[3] == [nan, 6, nan, 4, 0]
    assert gaps[4] == [nan, nan, nan, 4, nan]
    assert first_return(paid, np.array([np.nan, 6, np.nan, 4, 0])).tolist() == [
        nan,
        9,
        nan,
        nan,
        3,
    ]


def test_exit_by_hand():
    rows = pick(
        support_spells.exit_from_support(HAND, HAND_PAYMENTS, STUDY),
        group="participant",
        variant="default",
    ).set_index("month")
    # Of four on support at start, one moves in month 4 and one of the three left exits in month 6.
    assert rows["n"].eq(4).all()
    assert rows["estimate"].loc[[0, 5, 6, 24]].tolist() == pytest.approx([0, 0, 1 / 4, 1 / 4])
    assert rows["n_at_risk"].loc[[4, 5, 6, 7]].tolist() == [4, 3, 3, 2]


def test_return_by_hand():
    rows = support_spells.reactivation(HAND, HAND_PAYMENTS, STUDY)
    found = pick(rows, group="participant", variant="default", dimension="").set_index("month")
    assert found["estimate"].tolist() == [1, 1, 1, 1]
    assert found["n"].tolist() == [1] * 4
    closed = pick(rows, variant="after_closure").set_index("month")
    assert closed["estimate"].tolist() == [0, 1, 1, 1]
    since_start = pick(rows, dimension="since", level="start").set_index("month")["estimate"]
    # All five count: one has moved by month 9, and one of the other four is back then.
    assert since_start.loc[[8, 9]].tolist() == pytest.approx([0, 4 / 5 * 1 / 4])


def test_back_since_start_by_hand():
    cohort = small_cohort(
        [
            ("participant", 3, "work"),  # last paid in month 3, back in month 8
            ("participant", 3, "work"),  # paid all along: never left, so cannot be back
            ("participant", 6, None),  # open when its follow-up ends
            ("participant", 9, "other"),
        ]
    )
    payments = paid_in([[*range(4), 8], range(44), range(44), range(10)])
    rows = pick(
        support_spells.reactivation(cohort, payments, STUDY), dimension="since", level="start"
    )
    rows = rows.set_index("month")
    assert rows["estimate"].loc[[7, 8, 24]].tolist() == pytest.approx([0, 1 / 4, 1 / 4])
    # All four are followed and not back until one is lost after month 6 and one back in month 8.
    assert rows["n_at_risk"].loc[[0, 3, 6, 7, 8, 9, 10]].tolist() == [4, 4, 4, 3, 3, 2, 1]
    assert rows["n_events"].loc[[7, 8, 24]].tolist() == [0, 1, 1]


def test_back_is_a_part_of_those_closed_so():
    back = pick(results_of("reactivation"), dimension="since", level="start")
    curves = time_to_closure.cumulative_incidence(COHORT, STUDY)
    closed = pick(curves, group="participant", cause="self_sufficiency")
    assert back["estimate"].max() > 0
    assert (closed["estimate"].to_numpy() >= back["estimate"].to_numpy()).all()
    # A closure of each other kind, those back, those closed so and not back, and those still in.
    others = curves.loc[curves["group"].eq("participant") & curves["cause"].ne("self_sufficiency")]
    parts = others.groupby("month")["estimate"].sum() + closed.set_index("month")["estimate"]
    np.testing.assert_allclose(parts, 1)


def test_back_since_start_agrees_with_r():
    rows = pick(results_of("reactivation"), dimension="since", level="start")
    share, error = (np.array(R["since_start"][key]) for key in ("estimate", "error"))
    np.testing.assert_allclose(rows["estimate"], share, atol=1e-11)
    inside = share > 0
    reach = 1.959963984540054 * error[inside] / ((1 - share[inside]) * -np.log1p(-share[inside]))
    high = 1 - (1 - share[inside]) ** np.exp(reach)
    np.testing.assert_allclose(rows.loc[inside, "ci_high"], high, atol=1e-10)


def test_closures_against_payments_by_hand():
    cohort = small_cohort(
        [
            ("participant", 5, "work"),  # paid in month 7: still paid
            ("participant", 5, "work"),  # paid for the last time in month 5: stopped
            ("participant", 42, "work"),  # the export ends in month 43: unknown
            ("participant", 41, "work"),  # both months are known
            ("participant", 43, None),  # not paid in the last two months
            ("participant", 43, None),
        ]
    )
    payments = paid_in([[5, 7], [5], [], [], [41], [42]])
    rows = support_spells.closures_against_payments(cohort, payments, STUDY)
    assert rows.set_index("level")["estimate"].to_dict() == {
        "closed": 4,
        "still_paid": 1,
        "stopped": 2,
        "unknown": 1,
        "open_without_payment": 1,
    }


@pytest.mark.parametrize(("last_unpaid", "is_exit"), [(42, False), (43, True)])
def test_a_gap_must_lie_within_the_export(last_unpaid, is_exit):
    cohort = small_cohort([("participant", 43, None)])
    payments = paid_in([[m for m in EVERY if not 42 <= m <= last_unpaid]])
    paid = paid_months(cohort, payments, STUDY)
    assert np.isfinite(first_gap(paid, 2)[0]) == is_exit
    assert np.isnan(first_gap(paid, 3)[0])


def test_a_recovery_is_no_payment():
    cohort = small_cohort([("participant", 43, None)])
    payments = paid_in([EVERY])
    below = payments["month"].isin(payments["month"].iloc[10:12])
    recovered = payments.assign(amount_sek=payments["amount_sek"].mask(below, -200.0))
    assert first_gap(paid_months(cohort, recovered, STUDY), 2).tolist() == [7.0]


# Against R


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("group", ["participant", "control"])
def test_exits_agree_with_r(variant, group):
    rows = pick(results_of("exit_from_support"), variant=variant, group=group)
    wanted = R["exit"][VARIANTS[variant]][group]
    agrees(rows, wanted)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("group", ["participant", "control"])
def test_returns_agree_with_r(variant, group):
    rows = pick(results_of("reactivation"), variant=variant, group=group, dimension="")
    agrees(rows, R["back"][VARIANTS[variant]][group])


def agrees(rows, wanted):
    assert rows["n"].eq(wanted["n"]).all()
    np.testing.assert_allclose(rows["estimate"], wanted["estimate"], atol=1e-9)
    inside = rows["estimate"].between(0, 1, inclusive="neither").to_numpy()
    for column, end in (("ci_low", "low"), ("ci_high", "high")):
        ends = np.array(wanted[end], dtype=float)
        np.testing.assert_allclose(rows.loc[inside, column], ends[inside], atol=1e-9)


@pytest.mark.parametrize("group", ["participant", "control"])
def test_plain_shares_agree_with_r(group):
    rows = pick(results_of("reactivation"), variant="observed_that_long", group=group)
    found = [[events, n] for events, n in zip(rows["n_events"], rows["n"], strict=True)]
    assert found == R["observed"][group]


def test_closures_against_payments_agree_with_r():
    rows = results_of("closures_against_payments").set_index("level")["estimate"]
    assert rows.to_dict() == R["against"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_difference_from_the_two_curves_of_r(variant):
    rows = pick(results_of("exit_difference"), variant=variant, month=12)
    curves = [R["exit"][VARIANTS[variant]][group] for group in ("participant", "control")]
    (p1, low1, high1), (p2, low2, high2) = (
        [curve[key][12] for key in ("estimate", "low", "high")] for curve in curves
    )
    down, up = np.hypot(p1 - low1, high2 - p2), np.hypot(high1 - p1, p2 - low2)
    found = rows[["estimate", "ci_low", "ci_high"]].iloc[0].tolist()
    assert found == pytest.approx([p1 - p2, p1 - p2 - down, p1 - p2 + up], abs=1e-9)


def test_headlines_hold_every_variant_once():
    rows = results_of("gap_headlines")
    assert not rows[["metric", "variant"]].duplicated().any()
    assert rows["month"].eq(12).all()
    assert pick(rows, metric="exit_from_support")["variant"].tolist() == [
        "default",
        "gap_1",
        "gap_3",
    ]
    assert "after_closure" in set(pick(rows, metric="reactivation")["variant"])


# Properties


@pytest.mark.parametrize("name", METRICS)
def test_row_order_does_not_matter(name):
    shuffled = [frame.sample(frac=1, random_state=5) for frame in (COHORT, PAYMENTS)]
    pd.testing.assert_frame_equal(METRICS[name](*shuffled, STUDY), results_of(name), rtol=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_input_is_left_as_it_was(name):
    before = COHORT.copy(deep=True), PAYMENTS.copy(deep=True)
    METRICS[name](COHORT, PAYMENTS, STUDY)
    pd.testing.assert_frame_equal(COHORT, before[0])
    pd.testing.assert_frame_equal(PAYMENTS, before[1])


@pytest.mark.parametrize("name", METRICS)
def test_without_payments_nobody_exits(name):
    results = METRICS[name](COHORT, PAYMENTS.head(0), STUDY)
    shown = results.loc[results["estimate"].notna() & results["metric"].ne("flow")]
    assert set(shown["variant"] + shown["level"]) <= {"after_closure", "defaultstart"}


@pytest.mark.parametrize("name", METRICS)
def test_nobody_is_an_answer(name):
    results = METRICS[name](COHORT.head(0), PAYMENTS, STUDY)
    assert results["n"].eq(0).all()
    assert len(results) == len(results_of(name))


def test_a_longer_gap_never_means_more_exits():
    rows = pick(results_of("exit_from_support"), month=24)
    for _, each in rows.groupby("group"):
        by_variant = each.set_index("variant")["n_events"]
        assert by_variant["gap_1"] >= by_variant["default"] >= by_variant["gap_3"]


def test_a_missing_column_is_named():
    with pytest.raises(MetricInputError, match="payments lacks the column amount_sek"):
        support_spells.exit_from_support(COHORT, PAYMENTS.drop(columns="amount_sek"), STUDY)
