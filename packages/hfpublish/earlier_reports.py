"""The figures of the old reports beside the fair ones, in sentences; ``wording`` passes them on."""

from __future__ import annotations

import pandas as pd

from hfcore.i18n.formats import label, months, quantity
from hfcore.results import is_shown, one_row, rows_of
from hfcore.study import Study
from hfpublish.evidence import FIRST_YEAR
from hfpublish.sentences import sentence
from hfpublish.support_sentences import is_told, signed_end, signed_ends, units, window_name

BOTH_YEARS = "1-24"


def naive_sentences(
    protected: pd.DataFrame,
    study: Study,
    language: str,
    cause: str = "",
    month: int = FIRST_YEAR,
) -> list[str]:
    """The figures of the old reports beside the fair ones, and why they differ.

    One sentence for each pair of which both are shown: shares, times, support. None where the
    study has no earlier reports.
    """
    if not study.has_earlier_reports:
        return []
    cause, found, who = cause or study.causes[0], [], units(study, language)
    here = {"group": "participant", "dimension": "", "cause": cause}
    naive = one_row(protected, "closure_share_naive", **here)
    honest = one_row(protected, "cumulative_incidence", month=month, **here)
    if is_shown(naive) and is_shown(honest) and honest["estimate"] > 0:
        key = "closed_larger" if naive["estimate"] > honest["estimate"] else "closed_smaller"
        pair = {
            "naive": quantity(naive["estimate"], "share", language),
            "honest": quantity(honest["estimate"], "share", language),
        }
        names = {"cause": label("causes", cause, language), "month": month}
        found.append(sentence("naive", key, language, **pair, **names, **who))
    time = one_row(protected, "closure_time_naive", cause="", dimension="")
    if is_shown(time):
        words = who | {"naive": months(time["estimate"], language)}
        found.append(sentence("naive", "times", language, **words))
    both_years = {"dimension": "window", "level": BOTH_YEARS}
    plain = one_row(protected, "support_difference_naive", **both_years)
    fair = one_row(protected, "support_effect", **both_years)
    if is_shown(plain) and is_told(fair):
        words = {"naive": signed_end(plain["estimate"], language)}
        words |= signed_ends(fair, language) | {"window": window_name(BOTH_YEARS, language)}
        found.append(sentence("naive", "support", language, **words))
    return found


def fair_times(protected: pd.DataFrame, language: str) -> list[str]:
    """The mean time within the longest period that the data reach, as a sentence; or nothing.

    It stands beside the mean time of the closed: it counts those that still take part.
    """
    rows = rows_of(protected, "restricted_mean", group="participant", dimension="")
    shown = rows.loc[rows["estimate"].notna()].sort_values("month")
    if shown.empty:
        return []
    last = shown.iloc[-1]
    words = {"honest": months(last["estimate"], language), "month": int(last["month"])}
    return [sentence("naive", "times_within", language, **words)]


def queue_sentence(rows: pd.DataFrame, language: str) -> str:
    """The mean wait of those who started beside the one that counts those still waiting.

    Empty where either is not shown.
    """
    naive = one_row(rows, "queue_wait", group="participant")
    honest = one_row(rows, "queue_restricted_mean", group="participant")
    if not (is_shown(naive) and is_shown(honest)):
        return ""
    waits = {"naive": naive, "honest": honest}
    words = {name: months(round(row["estimate"], 1), language) for name, row in waits.items()}
    key = "queue_all" if naive["n"] == honest["n"] else "queue_waiting"
    return sentence("naive", key, language, month=int(honest["month"]), **words)
