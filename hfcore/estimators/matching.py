"""Scores, weights and pairs that make controls look like participants at the start.

Arrays in, arrays out, nothing about households: propensity score, entropy balancing, and greedy
matching whose work grows with rows × log rows.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hfcore.errors import MetricInputError

MAX_GAP = 1e-6
_STEPS = 200
# Scores of the same covariates differ in their last digits, differently on each processor.
_ROUNDING = 1e-12
# Under 50 households chance alone puts a standardised difference above 0.1 (methods notes §6).
SMALL_SAMPLE = 50


@dataclass(frozen=True)
class BalancingWeights:
    """Weights of the controls, summing to one, and the largest gap that they leave.

    ``gap`` is the largest difference of a covariate's mean, in standard deviations; the weights
    balance where it is at most 1e-6.
    """

    weights: np.ndarray
    gap: float

    @property
    def is_balanced(self) -> bool:
        """Whether the weighted controls have the participants' means."""
        return self.gap <= MAX_GAP

    @property
    def effective_sample_size(self) -> float:
        """How many equally weighted controls would be as precise: 1 / sum of squares."""
        return effective_sample_size(self.weights)


def effective_sample_size(weights: ArrayLike) -> float:
    """Kish's effective sample size, (sum w)² / sum w²; zero without weights.

    >>> effective_sample_size([1, 1, 2])
    2.6666666666666665
    """
    w = np.asarray(weights, dtype=float)
    squares = float((w**2).sum())
    return float(w.sum()) ** 2 / squares if squares else 0.0


def balance_limit(households: int) -> float:
    """The line of the love plot: 0.1, or 0.25 under 50 participants, where chance exceeds 0.1.

    >>> balance_limit(49), balance_limit(50)
    (0.25, 0.1)
    """
    return 0.25 if households < SMALL_SAMPLE else 0.1


def propensity_score(covariates: ArrayLike, is_treated: ArrayLike) -> np.ndarray:
    """Probability of being a participant given the covariates: unpenalised logistic regression.

    Parameters
    ----------
    covariates : array (n, p), all known.
    is_treated : bool array (n,)

    Raises
    ------
    MetricInputError
        If a covariate separates the groups completely, so that no score exists.
    """
    from sklearn.linear_model import LogisticRegression

    x, treated = np.asarray(covariates, dtype=float), np.asarray(is_treated, dtype=bool)
    if x.shape[1] == 0:
        return np.full(len(x), treated.mean())
    spread = x.std(axis=0)
    scaled = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    # The default of LogisticRegression is penalised: its score is off by up to 0.02.
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=_STEPS)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        score = model.fit(scaled, treated).predict_proba(scaled)[:, 1]
    if told or score[treated].min() > score[~treated].max():
        raise MetricInputError(
            "Participants and controls are told apart completely by the covariates: no "
            "propensity score exists. Declare fewer covariates."
        )
    return np.clip(score, 1e-12, 1 - 1e-12)


def logit(probability: ArrayLike) -> np.ndarray:
    """Log odds of probabilities strictly between 0 and 1."""
    p = np.asarray(probability, dtype=float)
    return np.log(p / (1 - p))


