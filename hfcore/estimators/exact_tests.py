"""Exact tests of shares: of two groups (Fisher, Boschloo) and of the same persons twice (McNemar).

Rows must be independent: take one member of a household. No p-value stands on a page for the
public; reviewers see several beside each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc
from scipy.stats import binom, boschloo_exact, hypergeom

from hfcore.estimators.gray_test import ChiSquare
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

    Examples
    --------
    >>> round(fisher(3, 4, 1, 4).greater, 4)  # the lady tasting tea
    0.2429

    References
    ----------
    Fisher (1935); two-sided by Irwin's rule (1935).
    """
    return _conditional(events, n, events_other, n_other, weight=1.0)


def fisher_mid_p(events: int, n: int, events_other: int, n_other: int) -> PValues:
    """Fisher's test with the tables as likely as the observed one counted half.

    Less cautious than Fisher's: its error of 5 % is kept on average over shares.

    Examples
    --------
    >>> round(fisher_mid_p(3, 4, 1, 4).greater, 4)
    0.1286

    References
    ----------
    Lancaster (1961); Agresti (2013), section 3.5.
    """
    return _conditional(events, n, events_other, n_other, weight=0.5)


def _conditional(events: int, n: int, events_other: int, n_other: int, weight: float) -> PValues:
    """Tails of the events in the first group, given those in both."""
    checked_counts(events, n), checked_counts(events_other, n_other)
    together = events + events_other
    possible = np.arange(max(0, together - n_other), min(n, together) + 1)
    chances = hypergeom.pmf(possible, n + n_other, n, together)
    observed = chances[possible == events][0]
    # As likely up to rounding, as R has it.
    alike = np.isclose(chances, observed, rtol=1e-7, atol=0)
    rarer = chances[(chances < observed) & ~alike].sum()
    return PValues(
        greater=_probability(chances[possible > events].sum() + weight * observed),
        less=_probability(chances[possible < events].sum() + weight * observed),
        two_sided=_probability(rarer + weight * chances[alike].sum()),
    )


def _probability(value: float) -> float:
    return float(min(value, 1.0))


def boschloo(events: int, n: int, events_other: int, n_other: int) -> PValues:
    """Boschloo's exact test that two shares are the same: never weaker than Fisher's.

    Notes
    -----
    Fisher's one-sided p-value as the statistic, largest over all common shares. Two-sided: twice
    the smaller tail. Others take Fisher's two-sided p-value as the statistic, which is smaller
    where the groups differ in size. NaN where more than 200,000 tables are possible, since its time
    grows with them: in such groups the tests agree.

    Examples
    --------
    >>> round(boschloo(3, 4, 1, 4).greater, 4)
    0.1445

    References
    ----------
    Boschloo (1970) Stat Neerl 24:1.
    """
    checked_counts(events, n), checked_counts(events_other, n_other)
    if not 0 < events + events_other < n + n_other:
        return PValues(1.0, 1.0, 1.0)
    if (n + 1) * (n_other + 1) > MOST_TABLES:
        return PValues(np.nan, np.nan, np.nan)
    table = [[events, events_other], [n - events, n_other - events_other]]
    greater, less = (
        float(boschloo_exact(table, alternative=side, n=64).pvalue) for side in ("greater", "less")
    )
    return PValues(greater, less, _probability(2 * min(greater, less)))


def pearson(events: int, n: int, events_other: int, n_other: int) -> ChiSquare:
    """Pearson's chi-square test that two shares are the same, for large samples.

    Without correction for continuity. NaN where nothing, or everything, happened.

    >>> round(pearson(9, 10, 3, 10).statistic, 4)
    7.5
    """
    checked_counts(events, n), checked_counts(events_other, n_other)
    together, whole = events + events_other, n + n_other
    if not (0 < together < whole and n and n_other):
        return ChiSquare(np.nan, 1, np.nan)
    excess = events * n_other - events_other * n
    scale = n * n_other * together * (whole - together)
    return _chi_square(excess**2 * whole / scale)


def mcnemar(first_only: int, other_only: int) -> float:
    """McNemar's exact test that as many changed one way as the other, two-sided.

    >>> round(mcnemar(12, 2), 4)
    0.0129
    """
    changed = first_only + other_only
    return _probability(2 * binom.cdf(min(first_only, other_only), changed, 0.5))


def mcnemar_mid_p(first_only: int, other_only: int) -> float:
    """McNemar's test with what was observed counted half, which keeps 5 % on average.

    Examples
    --------
    >>> round(mcnemar_mid_p(12, 2), 4)
    0.0074

    References
    ----------
    Fagerland, Lydersen & Laake (2013) BMC Med Res Methodol 13:91.
    """
    changed, fewer = first_only + other_only, min(first_only, other_only)
    tail = binom.cdf(fewer, changed, 0.5) - binom.pmf(fewer, changed, 0.5) / 2
    return _probability(2 * tail)


def mcnemar_chi_square(first_only: int, other_only: int) -> ChiSquare:
    """McNemar's test for large samples, without correction; NaN where nobody changed.

    >>> round(mcnemar_chi_square(150, 86).statistic, 2)
    17.36
    """
    changed = first_only + other_only
    if not changed:
        return ChiSquare(np.nan, 1, np.nan)
    return _chi_square((first_only - other_only) ** 2 / changed)


def _chi_square(statistic: float) -> ChiSquare:
    return ChiSquare(float(statistic), 1, float(chdtrc(1, statistic)))
