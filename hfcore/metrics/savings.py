"""What lower support is worth beside the cost: as reports count it, and by the estimated effect.

Reports count every closure as saved support: an upper end, told beside what similar households
went on to be paid. The honest figures come from the estimated effect and are never more certain
than it is. All are amounts of support; what it is worth to anybody else is not in them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from hfcore.cohort import assign_cause
from hfcore.errors import MetricInputError
from hfcore.estimators.intervals import LEVEL, mean_t
from hfcore.metrics.contributions import entered
from hfcore.results import Results, build_results, one_row, require_columns
from hfcore.study import Municipality, Study, month_number

# Who pays for a household after its closure, by the reason of it; small ones stand together.
PAYERS = {
    "nobody": ("work", "studies"),
    "state": ("social_insurance",),
    "state_and_municipality": ("subsidised_work", "sheltered_work"),
    "other": ("moved", "deceased", "stopped_applying", "cohabiting", "transferred", "other"),
}
_PAYER_OF = {reason: payer for payer, reasons in PAYERS.items() for reason in reasons}
YEAR, LONGEST = 12, 120
MIN_CONTROLS = 20
RESAMPLES = 2_000
LEAST_GRADE = 3
WHOLE, PARTS = "1-24", ("1-12", "13-24")


def closure_bases(
    cohort: pd.DataFrame, payments: pd.DataFrame, municipality: Municipality, study: Study
) -> pd.DataFrame:
    """Each closed participant with its mean monthly support before the month of closure.

    Parameters
    ----------
    cohort : one row a household (``build_cohort``).
    payments : one row a household and month: household_id, month, amount_sek.
    municipality : says which months its payments reach.
    study : how many months before count (``baseline_months``).

    Returns
    -------
    One row a closure: the cohort's columns, ``base_sek`` (months without payment are zero; null
    where a month lies outside the reach) and ``payer`` by the closure's reason.
    """
    require_columns(payments, ("household_id", "month", "amount_sek"), "payments")
    require_columns(cohort, ("household_id", "closed_on", "closure_reason"), "cohort")
    closed = entered(cohort).loc[lambda frame: frame["is_closed"]]
    before = study.definitions.baseline_months
    at = month_number(closed["closed_on"]).astype("int64")
    known = payments.assign(running=month_number(payments["month"]).astype("int64"))
    of_closed = known.merge(closed[["household_id"]].assign(at=at), on="household_id")
    is_before = of_closed["running"].between(of_closed["at"] - before, of_closed["at"] - 1)
    sums = of_closed.loc[is_before].groupby("household_id")["amount_sek"].sum()
    base = closed["household_id"].map(sums).fillna(0.0) / before
    reach = month_number(pd.to_datetime(pd.Series([municipality.payments_from])))[0]
    return closed.assign(
        base_sek=base.where(at - before >= reach),
        payer=closed["closure_reason"].map(_PAYER_OF).fillna("other").astype("str"),
    )


def saving_gross(bases: pd.DataFrame, study: Study) -> Results:
    """What the closed households would have been paid if all had stayed: an arithmetic example.

    Parameters
    ----------
    bases : one row a closure (``closure_bases``).

    Returns
    -------
    One row a definition (``variant``: ``all_closures`` as reports count, those of self-sufficiency,
    ``without_first_month``) and number of months (dimension ``months``): months × sum of the
    bases; n counts closures with a known base, n_at_risk all closures. Dimension ``payer``: the
    same at twelve months by who pays after the closure.

    Notes
    -----
    Interval: months × (sum ± t(n − 1) × s × √n), the closures as a sample of such. An upper end of
    what is saved: many would have closed in these months anyway.
    """
    headline, chosen = study.causes[0], {"all_closures": bases}
    for variant in ("default", *study.definitions.cause_variants):
        causes = assign_cause(bases, study, variant)["cause"]
        chosen[variant] = bases.loc[causes.eq(headline)]
    chosen["without_first_month"] = bases.loc[bases["month_closed"].gt(0)]
    table = [
        _sum_row(part, months) | {"variant": name, "dimension": "months", "level": str(months)}
        for name, part in chosen.items()
        for months in study.definitions.saving_months
    ]
    table += [
        _sum_row(bases.loc[bases["payer"].eq(payer)], YEAR)
        | {"variant": "all_closures", "dimension": "payer", "level": payer}
        for payer in PAYERS
    ]
    constants = {"metric": "saving_gross", "unit": "sek", "group": "participant"}
    return build_results(pd.DataFrame(table), method="closures_times_base", **constants)


def _sum_row(closures: pd.DataFrame, months: int) -> dict[str, object]:
    known = closures.loc[closures["base_sek"].notna()]
    base = known["base_sek"].to_numpy("float64")
    n, size = len(base), np.sort(np.abs(base))[::-1]
    low, high = (
        (float(end) for end in mean_t(base.mean(), base.std(ddof=1), n))
        if n > 1
        else (np.nan, np.nan)
    )
    return {
        "estimate": months * base.sum() if n else np.nan,
        "ci_low": months * n * low,
        "ci_high": months * n * high,
        "n": n,
        "n_at_risk": len(closures),
        "key_n": float(known["record_key"].sum()),
        "largest": months * size[0] if n else np.nan,
        "second_largest": months * size[1] if n > 1 else np.nan,
        "sum_absolute": months * size.sum(),
        "n_negative": int((base < 0).sum()),
        "status": "ok" if n else "too_few",
    }


def expected_saving(
    bases: pd.DataFrame,
    controls: pd.DataFrame,
    payments: pd.DataFrame,
    municipality: Municipality,
    study: Study,
) -> Results:
    """The same closures, against what controls on support at that time went on to be paid.

    Parameters
    ----------
    bases : one row a closure (``closure_bases``).
    controls : households with ``start_month`` (an index month) and ``household_id``.

    Returns
    -------
    ``saving_gross`` variant ``expected``, one row a number of months: Σ base × ratio of what
    controls on support in that month since start were paid over their base, less what the closed
    were paid; beside it ``same_closures``, as reports count, of just those closures. n counts
    closures that are followed so long and have ``MIN_CONTROLS`` such controls, n_at_risk all.
    Still an upper end: those who close are the quicker ones.

    Notes
    -----
    Landmark by month since start or index. Percentile interval of 2 000 draws of closures and
    controls, by the study's seed.
    """
    paid = _paid(pd.concat([bases, controls]), payments, municipality)
    closers = bases.loc[bases["base_sek"].notna()]
    rng = np.random.default_rng(study.definitions.seed)
    table = []
    for months in study.definitions.saving_months:
        told, known = _expected_row(closers, controls, paid, months, study, rng)
        kept = {"level": str(months), "n_at_risk": len(bases)}
        same = _sum_row(closers.loc[known], months) | kept
        table += [told | kept, same | {"variant": "same_closures", "method": "closures_times_base"}]
    texts = {"variant": "expected", "method": "landmark_bootstrap"}
    constants = {"metric": "saving_gross", "unit": "sek", "group": "participant"}
    return build_results(pd.DataFrame(table).fillna(texts), dimension="months", **constants)


def _paid(
    households: pd.DataFrame, payments: pd.DataFrame, municipality: Municipality
) -> pd.DataFrame:
    """Support by household and running month within the reach of the payments, zeros in."""
    ends = pd.to_datetime(pd.Series([municipality.payments_from, municipality.payments_to]))
    first, last = month_number(ends).astype("int64")
    ids = list(dict.fromkeys(households["household_id"]))
    running = month_number(payments["month"]).astype("int64")
    wide = payments.assign(running=running).pivot_table(
        "amount_sek", "household_id", "running", aggfunc="sum"
    )
    return wide.reindex(index=ids, columns=range(first, last + 1)).fillna(0.0)


def _window(paid: pd.DataFrame, ids: pd.Series, start: np.ndarray, months: int) -> np.ndarray:
    """Sum of months from ``start`` on; NaN where one of them is outside the reach."""
    values = paid.loc[ids].to_numpy()
    sums = np.concatenate([np.zeros((len(values), 1)), values.cumsum(axis=1)], axis=1)
    begin = np.asarray(start, dtype="int64") - int(paid.columns[0])
    inside = (begin >= 0) & (begin + months <= values.shape[1])
    rows, safe = np.arange(len(values)), np.where(inside, begin, 0)
    return np.where(
        inside, sums[rows, np.minimum(safe + months, values.shape[1])] - sums[rows, safe], np.nan
    )


def _expected_row(
    closers: pd.DataFrame,
    controls: pd.DataFrame,
    paid: pd.DataFrame,
    months: int,
    study: Study,
    rng: np.random.Generator,
) -> tuple[dict[str, object], np.ndarray]:
    """The row, and which of the closers it counts."""
    before = study.definitions.baseline_months
    at = month_number(closers["closed_on"]).to_numpy("int64")
    since = closers["month_closed"].to_numpy("int64")
    own = _window(paid, closers["household_id"], at + 1, months)
    longest = int(since.max()) if len(since) else -1
    index = month_number(controls["start_month"]).to_numpy("int64")
    later, base = np.zeros((2, len(controls), longest + 1))
    for k in range(longest + 1):
        now = _window(paid, controls["household_id"], index + k, 1)
        after = _window(paid, controls["household_id"], index + k + 1, months)
        mean = _window(paid, controls["household_id"], index + k - before, before) / before
        counts = (now > 0) & ~np.isnan(after) & ~np.isnan(mean)
        later[:, k], base[:, k] = np.where(counts, after, 0.0), np.where(counts, mean, np.nan)
    enough = (~np.isnan(base)).sum(axis=0) >= MIN_CONTROLS
    base = np.nan_to_num(base)
    known = ~np.isnan(own) & enough[since] if len(since) else np.zeros(0, dtype=bool)
    if known.sum() < 2:
        return {"n": int(known.sum()), "status": "too_few"}, known
    b, paid_after, k = closers["base_sek"].to_numpy()[known], own[known], since[known]

    def saved(weights: np.ndarray, of_controls: np.ndarray) -> np.ndarray:
        down = of_controls @ base
        ratio = np.divide(of_controls @ later, down, out=np.zeros_like(down), where=down > 0)
        return (weights * (b * ratio[:, k] - paid_after)).sum(axis=1)

    n, m = len(b), len(controls)
    draws = saved(
        rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(float),
        rng.multinomial(m, np.full(m, 1 / m), RESAMPLES).astype(float),
    )
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    size = np.sort(np.abs(b))[::-1] * months
    row = {
        "estimate": saved(np.ones((1, n)), np.ones((1, m)))[0],
        "ci_low": low,
        "ci_high": high,
        "n": n,
        "key_n": float(closers["record_key"].to_numpy()[known].sum()),
        "largest": size[0],
        "second_largest": size[1],
        "sum_absolute": size.sum(),
        "status": "ok",
    }
    return row, known


def break_even(gross: pd.DataFrame, cost: float, cost_months: int) -> Results:
    """What must be due to the intervention for its cost to be covered, by the arithmetic of gross.

    Parameters
    ----------
    gross : rows of ``saving_gross``.
    cost : the whole cost in SEK.
    cost_months : how many months it covers: those in which the closures were made.

    Returns
    -------
    ``saving_net`` (gross − whole cost; variant ``as_published`` − the cost of as many months as
    are counted as saved), ``break_even_share`` (cost / gross, variants by months of cost) by
    months saved, and ``break_even_months`` (cost / Σ base: by how many months each closure must be
    earlier). Ranges are those of gross, shifted or turned around.

    References
    ----------
    Aos et al. (2004), break-even success rate.
    """
    require_columns(gross, ("variant", "dimension", "level", "estimate"), "gross")
    own = gross.loc[gross["variant"].eq("all_closures") & gross["dimension"].eq("months")]
    parts, ends = [], ["estimate", "ci_low", "ci_high"]
    for row in own.to_dict("records"):
        months, monthly = int(row["level"]), cost / cost_months
        kept = {name: row[name] for name in _KEPT}
        figures = np.array([row[name] for name in ends], dtype="float64")
        for variant, spent in (("all_closures", cost), ("as_published", monthly * months)):
            net = dict(zip(ends, figures - spent, strict=True))
            parts.append(kept | net | {"metric": "saving_net", "variant": variant, "unit": "sek"})
        for length in sorted({*study_months(own), cost_months}):
            share = dict(zip(ends, _inverted(monthly * length, figures), strict=True))
            named = {"metric": "break_even_share", "variant": f"cost_{length}_months"}
            parts.append(kept | share | named | {"unit": "share"})
        if months == max(study_months(own)):
            earlier = dict(zip(ends, _inverted(cost, figures / months), strict=True))
            named = {"metric": "break_even_months", "variant": "all_closures", "unit": "months"}
            parts.append(kept | earlier | named | {"dimension": "", "level": ""})
    if not parts:
        raise MetricInputError("gross has no rows of all closures by months.")
    return build_results(pd.DataFrame(parts), method="break_even_arithmetic")


_KEPT = (
    "group",
    "dimension",
    "level",
    "n",
    "key_n",
    "largest",
    "second_largest",
    "sum_absolute",
    "status",
)


def study_months(gross: pd.DataFrame) -> list[int]:
    """The numbers of months that rows of gross savings count."""
    return sorted({int(level) for level in gross["level"]})


def _inverted(cost: float, figures: np.ndarray) -> np.ndarray:
    """cost / figure, with the ends of the range turned around; null where not above nought."""
    return np.where(figures > 0, cost / np.where(figures > 0, figures, 1.0), np.nan)[[0, 2, 1]]


def effect_row(effects: pd.DataFrame) -> tuple[pd.Series | None, int]:
    """The effect that savings build on and its months: window 1–24, else the first year."""
    for level in (WHOLE, PARTS[0]):
        row = one_row(effects, "support_effect", dimension="window", level=level)
        if row is not None and pd.notna(row["estimate"]):
            return row, int(level.partition("-")[2])
    return None, 0


def saving_by_effect(effects: pd.DataFrame, costs: pd.DataFrame, study: Study) -> Results:
    """Whether lower support covers the cost, by the estimated effect on those who took part.

    Parameters
    ----------
    effects : rows of ``support_effect``, by whichever estimator.
    costs : rows of ``cost_per_household``; the variant ``steady`` counts where it is known.

    Returns
    -------
    ``saving_per_household`` (−months × effect), ``net_per_household`` (that less cost a
    household), ``break_even_effect`` (SEK per household and month by which support must be lower)
    and ``break_even_months``: the first month by which lower support has covered the cost, by
    fade a year after month 24 (dimension ``fade``) and discount a year (variant
    ``effect_discount_3.5``: percent). Null with the method ``not_within_10_years`` where it has
    not by then.

    Notes
    -----
    Ranges are those of the effect itself; the net adds that of the cost (MOVER, as if cost and
    effect were independent). The cost counts in full at the start.

    Examples
    --------
    >>> months_to_cover(60_000, 1_500, 0.0, 0.0), months_to_cover(60_000, 1_500, 0.0, 0.035)
    (40.0, 43.0)
    >>> months_to_cover(60_000, 1_500, 0.5, 0.0), months_to_cover(60_000, 1_500, 0.5, 0.035)
    (77.0, nan)
    """
    row, months = effect_row(effects)
    price = _price(costs)
    if row is None or price is None:
        names = ("saving_per_household", "net_per_household", "break_even_effect")
        table = [{"metric": name, "status": "not_available", "unit": "sek"} for name in names]
        return build_results(pd.DataFrame(table))
    tau = np.array([row[name] for name in ("estimate", "ci_high", "ci_low")], dtype="float64")
    cost = np.array([price[name] for name in ("estimate", "ci_low", "ci_high")], dtype="float64")
    cost = np.where(np.isnan(cost), cost[0], cost)
    saved = -months * tau
    net = saved[0] - cost[0]
    shifts = np.hypot(saved - saved[0], cost[[0, 2, 1]] - cost[0])
    net_ends = (net, net - shifts[1], net + shifts[2])
    names = [
        ("saving_per_household", saved, "sek", "effect_times_months"),
        ("net_per_household", net_ends, "sek", "mover"),
        ("break_even_effect", cost / months, "sek_per_month", "cost_by_months"),
    ]
    table = [
        {"metric": metric, "unit": unit, "method": method, "month": months, **_ends(figures)}
        for metric, figures, unit, method in names
    ]
    for discount in study.definitions.discounts:
        for fade in study.definitions.fades:
            covered = [months_to_cover(cost[0], -each, fade, discount) for each in tau]
            figures = (covered[0], covered[2], covered[1])
            table.append(
                {
                    "metric": "break_even_months",
                    "variant": f"effect_discount_{discount * 100:g}",
                    "dimension": "fade",
                    "level": f"{fade:g}",
                    "unit": "months",
                    "method": "not_within_10_years" if np.isnan(covered[0]) else "discounted_sums",
                    **_ends(figures),
                }
            )
    kept = {name: row[name] for name in ("n", "n_events", "key_n", "key_events", "df", "status")}
    rows = pd.DataFrame(table).assign(**kept)
    texts = {"variant": "default", "dimension": "", "level": ""}
    return build_results(rows.fillna(texts), group="difference")


def _price(costs: pd.DataFrame) -> pd.Series | None:
    for variant in ("steady", "default"):
        row = one_row(costs, "cost_per_household", variant=variant)
        if row is not None and pd.notna(row["estimate"]):
            return row
    return None


def _ends(figures: object) -> dict[str, float]:
    values = [float(each) for each in figures]  # type: ignore[attr-defined]
    return dict(zip(("estimate", "ci_low", "ci_high"), values, strict=True))


def months_to_cover(cost: float, saved: float, fade: float, discount: float) -> float:
    """The first month by which a monthly saving has covered a cost; NaN if not in ten years.

    After month 24 the saving falls by ``fade`` a year; later money counts less by ``discount``.
    """
    month = np.arange(1, LONGEST + 1)
    after = np.maximum(month - 24, 0) / YEAR
    left = np.where(after > 0, (1 - fade) ** after, 1.0)
    total = np.cumsum(saved * left * (1 + discount) ** (-month / YEAR))
    reached = np.flatnonzero(total >= cost - 1e-9)
    return float(month[reached[0]]) if len(reached) and saved > 0 else float("nan")


def break_even_chance(
    effects: pd.DataFrame, costs: pd.DataFrame, grade: float, study: Study
) -> Results:
    """The chance that lower support covers the cost, given the estimate and nothing else known.

    Parameters
    ----------
    grade : of the design (``design_grade``); below 3 nothing is told.

    Returns
    -------
    One row, T((months × −effect − cost) / (months × error)) with the effect's degrees of freedom;
    ``too_few`` below grade 3 or where a group has fewer than ``min_households_arm``.

    References
    ----------
    WSIPP (2019), chance that benefits exceed costs.
    """
    row, months = effect_row(effects)
    price = _price(costs)
    constants = {"metric": "break_even_chance", "unit": "share", "group": "difference"}
    if row is None or price is None:
        return build_results(pd.DataFrame([{"status": "not_available"}]), **constants)
    treated, n = int(row["n_events"]), int(row["n"])
    is_large = min(treated, n - treated) >= study.definitions.min_households_arm
    quantile = stats.t.ppf((1 + LEVEL) / 2, row["df"])
    error = (row["ci_high"] - row["ci_low"]) / (2 * quantile)
    z = (-months * row["estimate"] - price["estimate"]) / (months * error)
    is_told = is_large and grade >= LEAST_GRADE
    figure = float(stats.t.cdf(z, row["df"])) if is_told else np.nan
    kept = {name: row[name] for name in ("n", "n_events", "key_n", "key_events", "df")}
    told = {"estimate": figure, "month": months, "status": "ok" if is_told else "too_few"}
    return build_results(pd.DataFrame([kept | told]), method="t_of_net", **constants)


def national_saving(net: pd.DataFrame, study: Study, years: float) -> Results:
    """A municipality's net saving over its share of the country: arithmetic, no estimate.

    Parameters
    ----------
    net : rows of ``saving_net``.
    study : its ``national_shares`` by name.
    years : how long the closures took, for the rows a year.

    Returns
    -------
    For each row and share: net / share (variant share_row), and that by year (``_a_year`` after
    it). A single municipality says nothing of how others differ.
    """
    own = net.loc[net["metric"].eq("saving_net")]
    ends, parts = ["estimate", "ci_low", "ci_high"], []
    for name, share in study.definitions.national_shares.items():
        if not 0 < share <= 1:
            raise MetricInputError(f"national_shares.{name}: write a share above 0, at most 1.")
        for suffix, by in (("", share), ("_a_year", share * years)):
            scaled = own.assign(**{end: own[end] / by for end in ends})
            variant = name + "_" + own["variant"] + suffix
            parts.append(scaled.assign(variant=variant, metric="national_saving"))
    if not parts:
        empty = pd.DataFrame({"status": ["not_applicable"]})
        return build_results(empty, metric="national_saving", unit="sek")
    return build_results(pd.concat(parts).drop(columns=["method"]), method="local_over_share")
