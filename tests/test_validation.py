"""The estimators on published microdata, against R and against what was published."""

from __future__ import annotations

import json
from math import exp, log
from pathlib import Path

import pandas as pd
import pytest

from hfcore.metrics import validation

REFERENCE = json.loads(
    (Path(__file__).parent / "reference" / "validation.json").read_text(encoding="utf-8")
)
ADJUSTED = {
    "randomised trial": "experiment",
    "naive difference": "naive",
    "difference in differences": "difference_in_differences",
    "regression-adjusted": "adjusted_earnings",
}


@pytest.fixture(scope="module")
def people():
    return validation.training_programme()


@pytest.fixture(scope="module")
def effects(people):
    return validation.programme_effect(people).set_index("method")


@pytest.fixture(scope="module")
def patients():
    return validation.transplants()


@pytest.fixture(scope="module")
def endings(patients):
    return validation.ending_incidence(patients)


def test_the_people(people):
    counts = people.groupby(["sample", "is_treated"]).size().to_dict()
    n = REFERENCE["n"]
    assert counts == {
        ("survey", False): n["cps"],
        ("trial", False): n["randomised"],
        ("trial", True): n["treated"],
    }
    assert people.isna().sum().sum() == 0
    assert people["educ"].dtype == "float64"


def test_the_patients(patients):
    # The table of the data set's own description: 11 censored, 9 deaths, 15 relapses.
    assert patients["ending"].value_counts().to_dict() == {2: 15, 0: 11, 1: 9}


@pytest.mark.parametrize(("method", "name"), ADJUSTED.items())
def test_effects_are_those_of_r(effects, method, name):
    expected = REFERENCE[name]
    row = effects.loc[method]
    assert row["estimate"] == pytest.approx(expected["estimate"], rel=1e-8)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(expected["ci"], rel=1e-6)


def test_the_formula_of_the_script_is_the_package_s():
    ours, package = REFERENCE["adjusted_experiment"], REFERENCE["adjusted_experiment_package"]
    assert ours["se"] == pytest.approx(package["se"], rel=1e-9)
    assert ours["df"] == pytest.approx(package["df"], rel=1e-9)


def test_balanced_effect_is_that_of_another_search(effects):
    # The search in R stops at a gap of 2e-9 standard deviations.
    expected = REFERENCE["balanced_earnings"]
    assert effects.loc["entropy-balanced", "estimate"] == pytest.approx(
        expected["estimate"], abs=1e-3
    )


def test_the_published_effect_is_reproduced_and_the_naive_one_far_off(effects):
    assert effects["benchmark"].unique().tolist() == [1794.0]
    assert effects["is_same_figure"].to_dict() == {
        method: method == "randomised trial" for method in effects.index
    }
    assert effects.loc["randomised trial", "agrees"]
    assert effects["agrees"].isna().sum() == 4
    assert effects.loc["naive difference", "ci_high"] < 0


def test_incidence_is_that_of_cmprsk_with_the_interval_of_its_error(endings):
    months = REFERENCE["months"]
    for code, name in validation.ENDINGS.items():
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
    again = validation.programme_effect(people.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(people, before)
    pd.testing.assert_frame_equal(again.set_index("method"), effects, rtol=1e-6)
    turned = validation.ending_incidence(patients.iloc[::-1])
    pd.testing.assert_frame_equal(turned, endings)


def test_what_is_not_reproduced_says_so(people, patients):
    richer = people.assign(re78=people["re78"] + people["is_treated"] * 2.0)
    found = validation.programme_effect(richer).set_index("method")["agrees"]
    assert not found["randomised trial"]
    fewer = validation.ending_incidence(patients.iloc[1:])
    assert not fewer["agrees"].any()
    assert validation.validation_results(fewer)["estimate"].eq(0).all()


@pytest.mark.parametrize(
    ("extra", "agrees"), [(0.1, True), (0.5, False), (-0.8, True), (-1, False)]
)
def test_half_of_the_printed_dollar_is_the_edge(people, extra, agrees):
    # The trial's own difference is 1794.34.
    moved = people.assign(re78=people["re78"] + people["is_treated"] * extra)
    found = validation.programme_effect(moved).set_index("method")["agrees"]
    assert found["randomised trial"] == agrees


def test_distance_from_benchmark():
    rows = pd.DataFrame(
        {"estimate": [3.0, 3.0, 3.0], "ci_low": [1.0, 2.0, 2.5], "ci_high": 4.0, "benchmark": 2.0}
    )
    found = validation.distance_from_benchmark(rows)
    assert found["difference"].tolist() == [1.0, 1.0, 1.0]
    assert found["is_inside_interval"].tolist() == [True, True, False]


def test_results_hold_what_must_be_the_same(effects, endings):
    rows = pd.concat([effects.reset_index()[list(validation.COLUMNS)], endings])
    results = validation.validation_results(rows)
    assert len(results) == 9
    assert results["estimate"].eq(1).all()
    assert results["subgroup"].is_unique
