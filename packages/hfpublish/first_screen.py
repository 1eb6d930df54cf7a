"""The answer that a reader meets first: what is seen, between what and what, how sure, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from hfcore.i18n.formats import day, number
from hfcore.results import is_shown, one_row
from hfcore.study import Study
from hfpublish import html_pages
from hfpublish.cost_sentences import cost_sentence
from hfpublish.evidence import FIRST_WINDOW, households, verb_level
from hfpublish.report_sentences import (
    certainty_sentence,
    conclude_sentence,
    pooled_sentence,
    tens,
    trajectory_sentence,
)
from hfpublish.sentences import sentence
from hfpublish.support_sentences import verdict_and_answer

SUPPORT, TRAJECTORIES = "30_support_costs", "10_trajectories"
RESOURCES = "50_resources"
KINDS = ("seen", "unseen", "failed", "awaited")
# The scale ends at a whole thousand beyond the range.
_STEP, _ROOM = 1000, 1.1


@dataclass(frozen=True)
class Answer:
    """What stands first about a municipality.

    ``kind`` is one of ``KINDS``; ``sentences`` begin with the finding; ``sections`` are pairs of a
    heading and its sentences; ``bar`` places the range on a scale (None where there is none);
    ``facts`` are pairs of what and how much.
    """

    kind: str
    verdict: str
    sentences: tuple[str, ...]
    sections: tuple[tuple[str, str], ...] = ()
    bar: dict[str, str] | None = None
    facts: tuple[tuple[str, str], ...] = ()

    def _repr_html_(self) -> str:
        return html_pages.fragment("answer.html.j2", answer=self)

    def __repr__(self) -> str:
        parts = (f"{heading} {told}" for heading, told in self.sections)
        return "\n".join((self.verdict, *self.sentences, *parts))


def answer(
    protected: pd.DataFrame | None,
    study: Study,
    municipality: str,
    language: str,
    missing: Sequence[str] = (),
    reach: float | None = None,
    together: pd.DataFrame | None = None,
) -> Answer:
    """The answer for one municipality, from its protected rows.

    Parameters
    ----------
    protected : rows of the municipality, all notebooks; None where there are none.
    missing : notebooks that failed: what they would have said is not spoken of.
    reach : where the scale of the bar ends, in kronor; from the range itself where not given.
    together : rows of all municipalities, whose common range is told where one alone is too small.
    """
    kind = kind_of(protected, missing)
    verdict = html_pages.texts(language)[f"verdict_{kind}"]
    if protected is None:
        return Answer(kind, verdict, ())
    found, sections, bar, facts = [], [], None, ()
    if SUPPORT not in missing:
        verdict, told = verdict_and_answer(protected, study, municipality, language)
        found.append(told)
        if kind == "unseen" and together is not None and len(study.municipalities) > 1:
            found.append(pooled_sentence(together, language))
        sections.append(("sure", certainty_sentence(protected, study, language)))
        bar = range_bar(protected, language, reach)
        facts = _facts(protected, study, language)
    if TRAJECTORIES not in missing:
        told = trajectory_sentence(protected, study, municipality, language)
        sections.append(("families", told))
    if RESOURCES not in missing and is_shown(one_row(protected, "cost_per_household")):
        sections.append(("cost", cost_sentence(protected, language)))
    if SUPPORT not in missing and bar:
        sections.append(("conclude", conclude_sentence(study, language)))
        if kind == "unseen":
            sections.append(("decide", sentence("conclude", "decide", language)))
    named = tuple((sentence("parts", key, language), told) for key, told in sections if told)
    return Answer(kind, verdict, tuple(filter(None, found)), named, bar, facts)


def kind_of(protected: pd.DataFrame | None, missing: Sequence[str] = ()) -> str:
    """Whether a difference is seen, not yet, could not be computed, or nobody asked so far."""
    if protected is None and not missing:
        return "awaited"
    if protected is None or SUPPORT in missing:
        return "failed"
    return "unseen" if verb_level(protected) == "unseen" else "seen"


def widest(protected: pd.DataFrame) -> float | None:
    """How far from no difference a municipality's range goes, in kronor; None without a range."""
    row = one_row(protected, "support_effect", dimension="window", level=FIRST_WINDOW)
    if not is_shown(row) or pd.isna(row["ci_low"]):
        return None
    return float(max(abs(row["ci_low"]), abs(row["ci_high"])))


def range_bar(
    protected: pd.DataFrame, language: str, reach: float | None = None
) -> dict[str, str] | None:
    """Where the range lies on a scale around no difference, in percent of its width."""
    own = widest(protected)
    if own is None:
        return None
    row = one_row(protected, "support_effect", dimension="window", level=FIRST_WINDOW)
    end = -(-max(own, reach or 0.0) * _ROOM // _STEP) * _STEP or _STEP
    left, right = ((row[name] + end) / (2 * end) * 100 for name in ("ci_low", "ci_high"))
    words = {"amount": number(end, language)}
    return {
        "left": f"{left:.1f}",
        "width": f"{max(right - left, 0.6):.1f}",
        "least": sentence("bar", "least", language, **words),
        "none": sentence("bar", "none", language),
        "most": sentence("bar", "most", language, **words),
    }


def _facts(protected: pd.DataFrame, study: Study, language: str) -> tuple[tuple[str, str], ...]:
    """How many took part, how many they are compared with, how strong that is, until when."""
    counts = {group: households(protected, group) for group in ("participant", "control")}
    found = [
        (sentence("facts", group, language), tens(count, language))
        for group, count in counts.items()
        if count is not None
    ]
    grade = one_row(protected, "design_grade")
    if is_shown(grade):
        value = sentence("facts", "of_five", language, grade=number(grade["estimate"], language))
        found.append((sentence("facts", "grade", language), value))
    return (*found, (sentence("facts", "cutoff", language), day(study.cutoff, language)))
