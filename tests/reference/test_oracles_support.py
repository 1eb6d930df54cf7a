"""Published and independently computed reference cases, where they lie beside the project."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import effect_reference
import numpy as np
import pandas as pd
import pytest
from scipy.special import logit, stdtr
from support_cases import cohort_of

from hfcore.estimators.matching import (
    match_nearest,
    paired_difference,
    propensity_score,
    sign_flip_interval,
)
from hfcore.estimators.outcome_regression import effect_on_treated
from hfcore.estimators.regression import adjusted_difference, robust_coefficient, welch
from hfcore.estimators.unmeasured_confounding import (
    e_value,
    e_value_of_difference,
)
from hfcore.estimators.weighting import (
    effective_sample_size,
    entropy_balanced_difference,
)
from hfcore.metrics.comparison_group import standardised_difference
from hfcore.metrics.support import (
    pretrend,
    support_drift_bound,
    support_effect,
    support_mean,
)
from hfcore.robustness.sensitivity import build_sample, match, support_effect_sensitivity
from hfcore.study import Definitions, Study

HOME = Path(__file__).parent / "oracles"
SMD_COVARIATES = ("age", "educ", "black", "hispan", "married", "nodegree", "re74", "re75")
close = {"rel": 1e-6, "abs": 1e-6}


def case(name: str) -> dict:
    return json.loads((HOME / "expected" / f"{name}.json").read_text(encoding="utf-8"))


def data(name: str) -> pd.DataFrame:
    return pd.read_csv(HOME / "data" / f"{name}.csv")


def same(found, expected: dict, se: str = "se") -> None:
    assert found.estimate == pytest.approx(expected["att"], **close)
    assert found.standard_error == pytest.approx(expected[se], **close)
    if "df" in expected:
        assert found.df == pytest.approx(expected["df"], **close)
    if "ci" in expected:
        assert found.interval() == pytest.approx(expected["ci"], **close)


# Matching and balance ---------------------------------------------------------------------------


def lalonde() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, dict]:
    rows = data("lalonde_matchit")
    x = rows[list(SMD_COVARIATES)].to_numpy(dtype=float)
    return rows, rows["treat"].eq(1).to_numpy(), x, case("matching_lalonde")["expected"]


def test_propensity_score():
    _, treated, x, expected = lalonde()
    score = propensity_score(x, treated)
    assert score[:10] == pytest.approx(expected["ps"]["first10"], abs=1e-10)
    assert score.sum() == pytest.approx(expected["ps"]["sum"], abs=1e-8)
    assert score[treated].min() == pytest.approx(expected["ps"]["min_treated"], abs=1e-10)


MATCHINGS = {
    "nn_1to1": {},
    "nn_1to1_caliper02_probability": {"caliper": 0.2},
    "nn_1to1_caliper02_logit": {"caliper": 0.2, "on_logit": True},
    "nn_1to1_exact": {"exact": True},
    "nn_1to1_exact_caliper025_logit": {"exact": True, "caliper": 0.25, "on_logit": True},
    "nn_1to2": {"ratio": 2},
}


@pytest.mark.parametrize("name", MATCHINGS)
def test_matching(name):
    rows, treated, x, expected = lalonde()
    expected, setting = expected[name], dict(MATCHINGS[name])
    score = propensity_score(x, treated)
    score = logit(score) if setting.pop("on_logit", False) else score
    if "caliper" in setting:
        setting["caliper"] *= score.std(ddof=1)
    mine, others = np.flatnonzero(treated), np.flatnonzero(~treated)
    if setting.pop("exact", False):
        race = rows["black"].to_numpy()
        setting["exact"] = race[mine], race[others]
    pairs = match_nearest(score[mine], score[others], **setting)
    place = pd.Index(rows["id"])
    named = [(first, other) for first, *others in expected["pairs"] for other in others]
    oracle = np.array([place.get_indexer(pair) for pair in named])
    found = np.column_stack([mine[pairs[:, 0]], others[pairs[:, 1]]])
    found, oracle = (each[np.argsort(each[:, 0], kind="stable")] for each in (found, oracle))
    assert found.tolist() == oracle.tolist()
    outcome = rows["re78"].to_numpy()
    contrast = paired_difference(outcome[mine], outcome[others], pairs)
    assert contrast.estimate == pytest.approx(expected["att"], **close)
    assert contrast.standard_error == pytest.approx(expected["paired_t"]["se"], **close)
    assert contrast.interval() == pytest.approx(expected["paired_t"]["ci"], **close)
    weights = np.zeros(len(rows))
    weights[mine[np.unique(pairs[:, 0])]] = 1
    np.add.at(weights, others[pairs[:, 1]], 1.0)
    assert effective_sample_size(weights[others]) == pytest.approx(
        expected["control_weight_ess"], **close
    )
    distance = np.abs(score[mine[pairs[:, 0]]] - score[others[pairs[:, 1]]])
    assert distance.max() == pytest.approx(expected["max_abs_score_distance"], **close)
    for place, covariate in enumerate(SMD_COVARIATES):
        after = standardised_difference(x[:, place], treated, weights)
        assert after == pytest.approx(expected["smd_after"][covariate], abs=1e-9)


def test_balance_before():
    _, treated, x, expected = lalonde()
    for place, covariate in enumerate(SMD_COVARIATES):
        found = standardised_difference(x[:, place], treated, np.ones(len(x)))
        expected_smd = expected["smd_before"][covariate]["smd_treated_sd"]
        assert found == pytest.approx(expected_smd, abs=1e-10)


def test_weighting_of_lalonde():
    rows, treated, x, expected = lalonde()
    y = rows["re78"].to_numpy()
    found, weights = entropy_balanced_difference(y, treated, x)
    balanced = expected["entropy_balancing"]
    assert found.estimate == pytest.approx(balanced["att"], **close)
    assert weights.effective_sample_size == pytest.approx(balanced["ess_control"], **close)
    assert weights.weights[:10] == pytest.approx(balanced["weights_first10"], abs=1e-12)


# Differences-in-differences ---------------------------------------------------------------------


def test_the_experiment():
    rows, expected = data("nsw_dw_experiment"), case("nsw_experiment_difference")["expected"]
    treated = rows["treat"].eq(1)
    found = welch(rows.loc[treated, "re78"], rows.loc[~treated, "re78"])
    named = {"att": expected["diff"], "se": expected["welch_se"], "df": expected["welch_df"]}
    same(found, named | {"ci": expected["welch_ci"]})
    design = np.column_stack([np.ones(len(rows)), treated])
    error = robust_coefficient(rows["re78"], design, 1)[1]
    assert error == pytest.approx(expected["HC2_se"], **close)


def test_small_did():
    rows, expected = data("did_small_public"), case("did_adjusted_small")["expected"]
    change, treated = rows["re78"] - rows["re75"], rows["treat"].eq(1)
    x = rows[["age", "educ", "black", "re74"]]
    same(welch(change[treated], change[~treated]), expected["unadjusted_welch"])
    same(adjusted_difference(change, treated, x), expected["regression_adjusted"], se="se_HC2")
    found, weights = entropy_balanced_difference(change, treated, x)
    same(found, expected["entropy_balanced"], se="se_influence_HC3")
    assert weights.effective_sample_size == pytest.approx(
        expected["entropy_balanced"]["ess_control"], **close
    )


def agrees(found, expected: dict) -> None:
    contrast = found.contrast
    assert contrast.estimate == pytest.approx(expected["estimate"], rel=1e-9)
    assert contrast.standard_error == pytest.approx(expected["se"], rel=1e-9)
    assert contrast.df == pytest.approx(expected["df"], rel=1e-9)
    assert contrast.interval() == pytest.approx(expected["ci"], rel=1e-9)
    assert found.row_weights.sum() == pytest.approx(expected["sum_a"])
    assert found.row_weights.max() == pytest.approx(expected["max_a"], rel=1e-9)
    assert found.row_weights.min() == pytest.approx(expected["min_a"], rel=1e-7)


def test_effect_on_treated_by_a_regression_on_controls_alone():
    rows, expected = data("did_small_public"), case("effect_controls_only")["did_small_public"]
    treated = rows["treat"].eq(1)
    arms = [(rows["re78"] - rows["re75"])[each].to_numpy() for each in (treated, ~treated)]

    def of(names: list[str]) -> list[np.ndarray]:
        return [rows.loc[each, names].to_numpy(float) for each in (treated, ~treated)]

    x = of(["age", "educ", "black", "re74"])
    agrees(effect_on_treated(*arms, *x), expected["controls_only"])
    agrees(effect_on_treated(*arms), expected["unadjusted"])
    places = tuple(rows.loc[each, "nodegree"].to_numpy(int) for each in (treated, ~treated))
    stacked = effect_on_treated(*arms, *of(["age", "black", "re74"]), places=places)
    agrees(stacked, expected["stacked_by_nodegree"])


def test_effect_on_treated_with_rows_of_several_months():
    """The reference's own rule of start months, and its plain numpy program, on panel30."""
    expected = case("effect_controls_only")["panel30"]
    households, payments = data("panel30_households"), data("panel30_payments")
    wide = payments.pivot(index="household", columns="month", values="payment")
    ids, treated = wide.index.to_numpy(), households.set_index("household")["treated"].eq(1)
    columns = ["children", "single", "log_years", "upper_secondary", "age"]
    x = households.set_index("household")[columns]

    def change(who: np.ndarray, start: int) -> np.ndarray:
        own = wide.loc[who]
        after, before = (range(start + a, start + b + 1) for a, b in ((1, 12), (-12, -1)))
        return (own[list(after)].mean(axis=1) - own[list(before)].mean(axis=1)).to_numpy()

    def in_a_row(who: int, start: int) -> int:
        paid = wide.loc[who].gt(0)
        last = start if paid[start] else start - 1
        count = 0
        while count < 12 and last - count >= -24 and paid[last - count]:
            count += 1
        return count

    mine, others = ids[treated.reindex(ids)], ids[~treated.reindex(ids)]
    starts = mine % 5 - 2
    n_s = [int((starts == s).sum()) for s in range(-2, 3)]
    assert n_s == expected["risk_sets_input"]["n_s"]
    rows = [(j, s) for s in range(-2, 3) for j in others if wide.loc[j, [s - 1, s]].gt(0).any()]
    of, at = (np.array(each) for each in zip(*rows, strict=True))
    per_month = [int((at == s).sum()) for s in range(-2, 3)]
    assert per_month == expected["risk_sets_input"]["N_s"]
    weight = np.array([n_s[s + 2] / per_month[s + 2] for s in at])
    d1 = change(mine, 0)
    d0 = np.concatenate([change(of[at == s], s) for s in range(-2, 3)])
    shared = {"weights": weight, "households": of}
    agrees(effect_on_treated(d1, d0, **shared), expected["risk_sets_unadjusted"])
    x1, x0 = x.loc[mine].to_numpy(float), x.loc[of].to_numpy(float)
    agrees(effect_on_treated(d1, d0, x1, x0, **shared), expected["risk_sets_x"])
    months = [np.array([in_a_row(*each) for each in who]) for who in ([(i, 0) for i in mine], rows)]
    with_months = [np.column_stack(each) for each in zip((x1, x0), months, strict=True)]
    found = effect_on_treated(d1, d0, *with_months, **shared)
    agrees(found, expected["risk_sets_x_months12"])
    own = np.unique(of, return_inverse=True)[1]
    plain = effect_reference.effect_on_participants(d1, d0, *with_months, weight, own)
    assert found.contrast.estimate == pytest.approx(plain[0], rel=1e-11)
    assert found.row_weights == pytest.approx(plain[3], rel=1e-9)


