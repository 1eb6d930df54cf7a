"""Were meetings held as planned, principles followed, and did the theory's steps come true?

Meetings and ratings are all there are: no interval. Ratings are an order, not a measure.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.results import build_results, require_columns
from hfcore.schema import ARENAS, ASPECTS
from hfcore.study import Municipality, Study, TheoryStep

# Calendar windows in which each kind of meeting is due.
DUE = dict(zip(ARENAS, ("quarter", "month", "half_year", "half_year", "week"), strict=True))
HIGHEST = 3
# What became of a step of the theory, and the number that stands for it; numbers are no scale.
OUTCOMES = {"no_indicator": 0, "against": 1, "unseen": 2, "as_expected": 3, "told": 4}
_RATIO_METRICS = ("variance_ratio", "queue_pressure")


def meeting_on_schedule(
    meetings: pd.DataFrame, municipality: Municipality, study: Study
) -> pd.DataFrame:
    """In which share of the calendar windows each arena met, and who came.

    Returns
    -------
    ``meeting_on_schedule``: by arena (dimension ``arena``) the whole windows between the first and
    last day with a meeting held, of all (quarters for steering groups, months for work groups,
    half-years for workshops and care networks, weeks for case reviews); n windows.
    ``party_attendance``: by party (dimension ``party``) the meetings held that it attended, of all
    held. No interval: all meetings are counted.
    """
    require_columns(meetings, ("on", "arena", "parties", "held"), "meetings")
    last = min(pd.Timestamp(municipality.last_day), pd.Timestamp(study.cutoff))
    held = meetings.loc[meetings["held"].fillna(False).astype(bool)]
    rows = []
    for arena in [each for each in ARENAS if each in set(meetings["arena"])]:
        windows = _windows(pd.Timestamp(municipality.first_day), last, DUE[arena])
        met = set(_window_of(held.loc[held["arena"].eq(arena), "on"], DUE[arena]))
        row = {"metric": "meeting_on_schedule", "dimension": "arena", "level": arena}
        rows.append(row | _of(sum(each in met for each in windows), len(windows)))
    parties = sorted({party for parties in held["parties"] for party in parties})
    for party in parties:
        came = sum(party in each for each in held["parties"])
        row = {"metric": "party_attendance", "dimension": "party", "level": party}
        rows.append(row | _of(came, len(held)))
    told = pd.DataFrame(rows) if rows else pd.DataFrame({"metric": []})
    return build_results(told, unit="share", method="full_count")


def _of(events: int, n: int) -> dict[str, object]:
    share = events / n if n else np.nan
    return {"estimate": share, "n": n, "n_events": events, "status": "ok" if n else "too_few"}


def _window_of(days: pd.Series, due: str) -> list[str]:
    if due == "half_year":
        return [f"{day.year}H{1 + (day.month > 6)}" for day in days]
    return list(days.dt.to_period({"quarter": "Q", "month": "M", "week": "W"}[due]).astype("str"))


def _windows(first: pd.Timestamp, last: pd.Timestamp, due: str) -> list[str]:
    """The whole calendar windows between two days, both included."""
    days = pd.Series(pd.date_range(first, last, freq="D"))
    names = pd.Series(_window_of(days, due))
    outside = {*_window_of(pd.Series([first - pd.Timedelta(days=1)]), due)}
    outside |= {*_window_of(pd.Series([last + pd.Timedelta(days=1)]), due)}
    return [each for each in names.unique() if each not in outside]


def fidelity_rating(fidelity: pd.DataFrame) -> pd.DataFrame:
    """How far each principle is meaningful, followed and leads to results, as rated (0–3).

    Returns
    -------
    ``fidelity_rating``: by principle (dimension ``principle``) and question (``cause``) the mean
    over the groups of raters that rated it; ``not_available`` where nobody did, never 0. Period is
    the wave, n the groups. ``adherence``: by question the sum of all ratings as a share of the
    highest possible; ``fidelity_spread``: by principle the largest difference between groups on any
    question. No interval: ratings are all there are.

    References
    ----------
    Patton (2018), Principles-Focused Evaluation: are they meaningful, followed, and do they lead
    to results?
    """
    columns = ("wave", "principle", "aspect", "rater_group", "rating")
    require_columns(fidelity, columns, "fidelity")
    parts = []
    for wave, rows in fidelity.groupby("wave", sort=True):
        principles = sorted(set(rows["principle"]))
        cells = pd.MultiIndex.from_product([principles, ASPECTS], names=["level", "cause"])
        named = rows.rename(columns={"principle": "level", "aspect": "cause"})
        rated = named.loc[named["rating"].notna()].assign(
            rating=lambda each: each["rating"].astype("float64")
        )
        by_group = rated.groupby(["level", "cause", "rater_group"])["rating"].mean()
        cell = by_group.groupby(["level", "cause"]).agg(["mean", "size"]).reindex(cells)
        known = cell["mean"].notna().to_numpy()
        means = cell.reset_index().rename(columns={"mean": "estimate", "size": "n"})
        means = means.assign(metric="fidelity_rating", dimension="principle")
        means["status"] = np.where(known, "ok", "not_available")
        whole = rated.groupby("cause")["rating"].agg(["sum", "size"]).reindex(list(ASPECTS))
        share = (whole["sum"] / (HIGHEST * whole["size"])).to_numpy()
        adherence = pd.DataFrame({"cause": ASPECTS, "estimate": share, "unit": "share"})
        adherence["n"] = whole["size"].fillna(0).to_numpy()
        adherence["status"] = np.where(np.isnan(share), "not_available", "ok")
        spans = by_group.groupby(["level", "cause"]).agg(lambda each: each.max() - each.min())
        spread = spans.groupby("level").max().reindex(principles).reset_index()
        spread = spread.rename(columns={"rating": "estimate"})
        spread["status"] = np.where(spread["estimate"].notna(), "ok", "not_available")
        spread = spread.assign(metric="fidelity_spread", dimension="principle")
        each = pd.concat([means, adherence.assign(metric="adherence"), spread])
        parts.append(each.assign(period=wave))
    told = pd.concat(parts) if parts else pd.DataFrame({"metric": []})
    unit = told["unit"].fillna("ratio") if "unit" in told else "ratio"
    return build_results(told.assign(unit=unit), method="full_count")


def theory_status(study: Study, results: pd.DataFrame) -> pd.DataFrame:
    """What the results say of each step of the study's theory of change.

    Parameters
    ----------
    results : exact or protected rows of one municipality.

    Returns
    -------
    One row a step, in the order declared: dimension the step's level, level its id, ``cause`` what
    became of it: ``as_expected`` and ``against`` (the interval excludes no difference, in or
    against the direction), ``unseen`` (it does not), ``told`` (a figure without an interval),
    ``no_indicator`` (nothing measures it, or the figure is not there). The estimate is a code of
    that word and is never to be averaged.

    References
    ----------
    Mayne (2012) Evaluation 18:270, contribution analysis.
    """
    rows = []
    for step in study.theory:
        word = _became(step, results)
        where = {"dimension": f"theory_{step.level}", "level": step.code, "cause": word}
        rows.append({"estimate": float(OUTCOMES[word]), **where})
    told = pd.DataFrame(rows) if rows else pd.DataFrame()
    return build_results(told, metric="theory_status", unit="count", method="full_count")


def _became(step: TheoryStep, results: pd.DataFrame) -> str:
    if not step.metric:
        return "no_indicator"
    wanted = {
        "metric": step.metric,
        "variant": step.variant or "default",
        "dimension": step.dimension,
        "level": step.level_of,
        "cause": step.cause,
    }
    rows = results
    for column, value in wanted.items():
        if column in ("metric", "variant") or value:
            rows = rows.loc[rows[column].eq(value)]
    rows = rows.loc[rows["estimate"].notna()]
    if rows.empty:
        return "no_indicator"
    row = rows.sort_values("month", kind="stable", na_position="first").iloc[-1]
    if pd.isna(row["ci_low"]) or not step.direction:
        return "told"
    null = 1.0 if row["metric"] in _RATIO_METRICS else 0.0
    if row["ci_low"] > null or row["ci_high"] < null:
        rises = row["ci_low"] > null
        return "as_expected" if rises == (step.direction == "up") else "against"
    return "unseen"
