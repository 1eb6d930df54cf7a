"""The front pages: what they say of each municipality, and that nothing in a name is markup."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest
from small_study import CODES, NAME, write_data

from hfcore import store
from hfcore.results import build_results
from hfpublish import codebook, html_pages, site
from hfpublish.disclosure import protect
from hfpublish.glossary_links import link_words
from hfpublish.site import State

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
                "dimension": "window",
                "level": "1-12",
                "estimate": [-1300.0],
                "ci_low": [ends[0]],
                "ci_high": [ends[1]],
                "n": [40],
                "key_n": [0.3],
                "df": [38.0],
            }
        )
        results = build_results(rows, metric="support_effect", unit="sek_per_month")
        store.write_protected(protect(results, study), NAME, code, "30_support_costs", "protected")
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
    assert "orsaken oklar" in seen and "500–2\xa0100 kronor lägre" in seen
    assert "inte att avgöra" in unseen
    assert 'href="1290/sv/index.html"' in seen
    assert "23 november 2026" in seen and "31 december 2021" in seen
    assert 'href="overview/sv/index.html"' in page
    assert 'href="en/index.html" lang="en"' in page


def test_the_english_page_says_the_same_in_english(tmp_path, study):
    page = front(tmp_path, study, states(), "en")
    assert '<html lang="en">' in page
    assert "500 to 2,100 kronor lower" in card(page, "Kristianstad")
    assert 'href="../1290/en/index.html"' in page
    assert 'href="../index.html" lang="sv"' in page
    assert "23 November 2026" in page


def test_what_failed_is_named_and_not_spoken_of(tmp_path, study):
    failed = State(BOTH, MADE, ("30_support_costs", "40_planning"))
    part = card(front(tmp_path, study, states(c1290=failed)), "Kristianstad")
    assert "Saknas den här gången: försörjningsstöd, planering." in part
    assert "Gick inte att räkna fram" in part
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
    part = card(page, "Kristianstad")
    assert "Ingen rapport ännu" in part and "kunde inte" not in part.lower()
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
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html.unescape(page)
    assert "script" not in front(tmp_path, study, states()).replace("policy", "")


def test_every_text_stands_in_both_languages():
    swedish, english = (html_pages.texts(language) for language in ("sv", "en"))
    assert swedish.keys() == english.keys()
    assert [each["id"] for each in html_pages.glossary("sv")] == [
        each["id"] for each in html_pages.glossary("en")
    ]
    assert all(each["meaning"] for each in html_pages.glossary("sv") + html_pages.glossary("en"))


def test_nothing_on_a_page_comes_from_elsewhere():
    for path in Path(html_pages.TEMPLATES).iterdir():
        text = path.read_text(encoding="utf-8")
        own = text.replace("<script>{{ script | safe }}</script>", "")
        assert not re.search(r"https?:|//[a-z]|@import|url\(|<script", own), path.name


ROOT = Path(html_pages.__file__).parents[2]


def test_the_glossary_of_the_pages_is_that_of_the_project():
    kept = {
        found[1]: found.groups()[1:]
        for found in re.finditer(
            r'^\| <a id="([\w-]+)"></a>(.*?) \| (.*?) \| (.*?) · (.*?) \|$',
            (ROOT / "GLOSSARY.md").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    }
    swedish, english = (html_pages.glossary(language) for language in ("sv", "en"))
    assert len(swedish) > 15
    for sv, en in zip(swedish, english, strict=True):
        assert (sv["word"], en["word"], en["meaning"], sv["meaning"]) == kept[sv["id"]], sv["id"]


def test_every_word_finds_itself():
    for language in ("sv", "en"):
        for each in html_pages.glossary(language):
            assert re.search(each["match"], each["word"], re.IGNORECASE), each["word"]


def test_a_word_leads_to_its_meaning_once_and_only_from_running_text():
    body = (
        "<h2>Avslut</h2><figure><img alt='avslut'></figure><p>Tre <em>avslut</em> och "
        "<a href='x'>avslut</a>, planeringen, avslutet.</p><table><caption>Plan</caption></table>"
    )
    linked = link_words(body, html_pages.glossary("sv"), "../../index.html")
    assert linked == body.replace(
        "<em>avslut</em>", '<em><a class="word" href="../../index.html#closure">avslut</a></em>'
    ).replace("planeringen", '<a class="word" href="../../index.html#plan">planeringen</a>')


def test_what_a_word_is_part_of_is_left_alone():
    words = [{"id": "plan", "match": "plans?"}]
    assert link_words("<p>explanation, plan-like</p>", words, "x") == (
        "<p>explanation, plan-like</p>"
    )
    assert link_words("<p>A plan &amp; <br>a plan</p>", words, "x").count("href") == 1


def test_the_columns_are_explained_in_both_languages(tmp_path, study):
    front(tmp_path, study, states())
    for place in ("", "en"):
        page = (tmp_path / "site" / place / "columns.html").read_text("utf-8")
        for column in codebook.column_types():
            assert f"<code>{column}</code>" in page
        assert f"ersion {codebook.VERSION} " in page
    assert list(codebook.column_types()) == list(html_pages.columns("sv"))


def test_every_method_of_the_methods_page_is_explained():
    kept = re.findall(r"^\| `(\w+)` \|", (ROOT / "METHODS.md").read_text("utf-8"), re.MULTILINE)
    assert len(kept) >= 12
    for language in ("sv", "en"):
        assert set(kept) <= set(html_pages.methods(language))
        assert all(len(each) > 10 for each in html_pages.methods(language).values())


def test_other_programs_read_the_figures_back(tmp_path, study):
    rows = store.read_protected(NAME, "*")
    path = tmp_path / "results.csv"
    rows.to_csv(path, index=False, lineterminator="\n")
    plain = pd.read_csv(path, dtype={"municipality": "str"})
    assert set(plain["municipality"]) == set(CODES)
    assert plain["estimate"].tolist() == rows["estimate"].tolist()
    exact = pd.read_csv(path, dtype=codebook.column_types(), keep_default_na=False, na_values=[""])
    texts = exact.select_dtypes("str").columns
    again = exact.assign(**{name: exact[name].fillna("") for name in texts})
    pd.testing.assert_frame_equal(again, rows)


def test_a_long_table_has_figures_to_sort_by(tmp_path, study, monkeypatch):
    monkeypatch.setattr(site, "MANY", 1)
    page = front(tmp_path, study, states())
    assert 'data-value="-1300">−2\xa0100 till 900</td>' in page
    assert f'data-value="{MADE.toordinal()}">23 november 2026</td>' in page
    assert page.count("visas inte</td>") == 2
