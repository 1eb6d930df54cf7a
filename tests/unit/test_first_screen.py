"""What a reader meets first, and what the overview says of all municipalities."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_wording import PLACE, STUDY, effect, grade, incidence, participants, rows

from hfcore.results import build_results
from hfpublish import first_screen, overview_sentences

NB = "\u00a0"


def seen():
    return rows(effect(-3100, -900), participants(95), grade(3), incidence(0.25, 0.18, 0.33))


def test_the_answer_stands_before_why_and_before_the_families():
    found = first_screen.answer(seen(), STUDY, "1293", "sv")
    assert (found.kind, found.verdict) == ("seen", "Siffrorna talar för det")
    assert [each.split()[0] for each in found.sentences] == ["Siffrorna"]
    headings = [heading for heading, _ in found.sections]
    assert headings == ["Hur säkert?", "Familjerna", "Dra inte slutsatsen"]
    assert [told.split()[0] for _, told in found.sections] == ["Svaret", "Av", "att"]
    assert dict(found.facts)["Jämförelsens styrka"] == "3 av 5"
    assert dict(found.facts)["Uppgifter till och med"] == "31 december 2021"


def test_the_bar_lies_where_the_range_does():
    bar = first_screen.answer(seen(), STUDY, "1293", "en").bar
    # −3,100 to −900 on a scale from −4,000 to 4,000.
    assert (bar["left"], bar["width"]) == ("11.2", "27.5")
    assert (bar["least"], bar["most"]) == ("4,000 kr lower", "4,000 kr higher")
    wider = first_screen.range_bar(seen(), "en", 7000.0)
    assert wider["least"] == "8,000 kr lower"


def test_what_failed_is_not_spoken_of():
    found = first_screen.answer(seen(), STUDY, "1293", "sv", [first_screen.SUPPORT])
    assert found.kind == "failed" and found.bar is None and not found.facts
    assert not found.sentences and len(found.sections) == 1
    nothing = first_screen.answer(None, STUDY, "1293", "en", [first_screen.TRAJECTORIES])
    assert nothing == first_screen.Answer("failed", "Could not be calculated", ())
    awaited = first_screen.answer(None, STUDY, "1293", "en")
    assert awaited == first_screen.Answer("awaited", "No report yet", ())


def test_too_few_is_drawn_without_a_claim():
    frame = rows(effect(-3900, 200, "too_few"), participants(28))
    found = first_screen.answer(frame, STUDY, "1293", "en")
    page = found._repr_html_()
    assert found.kind == "unseen" and 'class="answer unseen"' in page
    assert "anything from 3,900 kronor lower" in page and "<strong" in page
    # The bar is told in words to those who do not see it.
    assert re.search(r'role="img" aria-label="[^"]*3,900 kronor lower', page)


def test_a_name_is_never_markup():
    hostile = replace(STUDY, municipalities=(replace(PLACE, name="<script>alert(1)</script>"),))
    page = first_screen.answer(seen(), hostile, "1293", "sv")._repr_html_()
    assert "<script" not in page and "&lt;script" in page


NATION = replace(
    STUDY,
    municipalities=tuple(
        replace(PLACE, code=f"{number:04}", name=f"By {number}") for number in range(12)
    ),
)


def effects(ends, statuses=("ok",)):
    parts = []
    for number, (low, high) in enumerate(ends):
        part = rows(effect(low, high, statuses[number % len(statuses)]), grade(3))
        parts.append(part.assign(municipality=f"{number:04}"))
    return pd.concat(parts, ignore_index=True)


def of_all(low, high, between, part, status="ok"):
    figures = {"these": (low, high), "another": (low - 500, high + 500)}
    frames = [effect(*each, status)[2] | {"variant": name} for name, each in figures.items()]
    spread = {"group": "difference", "dimension": "window", "level": "1-12", "status": status}
    frames.append(spread | {"variant": "between", "estimate": between})
    built = build_results(
        pd.DataFrame(frames), metric="support_effect_pooled", unit="sek_per_month"
    )
    share = pd.DataFrame([spread | {"variant": "i_squared", "estimate": part}])
    squared = build_results(share, metric="support_effect_pooled", unit="share")
    return pd.concat([built, squared], ignore_index=True).assign(municipality="all")


def test_the_municipalities_with_an_answer_are_named():
    frame = effects([(-3100, -900), (-3100, 900), (-3100, -900)], ("ok", "ok", "too_few"))
    assert overview_sentences.seen_sentence(frame, NATION, "en") == (
        "A difference in support is seen in 1 of 3 municipalities: By 0. In the others the "
        "households are too few to tell. Without figures so far: 9 of 12 municipalities."
    )


def test_one_municipality_is_neither_compared_nor_one_of_others():
    one = replace(NATION, municipalities=NATION.municipalities[:1])
    said = overview_sentences.seen_sentence(effects([(-3100, -900)]), one, "sv")
    assert said == "En skillnad i försörjningsstöd syns i By 0."
    frame = pd.concat([shares().head(2), shares().tail(2).assign(estimate=np.nan)])
    assert overview_sentences.comparable(frame)["municipality"].tolist() == ["0001", "0001"]
    assert len(overview_sentences.comparable(shares())) == 4


@pytest.mark.parametrize(("count", "has_names"), [(6, True), (7, False)])
def test_many_are_counted_and_none_is_said(count, has_names):
    unseen = [(-3100, 900)] * 2
    said = overview_sentences.seen_sentence(
        effects([*[(-3100, -900)] * count, *unseen]), NATION, "sv"
    )
    assert f"{count} av {count + 2} kommuner" in said and ("By 0" in said) == has_names
    assert f"{10 - count} av 12 kommuner" in said
    everywhere = overview_sentences.seen_sentence(effects([(-3100, -900)] * count), NATION, "sv")
    assert "övriga" not in everywhere and ("By 0" in everywhere) == has_names
    assert overview_sentences.seen_sentence(effects([(-1, 1)]), NATION, "sv").startswith(
        "I ingen av"
    )


@pytest.mark.parametrize(
    ("low", "high", "status", "words"),
    [
        (-2000, -500, "ok", f"500–2{NB}000 kronor lägre"),
        (500, 2000, "ok", f"500–2{NB}000 kronor högre"),
        (-2000, 0, "ok", "kan ha blivit allt från"),
        (-2000, -500, "too_few", "kan ha blivit allt från"),
    ],
)
def test_the_pooled_effect_says_what_its_interval_holds(low, high, status, words):
    said = overview_sentences.pooled_effect_sentence(
        of_all(low, high, 0.0, 0.0, status), NATION, "sv"
    )
    assert words in said and said.endswith(".")


def test_one_municipality_is_not_pooled():
    frame = effects([(-3100, -900)])
    assert "bara en kommun" in overview_sentences.pooled_effect_sentence(frame, NATION, "sv")
    assert overview_sentences.spread_sentence(frame, "sv") == ""


@pytest.mark.parametrize(("places", "says_few"), [(9, True), (10, False)])
def test_how_far_municipalities_differ(places, says_few):
    frame = effects([(-3100, -900)] * places)
    alike = pd.concat([frame, of_all(-2000, -500, 0.0, 0.0)], ignore_index=True)
    said = overview_sentences.spread_sentence(alike, "en")
    assert said.startswith("The municipalities' figures differ no more than chance gives.")
    assert ("too few to say" in said) == says_few
    assert "anything from 2,500 kronor lower to no difference." in said
    apart = pd.concat([frame, of_all(-2000, -500, 700.0, 0.4)], ignore_index=True)
    assert "about 700 kronor" in overview_sentences.spread_sentence(apart, "en")


def shares():
    frame = pd.DataFrame(
        {
            "variant": ["default", "steadied", "pooled", "predicted"],
            "estimate": [0.2, 0.21, 0.22, 0.22],
            "ci_low": [0.1, 0.12, 0.15, 0.05],
            "ci_high": [0.4, 0.35, 0.3, 0.5],
            "n": [30, 30, 90, 90],
            "cause": "self_sufficiency",
            "month": 12,
        }
    )
    built = build_results(frame, metric="cumulative_incidence", unit="share")
    return built.assign(municipality=["0001", "0001", "all", "all"])


def test_shares_of_all_are_told_of_a_hundred():
    assert overview_sentences.share_sentence(shares(), NATION, "en") == (
        "In the average municipality about 22 of 100 households (15 to 30) end the programme with "
        "self-sufficiency within 12 months. In one more municipality it could be between 5 and 50 "
        "of 100."
    )
    assert overview_sentences.share_sentence(shares().head(2), NATION, "en") == ""
    assert "12 months" in overview_sentences.share_caption(shares(), "en")


def test_rows_are_named_and_one_more_municipality_has_no_households():
    named = overview_sentences.named(shares(), NATION, "sv")
    assert named["municipality"].tolist() == [
        "By 1",
        "By 1",
        "kommunernas medelvärde",
        "en kommun till",
    ]
    assert named["variant"].tolist() == ["own", "steadied", "steadied", "steadied"]
    assert named["n"].isna().tolist() == [False, False, False, True]
    plain = overview_sentences.named(of_all(-1, 1, 0.0, 0.0), NATION, "en")
    assert set(plain["variant"]) == {"default"}
