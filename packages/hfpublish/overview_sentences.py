"""What the overview says of all municipalities: names of rows, and sentences made by rules."""

from __future__ import annotations

import pandas as pd

from hfcore.figures.dot_plots import ONE_MORE, name_of_all
from hfcore.i18n.formats import joined, label, number
from hfcore.i18n.texts import text
from hfcore.results import is_shown, one_row
from hfcore.study import Study
from hfpublish.evidence import FIRST_WINDOW, verb_level
from hfpublish.sentences import sentence
from hfpublish.support_sentences import intervention, range_words, signed_ends, units

ALL = "all"
# With fewer municipalities their true differences can hardly be told from chance.
FEW_PLACES = 10
MOST_NAMES = 6


def named(rows: pd.DataFrame, study: Study, language: str) -> pd.DataFrame:
    """Rows of municipalities with names in place of codes, ready for a table.

    Rows of ``all`` are named by their variant; the others keep theirs only where it tells two
    figures of a municipality apart.
    """
    names = {each.code: each.name for each in study.municipalities}
    is_all = rows["municipality"].eq(ALL)
    told = [
        name_of_all(variant, language) if code == ALL else names.get(code, code)
        for code, variant in zip(rows["municipality"], rows["variant"], strict=True)
    ]
    is_twofold = rows.loc[~is_all, "variant"].nunique() > 1
    own = rows["variant"].mask(is_all, "steadied").replace("default", "own")
    # One more municipality has no households yet.
    is_new = rows["variant"].isin(ONE_MORE)
    counts = {name: rows[name].mask(is_new) for name in ("n", "n_events")}
    return rows.assign(municipality=told, variant=own if is_twofold else "default", **counts)


def comparable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of municipalities, and of all together only what there is to tell.

    With one municipality there is neither a mean nor one more.
    """
    return rows.loc[rows["municipality"].ne(ALL) | rows["estimate"].notna()]


def seen_sentence(protected: pd.DataFrame, study: Study, language: str) -> str:
    """In how many municipalities a difference in support is seen, and by name in which.

    ``protected`` are the rows of the whole study.
    """
    effects = protected.loc[protected["metric"].isin(["support_effect", "design_grade"])]
    own = dict(iter(effects.groupby("municipality", sort=False)))
    places = [each for each in study.municipalities if each.code in own]
    seen = [each.name for each in places if verb_level(own[each.code]) != "unseen"]
    words = {"count": len(seen), "all": len(places)} | units(study, language)
    told = [
        sentence(
            "together", _seen_where(seen, places), language, **words, names=joined(seen, language)
        )
    ]
    waiting, total = len(study.municipalities) - len(places), len(study.municipalities)
    if waiting:
        told.append(sentence("together", "waiting", language, waiting=waiting, total=total))
    return " ".join(told)


def _seen_where(seen: list, places: list) -> str:
    """Which sentence fits: nowhere, in all, in some; by name where few."""
    if not seen:
        return "seen_nowhere"
    is_all, is_many = len(seen) == len(places), len(seen) > MOST_NAMES
    if is_all:
        return "seen_everywhere" if is_many else "seen_all"
    return "seen_many" if is_many else "seen"


def pooled_effect_sentence(protected: pd.DataFrame, study: Study, language: str) -> str:
    """By how much support changed over all municipalities, as a range, or that it is not seen.

    ``protected`` are the rows of the whole study.
    """
    row = _of_all(protected, "these")
    words = {"intervention": intervention(study, language), "window": _window(language)}
    words |= units(study, language)
    if not is_shown(row) or pd.isna(row["ci_low"]):
        return sentence("together", "alone", language, **words)
    ends = signed_ends(row, language)
    is_open = row["ci_low"] <= 0 <= row["ci_high"] or row["status"] != "ok"
    if is_open:
        return sentence("together", "open", language, **words, **ends)
    return sentence("together", "clear", language, **words, range=range_words(row, language))


def _window(language: str) -> str:
    return text("windows", FIRST_WINDOW, language)


def _of_all(protected: pd.DataFrame, variant: str, **where: object) -> pd.Series | None:
    where = {"dimension": "window", "level": FIRST_WINDOW} | where
    return one_row(protected, "support_effect_pooled", variant=variant, municipality=ALL, **where)


def spread_sentence(protected: pd.DataFrame, language: str) -> str:
    """How far the municipalities differ beyond chance; empty where they are not pooled."""
    between, part = _of_all(protected, "between"), _of_all(protected, "i_squared")
    if not all(is_shown(each) for each in (between, part)):
        return ""
    words = {"between": number(between["estimate"], language)}
    words |= {"part": number(part["estimate"] * 100, language)}
    key = "spread" if part["estimate"] > 0 and between["estimate"] > 0 else "alike"
    found = [sentence("together", key, language, **words)]
    if _places(protected) < FEW_PLACES:
        found.append(sentence("together", "few", language, count=_places(protected)))
    another = _of_all(protected, "another")
    if is_shown(another) and another["status"] == "ok":
        found.append(sentence("together", "predicted", language, **signed_ends(another, language)))
    return " ".join(found)


def _places(protected: pd.DataFrame) -> int:
    """How many municipalities have a figure of their own with an interval."""
    effects = protected["metric"].eq("support_effect") & protected["level"].eq(FIRST_WINDOW)
    own = effects & protected["municipality"].ne(ALL) & protected["ci_low"].notna()
    return int(protected.loc[own, "municipality"].nunique())


def share_sentence(steadied: pd.DataFrame, study: Study, language: str) -> str:
    """Of 100 families in the average municipality, how many had left, and in one more.

    ``steadied`` are rows of ``pooled_curves.steadied_shares``; empty where they are not pooled.
    """
    rows = {variant: steadied.loc[steadied["variant"].eq(variant)] for variant in _SHARES}
    if any(each.empty or each["estimate"].isna().all() for each in rows.values()):
        return ""
    pooled, predicted = (each.iloc[0] for each in rows.values())
    hundred = {
        "count": pooled["estimate"],
        "low": pooled["ci_low"],
        "high": pooled["ci_high"],
        "lowest": predicted["ci_low"],
        "highest": predicted["ci_high"],
    }
    words = {name: number(value * 100, language) for name, value in hundred.items()}
    words |= {"cause": label("causes", pooled["cause"], language)} | units(study, language)
    return sentence("together", "shares", language, month=int(pooled["month"]), **words)


def share_caption(shares: pd.DataFrame, language: str) -> str:
    """What the table of a share of all municipalities shows: whose cause, after how long."""
    if shares.empty:
        return text("words", "no_rows", language)
    first = shares.iloc[0]
    words = {"cause": label("causes", first["cause"], language), "month": int(first["month"])}
    heading = text("axes", "left_for", language, **words)
    return f"{heading}. {text('captions', 'interval', language)}"


_SHARES = ("pooled", "predicted")
