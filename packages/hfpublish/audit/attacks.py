"""What a reader would try on each protected figure, one attack a rule of disclosure control.

An attack takes rows that ``hfpublish.audit.judged`` made (protected ones with the true numbers
behind them where the exact results are at hand) and returns which of them give too much away. None
of them uses the rules of ``hfpublish.disclosure``: an attack must find what a missing rule lets
through.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from hfcore.study import Publication
from hfpublish.audit.text_attacks import formulas, free_texts, single_units
from hfpublish.disclosure.breakdowns import partition_column
from hfpublish.disclosure.curve_steps import FALLING, SINGLE_SHARE_MONTH
from hfpublish.disclosure.protection import OVER_TIME
from hfpublish.disclosure.publication_rules import EXTREMES

Attack = Callable[[pd.DataFrame, Publication], pd.Series]
_PARTS = ["level", "cause", "period"]
KEYS = ["municipality", "notebook", "metric", "variant", "group", "dimension", "month", *_PARTS]
TRUE = {"n": "true_n", "n_events": "true_events", "n_at_risk": "true_at_risk"}
SHOWN_COUNTS = ("n", "n_events", "n_at_risk")
MIN_SUM_HALF_WIDTH_SEK = 1000
MIN_CANDIDATES = 3
UNMOVED_SHARE, UNMOVED_LEAST = 0.6, 10
_SEK = ("sek", "sek_per_month")


def _is_shown(rows: pd.DataFrame, *kinds: str) -> pd.Series:
    return rows["estimate"].notna() & rows["kind"].isin(kinds)


def _size(rows: pd.DataFrame) -> pd.Series:
    """How many stand behind each row: in truth where that is known, else as shown."""
    return rows["true_n"].astype("float64").fillna(rows["n"].astype("float64"))


def _below(rows: pd.DataFrame, limit: int, slack: int = 0) -> pd.Series:
    """Which rows rest on fewer than a limit: in truth, or as shown less what noise may add."""
    true = rows["true_n"].astype("float64")
    shown = rows["n"].astype("float64") + slack
    return true.where(true.notna(), shown).lt(limit)


def _off_grid(values: pd.Series, step: pd.Series | float) -> pd.Series:
    """Which values are no whole multiple of a step."""
    parts = values.astype("float64") / step
    return (parts - parts.round()).abs().gt(1e-6)


def small_counts(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """1: a count too small to be shown stands, or the counts stand as they are."""
    found = pd.Series(False, index=rows.index)
    protected = rows["metric"].ne("claim_check")
    columns = [rows[column].astype("float64") for column in SHOWN_COUNTS]
    columns.append(rows["estimate"].where(rows["kind"].eq("count")))
    for values in columns:
        found |= values.between(1, publication.never_shown_below - 1) & protected
    return found | _unmoved(rows)


def _unmoved(rows: pd.DataFrame) -> pd.Series:
    """Counts that stand as they are, where noise would have moved most of them."""
    pairs = pd.concat(
        pd.DataFrame({"shown": rows[shown], "true": rows[true], "row": rows.index})
        for shown, true in TRUE.items()
    ).dropna()
    pairs = pairs.loc[
        pairs["true"].ge(6) & rows["metric"].ne("claim_check").loc[pairs["row"]].to_numpy()
    ]
    distinct = pairs.drop_duplicates(["shown", "true"])
    same = distinct["shown"].eq(distinct["true"])
    is_bare = len(distinct) >= UNMOVED_LEAST and same.mean() > UNMOVED_SHARE
    bare = pairs.loc[pairs["shown"].eq(pairs["true"]), "row"] if is_bare else []
    return pd.Series(rows.index.isin(bare), index=rows.index)


def small_breakdowns(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """2: parts of a small group, or parts that are small on average, are told apart."""
    column = partition_column(rows)
    parts = column.notna() & rows["estimate"].notna() & rows["kind"].isin(["count", "share"])
    tail = rows["level"].eq("") & column.eq("level")
    parts &= ~tail
    whole = rows["cause"].where(column.ne("cause"), rows["level"])
    keys = [rows[each] for each in KEYS if each not in _PARTS]
    groups = rows.loc[parts].groupby([*(k[parts] for k in keys), whole[parts]], dropna=False)
    count = rows["kind"].eq("count")
    own = rows["true_events"].astype("float64").fillna(_size(rows).where(count))
    own = own.fillna(rows["n_events"].astype("float64")).fillna(rows["estimate"].where(count))
    events = own.loc[parts]
    keyed = [each[parts] for each in keys] + [whole[parts]]
    total = events.groupby(keyed, dropna=False).transform("sum")
    cells = groups["estimate"].transform("size")
    size = _size(rows).loc[parts]
    size = size.where(rows["kind"].eq("share").loc[parts], total)
    # Merged parts have no truth behind them: their shown numbers may be off by the noise.
    is_merged = rows["true_n"].isna().loc[parts].groupby(keyed, dropna=False).transform("any")
    slack = cells * publication.noise_max * is_merged
    bad = (size + slack).lt(publication.min_breakdown_n)
    bad |= ((total + slack) / cells).lt(publication.min_mean_cell)
    return (bad & cells.gt(1)).reindex(rows.index, fill_value=False)


def sensitive(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """3: a death or sickness is told of a small group."""
    word = rows["cause"].mask(rows["cause"].eq(""), rows["level"])
    told = word.isin(publication.sensitive_causes) & rows["estimate"].notna()
    size = _size(rows)
    is_cell = rows["kind"].eq("count") & rows["n"].eq(rows["estimate"]).fillna(False)
    together = size.groupby([rows[each] for each in KEYS[:5]], dropna=False).transform("sum")
    return told & size.mask(is_cell, together).lt(publication.min_breakdown_n)


def exact_shares(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """4: a share that can be turned back into its counts, or of too few."""
    shown = _is_shown(rows, "share")
    fine = _off_grid(rows["estimate"], 0.01) | _off_grid(rows["ci_low"].fillna(0), 0.01)
    few = _below(rows, publication.min_share_denominator, publication.noise_max)
    candidates = pd.Series(MIN_CANDIDATES, index=rows.index)
    for place in rows.index[shown & fine]:
        candidates[place] = _candidates(rows.loc[place], publication.noise_max)
    return shown & (few | candidates.lt(MIN_CANDIDATES) | (fine & rows["kind"].eq("share")))


def _candidates(row: pd.Series, noise_max: int) -> int:
    """How many numerators and denominators near the shown n give the share to its digits."""
    if pd.isna(row["n"]):
        return MIN_CANDIDATES
    near = range(max(int(row["n"]) - noise_max, 1), int(row["n"]) + noise_max + 1)
    return sum(abs(round(row["estimate"] * n) / n - row["estimate"]) < 1e-9 for n in near)


def narrow_sums(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """5: a sum that tells its largest contribution, of too few, or to the krona."""
    shown = _is_shown(rows, "sum")
    rest = rows["sum_absolute"] - rows["largest"] - rows["second_largest"].fillna(0)
    dominated = rest.lt(rows["largest"] * publication.dominance_percent / 100)
    of_persons = rows["true_n"].notna() | ~rows["metric"].isin(["cost", "cost_difference"])
    few = of_persons & _below(rows, publication.min_sum_n, publication.noise_max)
    return shown & (dominated | few | _off_grid(rows["estimate"], 1000))


def narrow_means(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """6: a mean that gives its sum more closely than ± 1 000 kr, of too few, or an extreme."""
    shown = _is_shown(rows, "mean")
    few = _below(rows, publication.min_mean_n, publication.noise_max)
    n = _size(rows)
    step = pd.Series(
        np.select(
            [~_off_grid(rows["estimate"], each) for each in (500, 100, 50, 10)],
            [500.0, 100.0, 50.0, 10.0],
            1.0,
        ),
        index=rows.index,
    )
    in_money = rows["unit"].isin(_SEK)
    narrow = in_money & (n * step / 2).lt(MIN_SUM_HALF_WIDTH_SEK) & rows["estimate"].ne(0)
    fine = (rows["unit"].eq("months") & _off_grid(rows["estimate"], 0.5)) | (
        in_money & _off_grid(rows["estimate"], 100)
    )
    word = rows["level"].where(rows["dimension"].eq("statistic"), rows["method"])
    return shown & (few | narrow | fine | word.isin(EXTREMES))


def narrow_medians(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """7: a median or quartile of too few, or an outer percentile."""
    word = rows["level"].where(rows["dimension"].eq("statistic"), rows["method"])
    median = word.eq("median") & _below(rows, publication.min_median_n, publication.noise_max)
    quartile = word.str.contains("quartile").fillna(False)
    quartile &= _below(rows, publication.min_quartile_n, publication.noise_max)
    outer = word.str.contains("percentile").fillna(False)
    return rows["estimate"].notna() & (median | quartile | outer)


def single_steps(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """8: a step of a curve that is the fate of a few, or a curve's end with few at risk."""
    curves = _is_shown(rows, "curve") & rows["month"].notna()
    curves &= rows["true_at_risk"].notna() | rows["metric"].ne("reactivation")
    found = pd.Series(False, index=rows.index)
    keys = [each for each in KEYS if each != "month"]
    for _, curve in rows.loc[curves].groupby(keys, sort=False, dropna=False):
        found.loc[curve.index] = _bad_curve(curve.sort_values("month"), publication)
    is_tail = rows["metric"].eq(FALLING[1]) & rows["dimension"].eq("")
    return found | (curves & ~is_tail & rows["n_events"].notna())


