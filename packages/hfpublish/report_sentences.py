"""The sentences of the report, each made from protected rows by a rule.

A sentence never says more than its row: the verb follows the design's grade and the interval, and
too little data is told as plainly as a result.
"""

from __future__ import annotations

import pandas as pd

from hfcore.i18n.formats import day, joined, label, number, percentage_points
from hfcore.metrics.plans_over_time import pair_level, point_pairs
from hfcore.results import is_shown, one_row, rows_of
from hfcore.schema import GROUPS
from hfcore.study import Study
from hfpublish import support_sentences
from hfpublish.earlier_reports import fair_times as fair_times
from hfpublish.earlier_reports import naive_sentences as naive_sentences
from hfpublish.earlier_reports import queue_sentence as queue_sentence
from hfpublish.evidence import FIRST_WINDOW, FIRST_YEAR, LATER_WINDOW, households
from hfpublish.sentences import sentence
from hfpublish.support_sentences import intervention, names

# Notebooks and pages find every sentence here.
headline, pooled_sentence = support_sentences.headline, support_sentences.pooled_sentence

FEW_HOUSEHOLDS, MANY_HOUSEHOLDS = 50, 600
# In the programme: below it a difference that shows is told to be often exaggerated.
SMALL_GROUP = 100
LEAST_TOTAL = 0.9
EXACT_UNDER = 20
# Ways of counting that are meant as answers; the others are shown because readers know them.
HONEST_CHOICES = (
    "unadjusted",
    "base_early",
    "base_last_quarter",
    "base_first_year",
    "with_moves",
    "winsorised",
    "fixed_prices",
    "one_month",
    "entropy_balanced",
    "matched_pairs",
)


def trajectory_sentence(
    protected: pd.DataFrame,
    study: Study,
    municipality: str,
    language: str,
    cause: str = "",
    month: int = FIRST_YEAR,
) -> str:
    """Of 100 families, how many had ended for a cause after some months, and how many remain.

    The first declared cause where none is given. How many remain is told only where the printed
    shares of all causes and of those remaining add up to nearly all.
    """
    cause = cause or study.causes[0]
    here = {"group": "participant", "month": month, "dimension": ""}
    row = one_row(protected, "cumulative_incidence", cause=cause, **here)
    words = names(study, municipality, language) | {"cause": label("causes", cause, language)}
    if not is_shown(row):
        return sentence("trajectory", "few", language, **words)
    hundred = _of_hundred(row)
    words["n"] = tens(households(protected) or 0, language)
    # A printed nought may be up to three families; of very many, three are still below a percent.
    few = "hardly_any" if pd.isna(row["n"]) or row["n"] >= MANY_HOUSEHOLDS else "hardly"
    key = "shown" if hundred["count"] else few
    shown = sentence("trajectory", key, language, **words, month=month, **hundred)
    still = one_row(protected, "still_in_intervention", **here)
    if not is_shown(still) or not _adds_up(protected, study, still, here):
        return shown
    count = _hundred(still["estimate"])
    key = "still" if count else "still_few"
    return f"{shown} {sentence('trajectory', key, language, count=count)}"


def _adds_up(protected: pd.DataFrame, study: Study, still: pd.Series, here: dict) -> bool:
    """Whether the printed parts are between 90 and 100 of a hundred together."""
    parts = [
        one_row(protected, "cumulative_incidence", cause=each, **here) for each in study.causes
    ]
    if not all(is_shown(each) for each in parts):
        return False
    total = sum(each["estimate"] for each in parts) + still["estimate"]
    return bool(LEAST_TOTAL - 1e-9 <= total <= 1 + 1e-9)


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


def certainty_sentence(
    protected: pd.DataFrame, study: Study, language: str, municipality: str = ""
) -> str:
    """How sure the answer is and why: households, strength, choices, drift, chance."""
    n = households(protected)
    if n is None:
        return sentence("certainty", "unknown", language)
    effect = one_row(protected, "support_effect", dimension="window", level=FIRST_WINDOW)
    if not is_shown(effect) or effect["status"] != "ok":
        return sentence("certainty", "took_part", language, n=tens(n, language))
    found = [sentence("certainty", "base", language, base=_base(effect, n, language))]
    grade = one_row(protected, "design_grade")
    if is_shown(grade):
        shown = number(grade["estimate"], language)
        meaning = sentence("grades", shown, language)
        found.append(sentence("certainty", "grade", language, grade=shown, meaning=meaning))
    found += [_before_start(protected, language), _choices(protected, effect, language)]
    if effect["ci_low"] > 0 or effect["ci_high"] < 0:
        found.append(_drift(protected, language))
        if pd.notna(effect["n_events"]) and effect["n_events"] < SMALL_GROUP:
            found.append(sentence("certainty", "exaggerated", language))
    found.append(_total(protected, study, language))
    found.append(sentence("certainty", "repeated", language))
    if len(study.municipalities) == 1:
        place = study.municipalities[0].name
        found.append(sentence("certainty", "one_place", language, place=place))
    return " ".join(filter(None, found))


