"""What happened to the households: by hand, against R, and whatever the order of the rows."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from reference_cohort import (
    STUDY,
    build_study,
    read_reference,
    reference_cohort,
    small_cohort,
)

from hfcore import metrics
from hfcore.errors import MetricInputError, UsageError
from hfcore.metrics import time_to_closure

R = read_reference("cohort.json")
COHORT = reference_cohort()
MONTHS = list(range(25))
FRAMES = {
    "flow": lambda cohort: metrics.flow(cohort, STUDY),
    "support_duration": lambda cohort: metrics.support_duration(cohort, STUDY),
    "queue_wait": metrics.queue_wait,
    "participation_mean": metrics.participation_mean,
    "closure_share_naive": lambda cohort: metrics.closure_share_naive(cohort, STUDY),
    "closure_share_entered": lambda cohort: metrics.closure_share_entered(cohort, STUDY),
    "closure_time_naive": lambda cohort: metrics.closure_time_naive(cohort, STUDY),
    "closure_reason": lambda cohort: metrics.closure_reason(cohort, STUDY),
    "closures_per_quarter": lambda cohort: metrics.closures_per_quarter(cohort, STUDY),
    "support_time_at_closure": lambda cohort: metrics.support_time_at_closure(cohort, STUDY),
    "cumulative_incidence": lambda cohort: time_to_closure.cumulative_incidence(cohort, STUDY),
    "restricted_time": lambda cohort: time_to_closure.restricted_time(cohort, STUDY),
    "incidence_difference": lambda cohort: time_to_closure.incidence_difference(cohort, STUDY),
    "definition_variants": lambda cohort: time_to_closure.definition_variants(cohort, STUDY),
}


@cache
def results_of(name):
    """The results of a metric on the reference cohort, computed once."""
    return FRAMES[name](COHORT)


def pick(results, **where):
    for column, value in where.items():
        results = results.loc[results[column].eq(value).fillna(False).astype(bool)]
    return results


def triple(row):
    return [row["estimate"], row["ci_low"], row["ci_high"]]


def numbers(values):
    return [np.nan if value is None else value for value in values]


# By hand


HAND = small_cohort(
    [
        ("participant", 0, "work"),
        ("participant", 2, "work"),
        ("participant", 2, "moved"),
        ("participant", 2, None),
        ("participant", 4, None),
        ("participant", 6, "work"),
    ]
)


def test_cumulative_incidence_by_hand():
    rows = pick(
        time_to_closure.cumulative_incidence(HAND, STUDY),
        metric="cumulative_incidence",
        cause="self_sufficiency",
    )
    # 1/6 at 0; S = 5/6; at month 2 five at risk: + 5/6 · 1/5; S = 5/6 · 3/5 = 1/2;
    # at 6 the one left closes: + 1/2.
    expected = {0: 1 / 6, 1: 1 / 6, 2: 1 / 3, 5: 1 / 3, 6: 5 / 6, 24: 5 / 6}
    found = rows.set_index("month")["estimate"]
    assert found.loc[list(expected)].tolist() == pytest.approx(list(expected.values()))
    assert rows.set_index("month")["n_at_risk"].loc[[0, 1, 2, 3, 5, 6, 7]].tolist() == [
        6,
        5,
        5,
        2,
        1,
        1,
        0,
    ]
    assert rows["n_events"].iloc[[0, 2, 6, 24]].tolist() == [1, 2, 3, 3]


def test_still_in_intervention_by_hand():
    rows = pick(time_to_closure.cumulative_incidence(HAND, STUDY), metric="still_in_intervention")
    found = rows.set_index("month")["estimate"].loc[[0, 1, 2, 5, 6]].tolist()
    assert found == pytest.approx([5 / 6, 5 / 6, 1 / 2, 1 / 2, 0])
    assert rows.set_index("month").loc[6, ["ci_low", "ci_high"]].isna().all()


def test_keys_add_up_over_who_is_counted():
    keyed = HAND.assign(record_key=[0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625])
    rows = pick(
        time_to_closure.cumulative_incidence(keyed, STUDY),
        metric="cumulative_incidence",
        cause="self_sufficiency",
    ).set_index("month")
    assert rows["key_n"].eq(0.984375).all()
    assert rows["key_events"].loc[[0, 2, 6]].tolist() == [0.5, 0.75, 0.765625]
    assert rows["key_at_risk"].loc[[0, 2, 3, 6, 7]].tolist() == [
        0.984375,
        0.484375,
        0.046875,
        0.015625,
        0.0,
    ]


def test_naive_shares_by_hand():
    rows = metrics.closure_share_naive(HAND, STUDY)
    default = pick(rows, variant="default").set_index("cause")
    assert default["n"].eq(4).all()
    assert default["n_events"].tolist() == [3, 1, 0, 0, 0]
    assert pick(rows, variant="published", cause="self_sufficiency")["estimate"].item() == 1
    assert pick(rows, variant="strict", cause="self_sufficiency")["n_events"].item() == 3


def test_restricted_time_is_withheld_below_ten_that_started_so_early():
    def status(households):
        cohort = small_cohort([("participant", 6, None)] * households)
        rows = time_to_closure.restricted_time(cohort, STUDY)
        row = pick(rows, metric="restricted_mean", month=6).iloc[0]
        return row["status"], row["estimate"], row["n_at_risk"]

    assert status(9)[0] == "too_few"
    assert np.isnan(status(9)[1])
    assert status(10) == ("ok", 6.0, 10)
    assert status(11) == ("ok", 6.0, 11)


def test_restricted_time_does_not_ask_how_many_are_left():
    early = [("participant", 1, "work")] * 149
    rows = time_to_closure.restricted_time(
        small_cohort([*early, ("participant", 6, None)]).assign(followup_months=6), STUDY
    )
    assert pick(rows, month=6)["status"].eq("ok").all()


# Against R


@pytest.mark.parametrize("variant", ["default", "published", "strict"])
@pytest.mark.parametrize("cause", STUDY.causes)
def test_shares_agree_with_r(variant, cause):
    naive = results_of("closure_share_naive")
    row = pick(naive, variant=variant, cause=cause).iloc[0]
    assert triple(row) == pytest.approx(R["closure_share_naive"][variant][cause], abs=1e-9)
    entered = pick(results_of("closure_share_entered"), variant=variant, cause=cause)
    row = pick(entered, dimension="").iloc[0]
    assert triple(row) == pytest.approx(R["closure_share_entered"][variant][cause], abs=1e-9)
    row = pick(entered, dimension="followed_months", level="12").iloc[0]
    assert triple(row) == pytest.approx(R["followed_12"][variant][cause], abs=1e-9)


@pytest.mark.parametrize("variant", ["default", "published", "strict"])
def test_mean_times_agree_with_r(variant):
    rows = pick(results_of("closure_time_naive"), variant=variant)
    for cause, wanted in R["closure_time_naive"][variant].items():
        row = pick(rows, cause="" if cause == "all" else cause).iloc[0]
        wanted = [number if np.isnan(number) else max(number, 0) for number in numbers(wanted)]
        assert triple(row) == pytest.approx(wanted, abs=1e-9, nan_ok=True)


def test_means_agree_with_r():
    row = results_of("participation_mean").iloc[0]
    assert triple(row) == pytest.approx(R["participation_mean"], abs=1e-9)
    row = results_of("queue_wait").iloc[0]
    assert triple(row) == pytest.approx(R["queue_wait"], abs=1e-9)
    duration = results_of("support_duration")
    for group, wanted in R["support_duration"].items():
        row = pick(duration, metric="support_duration_at_start", group=group).iloc[0]
        assert triple(row) == pytest.approx(wanted, abs=1e-9)


def test_bands_and_counts_agree_with_r():
    duration = pick(results_of("support_duration"), metric="support_duration_band")
    for group, bands in R["bands"].items():
        for band, count in bands.items():
            row = pick(duration, group=group, dimension="months_on_support", level=band).iloc[0]
            assert row["n_events"] == count
    reasons = results_of("closure_reason").set_index("level")["estimate"]
    for reason, count in R["reasons"].items():
        assert reasons[reason] == count
    assert reasons.sum() == sum(R["reasons"].values())
    quarters = pick(results_of("closures_per_quarter"), cause="")
    quarters = quarters.set_index("period")["estimate"]
    assert quarters.sum() == sum(R["quarters"].values())
    for quarter, count in R["quarters"].items():
        assert quarters[quarter] == count


@pytest.mark.parametrize("group", ["participant", "control"])
@pytest.mark.parametrize("cause", STUDY.causes)
def test_curves_agree_with_r(group, cause):
    rows = pick(
        results_of("cumulative_incidence"),
        metric="cumulative_incidence",
        group=group,
        cause=cause,
    )
    wanted = R["incidence"][group][cause]
    if group == "control" and cause not in ("moved", "deceased"):
        assert rows["status"].eq("not_available").all()
        assert rows["estimate"].isna().all()
        return
    assert rows["month"].tolist() == MONTHS
    np.testing.assert_allclose(rows["estimate"], wanted["estimate"], atol=1e-9)
    inside = rows["ci_low"].notna()
    assert inside.tolist() == [0 < value < 1 for value in wanted["estimate"]]
    for column, end in (("ci_low", "low"), ("ci_high", "high")):
        found = rows.loc[inside, column].to_numpy()
        np.testing.assert_allclose(found, np.array(numbers(wanted[end]))[inside], atol=1e-9)


def test_remaining_agrees_with_r():
    rows = pick(results_of("cumulative_incidence"), metric="still_in_intervention")
    np.testing.assert_allclose(rows["estimate"], R["remaining"]["estimate"], atol=1e-9)
    inside = rows["estimate"].between(0, 1, inclusive="neither")
    for column, end in (("ci_low", "low"), ("ci_high", "high")):
        wanted = np.array(numbers(R["remaining"][end]), dtype=float)
        np.testing.assert_allclose(rows.loc[inside, column], wanted[inside], atol=1e-9)
    assert rows["n_at_risk"].tolist() == R["at_risk"]


def ends_of_time(state, mean, reach, horizon):
    """From R's mean and error: plain for the stay, by log(−log(1 − part)) for the losses."""
    if state == "(s0)":
        return [max(mean - reach, 0), min(mean + reach, horizon)]
    if mean == 0:
        return [np.nan, np.nan]
    rest = 1 - mean / horizon
    reach = reach / horizon / (-rest * np.log(rest))
    return [horizon * (1 - rest ** np.exp(sign * reach)) for sign in (-1, 1)]