def _bad_curve(curve: pd.DataFrame, publication: Publication) -> np.ndarray:
    """Which months of one curve give away too much."""
    share, n, true_n, at_risk, so_far = (
        curve[name].to_numpy(dtype="float64", na_value=np.nan)
        for name in ("estimate", "n", "true_n", "true_at_risk", "true_events")
    )
    metric = curve["metric"].iloc[0]
    height = 1 - share if metric in FALLING else share
    few = np.where(np.isnan(true_n), n, true_n) < publication.min_share_denominator
    bad = few | _off_grid(curve["estimate"], 0.01) | (at_risk < publication.min_at_risk)
    if metric == FALLING[1]:
        so_far = true_n - so_far
    rise = np.diff(height, prepend=0.0)
    steps = np.abs(rise) > 1e-9
    fresh = _since_last_step(so_far, steps)
    # Without the truth: the most events that a jump of so many whole percent can be.
    first_is_none = np.where(np.arange(len(rise)) == 0, np.nan, np.abs(rise))
    room = (first_is_none + 0.01) * (n + publication.noise_max)
    told = np.where(np.isnan(fresh), np.where(steps & np.isnan(so_far), room, np.nan), fresh)
    small = told < publication.min_step_events
    is_single = len(curve) == 1 and curve["month"].iloc[0] == SINGLE_SHARE_MONTH
    thin = pd.Series(so_far).max() < publication.min_curve_events
    return bad | ((small | thin) & (not is_single))


