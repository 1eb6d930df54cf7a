"""Every sentence of the report, from rows made by hand, in both languages."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from string import Formatter

import numpy as np
import pandas as pd
import pytest

import hfcore
from hfcore.errors import UsageError
from hfcore.figures.result_table import caption_of_rows
from hfcore.i18n.formats import (
    day,
    label,
    money,
    month_name,
    months,
    number,
    part_label,
    percent,
    quantity,
    span,
)
from hfcore.i18n.texts import LANGUAGES, all_texts, has_text, text
from hfcore.results import METRICS, STATUSES, build_results
from hfcore.study import DEFAULT_CAUSES, Municipality, Study
from hfpublish import html_pages, report_sentences, support_sentences
from hfpublish.sentences import all_sentences

NB = "\u00a0"
PLACE = Municipality(
    "1293", "Hässleholm", date(2018, 6, 1), date(2021, 12, 31), date(2016, 6, 1), date(2021, 12, 1)
)
STUDY = Study(
    "hela-familjen",
    {"sv": "Hela Familjen", "en": "The Whole Family (simulated)"},
    True,
    date(2021, 12, 31),
    2021,
    (PLACE,),
)
TOLD = replace(STUDY, has_earlier_reports=True)


def rows(*parts):
    """Rows as protection leaves them; each part is a metric, a unit and its columns."""
    return pd.concat(
        [
            build_results(pd.DataFrame([columns]), metric=metric, unit=unit)
            for metric, unit, columns in parts
        ],
        ignore_index=True,
    )


def effect(low, high, status="ok", window="1-12"):
    columns = {"group": "difference", "dimension": "window", "level": window}
    ends = {"estimate": (low + high) / 2, "ci_low": low, "ci_high": high}
    ends |= {"n": 120, "status": status}
    return "support_effect", "sek_per_month", columns | ends


def participants(n):
    columns = {"group": "participant", "estimate": float(n), "n": n}
    return "households", "count", columns


def grade(value):
    return "design_grade", "ratio", {"estimate": float(value)}


def detectable(value):
    columns = {
        "group": "difference",
        "dimension": "window",
        "level": "1-12",
        "estimate": float(value),
    }
    return "detectable_difference", "sek_per_month", columns


def headline(language, *parts, **options):
    return report_sentences.headline(rows(*parts), STUDY, "1293", language, **options)


@pytest.mark.parametrize(
    ("language", "level", "sentence"),
    [
        (
            "sv",
            2,
            "Att delta i Hela Familjen i Hässleholm samvarierar med 900–3_100 kronor lägre "
            "försörjningsstöd per hushåll och månad det första året, jämfört med liknande "
            "hushåll. Det behöver inte vara insatsen som är orsaken.",
        ),
        (
            "sv",
            3,
            "Siffrorna talar för att Hela Familjen i Hässleholm gjorde försörjningsstödet "
            "900–3_100 kronor lägre per hushåll och månad det första året, jämfört med liknande "
            "hushåll.",
        ),
        (
            "sv",
            4,
            "Hela Familjen i Hässleholm ledde till 900–3_100 kronor lägre försörjningsstöd per "
            "hushåll och månad det första året, jämfört med liknande hushåll.",
        ),
        (
            "en",
            2,
            "Taking part in The Whole Family in Hässleholm is associated with 900 to 3,100 kronor "
            "lower assistance per household per month in the first year, compared with similar "
            "households. The programme need not be the cause.",
        ),
        (
            "en",
            3,
            "The figures suggest that The Whole Family in Hässleholm made social assistance 900 "
            "to 3,100 kronor lower per household per month in the first year, compared with "
            "similar households.",
        ),
        (
            "en",
            5,
            "The Whole Family in Hässleholm led to 900 to 3,100 kronor lower assistance per "
            "household per month in the first year, compared with similar households.",
        ),
    ],
)
def test_the_verb_follows_the_grade(language, level, sentence):
    said = headline(language, effect(-3100, -900), grade(level))
    assert said == sentence.replace("_", NB)


def test_more_is_said_as_plainly_as_less_and_why_is_not_known():
    assert "200–800 kronor högre" in headline("sv", effect(200, 800))
    said = headline("en", effect(200, 800), grade(3))
    assert "made social assistance 200 to 800 kronor higher" in said
    assert said.endswith("More may have claimed what they are entitled to.")


def test_a_range_that_rounding_closed_is_about():
    assert "omkring 500 kronor lägre" in headline("sv", effect(-500, -500))


@pytest.mark.parametrize(("low", "high", "is_seen"), [(-900, -100, True), (-900, 0, False)])
def test_an_interval_that_reaches_zero_cannot_be_told(low, high, is_seen):
    said = headline("sv", effect(low, high), grade(5))
    assert ("går ännu inte att avgöra" not in said) == is_seen


def test_an_open_range_is_told_with_both_ends():
    said = headline("sv", effect(-1200, 400), grade(3))
    assert said == (
        "Det går ännu inte att avgöra om Hela Familjen påverkade försörjningsstödet i Hässleholm: "
        "det kan ha blivit allt från 1\u00a0200 kronor lägre till 400 kronor högre per hushåll och "
        "månad det första året, jämfört med liknande hushåll."
    )
    said = headline("en", effect(-1200, 400), grade(3))
    assert "anything from 1,200 kronor lower to 400 kronor higher per household per month" in said


@pytest.mark.parametrize(("high", "is_small"), [(499, True), (500, True), (501, False)])
def test_a_range_within_what_matters_is_no_large_difference(high, is_small):
    frame = rows(effect(-300, high), grade(3))
    verdict, said = support_sentences.verdict_and_answer(frame, STUDY, "1293", "en")
    assert (verdict == "No large difference") == is_small
    assert ("at most 300 kronor lower" in said) == is_small


def test_yet_is_said_only_while_somebody_may_still_be_followed():
    ended = replace(STUDY, municipalities=(replace(PLACE, last_day=date(2020, 12, 30)),))
    frame = rows(effect(-1200, 400), grade(3))
    said = report_sentences.headline(frame, ended, "1293", "sv")
    assert said.startswith("Det går inte att avgöra")


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "sv",
            "Det går ännu inte att avgöra. Färre än 30 hushåll i insatsen i Hässleholm har följts "
            "ett helt år före och efter start. Det betyder varken att insatsen har effekt eller "
            "att den saknar effekt. Med så få hushåll syns bara en skillnad på omkring 3\u00a0100 "
            "kronor eller mer.",
        ),
        (
            "en",
            "It is not yet possible to tell. Fewer than 30 households in the programme in "
            "Hässleholm have been followed for a full year before and after the start. This shows "
            "neither that the programme has an effect nor that it has none. With so few "
            "households, only a difference of about 3,100 kronor or more would show.",
        ),
    ],
)
def test_too_few_is_an_answer(language, sentence):
    parts = (effect(-2000, -500, "too_few"), participants(30), detectable(3100), grade(3))
    assert headline(language, *parts) == sentence


def test_too_few_names_the_group_that_is_too_small_and_what_is_known_so_far():
    metric, unit, columns = effect(-2000, 500, "too_few")
    said = headline("en", (metric, unit, columns | {"n": 90, "n_events": 70}))
    assert "Fewer than 30 households in the control group in Hässleholm" in said
    assert "anything from 2,000 kronor lower to 500 kronor higher" in said


def test_no_payments_no_answer():
    assert headline("en", grade(3)).endswith("there are no data on payments or no control group.")
    gone = effect(np.nan, np.nan, "not_available")
    assert headline("sv", gone).endswith(
        "uppgifter om utbetalningar eller om en kontrollgrupp finns inte."
    )


@pytest.mark.parametrize(
    ("language", "verb"), [("sv", "samvarierar med"), ("en", "is associated with")]
)
@pytest.mark.parametrize("value", [2, 3])
def test_the_second_year_is_never_more_than_going_together(language, verb, value):
    later = effect(-2400.0, -600.0, window="13-24")
    said = headline(language, later, grade(value), window="13-24")
    assert verb in said


def test_the_second_year_of_a_lottery_may_be_told_as_its_doing():
    later = effect(-2400.0, -600.0, window="13-24")
    assert "led to" in headline("en", later, grade(5), window="13-24")


@pytest.mark.parametrize(("language", "end"), [("sv", "prognos"), ("en", "forecast")])
def test_a_second_year_that_is_shown_comes_with_its_warning(language, end):
    first, later = effect(-2400.0, -600.0), effect(-2400.0, -600.0, window="13-24")
    plain = report_sentences.limits(rows(participants(120), first), STUDY, language)
    told = report_sentences.limits(rows(participants(120), first, later), STUDY, language)
    added = [each for each in told if each not in plain]
    assert len(added) == 1 and end in added[0]


def test_a_level_given_lowers_the_verb_and_never_raises_it():
    parts = (effect(-3100, -900), grade(3))
    assert "samvarierar" in headline("sv", *parts, level="covaries")
    assert "talar för" in headline("sv", *parts, level="led_to")
    assert "inte att avgöra" in headline("sv", *parts, level="unseen")


def incidence(share, low, high, cause="self_sufficiency", month=12, **more):
    columns = more | {"group": "participant", "cause": cause, "month": month, "estimate": share}
    return "cumulative_incidence", "share", columns | {"ci_low": low, "ci_high": high}


def still(share, month=12):
    columns = {"group": "participant", "month": month, "estimate": share}
    return "still_in_intervention", "share", columns


def others(*shares):
    causes = [each for each in STUDY.causes if each != "self_sufficiency"]
    return [
        incidence(share, max(share - 0.05, 0), share + 0.05, cause)
        for share, cause in zip(shares, causes, strict=True)
    ]


@pytest.mark.parametrize(("rest", "is_told"), [(0.14, False), (0.15, True), (0.26, False)])
def test_households_are_told_of_a_hundred_and_those_left_where_parts_add_up(rest, is_told):
    frame = rows(incidence(0.25, 0.18, 0.33), still(0.5), *others(rest, 0.0, 0.0, 0.0))
    left = " Omkring 50 deltog fortfarande." if is_told else ""
    assert report_sentences.trajectory_sentence(frame, STUDY, "1293", "sv") == (
        "Av 100 hushåll hade omkring 25 (18–33) avslutat insatsen med egen försörjning inom 12 "
        f"månader.{left}"
    )
    left = " About 50 were still taking part." if is_told else ""
    families = replace(STUDY, unit="family")
    assert report_sentences.trajectory_sentence(frame, families, "1293", "en") == (
        "Of 100 families, about 25 (18 to 33) had ended the programme with self-sufficiency "
        f"within 12 months.{left}"
    )


def test_a_hidden_curve_is_said_to_be_hidden():
    frame = rows(incidence(np.nan, np.nan, np.nan))
    said = report_sentences.trajectory_sentence(frame, STUDY, "1293", "en")
    assert said == (
        "How many households in Hässleholm ended the programme with self-sufficiency cannot be "
        "shown: there are too few of them."
    )


def test_a_subgroup_never_stands_for_the_whole_group():
    hidden = incidence(np.nan, np.nan, np.nan)
    women = incidence(0.4, 0.3, 0.5)
    women[2].update({"dimension": "applicant_sex", "level": "woman"})
    said = report_sentences.trajectory_sentence(rows(hidden, women), STUDY, "1293", "en")
    assert said.endswith("there are too few of them.")


def plan(group, share):
    columns = {"group": group, "month": 6, "estimate": share}
    return "plan_changed", "share", columns


def plan_difference(low, high):
    columns = {"group": "difference", "month": 6, "estimate": (low + high) / 2}
    return "plan_changed_difference", "share", columns | {"ci_low": low, "ci_high": high}


@pytest.mark.parametrize(
    ("low", "high", "language", "end"),
    [
        (
            0.06,
            0.30,
            "sv",
            "Skillnaden är 6–30 procentenheter, mer än slumpen",
        ),
        (0.0, 0.30, "sv", "från 0 till 30 procentenheter, kan bero på slumpen."),
        (-0.06, 0.30, "en", "from −6 to 30 percentage points, may be due to chance."),
        (
            -0.3,
            -0.01,
            "en",
            "difference is −30 to −1 percentage points, more than chance",
        ),
    ],
)
def test_plans_of_both_groups(low, high, language, end):
    parts = (plan("participant", 0.57), plan("control", 0.39), plan_difference(low, high))
    said = report_sentences.planning_sentence(rows(*parts), STUDY, language)
    assert "57" in said and "39" in said and end in said


def test_plans_without_a_control_group_and_without_anything():
    alone = report_sentences.planning_sentence(rows(plan("participant", 0.57)), STUDY, "en")
    assert alone.endswith("The control group is too small or absent.")
    hidden = report_sentences.planning_sentence(rows(plan("participant", np.nan)), STUDY, "en")
    assert hidden == "How plans changed cannot be shown: there are too few adults."
    assert report_sentences.planning_sentence(rows(grade(3)), STUDY, "sv").startswith("Det saknas")


def later(low, high, group="participant", points="6-18"):
    columns = {"group": group, "dimension": "months", "level": points, "estimate": (low + high) / 2}
    return "plan_changed_over_time", "share", columns | {"ci_low": low, "ci_high": high}


@pytest.mark.parametrize(
    ("low", "high", "language", "words"),
    [
        (0.25, 0.41, "en", "more had another plan after 18 months than after 6: between 25 and 41"),
        (
            -0.2,
            -0.05,
            "sv",
            "färre en annan planering efter 18 månader än efter 6: mellan 5 och 20",
        ),
        (-0.05, 0.2, "en", "cannot be seen: the difference lies between −5 and 20 percentage"),
    ],
)
def test_the_same_adults_later(low, high, language, words):
    shorter = later(0.0, 0.5, points="6-12")
    said = report_sentences.later_sentence(rows(shorter, later(low, high)), STUDY, language)
    assert words in said
    both = report_sentences.later_sentence(
        rows(later(low, high), later(0.1, 0.17, "control")), STUDY, language
    )
    assert both.startswith(said) and "10" in both and "17" in both
    assert report_sentences.later_sentence(rows(grade(3)), STUDY, language) == ""


def naive(share):
    columns = {"group": "participant", "cause": "self_sufficiency", "estimate": share}
    return "closure_share_naive", "share", columns


def test_the_old_share_beside_the_fair_one_says_which_is_larger():
    larger = report_sentences.naive_sentences(
        rows(naive(0.32), incidence(0.25, 0.2, 0.3)), TOLD, "en"
    )
    assert larger == [
        "Earlier reports counted only households whose programme had ended: of those, 32% reached "
        "self-sufficiency. Of all who started it is 25% after 12 months. The share is larger "
        "because households still taking part are not counted, and because only the first 12 "
        "months count here."
    ]
    both = rows(naive(0.2), incidence(0.25, 0.2, 0.3))
    smaller = report_sentences.naive_sentences(both, TOLD, "en")[0]
    assert "share is larger" not in smaller and "20%" in smaller and "25%" in smaller
    hidden = rows(naive(np.nan), incidence(0.25, 0.2, 0.3))
    assert report_sentences.naive_sentences(hidden, TOLD, "sv") == []
    nought = rows(naive(0.2), incidence(0.0, 0.0, 0.1))
    assert report_sentences.naive_sentences(nought, TOLD, "sv") == []
    assert report_sentences.naive_sentences(both, STUDY, "en") == []


def test_the_old_time_and_the_old_support():
    time = ("closure_time_naive", "months", {"group": "participant", "estimate": 10.5})
    plain = (
        "support_difference_naive",
        "sek_per_month",
        {"group": "difference", "dimension": "window", "level": "1-24", "estimate": -1300.0},
    )
    fair = effect(-1900, -500, window="1-24")
    said = report_sentences.naive_sentences(rows(time, plain, fair), TOLD, "sv")
    assert said[0].startswith("Medeltiden till avslut var 10,5 månader bland de avslutade.")
    assert "ger 1\u00a0300 kronor lägre per månad" in said[1]
    ends = "1\u00a0900 kronor lägre till 500 kronor lägre"
    assert "de två första åren" in said[1] and ends in said[1]


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "sv",
            "I alla kommuner tillsammans kan skillnaden mot liknande hushåll det första året vara "
            "allt från 3\u00a0700 kronor lägre till 100 kronor högre per hushåll och månad.",
        ),
        (
            "en",
            "In all municipalities together the difference from similar households in the first "
            "year could be anything from 3,700 kronor lower to 100 kronor higher per household "
            "per month.",
        ),
    ],
)
def test_all_municipalities_together_are_told_as_a_range(language, sentence):
    metric, unit, columns = effect(-3700.0, 100.0)
    together = rows((f"{metric}_pooled", unit, columns | {"variant": "these"}))
    assert report_sentences.pooled_sentence(together, language) == sentence


@pytest.mark.parametrize("status", ["too_few", "not_available"])
def test_a_pooled_range_from_too_few_is_not_told(status):
    metric, unit, columns = effect(-3700.0, 100.0, status)
    these = (f"{metric}_pooled", unit, columns | {"variant": "these"})
    together = rows(these, effect(-900.0, -100.0))
    assert report_sentences.pooled_sentence(together, "sv") == ""


def part_of(low, high, in_window, status="ok"):
    metric, unit, columns = effect(low, high, status)
    return metric, unit, columns | {"n_events": in_window}


@pytest.mark.parametrize(
    ("in_window", "base"),
    [
        (82, "about 80 of 100 households in the programme, those followed for a full year both"),
        (98, "about 100 households in the programme."),
        (None, "about 100 households in the programme."),
    ],
)
def test_how_sure_and_why(in_window, base):
    sure = rows(part_of(-3100, -900, in_window), participants(98), grade(3))
    said = report_sentences.certainty_sentence(sure, STUDY, "en")
    assert said.startswith(f"The answer rests on {base}")
    assert "strength 3 of 5: the control group was weighted to be like" in said
    assert "allows for chance, not for unknown differences" in said
    assert said.endswith("The study covers Hässleholm only.")
    assert ("often exaggerated" in said) == (in_window is not None)
    ungraded = rows(part_of(-3100, -900, in_window), participants(98))
    assert "strength" not in report_sentences.certainty_sentence(ungraded, STUDY, "en")


def choice(variant, low, high):
    metric, unit, columns = effect(low, high)
    return f"{metric}_sensitivity", unit, columns | {"variant": variant}


@pytest.mark.parametrize(
    ("highs", "words"),
    [
        ((-100, -200, -300), "holds in all 3 ways of counting"),
        ((-100, -200, 50), "the same in 2 of 3 ways of counting; not with prices fixed"),
        ((-100, 20, 50), "the same in only 1 of 3 ways"),
    ],
)
def test_in_how_many_ways_of_counting_the_answer_is_the_same(highs, words):
    names = ("unadjusted", "one_month", "fixed_prices")
    tried = [choice(name, -3000, high) for name, high in zip(names, highs, strict=True)]
    misleading = choice("before_after", -9000, -8000)
    frame = rows(part_of(-3100, -900, 80), participants(98), grade(3), *tried, misleading)
    said = report_sentences.certainty_sentence(frame, STUDY, "en")
    assert words.replace("prices fixed", "fixed prices") in said


def test_drift_and_the_sum_in_kronor_stand_where_a_difference_is_seen():
    window = {"group": "difference", "dimension": "window", "level": "1-12"}
    more = [
        ("support_drift_bound", "sek_per_month", window | {"variant": name, "estimate": amount})
        for name, amount in (("breakdown", 900.0), ("largest_drift", 500.0))
    ]
    ends = {"estimate": -2.0e6, "ci_low": -3_421_000.0, "ci_high": -908_000.0}
    more.append(("support_total", "sek", window | ends))
    said = report_sentences.certainty_sentence(
        rows(part_of(-3100, -900, 80), participants(98), *more), STUDY, "en"
    )
    assert "drifted apart by 900 kronor a month for other reasons" in said
    assert "the largest before the start was 500" in said
    assert "All households together, first year: 910,000 to 3,420,000 kronor lower." in said
    unseen = rows(part_of(-3100, 900, 80), participants(98), *more)
    assert "drifted" not in report_sentences.certainty_sentence(unseen, STUDY, "en")


@pytest.mark.parametrize("status", ["too_few", "not_available"])
def test_without_an_answer_only_the_number_is_told(status):
    low, high = (-3100, 900) if status == "too_few" else (np.nan, np.nan)
    frame = rows(effect(low, high, status), participants(28))
    said = report_sentences.certainty_sentence(frame, STUDY, "sv")
    assert said == "Omkring 30 hushåll började i insatsen."
    assert "too small to show" in report_sentences.certainty_sentence(rows(grade(3)), STUDY, "en")


def test_a_share_of_nought_is_told_as_nought_to_three():
    few = rows(incidence(0.0, 0.0, 0.11, n=30), participants(32))
    said = report_sentences.trajectory_sentence(few, STUDY, "1293", "en")
    assert said == (
        "Of the about 30 households who started in Hässleholm at most a few, 0 to 3, had ended "
        "the programme with self-sufficiency within 12 months."
    )
    # Of very many, more than three are still less than a percent.
    said = report_sentences.trajectory_sentence(few.assign(n=600), STUDY, "1293", "en")
    assert "none or only a few (at most about 11) had ended the programme" in said


@pytest.mark.parametrize(("n", "says_few"), [(49, True), (50, False)])
def test_what_it_cannot_tell(n, says_few):
    said = report_sentences.limits(rows(participants(n)), STUDY, "sv")
    assert any("så få hushåll" in sentence for sentence in said) == says_few
    assert said[-1] == "Uppgifterna slutar 31 december 2021. Vad som hände därefter syns inte."


def test_captions_come_from_the_rows():
    frame = rows(plan("participant", 0.57), plan("control", 0.39))
    assert caption_of_rows(frame, "en") == (
        "Share of adults with another plan, participants and control group."
    )
    curve = rows(incidence(0.25, 0.2, 0.3))
    assert "uncertainty" in caption_of_rows(curve, "en")
    assert "six or more" in caption_of_rows(curve.assign(protection="cell_key"), "en")


def test_every_text_stands_in_both_languages_with_the_same_braces():
    for section, keys in [*all_texts().items(), *all_sentences().items()]:
        for key, words in keys.items():
            assert set(words) == set(LANGUAGES), f"{section}.{key}"
            parsed = [Formatter().parse(words[each]) for each in LANGUAGES]
            fields = [{part[1] for part in each} - {None} for each in parsed]
            if section not in ("headline", "planning"):
                assert fields[0] == fields[1], f"{section}.{key}"


def test_every_metric_status_and_cause_has_a_name():
    assert [metric for metric in METRICS if not has_text("metrics", metric)] == []
    assert all(has_text("statuses", status) for status in STATUSES)
    assert all(has_text("causes", cause) for cause in DEFAULT_CAUSES)


def test_an_unknown_language_or_text_is_told():
    with pytest.raises(UsageError, match="sv, en"):
        text("groups", "participant", "fi")
    with pytest.raises(UsageError, match=r"groups\.nobody"):
        text("groups", "nobody", "sv")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (number(-1234567.0, "sv"), f"−1{NB}234{NB}567"),
        (number(-0.2, "en"), "0"),
        (percent(0.005, "sv"), f"0{NB}%"),
        (percent(1.0, "en"), "100%"),
        (money(0, "sv"), f"0{NB}kr"),
        (months(1, "sv"), "1 månad"),
        (months(13.5, "en"), "13.5 months"),
        (day(date(2018, 6, 1), "en"), "1 June 2018"),
        (month_name(date(2018, 6, 1), "sv"), "juni 2018"),
        (quantity(np.nan, "share", "sv"), "–"),
        (span(-2100, -500, "sek", "sv"), f"−2{NB}100 till −500{NB}kr"),
        (span(np.nan, 1.0, "share", "sv"), ""),
        (label("reasons", "work+studies+moved+other", "en"), "others (4 reasons)"),
        (part_label("months_on_support", "6-12", "", "sv"), "6–12 månader med stöd"),
        (part_label("months_on_support", "61-", "", "en"), "over 60 months on support"),
        (part_label("", "", "2019H2", "en"), "half-year 2, 2019"),
    ],
)
def test_numbers_dates_and_names(written, expected):
    assert written == expected


def test_the_glossary_has_one_anchor_a_term_and_those_that_pages_explain():
    glossary = (Path(hfcore.__file__).parent.parent / "GLOSSARY.md").read_text(encoding="utf-8")
    anchors = re.findall(r'<a id="([a-z-]+)"></a>', glossary)
    assert len(anchors) == len(set(anchors)) > 30
    assert {each["id"] for each in html_pages.glossary("sv")} <= set(anchors)
    lines = [line for line in glossary.splitlines() if "<a id" in line]
    assert all(line.count(" · ") == 1 and line.count("|") == 4 for line in lines)


@pytest.mark.parametrize(("language", "within"), [("sv", "24 månaderna"), ("en", "24 months")])
def test_the_fair_mean_time_is_that_of_the_longest_period_shown(language, within):
    rows = pd.DataFrame(
        {"month": [6, 12, 24, 36], "estimate": [5.1, 8.3, 11.7, np.nan], "group": "participant"}
    )
    rows = build_results(rows, metric="restricted_mean", unit="months")
    (sentence,) = report_sentences.fair_times(rows, language)
    assert within in sentence
    assert {"sv": "11,7 månader", "en": "11.7 months"}[language] in sentence
    assert report_sentences.fair_times(rows.assign(estimate=np.nan), language) == []