def test_the_drift_terms(panel30):
    panel, cohort, setting, _ = panel30
    expected = case("effect_controls_only")["panel30"]
    found = support_drift_bound(panel, cohort, support_effect(panel, cohort, setting), setting)
    drifts = [abs(each["estimate"]) for name, each in expected.items() if "drift" in name]
    bound, own = max(drifts), expected["1_12"]["ci"]
    rows = found.set_index("variant")
    assert rows.loc["largest_drift", "estimate"] == pytest.approx(bound, rel=1e-9)
    ends = rows.loc["default", ["ci_low", "ci_high"]].tolist()
    assert ends == pytest.approx([own[0] - bound, own[1] + bound], rel=1e-9)
    assert rows.loc["breakdown", "estimate"] == pytest.approx(-own[1], rel=1e-9)


def test_did_of_nsw_against_cps():
    rows, expected = data("nsw_cps_drdid5000"), case("did_nsw_cps")["expected"]
    change, treated = rows["re78"] - rows["re75"], rows["experimental"].eq(1)
    x = rows[["age", "educ", "black", "married", "nodegree", "hisp", "re74"]]
    plain = welch(change[treated], change[~treated])
    assert plain.estimate == pytest.approx(expected["unadjusted"]["att"], **close)
    assert plain.standard_error == pytest.approx(expected["unadjusted"]["welch_se"], **close)
    found, weights = entropy_balanced_difference(change, treated, x)
    assert found.estimate == pytest.approx(expected["dr_improved"]["att"], **close)
    assert weights.effective_sample_size == pytest.approx(expected["ess_control"], **close)


