"""Rule 9: every metric comes out as what it is, and figures about shares from printed numbers."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from hfcore.estimators.intervals import detectable_difference, difference_of
from hfcore.results import METRICS, build_results
from hfcore.study import Municipality, Study
from hfpublish.disclosure import RULES, protect
from hfpublish.disclosure.protection import KIND_OF

DAY = date(2021, 12, 31)
PLACE = Municipality("0180", "Stad", DAY, DAY, DAY, DAY)
STUDY = Study("s", {"sv": "S", "en": "S"}, True, DAY, 2021, (PLACE,))
# With this key a count of six or more keeps its value.
QUIET = 0.5
KEYS = ["key_n", "key_events", "key_others", "key_at_risk"]


def frame(*rows):
    told = pd.DataFrame([dict.fromkeys(KEYS, QUIET) | {"variant": "default"} | row for row in rows])
    parts = [build_results(own.dropna(axis=1, how="all")) for _, own in told.groupby("metric")]
    return pd.concat(parts, ignore_index=True)


def curve(group, n, closed, metric="cumulative_incidence", **more):
    row = {"metric": metric, "group": group, "cause": "work", "month": 12, "unit": "share"}
    row |= {"n": n, "n_events": closed, "n_others": n - closed, "estimate": closed / n}
    return row | {"n_at_risk": n - closed, "n_started": n, "worth": 1.0} | more


def difference(metric, participants, controls, **more):
    row = {"metric": metric, "group": "difference", "unit": "share", "month": 12}
    return row | {"n": participants + controls, "n_events": participants, "df": 30.0} | more


def shown(protected, metric, **where):
    rows = protected.loc[protected["metric"].eq(metric)]
    for column, value in where.items():
        rows = rows.loc[rows[column].eq(value)]
    return rows[["estimate", "ci_low", "ci_high"]].iloc[0]


@pytest.mark.parametrize(("closed", "other"), [(0, 0), (1, 0), (2, 30), (15, 8), (40, 40)])
def test_a_difference_of_shares_is_that_of_the_printed_ones(closed, other):
    exact = frame(
        curve("participant", 40, closed),
        curve("control", 40, other),
        difference("incidence_difference", 40, 40, cause="work", estimate=(closed - other) / 40),
    )
    protected = protect(exact, STUDY)
    own, its = (
        shown(protected, "cumulative_incidence", group=g) for g in ("participant", "control")
    )
    made = shown(protected, "incidence_difference")
    low, high = difference_of(
        own["estimate"], own.iloc[1:].to_numpy(), its["estimate"], its.iloc[1:].to_numpy()
    )
    assert made["estimate"] == pytest.approx(own["estimate"] - its["estimate"])
    assert made["ci_low"] == pytest.approx(low, abs=0.0051)
    assert made["ci_high"] == pytest.approx(high, abs=0.0051)


def test_a_difference_between_parts_takes_the_other_part():
    part = {"dimension": "applicant_sex"}
    exact = frame(
        curve("participant", 40, 12, **part, level="woman"),
        curve("participant", 50, 10, **part, level="man"),
        difference(
            "incidence_difference", 40, 50, cause="work", estimate=0.1, **part, level="woman"
        )
        | {"group": "participant"},
    )
    assert shown(protect(exact, STUDY), "incidence_difference")["estimate"] == pytest.approx(0.10)


def test_an_adjusted_difference_moves_by_the_same_noises_and_is_wider():
    exact = frame(
        curve("participant", 40, 12, key_events=0.05),
        curve("control", 40, 10),
        difference("incidence_difference", 40, 40, cause="work", estimate=0.05),
        difference(
            "incidence_difference",
            40,
            40,
            cause="work",
            variant="adjusted",
            estimate=0.08,
            ci_low=-0.1,
            ci_high=0.26,
        ),
    )
    protected = protect(exact, STUDY)
    plain, adjusted = (
        shown(protected, "incidence_difference", variant=v) for v in ("default", "adjusted")
    )
    # Key 0.05 moves 12 to 10: both differences fall by 2 of 40.
    assert plain["estimate"] == pytest.approx(0.0)
    assert adjusted["estimate"] == pytest.approx(0.03)
    reach = np.sqrt(0.18**2 + 1.959964**2 * 4 / 40**2)
    assert adjusted["ci_high"] == pytest.approx(0.03 + reach, abs=0.0051)


def test_without_printed_shares_there_is_no_difference():
    exact = frame(
        curve("participant", 19, 5),
        curve("control", 40, 5),
        difference("incidence_difference", 19, 40, cause="work", estimate=0.1),
    )
    assert shown(protect(exact, STUDY), "incidence_difference").isna().all()


@pytest.mark.parametrize(("closed", "lost"), [(0, 0.0), (1, 0.2), (12, 1.5), (30, 4.4), (40, 8.0)])
def test_time_lost_moves_as_its_curve_and_always_has_a_range(closed, lost):
    row = curve("participant", 40, closed, metric="months_lost", unit="months", estimate=lost)
    stay = row | {"metric": "restricted_mean", "cause": "", "estimate": 12 - lost}
    protected = protect(frame(curve("participant", 40, closed), row | {"df": 39.0}, stay), STUDY)
    made, mirror = (shown(protected, name) for name in ("months_lost", "restricted_mean"))
    noise = {0: 0, 1: -1}.get(closed, 0)
    assert made["estimate"] == pytest.approx(lost * (closed + noise) / max(closed, 1))
    assert made["ci_low"] <= made["estimate"] < made["ci_high"] <= 12 or closed == 40
    assert mirror["estimate"] == pytest.approx(12 - made["estimate"], abs=0.01)
    told = protected.loc[protected["metric"].eq("months_lost")].iloc[0]
    assert pd.isna(told["n_events"]) and pd.isna(told["n_at_risk"])


def test_a_detectable_difference_comes_from_the_printed_share_and_size():
    exact = frame(
        curve("participant", 40, 12),
        {"metric": "detectable_difference", "group": "participant", "cause": "work", "month": 12}
        | {"unit": "share", "n": 40, "estimate": 0.333},
    )
    made = shown(protect(exact, STUDY), "detectable_difference")["estimate"]
    assert made == pytest.approx(float(detectable_difference(40, 40, 0.3)), abs=0.0051)


def test_a_detectable_amount_comes_from_the_printed_range():
    window = {"dimension": "window", "level": "1-12", "group": "difference", "n": 90}
    window |= {"n_events": 40, "df": 50.0, "unit": "sek_per_month"}
    exact = frame(
        window | {"metric": "support_effect", "estimate": -1000.0, "ci_low": -2040, "ci_high": 40},
        window | {"metric": "detectable_difference", "estimate": 1511.0},
    )
    # From -2000 to 0: 1000 / 1.96 × (1.96 + 0.84).
    assert shown(protect(exact, STUDY), "detectable_difference")["estimate"] == 1400


def test_an_effective_size_comes_from_the_shown_number_and_a_twentieth():
    row = {"metric": "effective_sample_size", "group": "comparison", "unit": "count", "n": 100}
    exact = frame(row | {"n_events": 40, "estimate": 41.2, "key_n": 0.05})
    # Key 0.05 moves 100 to 98: 58 others, of whom each counts for 0.65.
    assert shown(protect(exact, STUDY), "effective_sample_size")["estimate"] == 38


def test_a_difference_of_plans_closer_to_work_is_no_share_of_a_count():
    share = {"metric": "plan_closer_to_work", "unit": "share", "month": 12}
    exact = frame(
        share | {"group": "participant", "n": 40, "n_events": 22, "estimate": 0.55},
        share | {"group": "control", "n": 120, "n_events": 16, "estimate": 0.1333},
        difference("plan_closer_to_work", 40, 120, estimate=0.4167),
    )
    made = shown(protect(exact, STUDY), "plan_closer_to_work", group="difference")
    assert made["estimate"] == pytest.approx(0.42)
    assert made["ci_low"] > 0.2 and made["ci_high"] < 0.6


def of_every_kind(metric):
    """Rows of a metric with an exact value, and by how much protection may move it."""
    kind = KIND_OF[metric]
    row = {"metric": metric, "group": "participant", "n": 60, "df": 50.0}
    if metric in ("plan_changed_over_time", "plan_closer_over_time"):
        row |= {"dimension": "months", "level": "6-12", "unit": "share", "n_events": 15}
        return [row | {"estimate": 0.1}], 3 / 60 + 0.01
    if metric in ("plan_changed_difference", "incidence_difference"):
        parent = "plan_changed" if metric.startswith("plan") else "cumulative_incidence"
        shares = [curve("participant", 60, 24, parent), curve("control", 60, 12, parent)]
        rows = [*shares, difference(metric, 60, 60, cause="work", estimate=0.2)]
        if parent == "plan_changed":
            rows = [each | {"n_at_risk": None, "cause": ""} for each in rows]
        return rows, 0.01
    if metric in ("months_lost", "restricted_mean", "queue_restricted_mean"):
        lost = curve("participant", 60, 24, metric, unit="months", estimate=4.02, df=50.0)
        return [lost], 8 * 3 / 24 + 0.05
    if metric in ("net_per_household", "break_even_effect"):
        cost = row | {"metric": "cost_per_household", "unit": "sek", "estimate": 93_000.0}
        by_cost = {"unit": "sek", "month": 24, "estimate": 3_900.0}
        return [cost, row | by_cost], 300 if metric == "break_even_effect" else 5_500
    if metric in ("cost_per_exit", "stock_duration", "closures_per_post"):
        of_closures = {"cost_per_exit": (400_000.0, 80_000), "stock_duration": (17.0, 3)}
        estimate, reach = of_closures.get(metric, (1.5, 0.3))
        unit = {"cost_per_exit": "sek", "stock_duration": "months"}.get(metric, "ratio")
        ends = {"ci_low": 0.8 * estimate, "ci_high": 1.3 * estimate}
        return [row | ends | {"unit": unit, "n_events": 24, "estimate": estimate}], reach
    if kind == "per_count":
        ends = {"ci_low": 80_000.0, "ci_high": 110_000.0}
        return [row | ends | {"unit": "sek", "estimate": 93_000.0}], 5_500
    if metric == "support_total":
        return [row | {"unit": "sek", "estimate": 2_384_210.0}], 5_000
    if metric == "detectable_difference":
        share = curve("participant", 60, 24)
        exact = float(detectable_difference(60, 60, 0.4))
        return [
            share,
            row | {"cause": "work", "month": 12, "unit": "share", "estimate": exact},
        ], 0.02
    if metric == "effective_sample_size":
        return [row | {"n_events": 20, "unit": "count", "estimate": 33.0}], 3
    if kind == "count":
        return [row | {"unit": "count", "estimate": 60.0}], 3
    if kind == "share":
        return [row | {"unit": "share", "n_events": 24, "estimate": 0.4}], 0.06
    if kind == "curve":
        rows = curve("participant", 60, 24, metric)
        return [rows | {"estimate": 0.6 if metric.startswith("still") else 0.4}], 0.06
    if kind == "sum":
        spread = {"largest": 9000.0, "second_largest": 9000.0, "sum_absolute": 400_000.0}
        return [row | spread | {"unit": "sek", "estimate": 384_210.0}], 500
    if kind in ("mean", "model"):
        unit = "months" if "wait" in metric or "time" in metric else "sek"
        return [row | {"unit": unit, "estimate": 13.1 if unit == "months" else 8449.0}], 400
    return [row | {"unit": "ratio", "estimate": 3.0}], 0.5


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_comes_out_near_its_exact_value(metric):
    assert metric in KIND_OF, "a metric that no rule knows is not published"
    rows, reach = of_every_kind(metric)
    protected = protect(frame(*rows), STUDY)
    exact = rows[-1]["estimate"]
    made = protected.loc[protected["metric"].eq(metric)].iloc[-1]["estimate"]
    assert made == pytest.approx(exact, abs=reach)


def test_rule_nine_is_one_of_the_rules():
    assert dict(RULES)[9].__name__ == "models_and_ratios"
