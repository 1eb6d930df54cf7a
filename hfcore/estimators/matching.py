"""Propensity score, matched pairs, and the difference within them.

Greedy matching whose work grows with rows × log rows. Arrays in, arrays out.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike

from hfcore.errors import MetricInputError
from hfcore.estimators.regression import Contrast, robust_coefficient

MAX_EXACT_PAIRS = 20
# Under 50 households chance alone puts a standardised difference above 0.1.
SMALL_SAMPLE = 50
# Scores of the same covariates differ in their last digits, differently on each processor.
_ROUNDING = 1e-12


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
    covariates : array (n, p)
        All known.
    is_treated : bool array (n,)

    Returns
    -------
    array (n,)
        Strictly between 0 and 1; without covariates the share of participants.

    Raises
    ------
    MetricInputError
        If a covariate separates the groups completely, so that no score exists.

    References
    ----------
    Rosenbaum & Rubin (1983) Biometrika 70:41.

    Examples
    --------
    >>> treated = [True, False, False, True, True, False]
    >>> propensity_score([[0], [0], [0], [1], [1], [1]], treated).round(3).tolist()
    [0.333, 0.333, 0.333, 0.667, 0.667, 0.667]
    """
    from sklearn.linear_model import LogisticRegression

    x, treated = np.asarray(covariates, dtype=float), np.asarray(is_treated, dtype=bool)
    if x.shape[1] == 0:
        return np.full(len(x), treated.mean())
    spread = x.std(axis=0)
    scaled = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    # The default of LogisticRegression is penalised: its score is off by up to 0.02.
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=200)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        score = model.fit(scaled, treated).predict_proba(scaled)[:, 1]
    if caught or score[treated].min() > score[~treated].max():
        raise MetricInputError(
            "Participants and controls are told apart completely by the covariates: no "
            "propensity score exists. Declare fewer covariates."
        )
    return np.clip(score, 1e-12, 1 - 1e-12)


def match_nearest(
    treated: ArrayLike,
    control: ArrayLike,
    caliper: float = np.inf,
    ratio: int = 1,
    exact: tuple[ArrayLike, ArrayLike] | None = None,
    order: ArrayLike | None = None,
) -> np.ndarray:
    """Greedy nearest neighbours on a score: which control belongs to which participant.

    Parameters
    ----------
    treated, control : arrays (n1,) and (n0,)
        Scores, e.g. log odds of the propensity score.
    caliper : float
        The largest distance allowed, itself included.
    ratio : int
        Controls a participant, found in rounds: everyone's first before anyone's second.
    exact : pair of arrays, optional
        Codes of both groups that must agree.
    order : array (n1,), optional
        Which participant chooses when; by descending score, then row, when absent.

    Returns
    -------
    array (pairs, 2)
        Row of the participant, row of the control; each control once. Participants without a
        control inside the caliper are absent.

    Notes
    -----
    Ties go to the row that comes first, and scores or distances that differ by rounding alone are
    ties, so that the pairs are the same on every processor. n0 log n0 for sorting, then a few
    steps a participant: used-up scores are skipped by a union-find, so nothing grows with
    participants × controls.

    Examples
    --------
    >>> match_nearest([0.5, 0.9], [0.4, 0.6, 0.8]).tolist()
    [[0, 0], [1, 2]]
    """
    t, c = _tied(np.asarray(treated, dtype=float), np.asarray(control, dtype=float))
    chosen = np.argsort(-t, kind="stable") if order is None else np.asarray(order)
    strata = _strata(exact, len(t), len(c))
    pools = {code: _Pool(c, rows) for code, rows in _rows_by(strata[1]).items()}
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

    def __init__(self, scores: np.ndarray, rows: np.ndarray) -> None:
        order = rows[np.argsort(scores[rows], kind="stable")]
        self.rows = order
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