def test_did_of_repeated_cross_sections():
    rows, expected = data("injury_ky"), case("did_injury_ky")["expected"]
    rows = rows.dropna(subset=["ldurat", "afchnge", "highearn"])
    both = rows["afchnge"] * rows["highearn"]
    design = np.column_stack([np.ones(len(rows)), both, rows["afchnge"], rows["highearn"]])
    estimate, error, _ = robust_coefficient(rows["ldurat"], design, 1)
    name = "afchnge:highearn"
    assert estimate == pytest.approx(expected["coef"][name], **close)
    # The reference is HC1, this HC2: with thousands of rows they are nearly the same.
    assert error == pytest.approx(expected["se_HC1"][name], rel=1e-3)


# Event study and clustered errors ---------------------------------------------------------------


def test_event_study():
    rows, expected = data("mpdta_2004"), case("event_study_mpdta_2004")["expected"]
    wide = rows.pivot(index="county", columns="year", values="lemp")
    treated = rows.groupby("county")["first_treat"].first().gt(0).to_numpy()
    for each in expected["coefficients"]:
        change = (wide[each["year"]] - wide[2003]).to_numpy()
        found = welch(change[treated], change[~treated])
        named = {"att": each["coef"], "se": each["welch_se"], "df": each["welch_df"]}
        same(found, named | {"ci": each["welch_ci"]})
        no_covariates = adjusted_difference(change, treated, np.empty((len(change), 0)))
        assert no_covariates.standard_error == pytest.approx(each["se_CR2"], **close)
    after = wide[[2004, 2005, 2006, 2007]].mean(axis=1) - wide[2003]
    found = welch(after[treated], after[~treated])
    assert found.estimate == pytest.approx(expected["post_average"]["coef"], **close)
    assert found.standard_error == pytest.approx(expected["post_average"]["welch_se"], **close)