@pytest.mark.parametrize("horizon", [6, 12, 18])
def test_restricted_times_agree_with_r(horizon):
    rows = pick(results_of("restricted_time"), group="participant", month=horizon)
    wanted = R["lost"][str(horizon)]
    for state, mean, error in zip(wanted["state"], wanted["mean"], wanted["se"], strict=True):
        row = pick(rows, cause="" if state == "(s0)" else state).iloc[0]
        assert row["estimate"] == pytest.approx(mean, abs=1e-9)
        found = [row["ci_low"], row["ci_high"]]
        assert found == pytest.approx(
            ends_of_time(state, mean, wanted["t"] * error, horizon), abs=1e-8, nan_ok=True
        )
    assert rows["estimate"].sum() == pytest.approx(horizon)


def test_where_nothing_varied_a_time_has_no_interval():
    rows = time_to_closure.restricted_time(small_cohort([("participant", 30, None)] * 12), STUDY)
    assert rows["estimate"].notna().all()
    assert rows[["ci_low", "ci_high"]].isna().all(axis=None)


def test_restricted_time_at_24_months_with_nine_at_risk():
    assert R["at_risk"][24] == 9
    rows = pick(results_of("restricted_time"), group="participant", month=24)
    assert rows["status"].eq("ok").all() and rows["estimate"].notna().all()


