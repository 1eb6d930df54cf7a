"""Every sentence of the report, from rows made by hand, in both languages."""

import re
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
from hfpublish import html_pages, report_sentences
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
            "Deltagande i Hela Familjen i Hässleholm samvarierar med mellan 900 och 3_100 kronor "
            "mindre i försörjningsstöd per hushåll och månad under det första året, jämfört med "
            "liknande hushåll.",
        ),
        (
            "sv",
            3,
            "Siffrorna talar för att Hela Familjen i Hässleholm gav mellan 900 och 3_100 kronor "
            "mindre i försörjningsstöd per hushåll och månad under det första året, jämfört med "
            "liknande hushåll.",
        ),
        (
            "sv",
            4,
            "Hela Familjen i Hässleholm ledde till mellan 900 och 3_100 kronor mindre i "
            "försörjningsstöd per hushåll och månad under det första året, jämfört med liknande "
            "hushåll.",
        ),
        (
            "en",
            2,
            "Taking part in The Whole Family in Hässleholm goes together with between 900 and "
            "3,100 kronor less in support per household a month over the first year, compared "
            "with similar households.",
        ),
        (
            "en",
            3,
            "The figures suggest that The Whole Family in Hässleholm brought between 900 and "
            "3,100 kronor less in support per household a month over the first year, compared "
            "with similar households.",
        ),
        (
            "en",
            5,
            "The Whole Family in Hässleholm led to between 900 and 3,100 kronor less in support "
            "per household a month over the first year, compared with similar households.",
        ),
    ],
)
def test_the_verb_follows_the_grade(language, level, sentence):
    said = headline(language, effect(-3100, -900), grade(level))
    assert said == sentence.replace("_", NB)


def test_more_is_said_as_plainly_as_less():
    assert "mellan 200 och 800 kronor mer i" in headline("sv", effect(200, 800))
    assert "between 200 and 800 kronor more in" in headline("en", effect(200, 800))


def test_a_range_that_rounding_closed_is_about():
    assert "omkring 500 kronor mindre" in headline("sv", effect(-500, -500))


@pytest.mark.parametrize(("low", "high", "is_seen"), [(-900, -100, True), (-900, 0, False)])
def test_an_interval_that_reaches_zero_cannot_be_seen(low, high, is_seen):
    said = headline("sv", effect(low, high), grade(5))
    assert ("kan inte ses ännu" not in said) == is_seen


def test_an_open_range_is_told_with_both_ends():
    said = headline("sv", effect(-1200, 400), grade(3))
    assert said == (
        "Om Hela Familjen i Hässleholm ändrade försörjningsstödet kan inte ses ännu: skillnaden "
        "mot liknande hushåll under det första året kan vara allt från 1\u00a0200 kronor mindre "
        "till 400 kronor mer per hushåll och månad."
    )
    said = headline("en", effect(-1200, 400), grade(3))
    assert "anything from 1,200 kronor less to 400 kronor more per household a month" in said


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "sv",
            "Om Hela Familjen i Hässleholm ändrade försörjningsstödet kan inte ses ännu: med 30 "
            "hushåll skulle bara en skillnad över 3\u00a0100 kronor per månad kunna upptäckas.",
        ),
        (
            "en",
            "Whether The Whole Family in Hässleholm changed support cannot be seen yet: with 30 "
            "households only a difference above 3,100 kronor a month could be detected.",
        ),
    ],
)
def test_too_few_is_an_answer(language, sentence):
    parts = (effect(-2000, -500, "too_few"), participants(30), detectable(3100), grade(3))
    assert headline(language, *parts) == sentence


def test_too_few_without_a_detectable_difference():
    said = headline("en", effect(-2000, -500, "too_few"))
    assert said.endswith("there are too few households for a fair comparison.")


def test_no_payments_no_answer():
    assert headline("en", grade(3)).endswith(
        "there are no payment data or no group to compare with."
    )
    gone = effect(np.nan, np.nan, "not_available")
    assert headline("sv", gone).endswith(
        "saknas uppgifter om utbetalningar eller en grupp att jämföra med."
    )