def test_event_study_as_a_panel_regression():
    rows, expected = data("mpdta_2004"), case("event_study_mpdta_2004")["expected"]
    treated = rows["first_treat"].gt(0).to_numpy(dtype=float)
    years = pd.get_dummies(rows["year"], dtype=float).drop(columns=2003)
    # Unit effects are taken out by their means (the panel is balanced), which leaves the slopes.
    columns = pd.concat([rows[["lemp"]], years.mul(treated, axis=0).add_prefix("t"), years], axis=1)
    within = columns - columns.groupby(rows["county"]).transform("mean")
    design = within.drop(columns="lemp").to_numpy()
    for place, each in enumerate(expected["coefficients"]):
        found = robust_coefficient(within["lemp"], design, place, rows["county"])
        assert found[:2] == pytest.approx((each["coef"], each["se_CR2"]), **close)


@pytest.mark.parametrize("model", ["first_difference", "fixed_effects"])
def test_two_way_fixed_effects(model):
    rows, expected = data("ezunem"), case("twfe_ezunem")["expected"][model]
    outcome, slope = ("guclms", "cez") if model == "first_difference" else ("luclms", "ez")
    rows = rows.dropna(subset=[outcome, slope])
    dummies = [pd.get_dummies(rows["year"], drop_first=True, dtype=float)]
    if model == "fixed_effects":
        dummies.append(pd.get_dummies(rows["city"], drop_first=True, dtype=float))
    design = np.column_stack([np.ones(len(rows)), rows[slope], *dummies])
    found = robust_coefficient(rows[outcome], design, 1, rows["city"])
    wanted = [expected[key] for key in ("coef", "se_CR2", "df_CR2")]
    assert found == pytest.approx(wanted, **close)


