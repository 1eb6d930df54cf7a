"""The process behind the simulated studies, step by step, and its conditioning."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hfdemo.closure_process import close_freely, describe_closures, latent_stays, true_incidence
from hfdemo.designs import choose_design
from hfdemo.household_process import (
    CAUSES,
    Process,
    absences,
    draw_candidates,
    mean_need,
    months_since,
    payments_on_support,
    select_groups,
    stream,
)
from hfdemo.municipality_process import simulate_place
from hfdemo.programme import naive_difference

STARTS = np.repeat(np.array(["2019-03-05", "2019-07-20"], "datetime64[D]"), 150)
FIRST, LAST = 2017 * 12 + 2, 2021 * 12 + 6


@pytest.fixture(scope="module")
def candidates():
    return draw_candidates(stream(3, "candidates"), STARTS, Process())


@pytest.fixture(scope="module")
def groups(candidates):
    return select_groups(stream(3, "selection"), candidates, Process())


# Selection


def test_each_start_gives_one_participant_and_three_other_households(candidates, groups):
    participants, controls = groups
    assert participants["slot"].tolist() == list(range(len(STARTS)))
    assert controls["slot"].tolist() == np.repeat(range(len(STARTS)), 3).tolist()
    drawn = pd.concat(groups)[["slot", "permanent", "shock"]]
    assert not drawn.duplicated().any()
    assert len(drawn.merge(candidates)) == len(drawn)


def test_participants_come_at_a_peak_and_controls_do_not(groups):
    participants, controls = groups
    assert participants["shock"].mean() > controls["shock"].mean() + 0.4
    assert controls["permanent"].mean() > 0.3


def test_all_are_on_support_in_the_start_month(groups):
    for rows in groups:
        need = mean_need(rows, Process()) + Process().shock_sd_sek * rows["shock"]
        assert (need > Process().smallest_payment_sek).all()


def test_a_heavier_weight_takes_controls_of_higher_need(candidates):
    means = [
        select_groups(stream(3, "selection"), candidates, Process(), weight)[1]["permanent"].mean()
        for weight in (-1.0, 0.0, 1.0)
    ]
    assert means == sorted(means)


def test_need_by_hand():
    rows = pd.DataFrame({"adults": [1, 2], "children": [0, 3], "permanent": [0.0, -1.0]})
    process = Process(need_sek=100, need_second_adult_sek=10, need_child_sek=5, permanent_sd_sek=50)
    assert mean_need(rows, process).tolist() == [100, 75]


# Payments


@pytest.fixture(scope="module")
def paid(groups):
    return payments_on_support(stream(3, "payments"), groups[1], FIRST, LAST, Process())


def test_payments_are_zero_or_between_floor_and_cap(paid):
    assert paid.shape == (900, LAST - FIRST + 1)
    assert paid.min() == 0
    assert paid[paid > 0].min() >= Process().smallest_payment_sek - 0.5
    assert paid.max() == Process().largest_payment_sek
    assert (paid == np.rint(paid)).all()


def test_nothing_is_paid_before_the_spell(groups, paid):
    since = months_since(groups[1], FIRST, LAST)
    before = since < -groups[1]["months_on_support"].to_numpy()[:, None]
    assert before.any()
    assert (paid[before] == 0).all()
    assert (paid[~before] > 0).mean() > 0.85


def test_payments_are_autocorrelated_and_forget_slowly(groups, paid):
    since = months_since(groups[1], FIRST, LAST)
    at = {month: paid[since == month] for month in (0, 1, 12)}
    near, far = (np.corrcoef(at[0], at[month])[0, 1] for month in (1, 12))
    assert near > 0.8
    assert 0.3 < far < near - 0.1


def test_nobody_leaves_before_month_one_or_while_held(groups):
    held = np.full(900, 9)
    away = absences(stream(1, "a"), groups[1], FIRST, LAST, Process(), held)
    since = months_since(groups[1], FIRST, LAST)
    assert not away[(since >= 0) & (since <= 9)].any()
    # Time runs both ways: off support before the start as often as after it, where nobody is held.
    free = absences(stream(1, "a"), groups[1], FIRST, LAST, Process())
    shares = [free[(since * sign >= 6) & (since * sign <= 18)].mean() for sign in (-1, 1)]
    assert shares[0] == pytest.approx(shares[1], rel=0.25) and shares[0] > 0.1
    assert away[since == 10].any()
    free = absences(stream(1, "a"), groups[1], FIRST, LAST, Process(), factor=0)
    assert not free[since > 0].any()


def test_exits_last_until_a_return(groups):
    never_back = replace(Process(), return_hazard=0.0)
    away = absences(stream(1, "a"), groups[1], FIRST, LAST, never_back)
    since = months_since(groups[1], FIRST, LAST)[:, 1:]
    steps = np.diff(away.astype(int), axis=1)
    assert (steps[since > 0] >= 0).all() and (steps[since <= 0] <= 0).all()


# Closures


def equal_households(n):
    return pd.DataFrame({"permanent": np.zeros(n), "applicant_age": np.full(n, 38)})


def test_true_incidence_by_hand():
    hazards = dict(zip(CAUSES, (0.03, 0.0, 0.0, 0.01, 0.0), strict=True))
    shares = true_incidence(equal_households(2), replace(Process(), hazards=hazards), 12)
    left = np.exp(-12 * 0.04)
    assert shares["self_sufficiency"] == pytest.approx(0.75 * (1 - left))
    assert shares["other_positive"] == pytest.approx(0.25 * (1 - left))
    assert sum(shares.values()) == pytest.approx(1 - left)


def test_simulated_closures_have_the_true_incidence():
    households = equal_households(20_000)
    days = latent_stays(stream(2, "stays"), households, Process())
    cause = np.array(CAUSES)[days.argmin(axis=1)]
    within = days.min(axis=1) <= 12 * 30.4375
    for name, share in true_incidence(households, Process(), 12).items():
        assert ((cause == name) & within).mean() == pytest.approx(share, abs=0.012)


def test_the_first_cause_closes_and_the_last_day_censors():
    rows = pd.DataFrame({"started_on": np.array(["2020-01-01"] * 3, "datetime64[D]")})
    latent = np.full((3, 5), 9_000.0)
    latent[0, 3], latent[1, 0], latent[2, 4] = 10, 30, 31
    closed = close_freely(rows, latent, np.datetime64("2020-01-31"))
    assert closed["cause"].tolist() == ["other_positive", "self_sufficiency", ""]
    assert closed["closed_on"].dt.day.tolist()[:2] == [11, 31]
    assert closed["closed_on"].isna().tolist() == [False, False, True]


def test_reasons_fit_causes_and_the_dead_do_not_return():
    rows = pd.DataFrame(
        {
            "cause": ["moved", "deceased", "", "negative"],
            "closed_on": pd.to_datetime(["2020-05-02", "2020-05-02", None, "2020-05-02"]),
            "start": [2020 * 12] * 4,
        }
    )
    described = describe_closures(stream(1, "reasons"), rows, Process())
    assert described["closure_reason"].tolist()[:3] == ["moved", "deceased", ""]
    assert described["closure_assessment"].tolist() == ["", "", "", "negative"]
    assert described["closure_month"].tolist()[:2] == [4, 4]
    assert described["return_after"].isna().tolist() == [True, True, True, False]
    assert described["return_after"][3] >= 3


# The programme


@pytest.fixture(scope="module")
def simulated():
    design = choose_design("prov", 1, 80, -1_500.0, 2)
    return simulate_place(design, design.places[0], 2)


def test_the_effect_is_what_was_asked_for(simulated):
    panel = simulated.participants
    window = panel.within(1, 24)
    assert (panel.received - panel.without)[window].mean() == pytest.approx(-1_500, abs=120)


def test_only_those_who_respond_are_paid_otherwise(simulated):
    panel = simulated.participants
    gain = panel.received - panel.without
    assert (gain[~simulated.responds] == 0).all()
    assert (gain[panel.months_since_start() < 1] == 0).all()
    assert (gain[simulated.responds].sum(axis=1) < 0).all()


def test_a_closure_that_ends_support_stops_the_payments(simulated):
    rows = simulated.households.sort_values("payment_row")
    rows = rows[rows["group"] == "participant"]
    ends = rows["closure_reason"].isin(Process().ends_support).to_numpy()[:, None]
    since = simulated.participants.months_since_start() - rows["closure_month"].to_numpy()[:, None]
    back = rows["return_after"].fillna(10_000).to_numpy()[:, None]
    gone = ends & (since > 0) & (since < back)
    assert gone.sum() > 100
    assert (simulated.participants.received[gone] == 0).all()


def test_no_effect_leaves_both_courses_equal():
    design = choose_design("prov", 1, 60, 0.0, 2)
    panel = simulate_place(design, design.places[0], 2).participants
    assert (panel.received == panel.without).all()


def test_naive_difference_by_hand(simulated):
    panel = replace(
        simulated.controls,
        received=np.array([[9.0, 1.0, 3.0], [0.0, 5.0, 7.0]]),
        start=np.array([10, 11]),
        first=10,
    )
    # The first control stands beside both starts, the second (unpaid in month 10) by the later:
    # 1 and 3 count once, 3 and 7 half each.
    beside = (1 + 3 + (3 + 7) / 2) / 3
    other = replace(panel, received=panel.received + 2)
    assert naive_difference(other, panel) == pytest.approx((3 + 5 + 9) / 3 - beside)
    assert panel.months_since_start().tolist() == [[0, 1, 2], [-1, 0, 1]]
    assert panel.received[panel.within(1, 24)].tolist() == [1, 3, 7]


def test_a_symmetric_comparison_finds_the_truth_on_average():
    design = choose_design("prov", 40, 60, -1_250.0, 4)
    errors = [symmetric_error(simulate_place(design, place, 4)) for place in design.places]
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(len(errors)) + 150


def symmetric_error(simulated):
    """Difference-in-differences of months 1-12 against -12…-1, minus the true effect."""
    stayed = ~(simulated.departed <= 12)
    treated, whole = change(simulated.participants, simulated.participants.received)
    hidden, _ = change(simulated.participants, simulated.participants.without)
    others, inside = change(simulated.controls, simulated.controls.received)
    kept = whole & stayed
    return treated[kept].mean() - others[inside].mean() - (treated - hidden)[kept].mean()


def change(panel, amounts):
    after, before = panel.within(1, 12), panel.within(-12, -1)
    whole = (after.sum(axis=1) == 12) & (before.sum(axis=1) == 12)
    return ((amounts * after).sum(axis=1) - (amounts * before).sum(axis=1)) / 12, whole
