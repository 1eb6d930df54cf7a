"""Who belongs to the target group and who waits: by hand, identities, edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from reference_cohort import CUTOFF, PLACE, STUDY, small_cohort
from scipy.stats import binomtest, chi2, t

from hfcore.estimators.cluster_ratios import cluster_ratio
from hfcore.metrics import queue, target_group


def cohort_of(rows: list[tuple]) -> pd.DataFrame:
    """Participants from (months on support, other agencies), null allowed."""
    frame = pd.DataFrame(rows, columns=["months", "agencies"])
    cohort = small_cohort([("participant", 43, None)] * len(rows))
    return cohort.assign(
        months_on_support=frame["months"].astype("Int64"),
        other_agencies=frame["agencies"].astype("Int64"),
        support_since=pd.Timestamp("2017-01-01"),
    )


def test_eligible_by_hand():
    cohort = cohort_of([(10, 2), (11, 3), (12, 1), (9, 2), (None, 2), (3, 0)])
    rows = target_group.eligible(cohort, STUDY)
    main = rows.loc[rows["variant"].eq("default")].set_index("level")["estimate"]
    assert main[["both", "months", "agencies", "unknown"]].tolist() == [2, 1, 1, 1]
    share = rows.loc[rows["metric"].eq("eligible_share")].set_index("variant")
    assert share.loc["default", ["n", "n_events"]].tolist() == [5, 2]
    assert share.loc["upper_12", "n_events"] == 0
    low, high = binomtest(2, 5).proportion_ci(method="wilson")
    assert share.loc["default", ["ci_low", "ci_high"]].tolist() == pytest.approx([low, high])


@pytest.mark.parametrize(("name", "value", "both"), [
    ("eligibility_months_on_support", 12, 0), ("eligibility_other_agencies", 3, 1),
])  # fmt: skip
def test_the_definitions_move_it(name, value, both):
    study = replace(STUDY, definitions=replace(STUDY.definitions, **{name: value}))
    rows = target_group.eligible(cohort_of([(10, 2), (11, 3), (12, 1)]), study)
    assert rows.loc[rows["level"].eq("both"), "estimate"].iloc[0] == both


def payments_of(months: dict[str, list[int]]) -> pd.DataFrame:
    """Paid months of each household, counted from the first of the export."""
    rows = [
        (household, pd.Timestamp("2014-05-01") + pd.DateOffset(months=each), 100.0)
        for household, each_months in months.items()
        for each in each_months
    ]
    return pd.DataFrame(rows, columns=["household_id", "month", "amount_sek"])


def test_long_term_by_hand():
    everybody = replace(PLACE, payments_cover="all")
    paid = payments_of({"a": list(range(12)), "b": [0, *range(3, 12)], "c": [2, 11], "d": [4]})
    rows = target_group.long_term(paid, everybody, STUDY)
    first = rows.loc[rows["metric"].eq("long_term")].iloc[0]
    assert (first["period"], first["n"], first["n_events"]) == ("2015-04", 3, 2)
    assert rows["ci_low"].isna().all()
    very = rows.loc[rows["metric"].eq("very_long_term")]
    assert very["period"].iloc[0] == "2017-04" and very["status"].eq("not_available").all()


def test_long_term_needs_everybodys_payments():
    rows = target_group.long_term(payments_of({"a": [1]}), PLACE, STUDY)
    assert rows["status"].eq("not_available").all() and rows["estimate"].isna().all()


def queued(rows: list[tuple]) -> pd.DataFrame:
    """Participants from (referred, started, left) as days or None."""
    days = pd.DataFrame(rows, columns=["referred_on", "started_on", "closed_on"])
    days = days.apply(lambda column: pd.to_datetime(column).astype("datetime64[s]"))
    return small_cohort([("participant", 43, None)] * len(rows)).assign(**days)


WAITING = queued(
    [
        ("2021-10-05", "2021-10-20", None),
        ("2021-10-10", "2021-12-01", None),
        ("2021-11-30", None, None),
        ("2021-12-30", None, None),
        ("2021-10-31", None, "2021-11-15"),
    ]
)


def test_queue_by_hand():
    rows = queue.queue_length(WAITING, STUDY)
    length = rows.loc[rows["metric"].eq("queue_length")].set_index("period")["estimate"]
    assert length.to_dict() == {"2021-10": 2, "2021-11": 2, "2021-12": 2}
    pressure = rows.loc[rows["metric"].eq("queue_pressure")].iloc[0]
    assert pressure["estimate"] == 2.5
    forecast = rows.loc[rows["metric"].eq("queue_forecast")].iloc[0]
    assert forecast["status"] == "too_few" and pd.isna(forecast["estimate"])


def test_the_queue_is_what_came_less_what_went():
    rng = np.random.default_rng(4)
    referred = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 600, 80), "D")
    wait = pd.to_timedelta(rng.integers(0, 200, 80), "D")
    started = pd.Series(referred + wait).where(rng.random(80) < 0.7)
    left = pd.Series(referred + wait).where(started.isna() & (rng.random(80) < 0.5))
    cohort = queued(list(zip(referred, started, left, strict=True)))
    rows = queue.queue_length(cohort, STUDY)
    length = rows.loc[rows["metric"].eq("queue_length")].set_index("period")["estimate"]
    ended = cohort["started_on"].fillna(cohort["closed_on"])
    ended = ended.where(ended <= pd.Timestamp(CUTOFF))
    came, went = (
        days.dt.to_period("M").astype("str").value_counts().reindex(length.index).fillna(0)
        for days in (cohort["referred_on"], ended)
    )
    flow = came - went
    assert length.tolist() == flow.cumsum().tolist()


def test_pressure_and_forecast_have_exact_ends():
    """Of 24 referred and 20 started: 1.2 (0.77 to 1.79 for the referrals' own Poisson)."""
    both = queued([("2021-03-01", "2021-04-01", None)] * 20 + [("2021-05-01", None, None)] * 4)
    rows = queue.queue_length(both, STUDY).set_index("metric")
    low, high = binomtest(24, 44).proportion_ci(method="exact")
    row = rows.loc["queue_pressure"]
    assert row["estimate"] == 1.2
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([low / (1 - low), high / (1 - high)])
    emptying = queued(
        [("2020-11-01", "2021-04-01", None)] * 40
        + [("2020-12-01", None, None)] * 6
        + [("2021-06-01", "2021-07-01", None)] * 2
    )
    row = queue.queue_length(emptying, STUDY).set_index("metric").loc["queue_forecast"]
    assert row["estimate"] == pytest.approx(6 / (42 - 2) * 12)
    assert row["ci_high"] == pytest.approx(6 / (42 - chi2.ppf(0.975, 6) / 2) * 12)


def test_nobody_waits():
    none = queued([(None, "2021-01-01", None)])
    assert queue.queue_length(none, STUDY)["status"].tolist() == ["not_available"]


PERSONS = pd.DataFrame(
    {
        "person_id": list("abcdef"),
        "household_id": ["h0", "h0", "h1", "h2", "h2", "h3"],
        "role": ["applicant", "co_applicant", "applicant", "applicant", "child", "applicant"],
        "obstacle": ["sick_listed", "sick_listed", "language", "sick_listed", "language", None],
        "record_key": 0.5,
    }
)


def test_obstacles_by_hand():
    cohort = cohort_of([(10, 2)] * 4)
    rows = target_group.obstacle_share(cohort, PERSONS).set_index("level")
    assert rows.loc["sick_listed", ["n", "n_events"]].tolist() == [4, 3]
    # Both adults of one household say the same, so four adults are worth fewer.
    low, high = binomtest(3, 4).proportion_ci(method="wilson")
    assert rows.loc["sick_listed", "ci_low"] <= low and rows.loc["sick_listed", "ci_high"] >= high


def test_care_centres_by_hand():
    cohort = cohort_of([(10, 2)] * 5).assign(care_centre=["North", "South", "South", "South", None])
    listed = pd.DataFrame({"care_centre": ["South"], "listed_persons": [8000]})
    rows = target_group.care_centres(cohort, PERSONS, listed)
    of = {metric: each.set_index("level") for metric, each in rows.groupby("metric")}
    assert of["care_centre_households"]["estimate"].to_dict() == {"South": 3, "North": 1}
    assert of["care_centre_cumulative"]["estimate"].tolist() == [0.75, 1.0]
    assert of["sick_by_care_centre"]["estimate"].to_dict() == {"South": 1, "North": 2}
    assert of["per_1000_listed"].loc["South", "estimate"] == pytest.approx(3 / 8)
    assert of["per_1000_listed"].loc["North", "status"] == "not_available"


def test_reach_by_hand():
    cohort = WAITING.assign(
        support_since=pd.to_datetime(["2020-01-01", "2020-01-01", "2020-01-01", "2021-06-01", None])
    )
    rows = target_group.reach(cohort, STUDY)
    assert rows[["period", "n", "n_events"]].to_numpy().tolist() == [["2021", 3, 2]]


def test_rounds_by_hand():
    cohort = cohort_of([(10, 2)] * 3)
    plans = pd.DataFrame(
        [("a", "2018-05-01"), ("a", "2019-01-01"), ("a", "2020-05-31"), ("b", "2018-04-30"),
         ("b", "2020-06-01"), ("c", "2018-06-01")],
        columns=["person_id", "from_on"],
    )  # fmt: skip
    plans = plans.assign(from_on=pd.to_datetime(plans["from_on"]))
    rows = target_group.rounds(plans, PERSONS, cohort, STUDY).set_index("metric")
    assert rows.loc["rounds", "estimate"] == 1.0  # four plans of four adults
    assert rows.loc["rounds_share", ["n", "n_events"]].tolist() == [4, 1]


def test_frame():
    assert target_group.frame(PLACE)["status"].tolist() == ["not_available"]
    one = target_group.frame(replace(PLACE, teams=3, teams_counted=1)).iloc[0]
    assert one["estimate"] == pytest.approx(1 / 3) and pd.isna(one["ci_low"])


def test_cluster_ratio_is_delete_one_by_hand():
    """Each residual is the change of the ratio where its cluster is left out, but for its share."""
    rng = np.random.default_rng(2)
    x = rng.integers(2, 20, 25).astype(float)
    y = np.minimum(rng.binomial(x.astype(int), 0.7), x)
    ratio, low, high, df = cluster_ratio(y, x)
    out = np.array([np.delete(y, i).sum() / np.delete(x, i).sum() for i in range(25)])
    error = np.sqrt(np.sum((out - ratio) ** 2))
    reach = np.log(high / (1 - high)) - np.log(ratio / (1 - ratio))
    assert reach == pytest.approx(error / ratio / (1 - ratio) * t.ppf(0.975, df))
    assert low < ratio < high


@pytest.mark.parametrize(("met", "missed"), [(9, 20), (20, 9)])
def test_cluster_ratio_needs_ten_on_either_side(met, missed):
    y = [1.0] * met + [0.0] * missed
    _, low, high, _ = cluster_ratio(y, np.ones(met + missed))
    assert np.isnan([low, high]).all()


def test_order_does_not_matter_and_nothing_is_changed():
    cohort = cohort_of([(10, 2), (11, 3), (12, 1), (9, 2)])
    before = cohort.copy()
    rows = target_group.target_group_results(cohort, PERSONS, STUDY)
    pd.testing.assert_frame_equal(before, cohort)
    again = target_group.target_group_results(
        cohort.sample(frac=1, random_state=1), PERSONS.sample(frac=1, random_state=2), STUDY
    )
    pd.testing.assert_frame_equal(rows, again)


def test_nobody():
    cohort = cohort_of([(10, 2)]).head(0)
    rows = target_group.target_group_results(cohort, PERSONS, STUDY)
    assert rows["estimate"].fillna(0).eq(0).all()
    assert target_group.care_centres(cohort.assign(care_centre=None), PERSONS).empty