@pytest.mark.parametrize(
    ("language", "verb"), [("sv", "samvarierar med"), ("en", "goes together with")]
)
@pytest.mark.parametrize("value", [2, 3])
def test_the_second_year_is_never_more_than_going_together(language, verb, value):
    later = effect(-2400.0, -600.0, window="13-24")
    said = headline(language, later, grade(value), window="13-24")
    assert verb in said


def test_the_second_year_of_a_lottery_may_be_told_as_its_doing():
    later = effect(-2400.0, -600.0, window="13-24")
    assert "led to" in headline("en", later, grade(5), window="13-24")


@pytest.mark.parametrize(("language", "end"), [("sv", "spann"), ("en", "range")])
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
    assert "kan inte ses" in headline("sv", *parts, level="unseen")


def incidence(share, low, high, cause="self_sufficiency", month=12, **more):
    columns = more | {"group": "participant", "cause": cause, "month": month, "estimate": share}
    return "cumulative_incidence", "share", columns | {"ci_low": low, "ci_high": high}


def still(share, month=12):
    columns = {"group": "participant", "month": month, "estimate": share}
    return "still_in_intervention", "share", columns


def test_families_are_told_of_a_hundred():
    frame = rows(incidence(0.25, 0.18, 0.33), still(0.5))
    assert report_sentences.trajectory_sentence(frame, STUDY, "1293", "sv") == (
        "Av 100 familjer som började i Hela Familjen i Hässleholm hade omkring 25 (mellan 18 och "
        "33) lämnat för egen försörjning efter 12 månader. Omkring 50 deltog fortfarande."
    )
    assert report_sentences.trajectory_sentence(frame, STUDY, "1293", "en") == (
        "Of 100 families who started The Whole Family in Hässleholm, about 25 (between 18 and 33) "
        "had left for self-sufficiency after 12 months. About 50 were still taking part."
    )


def test_a_hidden_curve_is_said_to_be_hidden():
    frame = rows(incidence(np.nan, np.nan, np.nan))
    said = report_sentences.trajectory_sentence(frame, STUDY, "1293", "en")
    assert said == (
        "How many families in Hässleholm left for self-sufficiency cannot be shown: there are too "
        "few of them."
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
        (0.06, 0.30, "sv", "större än vad slumpen brukar ge (mellan 6 och 30 procentenheter)."),
        (0.0, 0.30, "sv", "kan bero på slumpen (mellan 0 och 30 procentenheter)."),
        (-0.06, 0.30, "en", "may be due to chance (between −6 and 30 percentage points)."),
        (-0.3, -0.01, "en", "than chance usually gives (between −30 and −1 percentage points)."),
    ],
)
def test_plans_of_both_groups(low, high, language, end):
    parts = (plan("participant", 0.57), plan("control", 0.39), plan_difference(low, high))
    said = report_sentences.planning_sentence(rows(*parts), STUDY, language)
    assert "57" in said and "39" in said and said.endswith(end)


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
    larger = report_sentences.naive_sentences(rows(naive(0.32), incidence(0.25, 0.2, 0.3)), "en")
    assert larger == [
        "The earlier reports counted closed families only: of those, 32% left for "
        "self-sufficiency. Of all who started it is 25% after 12 months. Looking at closed "
        "families alone shows a larger share, because families still taking part are not counted."
    ]
    smaller = report_sentences.naive_sentences(rows(naive(0.2), incidence(0.25, 0.2, 0.3)), "en")[0]
    assert "larger share" not in smaller and "20%" in smaller and "25%" in smaller
    assert (
        report_sentences.naive_sentences(rows(naive(np.nan), incidence(0.25, 0.2, 0.3)), "sv") == []
    )


