"""Curves, shares and clustered shares against the shared reference cases, where they are present.

Conventions where programs differ: R's median is the midpoint of a flat stretch, ours its left end;
an interval is null where the share is 0 or 1. The log-rank test is compared for the library that
the methods page names.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hfcore.estimators import competing_risks, intervals, proportions, regression
from hfcore.estimators.competing_risks import pseudo_values
from hfcore.estimators.multistate import occupation
from hfcore.estimators.subdistribution import fine_gray, gray_test

ORACLES = Path(__file__).parent / "oracles"

CURVES = ("time_aml", "time_bmt35", "time_mgus2", "time_unempdur")
TIGHT = {"rtol": 0, "atol": 1e-9}


def expected(case):
    return json.loads((ORACLES / "expected" / f"{case}.json").read_text(encoding="utf-8"))


def rows(case):
    return pd.read_csv(ORACLES / case["data"])


def number(value):
    return np.nan if value is None else value


def column(table, name):
    return np.array([number(each[name]) for each in table], dtype=float)


def samples():
    """Every sample with its counts and its expected numbers."""
    for name in CURVES:
        case = expected(name)
        frame, settings = rows(case), case["settings"]
        causes = [int(code) for code in settings["causes"]]
        parts = [("all", frame, case["expected"]["all"])]
        for each in case["expected"]["by_group"]:
            level = frame[settings["group"]].astype(float).eq(float(each["level"]))
            parts.append((f"{settings['group']}={each['level']}", frame.loc[level], each))
        for label, part, numbers in parts:
            counts = competing_risks.count_events(
                part[settings["time"]], part[settings["cause"]].astype(int), max(causes)
            )
            yield pytest.param(counts, numbers, id=f"{name} {label}")
    case = expected("time_edge")
    frame = rows(case)
    for label, numbers in case["expected"].items():
        part = frame.loc[frame["case"].eq(label)]
        counts = competing_risks.count_events(part["time"], part["cause"], 2)
        yield pytest.param(counts, numbers, id=f"edge {label}")


@pytest.mark.parametrize(("counts", "numbers"), list(samples()))
class TestCurves:
    def test_kaplan_meier(self, counts, numbers):
        table = numbers["km_any_exit"]["table"]
        times = column(table, "time")
        survival, error = competing_risks.kaplan_meier(counts)
        at = competing_risks.at_times(counts, survival, times, start=1.0)
        error = competing_risks.at_times(counts, error, times)
        low, high = intervals.log_log(1 - at, error)
        assert (
            competing_risks.at_risk_at(counts, times).tolist() == column(table, "n_risk").tolist()
        )
        np.testing.assert_allclose(at, column(table, "surv"), **TIGHT)
        np.testing.assert_allclose(error, column(table, "se"), **TIGHT)
        np.testing.assert_allclose(1 - high, column(table, "ci_low"), **TIGHT)
        np.testing.assert_allclose(1 - low, column(table, "ci_high"), **TIGHT)

    def test_restricted_mean(self, counts, numbers):
        for each in numbers["km_any_exit"]["rmst"]:
            found = competing_risks.restricted_mean(counts, each["tau"])
            assert found == pytest.approx((each["rmst"], each["se"]), abs=1e-9)
            reaches = competing_risks.at_risk_at(counts, [each["tau"]])[0] > 0
            assert reaches != each["beyond_follow_up"]

    def test_aalen_johansen(self, counts, numbers):
        share, error = competing_risks.aalen_johansen(counts)
        for each in numbers["cif"]:
            place, times = int(each["cause"]) - 1, column(each["table"], "time")
            at = competing_risks.at_times(counts, share, times)[:, place]
            se = competing_risks.at_times(counts, error, times)[:, place]
            low, high = intervals.log_log(at, se)
            # Where everybody has had the event the error is 0; R leaves what rounding leaves.
            wanted_se = np.where(at == 1, 0, column(each["table"], "se_greenwood"))
            assert counts.events[:, place].sum() == each["events"]
            np.testing.assert_allclose(at, column(each["table"], "cif"), **TIGHT)
            np.testing.assert_allclose(se, wanted_se, **TIGHT)
            np.testing.assert_allclose(low, column(each["table"], "ci_low"), **TIGHT)
            np.testing.assert_allclose(high, column(each["table"], "ci_high"), **TIGHT)

    def test_months_lost(self, counts, numbers):
        for each in numbers["cif"]:
            for row in each["rmtl"]:
                lost, error = competing_risks.months_lost(counts, row["tau"])
                place = int(each["cause"]) - 1
                assert lost[place] == pytest.approx(row["rmtl"], abs=1e-9)
                if "se_ij" in row:
                    assert error[place] == pytest.approx(row["se_ij"], abs=1e-9)


@pytest.mark.parametrize("name", CURVES)
def test_differences_of_restricted_times(name):
    case = expected(name)
    frame, settings = rows(case), case["settings"]
    n_causes = len(settings["causes"])
    groups = [
        competing_risks.count_events(
            part[settings["time"]], part[settings["cause"]].astype(int), n_causes
        )
        for part in (frame.loc[frame[settings["group"]].eq(level)] for level in (1, 0))
    ]
    for each in case["expected"]["rmst_difference"]:
        (first, error), (other, error_other) = (
            competing_risks.restricted_mean(counts, each["tau"]) for counts in groups
        )
        found = (first - other, np.hypot(error, error_other))
        assert found == pytest.approx((each["diff"], each["se"]), abs=1e-9)
    for each in case["expected"]["rmtl_difference"]:
        place = int(each["cause"]) - 1
        lost = [competing_risks.months_lost(counts, each["tau"]) for counts in groups]
        found = (
            lost[0][0][place] - lost[1][0][place],
            np.hypot(lost[0][1][place], lost[1][1][place]),
        )
        assert found == pytest.approx((each["diff"], each["se"]), abs=1e-9)


@pytest.mark.parametrize("name", CURVES)
def test_log_rank_of_the_library(name):
    from statsmodels.duration.survfunc import survdiff

    case = expected(name)
    frame, settings = rows(case), case["settings"]
    group, time = frame[settings["group"]], frame[settings["time"]]
    any_exit = frame[settings["cause"]].gt(0).astype(int)
    found = survdiff(time, any_exit, group)
    wanted = case["expected"]["logrank_any_exit"]
    assert found == pytest.approx((wanted["chisq"], wanted["p"]), rel=1e-6)
    for each in case["expected"]["logrank_cause_specific"]:
        found = survdiff(time, frame[settings["cause"]].eq(each["cause"]).astype(int), group)
        assert found == pytest.approx((each["chisq"], each["p"]), rel=1e-6)


def test_weighted_curves_with_robust_errors():
    case = expected("weighted_unempdur")
    frame, at = rows(case), [each["time"] for each in case["expected"]["km"]]
    time, cause = (frame[case["settings"][name]].to_numpy()[:, None] for name in ("time", "cause"))
    months = np.arange(time.max() + 1)
    state = np.where(months >= time, cause, 0)
    paths = np.where((months <= time) | (state > 0), state, -1)
    found = occupation(np.column_stack([np.zeros(len(frame), int), paths]), 4, frame["w"])
    for place, table in enumerate([case["expected"]["km"], *case["expected"]["cif"]]):
        share = "cif" if place else "surv"
        np.testing.assert_allclose(found.share[at, place], column(table, share), **TIGHT)
        np.testing.assert_allclose(found.error[at, place], column(table, "se_robust"), **TIGHT)


@pytest.mark.parametrize("name", CURVES)
def test_gray(name):
    case = expected(name)
    frame, settings = rows(case), case["settings"]
    group = pd.factorize(frame[settings["group"]], sort=True)[0]
    for each in case["expected"]["gray"]:
        found = gray_test(
            frame[settings["time"]], frame[settings["cause"]].astype(int), group, each["cause"]
        )
        numbers = (found.statistic, found.df, found.p_value)
        assert numbers == pytest.approx((each["chisq"], each["df"], each["p"]), rel=1e-9)


@pytest.mark.parametrize("name", CURVES)
def test_fine_gray(name):
    """R's crr stops early by default: its coefficients are off by up to 2e-5, its errors by 2e-7.

    With gtol = 1e-12 it agrees to 1e-6 and better (tests/reference/group_differences.R).
    """
    case = expected(name)
    frame, settings = rows(case), case["settings"]
    x = frame[[settings["group"]]].to_numpy(dtype=float)
    for each in case["expected"]["fine_gray"]:
        found, error = fine_gray(
            frame[settings["time"]], frame[settings["cause"]].astype(int), x, each["cause"]
        )
        assert found[0] == pytest.approx(each["log_shr"], abs=2e-5)
        assert error[0] == pytest.approx(each["se"], abs=1e-6)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("name", CURVES)
def test_cox_of_the_library(name, ties):
    from statsmodels.duration.hazard_regression import PHReg

    case = expected(name)
    frame, settings = rows(case), case["settings"]
    names = [each.strip() for each in settings["cox_formula"].split("+")]
    for each in case["expected"]["cox_cause_specific"]:
        status = frame[settings["cause"]].eq(each["cause"]).astype(int)
        # A model has the covariates that R's had; events at time 0 need a length.
        fit = PHReg(frame[settings["time"]] + 1e-9, frame[names], status=status, ties=ties).fit()
        wanted = next(one for one in each["fits"] if one["ties"] == ties)
        assert fit.params == pytest.approx(list(wanted["coef"].values()), abs=1e-6)
        assert fit.bse == pytest.approx(list(wanted["se"].values()), abs=1e-6)


PSEUDO = {
    "rmst": lambda counts: competing_risks.restricted_mean(counts, 36)[0],
    "rmtl1": lambda counts: competing_risks.months_lost(counts, 36)[0][0],
    "rmtl2": lambda counts: competing_risks.months_lost(counts, 36)[0][1],
    "cif1": lambda counts: share_at(counts, 12)[0],
    "cif2": lambda counts: share_at(counts, 12)[1],
}


def share_at(counts, month):
    return competing_risks.at_times(counts, competing_risks.aalen_johansen(counts)[0], [month])[0]


@pytest.mark.parametrize("name", PSEUDO)
def test_pseudo_values_and_their_regression(name):
    case = expected("pseudo_bmt35")
    frame, wanted = rows(case), case["expected"][name]
    values = pseudo_values(frame["ftime"], frame["status"], 2, PSEUDO[name])
    np.testing.assert_allclose(values[:5], wanted["first5"], rtol=0, atol=1e-9)
    assert values.mean() == pytest.approx(wanted["mean"], abs=1e-9)
    found = regression.adjusted_difference(
        values, frame["dis"].eq(1).to_numpy(), np.empty((len(frame), 0))
    )
    numbers = (found.estimate, found.standard_error)
    assert numbers == pytest.approx((wanted["coef_group"], wanted["se_HC2"]), abs=1e-9)


CLUSTERED = {
    "clustered_rats": ("litter", "treated", "survived"),
    "clustered_respiratory_pairs": ("household", "active", "outcome"),
}


@pytest.mark.parametrize("name", CLUSTERED)
class TestClustered:
    def test_correlation_within_each_arm(self, name):
        case = expected(name)
        frame, (cluster, arm, outcome) = rows(case), CLUSTERED[name]
        for each in case["expected"]["arms"]:
            part = frame.loc[frame[arm].eq(each["arm"])]
            found = intervals.icc(part[outcome], pd.factorize(part[cluster])[0])
            assert found == pytest.approx(each["icc_anova"], abs=1e-9)

    def test_newcombe_on_effective_numbers(self, name):
        case = expected(name)["expected"]
        control, treated = case["arms"]
        sizes = [arm[key] for arm in (treated, control) for key in ("successes", "n", "n_eff")]
        found = proportions.newcombe_clustered(*sizes)
        np.testing.assert_allclose(found, case["newcombe_neff"], **TIGHT)
        naive = proportions.newcombe(
            *(arm[key] for arm in (treated, control) for key in ("successes", "n"))
        )
        np.testing.assert_allclose(naive, case["naive_newcombe"], **TIGHT)

    def test_cluster_robust(self, name):
        case = expected(name)
        frame, (cluster, arm, outcome) = rows(case), CLUSTERED[name]
        contrast = regression.adjusted_difference(
            frame[outcome],
            frame[arm].eq(1),
            np.empty((len(frame), 0)),
            pd.factorize(frame[cluster].astype(str) + frame[arm].astype(str))[0],
        )
        wanted = case["expected"]
        found = (contrast.estimate, contrast.standard_error, contrast.df)
        numbers = [wanted[key] for key in ("diff", "se_CR2", "df_satterthwaite")]
        assert found == pytest.approx(numbers, abs=1e-8)
        np.testing.assert_allclose(contrast.interval(), wanted["ci_CR2"], rtol=0, atol=1e-8)
