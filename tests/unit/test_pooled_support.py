"""The effect over municipalities."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t
from support_cases import study

from hfcore.errors import MetricInputError
from hfcore.metrics.pooled_support import pooled_support_effect
from hfcore.results import build_results


def effects(estimates, errors, df=50.0, participants=10):
    """One municipality an entry, window 1–12, 97.5 % of t(50) is 2.008559."""
    rows = pd.DataFrame(
        {
            "estimate": estimates,
            "ci_low": np.array(estimates) - 2.008559112 * np.array(errors),
            "ci_high": np.array(estimates) + 2.008559112 * np.array(errors),
            "df": df,
            "n": 4 * participants,
            "n_events": participants,
            "key_n": 1.5,
            "key_events": 0.5,
            "dimension": "window",
            "level": "1-12",
        }
    )
    results = build_results(rows, metric="support_effect", group="difference", unit="sek_per_month")
    return results.assign(municipality=[f"000{i}" for i in range(len(rows))])


def variant(found, name):
    return found.loc[found["variant"].eq(name)].iloc[0]


def test_equal_errors_by_hand():
    # Means −1000, 0, 1000 with errors of 100 and as many participants: the mean over participants
    # is 0 ± t(150) × 100 / sqrt(3). Between them the spread is 1000.
    found = pooled_support_effect(effects([-1000.0, 0.0, 1000.0], [100.0] * 3), study())
    these = variant(found, "these")
    assert these["estimate"] == pytest.approx(0, abs=1e-6)
    assert these["ci_high"] == pytest.approx(1.97590533 * 100 / np.sqrt(3), rel=1e-6)
    assert (these["n"], these["n_events"]) == (120, 30)
    assert these["df"] == pytest.approx(150)
    assert (these["key_n"], these["status"]) == (4.5, "ok")
    another = variant(found, "another")
    assert another["status"] == "too_few"
    assert variant(found, "between")["estimate"] == pytest.approx(995, abs=1)


def test_participants_weigh():
    rows = effects([-1000.0, 0.0], [100.0, 100.0])
    rows["n_events"] = [30, 10]
    these = variant(pooled_support_effect(rows, study()), "these")
    assert these["estimate"] == pytest.approx(-750)
    error = 100 * np.hypot(0.75, 0.25)
    df = (0.75**2 + 0.25**2) ** 2 / ((0.75**4 + 0.25**4) / 50)
    assert these["df"] == pytest.approx(df)
    assert these["ci_low"] == pytest.approx(-750 - t.ppf(0.975, df) * error)


@pytest.mark.parametrize(("count", "status"), [(4, "too_few"), (5, "ok"), (6, "ok")])
def test_one_more_municipality_is_told_from_five(count, status):
    rows = effects(np.linspace(-900, -500, count).tolist(), [300.0] * count)
    assert variant(pooled_support_effect(rows, study()), "another")["status"] == status


@pytest.mark.parametrize(("participants", "status"), [(9, "too_few"), (10, "ok"), (11, "ok")])
def test_the_gate_counts_all_municipalities_together(participants, status):
    rows = effects([-500.0, -900.0], [300.0, 400.0], participants=participants)
    found = pooled_support_effect(rows, study(min_households_arm=20)).iloc[0]
    assert found["status"] == status


@pytest.mark.parametrize("errors", [[np.nan, np.nan], [300.0, np.nan]])
def test_fewer_than_two_municipalities_are_not_pooled(errors):
    found = pooled_support_effect(effects([-500.0, -900.0], errors), study()).iloc[0]
    assert found["status"] == "not_available"
    assert np.isnan(found["estimate"])


def test_the_order_of_municipalities_does_not_matter():
    rows = effects([-500.0, -900.0, 300.0], [300.0, 400.0, 350.0])
    before = rows.copy()
    plain = pooled_support_effect(rows, study())
    pd.testing.assert_frame_equal(pooled_support_effect(rows.iloc[::-1], study()), plain)
    pd.testing.assert_frame_equal(rows, before)


def test_windows_stand_in_the_order_of_months():
    rows = effects([-500.0, -900.0], [300.0, 400.0])
    later = [rows.assign(dimension="window", level=each) for each in ("13-24", "1-24", "1-12")]
    found = pooled_support_effect(pd.concat(later), study())
    assert found["level"].drop_duplicates().tolist() == [
        "1-12",
        "13-24",
        "1-24",
    ]


def test_no_rows_give_no_rows_and_a_missing_column_is_named():
    rows = effects([-500.0], [300.0])
    assert len(pooled_support_effect(rows.head(0), study())) == 0
    with pytest.raises(MetricInputError, match="effects lacks the column municipality"):
        pooled_support_effect(rows.drop(columns="municipality"), study())