def test_the_old_time_and_the_old_support():
    time = ("closure_time_naive", "months", {"group": "participant", "estimate": 10.5})
    plain = (
        "support_difference_naive",
        "sek_per_month",
        {"group": "difference", "dimension": "window", "level": "1-24", "estimate": -1300.0},
    )
    fair = effect(-1900, -500, window="1-24")
    said = report_sentences.naive_sentences(rows(time, plain, fair), "sv")
    assert said[0].startswith("Medeltiden till avslut var 10,5 månader bland de avslutade.")
    assert "ger 1\u00a0300 kronor mindre per månad" in said[1]
    ends = "mellan 1\u00a0900 kronor mindre och 500 kronor mindre"
    assert "under de två första åren" in said[1] and ends in said[1]


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "sv",
            "I alla kommuner tillsammans ligger skillnaden mot liknande hushåll under det första "
            "året mellan 3\u00a0700 kronor mindre och 100 kronor mer per hushåll och månad, med 95 "
            "procents osäkerhet.",
        ),
        (
            "en",
            "In all municipalities together the difference from similar households over the "
            "first year lies between 3,700 kronor less and 100 kronor more per household a "
            "month, with 95 per cent uncertainty.",
        ),
    ],
)
def test_all_municipalities_together_are_told_as_a_range(language, sentence):
    metric, unit, columns = effect(-3700.0, 100.0)
    together = rows((metric, unit, columns | {"variant": "pooled"}))
    assert report_sentences.pooled_sentence(together, language) == sentence


@pytest.mark.parametrize("status", ["too_few", "not_available"])
def test_a_pooled_range_from_too_few_is_not_told(status):
    metric, unit, columns = effect(-3700.0, 100.0, status)
    together = rows((metric, unit, columns | {"variant": "pooled"}), effect(-900.0, -100.0))
    assert report_sentences.pooled_sentence(together, "sv") == ""


def part_of(low, high, in_window, status="ok"):
    metric, unit, columns = effect(low, high, status)
    return metric, unit, columns | {"n_events": in_window}


@pytest.mark.parametrize(
    ("in_window", "base"),
    [
        (80, "80 of 95 participating households: those followed for a whole year both"),
        (95, "95 participating households."),
        (None, "95 participating households."),
    ],
)
def test_how_sure_and_why(in_window, base):
    sure = rows(part_of(-3100, -900, in_window), participants(95), grade(3))
    said = report_sentences.certainty_sentence(sure, STUDY, "en")
    assert said.startswith(f"The answer rests on {base}")
    assert "strength 3 on a scale from 1 (weakest) to 5: the groups were shown to be alike" in said
    ungraded = rows(part_of(-3100, -900, in_window), participants(95))
    assert "scale" not in report_sentences.certainty_sentence(ungraded, STUDY, "en")


def test_why_there_is_no_answer_yet():
    few = rows(effect(-3100, 900, "too_few"), participants(28))
    assert report_sentences.certainty_sentence(few, STUDY, "sv") == (
        "Det beror på antalet: 28 hushåll deltog, och ett svar kräver minst 30 som har följts ett "
        f"helt år både före och efter starten. Siffrorna hittills rymmer allt från 3{NB}100 kronor "
        "mindre till 900 kronor mer per månad."
    )
    hidden = rows(effect(np.nan, np.nan, "too_few"), participants(28))
    assert report_sentences.certainty_sentence(hidden, STUDY, "en").endswith(
        "both before and after the start."
    )
    assert "too small to show" in report_sentences.certainty_sentence(rows(grade(3)), STUDY, "en")


def test_where_there_is_nothing_to_compare_number_is_not_the_reason():
    gone = rows(effect(np.nan, np.nan, "not_available"), participants(28))
    assert report_sentences.certainty_sentence(gone, STUDY, "sv") == "28 hushåll deltog."
    alone = rows(participants(28))
    assert report_sentences.certainty_sentence(alone, STUDY, "en") == "28 households took part."


def test_a_share_of_nought_is_told_as_nought_to_three():
    few = rows(incidence(0.0, 0.0, 0.11, n=30))
    said = report_sentences.trajectory_sentence(few, STUDY, "1293", "en")
    assert "0 to 3 had left for self-sufficiency after 12 months" in said
    assert said.count("at most about 11") == 1
    # Of very many, more than three are still less than a percent.
    said = report_sentences.trajectory_sentence(few.assign(n=600), STUDY, "1293", "en")
    assert "none or only a few (at most about 11) had left for self-sufficiency" in said


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
            fields = [{part[1] for part in Formatter().parse(words[each])} for each in LANGUAGES]
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
