"""Reference: effect on participants by a regression on controls alone, risk-set rows; numpy, scipy."""

# ruff: noqa: E501, E731

import numpy as np
from scipy.special import stdtrit


def row_weights(candidate, starts):
    """candidate: bool (controls, months), true where the control was on support in the month or the one before and its whole
    window is known; starts: participants per month (n_s). Returns w_js = n_s / N_s; where N_s is nought the participants leave."""
    per_month = candidate.sum(axis=0)
    return candidate * np.where(per_month > 0, starts / np.maximum(per_month, 1), 0.0)


def design(x, place, places):
    return np.column_stack([place[:, None] == np.arange(places)[None, :], x]).astype(float)


def effect_on_participants(
    d1, d0, x1=None, x0=None, weight=None, household=None, place1=None, place0=None
):
    """d1, x1: change and covariates of participants; d0, x0: of the rows of controls (a row a household and candidate month);
    weight: w_js; household: 0..J-1 of each row (None: every row its own); place: municipality 0..k-1.
    Returns estimate, standard error, df, and the weight a of each row in the estimate (sum 1, balances x)."""
    n1, n0 = len(d1), len(d0)
    place1 = np.zeros(n1, int) if place1 is None else place1
    place0 = np.zeros(n0, int) if place0 is None else place0
    x1 = np.empty((n1, 0)) if x1 is None else x1
    x0 = np.empty((n0, 0)) if x0 is None else x0
    w = np.ones(n0) if weight is None else weight
    household = np.arange(n0) if household is None else household
    k = place1.max() + 1
    middle, spread = x1.mean(axis=0), x0.std(axis=0) if x0.shape[1] else 1.0
    p1, p0 = design((x1 - middle) / spread, place1, k), design((x0 - middle) / spread, place0, k)
    inverse = np.linalg.inv(p0.T @ (p0 * w[:, None]))
    beta = inverse @ (p0.T @ (w * d0))
    # controls: one influence a household, HC2 by the household's leverage
    a = w * (p0 @ inverse @ p1.mean(axis=0))
    h = w * np.einsum("ij,jk,ik->i", p0, inverse, p0)
    by = lambda v: np.bincount(household, v)
    share, leverage, u = by(a), by(h), by(a * (d0 - p0 @ beta))
    v0 = np.sum(u**2 / (1 - leverage))
    df0 = np.sum(share**2) ** 2 / np.sum(share**4) - p0.shape[1]
    # participants: spread of their prediction errors within municipalities
    r = d1 - p1 @ beta
    n_k = np.bincount(place1, minlength=k)
    mean_k = np.bincount(place1, r, minlength=k) / n_k
    part = np.bincount(place1, (r - mean_k[place1]) ** 2, minlength=k) * n_k / (n_k - 1) / n1**2
    v1 = part.sum()
    df1 = v1**2 / np.sum(part**2 / (n_k - 1))
    return r.mean(), np.sqrt(v1 + v0), (v1 + v0) ** 2 / (v1**2 / df1 + v0**2 / df0), a


def interval(estimate, error, df, level=0.95):
    reach = stdtrit(df, 0.5 + level / 2) * error
    return estimate - reach, estimate + reach
