"""From referral to start: by hand, against R, and the edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reference_cohort import CUTOFF, REFERENCE, STUDY, read_reference, small_cohort

from hfcore.errors import MetricInputError
from hfcore.metrics import queue
from hfpublish import report_sentences

R = read_reference("plans_twice.json")["queue"]
LAST = pd.Timestamp(CUTOFF.year, CUTOFF.month, 1)


def queued(rows):
    """Participants from (months in the queue, what ended it: 1 start, 2 left, 0 still waiting)."""
    cohort = small_cohort([("participant", 43, None)] * len(rows))
    months = [pd.DateOffset(months=int(each)) for each, _ in rows]
    end = [code for _, code in rows]
    referred = [
        pd.Timestamp("2018-05-01") if code else LAST - month
        for month, code in zip(months, end, strict=True)
    ]
    ended = pd.Series([day + month for day, month in zip(referred, months, strict=True)])
    is_start, is_left = pd.Series(end).eq(1), pd.Series(end).eq(2)
    started = ended.where(is_start)
    return cohort.assign(
        referred_on=referred,
        started_on=started,
        closed_on=ended.where(is_left),
        observed_months=cohort["observed_months"].where(is_start),
        queue_months=(started - pd.Series(referred)).dt.days / 30.4375,
    )


# Two start at once, one after 2 months, one leaves after 2, one waits since 1, one starts at 3.
HAND = queued([(0, 1), (0, 1), (2, 1), (2, 2), (1, 0), (3, 1)])


def share(rows, cause):
    one = rows.loc[rows["metric"].eq("queue_incidence") & rows["cause"].eq(cause)]
    return one.set_index("month")


def mean(rows):
    return rows.loc[rows["metric"].eq("queue_restricted_mean")].iloc[0]


def test_by_hand():
    rows = queue.queue_incidence(HAND, STUDY)
    started = share(rows, "queue_started")
    # 2/6 at once; four left; at 2 months one of three starts and one leaves; then the last.
    assert started["estimate"].iloc[:4].tolist() == pytest.approx([2 / 6, 2 / 6, 5 / 9, 7 / 9])
    assert share(rows, "queue_left")["estimate"].iloc[3] == pytest.approx(2 / 9)
    assert started["n_at_risk"].iloc[:5].tolist() == [6, 4, 3, 1, 0]
    assert started["n_events"].iloc[:4].tolist() == [2, 2, 3, 4]


def test_shares_agree_with_r():
    sample = pd.read_csv(REFERENCE / "queue.csv")
    rows = queue.queue_incidence(queued(list(sample.itertuples(index=False))), STUDY)
    for cause, key in (("queue_started", "started"), ("queue_left", "left")):
        found = share(rows, cause)["estimate"].iloc[:13]
        assert found.tolist() == pytest.approx(R[key], abs=1e-9)
    row = mean(rows)
    assert row["estimate"] == pytest.approx(R["mean"], abs=1e-6)
    half = (row["ci_high"] - row["ci_low"]) / 2
    assert half == pytest.approx(2.022690920036762 * R["mean_se"], abs=1e-6)


def test_who_waits_makes_the_mean_longer():
    """Twenty start within the month and twenty wait: the old mean knows only the former."""
    cohort = queued([(0, 1)] * 20 + [(12, 0)] * 20)
    naive = queue.queue_wait(cohort).iloc[0]
    honest = mean(queue.queue_incidence(cohort, STUDY))
    assert naive["estimate"] == 0
    assert honest["estimate"] == pytest.approx(6)
    assert (naive["n"], honest["n"], honest["n_at_risk"]) == (20, 40, 20)


@pytest.mark.parametrize(("known", "status"), [(9, "too_few"), (10, "ok")])
def test_the_mean_needs_enough_whose_wait_is_known(known, status):
    row = mean(queue.queue_incidence(queued([(1, 1)] * known + [(2, 0)] * 30), STUDY))
    assert row["status"] == status
    assert pd.notna(row["estimate"]) == (status == "ok")


def test_nobody_referred():
    rows = queue.queue_incidence(HAND.assign(referred_on=pd.NaT), STUDY)
    assert rows["status"].eq("too_few").all()
    assert rows["estimate"].isna().all() and rows["n"].eq(0).all()


def test_all_started():
    rows = queue.queue_incidence(queued([(3, 1)] * 12), STUDY)
    started = share(rows, "queue_started")["estimate"]
    assert started.iloc[[2, 3, 24]].tolist() == [0, 1, 1]
    row = mean(rows)
    assert row["estimate"] == 3
    assert pd.isna(row["ci_low"]) and pd.isna(row["ci_high"])


def test_none_started():
    rows = queue.queue_incidence(queued([(13, 0)] * 12), STUDY)
    assert share(rows, "queue_started")["estimate"].iloc[:13].eq(0).all()
    assert share(rows, "queue_started")["status"].iloc[14] == "not_available"
    assert mean(rows)["estimate"] == 12


def test_a_start_after_the_cut_off_has_not_happened():
    late = queued([(3, 0)]).assign(started_on=pd.Timestamp(CUTOFF) + pd.Timedelta(days=1))
    times = queue.queue_times(late, STUDY)
    assert times["cause"].isna().all()
    assert times["observed_months"].tolist() == [3]


def test_a_start_before_the_referral_is_left_out():
    early = queued([(3, 1)] * 2)
    early.loc[0, "started_on"] = pd.Timestamp("2018-03-01")
    assert len(queue.queue_times(early, STUDY)) == 1


def test_controls_are_in_no_queue():
    rows = queue.queue_incidence(HAND.assign(group="control"), STUDY)
    assert rows["n"].eq(0).all()


def test_row_order_does_not_matter_and_input_stays():
    before = HAND.copy(deep=True)
    shuffled = queue.queue_incidence(HAND.sample(frac=1, random_state=1), STUDY)
    pd.testing.assert_frame_equal(shuffled, queue.queue_incidence(HAND, STUDY), rtol=1e-12)
    pd.testing.assert_frame_equal(HAND, before)


def test_shares_lie_within_their_intervals_and_rise():
    sample = pd.read_csv(REFERENCE / "queue.csv")
    rows = queue.queue_incidence(queued(list(sample.itertuples(index=False))), STUDY)
    told = rows.loc[rows["ci_low"].notna()]
    assert (told["ci_low"] <= told["estimate"]).all() and (
        told["estimate"] <= told["ci_high"]
    ).all()
    assert share(rows, "queue_started")["estimate"].dropna().diff().dropna().ge(-1e-12).all()


def test_a_missing_column_is_named():
    with pytest.raises(MetricInputError, match="cohort lacks the column referred_on"):
        queue.queue_incidence(HAND.drop(columns="referred_on"), STUDY)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(2, 1)] * 30, "misses nobody"),
        ([(2, 1)] * 30 + [(12, 0)] * 5, "short ones end first"),
    ],
)
def test_the_sentence_says_whom_the_old_mean_leaves_out(rows, words):
    cohort = queued(rows)
    both = pd.concat([queue.queue_wait(cohort), queue.queue_incidence(cohort, STUDY)])
    said = report_sentences.queue_sentence(both, "en")
    assert words in said
    assert "2 months" in said
    assert report_sentences.queue_sentence(both, "sv") != said
    hidden = both.assign(estimate=np.nan)
    assert report_sentences.queue_sentence(hidden, "en") == ""
