"""The same adults at two points, the tests beside, and other ways of computing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reference_cohort import REFERENCE, build_study, read_reference, small_cohort

from hfcore.errors import MetricInputError
from hfcore.metrics import planning, plans_over_time
from hfcore.robustness import interval_methods, plan_tests

PLANS = ("job_seeking", "studies", "sick_leave")
STUDY = build_study(plans=PLANS, plan_order=PLANS)
R = read_reference("plans_twice.json")
METRICS = [
    plans_over_time.plan_changes_over_time,
    plan_tests.difference_tests,
    plan_tests.mcnemar_tests,
]


def pick(results, **where):
    for column, value in where.items():
        results = results.loc[results[column].eq(value).fillna(False).astype(bool)]
    return results


def adults_of(groups, homes, paths):
    """Plans, persons and cohort: the group of each home, the home of each adult, its plans.

    A path is the plan at start, at 6, 12 and 18 months.
    """
    cohort = small_cohort([(group, 43, None) for group in groups])
    persons = pd.DataFrame(
        {
            "person_id": [f"p{number:03}" for number in range(len(homes))],
            "household_id": cohort["household_id"].iloc[homes].to_numpy(),
            "role": np.where(pd.Series(homes).duplicated(), "co_applicant", "applicant"),
            "record_key": np.linspace(0.01, 0.99, len(homes)),
        }
    )
    days = ["2018-05-01", "2018-11-01", "2019-05-01", "2019-11-01"]
    rows = [
        (f"p{number:03}", pd.Timestamp(day), plan)
        for number, path in enumerate(paths)
        for day, plan in zip(days, path, strict=False)
    ]
    return pd.DataFrame(rows, columns=["person_id", "from_on", "plan"]), persons, cohort


WORK, STUDIES, SICK = PLANS
# Two participants of one household, one of another, and a control.
HAND = adults_of(
    ["participant", "participant", "control"],
    [0, 0, 1, 2],
    [
        (SICK, SICK, STUDIES, STUDIES),  # another plan from 12 months on, closer to work
        (SICK, STUDIES, SICK, WORK),  # back at 12 months, closer again at 18
        (STUDIES, SICK, SICK, SICK),  # another plan from 6 months on, further away
        (WORK, WORK, WORK, STUDIES),
    ],
)


def r_sample():
    """R's adults as plans: another plan at 6 or 12 months where R says so, the latter kept."""
    adults = pd.read_csv(REFERENCE / "adults_twice.csv")
    homes = adults.drop_duplicates("household")
    places = dict(zip(homes["household"], range(len(homes)), strict=True))
    plans = np.array([SICK, STUDIES])
    paths = [
        (SICK, plans[earlier], plans[later], plans[later])
        for earlier, later in zip(adults["earlier"], adults["later"], strict=True)
    ]
    return adults_of(homes["group"], adults["household"].map(places).tolist(), paths)


SAMPLE = r_sample()


def test_by_hand():
    rows = plans_over_time.plan_changes_over_time(*HAND, STUDY)
    changed = pick(rows, metric="plan_changed_over_time").set_index(["group", "level"])
    own = changed.loc["participant"]
    assert own.index.tolist() == ["6-12", "12-18", "6-18"]
    # 6 to 12: one gains, one loses; 12 to 18: one gains; 6 to 18: one gains.
    assert own["estimate"].tolist() == pytest.approx([0, 1 / 3, 1 / 3])
    assert own["n_events"].tolist() == [2, 1, 1]
    assert own["n"].tolist() == [3, 3, 3]
    keys = HAND[1]["record_key"]
    assert own["key_events"].tolist() == pytest.approx([keys[0] + keys[1], keys[1], keys[0]])
    assert changed.loc["control", "estimate"].tolist() == [0, 1, 1]
    closer = pick(rows, metric="plan_closer_over_time", group="participant")
    assert closer["estimate"].tolist() == pytest.approx([0, 1 / 3, 1 / 3])


def test_changes_add_up_over_the_points():
    rows = plans_over_time.plan_changes_over_time(*SAMPLE, STUDY)
    for _, part in rows.groupby(["metric", "group"]):
        first, second, whole = part["estimate"]
        assert first + second == pytest.approx(whole)


