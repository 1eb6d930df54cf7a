"""One share, two shares and the same persons twice against the shared reference cases.

Conventions where programs differ:
- Boschloo two-sided doubles the smaller tail; the cases hold another too (Fisher's two-sided
  p-value as the statistic), which nothing here computes.
- The mid-p of Fisher's test goes by Irwin's rule; the cases also hold the smaller tail doubled.
- Miettinen and Nurminen's variance has the factor N / (N − 1); Mee's has not.
- Chi-square is null where nobody changed, or nothing or everything happened; exact tests give 1.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import chdtrc

from hfcore.estimators import exact_tests, intervals, proportions

ORACLES = Path(__file__).parent / "oracles" / "expected"

TIGHT = {"rtol": 0, "atol": 1e-9}


def cases(name):
    return json.loads((ORACLES / f"{name}.json").read_text(encoding="utf-8"))["expected"]


def number(value):
    return np.nan if value is None else value


SINGLE = {
    "wilson": intervals.wilson,
    "clopper_pearson": proportions.clopper_pearson,
    "mid_p": proportions.mid_p,
}


@pytest.mark.parametrize("case", cases("single_proportions"), ids=lambda c: f"{c['x']} of {c['n']}")
@pytest.mark.parametrize("name", SINGLE)
def test_one_share(name, case):
    np.testing.assert_allclose(SINGLE[name](case["x"], case["n"]), case[name], **TIGHT)


DIFFERENCES = {
    "newcombe": proportions.newcombe,
    "wald": proportions.wald,
    "agresti_caffo": proportions.agresti_caffo,
    "miettinen_nurminen": proportions.miettinen_nurminen,
}


@pytest.mark.parametrize("case", cases("two_proportions"), ids=lambda c: c["name"])
class TestTwoShares:
    @pytest.mark.parametrize("name", DIFFERENCES)
    def test_intervals(self, case, name):
        np.testing.assert_allclose(DIFFERENCES[name](*table(case)), case[name], **TIGHT)

    def test_wilson_of_each(self, case):
        x1, n1, x2, n2 = table(case)
        np.testing.assert_allclose(intervals.wilson(x1, n1), case["wilson1"], **TIGHT)
        np.testing.assert_allclose(intervals.wilson(x2, n2), case["wilson2"], **TIGHT)

    def test_fisher(self, case):
        found, wanted = exact_tests.fisher(*table(case)), case["fisher"]
        numbers = [wanted[key] for key in ("p_greater", "p_less", "p_two_sided")]
        assert [found.greater, found.less, found.two_sided] == pytest.approx(numbers, rel=1e-9)

    def test_fisher_mid_p(self, case):
        found, wanted = exact_tests.fisher_mid_p(*table(case)), case["fisher"]
        assert found.two_sided == pytest.approx(wanted["midp_two_sided_fisher_irwin"], rel=1e-9)
        doubled = min(1, 2 * min(found.greater, found.less))
        assert doubled == pytest.approx(wanted["midp_two_sided_doubling"], rel=1e-9)

    def test_boschloo(self, case):
        found, wanted = exact_tests.boschloo(*table(case)), case["boschloo"]
        numbers = [wanted[key] for key in ("p_greater", "p_less", "p_two_sided_doubling")]
        assert [found.greater, found.less, found.two_sided] == pytest.approx(numbers, abs=1e-9)

    def test_chi_square(self, case):
        wanted = chdtrc(1, number(case["pearson_chisq"]))
        found = exact_tests.chi_square(*table(case))
        assert found == pytest.approx(wanted, rel=1e-9, nan_ok=True)


def table(case):
    return [case[key] for key in ("x1", "n1", "x2", "n2")]


@pytest.mark.parametrize("case", cases("paired_proportions"), ids=lambda c: f"{c['b']} v {c['c']}")
class TestSamePersonsTwice:
    def test_interval(self, case):
        found = proportions.newcombe_paired(*(case[key] for key in "abcd"))
        np.testing.assert_allclose(found, case["newcombe_paired_method10"], **TIGHT)

    def test_mcnemar(self, case):
        changed = case["b"], case["c"]
        found = exact_tests.mcnemar(*changed), exact_tests.mcnemar_mid_p(*changed)
        wanted = case["mcnemar_exact_p"], case["mcnemar_midp"]
        assert found == pytest.approx(wanted, rel=1e-9)
        wanted = chdtrc(1, number(case["mcnemar_chisq"]))
        found = exact_tests.mcnemar_chi_square(*changed)
        assert found == pytest.approx(wanted, rel=1e-9, nan_ok=True)
