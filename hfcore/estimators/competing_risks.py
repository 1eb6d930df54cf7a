"""Time to event with competing causes, exact with ties, from counts by time.

Households are counted once per distinct time and everything after works on these counts, so a
million households cost what their distinct months cost. Conventions: who is censored at a time is
still at risk of an event at that time; events of different causes at one time share the risk set;
an event at time 0 counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hfcore.errors import MetricInputError

_CANCELLATION = 64 * np.finfo(float).eps
_INTEGER_LIMIT = 1 << 20


@dataclass(frozen=True)
class EventCounts:
    """Who was at risk and what happened at each distinct time.

    ``times`` rise, shape (T,); ``at_risk`` has shape (T,); ``events`` (T, causes).
    """

    times: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray

    @property
    def any_event(self) -> np.ndarray:
        """Events of whichever cause at each time, shape (T,)."""
        return self.events.sum(axis=1)

    @property
    def n(self) -> int:
        """How many were followed."""
        return int(self.at_risk[0]) if len(self.times) else 0


def count_events(times: ArrayLike, causes: ArrayLike, n_causes: int) -> EventCounts:
    """Count households by time and cause: what every estimator here starts from.

    Parameters
    ----------
    times : array (n,)
        One time a household, at least 0: until its event, or as long as it was followed.
    causes : array (n,) of whole numbers
        0 where no event was seen (censored), else 1 … ``n_causes``.
    n_causes : int
        How many causes there are, whether they occur or not.

    Returns
    -------
    EventCounts
        Risk set and events at each distinct time.

    Raises
    ------
    MetricInputError
        Where a time is missing or below 0, or a cause is not between 0 and ``n_causes``.

    Examples
    --------
    >>> counts = count_events([3, 3, 5, 8], [1, 0, 2, 0], n_causes=2)
    >>> counts.at_risk.tolist(), counts.events.tolist()
    ([4, 2, 1], [[1, 0], [0, 1], [0, 0]])
    """
    times, causes = _checked(times, causes, n_causes)
    distinct, place = _distinct(times)
    width = n_causes + 1
    cells = np.bincount(place * width + causes, minlength=len(distinct) * width)
    cells = cells.reshape(len(distinct), width)
    at_risk = cells.sum(axis=1)[::-1].cumsum()[::-1]
    seen = cells.sum(axis=1) > 0
    return EventCounts(distinct[seen], at_risk[seen], cells[seen, 1:])


def _checked(times: ArrayLike, causes: ArrayLike, n_causes: int) -> tuple[np.ndarray, np.ndarray]:
    times, causes = np.asarray(times), np.asarray(causes)
    if times.shape != causes.shape or times.ndim != 1:
        raise MetricInputError("Times and causes must be two lists of the same length.")
    if not np.all(times >= 0):
        raise MetricInputError("Every time must be known and at least 0.")
    if len(causes) and not (causes.min() >= 0 and causes.max() <= n_causes):
        raise MetricInputError(f"Causes are whole numbers from 0 (no event) to {n_causes}.")
    return times, causes.astype(np.int64, copy=False)


def _distinct(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Candidate times and each household's place among them."""
    is_whole = np.issubdtype(times.dtype, np.integer)
    if is_whole and len(times) and times.max() < max(_INTEGER_LIMIT, len(times)):
        return np.arange(times.max() + 1), times.astype(np.int64, copy=False)
    return np.unique(times, return_inverse=True)


def kaplan_meier(counts: EventCounts) -> tuple[np.ndarray, np.ndarray]:
    """Share without any event just after each time, and its standard error (Greenwood).

    Parameters
    ----------
    counts : EventCounts
        From ``count_events``; events of every cause count alike.

    Returns
    -------
    survival, standard_error : arrays (T,)
        The error is NaN where nobody is left.

    References
    ----------
    Kaplan & Meier (1958) JASA 53:457, equations 2b and 3a.

    Examples
    --------
    >>> survival, error = kaplan_meier(count_events([1, 2, 3, 4], [1, 1, 0, 0], 1))
    >>> survival.tolist(), error.round(4).tolist()
    ([0.75, 0.5, 0.5, 0.5], [0.2165, 0.25, 0.25, 0.25])
    """
    survival = np.cumprod(1 - counts.any_event / counts.at_risk)
    error = survival * np.sqrt(np.cumsum(_greenwood(counts)))
    return survival, np.where(survival > 0, error, np.nan)