def pair_differences(
    outcome: ArrayLike, control_outcome: ArrayLike, pairs: ArrayLike
) -> np.ndarray:
    """Participant minus the mean of its controls, one number a matched set.

    ``pairs`` are rows of participants and controls, as ``match_nearest`` gives them.

    >>> pair_differences([10.0, 7.0], [4.0, 6.0, 5.0], [[0, 0], [0, 1], [1, 2]]).tolist()
    [5.0, 2.0]
    """
    y1, y0 = (np.asarray(each, dtype=float) for each in (outcome, control_outcome))
    rows = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    sets, place = np.unique(rows[:, 0], return_inverse=True)
    counts = np.bincount(place, minlength=len(sets))
    return y1[sets] - np.bincount(place, weights=y0[rows[:, 1]], minlength=len(sets)) / counts


def paired_difference(
    outcome: ArrayLike,
    control_outcome: ArrayLike,
    pairs: ArrayLike,
    control_clusters: ArrayLike | None = None,
) -> Contrast:
    """Mean difference within matched sets, participants − controls, with its error by sets.

    Parameters
    ----------
    outcome, control_outcome : arrays (n1,) and (n0,)
    pairs : array (pairs, 2)
        From ``match_nearest``; several controls of one participant are averaged.
    control_clusters : array (n0,), optional
        Which controls are the same household: sets that share one are one cluster, so that its
        repeated use is in the error.

    Returns
    -------
    Contrast
        In the unit of the outcome; no error below two clusters.

    Notes
    -----
    Estimand: the mean effect on the participants that have a pair.

    References
    ----------
    Abadie & Spiess (2022) JASA 117:983.

    Examples
    --------
    >>> found = paired_difference([10.0, 7.0], [4.0, 6.0, 5.0], [[0, 0], [0, 1], [1, 2]])
    >>> found.estimate, round(found.standard_error, 4)
    (3.5, 1.5)
    """
    differences = pair_differences(outcome, control_outcome, pairs)
    rows = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    place = np.unique(rows[:, 0], return_inverse=True)[1]
    n = len(differences)
    ids = np.arange(n) if control_clusters is None else _linked(place, rows, control_clusters)
    if len(set(ids)) < 2:
        return Contrast(differences.mean() if n else np.nan, np.nan, np.nan, n, len(rows))
    return Contrast(*robust_coefficient(differences, np.ones((n, 1)), 0, ids), n, len(rows))


def _linked(place: np.ndarray, rows: np.ndarray, control_clusters: ArrayLike) -> np.ndarray:
    """The cluster of each set: sets are linked where they use the same household."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    households = np.unique(np.asarray(control_clusters)[rows[:, 1]], return_inverse=True)[1]
    sets = int(place.max()) + 1
    size = sets + int(households.max()) + 1
    links = coo_array((np.ones(len(place)), (place, sets + households)), shape=(size, size))
    return connected_components(links, directed=False)[1][:sets]


def sign_flip_interval(differences: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of the mean difference in few pairs, by flipping signs.

    Parameters
    ----------
    differences : array (pairs,)
        At most 20.
    level : float
        Of the interval.

    Returns
    -------
    low, high : float
        NaN where so few pairs can reject nothing.

    Raises
    ------
    MetricInputError
        Without a pair or with more than 20.

    Notes
    -----
    The shifts that the randomisation test does not reject, each pair's sign being as likely to be
    the other. The 2^n − 1 means of subsets of pairs cut the line into parts of equal probability,
    so the ends are order statistics of them: no search.

    References
    ----------
    Fisher (1935), section 21; Hartigan (1969) JASA 64:1303.

    Examples
    --------
    >>> sign_flip_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    (1.0, 6.0)
    """
    d = np.asarray(differences, dtype=float)
    if not 1 <= len(d) <= MAX_EXACT_PAIRS:
        raise MetricInputError(f"The exact interval needs 1 to {MAX_EXACT_PAIRS} pairs.")
    sums, sizes = np.zeros(1), np.zeros(1)
    for each in d:
        sums, sizes = np.append(sums, sums + each), np.append(sizes, sizes + 1)
    means = np.sort(sums[1:] / sizes[1:])
    place = int(np.floor((1 - level) * 2.0 ** len(d) / 2 + 1e-9))
    return (float(means[place - 1]), float(means[-place])) if place else (np.nan, np.nan)
