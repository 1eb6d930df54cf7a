"""Month 0 for controls, without immortal time.

A control can stand beside a participant only in a month in which it was itself on support: a
household that is picked because it stayed on support later, or counted from a month in which it
was off it, makes any programme look good.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from hfcore.errors import MetricInputError
from hfcore.results import require_columns
from hfcore.study import Municipality, Study, month_number

_NEEDED = ("household_id", "group", "start_month", "support_since", "applicant_birth_year")
_CHUNK = 20_000
# Fewer controls than this in a start month are counted together with those of the nearest one.
_FEW_CONTROLS = 3
_NEAR_MONTHS = 2


def risk_sets(
    cohort: pd.DataFrame, payments: pd.DataFrame, municipality: Municipality, study: Study
) -> pd.DataFrame:
    """Every control in every participants' start month in which it was on support itself.

    Parameters
    ----------
    cohort : one row a household.
    payments : one row a household and month.
    municipality : its payment export says which months are known.
    study : where its controls were ``controls_matched`` by design, a control stands in the month
        that the file gives it and in no other; else a given month counts for nothing.

    Returns
    -------
    The participants, and one row a control and start month: the control's columns with
    ``start_month`` and what follows from it (``months_on_support``, ``applicant_age``) as of that
    month. ``unit_id`` (household and month for controls) tells the rows apart; ``months_in_spell``
    counts the paid months in a row up to the start month (to the one before where it is unpaid).
    ``household_id`` is the cluster of whatever makes an error of the rows.

    Raises
    ------
    MetricInputError
        If the cohort lacks a column, or no participant has a start month.

    Notes
    -----
    A control is at risk in a month if it was paid support in that month or the one before. Drawing
    one of its months instead would overweight short spells and make a lottery of the estimate.
    Controls are households that never take part; a later participant is none, since its own
    programme would fall into the outcome.
    """
    controls, starts = _controls_and_starts(cohort)
    months = starts.index.to_numpy()
    at_risk = _on_support(controls, payments, municipality, months)
    if study.definitions.controls_matched:
        at_risk &= (
            month_number(controls["start_month"]).to_numpy(float, na_value=-1)[:, None] == months
        )
    row, column = np.nonzero(at_risk)
    placed = _place(controls.iloc[row].reset_index(drop=True), months[column])
    labels = np.array([f"@{each // 12}-{each % 12 + 1:02d}" for each in starts.index], dtype=object)
    ids = placed["household_id"].to_numpy(dtype=object) + labels[column]
    placed = placed.assign(unit_id=pd.Series(ids, index=placed.index, dtype="str"))
    started = cohort["group"].eq("participant") & cohort["start_month"].notna()
    participants = cohort.loc[started].assign(unit_id=cohort["household_id"])
    units = pd.concat([participants, placed], ignore_index=True)
    return units.assign(months_in_spell=_months_in_spell(units, payments, municipality))


def _months_in_spell(
    units: pd.DataFrame, payments: pd.DataFrame, municipality: Municipality
) -> np.ndarray:
    """Paid months in a row up to month 0, or up to the month before where 0 is unpaid."""
    first, last = (each.year * 12 + each.month - 1 for each in _export(municipality))
    ids = pd.Index(units["household_id"].unique())
    paid = payments.loc[payments["amount_sek"].gt(0)]
    month = month_number(paid["month"]).to_numpy(dtype="int64") - first
    row = ids.get_indexer(paid["household_id"])
    inside = (row >= 0) & (month >= 0) & (month <= last - first)
    is_paid = np.zeros((len(ids), last - first + 1), dtype=bool)
    is_paid[row[inside], month[inside]] = True
    in_a_row = np.zeros((len(ids), last - first + 2), dtype="int32")
    for place, column in enumerate(is_paid.T):
        in_a_row[:, place + 1] = (in_a_row[:, place] + 1) * column
    start = month_number(units["start_month"]).to_numpy(dtype="int64") - first + 1
    known = (start >= 1) & (start < in_a_row.shape[1])
    start, own = np.where(known, start, 1), ids.get_indexer(units["household_id"])
    found = np.where(in_a_row[own, start] > 0, in_a_row[own, start], in_a_row[own, start - 1])
    return np.where(known, found, np.nan)


def risk_set_weights(
    is_participant: np.ndarray, start: np.ndarray, is_known: np.ndarray
) -> np.ndarray:
    """Weights under which controls' start months are distributed as the participants'.

    Parameters
    ----------
    is_participant, start : arrays (rows,)
        ``start`` is the running number of month 0.
    is_known : bool array (rows, columns)
        Whether the outcome of each column is known in a row.

    Returns
    -------
    Array (rows, columns): participants 1, controls n_s / N_s, the known participants over the
    known controls of their start month; 0 where unknown, and for participants that no control
    stands beside. A month with fewer than three controls counts together with the nearest that
    has them; one without any only within two months.

    Examples
    --------
    >>> one, two = np.array([True, True, False, False, False]), np.array([0, 1, 0, 0, 0])
    >>> risk_set_weights(one, two, np.ones((5, 1), bool)).ravel().round(3).tolist()
    [1.0, 1.0, 0.667, 0.667, 0.667]
    """
    months, code = np.unique(start, return_inverse=True)
    counts = np.zeros((2, len(months), is_known.shape[1]))
    np.add.at(counts, (is_participant.astype(int), code), is_known)
    controls, participants = counts
    columns = np.arange(is_known.shape[1])
    set_of = np.stack([_merged(months, column) for column in controls.T], axis=1)
    beside = np.zeros_like(counts)
    for place in range(len(months)):
        has_set = set_of[place] >= 0
        at = set_of[place][has_set], columns[has_set]
        np.add.at(beside[0], at, controls[place][has_set])
        np.add.at(beside[1], at, participants[place][has_set])
    own = set_of[code]
    n0, n1 = (each[np.maximum(own, 0), columns] for each in beside)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(is_participant[:, None], 1.0, n1 / n0)
    return np.where(is_known & (own >= 0) & (n0 > 0), weight, 0.0)


def _merged(months: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """The number of the month with which each start month is counted; −1 where with none."""
    own = np.arange(len(months))
    many = np.flatnonzero(controls >= _FEW_CONTROLS)
    few = controls < _FEW_CONTROLS
    if not few.any():
        return own
    if not len(many):
        return np.where(controls > 0, own, -1)
    gaps = np.abs(months[:, None] - months[many])
    nearest = many[gaps.argmin(axis=1)]
    alone = (controls == 0) & (gaps.min(axis=1) > _NEAR_MONTHS)
    return np.where(alone, -1, np.where(few, nearest, own))


def assign_index_months(
    cohort: pd.DataFrame, payments: pd.DataFrame, municipality: Municipality, study: Study
) -> pd.DataFrame:
    """The cohort with one month 0 for each control that the study gives none.

    Parameters
    ----------
    cohort, payments, municipality : as for ``risk_sets``.
    study : its seed makes the draw; the cut-off ends the follow-up.

    Returns
    -------
    The same rows in the same order. A control without a start gets one of the participants'
    start months in which it was on support, drawn in proportion to how many participants started
    then; where there is none its month stays null. Months on support, age, and the months to
    closure and cut-off are as of that month. Participants and controls with a start are as before.

    Notes
    -----
    The draw of a household depends on its id and the seed alone, never on the other rows.
    """
    controls, starts = _controls_and_starts(cohort)
    open_rows = controls.loc[controls["start_month"].isna()]
    if open_rows.empty:
        return cohort.copy()
    chosen = np.full(len(open_rows), -1)
    for first in range(0, len(open_rows), _CHUNK):
        part = open_rows.iloc[first : first + _CHUNK]
        can = _on_support(part, payments, municipality, starts.index.to_numpy())
        reach = (can * starts.to_numpy()).cumsum(axis=1)
        luck = draw_between_0_and_1(part["household_id"], study.definitions.seed) * reach[:, -1]
        place = (reach <= luck[:, None]).sum(axis=1)
        chosen[first : first + _CHUNK] = np.where(reach[:, -1] > 0, place, -1)
    drawn = open_rows.loc[chosen >= 0]
    placed = _place(drawn, starts.index.to_numpy()[chosen[chosen >= 0]])
    followed = _add_follow_up(placed, study)
    return _with_rows(cohort, followed)


def _controls_and_starts(cohort: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """The controls, and the number of participants by start month (running number)."""
    require_columns(cohort, _NEEDED, "cohort")
    is_control = cohort["group"].eq("control")
    started = cohort.loc[~is_control & cohort["start_month"].notna(), "start_month"]
    if started.empty:
        raise MetricInputError(
            "No participant has a start month, so controls cannot be given one: check the "
            "column started_on of households."
        )
    return cohort.loc[is_control], month_number(started).value_counts().sort_index()


def _on_support(
    controls: pd.DataFrame, payments: pd.DataFrame, municipality: Municipality, starts: np.ndarray
) -> np.ndarray:
    """bool (controls, start months): paid in that month or the one before, inside the export."""
    paid = payments.loc[payments["amount_sek"].gt(0), ["household_id", "month"]]
    codes = pd.Index(controls["household_id"]).get_indexer(paid["household_id"])
    months = month_number(paid["month"]).to_numpy(dtype="int64")
    first = int(starts.min()) - 1
    inside = (codes >= 0) & (months >= first) & (months <= starts.max())
    table = np.zeros((len(controls), int(starts.max()) - first + 1), dtype=bool)
    table[codes[inside], months[inside] - first] = True
    at = starts.astype("int64") - first
    reach = [each.year * 12 + each.month - 1 for each in _export(municipality)]
    known = (starts >= reach[0]) & (starts <= reach[1])
    return (table[:, at] | table[:, at - 1]) & known[None, :]


def _export(municipality: Municipality) -> tuple:
    return municipality.payments_from, municipality.payments_to


def draw_between_0_and_1(ids: pd.Series, seed: int) -> np.ndarray:
    """A number in [0, 1) for each id, the same in any order and company."""
    digests = (hashlib.blake2b(f"{seed}:{each}".encode(), digest_size=7).digest() for each in ids)
    return np.array([int.from_bytes(each, "big") / 2**56 for each in digests])


def _place(rows: pd.DataFrame, running: np.ndarray) -> pd.DataFrame:
    """The rows with month 0 at the given running months, and what is known as of then."""
    month = pd.Series(np.asarray(running, dtype="int64"), index=rows.index)
    since_1970 = (month.to_numpy() - 1970 * 12).astype("datetime64[M]").astype("datetime64[s]")
    start = pd.Series(since_1970, index=rows.index).astype(rows["start_month"].dtype)
    age = month // 12 - rows["applicant_birth_year"]
    return rows.assign(
        start_month=start,
        months_on_support=(month - month_number(rows["support_since"])).astype("Int64"),
        applicant_age=age.astype("Float64").astype("float64"),
    )


def _add_follow_up(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    start = month_number(rows["start_month"])
    cutoff = study.cutoff.year * 12 + study.cutoff.month - 1
    closed = month_number(rows["closed_on"])
    return rows.assign(
        month_closed=closed - start,
        observed_months=closed.fillna(cutoff) - start,
        followup_months=cutoff - start,
    )


def _with_rows(cohort: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The cohort with some of its rows, told by their index, replaced."""
    kept = cohort.loc[cohort.index.difference(rows.index)]
    return pd.concat([kept, rows.reindex(columns=cohort.columns)]).reindex(cohort.index)
