"""Figures: drawn from rows alone, with their uncertainty, the same each time."""

import re
from datetime import date
from io import BytesIO

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hfcore import figures
from hfcore.figures.plot_style import PALETTE, narrow_png, spread
from hfcore.results import build_results
from hfcore.study import Municipality, Study
from hfpublish import pictures, small_multiples
from hfpublish.alt_texts import alt_text

matplotlib.use("Agg")
MONTHS = np.arange(25)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def curves():
    share = np.minimum(MONTHS // 6 * 0.08, 0.32)
    parts = []
    for cause, times in (("self_sufficiency", 1.0), ("moved", 0.25), ("negative", 0.5)):
        parts.append(pd.DataFrame({"cause": cause, "month": MONTHS, "estimate": share * times}))
    rows = pd.concat(parts).assign(
        group="participant", n=95, n_at_risk=lambda each: 95 - each["month"] * 3
    )
    rows = rows.assign(ci_low=rows["estimate"] * 0.7, ci_high=rows["estimate"] * 1.3)
    return build_results(rows, metric="cumulative_incidence", unit="share")


def still():
    rows = pd.DataFrame({"group": "participant", "month": MONTHS, "estimate": 1 - MONTHS * 0.02})
    rows = rows.assign(ci_low=rows["estimate"] - 0.05, ci_high=rows["estimate"] + 0.05)
    return build_results(rows, metric="still_in_intervention", unit="share")


def back():
    rows = pd.DataFrame({"month": MONTHS, "estimate": np.minimum(MONTHS // 12 * 0.04, 0.08)})
    rows = rows.assign(group="participant", dimension="since", level="start")
    return build_results(rows, metric="reactivation", unit="share")


def exits():
    """Curves of two groups, the controls followed for half as long."""
    rows = pd.concat(
        pd.DataFrame({"group": group, "month": MONTHS[:last], "estimate": MONTHS[:last] * step})
        for group, last, step in (("participant", 25, 0.02), ("control", 13, 0.01))
    )
    rows = rows.assign(ci_low=rows["estimate"] * 0.7, ci_high=rows["estimate"] * 1.3, n=40)
    rows = rows.assign(n_at_risk=40 - rows["month"])
    return build_results(rows, metric="exit_from_support", unit="share")


def support():
    months = np.arange(-24, 25)
    rows = pd.concat(
        pd.DataFrame({"group": group, "month": months, "estimate": 8000.0 + level})
        for group, level in (("participant", -500), ("control", 300))
    )
    rows = rows.assign(ci_low=rows["estimate"] - 400, ci_high=rows["estimate"] + 400, n=95)
    return build_results(rows, metric="support_mean", unit="sek_per_month")


def effects():
    months = pd.DataFrame(
        {"month": np.arange(-24, 25), "estimate": -500.0, "dimension": "", "level": ""}
    )
    windows = pd.DataFrame(
        {
            "dimension": "window",
            "level": ["1-12", "13-24", "1-24"],
            "estimate": [-1300.0, -1200.0, -1250.0],
        }
    )
    rows = pd.concat([months, windows]).assign(group="difference", n=380)
    rows = rows.assign(ci_low=rows["estimate"] - 700, ci_high=rows["estimate"] + 700)
    return build_results(rows, metric="support_effect", unit="sek_per_month")


def reasons():
    rows = pd.DataFrame(
        {
            "dimension": "reason",
            "level": ["work", "studies", "deceased"],
            "estimate": [26.0, 0.0, np.nan],
            "status": ["ok", "ok", "too_few"],
        }
    )
    return build_results(rows, metric="closure_reason", unit="count", group="participant")


def quarters():
    rows = pd.DataFrame(
        {"period": [f"2019Q{q}" for q in (1, 2, 3, 4)], "estimate": [3.0, 7.0, 0.0, 9.0]}
    )
    return build_results(rows, metric="closures_per_quarter", unit="count", group="participant")


def plans():
    rows = pd.DataFrame(
        {
            "group": ["participant", "control"] * 2,
            "month": [6, 6, 12, 12],
            "estimate": [0.57, 0.39, 0.7, 0.45],
        }
    )
    rows = rows.assign(ci_low=rows["estimate"] - 0.1, ci_high=rows["estimate"] + 0.1)
    return build_results(rows, metric="plan_changed", unit="share")


def forest():
    rows = pd.DataFrame(
        {
            "group": "difference",
            "estimate": [-1300.0, -200.0, np.nan, -900.0],
            "ci_low": [-1900.0, -1500.0, np.nan, -1500.0],
            "ci_high": [-700.0, 1100.0, np.nan, -300.0],
        }
    )
    rows = build_results(rows, metric="support_effect", unit="sek_per_month")
    return rows.assign(municipality=["1290", "1293", "1256", "all"])


def balance():
    rows = pd.DataFrame(
        {
            "group": ["control", "control", "comparison", "comparison"],
            "dimension": "covariate",
            "level": ["adults", "children"] * 2,
            "estimate": [0.4, -0.3, 0.02, -0.05],
        }
    )
    return build_results(rows, metric="balance", unit="ratio")


def choices():
    rows = pd.DataFrame(
        {
            "variant": ["default", "unadjusted", "e_value"],
            "estimate": [-1300.0, -1100.0, 1.8],
            "ci_low": [-1900.0, -1800.0, 1.2],
            "ci_high": [-700.0, -400.0, np.nan],
            "unit": ["sek_per_month", "sek_per_month", "ratio"],
        }
    )
    return build_results(rows, metric="support_effect_sensitivity", group="difference")


def ways():
    naive = build_results(
        pd.DataFrame({"estimate": [0.32], "ci_low": [0.23], "ci_high": [0.42]}),
        metric="closure_share_naive",
        unit="share",
        cause="self_sufficiency",
    )
    fair = curves().loc[lambda rows: rows["month"].eq(12) & rows["cause"].eq("self_sufficiency")]
    return pd.concat([naive, fair], ignore_index=True)


ALL = [
    (figures.plot_cumulative_incidence, curves),
    (figures.plot_still_in, lambda: pd.concat([curves(), still()], ignore_index=True)),
    (figures.plot_shares, exits),
    (figures.plot_support_mean, support),
    (figures.plot_support_effect, effects),
    (figures.plot_closure_reasons, reasons),
    (figures.plot_closures_per_quarter, quarters),
    (figures.plot_plan_changed, plans),
    (figures.plot_forest, forest),
    (figures.plot_balance, balance),
    (figures.plot_specifications, choices),
    (figures.plot_naive_beside, ways),
]
NAMES = [plot.__name__.removeprefix("plot_") for plot, _ in ALL]


def words(ax):
    found = [each.get_text() for each in ax.texts]
    found += [each.get_text() for each in (*ax.get_xticklabels(), *ax.get_yticklabels())]
    return [*found, ax.get_title(loc="left"), ax.get_xlabel()]


@pytest.mark.parametrize(("plot", "make"), ALL, ids=NAMES)
@pytest.mark.parametrize("language", ["sv", "en"])
def test_a_figure_is_light_the_same_each_time_and_leaves_its_rows_alone(plot, make, language):
    rows = make()
    before = rows.copy()
    pictures = [figures.figure_png(plot(rows, language)) for _ in range(2)]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) < 40_000
    pd.testing.assert_frame_equal(rows, before)
    image = Image.open(BytesIO(pictures[0]))
    assert image.format == "PNG" and not image.info.get("Software") and not image.getexif()


@pytest.mark.parametrize(("plot", "make"), ALL, ids=NAMES)
def test_a_figure_is_drawn_into_the_axes_given(plot, make):
    figure, ax = plt.subplots()
    assert plot(make(), "sv", ax=ax) is ax
    assert len(plt.get_fignums()) == 1 and figure is ax.figure


@pytest.mark.parametrize(("plot", "make"), ALL, ids=NAMES)
def test_language_shows(plot, make):
    assert words(plot(make(), "sv")) != words(plot(make(), "en"))


def test_two_densities_have_two_sizes():
    ax = figures.plot_support_mean(support(), "sv")
    sizes = [Image.open(BytesIO(figures.figure_png(ax, density))).width for density in (1, 2)]
    assert sizes[1] == pytest.approx(2 * sizes[0], rel=0.01)


def test_curves_are_steps_with_bands_names_and_at_risk_row():
    ax = figures.plot_cumulative_incidence(curves(), "en")
    steps = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    assert len(steps) == 3 and len(ax.collections) == 3
    assert steps[0].get_ydata()[-1] == pytest.approx(0.32)
    assert "self-sufficiency 32%" in words(ax)
    assert {"95", "77", "59", "41", "23"} <= set(words(ax))


def test_those_back_on_support_are_taken_out_of_the_first_cause():
    drawn = {}
    for name, more in (("without", []), ("with", [back()])):
        ax = figures.plot_still_in(pd.concat([curves(), still(), *more], ignore_index=True), "en")
        tops = [max(each.get_paths()[0].vertices[:, 1]) for each in ax.collections]
        drawn[name] = (words(ax), sorted(tops))
        assert "Still followed" not in drawn[name][0]
    assert "back on support" not in drawn["without"][0]
    assert "back on support" in drawn["with"][0]
    # One state more, whose top is where the top of the first cause was: 0.32, of which 0.08.
    more = [top for top in drawn["with"][1] if top not in drawn["without"][1]]
    assert more == pytest.approx([0.24])


def test_a_line_a_group_with_the_numbers_behind_it():
    ax = figures.plot_shares(exits(), "en")
    shown = words(ax)
    assert {"participants", "control group", "Still followed", "40", "28", "16"} <= set(shown)
    # Names stand at the right of the lines and before their numbers.
    assert shown.count("participants") == 2
    assert len(ax.collections) == 2
    assert ax.get_title(loc="left") == "Share who have left support"


def test_points_are_joined_and_numbers_are_those_counted():
    ax = figures.plot_shares(plans().assign(n=[30, 90, 28, 80]), "en")
    shown = words(ax)
    assert {"Counted", "30", "90", "28", "80"} <= set(shown)
    assert [line.get_marker() for line in ax.lines][:2] == ["o", "s"]
    assert [each.get_text() for each in ax.get_xticklabels()] == ["6", "12"]


def test_subgroups_too_small_are_said():
    rows = exits().assign(dimension="start", level="from", period="2020-03", estimate=np.nan)
    assert "too few to show" in words(figures.plot_shares(rows, "en", by="part"))
    assert "för få för att visas" in words(figures.plot_shares(rows, "sv", by="part"))


def test_a_single_cause_is_named_in_the_title():
    rows = curves().loc[lambda each: each["cause"].eq("moved")]
    shown = figures.plot_shares(rows, "en").get_title(loc="left")
    assert shown == "Share closed, by cause and month: moved"


def test_ticks_are_whole_percents_that_differ():
    ax = figures.plot_shares(exits().assign(estimate=0.05, ci_low=0.03, ci_high=0.1), "en")
    ax.figure.canvas.draw()
    labels = [each.get_text() for each in ax.get_yticklabels()]
    assert len(set(labels)) == len(labels) > 4


def test_groups_and_other_definitions_are_not_drawn_into_the_main_curve():
    others = [curves().assign(dimension="children", level="1-2"), curves().assign(variant="strict")]
    rows = pd.concat([curves(), *others], ignore_index=True)
    ax = figures.plot_cumulative_incidence(rows, "en")
    assert sum(line.get_drawstyle() == "steps-post" for line in ax.lines) == 3
    assert alt_text(rows, "en") == alt_text(curves(), "en")


def test_a_single_share_is_a_point_with_its_interval():
    rows = curves()
    hidden = rows["cause"].eq("moved") & rows["month"].ne(12)
    rows = rows.assign(estimate=rows["estimate"].mask(hidden))
    ax = figures.plot_cumulative_incidence(rows, "sv")
    assert sum(line.get_drawstyle() == "steps-post" for line in ax.lines) == 2
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_xdata().tolist() for dot in dots] == [[12.0]]


def test_shares_at_one_month_alone_are_rows_of_dots():
    rows = curves()
    rows = rows.assign(estimate=rows["estimate"].where(rows["month"].eq(12)))
    ax = figures.plot_cumulative_incidence(rows, "en")
    labels = [each.get_text() for each in ax.get_yticklabels()]
    assert labels == ["self-sufficiency", "moved", "ended, judged negative or not judged"]
    assert ax.get_title(loc="left") == "Share of families that have left, after 12 months"
    assert "16% (11–21%)" in words(ax)
    assert alt_text(rows, "en").count("%") == 9


def test_a_window_with_too_few_shows_its_range_and_no_answer():
    rows = effects()
    rows = rows.assign(status=rows["status"].mask(rows["dimension"].ne(""), "too_few"))
    said = " ".join(words(figures.plot_support_effect(rows, "en")))
    assert "too few for an answer" in said and "−1,300" not in said


def test_months_with_too_few_are_a_gap():
    rows = support()
    gone = rows["group"].eq("participant") & rows["month"].between(5, 7)
    ax = figures.plot_support_mean(rows.assign(estimate=rows["estimate"].mask(gone)), "sv")
    line = next(each for each in ax.lines if each.get_color() == PALETTE[0])
    assert np.isnan(line.get_ydata()).sum() == 3


def test_windows_that_overlap_are_drawn_once():
    said = " ".join(words(figures.plot_support_effect(effects(), "en")))
    assert "months 1–12" in said and "months 13–24" in said and "months 1–24" not in said


def test_the_pooled_figure_stands_last_and_too_few_is_said():
    ax = figures.plot_forest(forest(), "en", {"1290": "Kristianstad"})
    labels = [each.get_text() for each in ax.get_yticklabels()]
    assert labels == ["Kristianstad", "1293", "1256", "mean of municipalities"]
    assert "too few to show" in words(ax)
    assert "no difference" in words(ax)


def many(count, metric="support_effect"):
    """One figure a municipality, their mean and where one more would lie."""
    place = np.arange(count)
    estimate = -1000.0 + 3 * place
    ends = {"ci_low": estimate - 900, "ci_high": estimate + 900}
    frame = pd.DataFrame(
        {"group": "difference", "estimate": estimate, **ends, "variant": "default"}
    )
    codes = [f"{1 + each // 14:02}{each % 14:02}" for each in place]
    whole = frame.tail(1).assign(estimate=-800.0, ci_low=-900.0, ci_high=-700.0)
    both = [whole.assign(variant="pooled"), whole.assign(variant="predicted", ci_low=-1500.0)]
    rows = build_results(pd.concat([frame, *both]), metric=metric, unit="sek_per_month")
    return rows.assign(municipality=[*codes, "all", "all"])


@pytest.mark.parametrize(("count", "has_names"), [(30, True), (31, False), (290, False)])
def test_many_municipalities_stand_side_by_side_without_names(count, has_names):
    ax = figures.plot_forest(many(count), "en")
    assert ("0100" in words(ax)) == has_names
    if not has_names:
        assert ax.get_xlabel() == f"{count} municipalities in order of code, not ranked"
        shown = next(line for line in ax.lines if line.get_marker() == ".")
        assert len(shown.get_xdata()) == count
        # The mean is drawn across all, and where one more would lie as two dotted lines.
        assert sum(line.get_linestyle() == ":" for line in ax.lines) == 2
    assert len(figures.figure_png(ax, 2, 7.6)) < 200_000


def test_of_many_the_words_tell_the_span_and_the_mean():
    said = alt_text(many(290), "en")
    assert "290 municipalities between −1,000 kr and −133 kr" in said
    assert "mean of municipalities −800 kr (between −900 kr and −700 kr)" in said
    assert "one more municipality" in said and len(said) < 400


def twofold():
    rows = pd.DataFrame(
        {
            "variant": ["default", "default", "steadied", "steadied", "pooled"],
            "estimate": [0.0, 0.3, 0.06, 0.29, 0.2],
            "ci_low": [0.0, 0.2, 0.01, 0.2, 0.1],
            "ci_high": [0.16, 0.4, 0.15, 0.38, 0.35],
            "month": 12,
            "cause": "self_sufficiency",
        }
    )
    rows = build_results(rows, metric="cumulative_incidence", unit="share", group="participant")
    return rows.assign(municipality=["1256", "1290", "1256", "1290", "all"])


def test_own_and_weighed_figures_stand_together():
    ax = figures.plot_forest(twofold(), "en", {"1256": "Göinge", "1290": "Kristianstad"})
    labels = [each.get_text() for each in ax.get_yticklabels()]
    assert labels == ["Göinge", "Kristianstad", "mean of municipalities"]
    assert ax.get_title(loc="left") == "Left for self-sufficiency after 12 months"
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() in ("o", "D")]
    assert sorted(dots) == [0.0, 0.06, 0.2, 0.29, 0.3]
    said = alt_text(twofold(), "en", {"1256": "Göinge"})
    assert "Göinge, own figure 0% (between 0% and 16%); Göinge, weighed with the others 6%" in said


def places(count):
    """Curves of many municipalities, the first with one month only, the second with none."""
    own = curves().loc[lambda rows: rows["cause"].eq("self_sufficiency")]
    parts = [own.assign(municipality=f"{1 + each // 14:02}{each % 14:02}") for each in range(count)]
    parts[0] = parts[0].assign(estimate=own["estimate"].where(own["month"].eq(12)))
    parts[1] = parts[1].assign(estimate=np.nan)
    whole = own.assign(municipality="all", variant="pooled")
    return pd.concat([*parts, whole], ignore_index=True)


@pytest.mark.parametrize(("count", "panels"), [(3, 3), (24, 24), (25, 2), (290, 21)])
def test_each_municipality_has_its_panel_and_very_many_share_their_countys(count, panels):
    first = small_multiples.plot_small_multiples(places(count), "sv", {"0100": "Upplands Väsby"})
    axes = first.figure.axes
    assert len(axes) == panels
    assert len({ax.get_ylim() for ax in axes}) == len({ax.get_xlim() for ax in axes}) == 1
    assert axes[0].get_title(loc="left") == ("Upplands Väsby" if count <= 24 else "Stockholm")
    if count <= 24:
        assert axes[0].get_title(loc="right") == "16\xa0%, 12 mån"
        assert "för få för att visas" in words(axes[1])
        assert len([line for line in axes[2].lines if line.get_drawstyle() == "steps-post"]) == 2
    assert len(figures.figure_png(first, 2, 7.6)) < 300_000


def test_the_table_behind_very_many_curves_is_light():
    table = pictures.table_behind(places(290), "en").to_html()
    assert table.count('<th scope="row">') == 291
    assert all(f"after {month} months" in table for month in (6, 12, 18, 24))
    assert "after 7 months" not in table and len(table) < 200_000


PUBLIC = [
    (figures.plot_cumulative_incidence, curves),
    (figures.plot_support_mean, support),
    (figures.plot_plan_changed, plans),
    (figures.plot_forest, forest),
    (figures.plot_forest, twofold),
    (figures.plot_forest, lambda: many(290)),
    (small_multiples.plot_small_multiples, lambda: places(9)),
]


@pytest.mark.parametrize(("plot", "make"), PUBLIC)
def test_a_picture_has_a_narrow_twin_whose_letters_are_as_large(plot, make):
    image = pictures.picture(plot(make(), "sv"), make(), "sv")
    wide, narrow = (Image.open(BytesIO(each)) for each in (image.data, image.narrow))
    assert narrow.width < 2 * 390 < wide.width < 2 * 820
    again = plot(make(), "sv")
    assert narrow_png(again) == image.narrow
    plt.close(again.figure)
    assert plt.get_fignums() == []


def test_absent_counts_are_said_and_zeros_stand():
    said = words(figures.plot_closure_reasons(reasons(), "en"))
    assert [each.strip() for each in said[:3]] == ["26", "0", "too few"]


def test_only_figures_of_one_unit_share_an_axis():
    labels = figures.plot_specifications(choices(), "en").get_yticklabels()
    assert [each.get_text() for each in labels] == ["main definition", "unadjusted"]


def test_balance_is_shown_without_sign_between_its_lines():
    ax = figures.plot_balance(balance(), "sv")
    before = next(line for line in ax.lines if line.get_marker() == "s")
    assert before.get_xdata().tolist() == [0.4, 0.3]
    uprights = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"]
    assert uprights == [0.1, 0.25]


def test_the_outer_line_stands_for_few_households_alone():
    for participants, lines in ((49, [0.1, 0.25]), (50, [0.1])):
        ax = figures.plot_balance(balance().assign(n_events=participants), "en")
        uprights = [each.get_xdata()[0] for each in ax.lines if each.get_linestyle() == ":"]
        assert uprights == lines


def test_variants_that_tell_rows_apart_are_named_alone():
    rows = choices().assign(method=["one", "two", "three"])
    labels = figures.plot_specifications(rows, "en").get_yticklabels()
    assert [each.get_text() for each in labels] == ["main definition", "unadjusted"]


def test_the_second_year_is_told_as_a_range():
    said = " ".join(words(figures.plot_support_effect(effects(), "en")))
    assert "−1,300 kr" in said
    assert "−1,900 to −500 kr" in said and "−1,200 kr" not in said


def test_colours_differ_in_grey():
    def grey(colour):
        red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    assert abs(grey(PALETTE[0]) - grey(PALETTE[1])) > 60


def test_names_are_kept_apart_and_in_order():
    placed = spread([0.5, 0.51, 0.0, 0.505], 0.1, 0.0, 1.0)
    order = np.argsort(placed)
    assert order.tolist() == [2, 0, 3, 1]
    assert np.diff(placed[order]).min() >= 0.1 - 1e-12


@pytest.mark.parametrize(("plot", "make"), ALL, ids=NAMES)
@pytest.mark.parametrize("language", ["sv", "en"])
def test_alternative_texts_say_what_is_shown(plot, make, language):
    said = alt_text(make(), language)
    assert said.endswith(".") and not re.search(r"\bnan\b", said) and len(said) > 40


def test_alternative_texts_by_hand():
    assert alt_text(curves(), "en") == (
        "Step curves over 24 months: self-sufficiency 32% after 24 months; moved 8% after 24 "
        "months; ended, judged negative or not judged 16% after 24 months."
    )
    said = alt_text(forest(), "en", {"1290": "Kristianstad"})
    assert "Kristianstad −1,300 kr (between −1,900 kr and −700 kr)" in said
    assert "1256 not shown, too few" in said


def test_protected_rows_can_be_drawn():
    from hfpublish.disclosure import protect

    place = Municipality(
        "1290", "K", date(2016, 5, 1), date(2021, 12, 31), date(2014, 5, 1), date(2021, 12, 1)
    )
    study = Study("s", {"sv": "S", "en": "S"}, True, date(2021, 12, 31), 2021, (place,))
    rows = curves().assign(n_events=lambda each: (each["estimate"] * 95).round().astype("Int64"))
    keys = dict.fromkeys(("key_n", "key_events", "key_at_risk", "key_others"), 0.5)
    behind = {"n_others": 95 - rows["n_events"], "n_started": 95, "worth": 1.0}
    shown = protect(rows.assign(**keys, **behind), study)
    ax = figures.plot_cumulative_incidence(shown, "sv")
    assert any("egen försörjning" in each for each in words(ax))
    # Each quarter a point, and a line through them, not steps that would say when.
    assert ax.lines[0].get_xdata().tolist() == list(range(3, 25, 3))