def _base(effect: pd.Series, n: int, language: str) -> str:
    """How many households an effect rests on: those in its window of all that took part."""
    counts = {"n": tens(n, language)}
    if pd.isna(effect["n_events"]) or effect["n_events"] >= n:
        return sentence("certainty", "base_all", language, **counts)
    counts["part"] = tens(effect["n_events"], language)
    return sentence("certainty", "base_part", language, **counts)


def tens(count: float, language: str) -> str:
    """A count in running text, in tens from twenty on: it was moved by chance anyway.

    >>> tens(121, "en"), tens(9, "sv")
    ('120', '9')
    """
    return number(round(count, -1) if count >= EXACT_UNDER else count, language)


def _before_start(protected: pd.DataFrame, language: str) -> str:
    """By how much mean support differed in the year before the start, to whole hundreds."""
    means = rows_of(protected, "support_mean", variant="default")
    year = means.loc[means["month"].between(-FIRST_YEAR, -1) & means["estimate"].notna()]
    by_group = year.groupby("group")["estimate"].mean()
    if not set(GROUPS) <= set(by_group.index):
        return ""
    gap = round(abs(by_group["participant"] - by_group["control"]), -2)
    return sentence("certainty", "before", language, amount=number(gap, language)) if gap else ""


def _choices(protected: pd.DataFrame, effect: pd.Series, language: str) -> str:
    """In how many of the ways of counting that are meant as answers the answer is the same."""
    here = {"level": FIRST_WINDOW, "variant": list(HONEST_CHOICES)}
    rows = rows_of(protected, "support_effect_sensitivity", **here)
    tried = rows.loc[rows["ci_low"].notna()]
    if tried.empty:
        return ""
    same = _sides(tried["ci_low"], tried["ci_high"]).eq(_side(effect["ci_low"], effect["ci_high"]))
    k, n = int(same.sum()), len(tried)
    words = {"k": number(k, language), "n": number(n, language)}
    if k == n:
        return sentence("certainty", "all_agree", language, **words)
    if 2 * k <= n:
        return sentence("certainty", "few_agree", language, **words)
    others = [label("variants", each, language) for each in tried.loc[~same, "variant"]]
    return sentence("certainty", "some_agree", language, names=joined(others, language), **words)


def _sides(low: pd.Series, high: pd.Series) -> pd.Series:
    return low.gt(0).astype(int) - high.lt(0).astype(int)


def _side(low: float, high: float) -> int:
    return int(low > 0) - int(high < 0)


def _drift(protected: pd.DataFrame, language: str) -> str:
    """How much drift the answer bears beside how much there was before the start."""
    here = {"dimension": "window", "level": FIRST_WINDOW}
    found = {
        name: one_row(protected, "support_drift_bound", variant=variant, **here)
        for name, variant in (("breakdown", "breakdown"), ("drift", "largest_drift"))
    }
    if not all(is_shown(each) for each in found.values()):
        return ""
    words = {name: number(each["estimate"], language) for name, each in found.items()}
    return sentence("certainty", "drift", language, **words)


def _total(protected: pd.DataFrame, study: Study, language: str) -> str:
    """The difference in kronor for all families in the first year, as a range."""
    row = one_row(protected, "support_total", dimension="window", level=FIRST_WINDOW)
    if not is_shown(row) or row["status"] != "ok" or pd.isna(row["ci_low"]):
        return ""
    row = pd.Series({end: round(row[end], -4) for end in ("ci_low", "ci_high")})
    if row["ci_low"] <= 0 <= row["ci_high"]:
        ends = support_sentences.signed_ends(row, language)
        told = sentence("together", "from_to", language, **ends)
    else:
        told = support_sentences.range_words(row, language)
    words = support_sentences.units(study, language) | {"range": told}
    return sentence("certainty", "total", language, **words)


def conclude_sentence(study: Study, language: str) -> str:
    """What the answer is not."""
    return sentence("conclude", "not", language, **support_sentences.units(study, language))


def section(key: str, body: str, language: str) -> str:
    """A heading and what stands below it, in Markdown; nothing where there is nothing to say."""
    return f"## {sentence('parts', key, language)}\n\n{body}" if body else ""


def limits(protected: pd.DataFrame, study: Study, language: str) -> list[str]:
    """What the figures cannot tell, as sentences."""
    n = households(protected)
    has_effect = is_shown(
        one_row(protected, "support_effect", dimension="window", level=FIRST_WINDOW)
    )
    keys = ["not_randomised", "peak"] if has_effect else []
    has_support = not rows_of(protected, "support_mean").empty
    keys += ["support_is_not_welfare", "current_prices"] if has_support else []
    later = one_row(protected, "support_effect", dimension="window", level=LATER_WINDOW)
    keys += ["second_year"] if is_shown(later) else []
    keys += ["few_households"] if n is None or n < FEW_HOUSEHOLDS else []
    words = support_sentences.units(study, language)
    found = [sentence("limits", key, language, **words) for key in keys]
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