def test_change_is_the_difference_of_the_shares_where_all_are_followed():
    shares = planning.plan_changed(*SAMPLE, STUDY)
    then = pick(shares, metric="plan_changed", variant="default", group="participant")
    share = then.set_index("month")["estimate"]
    rows = plans_over_time.plan_changes_over_time(*SAMPLE, STUDY)
    found = pick(rows, metric="plan_changed_over_time", group="participant")
    assert found["estimate"].iloc[0] == pytest.approx(share[12] - share[6])


@pytest.mark.parametrize("group", ["participant", "control"])
def test_paired_difference_agrees_with_r(group):
    rows = plans_over_time.plan_changes_over_time(*SAMPLE, STUDY)
    row = pick(
        rows, metric="plan_changed_over_time", group=group, dimension="months", level="6-12"
    ).iloc[0]
    wanted = R["paired"][group]
    assert R["icc"] > 0.1
    found = [row[name] for name in ("estimate", "ci_low", "ci_high", "n", "n_events")]
    numbers = [wanted[name] for name in ("difference", "low", "high", "n", "changed")]
    assert found == pytest.approx(numbers, abs=1e-9)


def test_adults_not_followed_to_the_later_point_are_in_neither():
    plans, persons, cohort = HAND
    short = cohort.assign(followup_months=pd.array([43, 11, 43], dtype="Int64"))
    rows = plans_over_time.plan_changes_over_time(plans, persons, short, STUDY)
    own = pick(rows, metric="plan_changed_over_time", group="participant")
    assert own["n"].tolist() == [2, 2, 2]


