"""Rule 8 held to a reference of its own, month by month, and on both sides of each edge."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from hfcore.metrics.incidence_rows import incidence_rows, remaining_rows
from hfcore.results import build_results
from hfcore.study import Municipality, Publication, Study
from hfpublish.disclosure import protect
from hfpublish.disclosure.cell_key import noise_of, noise_probabilities
from hfpublish.disclosure.printed_shares import printed_curve, score_range

DAY = date(2021, 12, 31)
PLACE = Municipality("0180", "Stad", DAY, DAY, DAY, DAY)
STUDY = Study("s", {"sv": "S", "en": "S"}, True, DAY, 2021, (PLACE,))
PUBLICATION = Publication()


def noise(count, key_sum):
    return noise_of(count, key_sum, PUBLICATION)


def pava(x, weights):
    """Isotonic regression by pooling neighbours, each row of x by itself."""
    rows = []
    for values in x:
        blocks = []
        for value in values:
            blocks.append([value, 1])
            while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
                (one, count), (other, more) = blocks[-2:]
                blocks[-2:] = [[(one * count + other * more) / (count + more), count + more]]
        rows.append([value for value, count in blocks for _ in range(count)])
    return np.array(rows)


def reference(F, N, key, others, key_others, n, key_n, S, var_S, z=1.959964, step=0.01):
    """One curve of one cause and group at the told months, written apart from the package."""
    n_shown = n + noise(n, key_n)
    size = (n / n_shown)[:, None]
    x = F * (N + noise(N, key)) / np.maximum(N, 1) * size
    y = 1 - (1 - F) * (others + noise(others, key_others)) / np.maximum(others, 1) * size
    x = np.where(3 * others < N, y, x)
    x = np.clip(pava(x, np.ones(x.shape)), 0, 1)
    x = np.floor(x / step + 0.5) * step
    inside = (S > 0) & (S < 1) & (var_S > 0)
    worth = np.divide(S * (1 - S), var_S * n[:, None], out=np.ones(S.shape), where=inside)
    part = np.clip(np.floor(worth * 20) / 20, 0.05, 1)
    n_eff = np.maximum(np.rint(n_shown[:, None] * part), 1)
    extra = 2 * (1 + x**2) / n_eff**2 + step**2 / 12
    a, b, c = 1 + z**2 / n_eff, x + z**2 / (2 * n_eff), x**2 - z**2 * extra
    root = np.sqrt(b**2 - a * c)
    low, high = (np.floor(np.clip((b + s * root) / a, 0, 1) / step + 0.5) * step for s in (-1, 1))
    return x, low, high, n_eff


def stays(seed, n, shares=(0.3, 0.2), reach=40):
    """Households that close to two causes or go on, followed for 1 … reach months."""
    rng = np.random.default_rng(seed)
    followed = rng.integers(1, reach, n)
    cause = rng.choice(["work", "moved", None], n, p=[*shares, 1 - sum(shares)])
    month = np.where(pd.isna(cause), 99, rng.integers(0, 30, n))
    seen = month <= followed
    return pd.DataFrame(
        {
            "observed_months": np.minimum(month, followed),
            "followup_months": followed,
            "cause": pd.Series(np.where(seen, cause, None), dtype="str"),
            "record_key": rng.random(n),
        }
    )


def told(rows, metric="cumulative_incidence", group="participant", **part):
    frame = build_results(rows.assign(**part), metric=metric, unit="share", group=group)
    return protect(frame, STUDY)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, {0: 1}),
        (1, {0: 2 / 3, 3: 1 / 3}),
        (2, {0: 1 / 3, 3: 2 / 3}),
        (3, {0: 0.148, 3: 0.508, 4: 0.256, 5: 0.075, 6: 0.013}),
        (4, {3: 0.575, 4: 0.157, 5: 0.079, 6: 0.071, 7: 0.118}),
        (5, {3: 0.168, 4: 0.233, 5: 0.244, 6: 0.192, 7: 0.113, 8: 0.050}),
    ],
)
def test_noise_has_the_probabilities_of_the_table(count, expected):
    changes = noise_of(np.full(100_000, count), (np.arange(100_000) + 0.5) / 100_000, PUBLICATION)
    values, times = np.unique(count + changes, return_counts=True)
    assert dict(zip(values.tolist(), times / 100_000, strict=True)) == pytest.approx(
        expected, abs=0.001
    )


def test_noise_is_nought_on_average_with_variance_two():
    table = noise_probabilities(3, 2.0, 3)[1:]
    changes = np.arange(-3, 4)
    assert table @ changes == pytest.approx(np.zeros(len(table)), abs=1e-9)
    assert table @ changes**2 == pytest.approx(np.full(len(table), 2.0))


@pytest.mark.parametrize("n", [20, 49, 50, 95, 400])
@pytest.mark.parametrize("shares", [(0.05, 0.1), (0.3, 0.2), (0.9, 0.05)])
def test_a_curve_is_that_of_the_reference(n, shares):
    households = stays(n, n, shares)
    months = np.array([3, 6, 9, 12, 15, 18, 21, 24] if n >= 50 else [6, 12, 18, 24])
    rows = incidence_rows(households, ("work", "moved"), np.arange(25))
    survival = remaining_rows(households, ("work", "moved"), months)
    protected = told(rows.assign(status="ok"))
    time, cause, key = (
        households[name].to_numpy() for name in ("observed_months", "cause", "record_key")
    )
    started = np.array([(households["followup_months"] >= month).sum() for month in months])
    kept = started >= 10
    still = survival["estimate"].to_numpy()[kept]
    for name in ("work", "moved"):
        own = rows.loc[rows["cause"].eq(name) & rows["month"].isin(months[kept])]
        closed = np.array([(cause == name) & (time <= month) for month in months[kept]])
        censored = pd.isna(cause)
        other = np.array(
            [~((cause == name) & (time <= m)) & ~(censored & (time < m)) for m in months[kept]]
        )
        variance = (
            np.array([_greenwood(time, ~censored, month) for month in months[kept]]) * still**2
        )
        x, low, high, _ = reference(
            own["estimate"].to_numpy()[None],
            closed.sum(axis=1)[None],
            (closed @ key)[None],
            other.sum(axis=1)[None],
            (other @ key)[None],
            np.array([n]),
            np.array([key.sum()]),
            still[None],
            variance[None],
        )
        shown = protected.loc[protected["cause"].eq(name) & protected["estimate"].notna()]
        assert shown["month"].tolist() == months[kept].tolist()
        for column, expected in (("estimate", x), ("ci_low", low), ("ci_high", high)):
            assert shown[column].to_numpy() == pytest.approx(expected[0], abs=1e-9)


def _greenwood(time, is_event, month):
    total = 0.0
    for at in range(int(month) + 1):
        risk, events = (time >= at).sum(), ((time == at) & is_event).sum()
        total += events / (risk * (risk - events)) if risk > events else 0.0
    return total


def one_month(n=40, closed=10, month=12, started=30, part="", **more):
    row = {"cause": "work", "month": month, "n": n, "n_events": closed, "n_others": n - closed}
    row |= {"estimate": closed / n, "n_at_risk": n - closed, "n_started": started, "worth": 1.0}
    row |= {"key_n": 0.5, "key_events": 0.5, "key_others": 0.5, "key_at_risk": 0.5}
    row |= {"dimension": "children" if part else "", "level": part} | more
    return told(pd.DataFrame([row]))


@pytest.mark.parametrize(
    ("n", "part", "months"),
    [
        (49, "", [6, 12, 18, 24]),
        (50, "", [3, 6, 9, 12, 15, 18, 21, 24]),
        (50, "0", [12, 24]),
        (20, "0", [12, 24]),
    ],
)
def test_which_months_are_told(n, part, months):
    seen = [month for month in range(37) if len(one_month(n, 5, month, part=part))]
    assert seen == months


@pytest.mark.parametrize(
    ("n", "started", "is_shown"), [(19, 19, False), (20, 10, True), (20, 9, False), (400, 9, False)]
)
def test_a_month_needs_a_group_and_starts_so_long_before(n, started, is_shown):
    for closed in (0, 1, n // 2, n):
        row = one_month(n, closed, started=started).iloc[0]
        figures = row[["estimate", "ci_low", "ci_high"]]
        assert figures.notna().all() if is_shown else figures.isna().all()
        assert row["protection"] == ("cell_key" if is_shown else "withheld")


def test_how_many_closed_is_not_counted_to_the_reader_but_at_risk_are():
    row = one_month().iloc[0]
    assert pd.isna(row["n_events"]) and row["n_at_risk"] == 30


def test_nought_has_a_range_up_to_a_few():
    row = one_month(closed=0).iloc[0]
    assert (row["estimate"], row["ci_low"]) == (0, 0)
    assert row["ci_high"] == pytest.approx(0.12)


def test_one_of_thirty_may_be_printed_as_nought_and_two_of_three_times_is():
    shown = [one_month(30, 1, key_events=key).iloc[0]["estimate"] for key in (0.0, 0.5, 0.9)]
    assert shown == [0, 0, 0.10]


def test_points_do_not_fall_back_or_wait():
    rows = pd.DataFrame(
        {
            "cause": "work",
            "month": [6, 12, 18, 24],
            "estimate": [0.1, 0.125, 0.15, 0.4],
            "n": 40,
            "n_events": [4, 5, 6, 16],
            "n_others": [36, 35, 34, 24],
            "key_events": [0.99, 0.01, 0.5, 0.5],
            "key_n": 0.5,
            "n_started": 40,
            "worth": 1.0,
        }
    )
    # 4 becomes 7 and 5 becomes 3: their mean stands at both months, and nothing later is lifted.
    assert told(rows)["estimate"].tolist() == [0.13, 0.13, 0.15, 0.40]


def test_the_share_still_in_mirrors_the_share_closed():
    households = stays(3, 60)
    months = np.arange(25)
    still = told(remaining_rows(households, ("work", "moved"), months), "still_in_intervention")
    closed = told(
        remaining_rows(households, ("work", "moved"), months).assign(
            estimate=lambda rows: 1 - rows["estimate"], cause="any"
        )
    )
    assert (still["estimate"] + closed["estimate"]).to_numpy() == pytest.approx(np.ones(8))
    assert (still["ci_low"] + closed["ci_high"]).to_numpy() == pytest.approx(np.ones(8))


def test_a_range_is_made_of_printed_numbers_only():
    one, other = one_month(40, 10).iloc[0], one_month(40, 11, key_events=0.2).iloc[0]
    assert one["estimate"] == other["estimate"]
    assert (one["ci_low"], one["ci_high"]) == (other["ci_low"], other["ci_high"])


def test_without_the_numbers_that_a_curve_needs_it_is_not_told():
    for column in ("n_started", "worth"):
        assert pd.isna(one_month(**{column: np.nan}).iloc[0]["estimate"])


def test_right_on_average_over_the_noise():
    keys = (np.arange(2000) + 0.5) / 2000
    for closed, n in ((1, 20), (3, 30), (12, 95), (27, 30)):
        rows = pd.DataFrame({"key_events": keys, "key_others": keys[::-1]}).assign(
            estimate=closed / n, n=n, n_events=closed, n_others=n - closed, key_n=0.5, worth=1.0
        )
        moved = [
            printed_curve(rows.iloc[[place]], PUBLICATION).moved[0] for place in range(0, 2000, 7)
        ]
        assert np.mean(moved) == pytest.approx(closed / n, abs=0.003)


def test_order_of_households_and_of_rows_moves_nothing():
    households = stays(8, 70)
    months = np.arange(25)
    first = told(incidence_rows(households, ("work", "moved"), months))
    mixed = incidence_rows(households.sample(frac=1, random_state=1), ("work", "moved"), months)
    again = told(mixed.sample(frac=1, random_state=2))
    columns = ["cause", "month"]
    pd.testing.assert_frame_equal(
        first.sort_values(columns, ignore_index=True),
        again.sort_values(columns, ignore_index=True),
    )


def test_the_share_that_each_is_worth_widens_the_range():
    low, high = score_range(np.array([0.24]), np.array([95.0]), 0.01)
    less, more = score_range(np.array([0.24]), np.array([48.0]), 0.01)
    assert less < low and more > high


def test_a_stricter_study_tells_fewer():
    strict = replace(STUDY, publication=replace(PUBLICATION, min_started=31))
    row = {"cause": "work", "month": 12, "n": 40, "n_events": 9, "n_others": 31, "estimate": 9 / 40}
    frame = build_results(
        pd.DataFrame([row | {"n_started": 30, "worth": 1.0, "key_n": 0.5, "key_events": 0.5}]),
        metric="cumulative_incidence",
        unit="share",
    )
    assert pd.notna(protect(frame, STUDY)["estimate"]).all()
    assert protect(frame, strict)["estimate"].isna().all()