def test_difference_from_the_two_curves_of_r():
    rows = pick(results_of("incidence_difference"), cause="moved", month=12)
    first, other = (
        {key: values[12] for key, values in R["incidence"][group]["moved"].items()}
        for group in ("participant", "control")
    )
    difference = first["estimate"] - other["estimate"]
    down = np.hypot(first["estimate"] - first["low"], other["high"] - other["estimate"])
    up = np.hypot(first["high"] - first["estimate"], other["estimate"] - other["low"])
    wanted = [difference, difference - down, difference + up]
    assert triple(rows.iloc[0]) == pytest.approx(wanted, abs=1e-9)
    assert (rows["n"].item(), rows["n_events"].item()) == (150, 60)


# Properties


@pytest.mark.parametrize("name", FRAMES)
def test_row_order_and_ids_do_not_matter(name):
    shuffled = COHORT.sample(frac=1, random_state=3)
    relabelled = shuffled.assign(household_id="x" + shuffled["household_id"])
    first, other = results_of(name), FRAMES[name](relabelled)
    pd.testing.assert_frame_equal(first, other, rtol=1e-12)


@pytest.mark.parametrize("name", FRAMES)
def test_input_is_left_as_it_was(name):
    before = COHORT.copy(deep=True)
    FRAMES[name](COHORT)
    pd.testing.assert_frame_equal(COHORT, before)


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("rows", [0, 1], ids=["nobody", "one household"])
def test_nobody_or_one_household_is_an_answer(name, rows):
    results = FRAMES[name](COHORT.head(rows))
    shown = results.loc[results["estimate"].notna()]
    assert shown["status"].eq("ok").all()
    if rows == 0:
        counts = shown.loc[shown["unit"].eq("count")]
        assert len(shown) == len(counts)
        assert counts["estimate"].eq(0).all()


def test_interval_lies_around_the_estimate():
    results = pd.concat([results_of(name) for name in FRAMES])
    known = results.loc[results["ci_low"].notna()]
    assert len(known) > 300
    assert (known["ci_low"] <= known["estimate"] + 1e-12).all()
    assert (known["estimate"] <= known["ci_high"] + 1e-12).all()


def test_causes_and_remaining_add_up_to_one():
    rows = pick(results_of("cumulative_incidence"), group="participant")
    assert np.allclose(rows.groupby("month")["estimate"].sum(), 1)


