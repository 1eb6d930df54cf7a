"""Sentences on whom a programme reaches, how it was carried out and what families say of it."""

from __future__ import annotations

import pandas as pd

from hfcore.i18n.formats import label, months, number, percent
from hfcore.results import is_shown, one_row
from hfcore.study import Study
from hfpublish.sentences import sentence


def experience_sentence(protected: pd.DataFrame, language: str) -> str:
    """Of how many families the answers are known, and what those who answered said."""
    answered = one_row(protected, "survey_response", dimension="of", level="contacted")
    of_frame = one_row(protected, "survey_response", dimension="of", level="frame")
    if answered is None:
        return sentence("experience", "absent", language)
    if not (is_shown(answered) and is_shown(of_frame)):
        return sentence("experience", "few", language)
    words = {"contacted": answered, "frame": of_frame}
    shares = {name: percent(row["estimate"], language) for name, row in words.items()}
    return sentence("experience", "response", language, **shares)


def answer_sentences(protected: pd.DataFrame, language: str) -> list[str]:
    """For each question the share with a favourable answer, and its ends for everybody."""
    rows = protected.loc[protected["metric"].eq("survey_answer")]
    said = []
    for question in dict.fromkeys(rows["cause"]):
        ours = rows.loc[rows["cause"].eq(question)]
        own = one_row(ours, "survey_answer", variant="favourable")
        ends = one_row(ours, "survey_answer", variant="bounds_frame")
        name = label("causes", question, language)
        if not is_shown(own):
            said.append(sentence("experience", "few_answers", language, question=name))
            continue
        words = {"share": percent(own["estimate"], language), "question": name}
        if is_shown(ends) and pd.notna(ends["ci_low"]):
            span = {
                "low": number(ends["ci_low"] * 100, language),
                "high": number(ends["ci_high"] * 100, language),
            }
            said.append(sentence("experience", "answer", language, **words, **span))
    return said


def unlike_sentence(protected: pd.DataFrame, language: str) -> str:
    """Whether those who answered are seen to differ in the registers from those who did not."""
    rows = protected.loc[protected["metric"].eq("response_difference")]
    shown = rows.loc[rows["ci_low"].notna()]
    if shown.empty:
        return sentence("experience", "unlike_unknown", language)
    differs = shown["ci_low"].gt(0) | shown["ci_high"].lt(0)
    return sentence("experience", "unlike" if differs.any() else "alike", language)


def target_group_sentence(protected: pd.DataFrame, language: str) -> str:
    """Who belongs to the target group, and whom nothing meets and why, as far as it is told."""
    said = [*_eligible_words(protected, language), *_unmet_words(protected, language)]
    metrics = ["eligible_share", "no_measure"]
    if not said:
        is_known = protected["metric"].isin(metrics) & protected["status"].ne("not_available")
        return sentence("target_group", "few" if is_known.any() else "absent", language)
    return " ".join(said)


def _eligible_words(protected: pd.DataFrame, language: str) -> list[str]:
    row = one_row(protected, "eligible_share")
    if not is_shown(row):
        return []
    return [
        sentence("target_group", "eligible", language, share=percent(row["estimate"], language))
    ]


def _unmet_words(protected: pd.DataFrame, language: str) -> list[str]:
    whole = one_row(protected, "no_measure")
    if not is_shown(whole):
        return []
    words = {"n": number(whole["n"], language), "share": percent(whole["estimate"], language)}
    said = [sentence("target_group", "shut_out", language, **words)]
    for metric, key in (("sole_obstacle", "sole"), ("opened_by", "opened")):
        rows = protected.loc[protected["metric"].eq(metric) & protected["estimate"].gt(0)]
        if len(rows):
            most = rows.sort_values("estimate", kind="stable").iloc[-1]
            rule = label("causes", most["cause"], language)
            share = percent(most["estimate"], language)
            said.append(sentence("target_group", key, language, rule=rule, share=share))
    return said


def queue_sentence(protected: pd.DataFrame, language: str) -> str:
    """How many wait as the data end, and whether the queue empties; empty where it is not told."""
    lengths = protected.loc[protected["metric"].eq("queue_length") & protected["estimate"].notna()]
    if lengths.empty:
        return ""
    last = lengths.sort_values("period", kind="stable").iloc[-1]
    if not last["estimate"]:
        return sentence("target_group", "queue_empty", language)
    forecast = one_row(protected, "queue_forecast")
    n = number(last["estimate"], language)
    if not is_shown(forecast):
        return sentence("target_group", "queue_open", language, n=n)
    told = months(round(forecast["estimate"]), language)
    return sentence("target_group", "queue_empties", language, n=n, months=told)


def collaboration_sentence(protected: pd.DataFrame, study: Study, language: str) -> str:
    """How often families were followed up, who has no record, and how soon health care came in."""
    row = one_row(protected, "followup_on_time", dimension="")
    if row is None:
        return sentence("collaboration", "absent", language)
    if not is_shown(row):
        return sentence("collaboration", "few", language)
    days = study.definitions.followup_interval_days
    words = {"days": days, "share": percent(row["estimate"], language)}
    key = "on_time_plain"
    if pd.notna(row["ci_low"]):
        ends = {"low": row["ci_low"], "high": row["ci_high"]}
        words |= {name: number(end * 100, language) for name, end in ends.items()}
        key = "on_time"
    said = [sentence("collaboration", key, language, **words)]
    lacking = one_row(protected, "longest_gap", level="no_record")
    if is_shown(lacking):
        share = percent(lacking["estimate"], language)
        said.append(sentence("collaboration", "no_record", language, share=share))
    month = study.definitions.reactivation_window_months
    care = one_row(protected, "first_care_contact", month=month)
    if is_shown(care):
        share = percent(care["estimate"], language)
        said.append(sentence("collaboration", "care", language, share=share, month=month))
    return " ".join(said)


def principles_sentence(protected: pd.DataFrame, language: str) -> str:
    """How the raters see the principles followed; empty where nobody rated them."""
    row = one_row(protected, "adherence", cause="followed")
    if not is_shown(row):
        return ""
    share = percent(row["estimate"], language)
    return sentence("collaboration", "principles", language, share=share)


def theory_sentence(rows: pd.DataFrame, language: str) -> str:
    """How many steps of the theory moved as expected and how many nothing measures."""
    words = rows.loc[rows["metric"].eq("theory_status"), "cause"]
    if words.empty:
        return ""
    keys = {"seen": "as_expected", "unseen": "unseen", "against": "against", "told": "told"}
    counts = {name: number(int(words.eq(word).sum()), language) for name, word in keys.items()}
    none = number(int(words.eq("no_indicator").sum()), language)
    n = number(len(words), language)
    return sentence("collaboration", "theory", language, n=n, none=none, **counts)
