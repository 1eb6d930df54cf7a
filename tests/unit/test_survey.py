"""What families answered: by hand, against statsmodels, bounds that hold, and the edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from reference_cohort import PLACE, STUDY, small_cohort
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from hfcore.errors import MetricInputError
from hfcore.metrics import survey
from hfcore.study import Publication, Wave
from hfpublish.disclosure import protect

WAVE = Wave("2019h2", date(2019, 9, 1), date(2019, 12, 31), "closed")
SURVEYED = replace(STUDY, waves=(WAVE,))
COLUMNS = ["wave", "household_id", "status", "question", "answer"]


def answers_of(said: list[tuple[int, str, str | None]], question: str = "helped") -> pd.DataFrame:
    """A survey's table from (number of household, status, answer)."""
    rows = [("2019h2", f"h{number}", status, question, answer) for number, status, answer in said]
    return pd.DataFrame(rows, columns=COLUMNS).astype("str")


# Four closed by the wave's end, one after it, one still taking part.
COHORT = small_cohort([("participant", months, "work") for months in (4, 6, 10, 15, 30)])
COHORT = pd.concat([COHORT, small_cohort([("participant", 43, None)]).assign(household_id="h5")])
COHORT = COHORT.reset_index(drop=True)
HAND = answers_of(
    [(0, "answered", "yes"), (1, "answered", "no"), (2, "no_answer", None), (4, "answered", "yes")]
)


def figures(rows: pd.DataFrame, **where: str) -> pd.Series:
    """The one row with given values."""
    for column, value in where.items():
        rows = rows.loc[rows[column].eq(value)]
    assert len(rows) == 1
    return rows.iloc[0]


def large(n: int = 60, answered: int = 55, yes: int = 40, seed: int = 3) -> tuple:
    """So many closed households, of which the first answered; yes first."""
    months = np.random.default_rng(seed).integers(1, 18, n)
    cohort = small_cohort(
        [("participant", int(m), "work" if p % 3 else "other") for p, m in enumerate(months)]
    )
    said = [(p, "answered", "yes" if p < yes else "no") for p in range(answered)]
    return answers_of(said), cohort


def test_by_hand():
    response = survey.survey_response(HAND, COHORT, SURVEYED).set_index("level")
    assert response["n"].to_dict() == {"contacted": 3, "frame": 4, "closed": 5, "entered": 6}
    assert response["n_events"].unique().tolist() == [2]  # the one who closed later is outside
    rows = survey.survey_answer(HAND, COHORT, SURVEYED)
    assert figures(rows, variant="favourable")["estimate"] == 0.5
    ends = figures(rows, variant="bounds_frame")
    assert (ends["ci_low"], ends["ci_high"]) == (1 / 4, 3 / 4)
    assert figures(rows, variant="default", level="partly")["estimate"] == 0


@pytest.mark.parametrize(("yes", "answered"), [(53, 62), (20, 62), (0, 30), (30, 30)])
def test_intervals_agree_with_statsmodels(yes, answered):
    table, cohort = large(95, answered, yes)
    row = figures(survey.survey_answer(table, cohort, SURVEYED), variant="favourable")
    low, high = proportion_confint(yes, answered, method="wilson")
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([low, high], abs=1e-12)


def test_the_difference_of_those_who_answered_agrees_with_statsmodels():
    table, cohort = large(60, 35)
    row = figures(survey.response_difference(table, cohort, SURVEYED), level="closed_to_cause")
    is_cause = cohort["cause"].eq(STUDY.causes[0]).to_numpy()
    first, other = is_cause[:35], is_cause[35:]
    ends = confint_proportions_2indep(
        first.sum(), 35, other.sum(), 25, method="newcomb", compare="diff"
    )
    assert row["estimate"] == pytest.approx(first.mean() - other.mean())
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(ends, abs=1e-9)
    assert (row["n"], row["n_events"]) == (60, 35)


@pytest.mark.parametrize("seed", range(5))
def test_bounds_hold_whoever_keeps_silent(seed):
    """The dissatisfied answer half as often; the bounds hold the truth, the answers miss it."""
    rng = np.random.default_rng(seed)
    _, cohort = large(200)
    is_yes = rng.random(200) < 0.6
    answers = rng.random(200) < np.where(is_yes, 0.9, 0.45)
    said = [(p, "answered", "yes" if is_yes[p] else "no") for p in np.flatnonzero(answers)]
    rows = survey.survey_answer(answers_of(said), cohort, SURVEYED)
    row = figures(rows, variant="bounds_frame")
    assert row["ci_low"] <= is_yes.mean() <= row["ci_high"]
    assert figures(rows, variant="favourable")["estimate"] > is_yes.mean()


def test_weights_take_out_what_the_register_sees():
    """Those closed to work answer seldom and yes: weighted answers meet the truth of the frame."""
    _, cohort = large(300)
    is_work = cohort["cause"].eq(STUDY.causes[0]).to_numpy()
    rank = np.arange(300)
    answers = np.where(is_work, rank % 4 == 0, rank % 4 != 0)
    said = [(p, "answered", "yes" if is_work[p] else "no") for p in np.flatnonzero(answers)]
    rows = survey.survey_answer(answers_of(said), cohort, SURVEYED)
    assert figures(rows, variant="weighted")["estimate"] == pytest.approx(is_work.mean())
    assert figures(rows, variant="favourable")["estimate"] < is_work.mean()


