"""The frame that every figure comes from: one row a figure, its columns, types and words."""

from __future__ import annotations

from typing import TypeGuard

import pandas as pd

from hfcore.errors import MetricInputError

RESULT_DTYPES = {
    "metric": "str",
    "variant": "str",
    "group": "str",
    "dimension": "str",
    "level": "str",
    "cause": "str",
    "month": "Int64",
    "period": "str",
    "estimate": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "n": "Int64",
    "n_events": "Int64",
    "n_at_risk": "Int64",
    "unit": "str",
    "method": "str",
    "status": "str",
}
INSIDE_DTYPES = {
    "key_n": "float64",
    "key_events": "float64",
    "key_at_risk": "float64",
    "largest": "float64",
    "second_largest": "float64",
    "sum_absolute": "float64",
    "n_negative": "Int64",
    "df": "float64",
    "n_others": "Int64",
    "key_others": "float64",
    "n_started": "Int64",
    "worth": "float64",
}
PROTECTED_DTYPES = {"protection": "str", "base": "str"}
OWNER_COLUMNS = ("study", "municipality", "notebook")

UNITS = ("share", "months", "sek", "sek_per_month", "count", "hours", "ratio")
STATUSES = ("ok", "too_few", "not_available", "not_applicable")
RESULT_GROUPS = ("participant", "control", "comparison", "difference", "")
METRICS = (
    "households",
    "women",
    "men",
    "children",
    "flow",
    "support_duration_at_start",
    "support_duration_band",
    "queue_wait",
    "queue_incidence",
    "queue_restricted_mean",
    "participation_mean",
    "closure_share_naive",
    "closure_share_entered",
    "closure_time_naive",
    "closure_reason",
    "closures_per_quarter",
    "cumulative_incidence",
    "still_in_intervention",
    "months_lost",
    "restricted_mean",
    "incidence_difference",
    "exit_from_support",
    "reactivation",
    "support_mean",
    "support_difference_naive",
    "support_effect",
    "support_effect_pooled",
    "support_effect_sensitivity",
    "support_drift_bound",
    "support_total",
    "balance",
    "variance_ratio",
    "effective_sample_size",
    "pretrend",
    "design_grade",
    "detectable_difference",
    "plan_changed",
    "plan_unchanged",
    "plan_changed_difference",
    "plan_closer_to_work",
    "plan_changed_over_time",
    "plan_closer_over_time",
    "cost",
    "cost_difference",
    "cost_per_household",
    "cost_per_month",
    "cost_per_exit",
    "cost_per_extra_exit",
    "saving_gross",
    "saving_net",
    "break_even_share",
    "break_even_months",
    "saving_per_household",
    "net_per_household",
    "break_even_effect",
    "break_even_chance",
    "national_saving",
    "caseload",
    "inflow",
    "closures_per_post",
    "stock_duration",
    "worktime_share",
    "worktime_difference",
    "client_hours_per_case",
    "eligible",
    "queue_length",
    "unmet_need",
    "followup_on_time",
    "contact_mix",
    "coordinated_plan",
    "survey_response",
    "survey_answer",
    "response_difference",
    "fade",
    "fade_difference",
    "fidelity_rating",
    "eligible_share",
    "long_term",
    "very_long_term",
    "reach",
    "queue_pressure",
    "queue_forecast",
    "obstacle_share",
    "care_centre_households",
    "care_centre_share",
    "care_centre_cumulative",
    "sick_by_care_centre",
    "per_1000_listed",
    "no_measure",
    "sole_obstacle",
    "common_obstacle",
    "opened_by",
    "placed",
    "co_needs",
    "rounds",
    "rounds_share",
    "frame",
    "longest_gap",
    "contact_rate",
    "contact_reach",
    "first_care_contact",
    "meeting_on_schedule",
    "party_attendance",
    "adherence",
    "fidelity_spread",
    "theory_status",
    "claim_check",
)
_DEFAULTS = {
    "variant": "default",
    "group": "",
    "dimension": "",
    "level": "",
    "cause": "",
    "period": "",
    "method": "",
    "status": "ok",
}


# Characters a line in a terminal.
SHOWN_WIDTH = 120


class Results(pd.DataFrame):
    """A frame of results that shows in a notebook the columns that a person reads.

    What is the same in all rows by default, empty everywhere, or there for disclosure control
    alone is left out of the picture, never of the frame.
    """

    @property
    def _constructor(self) -> type[Results]:
        return Results

    def _read_columns(self) -> pd.DataFrame:
        """The frame as a plain one; of whole results without what tells a reader nothing."""
        plain = pd.DataFrame(self)
        if not set(RESULT_DTYPES) <= set(plain):
            return plain
        is_told = {
            name: plain[name].ne(_DEFAULTS.get(name, "")).fillna(False).any()
            and plain[name].notna().any()
            for name in RESULT_DTYPES
        }
        kept = {"metric", "estimate"}
        hidden = {name for name in RESULT_DTYPES if not is_told[name]} - kept
        return plain.drop(columns=[name for name in plain if name in hidden | set(INSIDE_DTYPES)])

    def __repr__(self) -> str:
        with pd.option_context("display.width", SHOWN_WIDTH, "display.max_columns", None):
            return repr(self._read_columns())

    def _repr_html_(self) -> str | None:
        return self._read_columns()._repr_html_()


