"""The front pages: what they say of each municipality, and that nothing in a name is markup."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from small_study import CODES, NAME, write_data

from hfcore import rendering, site, store
from hfcore.disclosure import protect
from hfcore.schema import build_results
from hfcore.site import State

BOTH = frozenset({"sv", "en"})
MADE = date(2026, 11, 23)
HOSTILE = "</title><script>alert(1)</script>\"'>"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return the small study, with protected results of both municipalities."""
    monkeypatch.setenv("HFCORE_DATA", str(write_data(tmp_path / "data")))
    study = store.load_study(NAME)
    for code, ends in zip(CODES, ((-2100.0, 900.0), (-2100.0, -500.0)), strict=True):
        rows = pd.DataFrame(
            {
                "group": "difference",
                "subgroup": "window=1-12",
                "estimate": [-1300.0],
                "ci_low": [ends[0]],
                "ci_high": [ends[1]],
                "n": [40],
                "key_n": [0.3],
                "df": [38.0],
            }
        )
        results = build_results(rows, metric="support_effect", unit="sek_per_month")
        store.write_protected(protect(results, study), NAME, code, "30_support_costs")
    return study


def front(tmp_path, study, states, language="sv"):
    """Return the text of a front page."""
    folder = tmp_path / "site"
    folder.mkdir(exist_ok=True)
    site.write_front_pages(folder, study, states)
    return (folder / ("en" if language == "en" else "") / "index.html").read_text("utf-8")


def states(**changes):
    """Return the states of a run in which everything went well, but for the changes."""
    whole = dict.fromkeys([*CODES, "all"], State(BOTH, MADE))
    return whole | {code.removeprefix("c"): state for code, state in changes.items()}


def card(page, name):
    """Return the part of a front page on one municipality."""
    found = re.search(rf"<li class=[^>]*>\s*<h3>{re.escape(name)}</h3>.*?</li>", page, re.DOTALL)
    return found.group()


def test_each_municipality_has_its_answer_its_certainty_and_its_links(tmp_path, study):
    page = front(tmp_path, study, states())
    seen, unseen = card(page, "Kristianstad"), card(page, "Stor &amp; &lt;b&gt;stad&lt;/b&gt;")
    assert "En skillnad syns" in seen and "mellan 500 och 2\xa0100 kronor mindre" in seen
    assert "Kan inte ses ännu" in unseen and "kan inte ses ännu" in unseen
    assert 'href="1290/sv/index.html"' in seen
    assert "23 november 2026" in seen and "31 december 2021" in seen
    assert 'href="overview/sv/index.html"' in page
    assert 'href="en/index.html" lang="en"' in page


def test_the_english_page_says_the_same_in_english(tmp_path, study):
    page = front(tmp_path, study, states(), "en")
    assert '<html lang="en">' in page
    assert "between 500 and 2,100 kronor less" in card(page, "Kristianstad")
    assert 'href="../1290/en/index.html"' in page
    assert 'href="../index.html" lang="sv"' in page
    assert "23 November 2026" in page


def test_what_failed_is_named_and_not_spoken_of(tmp_path, study):
    failed = State(BOTH, MADE, ("30_support_costs", "40_planning"))
    part = card(front(tmp_path, study, states(c1290=failed)), "Kristianstad")
    assert "Saknas den här gången: försörjningsstöd, planering." in part
    assert "Kunde inte räknas fram" in part
    assert "kronor" not in part and "saknas uppgifter" not in part


def test_a_report_that_is_absent_is_not_linked(tmp_path, study):
    part = card(front(tmp_path, study, states(c1290=State())), "Kristianstad")
    assert "Rapporten saknas" in part and "href" not in part


def test_a_report_in_the_other_language_alone_is_linked(tmp_path, study):
    only = State(frozenset({"sv"}), MADE)
    part = card(front(tmp_path, study, states(c1290=only), "en"), "Kristianstad")
    assert 'href="../1290/sv/index.html"' in part


def test_a_study_without_results_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("HFCORE_DATA", str(write_data(tmp_path / "data")))
    nothing = dict.fromkeys([*CODES, "all"], State())
    page = front(tmp_path, store.load_study(NAME), nothing)
    assert "Kunde inte räknas fram" in card(page, "Kristianstad")
    assert "overview/" not in page


def test_names_are_never_markup(tmp_path, study):
    places = tuple(replace(each, name=HOSTILE) for each in study.municipalities)
    hostile = replace(study, municipalities=places, title={"sv": HOSTILE, "en": HOSTILE})
    page = front(tmp_path, hostile, states())
    assert "<script" not in page and "alert(1)" in page
    assert page.count("</title>") == 1


def test_many_municipalities_become_a_table(tmp_path, study):
    codes = [f"{number:04}" for number in range(1, 14)]
    places = tuple(replace(study.municipalities[0], code=c, name=f"Ort {c}") for c in codes)
    page = front(
        tmp_path,
        replace(study, municipalities=places),
        dict.fromkeys([*codes, "all"], State(BOTH, MADE)),
    )
    assert page.count('<th scope="row">') == 13
    assert "<caption>" in page and 'class="cards"' not in page


def test_every_text_stands_in_both_languages():
    swedish, english = (rendering.texts(language) for language in ("sv", "en"))
    assert swedish.keys() == english.keys()
    assert [each["id"] for each in rendering.glossary("sv")] == [
        each["id"] for each in rendering.glossary("en")
    ]
    assert all(each["meaning"] for each in rendering.glossary("sv") + rendering.glossary("en"))


def test_nothing_on_a_page_comes_from_elsewhere():
    for path in Path(rendering.TEMPLATES).iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?:|//[a-z]|@import|url\(|<script", text), path.name
