"""The strongest reader: which true counts do all shown counts together still allow?

An integer programme. Its unknowns are the true counts of one municipality; each shown count lies
within the noise of its own, and sums that must hold (parts and their whole, two definitions of the
same closures) tie them together. Least and largest value of each small count and of each
difference between two definitions are what the reader can know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from hfcore.study import Publication
from hfpublish.audit.integer_programme import Counts, ends_of, systems_of
from hfpublish.disclosure.breakdowns import partition_column

SMALL = 6
MAX_NARROWER = 0.05
CLOSED = ("closed", "participant")
_FLOWS = (
    ("referred", ("not_started", "started")),
    ("started", ("end_before_start", "analysed")),
    ("analysed", ("closed", "ongoing")),
)


def counts_of(rows: pd.DataFrame, publication: Publication) -> Counts:
    """The unknowns and sums in the protected rows of one municipality."""
    counts = Counts()
    _add_flows(counts, rows, publication)
    _add_partitions(counts, rows, publication)
    _add_groups(counts, rows, publication)
    _add_definitions(counts, rows)
    return counts


def _add_flows(counts: Counts, rows: pd.DataFrame, publication: Publication) -> None:
    is_step = rows["metric"].eq("flow") & rows["dimension"].eq("step")
    steps = rows.loc[is_step & rows["group"].eq("participant")]
    for step, shown in zip(steps["level"], steps["estimate"], strict=True):
        counts.add((step, "participant"), shown, publication)
    for whole, parts in _FLOWS:
        named = [counts.names.get((part, "participant")) for part in parts]
        counts.tie(counts.names.get((whole, "participant")), named)


def _add_partitions(counts: Counts, rows: pd.DataFrame, publication: Publication) -> None:
    column = partition_column(rows)
    is_part = column.notna() & rows["n"].notna()
    shown_parts = rows.loc[is_part].to_dict("records")
    for row, each in zip(shown_parts, column.loc[is_part], strict=True):
        shown = row["n_events"] if row["unit"] == "share" else row["estimate"]
        counts.add(_cell(row, each), shown, publication)
        if row["unit"] == "share":
            counts.add(_whole(row), row["n"], publication)
    keys = ["metric", "variant", "group", "dimension", "month", "_whole"]
    whole = rows["cause"].where(column.ne("cause"), rows["level"])
    parts = rows.assign(_whole=whole, _column=column).loc[column.notna()]
    parts = parts.loc[~(parts["level"].eq("") & parts["_column"].eq("level"))]
    for _, cells in parts.groupby(keys, sort=False, dropna=False):
        together = cells.to_dict("records")
        named = [counts.names.get(_cell(row, row["_column"])) for row in together]
        first = together[0]
        is_complete = first["metric"] != "closure_share_entered"
        counts.tie(counts.names.get(_whole(first)), named, is_complete)


def _add_groups(counts: Counts, rows: pd.DataFrame, publication: Publication) -> None:
    """Groups of households by one trait, told as the n of their curves, are all of them."""
    everybody = rows.loc[rows["metric"].eq("households")]
    for group, shown in zip(everybody["group"], everybody["estimate"], strict=True):
        counts.add(("households", group, ""), shown, publication)
    is_curve = rows["metric"].eq("cumulative_incidence") & rows["variant"].eq("default")
    parts = rows.loc[is_curve & rows["dimension"].ne("") & rows["n"].notna()]
    parts = parts.drop_duplicates(["group", "dimension", "level"])
    for (group, trait), each in parts.groupby(["group", "dimension"], sort=False):
        names = [("households", group, trait, level) for level in each["level"]]
        places = [counts.add(*it, publication) for it in zip(names, each["n"], strict=True)]
        counts.tie(counts.names.get(("households", group, "")), places)


def _cell(row: Mapping, column: str) -> tuple:
    """What a cell counts. The closed of a cause are the same in every metric that counts them."""
    if row["metric"] == "closure_share_naive" and column == "cause":
        return ("closed", row["group"], row["variant"], row["cause"])
    month = None if pd.isna(row["month"]) else int(row["month"])
    part = row["dimension"], row["level"], row["cause"], row["period"]
    return (row["metric"], row["variant"], row["group"], month, *part)


def _whole(row: Mapping) -> tuple:
    """What the cells of a partition add up to."""
    metric, cause = row["metric"], row["cause"]
    if metric in ("closure_share_naive", "closure_reason"):
        return CLOSED
    if metric == "closures_per_quarter":
        return ("closed", row["group"], "default", cause) if cause else CLOSED
    return (metric, row["variant"], row["group"], row["dimension"], "whole")


def _add_definitions(counts: Counts, rows: pd.DataFrame) -> None:
    """A wider definition of a cause is the narrower one and what it takes in."""
    place = {
        (variant, cause): counts.names.get(("closed", "participant", variant, cause))
        for variant in rows["variant"].unique()
        for cause in rows["cause"].unique()
    }
    wide = place.get(("published", "self_sufficiency"))
    parts = [place.get(("default", "self_sufficiency")), place.get(("default", "moved"))]
    counts.tie(wide, parts)


def reach(counts: Counts) -> pd.DataFrame:
    """What a reader can know of each small count and of each difference of definitions.

    Returns
    -------
    One row a target: ``low`` and ``high`` (the least and the largest value that all that is shown
    allows), ``alone`` (how many values its own showing allows), ``is_tied`` (whether any sum
    holds it). Sums that cannot hold with the ones before them (their parts are of other
    contributors than they seem) are left out.
    """
    if not counts.low:
        return pd.DataFrame(columns=["low", "high", "alone", "is_tied"])
    counts = _consistent(counts)
    tied = {place for each in counts.sums for place in each}
    targets = [{place: 1} for place in sorted(tied) if counts.low[place] <= SMALL]
    systems = systems_of(counts)
    wide = counts.names.get(("closed", "participant", "published", "self_sufficiency"))
    narrow = counts.names.get(("closed", "participant", "default", "self_sufficiency"))
    if wide is not None and narrow is not None:
        targets.append({wide: 1, narrow: -1})
    rows = []
    for target in targets:
        low, high = ends_of(counts, systems, target)
        places = list(target)
        alone = sum(_width(counts, place) - 1 for place in places) + 1
        # A difference that is itself shown as a count may be known as well as that count.
        alone = min([alone, *(_width(counts, each) for each in _same_as(counts, target))])
        rows.append({"low": low, "high": high, "alone": alone, "is_tied": True})
    bare = [p for p in range(len(counts.low)) if p not in tied and counts.low[p] <= SMALL]
    rows += [
        {
            "low": counts.low[place],
            "high": counts.high[place],
            "alone": counts.high[place] - counts.low[place] + 1,
            "is_tied": False,
        }
        for place in bare
    ]
    return pd.DataFrame(rows, columns=["low", "high", "alone", "is_tied"])


def _width(counts: Counts, place: int) -> int:
    """How many values the showing of a count allows by itself."""
    return counts.high[place] - counts.low[place] + 1


def _same_as(counts: Counts, target: Mapping[int, int]) -> list[int]:
    """The counts that a sum says a difference of two others is."""
    others = [set(each) - set(target) for each in counts.sums if set(target) < set(each)]
    return [next(iter(each)) for each in others if len(each) == 1 and len(target) > 1]


def _consistent(counts: Counts) -> Counts:
    """The same unknowns with as many of the sums, in their order, as can hold together."""
    if _can_hold(counts):
        return counts
    kept = replace(counts, sums=[])
    for each in counts.sums:
        tried = replace(counts, sums=[*kept.sums, each])
        if _can_hold(tried):
            kept = tried
    return kept


def _can_hold(counts: Counts) -> bool:
    return all(system.solve({}, 1) is not None for system in systems_of(counts))


def findings(rows: pd.DataFrame, publication: Publication) -> list[tuple[str, str]]:
    """What an integer programme over all counts gives away: pairs of municipality and sentence.

    No small count of any municipality may follow exactly. How much narrower sums make the small
    counts is judged over all that is published, ``all``: among hundreds of municipalities chance
    alone makes a few sums tight.
    """
    found, parts = [], []
    for code, own in rows.groupby("municipality", sort=False):
        known = reach(counts_of(own.reset_index(drop=True), publication))
        width = known["high"] - known["low"] + 1
        exact = int((width.eq(1) & known["high"].between(1, SMALL - 2)).sum())
        if exact:
            told = f"{exact} small counts or differences follow exactly from what is shown."
            found.append((str(code), told))
        parts.append((width / known["alone"]).loc[known["is_tied"].astype(bool)])
    shares = pd.concat(parts) if parts else pd.Series(dtype="float64")
    narrower = 1 - float(shares.mean()) if len(shares) else 0.0
    if narrower > MAX_NARROWER:
        told = (
            f"Sums make the small counts {narrower:.0%} narrower than the noise alone; at most "
            f"{MAX_NARROWER:.0%} is allowed."
        )
        found.append(("all", told))
    return found


def findings_between(
    before: pd.DataFrame, now: pd.DataFrame, publication: Publication
) -> list[str]:
    """What two releases of one municipality give away together, as sentences.

    Counts of closures and of the flow only grow. A small growth, 1 to 4, must not follow exactly.
    """
    first, then = (counts_of(rows.reset_index(drop=True), publication) for rows in (before, now))
    if not first.low or not then.low:
        return []
    first, then = _consistent(first), _consistent(then)
    grown = [name for name in first.names if name in then.names and _grows(name)]
    if not grown:
        return []
    size, second = len(first.low), len(first.low) + len(then.low)
    sums = [*first.sums, *({place + size: f for place, f in each.items()} for each in then.sums)]
    growth = {}
    for number, name in enumerate(grown):
        growth[name] = second + number
        sums.append({then.names[name] + size: -1, first.names[name]: 1, growth[name]: 1})
    most = [then.high[then.names[name]] for name in grown]
    both = Counts(
        low=[*first.low, *then.low, *[0] * len(grown)],
        high=[*first.high, *then.high, *most],
        sums=sums,
    )
    known, systems = 0, systems_of(both)
    for place in growth.values():
        low, high = ends_of(both, systems, {place: 1})
        known += low is not None and low == high and 1 <= low <= SMALL - 2
    return [f"{known} small changes follow exactly from two releases."] if known else []


def _grows(name: tuple) -> bool:
    """Whether a count of one release holds all whom the release before it counted."""
    return name[0] in ("closed", "referred", "started") or name[:1] == ("closure_reason",)
