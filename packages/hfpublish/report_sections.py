"""Sections of a report that stand only where a study has data for them."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from IPython.display import Markdown, display
from matplotlib.axes import Axes

from hfcore import figures
from hfcore.i18n.texts import text
from hfcore.metrics import theory_status
from hfcore.study import Study
from hfpublish import pictures
from hfpublish import practice_sentences as practice
from hfpublish.sentences import sentence

Plot = Callable[[pd.DataFrame, str], Axes]
TARGET_GROUP = ("eligible_share", "no_measure", "queue_length", "obstacle_share")
COLLABORATION = ("followup_on_time", "meeting_on_schedule", "fidelity_rating")
EXPERIENCE = ("survey_response",)


def show_target_group(protected: pd.DataFrame, language: str) -> None:
    """Who belongs to the target group, who waits, and what shuts people out of every measure."""
    if not _has(protected, TARGET_GROUP):
        return
    said = [practice.target_group_sentence(protected, language)]
    said.append(practice.queue_sentence(protected, language))
    _show_words("target_group", said, language)
    obstacles = protected.loc[protected["metric"].eq("obstacle_share")]
    _show(figures.plot_parts, obstacles, language)
    _show(figures.plot_parts, protected.loc[protected["metric"].eq("sole_obstacle")], language)
    display(Markdown(sentence("target_group", "limit", language)))


def show_collaboration(protected: pd.DataFrame, study: Study, language: str) -> None:
    """How often families were followed up, how principles were rated, and the theory's steps."""
    if not _has(protected, COLLABORATION):
        return
    steps = theory_status(study, protected)
    said = [practice.collaboration_sentence(protected, study, language)]
    said.append(practice.principles_sentence(protected, language))
    said.append(practice.theory_sentence(steps, language))
    _show_words("collaboration", said, language)
    _show(figures.plot_parts, protected.loc[protected["metric"].eq("longest_gap")], language)
    ratings = protected.loc[protected["metric"].eq("fidelity_rating")]
    _show(figures.plot_principles, ratings, language)
    if len(steps):
        ax = figures.plot_theory(steps, study, language)
        display(pictures.picture(ax, steps, language, has_table=False))
    display(Markdown(sentence("collaboration", "limit", language)))


def show_experience(protected: pd.DataFrame, language: str) -> None:
    """How many families answered, what they said, and what that can be for all."""
    if not _has(protected, EXPERIENCE):
        return
    said = [practice.experience_sentence(protected, language)]
    said += practice.answer_sentences(protected, language)
    said.append(practice.unlike_sentence(protected, language))
    _show_words("experience", said, language)
    answers = protected["metric"].eq("survey_answer") & protected["variant"].eq("bounds_frame")
    _show(figures.plot_answers, protected.loc[answers], language)
    display(Markdown(sentence("experience", "limit", language)))


def _has(protected: pd.DataFrame, metrics: tuple[str, ...]) -> bool:
    rows = protected.loc[protected["metric"].isin(metrics)]
    return bool(rows["status"].isin(["ok", "too_few"]).any())


def _show_words(section: str, said: list[str], language: str) -> None:
    display(Markdown(f"## {sentence(section, 'heading', language)}"))
    display(Markdown("\n\n".join(filter(None, said))))


def _show(plot: Plot, rows: pd.DataFrame, language: str) -> None:
    """A figure of the rows, where any of them has something to show."""
    if rows["estimate"].notna().any():
        display(pictures.picture(plot(rows, language), rows, language))


def missing_sections(protected: pd.DataFrame, language: str) -> list[str]:
    """The questions that a study has no data for, as their headings."""
    sections = {
        "target_group": TARGET_GROUP,
        "collaboration": COLLABORATION,
        "experience": EXPERIENCE,
    }
    lacking = [name for name, metrics in sections.items() if not _has(protected, metrics)]
    absent = text("statuses", "not_available", language)
    return [f"{sentence(name, 'heading', language)} ({absent})" for name in lacking]
