"""Follow-up, meetings and principles: by hand, against a plain count, and the edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from reference_cohort import PLACE, STUDY, small_cohort

from hfcore.metrics import fidelity, followup
from hfcore.results import build_results
from hfcore.study import TheoryStep

START = pd.Timestamp("2018-05-01")


def contacts_of(rows: list[tuple]) -> pd.DataFrame:
    """Contacts from (number of household, day since the start, counterpart, coordinated plan)."""
    full = [(*row, *("household", False)[len(row) - 2 :]) for row in rows]
    frame = pd.DataFrame(full, columns=["number", "day", "counterpart", "coordinated_plan"])
    return frame.assign(
        household_id="h" + frame["number"].astype("str"),
        on=(START + pd.to_timedelta(frame["day"], unit="D")).astype("datetime64[s]"),
        kind="meeting",
    ).drop(columns=["number", "day"])


# Closed after 31 days (June 1): two whole windows of 14 days and three days over.
COHORT = small_cohort([("participant", 1, "work")] * 3 + [("participant", 43, None)])
COHORT = COHORT.loc[COHORT["is_closed"]]
HAND = contacts_of([(0, 5), (0, 20), (1, 30), (1, 3, "school", False)])


def by_variant(rows: pd.DataFrame) -> pd.Series:
    return rows.loc[rows["level"].eq("")].set_index("variant")["estimate"]


def test_by_hand():
    rows = followup.followup_on_time(HAND, COHORT, STUDY, PLACE)
    share = by_variant(rows)
    # h0: gaps 5, 15, 11 → 5 + 14 + 11; h1: gaps 30, 1 → 14 + 1; h2 has no record.
    assert share["default"] == pytest.approx((30 + 15) / 62)
    assert share["windows"] == pytest.approx((2 + 1) / 4)
    assert rows["n"].max() == 2 and rows["ci_low"].isna().all()
    gaps = followup.longest_gap(HAND, COHORT, STUDY, PLACE).set_index("level")["n_events"]
    assert gaps.to_dict() == {"-14": 0, "15-28": 1, "29-61": 1, "62-": 0, "no_record": 1}


def plain_covered(seen: list[int], days: int, interval: int) -> int:
    """Day by day, whether any contact or the start lies less than the interval back."""
    return sum(any(0 <= day - each < interval for each in (0, *seen)) for day in range(days))


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_a_plain_count(seed):
    rng = np.random.default_rng(seed)
    months = rng.integers(1, 20, 30)
    cohort = small_cohort([("participant", int(each), "work") for each in months])
    days = (cohort["closed_on"] - cohort["started_on"]).dt.days
    drawn = [
        (place, int(day))
        for place, length in enumerate(days)
        for day in rng.integers(1, length + 1, max(1, length // 15))
    ]
    rows = followup.followup_on_time(contacts_of(drawn), cohort, STUDY, PLACE)
    by_household = [[day for place, day in drawn if place == each] for each in range(30)]
    covered = sum(plain_covered(s, d, 14) for s, d in zip(by_household, days, strict=True))
    assert by_variant(rows)["default"] == pytest.approx(covered / days.sum())
    spans = rows.loc[rows["dimension"].eq("months_since_start")]
    assert spans["estimate"].between(0, 1).all()


def test_the_interval_is_a_definition():
    study = replace(STUDY, definitions=replace(STUDY.definitions, followup_interval_days=61))
    rows = followup.followup_on_time(HAND, COHORT, study, PLACE)
    assert rows["status"].eq("too_few").all()  # no stay lasts a whole window


def test_a_start_before_the_reach_begins_at_the_first_contact_seen():
    late = replace(PLACE, contacts_from=date(2018, 5, 15))
    stays = followup.followed_days(HAND, COHORT, STUDY, late).set_index("household_id")
    assert stays.loc["h0", "seen"] == [0] and stays.loc["h0", "days"] == 11
    assert "h2" not in stays.index


def test_rate_and_mix_by_hand():
    rate = followup.contact_rate(HAND, COHORT, STUDY, PLACE)
    assert rate.loc[rate["level"].eq(""), "estimate"].iloc[0] == pytest.approx(4 / (62 / 30.4375))
    mix = followup.contact_mix(HAND, COHORT, STUDY, PLACE)
    of = mix.loc[mix["dimension"].eq("counterpart")].set_index("level")["estimate"]
    assert of["household"] == 0.75 and of["school"] == 0.25
    assert of.sum() == pytest.approx(1)


def test_reach_by_hand():
    """One of three at once; one closes in month 1 without; one in month 2: 1/3, then 1/3 + 1/3."""
    cohort = small_cohort([("participant", 9, "work"), ("participant", 1, "work")])
    third = small_cohort([("participant", 9, "work")]).assign(household_id="h2")
    cohort = pd.concat([cohort, third])
    rows = followup.contact_reach(
        contacts_of([(0, 3, "school", False), (2, 40, "school", True)]), cohort, STUDY, PLACE
    )
    school = rows.loc[rows["level"].eq("school")].set_index("month")["estimate"]
    assert school.iloc[:4].tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3, 2 / 3])
    plan = rows.loc[rows["metric"].eq("coordinated_plan")].set_index("month")["estimate"]
    assert plan.iloc[2] == pytest.approx(1 / 3)
    assert rows.loc[rows["level"].eq("psychiatry"), "estimate"].eq(0).all()


def test_order_does_not_matter_and_nothing_is_changed():
    before = HAND.copy(), COHORT.copy()
    rows = followup.followup_results(HAND, COHORT, STUDY, PLACE)
    again = followup.followup_results(HAND.iloc[::-1], COHORT.iloc[::-1], STUDY, PLACE)
    pd.testing.assert_frame_equal(rows, again)
    pd.testing.assert_frame_equal(before[0], HAND)
    pd.testing.assert_frame_equal(before[1], COHORT)


def test_no_contact_at_all():
    rows = followup.followup_results(HAND.head(0), COHORT, STUDY, PLACE)
    gaps = rows.loc[rows["level"].eq("no_record")].iloc[0]
    assert gaps["n_events"] == 3
    assert rows.loc[rows["metric"].eq("followup_on_time"), "status"].eq("too_few").all()


PLACE_YEAR = replace(PLACE, first_day=date(2018, 2, 1), last_day=date(2018, 12, 31))
MEETINGS = pd.DataFrame(
    {
        "on": pd.to_datetime(["2018-02-05", "2018-04-02", "2018-08-01", "2018-08-09"]),
        "arena": ["steering_group"] * 3 + ["workshop"],
        "parties": [["a"], ["a", "b"], ["a"], ["b"]],
        "held": [True, True, False, True],
    }
)


def test_meetings_by_hand():
    rows = fidelity.meeting_on_schedule(MEETINGS, PLACE_YEAR, STUDY).set_index("level")
    # Whole quarters: 2, 3 and 4; met in the second alone. Whole half-years: the second.
    assert rows.loc["steering_group", ["n", "n_events"]].tolist() == [3, 1]
    assert rows.loc["workshop", ["n", "n_events"]].tolist() == [1, 1]
    assert rows.loc["a", ["n", "n_events"]].tolist() == [3, 2]
    assert rows["ci_low"].isna().all()


RATINGS = pd.DataFrame(
    [("w", "p", "followed", "advisers", 3), ("w", "p", "followed", "managers", 1),
     ("w", "p", "meaningful", "advisers", 2), ("w", "q", "followed", "advisers", None)],
    columns=["wave", "principle", "aspect", "rater_group", "rating"],
)  # fmt: skip


def test_principles_by_hand():
    rows = fidelity.fidelity_rating(RATINGS)
    rating = rows.loc[rows["metric"].eq("fidelity_rating")].set_index(["level", "cause"])
    assert rating.loc[("p", "followed"), "estimate"] == 2
    assert rating.loc[("q", "followed"), "status"] == "not_available"
    assert rating["estimate"].notna().sum() == 2  # what nobody rated is not nought
    adherence = rows.loc[rows["metric"].eq("adherence")].set_index("cause")["estimate"]
    assert adherence["followed"] == pytest.approx(4 / 6)
    spread = rows.loc[rows["metric"].eq("fidelity_spread")].set_index("level")["estimate"]
    assert spread["p"] == 2 and pd.isna(spread["q"])


@pytest.mark.parametrize(
    ("ends", "direction", "word"),
    [
        ((-9, -1), "down", "as_expected"),
        ((-9, -1), "up", "against"),
        ((-9, 1), "down", "unseen"),
        ((None, None), "down", "told"),
        ((-9, -1), "", "told"),
    ],
)
def test_a_step_of_the_theory(ends, direction, word):
    step = TheoryStep("x", "long", {}, metric="support_effect", direction=direction)
    study = replace(STUDY, theory=(step, TheoryStep("y", "short", {})))
    row = {"estimate": [-5.0], "ci_low": [ends[0]], "ci_high": [ends[1]]}
    results = build_results(pd.DataFrame(row), metric="support_effect", unit="sek_per_month")
    rows = fidelity.theory_status(study, results).set_index("level")
    assert rows["cause"].to_dict() == {"x": word, "y": "no_indicator"}


def test_no_meeting_no_rating_no_theory():
    assert fidelity.meeting_on_schedule(MEETINGS.head(0), PLACE_YEAR, STUDY).empty
    assert fidelity.fidelity_rating(RATINGS.head(0)).empty
    nothing = build_results(pd.DataFrame({"metric": []}), unit="count")
    assert fidelity.theory_status(STUDY, nothing).empty
