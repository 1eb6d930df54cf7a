"""Month 0 for controls, without immortal time.

A control can stand beside a participant only in a month in which it was itself on support: a
household that is picked because it stayed on support later, or counted from a month in which it
was off it, makes any programme look good.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from hfcore.cohort import support_panel
from hfcore.errors import MetricInputError
from hfcore.results import require_columns
from hfcore.study import Municipality, Study, month_number

_NEEDED = ("household_id", "group", "start_month", "support_since", "applicant_birth_year")
_CHUNK = 20_000


def candidate_months(
    cohort: pd.DataFrame, payments: pd.DataFrame, municipality: Municipality
) -> pd.DataFrame:
    """Every control in every participants' start month in which it could have started itself.

    Parameters
    ----------
    cohort : one row a household.
    payments : one row a household and month.
    municipality : its payment export says which months are known.

    Returns
    -------
    The participants, and one row a control and start month: the control's columns with
    ``start_month`` and what follows from it (``months_on_support``, ``applicant_age``) as of that
    month; ``unit_id`` (household and month for controls) tells the rows apart. A control may
    stand in several months: ``household_id`` is the cluster of whatever makes an error of them.

    Raises
    ------
    MetricInputError
        If the cohort lacks a column.

    Notes
    -----
    A control is a candidate in a month if it was paid support in that month or the one before.
    Controls are households that never take part; a later participant is none, since its own
    programme would fall into the outcome.
    """
    controls, starts = _controls_and_starts(cohort)
    on_support = _on_support(controls, payments, municipality, starts.index.to_numpy())
    row, column = np.nonzero(on_support)
    candidates = controls.iloc[row].reset_index(drop=True)
    placed = _place(candidates, starts.index.to_numpy()[column])
    labels = np.array([f"@{each // 12}-{each % 12 + 1:02d}" for each in starts.index], dtype=object)
    ids = placed["household_id"].to_numpy(dtype=object) + labels[column]
    candidates = placed.assign(unit_id=pd.Series(ids, index=placed.index, dtype="str"))
    started = cohort["group"].eq("participant") & cohort["start_month"].notna()
    participants = cohort.loc[started].assign(unit_id=cohort["household_id"])
    return pd.concat([participants, candidates], ignore_index=True)


def unit_panel(
    units: pd.DataFrame, payments: pd.DataFrame, municipality: Municipality
) -> pd.DataFrame:
    """``support_panel`` of rows of ``candidate_months``, with the column ``unit_id``.

    Give it the rows that are compared (a positive weight), not all candidates.
    """
    require_columns(units, ("unit_id", "start_month"), "units")
    panel = support_panel(units, payments, municipality)
    return panel.assign(unit_id=np.repeat(units["unit_id"].to_numpy(), len(panel) // len(units)))


def assign_index_months(
    cohort: pd.DataFrame, payments: pd.DataFrame, municipality: Municipality, study: Study
) -> pd.DataFrame:
    """The cohort with one month 0 for each control that the study gives none.

    Parameters
    ----------
    cohort, payments, municipality : as for ``candidate_months``.
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
        luck = _uniform(part["household_id"], study.definitions.seed) * reach[:, -1]
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


def _uniform(ids: pd.Series, seed: int) -> np.ndarray:
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
