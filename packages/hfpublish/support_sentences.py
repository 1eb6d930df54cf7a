"""What the report says of support: how much it changed, as a range, or that it cannot be seen.

The verb follows the design's grade and the interval; too little data is told as plainly as a
result.
"""

from __future__ import annotations

import pandas as pd

from hfcore.i18n.formats import number, signed_money
from hfcore.i18n.texts import text
from hfcore.results import is_shown, one_row
from hfcore.study import Study
from hfpublish.evidence import FIRST_WINDOW, LEVELS, households, verb_level
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
    One sentence: a range of kronor a month, or that it cannot be seen yet, with the smallest
    difference that could be.
    """
    effect = one_row(protected, "support_effect", dimension="window", level=window)
    words = names(study, municipality, language)
    if effect is None or effect["status"] == "not_available":
        return sentence("headline", "absent", language, **words)
    allowed = verb_level(protected, window)
    level = allowed if level is None else min(level, allowed, key=LEVELS.index)
    words["window"] = window_name(window, language)
    if level == "unseen":
        return _unseen(protected, effect, language, window, words)
    return _capital(
        sentence("headline", level, language, **words, **_range_words(effect, language))
    )


def _range_words(effect: pd.Series, language: str) -> dict[str, str]:
    """The range as sizes, smaller end first, and whether it is less or more."""
    is_less = effect["ci_high"] <= 0
    ends = sorted(abs(effect[end]) for end in ("ci_low", "ci_high"))
    low, high = (number(end, language) for end in ends)
    same = "exactly" if low == high else "between"
    return {
        "range": sentence("headline", same, language, low=low, high=high),
        "direction": text("words", "less" if is_less else "more", language),
    }


def _unseen(
    protected: pd.DataFrame, effect: pd.Series, language: str, window: str, words: dict[str, str]
) -> str:
    if is_told(effect) and effect["ci_low"] <= 0 <= effect["ci_high"]:
        return sentence(
            "headline", "unseen_open", language, **words, **signed_ends(effect, language)
        )
    least = one_row(protected, "detectable_difference", dimension="window", level=window)
    n = households(protected)
    if is_shown(least) and n:
        counts = {"n": number(n, language), "detectable": number(least["estimate"], language)}
        return sentence("headline", "unseen_few", language, **words, **counts)
    return sentence("headline", "unseen_none", language, **words)


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
    words = signed_ends(effect, language) | {"window": window_name(window, language)}
    return sentence("headline", "pooled", language, **words)


def is_told(effect: pd.Series | None) -> bool:
    """Whether an effect has a range that may be told."""
    return is_shown(effect) and effect["status"] == "ok" and bool(pd.notna(effect["ci_low"]))


def signed_ends(effect: pd.Series, language: str) -> dict[str, str]:
    """The ends of a range in words: how many kronor less or more."""
    return {end: signed_money(effect[f"ci_{end}"], language) for end in ("low", "high")}


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
    """What the intervention and the place are called in a sentence."""
    return {
        "intervention": intervention(study, language),
        "place": study.municipality(municipality).name,
    }


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
