"""Are published figures right on average, and do their ranges hold, protection included?

Run from the root: `python benchmarks/simulate_protection.py` (ten minutes; a hundredth
of the replications shows in seconds that it works). It writes benchmarks/protected_coverage.csv and
.md; the same seed gives the same bytes.

Every figure goes the whole way: households drawn from a known process, the metric, `protect`.
Stays end by the cause asked about and by another (three in a hundred a month), follow-up is even
over 6 to 36 months, and the share closed by 12 months is 5, 12, 24 or 50 in a hundred, moved by up
to half a percentage point from one replication to the next, so that no truth lies on a whole
percent. The second group of each difference has as many members and a share of 20 in a hundred.
Changes of the same persons: so many have another plan earlier, and one in five then differs. Means
are of kronor a month, half of them 0.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from _table import markdown_rows, read_options, write_table
from scipy.optimize import brentq

from hfcore.estimators import competing_risks, intervals, proportions
from hfcore.metrics.contributions import mean_rows
from hfcore.metrics.incidence_rows import difference_rows, incidence_rows, numbers_behind, worth_at
from hfcore.results import build_results
from hfcore.study import Municipality, Study
from hfpublish.disclosure import protect

SIZES = (20, 30, 95, 400)
SHARES = (0.05, 0.12, 0.24, 0.50)
CAUSES = ("work", "other")
OTHER_CHANCE, AT, LATE = 0.03, 12, 24
OTHER_SHARE, CHANGED = 0.20, 0.20
MEAN = 4000.0
MONTHS = np.arange(LATE + 1)
DAY = date(2021, 12, 31)
STUDY = Study(
    "s", {"sv": "S", "en": "S"}, True, DAY, 2021, (Municipality("0001", "S", DAY, DAY, DAY, DAY),)
)
FIGURES = {
    ("plan_changed", "participant", None): "share",
    ("cumulative_incidence", "participant", AT): "curve, 12 months",
    ("cumulative_incidence", "participant", LATE): "curve, 24 months",
    ("incidence_difference", "difference", AT): "difference of curves",
    ("plan_changed_difference", "difference", None): "difference of plans",
    ("plan_changed_over_time", "participant", None): "change of plans",
    ("months_lost", "participant", AT): "months lost",
    ("restricted_mean", "participant", AT): "months in the intervention",
    ("support_mean", "participant", None): "mean",
}


def curve_of(chance: float) -> np.ndarray:
    """The true share closed to the cause by each month, for its chance a month."""
    return chance * np.cumsum((1 - chance - OTHER_CHANCE) ** MONTHS)


def chance_of(share: float) -> float:
    """The chance a month that gives a share by twelve months."""
    return float(brentq(lambda chance: curve_of(chance)[AT] - share, 1e-6, 0.5))


def stays(rng: np.random.Generator, n: int, chance: float) -> pd.DataFrame:
    """Households that close to the cause, otherwise or not, followed for 6 to 36 months."""
    stay = rng.geometric(chance + OTHER_CHANCE, n) - 1
    followed = rng.integers(6, 37, n)
    is_so = rng.random(n) < chance / (chance + OTHER_CHANCE)
    cause = np.where(is_so, *CAUSES).astype(object)
    return pd.DataFrame(
        {
            "observed_months": np.minimum(stay, followed),
            "followup_months": followed,
            "cause": pd.Series(np.where(stay <= followed, cause, None), dtype="str"),
            "record_key": rng.random(n),
        }
    )


def times(households: pd.DataFrame) -> pd.DataFrame:
    """Months lost to the cause and in the intervention by twelve months, with what is behind."""
    codes = pd.Categorical(households["cause"], categories=CAUSES).codes + 1
    counts = competing_risks.count_events(households["observed_months"], codes, 2)
    behind = numbers_behind(households, CAUSES, np.array([AT]))
    lost, mean = (
        competing_risks.months_lost(counts, AT)[0][0],
        competing_risks.restricted_mean(counts, AT),
    )
    closed, keys = behind["n_events"][0], behind["key_events"][0]
    return pd.DataFrame(
        {
            "metric": ["months_lost", "restricted_mean"],
            "cause": [CAUSES[0], ""],
            "estimate": [lost, mean[0]],
            "n_events": [closed[0], closed.sum()],
            "key_events": [keys[0], keys.sum()],
        }
    ).assign(
        month=AT,
        group="participant",
        unit="months",
        n=len(households),
        key_n=behind["key_n"],
        n_started=behind["n_started"][0],
        worth=worth_at(counts, np.array([AT]))[0],
        df=float(len(households) - 1),
    )


def plans(rng: np.random.Generator, n: int, share: float) -> pd.DataFrame:
    """Shares with another plan in two groups, their difference, and the change in the first."""
    rows = []
    for group, chance in (("participant", share), ("control", OTHER_SHARE)):
        hit, key = rng.random(n) < chance, rng.random(n)
        low, high = intervals.wilson(hit.sum(), n)
        rows.append({"metric": "plan_changed", "group": group, "estimate": hit.mean()})
        rows[-1] |= {
            "n": n,
            "n_events": hit.sum(),
            "key_n": key.sum(),
            "key_events": key[hit].sum(),
        }
        rows[-1] |= {"ci_low": float(low), "ci_high": float(high)}
    gap = {"metric": "plan_changed_difference", "group": "difference", "n": 2 * n, "n_events": n}
    rows.append(gap | {"estimate": rows[0]["estimate"] - rows[1]["estimate"], "df": float(n)})
    earlier, differs, key = rng.random(n) < share, rng.random(n) < CHANGED, rng.random(n)
    gained, lost = (differs & ~earlier).sum(), (differs & earlier).sum()
    both, neither = (earlier & ~differs).sum(), (~earlier & ~differs).sum()
    low, high = proportions.newcombe_paired(both, gained, lost, neither, n_eff=float(n))
    change = {"metric": "plan_changed_over_time", "group": "participant", "dimension": "months"}
    change |= {"level": "6-12", "n": n, "n_events": differs.sum(), "key_n": key.sum()}
    change |= {"key_events": key[differs].sum(), "estimate": (gained - lost) / n}
    rows.append(change | {"ci_low": float(low), "ci_high": float(high)})
    return pd.DataFrame(rows).assign(unit="share", key_others=0.0)


def amounts(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """The mean of kronor a month, half of them 0."""
    values = np.where(rng.random(n) < 0.5, 0.0, rng.gamma(4.0, MEAN / 2, n))
    frame = pd.DataFrame({"group": "participant", "sek": values, "record_key": rng.random(n)})
    rows = mean_rows(frame, {"group": ["participant"]}, "sek")
    return rows.assign(metric="support_mean", unit="sek_per_month")


def one(rng: np.random.Generator, n: int, share: float) -> tuple[pd.DataFrame, dict[str, float]]:
    """The exact results of one replication, and the truth of each figure."""
    chance = chance_of(share)
    groups = {"participant": chance, "control": chance_of(OTHER_SHARE)}
    drawn = {group: stays(rng, n, own) for group, own in groups.items()}
    curves = pd.concat(
        incidence_rows(drawn[group], CAUSES, MONTHS).assign(group=group, variant="default")
        for group in groups
    )
    curves = curves.loc[curves["cause"].eq(CAUSES[0])]
    gap = difference_rows(curves).assign(metric="incidence_difference", unit="share")
    curves = curves.assign(metric="cumulative_incidence", unit="share")
    parts = [curves, gap, times(drawn["participant"]), plans(rng, n, share), amounts(rng, n)]
    true, still = curve_of(chance), (1 - chance - OTHER_CHANCE) ** (MONTHS + 1)
    truths = {
        "share": share,
        "curve, 12 months": true[AT],
        "curve, 24 months": true[LATE],
        "difference of curves": true[AT] - OTHER_SHARE,
        "difference of plans": share - OTHER_SHARE,
        "change of plans": CHANGED * (1 - 2 * share),
        "months lost": true[:AT].sum(),
        "months in the intervention": still[:AT].sum(),
        "mean": MEAN,
    }
    return pd.concat([part.dropna(axis=1, how="all") for part in parts]), truths


def cell(rng: np.random.Generator, n: int, share: float, replications: int) -> pd.DataFrame:
    """Every figure of one size and share: exact and published, with the truth, a row each."""
    drawn = [one(rng, n, share + rng.uniform(-0.005, 0.005)) for _ in range(replications)]
    places = [rows.assign(municipality=f"{place:04}") for place, (rows, _) in enumerate(drawn)]
    rows = pd.concat(places, ignore_index=True)
    texts = ["cause", "dimension", "level", "variant", "method", "status"]
    defaults = dict.fromkeys(texts, "") | {"variant": "default", "status": "ok"}
    rows = rows.fillna(defaults)
    exact = build_results(rows.drop(columns="municipality")).assign(
        municipality=rows["municipality"].to_numpy()
    )
    published = protect(exact, STUDY)
    keys = ["municipality", "metric", "group", "cause", "month"]
    both = published.merge(exact, on=keys, suffixes=("", "_exact"))
    figure = pd.Series(
        [
            FIGURES.get((metric, group, None if pd.isna(month) else month))
            for metric, group, month in zip(
                both["metric"], both["group"], both["month"], strict=True
            )
        ],
        index=both.index,
    )
    both = both.assign(figure=figure).loc[figure.notna()]
    truth = [drawn[int(p)][1][f] for p, f in zip(both["municipality"], both["figure"], strict=True)]
    return both.assign(truth=truth, size=n, share=share)


def summed(rows: pd.DataFrame) -> pd.DataFrame:
    """Bias, coverage and width of each figure, before and after protection."""
    shown = rows.loc[rows["estimate"].notna()]
    covered = {
        name: shown[f"ci_low{end}"].le(shown["truth"]) & shown[f"ci_high{end}"].ge(shown["truth"])
        for name, end in (("exact_coverage", "_exact"), ("coverage", ""))
    }
    known = shown["ci_low_exact"].notna()
    figures = shown.assign(
        bias=shown["estimate"] - shown["estimate_exact"],
        exact_coverage=covered["exact_coverage"].where(known).astype("float64"),
        coverage=covered["coverage"].astype("float64"),
        exact_width=shown["ci_high_exact"] - shown["ci_low_exact"],
        width=shown["ci_high"] - shown["ci_low"],
    )
    keys = ["figure", "size", "share"]
    measures = ["bias", "exact_coverage", "coverage", "exact_width", "width"]
    table = figures.groupby(keys, sort=False)[measures].mean()
    told = rows.groupby(keys, sort=False)["estimate"].agg(lambda each: each.notna().mean())
    return table.assign(told=told).reset_index()


def page(table: pd.DataFrame, replications: int) -> str:
    """The table as a page."""
    kinds = {"months": 1.0, "mean": 1.0}
    factor = table["figure"].map(
        lambda name: next((f for word, f in kinds.items() if name.startswith(word)), 100.0)
    )
    places = factor.map({100.0: 1, 1.0: 2}).mask(table["figure"].eq("mean"), 0)

    def told(name: str) -> list[str]:
        values = zip(table[name] * factor, places, strict=True)
        return [f"{value:.{place}f}" for value, place in values]

    def percent(name: str) -> list[str]:
        return ["–" if pd.isna(value) else f"{value:.1%}" for value in table[name]]

    shown = pd.DataFrame(
        {
            "figure": table["figure"],
            "n": table["size"],
            "share": [f"{share:.0%}" for share in table["share"]],
            "told": [f"{share:.0%}" for share in table["told"]],
            "bias": told("bias"),
            "exact: coverage": percent("exact_coverage"),
            "width": told("exact_width"),
            "published: coverage": percent("coverage"),
            "width ": told("width"),
        }
    )
    lowest = table.groupby("figure", sort=False)["coverage"].min()
    lines = [f"- {name}: {value:.1%}" for name, value in lowest.items()]
    head = [
        "# Published figures: bias and coverage, protection included",
        "",
        f"`python benchmarks/simulate_protection.py`: {replications} replications a row. Bias is "
        "published − exact; shares and differences in percentage points, times in months, means in "
        "kronor. Coverage is of the truth by the 95 % range. Told: in how many replications the "
        "figure is published; whether it is depends on who started, never on who closed.",
        "",
        "Lowest coverage of the published range:",
        "",
        *lines,
        "",
    ]
    return "\n".join([*head, *markdown_rows(shown), ""])


def main() -> None:
    """Simulate every size and share, and write the table."""
    options = read_options(__doc__)
    rng = np.random.default_rng(options.seed)
    tables = [summed(cell(rng, n, share, options.replications)) for n in SIZES for share in SHARES]
    table = pd.concat(tables).sort_values(
        "figure", key=lambda names: names.map(list(FIGURES.values()).index), kind="stable"
    )
    text = page(table, options.replications)
    write_table(table, text, options.out, "protected_coverage")
    print(text)


if __name__ == "__main__":
    main()
