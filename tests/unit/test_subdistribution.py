"""The Fine–Gray model: where it is Cox's, its properties, edges and error text."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.duration.hazard_regression import PHReg

from hfcore.errors import MetricInputError
from hfcore.estimators.subdistribution import fine_gray


def drawn(n=80, seed=2):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    stay, followed = rng.geometric(0.05 + 0.04 * group), rng.integers(6, 37, n)
    cause = np.where(stay <= followed, rng.integers(1, 3, n), 0)
    return np.minimum(stay, followed), cause, group[:, None].astype(float)


def test_without_other_causes_it_is_the_cox_model():
    times, causes, x = drawn()
    causes = np.minimum(causes, 1)
    beta, _ = fine_gray(times, causes, x, 1)
    fitted = PHReg(times, x, status=causes, ties="breslow").fit()
    assert beta == pytest.approx(fitted.params, abs=1e-6)


def test_others_that_all_leave_at_once_stay_at_risk():
    # Without censoring who left for another cause counts as never leaving for this one.
    times, causes, x = drawn()
    causes = np.where(causes == 0, 2, causes)
    beta, _ = fine_gray(times, causes, x, 1)
    never = np.where(causes == 2, 999, times)
    fitted = PHReg(never, x, status=(causes == 1).astype(int), ties="breslow").fit()
    assert beta == pytest.approx(fitted.params, abs=1e-6)


def test_order_does_not_matter_and_the_other_name_turns_the_sign():
    times, causes, x = drawn()
    beta, error = fine_gray(times, causes, x, 1)
    order = np.random.default_rng(1).permutation(len(times))
    again = fine_gray(times[order], causes[order], x[order], 1)
    assert [*again[0], *again[1]] == pytest.approx([*beta, *error], rel=1e-9)
    turned = fine_gray(times, causes, 1 - x, 1)
    assert [*turned[0], *turned[1]] == pytest.approx([*-beta, *error], rel=1e-9)
    assert fine_gray(times * 7 + 3, causes, x, 1)[0] == pytest.approx(beta)


@pytest.mark.parametrize(
    ("causes", "x"),
    [([1, 0, 1], [1, 1, 1]), ([0, 0, 0], [1, 0, 1]), ([1, 1, 2], [1, 1, 0]), ([], [])],
)
def test_what_cannot_be_told_is_null(causes, x):
    x = np.array(x, float).reshape(-1, 1)
    beta, error = fine_gray(np.arange(len(causes)), np.array(causes, int), x, 1)
    assert np.isnan(beta).all()
    assert np.isnan(error).all()


def test_rows_must_agree():
    with pytest.raises(MetricInputError, match="a row a household"):
        fine_gray([1, 2], [1, 0], [[1.0]], 1)
