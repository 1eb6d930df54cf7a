"""Rule 9: model results, of which those about shares and times are made from printed numbers.

Amounts are computed on exact data and rounded. What could be turned back into counts is not: a
difference of shares is that of the printed shares, months lost move as their curve, detectable
differences and effective sizes follow from what is printed beside them. Whether a figure or its
range stands never depends on how many closed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from hfcore.estimators.intervals import (
    LEVEL,
    detectable_difference,
    difference_of,
    normal_quantile,
)
from hfcore.results import OWNER_COLUMNS
from hfcore.study import Publication
from hfpublish.disclosure.cell_key import noise_of
from hfpublish.disclosure.printed_shares import (
    LEAST_WORTH,
    SHARE_STEP,
    WORTH_STEPS,
    score_range,
    to_step,
)
from hfpublish.disclosure.protection import (
    DIFFERENCES,
    ESTIMATE,
    OVER_TIME,
    is_kind,
    mark,
    round_to,
    withhold,
)

MONTH_STEP, TENTH = 0.5, 0.1
RATIO_STEP = 0.01
MONEY_STEP, TOTAL_STEP = 100, 10_000
POWER = 0.8
# Times within a horizon: time lost to a cause, and time in the intervention or the queue.
LOST, STAYS = ("months_lost",), ("restricted_mean", "queue_restricted_mean")
# The cause by which the difference of another curve than that of closures is told.
EXITS = "exit_from_support"
# How much of the time to the horizon a closed household loses, where no curve tells it.
HALF = 0.5
_PLACE = ["variant", "group", "dimension", "level", "period", "cause", "month"]


def model_results(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 9: effects and intervals need ``min_model_arm`` a group and ``min_model_df`` degrees.

    Amounts are rounded to 100 kr, other figures to two decimals. Differences of shares, times lost,
    detectable differences and effective sizes are made from printed numbers. What one household
    changes (``leave_one_out``) is never told.
    """
    if not is_kind(rows, "model").any():
        return rows
    models = is_kind(rows, "model")
    too_few = _smallest_arm(rows).lt(publication.min_model_arm).fillna(True).astype(bool)
    too_few |= rows["df"].lt(publication.min_model_df)
    of_one = rows["variant"].str.startswith("leave_one_out")
    rows = withhold(rows, models & (too_few | of_one))
    models = is_kind(rows, "model")
    rounded = models & ~_is_made_anew(rows)
    printed = _Printed(rows)
    made = {
        place: _made_of(row, printed, publication)
        for place, row in rows.loc[models & _is_made_anew(rows)].iterrows()
    }
    unprinted = [place for place, figures in made.items() if figures is None]
    rows = withhold(rows, pd.Series(rows.index.isin(unprinted), rows.index))
    kept = {place: figures for place, figures in made.items() if figures is not None}
    new = pd.DataFrame.from_dict(kept, orient="index", columns=ESTIMATE)
    rows = rows.assign(**{c: rows[c].mask(rows.index.isin(new.index), new[c]) for c in ESTIMATE})
    told = pd.Series(rows.index.isin(new.index), index=rows.index)
    rows = rows.assign(
        shown_events=rows["shown_events"].mask(models & _of_the_same(rows)),
        shown_at_risk=rows["shown_at_risk"].mask(models),
    )
    rows = mark(rows, told, "cell_key")
    steps = {"months": MONTH_STEP, "share": SHARE_STEP, "count": 1.0, "ratio": RATIO_STEP}
    step = rows["unit"].map(steps).fillna(MONEY_STEP)
    step = step.mask(rows["metric"].eq("support_total"), TOTAL_STEP)
    return rounded_to(rows, rounded & models, step)


def _is_made_anew(rows: pd.DataFrame) -> pd.Series:
    """Which model rows are made from printed numbers: all but amounts, ratios and grades."""
    anew = [*DIFFERENCES, *OVER_TIME, *LOST, *STAYS, "detectable_difference"]
    return rows["metric"].isin([*anew, "effective_sample_size"])


def _of_the_same(rows: pd.DataFrame) -> pd.Series:
    """Which model rows have those who closed or changed as n_events: they are not counted."""
    return rows["metric"].isin([*OVER_TIME, *LOST, *STAYS])


def rounded_to(rows: pd.DataFrame, which: pd.Series, step: pd.Series) -> pd.DataFrame:
    """The rows with estimate and range of some rounded to a step, and marked so."""
    if not which.any():
        return rows
    values = {
        column: rows[column].mask(
            which, round_to(rows[column].astype("float64"), step).round(6) + 0.0
        )
        for column in ESTIMATE
    }
    return mark(rows.assign(**values), which, "rounded")