@pytest.mark.parametrize(("answered", "n"), [(49, 90), (60, 79)])
def test_too_few_for_weights(answered, n):
    table, cohort = large(n, answered, 20)
    row = figures(survey.survey_answer(table, cohort, SURVEYED), variant="weighted")
    assert row["status"] == "too_few" and pd.isna(row["estimate"])


def test_fading_by_hand():
    """Twenty closed under a year ago of whom 16 say yes, twenty over two years ago of whom 8."""
    cohort = small_cohort([("participant", 15, "work")] * 20 + [("participant", 1, "work")] * 20)
    cohort.loc[20:, "closed_on"] = pd.Timestamp("2017-06-01")
    said = [(p, "answered", "yes" if p < 16 or 20 <= p < 28 else "no") for p in range(40)]
    rows = survey.fade(answers_of(said), cohort, SURVEYED)
    shares = rows.loc[rows["metric"].eq("fade")].set_index("level")
    assert shares["estimate"].iloc[[0, 2]].tolist() == [0.8, 0.4]
    assert shares["status"].tolist() == ["ok", "too_few", "ok"]
    apart = figures(rows, metric="fade_difference")
    ends = confint_proportions_2indep(16, 20, 8, 20, method="newcomb", compare="diff")
    assert apart["estimate"] == pytest.approx(0.4)
    assert [apart["ci_low"], apart["ci_high"]] == pytest.approx(ends, abs=1e-9)


def test_order_and_names_do_not_matter_and_nothing_is_changed():
    table, cohort = large()
    before = table.copy(), cohort.copy()
    rows = survey.survey_results(table, cohort, SURVEYED)
    pd.testing.assert_frame_equal(before[0], table)
    pd.testing.assert_frame_equal(before[1], cohort)
    shuffled = table.sample(frac=1, random_state=1), cohort.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(
        rows, survey.survey_results(*shuffled, SURVEYED), check_exact=False
    )
    renamed = table.replace("helped", "zzz")
    again = survey.survey_results(renamed, cohort, SURVEYED).replace("zzz", "helped")
    pd.testing.assert_frame_equal(rows, again)


def test_shares_of_the_answers_add_up():
    rows = survey.survey_answer(*large(), SURVEYED)
    parts = rows.loc[rows["variant"].eq("default")]
    assert parts["estimate"].sum() == pytest.approx(1)
    favourable = parts.loc[parts["level"].isin(["yes", "partly"]), "estimate"].sum()
    assert favourable == pytest.approx(figures(rows, variant="favourable")["estimate"])


def test_nobody_answered_and_no_wave():
    none = answers_of([(0, "no_answer", None)])
    rows = survey.survey_results(none, COHORT, SURVEYED)
    assert set(rows["metric"]) == {"survey_response", "response_difference"}
    assert rows.loc[rows["metric"].eq("survey_response"), "n_events"].eq(0).all()
    assert survey.survey_results(HAND, COHORT, STUDY).empty
    assert survey.survey_results(HAND, COHORT.head(0), SURVEYED)["n"].eq(0).all()


def test_on_support_needs_the_months():
    table, cohort = large()
    payments = pd.DataFrame(
        {"household_id": ["h0"], "month": pd.to_datetime(["2019-11-01"]), "amount_sek": [100.0]}
    )
    told = survey.response_difference(table, cohort, SURVEYED, payments, PLACE)
    assert figures(told, level="on_support")["estimate"] == pytest.approx(1 / 55)
    short = replace(PLACE, payments_to=date(2019, 11, 1))
    unknown = survey.response_difference(table, cohort, SURVEYED, payments, short)
    assert figures(unknown, level="on_support")["status"] == "not_available"


def test_a_wrong_frame_is_told():
    with pytest.raises(MetricInputError, match="survey lacks the column"):
        survey.survey_response(HAND.drop(columns="status"), COHORT, SURVEYED)


def test_protected_bounds_hold_the_exact_ones():
    """Over many draws of the noise the printed ends lie outside the exact ones."""
    table, cohort = large(81, 62, 53)
    rng, outside = np.random.default_rng(1), 0
    for _ in range(40):
        drawn = cohort.assign(record_key=rng.random(len(cohort)))
        rows = survey.survey_answer(table, drawn, SURVEYED)
        row = figures(protect(rows, SURVEYED), variant="bounds_frame")
        outside += row["ci_low"] <= 53 / 81 and row["ci_high"] >= 72 / 81
    assert outside >= 38


def test_few_answers_are_not_told():
    table, cohort = large(30, 18, 10)
    protected = protect(survey.survey_results(table, cohort, SURVEYED), SURVEYED)
    answers = protected.loc[protected["metric"].isin(["survey_answer", "fade"])]
    own = answers.loc[~answers["variant"].str.startswith("bounds")]
    assert own["estimate"].isna().all()
    assert Publication().min_share_denominator == 20
