"""Sentences on what an intervention cost, whether that is covered, and the teams' work."""

from __future__ import annotations

import pandas as pd

from hfcore.i18n.formats import money, number, percent, signed_money
from hfcore.results import is_shown, one_row, rows_of
from hfpublish.sentences import sentence

_CLIENT = ("direct_client", "indirect_client")


def cost_sentence(rows: pd.DataFrame, language: str) -> str:
    """What a household cost, what support must fall by for it to pay, and what our range says.

    ``rows`` are exact or protected; empty parts are left out. An effect that is told as too
    uncertain is never compared with the cost.
    """
    total = one_row(rows, "cost", variant="outcome", dimension="", period="")
    each = one_row(rows, "cost_per_household")
    if not (is_shown(total) and is_shown(each)):
        return sentence("costs", "absent", language)
    words = {"total": money(total["estimate"], language), "each": money(each["estimate"], language)}
    said = [sentence("costs", "total", language, **words)]
    least = one_row(rows, "break_even_effect")
    if is_shown(least):
        words = {"least": money(least["estimate"], language), "months": int(least["month"])}
        said += [
            sentence("costs", "must_fall", language, **words),
            _held_against(rows, least, language),
        ]
    return " ".join(said)


def _held_against(rows: pd.DataFrame, least: pd.Series, language: str) -> str:
    effect = one_row(rows, "saving_per_household")
    if not is_shown(effect) or effect["status"] != "ok" or pd.isna(effect["ci_low"]):
        return sentence("costs", "no_effect", language)
    low, high = (effect[end] / effect["month"] for end in ("ci_low", "ci_high"))
    if low >= least["estimate"]:
        ends = {"low": money(low, language), "high": money(high, language)}
        return sentence("costs", "covers", language, **ends)
    key = "falls_short" if high < least["estimate"] else "unclear"
    ends = {"low": signed_money(-high, language), "high": signed_money(-low, language)}
    return sentence("costs", key, language, **ends)


def example_sentence(rows: pd.DataFrame, language: str, months: int = 12) -> str:
    """The arithmetic of earlier reports, named as an example; empty where it is not told."""
    place = {"dimension": "months", "level": str(months)}
    gross = one_row(rows, "saving_gross", variant="all_closures", **place)
    shares = rows.loc[rows["metric"].eq("break_even_share") & rows["level"].eq(str(months))]
    shares = shares.loc[shares["estimate"].notna()]
    if not is_shown(gross) or shares.empty:
        return ""
    words = {
        "n": number(gross["n"], language),
        "months": months,
        "gross": money(gross["estimate"], language),
        "share": percent(shares["estimate"].max(), language),
    }
    return sentence("costs", "example", language, **words)


def staff_sentence(rows: pd.DataFrame, language: str) -> str:
    """Cases per post of both teams, and that client time is lower in all but higher per case."""
    own, other = (one_row(rows, "caseload", group=group) for group in ("participant", "comparison"))
    if not (is_shown(own) and is_shown(other)):
        return sentence("staff", "absent", language)
    counts = {
        "own": number(own["estimate"], language),
        "other": number(other["estimate"], language),
    }
    said = [sentence("staff", "caseload", language, **counts)]
    ratio = one_row(rows, "client_hours_per_case", group="difference")
    shares = rows_of(rows, "worktime_share", level=list(_CLIENT)).groupby("group")["estimate"].sum()
    if is_shown(ratio) and {"participant", "comparison"} <= set(shares.index):
        words = {
            "own": percent(shares["participant"], language),
            "other": percent(shares["comparison"], language),
            "times": number(1 + ratio["estimate"], language, 1),
        }
        said.append(sentence("staff", "client_time", language, **words))
    return " ".join(said)
