"""Tests that two shares are the same: of two groups, and of the same persons twice (McNemar).

Rows must be independent: take one member of a household. The tests of scipy where it has them, the
mid-p versions beside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc
from scipy.stats import binom, binomtest, boschloo_exact, chi2_contingency, fisher_exact, hypergeom

from hfcore.estimators.intervals import checked_counts

MOST_TABLES = 200_000


@dataclass(frozen=True)
class PValues:
    """Against a larger first share, a smaller one, and any other."""

    greater: float
    less: float
    two_sided: float


def fisher(events: int, n: int, events_other: int, n_other: int) -> PValues:
    """Fisher's exact test that two shares are the same; two-sided: all tables as unlikely or more.

    References
    ----------
    Fisher (1935); two-sided by Irwin's rule (1935).

    Examples
    --------
    >>> round(fisher(3, 4, 1, 4).greater, 4)  # the lady tasting tea
    0.2429
    """
    table = _table(events, n, events_other, n_other)
    sides = ("greater", "less", "two-sided")
    return PValues(*(float(fisher_exact(table, alternative=side).pvalue) for side in sides))


def fisher_mid_p(events: int, n: int, events_other: int, n_other: int) -> PValues:
    """Fisher's test with the tables as likely as the observed one counted half.

    Less cautious than Fisher's: its error of 5 % is kept on average over shares.

    References
    ----------
    Lancaster (1961); Agresti (2013), section 3.5.

    Examples
    --------
    >>> round(fisher_mid_p(3, 4, 1, 4).greater, 4)
    0.1286
    """
    exact = fisher(events, n, events_other, n_other)
    chances = hypergeom.pmf(np.arange(n + 1), n + n_other, n, events + events_other)
    observed = chances[events]
    # As likely up to rounding, as R has it.
    alike = chances[np.isclose(chances, observed, rtol=1e-7, atol=0)].sum()
    halves = (observed, observed, alike)
    p_values = (exact.greater, exact.less, exact.two_sided)
    return PValues(*(float(p - each / 2) for p, each in zip(p_values, halves, strict=True)))


def boschloo(events: int, n: int, events_other: int, n_other: int) -> PValues:
    """Boschloo's exact test that two shares are the same: never weaker than Fisher's.

    Notes
    -----
    Fisher's one-sided p-value as the statistic, largest over all common shares. Two-sided: twice
    the smaller tail. Others take Fisher's two-sided p-value as the statistic, which is smaller
    where the groups differ in size. NaN where more than 200,000 tables are possible, since its time
    grows with them: in such groups the tests agree.

    References
    ----------
    Boschloo (1970) Stat Neerl 24:1.

    Examples
    --------
    >>> round(boschloo(3, 4, 1, 4).greater, 4)
    0.1445
    """
    table = _table(events, n, events_other, n_other)
    if not 0 < events + events_other < n + n_other:
        return PValues(1.0, 1.0, 1.0)
    if (n + 1) * (n_other + 1) > MOST_TABLES:
        return PValues(np.nan, np.nan, np.nan)
    greater, less = (
        float(boschloo_exact(table, alternative=side, n=64).pvalue) for side in ("greater", "less")
    )
    return PValues(greater, less, min(2 * greater, 2 * less, 1.0))


def chi_square(events: int, n: int, events_other: int, n_other: int) -> float:
    """P-value of Pearson's chi-square test that two shares are the same, for large samples.

    Without correction for continuity. NaN where nothing, or everything, happened.

    >>> round(chi_square(9, 10, 3, 10), 4)
    0.0062
    """
    table = _table(events, n, events_other, n_other)
    if not (0 < events + events_other < n + n_other and n and n_other):
        return np.nan
    return float(chi2_contingency(table, correction=False).pvalue)


def mcnemar(first_only: int, other_only: int) -> float:
    """McNemar's exact test that as many changed one way as the other, two-sided.

    >>> round(mcnemar(12, 2), 4)
    0.0129
    """
    changed = first_only + other_only
    return float(binomtest(first_only, changed).pvalue) if changed else 1.0


def mcnemar_mid_p(first_only: int, other_only: int) -> float:
    """McNemar's test with what was observed counted half, which keeps 5 % on average.

    References
    ----------
    Fagerland, Lydersen & Laake (2013) BMC Med Res Methodol 13:91.

    Examples
    --------
    >>> round(mcnemar_mid_p(12, 2), 4)
    0.0074
    """
    changed, fewer = first_only + other_only, min(first_only, other_only)
    tail = binom.cdf(fewer, changed, 0.5) - binom.pmf(fewer, changed, 0.5) / 2
    return float(min(2 * tail, 1.0))


def mcnemar_chi_square(first_only: int, other_only: int) -> float:
    """P-value of McNemar's test for large samples, uncorrected; NaN where nobody changed.

    >>> round(mcnemar_chi_square(12, 2), 4)
    0.0075
    """
    changed = first_only + other_only
    return float(chdtrc(1, (first_only - other_only) ** 2 / changed)) if changed else np.nan


def _table(events: int, n: int, events_other: int, n_other: int) -> list[list[int]]:
    """Columns are the groups."""
    checked_counts(events, n), checked_counts(events_other, n_other)
    return [[events, events_other], [n - events, n_other - events_other]]
