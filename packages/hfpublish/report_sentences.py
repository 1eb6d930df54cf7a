"""The sentences of the report, each made from protected rows by a rule.

A sentence never says more than its row: the verb follows the design's grade and the interval, and
too little data is told as plainly as a result.
"""

from __future__ import annotations

import pandas as pd

from hfcore.i18n.formats import day, label, number, percentage_points
from hfcore.metrics.plans_over_time import pair_level, point_pairs
from hfcore.results import is_shown, one_row, rows_of
from hfcore.schema import GROUPS
from hfcore.study import Study
from hfpublish import support_sentences
from hfpublish.earlier_reports import fair_times as fair_times
from hfpublish.earlier_reports import naive_sentences as naive_sentences
from hfpublish.earlier_reports import queue_sentence as queue_sentence
from hfpublish.evidence import FIRST_WINDOW, FIRST_YEAR, HEADLINE_CAUSE, LATER_WINDOW, households
from hfpublish.sentences import sentence
from hfpublish.support_sentences import intervention, names, signed_ends

# Notebooks and pages find every sentence here.
headline, pooled_sentence = support_sentences.headline, support_sentences.pooled_sentence

FEW_HOUSEHOLDS, MANY_HOUSEHOLDS = 50, 600


def trajectory_sentence(
    protected: pd.DataFrame,
    study: Study,
    municipality: str,
    language: str,
    cause: str = HEADLINE_CAUSE,
    month: int = FIRST_YEAR,
) -> str:
    """Of 100 families, how many had left for a cause after some months, and how many remain."""
    here = {"group": "participant", "month": month, "dimension": ""}
    row = one_row(protected, "cumulative_incidence", cause=cause, **here)
    words = names(study, municipality, language) | {"cause": label("causes", cause, language)}
    if not is_shown(row):
        return sentence("trajectory", "few", language, **words)
    hundred = _of_hundred(row)
    # A printed nought may be up to three families; of very many, three are still below a percent.
    few = "hardly_any" if pd.isna(row["n"]) or row["n"] >= MANY_HOUSEHOLDS else "hardly"
    key = "shown" if hundred["count"] else few
    shown = sentence("trajectory", key, language, **words, month=month, **hundred)
    still = one_row(protected, "still_in_intervention", **here)
    if not is_shown(still):
        return shown
    count = _hundred(still["estimate"])
    key = "still" if count else "still_few"
    return f"{shown} {sentence('trajectory', key, language, count=count)}"


def _of_hundred(row: pd.Series) -> dict[str, int]:
    ends = {"low": row["ci_low"], "high": row["ci_high"]}
    known = {name: row["estimate"] if pd.isna(end) else end for name, end in ends.items()}
    return {"count": _hundred(row["estimate"])} | {n: _hundred(e) for n, e in known.items()}


def _hundred(share: float) -> int:
    return round(share * 100)


def planning_sentence(protected: pd.DataFrame, study: Study, language: str, month: int = 6) -> str:
    """Of 100 adults, how many have another plan after some months, in both groups."""
    if rows_of(protected, "plan_changed").empty:
        return sentence("planning", "absent", language)
    groups = {
        f"{group}s": one_row(protected, "plan_changed", group=group, month=month, dimension="")
        for group in GROUPS
    }
    if not is_shown(groups["participants"]):
        return sentence("planning", "few", language)
    counts = {name: _hundred(row["estimate"]) for name, row in groups.items() if is_shown(row)}
    words = {"month": month, "intervention": intervention(study, language)} | counts
    difference = one_row(protected, "plan_changed_difference", month=month, dimension="")
    if not is_shown(groups["controls"]) or not is_shown(difference):
        return sentence("planning", "alone", language, **words)
    ends = [difference["ci_low"], difference["ci_high"]]
    is_clear = ends[0] > 0 or ends[1] < 0
    low, high = (percentage_points(end, language) for end in ends)
    return sentence(
        "planning", "differs" if is_clear else "unclear", language, low=low, high=high, **words
    )


