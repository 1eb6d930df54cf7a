"""The rules for single figures: counts, shares, sums, means, model results and staff.

Each rule takes the frame of ``hfpublish.disclosure.protection`` and the study's parameters and
returns the frame with what it may not show rounded or withheld.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.study import Publication
from hfpublish.disclosure.cell_key import add_noise
from hfpublish.disclosure.model_rows import MONTH_STEP, rounded_to
from hfpublish.disclosure.printed_shares import SHARE_STEP, score_range
from hfpublish.disclosure.protection import (
    ESTIMATE,
    at_least,
    is_kind,
    mark,
    round_to,
    withhold,
)
from hfpublish.disclosure.share_bounds import counted_shares, shown_rates, widened_bounds

PAIRS = ("co_needs",)
EXTREMES = ("minimum", "maximum", "longest", "shortest", "mode")
SUM_STEP, LARGE_SUM_STEP, LARGE_SUM = 1_000, 10_000, 1_000_000
FINE_MEAN_STEP, COARSE_MEAN_STEP = 100, 500


def noisy_counts(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 1: every count, also the n of other figures, is moved by its contributors' noise.

    Shown is never 1 or 2; a true 0 stays 0; a total has its own noise. A count without keys is
    shown as the interval of six that it lies in.
    """
    known = rows["metric"].ne("claim_check")
    noisy = {
        "shown_n": ("n", "key_n"),
        "shown_events": ("n_events", "key_events"),
        "shown_at_risk": ("n_at_risk", "key_at_risk"),
    }
    for shown, (count, key) in noisy.items():
        changed = add_noise(rows[count], rows[key], publication)
        needs_key = rows["kind"].isin(["count", "share"]) | (count == "n")
        visible = rows[shown].notna() & (needs_key | rows[key].notna())
        rows = rows.assign(**{shown: rows[shown].where(visible | ~known)})
        rows = rows.assign(**{shown: rows[shown].mask(known & visible, changed)})
    counts = is_kind(rows, "count")
    value = add_noise(rows["n_events"], rows["key_events"], publication).astype("float64")
    has_key = rows["key_events"].notna() | value.eq(0)
    rows = rows.assign(
        shown=rows["shown"].mask(counts, value),
        shown_low=rows["shown_low"].mask(counts, (value - 2).where(~has_key)),
        shown_high=rows["shown_high"].mask(counts, (value + 3).where(~has_key)),
    )
    return mark(mark(rows, counts, "cell_key"), counts & ~has_key, "interval")


