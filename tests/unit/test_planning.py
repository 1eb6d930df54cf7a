"""Plans at measurement points: by hand, against R, and their edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reference_cohort import REFERENCE, build_study, read_reference, small_cohort

from hfcore.errors import MetricInputError
from hfcore.metrics import planning

PLANS = ("job_seeking", "studies", "sick_leave")
STUDY = build_study(plans=PLANS, plan_order=PLANS)
START = pd.Timestamp("2018-05-01")
R = read_reference("shares.json")


def pick(results, **where):
    for column, value in where.items():
        results = results.loc[results[column].eq(value).fillna(False).astype(bool)]
    return results


def persons_of(cohort, adults):
    """Adults p0, p1, … of households given by their place in the cohort."""
    return pd.DataFrame(
        {
            "person_id": [f"p{number}" for number in range(len(adults))],
            "household_id": cohort["household_id"].iloc[adults].to_numpy(),
            "role": "applicant",
            "record_key": np.linspace(0.01, 0.99, len(adults)),
        }
    )


def plans_of(rows):
    """Plans from (person number, day, plan)."""
    return pd.DataFrame(
        [(f"p{number}", pd.Timestamp(day), plan) for number, day, plan in rows],
        columns=["person_id", "from_on", "plan"],
    )


COHORT = small_cohort(
    [
        ("participant", 43, None),
        ("participant", 8, "moved"),
        ("control", 43, None),
    ]
)
PERSONS = persons_of(COHORT, [0, 0, 1, 2])
HAND = plans_of(
    [
        (0, "2018-01-01", "sick_leave"),
        (0, "2018-11-01", "studies"),  # the very day that is 6 months after the start
        (1, "2018-05-01", "job_seeking"),
        (1, "2018-11-02", "sick_leave"),  # a day too late for 6 months
        (2, "2018-04-30", "studies"),
        (2, "2019-01-01", "job_seeking"),
        (3, "2018-02-01", "studies"),
        (3, "2018-06-01", "job_seeking"),
        (3, "2019-04-01", "studies"),  # back to the plan of the start
    ]
)


def test_changed_by_hand():
    rows = pick(planning.plan_changed(HAND, PERSONS, COHORT, STUDY), variant="default")
    changed = pick(rows, metric="plan_changed").set_index(["group", "month"])
    assert changed.loc["participant", "n_events"].to_dict() == {6: 1, 12: 3, 18: 3}
    assert changed.loc["participant", "n"].tolist() == [3, 3, 3]
    assert changed.loc["control", "n_events"].to_dict() == {6: 1, 12: 0, 18: 0}
    unchanged = pick(rows, metric="plan_unchanged").set_index(["group", "month"])
    assert (changed["estimate"] + unchanged["estimate"]).eq(1).all()
    assert (changed["n_events"] + unchanged["n_events"]).eq(changed["n"]).all()
    assert np.allclose(changed["key_events"] + unchanged["key_events"], changed["key_n"])


def test_who_moved_is_left_out_of_the_other_variant():
    rows = pick(
        planning.plan_changed(HAND, PERSONS, COHORT, STUDY),
        variant="without_moved",
        metric="plan_changed",
        group="participant",
    )
    assert rows.set_index("month")["n"].to_dict() == {6: 3, 12: 2, 18: 2}


def test_closer_to_work_by_hand():
    rows = planning.plan_closer_to_work(HAND, PERSONS, COHORT, STUDY)
    found = pick(rows, group="participant").set_index("month")["n_events"].to_dict()
    # sick leave to studies at 6 months; studies to job seeking at 8; the third goes further away.
    assert found == {6: 1, 12: 2, 18: 2}
    assert pick(rows, group="control", month=6)["estimate"].item() == 1


def test_transitions_add_up_to_the_denominator():
    rows = planning.plan_transitions(HAND, PERSONS, COHORT, STUDY)
    assert len(rows) == 2 * 3 * 9
    sums = rows.groupby(["group", "month"])["n"].sum()
    assert sums["participant"].tolist() == [3, 3, 3]
    cell = pick(
        rows, group="participant", month=12, dimension="transition", level="sick_leave>studies"
    )
    assert cell["estimate"].item() == 1


def test_undeclared_plans_come_last():
    rows = planning.plan_transitions(HAND, PERSONS, COHORT, build_study(plans=("studies",)))
    names = rows["level"].unique().tolist()
    assert names[0] == "studies>studies"
    assert names[-1] == "sick_leave>sick_leave"


def test_flow_says_who_is_not_in_the_denominator():
    late = COHORT.assign(followup_months=pd.array([11, 12, 43], dtype="Int64"))
    nothing = HAND.loc[HAND["person_id"].ne("p3")]
    rows = planning.plan_flow(nothing, PERSONS, late, STUDY)
    at_12 = pick(rows, month=12).set_index(["group", "dimension", "level"])["n"]
    assert at_12["participant"].to_dict() == {
        ("adults", "started"): 3,
        ("adults", "observed"): 1,
        ("adults", "not_followed_long_enough"): 2,
        ("adults", "no_plan_at_start"): 0,
        ("adults", "moved_or_deceased"): 1,
        ("households", "observed"): 1,
    }
    assert at_12["control", "adults", "no_plan_at_start"] == 1


@pytest.mark.parametrize(("followed", "n"), [(5, 0), (6, 1), (7, 1)])
def test_followed_to_the_point_itself_is_enough(followed, n):
    cohort = COHORT.head(1).assign(followup_months=pd.array([followed], dtype="Int64"))
    rows = planning.plan_changed(HAND, PERSONS.head(1), cohort, STUDY)
    row = pick(rows, metric="plan_changed", variant="default", group="participant", month=6)
    assert row["n"].item() == n
    assert row["status"].item() == ("ok" if n else "too_few")


# Against R


def r_sample():
    """The adults of R as plans: a change where y is 1."""
    adults = pd.read_csv(REFERENCE / "adults.csv")
    homes = adults.drop_duplicates("household")
    cohort = small_cohort([(group, 43, None) for group in homes["group"]])
    cohort = cohort.assign(household_id=[f"h{number}" for number in homes["household"]])
    places = adults["household"].map(dict(zip(homes["household"], range(len(homes)), strict=True)))
    persons = persons_of(cohort, places.tolist())
    before = [(number, "2018-04-01", "studies") for number in range(len(adults))]
    changes = [(number, "2018-07-01", "job_seeking") for number in np.flatnonzero(adults["y"])]
    return plans_of(before + changes), persons, cohort


SAMPLE = r_sample()


def test_shares_and_difference_agree_with_r():
    rows = pick(planning.plan_changed(*SAMPLE, STUDY), month=6)
    for group in ("participant", "control"):
        row = pick(rows, metric="plan_changed", variant="default", group=group).iloc[0]
        arm = R["arms"][group]
        assert (row["n_events"], row["n"]) == (arm["x"], arm["n"])
        ends = [row["ci_low"], row["ci_high"]]
        assert ends == pytest.approx(R[f"wilson_{group}"], abs=1e-9)
    row = pick(rows, metric="plan_changed_difference", variant="default").iloc[0]
    assert row["estimate"] == pytest.approx(R["difference"], abs=1e-9)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(R["newcombe"], abs=1e-9)
    assert (row["n"], row["n_events"]) == (105, 37)


def test_cluster_robust_difference_agrees_with_r():
    rows = planning.plan_changed(*SAMPLE, STUDY)
    row = pick(rows, variant="cluster_robust", month=6).iloc[0]
    found = [row["estimate"], row["ci_low"], row["ci_high"], row["df"]]
    wanted = [R["difference"], R["cr2"]["low"], R["cr2"]["high"], R["cr2"]["df"]]
    assert found == pytest.approx(wanted, abs=1e-8)


# power.prop.test(n = 40, p1 = .5, power = .8)$p2 - .5 in R 4.2.2, and with n = 20.
DETECTABLE = [(40, 0.2949100071), (20, 0.3950582098)]


# Properties and edges

METRICS = [
    planning.plan_changed,
    planning.plan_closer_to_work,
    planning.plan_transitions,
    planning.plan_flow,
    planning.detectable_plans,
]


@pytest.mark.parametrize("metric", METRICS)
def test_row_order_does_not_matter_and_input_stays(metric):
    before = [frame.copy(deep=True) for frame in SAMPLE]
    shuffled = [frame.sample(frac=1, random_state=2) for frame in SAMPLE]
    pd.testing.assert_frame_equal(
        metric(*shuffled, STUDY), metric(*SAMPLE, STUDY), rtol=1e-9, atol=1e-12
    )
    for frame, copy in zip(SAMPLE, before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


@pytest.mark.parametrize("metric", METRICS)
def test_nobody_is_an_answer(metric):
    plans, persons, cohort = SAMPLE
    results = metric(plans, persons, cohort.head(0), STUDY)
    assert results["n"].eq(0).all()
    assert results.loc[results["unit"].eq("share"), "estimate"].isna().all()
    assert results.loc[results["unit"].eq("share"), "status"].eq("too_few").all()


def test_without_controls_there_is_no_difference():
    plans, persons, cohort = SAMPLE
    alone = cohort.loc[cohort["group"].eq("participant")]
    rows = planning.plan_changed(plans, persons, alone, STUDY)
    assert pick(rows, group="difference")["status"].eq("too_few").all()
    assert pick(rows, group="difference")["estimate"].isna().all()
    assert pick(rows, group="participant")["status"].eq("ok").all()


def test_two_alike_adults_count_as_one():
    cohort = small_cohort([("participant", 43, None)] * 10 + [("control", 43, None)] * 10)
    homes = [place for place in range(20) for _ in range(2)]
    persons = persons_of(cohort, homes)
    before = [(number, "2018-04-01", "studies") for number in range(40)]
    changes = [(number, "2018-07-01", "job_seeking") for number in range(40) if homes[number] % 2]
    rows = planning.plan_changed(plans_of(before + changes), persons, cohort, STUDY)
    pairs = pick(rows, metric="plan_changed", variant="default", group="participant", month=6)
    single = planning.plan_changed(plans_of(before + changes), persons.iloc[::2], cohort, STUDY)
    ones = pick(single, metric="plan_changed", variant="default", group="participant", month=6)
    assert pairs["n"].item() == 2 * ones["n"].item()
    assert pairs["ci_low"].item() == pytest.approx(ones["ci_low"].item())


@pytest.mark.parametrize(("adults", "difference"), DETECTABLE)
def test_what_so_few_adults_can_show_agrees_with_r(adults, difference):
    cohort = small_cohort([("participant", 43, None)] * adults + [("control", 43, None)] * adults)
    persons = persons_of(cohort, list(range(2 * adults)))
    before = [(number, "2018-04-01", "studies") for number in range(2 * adults)]
    changes = [(number, "2018-07-01", "job_seeking") for number in range(0, 2 * adults, 2)]
    rows = planning.detectable_plans(plans_of(before + changes), persons, cohort, STUDY)
    assert rows["estimate"].tolist() == pytest.approx([difference] * 3, abs=1e-5)
    assert rows["n"].tolist() == [2 * adults] * 3
    assert rows["n_events"].tolist() == [adults] * 3
    # Two adults that always do the same tell as much as one.
    pairs = persons_of(cohort, [place // 2 for place in range(4 * adults)])
    doubled = plans_of(
        [(2 * number + k, day, plan) for number, day, plan in before + changes for k in (0, 1)]
    )
    twice = planning.detectable_plans(doubled, pairs, cohort, STUDY)
    assert twice["estimate"].tolist() == pytest.approx(rows["estimate"].tolist())


def test_without_an_order_closer_cannot_be_told():
    rows = planning.plan_closer_to_work(*SAMPLE, build_study(plans=PLANS))
    assert rows["status"].eq("not_available").all()
    assert len(rows) == 9


def test_a_missing_column_is_named():
    plans, persons, cohort = SAMPLE
    with pytest.raises(MetricInputError, match="plans lacks the column plan; it has: person_id"):
        planning.plan_changed(plans.drop(columns="plan"), persons, cohort, STUDY)