@pytest.mark.parametrize(
    ("name", "group", "outcome", "cluster"),
    [
        ("rats_weil", "treated", "survived", "litter"),
        ("respiratory_pairs", "active", "outcome", "household"),
    ],
)
def test_clusters_of_litters_and_patients(name, group, outcome, cluster):
    rows = data(name)
    expected = case(f"clustered_{name.removesuffix('_weil')}")["expected"]
    design = np.column_stack([np.ones(len(rows)), rows[group]])
    found = robust_coefficient(rows[outcome], design, 1, rows[cluster])
    wanted = [expected[key] for key in ("diff", "se_CR2", "df_satterthwaite")]
    assert found == pytest.approx(wanted, **close)


# The complete chain -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def panel30() -> tuple[pd.DataFrame, pd.DataFrame, Study, dict]:
    households, payments = data("panel30_households"), data("panel30_payments")
    named = households["household"].map("h{:03d}".format)
    cohort = cohort_of(["participant" if each else "control" for each in households["treated"]])
    cohort = cohort.assign(
        household_id=named, **households.drop(columns=["household", "treated"]).to_dict("series")
    )
    columns = ["household_id", "group", "record_key", "start_month"]
    panel = payments.assign(household_id=payments["household"].map("h{:03d}".format)).merge(
        cohort[columns]
    )
    panel = panel.rename(columns={"payment": "amount_sek"})
    expected = case("panel_panel30")
    definitions = Definitions(covariates=tuple(expected["settings"]["covariates"]))
    title = {"sv": "s", "en": "s"}
    setting = Study("s", title, True, date(2021, 12, 31), 2021, (), definitions)
    return panel, cohort, setting, expected["expected"]


def rowed(row: pd.Series, expected: dict) -> None:
    assert row["estimate"] == pytest.approx(expected["att"], **close)
    assert row["ci_low"] == pytest.approx(expected["ci"][0], **close)
    assert row["ci_high"] == pytest.approx(expected["ci"][1], **close)
    if "df" in expected:
        assert row["df"] == pytest.approx(expected["df"], **close)


def test_panel_means_and_effects(panel30):
    panel, cohort, setting, expected = panel30
    means = support_mean(panel, setting).set_index(["group", "month"])["estimate"]
    for group, name in (("participant", "mean_treated"), ("control", "mean_control")):
        for month, value in expected[name].items():
            assert means[group, int(month)] == pytest.approx(value, **close)
    effect = support_effect(panel, cohort, setting)
    windows = effect.set_index("level")
    alone = case("effect_controls_only")["panel30"]
    for window in ("1-12", "13-24"):
        named = alone[window.replace("-", "_")]
        rowed(windows.loc[window], named | {"att": named["estimate"]})
    months = effect.dropna(subset="month").set_index("month")
    for each in expected["event_study_base_mean_minus12_minus1"]:
        rowed(months.loc[each["month"]], each)
    drift = pretrend(panel, setting).set_index("level")
    rowed(drift.loc["-6--1"], expected["placebo_pre"])
    rowed(drift.loc["-12--7"], expected["placebo_pre_early"])