def test_causes_may_be_renamed_and_reordered():
    causes = dict(reversed(STUDY.definitions.causes.items()))
    other = build_study(causes=causes)
    first = results_of("cumulative_incidence")
    again = time_to_closure.cumulative_incidence(COHORT, other)
    keys = ["metric", "group", "cause", "month"]
    pd.testing.assert_frame_equal(
        first.sort_values(keys, ignore_index=True), again.sort_values(keys, ignore_index=True)
    )


def test_absent_causes_and_quarters_stand_as_zero():
    rows = metrics.closure_share_naive(HAND, STUDY)
    assert pick(rows, cause="deceased", variant="default")["n_events"].item() == 0
    reasons = metrics.closure_reason(HAND, STUDY)
    assert len(reasons) == 12
    quarters = metrics.closures_per_quarter(HAND, STUDY)
    assert pick(quarters, cause="")["period"].tolist()[:2] == ["2018Q2", "2018Q3"]
    assert pick(quarters, cause="")["period"].tolist()[-1] == "2021Q4"
    assert pick(quarters, cause="")["estimate"].sum() == 4


def test_everybody_censored():
    cohort = small_cohort([("participant", 3, None)] * 3)
    rows = time_to_closure.cumulative_incidence(cohort, STUDY)
    known = pick(rows, metric="cumulative_incidence", status="ok")
    assert known["month"].max() == 3
    assert known["estimate"].eq(0).all()
    assert known["ci_low"].isna().all()
    assert pick(rows, status="not_available")["estimate"].isna().all()
    assert pick(rows, metric="still_in_intervention", month=3)["estimate"].item() == 1


def test_all_closed_at_once_is_known_for_ever():
    cohort = small_cohort([("participant", 3, "work")] * 4)
    rows = time_to_closure.cumulative_incidence(cohort, STUDY)
    rows = pick(rows, metric="cumulative_incidence", cause="self_sufficiency")
    assert rows["estimate"].tolist() == [0.0] * 3 + [1.0] * 22
    assert rows["status"].eq("ok").all()


def test_controls_without_any_record_stand_as_not_available():
    cohort = pd.concat([HAND, small_cohort([("control", 8, None)] * 3)], ignore_index=True)
    rows = pick(time_to_closure.cumulative_incidence(cohort, STUDY), group="control")
    assert len(rows) == 5 * 25
    assert rows["status"].eq("not_available").all()
    difference = time_to_closure.incidence_difference(cohort, STUDY)
    assert difference["status"].eq("not_available").all()
    assert difference["estimate"].isna().all()


# Flow


def test_flow_parts_add_up():
    queue = (
        HAND.head(2)
        .assign(started_on=pd.NaT, observed_months=pd.NA, is_closed=False)
        .astype({"observed_months": "Int64"})
    )
    odd = HAND.tail(1).assign(observed_months=-1).astype({"observed_months": "Int64"})
    controls = small_cohort([("control", 8, None)] * 2)
    lost = controls.tail(1).assign(observed_months=pd.NA).astype({"observed_months": "Int64"})
    cohort = pd.concat([HAND, queue, odd, controls.head(1), lost], ignore_index=True)
    rows = metrics.flow(cohort, STUDY).set_index(["group", "level"])["n"]
    found = {
        step: rows["participant", step]
        for step in (
            "referred",
            "not_started",
            "started",
            "end_before_start",
            "analysed",
            "closed",
            "ongoing",
        )
    }
    assert found == {
        "referred": 9,
        "not_started": 2,
        "started": 7,
        "end_before_start": 1,
        "analysed": 6,
        "closed": 4,
        "ongoing": 2,
    }
    assert rows["control", "no_index_month"] == 1
    assert rows["control", "analysed"] == 1


def test_household_counts_by_hand():
    persons = pd.DataFrame(
        {
            "household_id": ["h0", "h0", "h0", "h1", "h1", "elsewhere"],
            "role": ["applicant", "co_applicant", "child", "applicant", "child", "applicant"],
            "sex": ["woman", "man", "woman", "unknown", "man", "woman"],
            "record_key": [0.5, 0.25, 0.125, 0.5, 0.0625, 0.7],
        }
    )
    rows = metrics.household_counts(HAND, persons)
    found = pick(rows, group="participant").set_index("metric")
    assert found["estimate"].to_dict() == {"households": 6, "women": 1, "men": 1, "children": 2}
    assert found.loc["children", "key_n"] == 0.1875
    assert pick(rows, group="control")["estimate"].eq(0).all()


# Errors


def test_a_missing_column_is_named():
    with pytest.raises(MetricInputError, match="cohort lacks the column observed_months"):
        time_to_closure.cumulative_incidence(COHORT.drop(columns="observed_months"), STUDY)


def test_an_undeclared_variant_is_refused():
    with pytest.raises(UsageError, match="declared are: default, published, strict"):
        time_to_closure.cumulative_incidence(COHORT, STUDY, "lenient")
