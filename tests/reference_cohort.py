"""The made-up cohort whose figures R computed, as the frame that the metrics take."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from hfcore.cohort import DAYS_PER_MONTH, assign_cause
from hfcore.study import Definitions, Municipality, Study, month_number

REFERENCE = Path(__file__).parent / "reference"
CUTOFF = date(2021, 12, 31)
PLACE = Municipality(
    "1290", "Kristianstad", date(2016, 5, 1), CUTOFF, date(2014, 5, 1), date(2021, 12, 1)
)


def build_study(**definitions) -> Study:
    """A study with the default definitions, or some of them changed."""
    titles = {"sv": "Prov", "en": "Trial"}
    return Study("prov", titles, True, CUTOFF, 2021, (PLACE,), Definitions(**definitions))


STUDY = build_study()


def read_reference(name: str) -> dict:
    """The numbers that R wrote."""
    return json.loads((REFERENCE / name).read_text(encoding="utf-8"))


def reference_cohort() -> pd.DataFrame:
    """The households of cohort.csv."""
    raw = pd.read_csv(REFERENCE / "cohort.csv", keep_default_na=False)
    dates = ("referred_on", "started_on", "closed_on")
    parsed = raw.assign(
        **{name: pd.to_datetime(raw[name]).astype("datetime64[s]") for name in dates}
    )
    return build_frame(parsed)


def small_cohort(rows: list[tuple]) -> pd.DataFrame:
    """A cohort from (group, months from start, closure reason or None), all started in May 2018.

    Closed households close on the first day of their month; the others are followed to the
    cut-off (43 months on) whatever their months say, unless the study's cut-off says otherwise.
    """
    frame = pd.DataFrame(rows, columns=["group", "months", "closure_reason"])
    start = pd.Series(pd.Timestamp("2018-05-01"), index=frame.index)
    closed = [
        pd.Timestamp("2018-05-01") + pd.DateOffset(months=int(m)) if isinstance(r, str) else pd.NaT
        for m, r in zip(frame["months"], frame["closure_reason"], strict=True)
    ]
    built = build_frame(
        frame.assign(
            household_id=[f"h{place}" for place in range(len(frame))],
            referred_on=start - pd.Timedelta(days=30),
            started_on=start,
            closed_on=pd.to_datetime(pd.Series(closed, index=frame.index, dtype="datetime64[s]")),
            closure_reason=frame["closure_reason"].fillna("").astype("str"),
            closure_assessment="",
            months_on_support=12,
            children=1,
            applicant_is_woman=1,
        )
    )
    return built.assign(observed_months=frame["months"].astype("Int64")).drop(columns="months")


def build_frame(raw: pd.DataFrame) -> pd.DataFrame:
    """Dates and reasons as the columns of a cohort."""
    start, cutoff = month_number(raw["started_on"]), CUTOFF.year * 12 + CUTOFF.month - 1
    end = raw["closed_on"].fillna(pd.Timestamp(CUTOFF))
    frame = raw.assign(
        municipality="1290",
        closure_reason=raw["closure_reason"].mask(raw["closure_reason"].eq("")).astype("str"),
        closure_assessment=raw["closure_assessment"]
        .mask(raw["closure_assessment"].eq(""))
        .astype("str"),
        is_closed=raw["closed_on"].notna(),
        stay_months=(end - raw["started_on"]).dt.days / DAYS_PER_MONTH,
        month_closed=month_number(raw["closed_on"]) - start,
        observed_months=month_number(end) - start,
        followup_months=cutoff - start,
        start_month=raw["started_on"].dt.to_period("M").dt.to_timestamp(),
        months_on_support=raw["months_on_support"].astype("Int64"),
        queue_months=(raw["started_on"] - raw["referred_on"]).dt.days / DAYS_PER_MONTH,
        applicant_is_woman=raw["applicant_is_woman"].astype("float64"),
        record_key=np.linspace(0.013, 0.987, len(raw)),
    )
    return assign_cause(frame, STUDY)