def test_two_alike_adults_count_as_one():
    groups = ["participant"] * 20 + ["control"] * 20
    paths = [
        (SICK, SICK if place % 3 else STUDIES, STUDIES if place % 2 else SICK)
        for place in range(40)
    ]
    ones = adults_of(groups, list(range(40)), paths)
    pairs = adults_of(
        groups, [place // 2 for place in range(80)], [paths[place // 2] for place in range(80)]
    )
    one, two = (
        pick(plans_over_time.plan_changes_over_time(*each, STUDY), dimension="months", level="6-12")
        for each in (ones, pairs)
    )
    assert (two["n"] == 2 * one["n"]).all()
    assert two["ci_low"].tolist() == pytest.approx(one["ci_low"].tolist())


def test_without_an_order_closer_cannot_be_told():
    rows = plans_over_time.plan_changes_over_time(*HAND, build_study(plans=PLANS))
    closer = pick(rows, metric="plan_closer_over_time")
    assert closer["status"].eq("not_available").all()
    assert closer["estimate"].isna().all()


@pytest.mark.parametrize(("points", "pairs"), [((6,), []), ((12, 6), [(6, 12)])])
def test_few_points(points, pairs):
    study = build_study(plans=PLANS, plan_order=PLANS, measurement_points_months=points)
    assert plans_over_time.point_pairs(study) == pairs
    assert len(plans_over_time.plan_changes_over_time(*HAND, study)) == 4 * len(pairs)
    assert len(plan_tests.mcnemar_tests(*HAND, study)) == 2 * len(pairs)


@pytest.mark.parametrize("metric", METRICS)
def test_row_order_and_names_do_not_matter_and_input_stays(metric):
    before = [frame.copy(deep=True) for frame in SAMPLE]
    plans, persons, cohort = (frame.sample(frac=1, random_state=2) for frame in SAMPLE)
    renamed = {name: f"q{name[1:]}" for name in persons["person_id"]}
    plans, persons = (
        each.assign(person_id=each["person_id"].map(renamed)) for each in (plans, persons)
    )
    found, wanted = metric(plans, persons, cohort, STUDY), metric(*SAMPLE, STUDY)
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-9, atol=1e-12)
    for frame, copy in zip(SAMPLE, before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def test_nobody_is_an_answer():
    plans, persons, cohort = SAMPLE
    nobody = (plans, persons, cohort.head(0), STUDY)
    rows = plans_over_time.plan_changes_over_time(*nobody)
    assert rows["n"].eq(0).all() and rows["estimate"].isna().all()
    assert rows["status"].eq("too_few").all()
    assert plan_tests.difference_tests(*nobody).empty
    tests = plan_tests.mcnemar_tests(*nobody)
    assert tests["households"].eq(0).all() and tests["p_mid"].isna().all()
    changed = planning.plan_changed(*nobody)
    assert interval_methods.difference_methods(changed, 6)["ci_low"].isna().all()


@pytest.mark.parametrize("paths", [(SICK, SICK, SICK), (SICK, STUDIES, STUDIES)])
def test_none_and_all_have_an_interval_around_no_change(paths):
    adults = adults_of(["participant"] * 12 + ["control"] * 12, list(range(24)), [paths] * 24)
    rows = plans_over_time.plan_changes_over_time(*adults, STUDY)
    row = pick(rows, metric="plan_changed_over_time", dimension="months", level="6-12").iloc[0]
    assert row["ci_low"] < 0 < row["ci_high"]
    assert (row["estimate"], row["n_events"]) == (0, 0)


def test_one_household_has_an_interval():
    plans, persons, cohort = HAND
    rows = plans_over_time.plan_changes_over_time(plans, persons, cohort.head(1), STUDY)
    row = pick(rows, metric="plan_changed_over_time", group="participant").iloc[0]
    assert -1 <= row["ci_low"] <= row["estimate"] <= row["ci_high"] <= 1


def test_a_missing_column_is_named():
    plans, persons, cohort = HAND
    for metric in METRICS:
        with pytest.raises(
            MetricInputError, match="plans lacks the column plan; it has: person_id"
        ):
            metric(plans.drop(columns="plan"), persons, cohort, STUDY)


# Tests on one adult a household


def test_mcnemar_agrees_with_r():
    tests = pick(plan_tests.mcnemar_tests(*SAMPLE, STUDY), dimension="months", level="6-12")
    for group, wanted in R["tests"].items():
        row = pick(tests, group=group).iloc[0]
        counts = [row[name] for name in ("households", "gained", "lost")]
        assert counts == [wanted[name] for name in ("households", "gained", "lost")]
        found = [row[name] for name in ("p_exact", "p_mid", "p_chi_square")]
        assert found == pytest.approx([wanted[name] for name in ("exact", "mid", "chi")], abs=1e-9)


def test_tests_of_the_difference_agree_with_r():
    rows = plan_tests.difference_tests(*SAMPLE, STUDY).set_index("test")
    found = rows.loc["fisher", ["p_greater", "p_less", "p_value"]].tolist()
    assert found == pytest.approx(list(R["fisher"].values()), abs=1e-9)
    assert rows.loc["chi_square", "p_value"] == pytest.approx(R["pearson"], abs=1e-9)
    assert rows.index.tolist() == ["fisher", "fisher_mid_p", "boschloo", "chi_square"]
    assert (rows["p_value"] <= rows.loc["fisher", "p_value"]).all()


def test_the_applicant_stands_for_the_household():
    plans, persons, cohort = HAND
    swapped = persons.assign(role=["co_applicant", "applicant", "applicant", "applicant"])
    first = plan_tests.mcnemar_tests(plans, persons, cohort, STUDY).iloc[0]
    second = plan_tests.mcnemar_tests(plans, swapped, cohort, STUDY).iloc[0]
    assert (first["households"], first["gained"], first["lost"]) == (2, 1, 0)
    assert (second["households"], second["gained"], second["lost"]) == (2, 0, 1)


# Other ways of computing


def test_the_difference_in_six_ways():
    changed = planning.plan_changed(*SAMPLE, STUDY)
    rows = interval_methods.difference_methods(changed, 6).set_index("variant")
    assert rows.index.tolist() == [
        "default",
        "cluster_robust",
        "newcombe",
        "agresti_caffo",
        "miettinen_nurminen",
        "wald",
    ]
    assert rows["estimate"].to_numpy() == pytest.approx(rows["estimate"].iloc[0])
    width = rows["ci_high"] - rows["ci_low"]
    assert width["default"] > width["newcombe"]
    assert (rows["ci_low"] < rows["estimate"]).all() and (rows["estimate"] < rows["ci_high"]).all()
    default = pick(changed, variant="default", metric="plan_changed_difference", month=6).iloc[0]
    assert rows.loc["default", "ci_low"] == default["ci_low"]


def test_a_share_in_three_ways():
    shares = pick(planning.plan_changed(*SAMPLE, STUDY), variant="default", metric="plan_changed")
    some = shares.head(2)
    rows = interval_methods.share_methods(some)
    assert rows["variant"].tolist() == ["default", "clopper_pearson", "mid_p"] * 2
    assert rows["estimate"].tolist() == np.repeat(some["estimate"], 3).tolist()
    exact, mid = (pick(rows, variant=name) for name in ("clopper_pearson", "mid_p"))
    assert (exact["ci_low"].to_numpy() <= mid["ci_low"].to_numpy()).all()
    assert interval_methods.share_methods(shares.head(0)).empty