def aalen_johansen(counts: EventCounts) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative incidence: the share with an event of each cause by each time.

    Parameters
    ----------
    counts : EventCounts
        From ``count_events``.

    Returns
    -------
    incidence, standard_error : arrays (T, causes)

    Notes
    -----
    Estimand: the probability that the event has happened and was of that cause, the others being
    able to come first. The error is of Greenwood's type and equals the infinitesimal jackknife,
    ties and time 0 included.

    References
    ----------
    Aalen & Johansen (1978) Scand J Stat 5:141; for the variance Andersen et al. (1993), section
    IV.4.1.3.

    Examples
    --------
    >>> incidence, error = aalen_johansen(count_events([1, 2, 2, 4], [1, 2, 0, 1], 2))
    >>> incidence.round(4).tolist()
    [[0.25, 0.0], [0.25, 0.25], [0.75, 0.25]]
    """
    before = _survival_before(counts)
    share = np.cumsum(before[:, None] * counts.events / counts.at_risk[:, None], axis=0)
    hazard, own, cross = _variance_parts(counts, before)
    variance = (
        share**2 * np.cumsum(hazard)[:, None]
        - 2 * share * np.cumsum(hazard[:, None] * share, axis=0)
        + np.cumsum(hazard[:, None] * share**2, axis=0)
        + np.cumsum(own, axis=0)
        - 2 * share * np.cumsum(cross, axis=0)
        + 2 * np.cumsum(cross * share, axis=0)
    )
    rounding = _CANCELLATION * share**2 * np.cumsum(hazard)[:, None]
    return share, np.sqrt(np.where(variance > rounding, variance, 0))


def restricted_mean(counts: EventCounts, horizon: float) -> tuple[float, float]:
    """Restricted mean survival time: the mean time without event up to a horizon.

    Parameters
    ----------
    counts : EventCounts
        From ``count_events``.
    horizon : float
        In the unit of the times.

    Returns
    -------
    mean, standard_error : float

    Notes
    -----
    The area under Kaplan–Meier's curve. After the last time the curve is carried forward; whether
    that is allowed is for the caller to judge by ``at_risk_at``.

    References
    ----------
    Royston & Parmar (2013) BMC Med Res Methodol 13:152, equation 2; Klein & Moeschberger (2003),
    equation 4.5.2.

    Examples
    --------
    >>> mean, error = restricted_mean(count_events([1, 2, 3, 4], [1, 1, 0, 0], 1), 4)
    >>> round(mean, 4), round(error, 4)
    (2.75, 0.6495)
    """
    survival, _ = kaplan_meier(counts)
    area = _area_after(counts.times, np.append(1.0, survival), horizon)
    variance = np.sum((area**2 * _greenwood(counts))[counts.times <= horizon])
    first = counts.times[0] if len(counts.times) else horizon
    return float(min(first, horizon) + area[:1].sum()), float(np.sqrt(variance))


def months_lost(counts: EventCounts, horizon: float) -> tuple[np.ndarray, np.ndarray]:
    """Restricted mean time lost: the mean time since the event of each cause up to a horizon.

    Parameters
    ----------
    counts : EventCounts
        From ``count_events``.
    horizon : float
        In the unit of the times.

    Returns
    -------
    lost, standard_error : arrays (causes,)

    Notes
    -----
    The area under each cumulative incidence; together with the restricted mean these add up to
    the horizon. The error is linearised as that of ``aalen_johansen``.

    References
    ----------
    Andersen (2013) Stat Med 32:5278, equation 6.

    Examples
    --------
    >>> lost, error = months_lost(count_events([1, 2, 3, 4], [1, 2, 0, 0], 2), 4)
    >>> lost.tolist()
    [0.75, 0.5]
    """
    share, _ = aalen_johansen(counts)
    before = _survival_before(counts)
    left = np.clip(horizon - counts.times, 0, None)[:, None]
    columns = [np.append(0.0, each) for each in share.T]
    area = np.column_stack([_area_after(counts.times, each, horizon) for each in columns])
    rest = area - share * left
    hazard, own, cross = _variance_parts(counts, before)
    terms = rest**2 * hazard[:, None] + left**2 * own - 2 * rest * left * cross
    variance = np.maximum(terms[counts.times <= horizon].sum(axis=0), 0)
    lost = area[0] if len(area) else np.zeros(counts.events.shape[1])
    return lost, np.sqrt(variance)


def at_times(
    counts: EventCounts, values: np.ndarray, times: ArrayLike, start: float = 0.0
) -> np.ndarray:
    """Read a step curve (shape (T,) or (T, causes)) at given times; ``start`` before the first.

    >>> counts = count_events([2, 4], [1, 1], 1)
    >>> at_times(counts, counts.at_risk, [0, 2, 3, 9]).tolist()
    [0.0, 2.0, 2.0, 1.0]
    """
    place = np.searchsorted(counts.times, np.asarray(times), side="right")
    head = np.full((1, *values.shape[1:]), start, dtype=float)
    return np.concatenate([head, values])[place]


def at_risk_at(counts: EventCounts, times: ArrayLike) -> np.ndarray:
    """How many were still followed and without event just before each given time.

    >>> at_risk_at(count_events([2, 4], [1, 0], 1), [0, 2, 3, 5]).tolist()
    [2, 2, 1, 0]
    """
    place = np.searchsorted(counts.times, np.asarray(times), side="left")
    return np.append(counts.at_risk, 0)[place]


def is_known_at(counts: EventCounts, times: ArrayLike) -> np.ndarray:
    """Whether the curves are known at given times: until follow-up ends, or nobody is left."""
    times = np.asarray(times)
    if not len(counts.times):
        return np.zeros(times.shape, bool)
    everybody_left = counts.any_event[-1] == counts.at_risk[-1]
    return (times <= counts.times[-1]) | everybody_left


def pseudo_values(
    times: ArrayLike, causes: ArrayLike, n_causes: int, estimate: Callable[[EventCounts], float]
) -> np.ndarray:
    """Jackknife pseudo-values: n × estimate − (n − 1) × the estimate without the household.

    Parameters
    ----------
    times, causes, n_causes
        As ``count_events`` takes them.
    estimate : callable
        From counts to a number, such as a share at a month or a restricted mean.

    Returns
    -------
    array (n,)
        One number a household, as though it had been followed for ever; their mean is nearly the
        estimate. Regressed on covariates they give adjusted differences.

    Notes
    -----
    Censoring must be unrelated to the covariates: where groups began at different times, make
    them within each group.

    References
    ----------
    Andersen, Klein & Rosthøj (2003) Biometrika 90:15; Andersen & Perme (2010).

    Examples
    --------
    Without censoring a household adds what happened to it.

    >>> def by_two(counts):
    ...     return 1 - (1 - counts.any_event / counts.at_risk)[counts.times <= 2].prod()
    >>> pseudo_values([1, 2, 3], [1, 1, 1], 1, by_two).round(9).tolist()
    [1.0, 1.0, 0.0]
    """
    times, causes = np.asarray(times), np.asarray(causes)
    counts = count_events(times, causes, n_causes)
    whole = estimate(counts)
    pairs, which = np.unique(np.column_stack([times, causes]), axis=0, return_inverse=True)
    without = [estimate(_without(counts, time, int(cause))) for time, cause in pairs]
    return counts.n * whole - (counts.n - 1) * np.array(without, float)[which.ravel()]


def _without(counts: EventCounts, time: float, cause: int) -> EventCounts:
    """The counts with one household fewer; times at which nobody is left fall away."""
    at_risk = counts.at_risk - (counts.times <= time)
    events = counts.events.copy()
    if cause:
        events[np.searchsorted(counts.times, time), cause - 1] -= 1
    left = at_risk > 0
    return EventCounts(counts.times[left], at_risk[left], events[left])


def _survival_before(counts: EventCounts) -> np.ndarray:
    survival = np.cumprod(1 - counts.any_event / counts.at_risk)
    return np.append(1.0, survival)[: len(survival)]


def _greenwood(counts: EventCounts) -> np.ndarray:
    """d / (Y (Y − d)); 0 where everybody has the event, since the curve is flat from there."""
    events, at_risk = counts.any_event.astype(float), counts.at_risk.astype(float)
    left = np.where(at_risk > events, at_risk - events, np.inf)
    return events / (at_risk * left)


def _variance_parts(
    counts: EventCounts, before: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per time: variance of the total hazard, of the cause's own step, and their covariance."""
    at_risk = counts.at_risk[:, None].astype(float)
    own = before[:, None] ** 2 * counts.events * (at_risk - counts.events) / at_risk**3
    cross = before[:, None] * counts.events / at_risk**2
    everybody = counts.any_event == counts.at_risk
    return _greenwood(counts), own, np.where(everybody[:, None], 0.0, cross)


def _area_after(times: np.ndarray, steps: np.ndarray, horizon: float) -> np.ndarray:
    """Area under a step curve from each time to the horizon; ``steps`` starts before the first."""
    ends = np.clip(np.append(times, horizon).astype(float), 0, horizon)
    ends[-1] = max(horizon, ends[:-1].max(initial=0.0))
    widths = np.diff(ends)
    return (widths * steps[1:])[::-1].cumsum()[::-1]