def protected_shares(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 4: shares come from the protected numerator and denominator, in whole percent.

    The denominator has at least ``min_share_denominator`` true members, and as many shown. The
    range is a score interval of the printed share that contains the noise of both counts
    (``printed_shares.score_range``), as wide as clustering made the exact one.
    """
    if not is_kind(rows, "share").any():
        return rows
    shares = is_kind(rows, "share")
    enough = at_least(rows, publication.min_share_denominator) & rows["n_events"].notna()
    # Two needs together lie closer to a single person than one need does.
    pairs = rows["metric"].isin(PAIRS)
    enough &= ~pairs | at_least(rows, publication.min_quartile_n)
    rows = withhold(rows, shares & ~enough)
    shares = is_kind(rows, "share")
    part, whole = (rows[name].astype("float64") for name in ("shown_events", "shown_n"))
    moved = (part / whole).clip(0, 1).where(shares)
    printed = round_to(moved, SHARE_STEP).round(2)
    worth_n = (whole / rows["design_effect"]).round().clip(lower=1)
    ends = score_range(printed.to_numpy(), worth_n.to_numpy(), SHARE_STEP)
    told = [printed, *(round_to(pd.Series(end, rows.index), SHARE_STEP).round(2) for end in ends)]
    rows = rows.assign(
        moved=rows["moved"].mask(shares, moved),
        worth_n=rows["worth_n"].mask(shares, worth_n),
        **{
            column: rows[column].mask(shares, values)
            for column, values in zip(ESTIMATE, told, strict=True)
        },
    )
    rows = counted_shares(widened_bounds(rows, publication), publication)
    return mark(rows, shares, "cell_key")


def rounded_sums(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 5: sums of money have ``min_sum_n`` contributors and none that dominates.

    What is left of the absolute amounts without the two largest must be at least
    ``dominance_percent`` of the largest, so that the second cannot estimate the first. Rounded to
    1 000, above a million to 10 000. Costs from a budget have no persons behind them and are
    rounded only.
    """
    if not is_kind(rows, "sum").any():
        return rows
    sums = is_kind(rows, "sum")
    of_persons = ~rows["metric"].isin(["cost", "cost_difference"]) | rows["n"].notna()
    rest = rows["sum_absolute"] - rows["largest"] - rows["second_largest"].fillna(0)
    is_spread = rest.ge(rows["largest"] * publication.dominance_percent / 100)
    safe = at_least(rows, publication.min_sum_n) & is_spread
    rows = withhold(rows, sums & of_persons & ~safe)
    step = np.where(rows["shown"].abs().gt(LARGE_SUM), LARGE_SUM_STEP, SUM_STEP)
    return rounded_to(rows, is_kind(rows, "sum"), pd.Series(step, index=rows.index))


def rounded_means(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 6: means need ``min_mean_n`` contributors; 100 kr, under ``fine_mean_n`` 500 kr.

    Months are rounded to halves. The smallest, the largest and the most common value are never
    shown. Points of a monthly series are let through or not by rule 10.
    """
    rows = shown_rates(rows, publication)
    if not is_kind(rows, "mean").any():
        return rows
    means = is_kind(rows, "mean")
    is_extreme = rows["method"].isin(EXTREMES) | statistic(rows).isin(EXTREMES)
    too_few = ~at_least(rows, publication.min_mean_n)
    in_series = rows["month"].notna()
    rows = withhold(rows, means & ((too_few & ~in_series) | is_extreme))
    return rounded_to(rows, is_kind(rows, "mean"), _mean_step(rows, publication))


def _mean_step(rows: pd.DataFrame, publication: Publication) -> pd.Series:
    many = at_least(rows, publication.fine_mean_n)
    money = np.where(many, FINE_MEAN_STEP, COARSE_MEAN_STEP)
    return pd.Series(np.where(rows["unit"].eq("months"), MONTH_STEP, money), index=rows.index)


def statistic(rows: pd.DataFrame) -> pd.Series:
    """Which statistic a figure is: the level of that dimension, else its method."""
    return rows["level"].where(rows["dimension"].eq("statistic"), rows["method"])


def medians(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 7: a median needs ``min_median_n`` contributors, a quartile ``min_quartile_n``.

    Other percentiles are never shown. Rounding is that of means.
    """
    word = statistic(rows)
    is_median, is_quartile = word.eq("median"), word.str.contains("quartile").fillna(False)
    is_other = word.str.contains("percentile").fillna(False)
    too_few = is_median & ~at_least(rows, publication.min_median_n)
    too_few |= is_quartile & ~at_least(rows, publication.min_quartile_n)
    return withhold(rows, too_few | is_other)


def series_points(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 10: a point of a monthly series needs ``min_mean_n`` contributors, else it is a gap."""
    if not is_kind(rows, "mean", "model").any():
        return rows
    in_series = rows["month"].notna() & is_kind(rows, "mean", "model")
    return withhold(rows, in_series & ~at_least(rows, publication.min_mean_n))


def team_figures(rows: pd.DataFrame, publication: Publication) -> pd.DataFrame:
    """Rule 12: under ``min_workers`` workers only shares of a team's hours, in whole percent.

    Cases per post are whole numbers; the number of workers is not shown.
    """
    if not is_kind(rows, "staff").any():
        return rows
    staff = is_kind(rows, "staff")
    few = ~at_least(rows, publication.min_workers)
    rows = withhold(rows, staff & few & rows["unit"].eq("hours"))
    is_fine = rows["unit"].eq("share") | rows["group"].eq("difference")
    step = pd.Series(np.where(is_fine, SHARE_STEP, 1.0), index=rows.index)
    rows = rounded_to(rows, is_kind(rows, "staff"), step)
    of_staff = rows["kind"].eq("staff") & few
    hidden = {column: rows[column].mask(of_staff) for column in ("shown_n", "shown_events")}
    return rows.assign(**hidden)


def frozen(
    results: pd.DataFrame,
    earlier: pd.DataFrame | None,
    days_since: int | None,
    publication: Publication,
) -> pd.DataFrame:
    """Rule 15: a figure with fewer than five newcomers within a quarter keeps its earlier value.

    So that the difference of two releases tells nothing of the few who came between.
    """
    far_apart = days_since is not None and days_since >= publication.min_release_days
    if earlier is None or earlier.empty or far_apart:
        return results
    keys = [*[each for each in ("municipality", "notebook") if each in results], "metric"]
    keys += ["variant", "group", "dimension", "level", "cause", "month", "period", "method"]
    last = earlier.drop_duplicates(keys).set_index(keys)
    place = last.index.get_indexer(pd.MultiIndex.from_frame(results[keys]))
    before = last["n"].iloc[place].reset_index(drop=True).where(place >= 0)
    change = (results["n"].reset_index(drop=True) - before).abs()
    is_few = change.lt(publication.min_newcomers).fillna(False).to_numpy(dtype=bool)
    values = [column for column in results if column not in (*keys, "study")]
    old = last.iloc[place][values].set_axis(results.index)
    kept = {column: results[column].mask(is_few, old[column]) for column in values}
    return results.assign(**kept)
