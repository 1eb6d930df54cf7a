"""What the families answered, of how many it is known, and how those who did not answer differ.

A wave of a survey asks a frame of households: those closed by its end, or those still taking part.
Rows tell the wave in ``period`` and the question in ``cause``. Free text is never read.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.cohort import DAYS_PER_MONTH, support_panel
from hfcore.estimators import intervals, proportions
from hfcore.estimators.regression import welch
from hfcore.metrics.contributions import (
    distribution_rows,
    entered,
    share_rows,
)
from hfcore.results import build_results, join_results, require_columns
from hfcore.study import Municipality, Study, Wave

OF = ("contacted", "frame", "closed", "entered")
BANDS = ("0-12", "13-24", "25-")
FAVOURABLE = "favourable"
MIN_ANSWERED, MIN_UNANSWERED, MIN_WEIGHT_CELL = 50, 20, 5
MIN_PAID_MONTHS = 3
_SURVEY = ("wave", "household_id", "status", "question", "answer")


def survey_households(survey: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Every household that entered, once a wave, with what the wave knows of it.

    Returns
    -------
    The columns of the cohort and ``wave``, ``in_frame``, ``is_contacted``, ``is_answered`` and
    ``months_since`` (days from the closure to the wave's end / 30.4375; of a household still taking
    part, null). A household that the survey has no row of was not contacted; one that answered
    outside the frame counts in no figure of the wave.
    """
    require_columns(survey, _SURVEY, "survey")
    households, parts = entered(cohort), []
    for wave in study.waves:
        rows = survey.loc[survey["wave"].eq(wave.code)]
        by_status = {
            status: households["household_id"].isin(
                rows.loc[rows["status"].eq(status), "household_id"]
            )
            for status in ("answered", "no_answer")
        }
        end = pd.Timestamp(wave.last_day)
        is_closed = (households["closed_on"] <= end).fillna(False)
        has_started = (households["started_on"] <= end).fillna(False)
        parts.append(
            households.assign(
                wave=wave.code,
                in_frame=is_closed if wave.frame == "closed" else has_started & ~is_closed,
                is_answered=by_status["answered"],
                is_contacted=by_status["answered"] | by_status["no_answer"],
                months_since=(end - households["closed_on"]).dt.days.where(is_closed)
                / DAYS_PER_MONTH,
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else households.head(0)


def _of(households: pd.DataFrame, of: str) -> pd.DataFrame:
    is_in = {
        "contacted": households["in_frame"] & households["is_contacted"],
        "frame": households["in_frame"],
        "closed": households["is_closed"],
        "entered": pd.Series(True, index=households.index),
    }
    return households.loc[is_in[of]]


def survey_response(survey: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Which share answered, by everything that it can be a share of.

    Returns
    -------
    One row a wave (``period``) and denominator (dimension ``of``): those contacted, the frame,
    all closed at the cut-off, all who entered. Wilson's interval; n are households.
    """
    households = survey_households(survey, cohort, study)
    parts = []
    for wave in study.waves:
        asked = households.loc[households["wave"].eq(wave.code)]
        counted = pd.concat([_of(asked, of).assign(level=of) for of in OF], ignore_index=True)
        hit = counted.assign(hit=counted["is_answered"] & counted["in_frame"])
        parts.append(share_rows(hit, {"level": OF}, "hit").assign(period=wave.code))
    rows = pd.concat(parts) if parts else pd.DataFrame()
    constants = {"dimension": "of", "group": "participant", "unit": "share"}
    return build_results(rows, metric="survey_response", **constants)


def survey_answer(survey: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """What those who answered said, and between which ends it lies for everybody.

    Returns
    -------
    One row a wave (``period``), question (``cause``) and answer (dimension ``answer``), of those
    who answered the question; Wilson's interval. Variant ``favourable`` adds up the answers that
    the study declares as such. Variants ``bounds_contacted``, ``bounds_frame`` and
    ``bounds_closed`` give the ends between which the share lies among n households whatever those
    who did not answer would have said: n_events said so and n_at_risk answered. Variant
    ``weighted`` counts each answer for as many of the frame as are like it.

    Notes
    -----
    Bounds: k/N and (k + N − answered)/N. They hold for the N households without any assumption and
    have no sampling error. Weights: N_c / n_c in cells of how the household closed and how long
    ago, cells of at least five; only where 50 answered and 20 did not, else ``too_few``.

    References
    ----------
    Manski (1995), section 2.1, for the bounds; Holt & Smith (1979), equation 2.4, for the variance
    after stratification.
    """
    asked, questions = _answers(survey, cohort, study)
    answers, favourable = study.definitions.survey_answers, study.definitions.favourable_answers
    parts = []
    for wave, question in questions:
        ours = asked.loc[asked["wave"].eq(wave) & asked["question"].eq(question)]
        said = ours.loc[ours["answer"].notna()].assign(level=ours["answer"], group="participant")
        parted = distribution_rows(said, {"group": ["participant"]}, {"level": answers})
        rows = [parted.assign(variant="default")]
        hit = said.assign(level="+".join(favourable), hit=said["answer"].isin(favourable))
        union = share_rows(hit, {"level": ["+".join(favourable)]}, "hit")
        rows.append(union.assign(variant=FAVOURABLE))
        rows += [_bounds(union, _of(ours, of), said, of) for of in OF[:3]]
        rows.append(_weighted(union, ours.loc[ours["in_frame"]], favourable, study))
        parts.append(pd.concat(rows).assign(cause=question, period=wave))
    rows = pd.concat(parts) if parts else pd.DataFrame()
    constants = {"dimension": "answer", "unit": "share"}
    return build_results(rows.assign(group="participant"), metric="survey_answer", **constants)


def _answers(
    survey: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Each household of a wave with its answer to each question asked, null where it gave none."""
    households = survey_households(survey, cohort, study)
    known = survey.loc[survey["wave"].isin([wave.code for wave in study.waves])]
    asked = known.loc[known["status"].eq("answered"), ["wave", "question"]].drop_duplicates()
    asked = asked.sort_values(["wave", "question"], ignore_index=True)
    said = known.loc[known["answer"].isin(study.definitions.survey_answers), list(_SURVEY)]
    said = said.loc[said["status"].eq("answered")].drop(columns="status")
    every = households.merge(asked, on="wave") if len(households) else households
    if every.empty:
        return every, []
    joined = every.merge(said, on=["wave", "household_id", "question"], how="left")
    outside = ~joined["in_frame"]
    return joined.assign(answer=joined["answer"].mask(outside)), list(
        asked.itertuples(index=False, name=None)
    )


def _bounds(union: pd.DataFrame, among: pd.DataFrame, said: pd.DataFrame, of: str) -> pd.DataFrame:
    """The ends for all of ``among``, whatever those without an answer would have said."""
    n, answered = len(among), len(said)
    yes = int(union["n_events"].iloc[0])
    known = n > 0 and answered > 0
    return union.assign(
        variant=f"bounds_{of}",
        n=n,
        key_n=among["record_key"].sum(),
        n_at_risk=answered,
        key_at_risk=said["record_key"].sum(),
        ci_low=yes / n if known else np.nan,
        ci_high=(yes + n - answered) / n if known else np.nan,
        method="manski_bounds",
    )


def _weighted(
    union: pd.DataFrame, frame: pd.DataFrame, favourable: tuple[str, ...], study: Study
) -> pd.DataFrame:
    answered = frame["answer"].notna()
    rows = union.assign(variant="weighted", method="weighted_wilson_n_eff", n=int(answered.sum()))
    kinds = frame["cause"].eq(study.causes[0]).astype(int)
    cells = _cells(kinds * 2 + frame["months_since"].ge(12).astype(int), kinds, answered)
    enough = answered.sum() >= MIN_ANSWERED and (~answered).sum() >= MIN_UNANSWERED
    if cells is None or not enough:
        return rows.assign(estimate=np.nan, ci_low=np.nan, ci_high=np.nan, status="too_few")
    said = frame.loc[answered, "answer"].isin(favourable).astype(float)
    grouped = said.groupby(cells[answered])
    size, n = cells.groupby(cells).size() / len(frame), grouped.size()
    share = float((size * grouped.mean()).sum())
    error = float((size**2 * grouped.var() / n).sum())
    n_eff = share * (1 - share) / error if error > 0 else float(n.sum())
    low, high = intervals.wilson(share * n_eff, n_eff)
    return rows.assign(estimate=share, ci_low=float(low), ci_high=float(high))


def _cells(fine: pd.Series, coarse: pd.Series, answered: pd.Series) -> pd.Series | None:
    """The finest cells of which each has enough answers; None where even the coarsest have not."""
    for cells in (fine, coarse, coarse * 0):
        counts = answered.groupby(cells).sum()
        if len(counts) and counts.min() >= MIN_WEIGHT_CELL:
            return cells
    return None


def response_difference(
    survey: pd.DataFrame,
    cohort: pd.DataFrame,
    study: Study,
    payments: pd.DataFrame | None = None,
    municipality: Municipality | None = None,
) -> pd.DataFrame:
    """By how much those of the frame who answered differ in the registers from those who did not.

    Parameters
    ----------
    payments, municipality : for whether a household is on support as the wave ends; without them,
        or where the payments do not reach so far, that row is ``not_available``.

    Returns
    -------
    One row a wave (``period``) and outcome (dimension ``outcome``): closed to the study's first
    cause, paid in the last three months of the wave, months in the intervention. Answered − not
    answered, n both, n_events those who answered. Newcombe's and Welch's intervals.
    """
    households = survey_households(survey, cohort, study)
    frame = households.loc[households["in_frame"]] if len(households) else households
    parts = []
    for wave in study.waves:
        ours = frame.loc[frame["wave"].eq(wave.code)]
        paid = _paid_at(ours, wave, payments, municipality)
        outcomes = {
            "closed_to_cause": ours["cause"].eq(study.causes[0]).astype(float),
            "on_support": paid,
            "stay_months": ours["stay_months"],
        }
        rows = [
            _apart(values, ours["is_answered"], ours["record_key"], level)
            for level, values in outcomes.items()
        ]
        parts += [row | {"period": wave.code} for row in rows]
    rows = pd.DataFrame(parts)
    constants = {"dimension": "outcome", "group": "difference"}
    return build_results(rows, metric="response_difference", **constants)


def _paid_at(
    households: pd.DataFrame,
    wave: Wave,
    payments: pd.DataFrame | None,
    municipality: Municipality | None,
) -> pd.Series:
    """Whether each household was paid in the last months of a wave; null where that is unknown."""
    if payments is None or municipality is None:
        return pd.Series(np.nan, index=households.index)
    last = pd.Timestamp(wave.last_day).to_period("M").to_timestamp()
    at_end = households.assign(start_month=last)
    panel = support_panel(at_end, payments, municipality, (1 - MIN_PAID_MONTHS, 0))
    amounts = panel.groupby("household_id")["amount_sek"]
    is_paid = amounts.max().gt(0).astype(float).where(amounts.count().eq(MIN_PAID_MONTHS))
    return households["household_id"].map(is_paid)


def _apart(
    values: pd.Series, answered: pd.Series, keys: pd.Series, level: str
) -> dict[str, object]:
    known = values.notna()
    first, other = (
        values[known & is_in].to_numpy(dtype="float64") for is_in in (answered, ~answered)
    )
    row = {
        "level": level,
        "n": len(first) + len(other),
        "n_events": len(first),
        "key_n": keys[known].sum(),
        "key_events": keys[known & answered].sum(),
        "unit": "months" if level == "stay_months" else "share",
        "method": "welch" if level == "stay_months" else "newcombe",
        "status": "ok",
    }
    if not (len(first) and len(other)):
        return row | {"status": "too_few" if known.any() else "not_available"}
    if level == "stay_months":
        found = welch(first, other)
        low, high = found.interval()
        return row | {"estimate": found.estimate, "ci_low": low, "ci_high": high, "df": found.df}
    low, high = proportions.newcombe(first.sum(), len(first), other.sum(), len(other))
    return row | {
        "estimate": first.mean() - other.mean(),
        "ci_low": float(low),
        "ci_high": float(high),
        "df": float(min(len(first), len(other)) - 1),
    }


def fade(survey: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Whether those who closed longer ago answer less favourably.

    Returns
    -------
    One row a wave (``period``), question (``cause``) and time from the closure to the wave's end
    (dimension ``months_since_closure``): the share with a favourable answer of those who answered,
    Wilson's interval; bands of fewer than ``min_households_group`` are ``too_few``.
    ``fade_difference``: the first band − the last that is told, Newcombe's interval.
    """
    asked, questions = _answers(survey, cohort, study)
    least, favourable = study.definitions.min_households_group, study.definitions.favourable_answers
    parts = []
    for wave, question in questions:
        ours = asked.loc[asked["wave"].eq(wave) & asked["question"].eq(question)]
        said = ours.loc[ours["answer"].notna() & ours["months_since"].notna()]
        # Bands of whole months, as durations of support are: twelve and a half is the second.
        band = pd.cut(said["months_since"], [-np.inf, 12, 24, np.inf], labels=list(BANDS))
        said = said.assign(level=band.astype("str"), hit=said["answer"].isin(favourable))
        rows = share_rows(said, {"level": BANDS}, "hit").assign(group="participant")
        few = rows["n"] < least
        rows = rows.assign(
            status=np.where(few, "too_few", "ok"),
            **{name: rows[name].mask(few) for name in ("estimate", "ci_low", "ci_high")},
        )
        apart = _first_minus_last(rows.loc[~few]).assign(metric="fade_difference")
        both = pd.concat([rows.assign(metric="fade"), apart])
        parts.append(both.assign(cause=question, period=wave))
    rows = pd.concat(parts) if parts else pd.DataFrame({"metric": []})
    return build_results(rows, dimension="months_since_closure", unit="share")


def _first_minus_last(told: pd.DataFrame) -> pd.DataFrame:
    row = {"group": "difference", "method": "newcombe", "status": "ok"}
    row["level"] = f"{BANDS[0]}+{BANDS[-1]}"
    if len(told) < 2:
        return pd.DataFrame([row | {"n": int(told["n"].sum()), "status": "too_few"}])
    first, last = told.iloc[0], told.iloc[-1]
    low, high = proportions.newcombe(first["n_events"], first["n"], last["n_events"], last["n"])
    found = {
        "level": f"{first['level']}+{last['level']}",
        "estimate": first["estimate"] - last["estimate"],
        "ci_low": float(low),
        "ci_high": float(high),
        "n": first["n"] + last["n"],
        "n_events": first["n"],
        "key_n": first["key_n"] + last["key_n"],
        "key_events": first["key_n"],
        "df": float(min(first["n"], last["n"]) - 1),
    }
    return pd.DataFrame([row | found])


def survey_results(
    survey: pd.DataFrame,
    cohort: pd.DataFrame,
    study: Study,
    payments: pd.DataFrame | None = None,
    municipality: Municipality | None = None,
) -> pd.DataFrame:
    """All figures of the survey, in the order in which they are read."""
    common = (survey, cohort, study)
    return join_results(
        survey_response(*common),
        survey_answer(*common),
        response_difference(*common, payments, municipality),
        fade(*common),
    )
