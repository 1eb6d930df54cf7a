"""Rules 2 and 3: which parts of a whole may be told apart, and which may not in small groups."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.results import OWNER_COLUMNS
from hfcore.study import Publication
from hfpublish.disclosure.protection import PARTITIONS, SHOWN, is_kind, withhold

TRANSITION = "transition"
# Closure reasons that are told together where there are too few to tell each.
REASON_FAMILIES = (
    ("work", "subsidised_work", "sheltered_work"),
    ("studies", "social_insurance"),
    ("moved", "transferred", "deceased"),
    ("cohabiting", "stopped_applying", "other"),
)
_ADDED = ("n_events", "key_events")


def merge_categories(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 2: parts of a group are told apart only where there are enough of them.

    The group must have ``min_breakdown_n`` true members and its parts ``min_mean_cell`` on
    average; else the last categories become one (quarters become half-years, then years, and
    closure reasons families of reasons). Where
    even two are too many, and for transitions between plans, the breakdown is withheld.
    """
    column = partition_column(rows)
    parts = column.notna() & rows["shown"].notna()
    if not parts.any():
        return rows
    whole = rows["cause"].where(column.ne("cause"), rows["level"])
    # The parts of two surveys are two wholes.
    wave = rows["period"].where(column.ne("period"), "")
    keys = [*_figure_keys(rows), "dimension", "_column", "_whole", "_wave"]
    merged = [
        _merge_one(cells, publication)
        for _, cells in rows.assign(_column=column, _whole=whole, _wave=wave)
        .loc[parts]
        .groupby(keys, sort=False, dropna=False)
    ]
    joined = pd.concat([rows.loc[~parts], *merged]).drop(columns=["_column", "_whole", "_wave"])
    return joined.sort_index(kind="stable").reset_index(drop=True)


def partition_column(rows: pd.DataFrame) -> pd.Series:
    """The column that tells apart the parts that a row is one of; null where it is no part."""
    is_transition = rows["dimension"].eq(TRANSITION)
    return rows["metric"].map(PARTITIONS).mask(is_transition, "level")


def _figure_keys(rows: pd.DataFrame) -> list[str]:
    owners = [column for column in OWNER_COLUMNS if column in rows]
    return [*owners, "metric", "variant", "group", "month"]


def _merge_one(cells: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """One breakdown, its categories merged until the mean cell is large enough."""
    if len(cells) < 2:
        return cells
    total = _size(cells)
    events = cells["n_events"].fillna(0).sum()
    allowed = int(events // publication.min_mean_cell) if publication.min_mean_cell else len(cells)
    if total < publication.min_breakdown_n or allowed < 2:
        return withhold(cells, pd.Series(True, index=cells.index))
    if len(cells) <= allowed:
        return cells
    if cells["dimension"].iloc[0] == TRANSITION:
        return withhold(cells, pd.Series(True, index=cells.index))
    if cells["_column"].iloc[0] == "period":
        return _merge_quarters(cells, allowed)
    if cells["dimension"].iloc[0] == "reason":
        cells = _added(cells, _families(cells["level"]), "level")
        return cells if len(cells) <= allowed else _merge_last(cells, allowed)
    return _merge_last(cells, allowed)


def _families(reasons: pd.Series) -> pd.Series:
    """Each reason's family of those that occur in the breakdown, as the label of the merged."""
    there = set(reasons)
    label = {
        reason: "+".join(each for each in family if each in there)
        for family in REASON_FAMILIES
        for reason in family
    }
    return reasons.map(label).fillna(reasons)


def _size(cells: pd.DataFrame) -> float:
    """How many the breakdown is of: the n that all parts share, or the parts together."""
    same = cells["n"].nunique() == 1 and cells["n"].iloc[0] >= cells["n_events"].fillna(0).sum()
    return float(cells["n"].iloc[0] if same else cells["n"].fillna(0).sum())


def _merge_quarters(cells: pd.DataFrame, allowed: int) -> pd.DataFrame:
    quarters = pd.PeriodIndex(cells["period"], freq="Q")
    year = pd.Series(quarters.year.astype("str"), index=cells.index)
    half = year + "H" + ((quarters.quarter + 1) // 2).astype("str")
    for label in (half, year):
        if label.nunique() <= allowed:
            return _added(cells, label, "period")
    return withhold(cells, pd.Series(True, index=cells.index))


def _merge_last(cells: pd.DataFrame, allowed: int) -> pd.DataFrame:
    """The last categories as one; sensitive ones count as last."""
    column = cells["_column"].iloc[0]
    names = cells[column]
    order = np.argsort(cells["is_sensitive"].to_numpy(), kind="stable")
    merged = np.zeros(len(cells), dtype=bool)
    merged[order[allowed - 1 :]] = True
    return _added(cells, names.mask(merged, "+".join(names[merged])), column)


def _added(cells: pd.DataFrame, label: pd.Series, column: str) -> pd.DataFrame:
    """The parts with the same label as one row: contributors and keys added, the rest kept."""
    cells = cells.assign(**{column: label.astype("str")})
    is_own_n = cells["n"].eq(cells["n_events"]).fillna(False).all()
    summed = [*_ADDED, *(["n", "key_n"] if is_own_n else [])]
    groups = cells.groupby(column, sort=False)
    first = cells.loc[~cells[column].duplicated()]
    added = {name: first[column].map(groups[name].sum(min_count=1)) for name in summed}
    added = {name: value.astype(cells[name].dtype) for name, value in added.items()}
    sensitive = first[column].map(groups["is_sensitive"].all()).astype(bool)
    merged = first.assign(**added, is_sensitive=sensitive)
    share = merged["n_events"].astype("float64") / merged["n"].astype("float64")
    estimate = merged["n_events"].astype("float64").where(merged["unit"].eq("count"), share)
    several = groups[column].transform("size").loc[first.index].gt(1)
    merged = merged.assign(
        estimate=merged["estimate"].mask(several, estimate),
        ci_low=merged["ci_low"].mask(several),
        ci_high=merged["ci_high"].mask(several),
    )
    return merged.assign(**{shown: merged[true] for shown, true in SHOWN.items()})


def withhold_sensitive(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 3: deaths and sickness are not told of groups under ``min_breakdown_n`` at all.

    Telling them only where they are neither none nor all would tell those two.
    """
    is_sensitive = rows["is_sensitive"] & is_kind(rows, "count", "share", "curve", "model")
    small = ~_group_size(rows).ge(publication.min_breakdown_n).fillna(False)
    return withhold(rows, is_sensitive & small.astype(bool))


def _group_size(rows: pd.DataFrame) -> pd.Series:
    """How many the row's group has: its n or, where n is the cell itself, all cells together."""
    is_cell = rows["kind"].eq("count") & rows["n"].eq(rows["n_events"]).fillna(False)
    together = rows.groupby(_figure_keys(rows), sort=False, dropna=False)["n_events"].transform(
        "sum"
    )
    return rows["n"].mask(is_cell.astype(bool), together)
