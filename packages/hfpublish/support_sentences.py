"""What the report says of support: how much it changed, as a range, or that it cannot be told.

The verb follows the design's grade and the interval; too little data is told as plainly as a
result.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from hfcore.i18n.formats import number
from hfcore.i18n.texts import text
from hfcore.results import is_shown, one_row
from hfcore.study import Study
from hfpublish.evidence import FIRST_WINDOW, LEVELS, verb_level
from hfpublish.sentences import sentence


def headline(
    protected: pd.DataFrame,
    study: Study,
    municipality: str,
    language: str,
    level: str | None = None,
    window: str = FIRST_WINDOW,
) -> str:
    """The answer of the first screen: by how much support changed, as a range.

    Parameters
    ----------
    protected : protected rows of one municipality, all notebooks.
    level : what may be claimed at most (``LEVELS``); from the rows where not given.

    Returns
    -------
    A range of kronor a month, or that it is not possible to tell, and why.
    """
    return verdict_and_answer(protected, study, municipality, language, level, window)[1]


def verdict_and_answer(
    protected: pd.DataFrame,
    study: Study,
    municipality: str,
    language: str,
    level: str | None = None,
    window: str = FIRST_WINDOW,
) -> tuple[str, str]:
    """The answer in a few words, and in a sentence; parameters as for ``headline``."""
    effect = one_row(protected, "support_effect", dimension="window", level=window)
    words = names(study, municipality, language) | {"window": window_name(window, language)}
    words["yet"] = yet(study, municipality, language)
    if effect is None or effect["status"] == "not_available":
        return _told("absent", "absent", language, words)
    allowed = verb_level(protected, window)
    level = allowed if level is None else min(level, allowed, key=LEVELS.index)
    if effect["status"] == "too_few" or not is_shown(effect) or pd.isna(effect["ci_low"]):
        return _too_few(protected, effect, study, language, window, words)
    if level == "unseen":
        return _open(effect, study, language, words)
    is_less = effect["ci_high"] <= 0
    verdict = f"{level}_{'lower' if is_less else 'higher'}"
    words["range"] = range_words(effect, language)
    found = _told(verdict, level, language, words)
    more = "" if is_less else f" {sentence('headline', 'higher', language)}"
    return found[0], found[1] + more


def _told(verdict: str, key: str, language: str, words: dict[str, str]) -> tuple[str, str]:
    told = sentence("headline", key, language, **words)
    return sentence("verdicts", verdict, language, **words), _capital(told)


def _open(effect: pd.Series, study: Study, language: str, words: dict[str, str]) -> tuple[str, str]:
    """A range that holds nought: no large difference, or not possible to tell."""
    ends = (effect["ci_low"], effect["ci_high"])
    if max(abs(end) for end in ends) <= study.definitions.relevant_difference_sek:
        sizes = {
            name: number(abs(end), language)
            for name, end in zip(("low", "high"), ends, strict=True)
        }
        return _told("small", "small", language, words | sizes)
    return _told("open", "open", language, words | signed_ends(effect, language))


def _too_few(
    protected: pd.DataFrame,
    effect: pd.Series,
    study: Study,
    language: str,
    window: str,
    words: dict[str, str],
) -> tuple[str, str]:
    """Which group is too small, what the figures hold so far, and what could be seen at all."""
    n, participants = effect["n"], effect["n_events"]
    controls_are_fewer = pd.notna(n) and pd.notna(participants) and n - participants < participants
    length = "whole_year" if window == FIRST_WINDOW else "whole_two_years"
    words = words | {
        "needed": number(study.definitions.min_households_arm, language),
        "window_length": sentence("headline", length, language),
    }
    key = "few_control" if controls_are_fewer else "few_participant"
    verdict, told = _told("few", key, language, words)
    found = [told, sentence("headline", "neither", language)]
    holds_nought = is_shown(effect) and effect["ci_low"] <= 0 <= effect["ci_high"]
    if holds_nought:
        found.append(sentence("headline", "so_far", language, **signed_ends(effect, language)))
    least = one_row(protected, "detectable_difference", dimension="window", level=window)
    if is_shown(least):
        amount = number(least["estimate"], language)
        found.append(sentence("headline", "detectable", language, detectable=amount))
    return verdict, " ".join(found)


def range_words(effect: pd.Series, language: str) -> str:
    """A range on one side of nought: smaller size first, the direction once."""
    side = "lower" if effect["ci_high"] <= 0 else "higher"
    sizes = sorted(abs(effect[end]) for end in ("ci_low", "ci_high"))
    low, high = (number(each, language) for each in sizes)
    if low == high:
        return sentence("headline", f"about_{side}", language, low=low)
    if sizes[0] == 0:
        return sentence("headline", f"up_to_{side}", language, high=high)
    key = "lower" if side == "lower" else "higher_range"
    return sentence("headline", key, language, low=low, high=high)


def pooled_sentence(protected: pd.DataFrame, language: str, window: str = FIRST_WINDOW) -> str:
    """The range over all municipalities, for where one alone is too small; else empty.

    Parameters
    ----------
    protected : protected rows, among them those of ``all``.
    """
    where = {"dimension": "window", "level": window, "variant": "these"}
    effect = one_row(protected, "support_effect_pooled", **where)
    if not is_told(effect):
        return ""
    words = {"window": window_name(window, language)}
    if effect["ci_low"] <= 0 <= effect["ci_high"]:
        ends = signed_ends(effect, language)
        return sentence("headline", "pooled", language, **words, **ends)
    words["range"] = range_words(effect, language)
    return sentence("headline", "pooled_seen", language, **words)


def is_told(effect: pd.Series | None) -> bool:
    """Whether an effect has a range that may be told."""
    return is_shown(effect) and effect["status"] == "ok" and bool(pd.notna(effect["ci_low"]))


def signed_ends(effect: pd.Series, language: str) -> dict[str, str]:
    """The ends of a range in words: how many kronor lower or higher."""
    return {end: signed_end(effect[f"ci_{end}"], language) for end in ("low", "high")}


def signed_end(value: float, language: str) -> str:
    """A difference in words.

    >>> signed_end(-1200, "en"), signed_end(0, "sv")
    ('1,200 kronor lower', 'ingen skillnad')
    """
    key = "end_none" if value == 0 else "end_lower" if value < 0 else "end_higher"
    return sentence("headline", key, language, amount=number(abs(value), language))


def window_name(window: str, language: str) -> str:
    """A window of months in words: the first year.

    >>> window_name("13-24", "en")
    'the second year'
    """
    return text("windows", window, language)


def intervention(study: Study, language: str) -> str:
    """What the intervention is called in a sentence: the title without a remark in brackets."""
    return study.title[language].partition(" (")[0]


def names(study: Study, municipality: str, language: str) -> dict[str, str]:
    """What the intervention, the place and those who take part are called in a sentence."""
    return units(study, language) | {
        "intervention": intervention(study, language),
        "place": study.municipality(municipality).name,
    }


def units(study: Study, language: str) -> dict[str, str]:
    """What those who take part are called: families, households or people, as the study says.

    ``units`` for many, ``units_the`` for those spoken of, ``Units`` at the start of a sentence.
    """
    many = sentence("units", f"{study.unit}_many", language)
    the = sentence("units", f"{study.unit}_the", language)
    return {"units": many, "Units": _capital(many), "units_the": the}


def yet(study: Study, municipality: str, language: str) -> str:
    """The word for "yet" while households may still be followed for a year; else nothing."""
    last_day = study.municipality(municipality).last_day
    is_going_on = last_day + timedelta(days=365) > study.cutoff
    return sentence("verdicts", "yet", language) if is_going_on else ""


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
