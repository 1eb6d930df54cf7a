"""What a reader would try on each protected figure, one attack a rule of disclosure control.

An attack takes rows that ``hfpublish.audit.judged`` made (protected ones with the true numbers
behind them where the exact results are at hand) and returns which of them give too much away. None
of them uses the rules of ``hfpublish.disclosure``: an attack must find what a missing rule lets
through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from hfcore.schema import CLOSURE_REASONS
from hfcore.study import Publication, Study
from hfpublish.audit.text_attacks import formulas, free_texts, single_units
from hfpublish.disclosure.breakdowns import partition_column
from hfpublish.disclosure.protection import OVER_TIME
from hfpublish.disclosure.publication_rules import EXTREMES

Attack = Callable[[pd.DataFrame, Publication], pd.Series]
# What is small and what is sensitive, apart from the rules and from the study, which may only be
# stricter: a rule that is loosened in the one place is found from the other.
OWN_LIMITS = {
    "noise_max": 3,
    "noise_variance": 2.0,
    "never_shown_below": 3,
    "min_breakdown_n": 20,
    "min_mean_cell": 5.0,
    "min_share_denominator": 20,
    "min_sum_n": 10,
    "dominance_percent": 20,
    "min_mean_n": 10,
    "fine_mean_n": 20,
    "min_median_n": 20,
    "min_quartile_n": 40,
    "min_quarters_n": 50,
    "min_started": 10,
    "min_model_arm": 10,
    "min_model_df": 10,
    "min_workers": 10,
    "min_newcomers": 5,
    "min_release_days": 91,
}
SENSITIVE_REASONS = ("deceased", "social_insurance")
_PARTS = ["level", "cause", "period"]
KEYS = ["municipality", "notebook", "metric", "variant", "group", "dimension", "month", *_PARTS]
TRUE = {"n": "true_n", "n_events": "true_events", "n_at_risk": "true_at_risk"}
SHOWN_COUNTS = ("n", "n_events", "n_at_risk")
MIN_SUM_HALF_WIDTH_SEK = 1000
MIN_CANDIDATES = 3
UNMOVED_SHARE, UNMOVED_LEAST = 0.6, 10
_SEK = ("sek", "sek_per_month")


def strictest(publication: Publication) -> Publication:
    """The audit's own limits, or the study's where those are stricter."""
    limits = {name: max(own, getattr(publication, name)) for name, own in OWN_LIMITS.items()}
    return replace(publication, **limits)


def sensitive_words(study: Study) -> set[str]:
    """Reasons that tell of health, and causes half of whose reasons do, by whatever name."""
    words = {*SENSITIVE_REASONS, *study.publication.sensitive_reasons}
    found = set(words)
    for variant in ("default", *study.definitions.cause_variants):
        causes = study.cause_of(variant)
        lists = {cause: own for cause, own in causes.items() if not isinstance(own, str)}
        rest = set(CLOSURE_REASONS).difference(*lists.values())
        for cause in causes:
            own = set(lists.get(cause, rest))
            if own and len(own & words) >= len(own - words):
                found.add(cause)
    return found


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
    told = rows["is_sensitive"] & rows["estimate"].notna()
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


def followed_shares(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """8: a curve told at too many months, of too few, too finely, or with its events.

    Months times groups is what leaks: the whole at quarters (from 50) or half years, its parts at
    years.
    """
    curves = _is_shown(rows, "curve") & rows["month"].notna()
    curves &= rows["true_at_risk"].notna() | rows["metric"].ne("reactivation")
    size = _size(rows)
    is_part = rows["dimension"].ne("") | rows["period"].ne("")
    slack = publication.noise_max * rows["true_n"].isna()
    many = (size + slack).ge(publication.min_quarters_n)
    every = np.where(is_part, 12, np.where(many, 3, 6))
    month = rows["month"].astype("float64")
    dense = month.mod(every).ne(0) | ~month.between(1, 24)
    few = _below(rows, publication.min_breakdown_n, publication.noise_max)
    few |= rows["n_started"].astype("float64").lt(publication.min_started)
    fine = _off_grid(rows["estimate"], 0.01) | _off_grid(rows["ci_low"].fillna(0), 0.01)
    return curves & (dense | few | fine | rows["n_events"].notna() | rows["ci_low"].isna())


def open_models(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    """9: a model result of too few, with too many digits, or that shows one household or a few."""
    shown = _is_shown(rows, "model")
    both = rows["group"].eq("difference")
    n, events = rows["true_n"].astype("float64"), rows["true_events"].astype("float64")
    arm = n.mask(both, np.minimum(events, n - events).fillna(n / 2))
    shown_arm = (rows["n"].astype("float64") + publication.noise_max) / np.where(both, 2, 1)
    few = arm.where(arm.notna(), shown_arm).lt(publication.min_model_arm)
    few |= rows["df"].lt(publication.min_model_df)
    steps = rows["unit"].map({"share": 0.01, "months": 0.1, "count": 1.0, "ratio": 0.01})
    fine = _off_grid(rows["estimate"], steps.fillna(100.0))
    of_one = rows["variant"].str.startswith("leave_one_out")
    # With the number of those who changed the difference tells how many each way.
    over_time = rows["metric"].isin(OVER_TIME)
    counted = over_time & rows["n_events"].notna()
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
    (8, "followed shares", followed_shares),
    (9, "open model result", open_models),
    (10, "thin series", thin_series),
    (11, "single unit", single_units),
    (12, "staff", open_staff),
    (13, "free text", free_texts),
    (14, "formula", formulas),
)