def _since_last_step(so_far: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """At each step of a curve how many events came since the step before; NaN elsewhere."""
    fresh, last = np.full(len(so_far), np.nan), 0.0
    for place in np.flatnonzero(steps):
        fresh[place] = so_far[place] - last
        last = so_far[place] if not np.isnan(so_far[place]) else last
    return fresh


def open_models(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """9: a model result of too few, with too many digits, or that shows one household or a few."""
    shown = _is_shown(rows, "model")
    both = rows["group"].eq("difference")
    n, events = rows["true_n"].astype("float64"), rows["true_events"].astype("float64")
    arm = n.mask(both, np.minimum(events, n - events).fillna(n / 2))
    shown_arm = (rows["n"].astype("float64") + publication.noise_max) / np.where(both, 2, 1)
    few = arm.where(arm.notna(), shown_arm).lt(publication.min_model_arm)
    few |= rows["df"].lt(publication.min_model_df)
    steps = rows["unit"].map({"share": 0.01, "months": 0.5, "count": 1.0, "ratio": 0.01})
    fine = _off_grid(rows["estimate"], steps.fillna(100.0))
    of_one = rows["variant"].str.startswith("leave_one_out")
    # Who changed must be several, and with their number the difference tells how many each way.
    over_time = rows["metric"].isin(OVER_TIME)
    counted = over_time & (events.lt(publication.min_step_events) | rows["n_events"].notna())
    return shown & (few | fine | of_one | counted)


def thin_series(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """10: a point of a monthly series that rests on too few."""
    points = _is_shown(rows, "mean", "model") & rows["month"].notna()
    return points & _below(rows, publication.min_mean_n, publication.noise_max)


def open_staff(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """12: hours of few workers, or shares of hours finer than whole percent."""
    shown = _is_shown(rows, "staff")
    few = _size(rows).lt(publication.min_workers)
    hours = rows["unit"].eq("hours") & few
    fine = rows["unit"].eq("share") & _off_grid(rows["estimate"], 0.01)
    return shown & (hours | fine | (few & rows["n"].notna()))


def unknown_figures(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """0: a figure of a metric that no rule knows."""
    return _is_shown(rows, "unknown")


ATTACKS: tuple[tuple[int, str, Attack], ...] = (
    (0, "unknown figure", unknown_figures),
    (1, "small or unmoved count", small_counts),
    (2, "small breakdown", small_breakdowns),
    (3, "sensitive cause in a small group", sensitive),
    (4, "percent inversion", exact_shares),
    (5, "narrow sum", narrow_sums),
    (6, "narrow mean", narrow_means),
    (7, "median of few", narrow_medians),
    (8, "curve steps", single_steps),
    (9, "open model result", open_models),
    (10, "thin series", thin_series),
    (11, "single unit", single_units),
    (12, "staff", open_staff),
    (13, "free text", free_texts),
    (14, "formula", formulas),
)