def entropy_weights(
    treated: ArrayLike, control: ArrayLike, base: ArrayLike | None = None
) -> BalancingWeights:
    """Weights nearest to equal under which controls have the participants' covariate means.

    Parameters
    ----------
    treated, control : arrays (n1, p) and (n0, p).
    base : array (n0,), optional
        What the weights are nearest to; equal when absent.

    Returns
    -------
    BalancingWeights
        Where no weights balance (a mean outside the controls' range) the gap stays above 1e-6.

    Notes
    -----
    w_i ∝ q_i exp(x_i'l) (Hainmueller 2012, eq. 10); Newton with halved steps on the convex dual
    log sum q exp(x'l), in standardised covariates.
    """
    x1, x0 = np.asarray(treated, dtype=float), np.asarray(control, dtype=float)
    start = np.ones(len(x0)) if base is None else np.asarray(base, dtype=float)
    if not len(x1) or not len(x0) or start.sum() <= 0:
        raise MetricInputError("Balancing weights need rows of both groups.")
    scale = np.vstack([x1, x0]).std(axis=0)
    z = (x0 - x1.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    return _newton(z, np.log(np.where(start > 0, start, 1e-300)))


def _newton(z: np.ndarray, log_base: np.ndarray) -> BalancingWeights:
    slopes = np.zeros(z.shape[1])
    value, weights = _dual(z, log_base, slopes)
    for _ in range(_STEPS):
        gap = weights @ z
        if not z.shape[1] or np.abs(gap).max() < 1e-13:
            break
        curve = (z * weights[:, None]).T @ z - np.outer(gap, gap)
        step = np.linalg.lstsq(curve, gap, rcond=None)[0]
        size = 1.0
        found = _dual(z, log_base, slopes - step)
        while found[0] > value + 1e-14 and size > 1e-8:
            size /= 2
            found = _dual(z, log_base, slopes - size * step)
        if size <= 1e-8 or np.abs(slopes - size * step).max() > 1e4:
            break
        slopes = slopes - size * step
        value, weights = found
    largest = float(np.abs(weights @ z).max()) if z.shape[1] else 0.0
    return BalancingWeights(weights, largest)


def _dual(z: np.ndarray, log_base: np.ndarray, slopes: np.ndarray) -> tuple[float, np.ndarray]:
    exponent = log_base + z @ slopes
    highest = exponent.max()
    raised = np.exp(exponent - highest)
    total = raised.sum()
    return float(highest + np.log(total)), raised / total


def match_nearest(
    treated: ArrayLike,
    control: ArrayLike,
    caliper: float = np.inf,
    ratio: int = 1,
    exact: tuple[ArrayLike, ArrayLike] | None = None,
    replace: bool = False,
    order: ArrayLike | None = None,
) -> np.ndarray:
    """Greedy nearest neighbours on a score: which control belongs to which participant.

    Parameters
    ----------
    treated, control : arrays (n1,) and (n0,)
        Scores, e.g. log odds.
    caliper : largest distance allowed.
    ratio : controls a participant, found in rounds: everyone's first before anyone's second.
    exact : codes of both groups that must agree, optional.
    replace : whether a control may serve several participants.
    order : which participant chooses when; by descending score, then row, when absent.

    Returns
    -------
    array (pairs, 2): row of the participant, row of the control; ties go to the row that comes
    first, and scores or distances that differ by rounding alone are ties, so that the pairs are
    the same on every processor. Participants without a control inside the caliper are absent.

    Notes
    -----
    n0 log n0 for sorting, then a few steps a participant: used-up scores are skipped by a
    union-find, so nothing grows with participants × controls.
    """
    t, c = _tied(np.asarray(treated, dtype=float), np.asarray(control, dtype=float))
    chosen = np.argsort(-t, kind="stable") if order is None else np.asarray(order)
    strata = _strata(exact, len(t), len(c))
    pools = {code: _Pool(c, rows, replace) for code, rows in _rows_by(strata[1]).items()}
    pairs = []
    for _ in range(ratio):
        taken: dict[int, int] = {}
        for row in chosen:
            pool = pools.get(strata[0][row])
            found = pool.take(t[row], caliper) if pool else -1
            if found >= 0:
                taken[int(row)] = found
        pairs += sorted(taken.items())
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _tied(t: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scores of both groups, those that differ by rounding alone made equal."""
    both = np.concatenate([t, c])
    order = np.argsort(both)
    rising = both[order]
    is_new = np.append(True, np.diff(rising) > _ROUNDING)[: len(both)]
    both[order] = rising[is_new][np.cumsum(is_new) - 1]
    return both[: len(t)], both[len(t) :]


def _strata(exact: tuple[ArrayLike, ArrayLike] | None, n1: int, n0: int) -> tuple:
    if exact is None:
        return np.zeros(n1, dtype=int), np.zeros(n0, dtype=int)
    both = np.concatenate([np.asarray(each, dtype=object) for each in exact]).astype(str)
    codes = np.unique(both, return_inverse=True)[1]
    return codes[:n1], codes[n1:]


def _rows_by(codes: np.ndarray) -> dict[int, np.ndarray]:
    order = np.argsort(codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    return {int(codes[rows[0]]): rows for rows in np.split(order, edges) if len(rows)}


class _Pool:
    """The controls of one stratum, by score: gives out the nearest that is left."""

    def __init__(self, scores: np.ndarray, rows: np.ndarray, replace: bool) -> None:
        order = rows[np.argsort(scores[rows], kind="stable")]
        self.rows, self.replace = order, replace
        self.values, self.first = np.unique(scores[order], return_index=True)
        self.last = np.append(self.first[1:], len(order))
        self.next_row = self.first.copy()
        # Position p of a value stands at p + 1, so that 0 and size + 1 mean "none left".
        self.up = np.arange(len(self.values) + 2)
        self.down = np.arange(len(self.values) + 2)

    def take(self, score: float, caliper: float) -> int:
        place = int(np.searchsorted(self.values, score)) + 1
        above, below = _find(self.up, place), _find(self.down, place - 1)
        best, distance = -1, np.inf
        for candidate in (below, above):
            if 1 <= candidate <= len(self.values):
                away = abs(self.values[candidate - 1] - score)
                row = self.rows[self.next_row[candidate - 1]]
                is_tied = abs(away - distance) <= _ROUNDING and row < self.rows[self._at(best)]
                if is_tied or away < distance - _ROUNDING:
                    best, distance = candidate, away
        if best < 0 or distance > caliper + _ROUNDING:
            return -1
        row = int(self.rows[self._at(best)])
        if not self.replace:
            self._use(best)
        return row

    def _at(self, position: int) -> int:
        return self.next_row[position - 1]

    def _use(self, position: int) -> None:
        self.next_row[position - 1] += 1
        if self.next_row[position - 1] == self.last[position - 1]:
            self.up[position], self.down[position] = position + 1, position - 1


def _find(links: np.ndarray, position: int) -> int:
    """Follow the links to a position that still has a control, shortening the way."""
    while links[position] != position:
        links[position] = links[links[position]]
        position = int(links[position])
    return position