def build_results(rows: pd.DataFrame, **constants: str) -> Results:
    """Bring rows into the shape of results: every column, in order, typed; the rest defaults.

    ``constants`` fill whole columns (``metric="flow", unit="count"``). Months, counts and
    estimates that are not given are null; texts that are not given, or null, are empty, the variant
    is ``default`` and the status ``ok``.

    Raises MetricInputError for a column, metric, unit, group or status that results do not have.

    >>> frame = pd.DataFrame({"group": ["control"], "estimate": [3.0], "n": [3]})
    >>> build_results(frame, metric="households", unit="count")[["metric", "n", "status"]]
           metric  n status
    0  households  3     ok
    """
    dtypes = RESULT_DTYPES | INSIDE_DTYPES
    unknown = sorted((set(rows.columns) | set(constants)) - set(dtypes))
    if unknown:
        raise MetricInputError(f"Results have no column {', '.join(unknown)}.")
    filled = rows.assign(**constants)
    for column, default in _DEFAULTS.items():
        given = filled[column].fillna(default) if column in filled else default
        filled = filled.assign(**{column: given})
    results = filled.reindex(columns=list(dtypes)).astype(dtypes).reset_index(drop=True)
    check_results(results)
    return Results(results)


def check_results(results: pd.DataFrame) -> None:
    """Raise MetricInputError, naming the words that the contract of results does not know."""
    allowed = {"metric": METRICS, "unit": UNITS, "status": STATUSES, "group": RESULT_GROUPS}
    for column, words in allowed.items():
        unknown = sorted(set(results[column].dropna()) - set(words))
        if unknown or results[column].isna().any():
            raise MetricInputError(
                f"Results cannot have {column} {', '.join(unknown) or 'empty'}; "
                f"allowed: {', '.join(word for word in words if word)}."
            )
    if (results["level"].ne("") & results["dimension"].eq("")).any():
        raise MetricInputError("Results need a dimension where they have a level.")


def join_results(*parts: pd.DataFrame) -> pd.DataFrame:
    """Several result frames as one, rows in the order given."""
    frames = [part for part in parts if len(part)] or list(parts[:1])
    return pd.concat(frames, ignore_index=True)


def require_columns(frame: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    """Raise MetricInputError where a frame is none, or lacks columns that a metric needs.

    >>> require_columns(pd.DataFrame({"a": [1]}), ("a", "b"), "cohort")
    Traceback (most recent call last):
    hfcore.errors.MetricInputError: cohort lacks the column b; it has: a.
    """
    if not isinstance(frame, pd.DataFrame):
        kind = type(frame).__name__
        raise MetricInputError(
            f"{what} is a frame, and what was given is of the type {kind}: see to the order of the "
            "arguments."
        )
    missing = [column for column in columns if column not in frame]
    if missing:
        raise MetricInputError(
            f"{what} lacks the column {', '.join(missing)}; it has: {', '.join(frame.columns)}."
        )


def rows_of(protected: pd.DataFrame, metric: str, **where: object) -> pd.DataFrame:
    """The rows of a metric with given values, in their order; the main definition unless named.

    A value may be a list of those wanted.

    >>> frame = pd.DataFrame({"metric": ["flow"], "variant": ["default"], "group": ["control"]})
    >>> len(rows_of(frame, "flow", group="control")), len(rows_of(frame, "flow", group=""))
    (1, 0)
    """
    rows = protected.loc[protected["metric"].eq(metric)]
    for column, value in ({"variant": "default"} | where).items():
        wanted = value if isinstance(value, list) else [value]
        rows = rows.loc[rows[column].isin(wanted).fillna(False).astype(bool)]
    return rows


def one_row(protected: pd.DataFrame, metric: str, **where: object) -> pd.Series | None:
    """The first such row that has something to say, or the first at all, or None."""
    rows = rows_of(protected, metric, **where)
    if rows.empty:
        return None
    shown = rows.loc[rows["estimate"].notna()]
    return (shown if len(shown) else rows).iloc[0]


def is_shown(row: pd.Series | None) -> TypeGuard[pd.Series]:
    """Whether a row exists and has an estimate to show."""
    return row is not None and bool(pd.notna(row["estimate"]))


def is_whole(rows: pd.DataFrame) -> pd.Series:
    """Which rows tell of no part: neither a level of a dimension nor a calendar period."""
    return rows["dimension"].eq("") & rows["period"].eq("")


def main_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of whole groups under the main definition, where there are such among others.

    >>> rows = pd.DataFrame({"variant": ["default", "strict", "default"],
    ...                      "dimension": ["", "", "children"], "period": ""})
    >>> main_rows(rows).index.tolist(), main_rows(rows.loc[[2]]).index.tolist()
    ([0], [2])
    """
    for is_main in (rows["variant"].eq("default"), is_whole(rows)):
        rows = rows.loc[is_main] if is_main.any() else rows
    return rows
