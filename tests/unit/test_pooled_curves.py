"""Closures over municipalities: one curve of all, and shares drawn towards the rest."""

import numpy as np
import pandas as pd
import pytest

from hfcore.errors import MetricInputError
from hfcore.estimators.intervals import wilson
from hfcore.metrics.incidence_rows import incidence_rows
from hfcore.metrics.pooled_curves import pooled_incidence, steadied_shares
from hfcore.results import build_results

CAUSES, MONTHS = ("self_sufficiency", "moved"), np.arange(7)


def stays(seed, count):
    chance = np.random.default_rng(seed)
    months = chance.integers(0, 9, count)
    cause = np.array([None, *CAUSES], dtype=object)[chance.integers(0, 3, count)]
    return pd.DataFrame(
        {"observed_months": months, "cause": cause, "record_key": chance.random(count)}
    )


def curves(households):
    rows = incidence_rows(households, CAUSES, MONTHS).assign(group="participant")
    return build_results(rows, metric="cumulative_incidence", unit="share")


def test_the_common_curve_is_that_of_all_families_in_one_place():
    parts = [stays(seed, count) for seed, count in ((1, 40), (2, 9), (3, 25))]
    found = pooled_incidence(pd.concat([curves(each) for each in parts]))
    together = curves(pd.concat(parts, ignore_index=True))
    columns = ["cause", "month", "estimate", "ci_low", "ci_high", "n", "n_events", "n_at_risk"]
    columns += ["key_n", "key_events", "key_at_risk", "status"]
    pd.testing.assert_frame_equal(found[columns], together[columns], rtol=1e-12)
    assert set(found["variant"]) == {"pooled"}


def test_the_order_of_municipalities_and_rows_does_not_matter():
    rows = pd.concat([curves(stays(1, 40)), curves(stays(2, 20))], ignore_index=True)
    shuffled = rows.sample(frac=1, random_state=5)
    keys = ["cause", "month"]
    found, again = (pooled_incidence(each).sort_values(keys) for each in (rows, shuffled))
    pd.testing.assert_frame_equal(
        found.reset_index(drop=True), again.reset_index(drop=True), rtol=1e-12
    )


def test_a_curve_with_holes_is_refused_and_none_stays_none():
    rows = curves(stays(1, 40))
    with pytest.raises(MetricInputError, match="every month"):
        pooled_incidence(rows.loc[rows["month"].ne(3)])
    assert pooled_incidence(rows.head(0)).empty


def shares(events, n, **columns):
    events, n = np.array(events, float), np.array(n)
    low, high = wilson(events, n)
    frame = pd.DataFrame({"estimate": events / n, "ci_low": low, "ci_high": high, "n": n})
    built = build_results(frame.assign(**columns), metric="cumulative_incidence", unit="share")
    return built.assign(municipality=[f"{place:04}" for place in range(len(n))])


def own(rows, variant="steadied"):
    return rows.loc[rows["variant"].eq(variant)].reset_index(drop=True)


def test_a_small_place_is_drawn_further_than_a_large_one():
    rows = shares([0, 30, 12], [20, 100, 60])
    found = own(steadied_shares(rows))
    pulled = (found["estimate"] - rows["estimate"]).abs()
    assert found["estimate"].iloc[0] > 0 and pulled.iloc[0] > pulled.iloc[1]
    assert found["ci_low"].lt(found["estimate"]).all()
    assert found["estimate"].lt(found["ci_high"]).all()
    assert found["municipality"].tolist() == ["0000", "0001", "0002"]


def test_equal_shares_stay_where_they_are():
    found = own(steadied_shares(shares([25, 50, 100], [100, 200, 400])))
    assert found["estimate"].to_numpy() == pytest.approx(0.25, abs=0.01)


def test_one_more_place_is_less_sure_than_the_mean():
    found = steadied_shares(shares([5, 30, 12, 2], [20, 100, 60, 40]))
    mean, new = own(found, "pooled").iloc[0], own(found, "predicted").iloc[0]
    assert mean["municipality"] == new["municipality"] == "all"
    assert new["ci_high"] - new["ci_low"] > mean["ci_high"] - mean["ci_low"]
    assert mean["n"] == 220


@pytest.mark.parametrize(("places", "has_mean"), [(1, False), (2, True)])
def test_one_place_has_no_mean(places, has_mean):
    found = steadied_shares(shares([5, 9][:places], [20, 30][:places]))
    assert own(found, "pooled")["estimate"].notna().all() == has_mean


def test_a_place_without_a_share_stays_without():
    rows = shares([5, 9, 4], [20, 30, 25])
    hidden = rows.assign(estimate=rows["estimate"].where(rows.index != 1))
    found = own(steadied_shares(hidden))
    assert found["estimate"].isna().tolist() == [False, True, False]


def test_a_share_whose_families_were_followed_for_less_counts_for_less():
    sure = shares([5, 9, 20], [50, 30, 60])
    vague = sure.assign(ci_high=sure["ci_high"].where(sure.index != 0, 0.35))
    vague = vague.assign(ci_low=vague["ci_low"].where(vague.index != 0, 0.02))
    pulled = [abs(own(steadied_shares(each))["estimate"].iloc[0] - 0.1) for each in (sure, vague)]
    assert pulled[1] > pulled[0]