def later_sentence(protected: pd.DataFrame, study: Study, language: str) -> str:
    """Whether more of the same adults had another plan at the last point than at the first.

    Of the points between which it is shown the two furthest apart; empty where it is for none.
    """
    rows = rows_of(protected, "plan_changed_over_time", group="participant")
    shown = rows.loc[rows["estimate"].notna() & rows["ci_low"].notna()]
    if shown.empty:
        return ""
    pairs = {pair_level(pair): pair for pair in point_pairs(study)}
    first, last = max(
        (pairs[level] for level in shown["level"]), key=lambda each: each[1] - each[0]
    )
    level = pair_level((first, last))
    row = shown.loc[shown["level"].eq(level)].iloc[0]
    ends = [row["ci_low"], row["ci_high"]]
    key = "more_later" if ends[0] > 0 else "fewer_later" if ends[1] < 0 else "same_later"
    if key == "fewer_later":
        ends = [-ends[1], -ends[0]]
    said = sentence("planning", key, language, first=first, last=last, **_points_of(ends, language))
    control = one_row(protected, "plan_changed_over_time", group="control", level=level)
    if not is_shown(control) or pd.isna(control["ci_low"]):
        return said
    ends = [control["ci_low"], control["ci_high"]]
    return (
        f"{said} {sentence('planning', 'controls_later', language, **_points_of(ends, language))}"
    )


def _points_of(ends: list[float], language: str) -> dict[str, str]:
    return {
        name: percentage_points(end, language)
        for name, end in zip(("low", "high"), ends, strict=True)
    }


def certainty_sentence(protected: pd.DataFrame, study: Study, language: str) -> str:
    """How sure the answer is and why: how many households, and how strong the comparison."""
    n = households(protected)
    if n is None:
        return sentence("certainty", "unknown", language)
    effect = one_row(protected, "support_effect", dimension="window", level=FIRST_WINDOW)
    if not is_shown(effect) or effect["status"] != "ok":
        return _why_unseen(effect, n, study, language)
    base = sentence("certainty", "base", language, base=_base(effect, n, language))
    grade = one_row(protected, "design_grade")
    if is_shown(grade):
        shown = number(grade["estimate"], language)
        meaning = sentence("grades", shown, language)
        base = f"{base} {sentence('certainty', 'grade', language, grade=shown, meaning=meaning)}"
    return f"{base} {sentence('certainty', 'repeated', language)}"


def _base(effect: pd.Series, n: int, language: str) -> str:
    """How many households an effect rests on: those in its window of all that took part."""
    counts = {"n": number(n, language)}
    if pd.isna(effect["n_events"]) or effect["n_events"] >= n:
        return sentence("certainty", "base_all", language, **counts)
    counts["part"] = number(effect["n_events"], language)
    return sentence("certainty", "base_part", language, **counts)


def _why_unseen(effect: pd.Series | None, n: int, study: Study, language: str) -> str:
    """Why there is no answer, and what the figures hold so far."""
    counts = {"n": n, "needed": study.definitions.min_households_arm}
    shown = {name: number(count, language) for name, count in counts.items()}
    is_absent = effect is None or effect["status"] == "not_available"
    why = sentence("certainty", "took_part" if is_absent else "few", language, **shown)
    if not is_shown(effect) or pd.isna(effect["ci_low"]):
        return why
    ends = signed_ends(effect, language)
    return f"{why} {sentence('certainty', 'so_far', language, **ends)}"


def limits(protected: pd.DataFrame, study: Study, language: str) -> list[str]:
    """What the figures cannot tell, as sentences."""
    n = households(protected)
    keys = ["not_randomised", "peak", "support_is_not_welfare", "current_prices"]
    later = one_row(protected, "support_effect", dimension="window", level=LATER_WINDOW)
    keys += ["second_year"] if is_shown(later) else []
    keys += ["few_households"] if n is None or n < FEW_HOUSEHOLDS else []
    found = [sentence("limits", key, language) for key in keys]
    return [
        *found,
        sentence("limits", "after_cutoff", language, cutoff=day(study.cutoff, language)),
    ]


def report_title(study: Study, municipality: str, language: str) -> str:
    """The question of a report, with the place it is asked of."""
    return sentence("report", "title", language, **names(study, municipality, language))


def caption_of_people(language: str) -> str:
    """What the table of households and persons shows."""
    return sentence("report", "people", language)