class _Printed:
    """The rows of a frame, to be found by metric and place."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.owners = [column for column in OWNER_COLUMNS if column in rows]
        shown = rows.loc[rows["shown"].notna() & rows["worth_n"].notna()]
        self.by_place = {self._key(row): row for row in shown.to_dict("records")}
        self.by_part: dict[tuple, list[dict]] = {}
        for row in shown.to_dict("records"):
            self.by_part.setdefault(self._key(row | {"level": ""}), []).append(row)
        self.effects = {
            self._key(row): row
            for row in rows.loc[rows["metric"].eq("support_effect")].to_dict("records")
        }

    def _key(self, row: dict) -> tuple:
        return tuple(
            -1 if pd.isna(row[name]) else row[name] for name in [*self.owners, "metric", *_PLACE]
        )

    def find(self, row: pd.Series, **changed: object) -> dict | None:
        """The printed row in the place of another, but for what is changed."""
        return self.by_place.get(self._key(dict(row) | changed))

    def others(self, row: pd.Series, **changed: object) -> list[dict]:
        """The printed rows of the other parts of a dimension."""
        found = self.by_part.get(self._key(dict(row) | changed | {"level": ""}), [])
        return [each for each in found if each["level"] != row["level"]]


def _made_of(
    row: pd.Series, printed: _Printed, publication: Publication
) -> tuple[float, ...] | None:
    """Estimate and range of a row from printed numbers; None where these are not printed."""
    metric = row["metric"]
    if metric in OVER_TIME:
        return _changed(row, printed)
    if metric in LOST or metric in STAYS:
        return _time(row, printed, publication)
    if metric == "detectable_difference":
        return _detectable(row, printed)
    if metric == "effective_sample_size":
        return _effective(row)
    return _difference(row, printed)


def _parent(row: pd.Series) -> dict[str, object]:
    """The metric and cause of the shares whose difference a row is."""
    if row["metric"] != "incidence_difference":
        return {"metric": DIFFERENCES[row["metric"]]}
    if row["cause"] == EXITS:
        return {"metric": EXITS, "cause": ""}
    return {"metric": "cumulative_incidence"}


def _pair(row: pd.Series, printed: _Printed, **changed: object) -> list[dict | None]:
    """The two printed shares of a difference: of two groups, or of two parts of one."""
    parent = _parent(row) | changed
    if row["group"] == "difference":
        return [printed.find(row, **parent, group=group) for group in ("participant", "control")]
    others = printed.others(row, **parent)
    return [printed.find(row, **parent), others[0] if len(others) == 1 else None]


def _difference(row: pd.Series, printed: _Printed) -> tuple[float, ...] | None:
    """A difference of printed shares with the range that their ranges give (MOVER)."""
    pair = _pair(row, printed)
    is_plain = None not in pair
    if not is_plain:
        pair = _pair(row, printed, variant="default")
    if None in pair:
        return None
    first, other = pair
    ends = [(each["shown_low"], each["shown_high"]) for each in pair]
    low, high = difference_of(first["shown"], ends[0], other["shown"], ends[1])
    gap = first["shown"] - other["shown"]
    if not is_plain:
        noise = sum(
            sign * (each["moved"] - each["estimate"]) for sign, each in ((1, first), (-1, other))
        )
        more = normal_quantile(LEVEL) ** 2 * sum(2 / each["worth_n"] ** 2 for each in pair)
        reach = [row["estimate"] - row["ci_low"], row["ci_high"] - row["estimate"]]
        mover = [gap - float(low), float(high) - gap]
        reach = [
            printed_reach if np.isnan(own) else np.sqrt(own**2 + more)
            for own, printed_reach in zip(reach, mover, strict=True)
        ]
        gap = row["estimate"] + noise
        low, high = gap - reach[0], gap + reach[1]
    return _percent(gap, low, high)


def _percent(*values: float) -> tuple[float, ...]:
    inside = pd.Series(np.clip(np.array(values, float), -1, 1))
    return tuple(round_to(inside, SHARE_STEP).round(2).to_numpy())


def _changed(row: pd.Series, printed: _Printed) -> tuple[float, ...]:
    """A change of the same persons, moved by the one noise of those who changed.

    The range is z √((q̃ − d²) / m + 2 / m² + step² / 12) to each side: q̃ = (changed + 2) / (m + 4)
    the printed part that changed (Agresti & Min 2005), m the members that the n shown is worth, as
    they are for the printed share at the later point.
    """
    later = {"metric": OVER_TIME[row["metric"]], "dimension": "", "level": ""}
    month = row["level"].rpartition("-")[2]
    share = printed.find(row, **later, month=int(month)) if month.isdigit() else None
    worth = 1.0 if share is None else share["worth_n"] / float(share["shown_n"])
    n, changed = float(row["n"]), float(row["n_events"])
    shown_n, shown = float(row["shown_n"]), float(row["shown_events"])
    gap = np.clip(row["estimate"] + (shown - changed) / n, -1, 1)
    worth_n = max(np.rint(shown_n * worth), 1)
    part = (shown / shown_n * worth_n + 2) / (worth_n + 4)
    variance = max(part - gap**2, 0) / worth_n + 2 / worth_n**2 + SHARE_STEP**2 / 12
    reach = normal_quantile(LEVEL) * np.sqrt(variance)
    return _percent(gap, gap - reach, gap + reach)


def _time(row: pd.Series, printed: _Printed, publication: Publication) -> tuple[float, ...] | None:
    """Time lost by a horizon, moved as the share closed by then, in tenths, with a score range.

    L · (N + e) / N · n / n′. A household that closes loses a part c of the horizon, as the printed
    share says (else a half); times that lie evenly around it have the mean square c² + c (1 − c) /
    3 of the horizon's square, which takes the place of 1 in the range of a share.
    """
    enough = row["n"] >= publication.min_breakdown_n and row["n_started"] >= publication.min_started
    if not enough or pd.isna(row["worth"]):
        return None
    horizon, closed = float(row["month"]), float(row["n_events"])
    is_stay = row["metric"] in STAYS
    lost = (horizon - row["estimate"] if is_stay else row["estimate"]) / horizon
    noise = float(noise_of(np.array([closed]), np.array([row["key_events"]]), publication)[0])
    shown_n = float(row["shown_n"])
    moved = np.clip(lost * (closed + noise) / max(closed, 1) * row["n"] / shown_n, 0, 1)
    step = TENTH / horizon
    told = float(to_step(moved, step))
    curve = {"restricted_mean": "still_in_intervention"}.get(row["metric"], "cumulative_incidence")
    share = printed.find(row, metric=curve) if row["metric"] != "queue_restricted_mean" else None
    by_then = 0.0 if share is None else 1 - share["shown"] if is_stay else share["shown"]
    part = min(told / by_then, 1.0) if by_then > 0 and told > 0 else max(HALF, told)
    spread = part + (1 - part) / 3
    worth = np.clip(np.floor(row["worth"] * WORTH_STEPS) / WORTH_STEPS, LEAST_WORTH, 1)
    ends = score_range(told, max(np.rint(shown_n * worth), 1), step, spread)
    figures = [told, *(float(to_step(end, step)) for end in ends)]
    if is_stay:
        figures = [1 - figures[place] for place in (0, 2, 1)]
    return tuple(round(each * horizon, 1) + 0.0 for each in figures)


def _detectable(row: pd.Series, printed: _Printed) -> tuple[float, ...] | None:
    """The difference that would be found, from printed shares and sizes or the printed range."""
    z = normal_quantile(LEVEL)
    if row["unit"] != "share":
        effect = printed.effects.get(printed._key(dict(row) | {"metric": "support_effect"}))
        if effect is None or pd.isna(effect["shown_low"]) or pd.isna(effect["shown"]):
            return None
        ends = round_to(pd.Series([effect["shown_low"], effect["shown_high"]]), MONEY_STEP)
        found = (ends[1] - ends[0]) / 2 / z * (z + float(ndtri(POWER)))
        return float(round_to(pd.Series([found]), MONEY_STEP)[0]), np.nan, np.nan
    if row["group"] == "difference":
        parent = {"metric": row["cause"], "cause": ""}
        pair = [printed.find(row, **parent, group=group) for group in ("participant", "control")]
    else:
        pair = [printed.find(row, metric="cumulative_incidence")] * 2
    if None in pair:
        return None
    sizes = [each["worth_n"] for each in pair]
    found = float(detectable_difference(*sizes, pair[1]["shown"]))
    return None if np.isnan(found) else (*_percent(found), np.nan, np.nan)


def _effective(row: pd.Series) -> tuple[float, ...]:
    """An effective size: the shown others times what each is worth, rounded down to a twentieth."""
    true, shown = (
        float(row[n] if pd.isna(row[events]) else row[n] - row[events])
        for n, events in (("n", "n_events"), ("shown_n", "shown_events"))
    )
    worth = np.floor(min(row["estimate"] / max(true, 1), 1) * WORTH_STEPS + 1e-9) / WORTH_STEPS
    return float(np.rint(shown * max(worth, LEAST_WORTH))), np.nan, np.nan


def _smallest_arm(rows: pd.DataFrame) -> pd.Series:
    """Members of the smaller group: a difference counts both in n, the participants in n_events."""
    both = rows["group"].eq("difference")
    half = rows["n"] // 2
    arm = rows["n_events"].where(
        rows["n_events"].lt(half).fillna(False), rows["n"] - rows["n_events"]
    )
    return rows["n"].mask(both, arm.fillna(half))