def test_panel_alternatives(panel30):
    panel, cohort, setting, expected = panel30
    rows = support_effect_sensitivity(panel, cohort, setting).set_index("variant")
    first, other = expected["symmetric_1_12"], expected["sensitivity"]
    rowed(rows.loc["unadjusted"], first["unadjusted_welch"])
    rowed(rows.loc["one_month"], first["regression_adjusted"])
    quarter = case("effect_controls_only")["panel30"]["1_12_base_3_1"]
    rowed(rows.loc["base_last_quarter"], quarter | {"att": quarter["estimate"]})
    rowed(rows.loc["entropy_balanced"], first["entropy_balanced"])
    rowed(rows.loc["matched_pairs"], expected["matched_pairs_on_X"])
    rowed(rows.loc["base_last_month"], other["base_minus1"])
    rowed(rows.loc["base_early"], other["base_minus12_minus4"])
    rowed(rows.loc["after_only"], other["raw_post_difference"])
    rowed(rows.loc["balanced_on_payments"], other["balanced_on_X_and_payments"])
    second = support_effect_sensitivity(panel, cohort, setting, "13-24").set_index("variant")
    rowed(second.loc["entropy_balanced"], expected["symmetric_13_24"]["entropy_balanced"])


def test_panel_matching(panel30):
    panel, cohort, setting, expected = panel30
    pairs = match(build_sample(panel, cohort, setting, (1, 12)))
    assert len(pairs.differences) == expected["matched_pairs_on_X"]["pairs"]
    x = cohort[list(setting.definitions.covariates)].to_numpy(dtype=float)
    treated = cohort["group"].eq("participant").to_numpy()
    for place, name in enumerate(setting.definitions.covariates):
        found = standardised_difference(x[:, place], treated, np.ones(len(x)))
        assert found == pytest.approx(expected["smd_before"][name], abs=1e-10)


def test_month_twelve_against_month_minus_twelve(panel30):
    panel, cohort, setting, expected = panel30
    sample = build_sample(panel, cohort, setting, (12, 12))
    found = adjusted_difference(sample.change, sample.is_treated, sample.covariates)
    same(found, expected["symmetric_month_12"]["regression_adjusted"], se="se_HC2")


# Sensitivity and randomisation ------------------------------------------------------------------


def test_e_values():
    expected = case("evalue")["expected"]
    # Those of a common outcome have the root of the odds ratio as risk ratio.
    for each in [*expected["rr"], *expected["or_common"]]:
        found = e_value(each["rr"], each["lo"], each["hi"])
        assert found == pytest.approx((each["evalue_point"], each["evalue_ci"]), **close)
    for each in expected["smd"]:
        found = e_value_of_difference(each["d"], each["se"], 1.0)
        assert found == pytest.approx((each["evalue_point"], each["evalue_ci"]), **close)


def test_randomisation():
    whole = case("randomisation")
    gaps, expected = whole["settings"]["pairs"], whole["expected"]
    assert sign_flip_interval(gaps) == pytest.approx(
        expected["signflip"]["ci95_by_inversion"], abs=1e-6
    )
    paired = paired_difference(gaps, np.zeros(15), np.column_stack([range(15), range(15)]))
    p = 2 * stdtr(paired.df, -abs(paired.estimate / paired.standard_error))
    assert p == pytest.approx(expected["paired_t"]["p"], **close)
    assert paired.interval() == pytest.approx(expected["paired_t"]["ci"], **close)
