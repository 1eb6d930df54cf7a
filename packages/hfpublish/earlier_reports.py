"""The figures of the old reports beside the fair ones, in sentences; ``wording`` passes them on."""

from __future__ import annotations

import pandas as pd

from hfcore.i18n.formats import label, months, quantity, signed_money
from hfcore.results import is_shown, one_row, rows_of
from hfpublish.evidence import FIRST_YEAR, HEADLINE_CAUSE
from hfpublish.sentences import sentence
from hfpublish.support_sentences import is_told, signed_ends, window_name

BOTH_YEARS = "1-24"


def naive_sentences(
    protected: pd.DataFrame,
    language: str,
    cause: str = HEADLINE_CAUSE,
    month: int = FIRST_YEAR,
) -> list[str]:
    """The figures of the old reports beside the fair ones, and why they differ.

    One sentence for each pair of which both are shown: shares, times, support.
    """
    found = []
    here = {"group": "participant", "dimension": "", "cause": cause}
    naive = one_row(protected, "closure_share_naive", **here)
    honest = one_row(protected, "cumulative_incidence", month=month, **here)
    if is_shown(naive) and is_shown(honest):
        key = "closed_larger" if naive["estimate"] > honest["estimate"] else "closed_smaller"
        pair = {
            "naive": quantity(naive["estimate"], "share", language),
            "honest": quantity(honest["estimate"], "share", language),
        }
        names = {"cause": label("causes", cause, language), "month": month}
        found.append(sentence("naive", key, language, **pair, **names))
    time = one_row(protected, "closure_time_naive", cause="", dimension="")
    if is_shown(time):
        found.append(sentence("naive", "times", language, naive=months(time["estimate"], language)))
    both_years = {"dimension": "window", "level": BOTH_YEARS}
    plain = one_row(protected, "support_difference_naive", **both_years)
    fair = one_row(protected, "support_effect", **both_years)
    if is_shown(plain) and is_told(fair):
        words = {"naive": signed_money(plain["estimate"], language)}
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
