"""The rules of disclosure control, each on both sides of its edge."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from hfcore.errors import MetricInputError
from hfcore.estimators.intervals import wilson
from hfcore.results import INSIDE_DTYPES, build_results
from hfcore.schema import CLOSURE_REASONS
from hfcore.study import Municipality, Publication, Study
from hfpublish.disclosure import RULES, protect
from hfpublish.disclosure.printed_shares import score_range
from hfpublish.disclosure.protection import round_to

# With this key a count of six or more keeps its value, so that edges can be seen.
QUIET = 0.5
KRISTIANSTAD = Municipality(
    "1290",
    "Kristianstad",
    date(2016, 5, 1),
    date(2021, 12, 31),
    date(2014, 5, 1),
    date(2021, 12, 1),
)
STUDY = Study(
    "s",
    {"sv": "Hela Familjen", "en": "Hela Familjen"},
    True,
    date(2021, 12, 31),
    2021,
    (KRISTIANSTAD,),
)


def results(rows, **constants):
    keys = {"key_n": QUIET, "key_events": QUIET, "key_at_risk": QUIET}
    frame = pd.DataFrame(rows)
    given = {name: key for name, key in keys.items() if name not in frame}
    return build_results(frame.assign(**given), **constants)


def one(row, study=STUDY, **constants):
    return protect(results([row], **constants), study).iloc[0]


def test_counts_are_moved_and_say_so():
    row = one(
        {"estimate": 1.0, "n": 1, "key_n": 0.9, "key_events": np.nan},
        metric="households",
        unit="count",
    )
    assert (row["estimate"], row["n"], row["protection"]) == (3.0, 3, "cell_key")


def test_a_count_without_keys_is_an_interval_of_six():
    row = one(
        {"estimate": 8.0, "n": 8, "key_n": np.nan, "key_events": np.nan},
        metric="households",
        unit="count",
    )
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == (9.0, 7.0, 12.0)
    assert row["protection"] == "interval"


def test_totals_have_their_own_noise():
    rows = results(
        {
            "group": ["participant", "control", ""],
            "estimate": [10.0, 10.0, 20.0],
            "n": [10, 10, 20],
            "key_n": [0.05, 0.05, 0.10],
            "key_events": [np.nan] * 3,
        },
        metric="households",
        unit="count",
    )
    shown = protect(rows, STUDY)["estimate"].tolist()
    assert shown == [8.0, 8.0, 18.0]
    assert shown[0] + shown[1] != shown[2]


@pytest.mark.parametrize(("n", "is_shown"), [(19, False), (20, True), (21, True)])
def test_shares_need_twenty_and_are_whole_percent(n, is_shown):
    row = one({"estimate": 7 / n, "n": n, "n_events": 7}, metric="plan_changed", unit="share")
    assert pd.notna(row["estimate"]) == is_shown
    if is_shown:
        assert row["estimate"] == round(7 / n, 2)
        low, high = wilson(7, n)
        assert row["ci_low"] < low and row["ci_high"] > high
    assert row["protection"] == ("cell_key" if is_shown else "withheld")


def test_a_share_comes_from_the_moved_numerator_and_denominator():
    # Key 0.05 moves a count of six or more by −2: 28 of 93, not 30 of 95.
    row = one(
        {"estimate": 30 / 95, "n": 95, "n_events": 30, "key_n": 0.05, "key_events": 0.05},
        metric="survey_response",
        unit="share",
    )
    assert (row["n"], row["n_events"], row["estimate"]) == (93, 28, 0.30)


def test_a_shown_n_below_the_limit_withholds_as_a_true_one_does():
    row = one(
        {"estimate": 0.5, "n": 20, "n_events": 10, "key_n": 0.05},
        metric="plan_changed",
        unit="share",
    )
    assert pd.isna(row["estimate"])


def test_clustering_widens_the_protected_interval_too():
    low, high = wilson(20, 50)
    row = one(
        {"estimate": 0.4, "ci_low": float(low), "ci_high": float(high), "n": 100, "n_events": 40},
        metric="plan_changed",
        unit="share",
    )
    plain, more = score_range(np.array([0.4]), np.array([50.0]), 0.01)
    assert (row["ci_low"], row["ci_high"]) == (plain.round(2), more.round(2))


def later(n, changed, **more):
    row = {"group": "participant", "estimate": 0.1, "ci_low": -0.05, "ci_high": 0.25, "n": n}
    row |= {
        "n_events": changed,
        "dimension": "months",
        "level": "6-12",
        "key_n": 0.5,
        "key_events": 0.5,
    }
    return one(row | more, metric="plan_changed_over_time", unit="share")


@pytest.mark.parametrize(
    ("n", "changed", "is_shown"), [(30, 0, True), (30, 1, True), (9, 6, False), (10, 6, True)]
)
def test_a_change_over_time_is_told_however_few_changed(n, changed, is_shown):
    assert pd.notna(later(n, changed)["estimate"]) == is_shown


def test_a_change_over_time_moves_by_the_noise_of_those_who_changed():
    # Key 0.05 moves a count of six or more by −2: 2 of 40 adults are five percentage points.
    row = later(40, 10, key_events=0.05)
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == (0.05, -0.11, 0.21)
    assert pd.isna(row["n_events"])
    plain = later(40, 10, estimate=0.994, ci_high=1.0, key_events=0.95)
    assert plain["estimate"] <= 1 and plain["ci_high"] <= 1


def reasons(counts):
    names = ["work", "studies", "moved", "deceased", "other"][: len(counts)]
    return results(
        {
            "group": "participant",
            "dimension": "reason",
            "level": names,
            "estimate": [float(count) for count in counts],
            "n": counts,
            "key_events": [np.nan] * len(counts),
        },
        metric="closure_reason",
        unit="count",
    )


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ([7, 6, 6], []),
        ([7, 7, 6], ["work", "studies", "moved"]),
        ([6, 6, 6, 6, 6], ["work", "studies", "moved", "deceased", "other"]),
    ],
)
def test_a_breakdown_needs_a_group_of_twenty(counts, shown):
    rows = protect(reasons(counts), STUDY)
    names = rows.loc[rows["estimate"].notna(), "level"]
    assert names.tolist() == shown


def test_reasons_become_families_until_the_mean_cell_is_five():
    rows = protect(reasons([8, 7, 6, 2, 1]), STUDY)
    assert rows["level"].tolist() == [
        "work",
        "studies",
        "moved+deceased",
        "other",
    ]
    # 6 + 2 with both keys, 0.5 + 0.5: the noise of an 8 at 0.0 is the smallest, −3.
    assert rows["estimate"].tolist()[:3] == [8.0, 7.0, 5.0]


def test_sensitive_causes_are_merged_first_and_then_the_last():
    rows = results(
        {
            "group": "participant",
            "cause": ["self_sufficiency", "deceased", "moved", "negative"],
            "estimate": [7 / 40, 0.0, 6 / 40, 4 / 40],
            "n": 40,
            "n_events": [7, 0, 6, 4],
        },
        metric="closure_share_naive",
        unit="share",
    )
    shown = protect(rows, STUDY)["cause"].tolist()
    assert shown == ["self_sufficiency", "deceased+negative", "moved"]


def test_merging_adds_numerators_and_keeps_the_denominator():
    rows = results(
        {
            "group": "participant",
            "cause": ["self_sufficiency", "moved", "negative", "deceased"],
            "estimate": [12 / 40, 4 / 40, 3 / 40, 0.0],
            "n": 40,
            "n_events": [12, 4, 3, 0],
            "key_events": [QUIET, 0.2, 0.3, 0.0],
        },
        metric="closure_share_naive",
        unit="share",
    )
    shown = protect(rows, STUDY)
    # 19 closures allow three cells; the last one holds 3 + 0 with key 0.3, which stays 3; 4 with
    # key 0.2 becomes 3, since 57 % of the noise of a 4 is −1.
    assert shown["cause"].tolist() == ["self_sufficiency", "moved", "negative+deceased"]
    assert shown["n_events"].tolist() == [12, 3, 3]
    assert shown["n"].eq(40).all()


@pytest.mark.parametrize(
    ("per_quarter", "example", "cells"),
    [
        ([5] * 12, "2020Q1", 12),
        ([5] * 11 + [4], "2020H1", 6),
        ([3, 2] * 6, "2020H1", 6),
        ([3, 2] * 5 + [3, 1], "2020", 3),
        ([2, 1] * 5 + [3, 2], "2020", 3),
        ([2, 1] * 5 + [2, 2], None, 12),
    ],
)
def test_quarters_become_half_years_and_then_years(per_quarter, example, cells):
    labels = [f"{year}Q{part}" for year in (2019, 2020, 2021) for part in (1, 2, 3, 4)]
    rows = results(
        {
            "group": "participant",
            "period": labels,
            "estimate": [float(count) for count in per_quarter],
            "n": per_quarter,
            "key_events": [np.nan] * 12,
        },
        metric="closures_per_quarter",
        unit="count",
    )
    shown = protect(rows, STUDY)
    assert len(shown) == cells
    assert shown["estimate"].notna().all() == (example is not None)
    if example:
        assert example in set(shown["period"]) and shown["period"].str.len().nunique() == 1


@pytest.mark.parametrize(("n", "is_shown"), [(19, False), (20, True)])
@pytest.mark.parametrize("cause", ["deceased", "social_insurance", "work"])
def test_deaths_and_sickness_are_not_told_of_small_groups(n, is_shown, cause):
    row = one(
        {"cause": cause, "estimate": 0.0, "n": n, "n_events": 0}, metric="eligible", unit="count"
    )
    assert pd.notna(row["estimate"]) == (is_shown or cause == "work")


@pytest.mark.parametrize(
    ("n", "largest", "second", "rest", "is_shown"),
    [
        (9, 100.0, 100.0, 700.0, False),
        (10, 100.0, 100.0, 800.0, True),
        (10, 1000.0, 100.0, 199.0, False),
        (10, 1000.0, 100.0, 200.0, True),
    ],
)
def test_sums_need_ten_and_none_that_dominates(n, largest, second, rest, is_shown):
    row = one(
        {
            "estimate": 384_499.0,
            "n": n,
            "largest": largest,
            "second_largest": second,
            "sum_absolute": largest + second + rest,
        },
        metric="saving_gross",
        unit="sek",
    )
    assert pd.notna(row["estimate"]) == is_shown
    assert not is_shown or row["estimate"] == 384_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (999_500.0, 1_000_000),
        (1_000_000.0, 1_000_000),
        (1_004_999.0, 1_000_000),
        (-1_235_001.0, -1_240_000),
    ],
)
def test_sums_above_a_million_are_rounded_to_ten_thousand(value, expected):
    row = one(
        {"estimate": value, "n": 50, "largest": 1.0, "second_largest": 1.0, "sum_absolute": 50.0},
        metric="saving_net",
        unit="sek",
    )
    assert row["estimate"] == expected


@pytest.mark.parametrize(("n", "expected"), [(9, None), (10, 8500), (19, 8500), (20, 8400)])
def test_means_of_money_by_size(n, expected):
    row = one({"estimate": 8_449.0, "n": n}, metric="cost_per_household", unit="sek")
    assert row["estimate"] == expected if expected else pd.isna(row["estimate"])


def test_means_of_months_are_halves_and_extremes_never_stand():
    months = {"metric": "participation_mean", "unit": "months"}
    assert one({"estimate": 13.62, "n": 121}, **months)["estimate"] == 13.5
    assert pd.isna(one({"estimate": 221.0, "n": 121, "method": "longest"}, **months)["estimate"])


@pytest.mark.parametrize(
    ("word", "n", "is_shown"),
    [
        ("median", 19, False),
        ("median", 20, True),
        ("quartile_low", 39, False),
        ("quartile_low", 40, True),
        ("percentile_95", 400, False),
    ],
)
def test_medians_and_quartiles_need_more(word, n, is_shown):
    row = one(
        {"estimate": 7.0, "n": n, "dimension": "statistic", "level": word},
        metric="queue_wait",
        unit="months",
    )
    assert pd.notna(row["estimate"]) == is_shown


def curve(events, n=40):
    so_far = np.cumsum(events)
    return results(
        {
            "group": "participant",
            "cause": "self_sufficiency",
            "month": np.arange(1, len(events) + 1) * 6,
            "estimate": so_far / n,
            "ci_low": so_far / n - 0.01,
            "ci_high": so_far / n + 0.01,
            "n": n,
            "n_events": so_far,
            "n_others": n - so_far,
            "n_at_risk": n - so_far,
            "n_started": n,
            "worth": 1.0,
        },
        metric="cumulative_incidence",
        unit="share",
    )


@pytest.mark.parametrize(
    ("participants", "controls", "df", "is_shown"),
    [
        (9, 40, 30.0, False),
        (10, 40, 30.0, True),
        (40, 9, 30.0, False),
        (10, 10, 9.9, False),
        (10, 10, 10.0, True),
    ],
)
def test_model_results_need_arms_and_degrees(participants, controls, df, is_shown):
    row = one(
        {
            "group": "difference",
            "estimate": -1_344.2,
            "ci_low": -2_149.0,
            "ci_high": -451.0,
            "n": participants + controls,
            "n_events": participants,
            "df": df,
        },
        metric="support_effect",
        unit="sek_per_month",
    )
    shown = [row["estimate"], row["ci_low"], row["ci_high"]]
    assert shown == [-1300, -2100, -500] if is_shown else np.isnan(shown).all()
    assert row["protection"] == ("rounded" if is_shown else "withheld")


def test_what_one_household_changes_is_never_told():
    row = one(
        {
            "group": "difference",
            "variant": "leave_one_out_lowest",
            "estimate": -1500.0,
            "n": 400,
            "n_events": 100,
        },
        metric="support_effect_sensitivity",
        unit="sek_per_month",
    )
    assert pd.isna(row["estimate"])


@pytest.mark.parametrize(("n", "is_shown"), [(9, False), (10, True)])
def test_points_of_a_series_need_ten(n, is_shown):
    row = one(
        {"group": "participant", "month": 3, "estimate": 8_449.0, "n": n},
        metric="support_mean",
        unit="sek_per_month",
    )
    assert pd.notna(row["estimate"]) == is_shown
    assert row["status"] == ("ok" if is_shown else "too_few")


@pytest.mark.parametrize("dimension", ["household", "person", "worker", "id"])
def test_nothing_is_told_of_single_units(dimension):
    row = one(
        {"dimension": dimension, "level": "h17", "estimate": 12.0, "n": 40},
        metric="queue_wait",
        unit="months",
    )
    assert pd.isna(row["estimate"])
    assert "h17" not in str(row.to_dict())


@pytest.mark.parametrize(("workers", "is_shown"), [(9, False), (10, True)])
def test_hours_of_few_workers_are_not_shown_but_shares_are(workers, is_shown):
    hours = one({"estimate": 40.0, "n": workers}, metric="worktime_share", unit="hours")
    share = one({"estimate": 0.334, "n": workers}, metric="worktime_share", unit="share")
    assert pd.notna(hours["estimate"]) == is_shown
    assert share["estimate"] == 0.33
    assert pd.isna(share["n"]) != is_shown


@pytest.mark.parametrize(
    "text",
    [
        "She said that\nher son",
        "19811218-9876",
        "long " * 40,
        "<script>\x00",
    ],
)
def test_free_text_is_taken_out_with_its_figure(text):
    row = one(
        {"dimension": "note", "level": text, "estimate": 12.0, "n": 40},
        metric="queue_wait",
        unit="months",
    )
    assert pd.isna(row["estimate"]) and row["level"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1"])
def test_texts_that_a_spreadsheet_would_run_are_escaped(text):
    row = one(
        {"dimension": "note", "level": text, "estimate": 12.0, "n": 40},
        metric="queue_wait",
        unit="months",
    )
    assert row["level"] == "'" + text


@pytest.mark.parametrize(
    ("newcomers", "days", "is_frozen"),
    [
        (4, 30, True),
        (5, 30, False),
        (4, 90, True),
        (4, 91, False),
        (1, None, True),
    ],
)
def test_few_newcomers_leave_the_figure_as_it_was(newcomers, days, is_frozen):
    def at(n):
        return results(
            [{"estimate": float(n), "n": n, "key_events": np.nan}],
            metric="households",
            unit="count",
        )

    row = protect(at(100 + newcomers), STUDY, earlier=at(100), days_since=days).iloc[0]
    assert row["estimate"] == (100 if is_frozen else 100 + newcomers)


def test_published_figures_pass_as_they_are():
    row = one(
        {"dimension": "claim", "level": "hf-14", "estimate": 0.0, "n": 29, "n_events": 4},
        metric="claim_check",
        unit="ratio",
    )
    assert (row["estimate"], row["n"], row["protection"]) == (0.0, 29, "none")


def test_a_staff_ratio_against_another_team_keeps_its_percent():
    row = one({"group": "difference", "estimate": -0.434, "n": 16}, metric="caseload", unit="ratio")
    assert row["estimate"] == -0.43


def test_inside_columns_are_gone_owner_columns_stay_and_input_is_unchanged():
    rows = results(
        [{"estimate": 50.0, "n": 50, "key_events": np.nan}], metric="households", unit="count"
    )
    owned = rows.assign(study="s", municipality="1290", notebook="n")
    before = owned.copy()
    shown = protect(owned, STUDY)
    assert not set(INSIDE_DTYPES) & set(shown.columns)
    assert shown.columns[:3].tolist() == ["study", "municipality", "notebook"]
    assert shown.columns[-2:].tolist() == ["protection", "base"]
    pd.testing.assert_frame_equal(owned, before)


@pytest.mark.parametrize(
    ("n", "base"),
    [
        (9, "<10"),
        (10, "10–19"),
        (19, "10–19"),
        (20, "20–49"),
        (49, "20–49"),
        (50, "50+"),
    ],
)
def test_bases_are_bands(n, base):
    row = one(
        {"estimate": float(n), "n": n, "key_events": np.nan}, metric="households", unit="count"
    )
    assert row["base"] == base


def test_what_is_not_available_stays_so():
    row = one(
        {"estimate": np.nan, "n": 0, "status": "not_available"},
        metric="support_effect",
        unit="sek_per_month",
    )
    assert (row["status"], row["protection"]) == ("not_available", "none")


def test_rows_that_are_no_results_are_refused():
    frame = results([{"estimate": 1.0, "n": 1}], metric="households", unit="count")
    with pytest.raises(MetricInputError, match="metric"):
        protect(frame.assign(metric="shoe_size"), STUDY)


def test_order_of_rows_does_not_move_figures():
    rows = pd.concat([reasons([8, 7, 6, 2, 1]), curve([0, 6, 6, 0])])
    rows = rows.reset_index(drop=True)
    mixed = rows.sample(frac=1, random_state=3).sort_values("level", kind="stable")
    columns = ["metric", "level", "cause", "month"]
    first, second = (
        protect(each, STUDY).sort_values(columns, ignore_index=True) for each in (rows, mixed)
    )
    curves = first["metric"].eq("cumulative_incidence")
    pd.testing.assert_frame_equal(first.loc[curves], second.loc[curves])


def test_parameters_come_from_the_study():
    strict = replace(STUDY, publication=replace(Publication(), min_share_denominator=30))
    row = {"estimate": 0.4, "n": 25, "n_events": 10}
    assert pd.isna(one(row, strict, metric="plan_changed", unit="share")["estimate"])
    assert pd.notna(one(row, metric="plan_changed", unit="share")["estimate"])


def test_empty_results_stay_empty():
    rows = results([{"estimate": 1.0, "n": 1}], metric="households", unit="count")
    assert protect(rows.iloc[:0], STUDY).empty


def test_every_rule_that_works_on_the_frame_is_listed_once():
    assert sorted(number for number, _ in RULES) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]


def test_rounding_goes_away_from_zero_at_halves():
    assert round_to(pd.Series([0.005, -0.005, 0.315]), 0.01).round(2).tolist() == [
        0.01,
        -0.01,
        0.32,
    ]


def named(name, reasons, rest="other"):
    """A study that calls a cause by another name."""
    causes = {"own_income": ("work",), name: reasons, rest: "rest"}
    definitions = replace(STUDY.definitions, causes=causes, cause_variants={})
    return replace(STUDY, definitions=definitions)


@pytest.mark.parametrize(
    ("reasons", "is_sensitive"),
    [
        (("deceased",), True),
        (("social_insurance", "deceased"), True),
        (("deceased", "transferred"), True),
        (("deceased", "transferred", "moved"), False),
        (("moved",), False),
    ],
)
def test_a_sensitive_cause_is_known_by_its_reasons_not_its_name(reasons, is_sensitive):
    study = named("gone", reasons)
    row = {"cause": "gone", "estimate": 2.0, "n": 19, "n_events": 2}
    row = one(row, study, metric="eligible", unit="count")
    assert pd.isna(row["estimate"]) == is_sensitive


def test_the_rest_is_sensitive_where_only_deaths_are_left():
    listed = tuple(each for each in CLOSURE_REASONS if each not in ("work", "deceased"))
    study = named("named", listed, rest="unnamed")
    row = {"cause": "unnamed", "estimate": 2.0, "n": 19, "n_events": 2}
    assert pd.isna(one(row, study, metric="eligible", unit="count")["estimate"])
