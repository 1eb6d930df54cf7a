"""What a reader does with the pages in a real browser: sort, filter, open, download, print."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
from small_study import NAME, built_study, write_data

from hfcore import store
from hfcore.results import build_results
from hfpublish import html_pages, site
from hfpublish.disclosure import protect
from hfpublish.site import State

pytestmark = pytest.mark.browser

MANY = 290
A4_WIDTH = 718  # pixels between margins of one centimetre
LANGS = ("sv", "en")
ENGLISH = re.compile(r"\b(the|of|and|with|which|are|was|from|not|than)\b", re.IGNORECASE)
SWEDISH = re.compile(r"\b(och|som|det|är|inte|med|till|av|för|har|att)\b", re.IGNORECASE)


@pytest.fixture
def visit(browser):
    """Return a function that opens an address in a window of some width."""
    opened = []

    def visit(address, width=1280):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, accept_downloads=True
        )
        opened.append(context)
        page = context.new_page()
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.goto(address if isinstance(address, str) else address.as_uri())
        return page

    yield visit
    for context in opened:
        context.close()


@pytest.fixture(scope="module")
def nation(tmp_path_factory):
    """Return the front pages of a site of 290 municipalities, made from synthetic rows."""
    root = tmp_path_factory.mktemp("nation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HFCORE_DATA", str(write_data(root / "data")))
        small = store.load_study(NAME)
        place = small.municipalities[0]
        codes = [f"{number:04}" for number in range(101, 101 + MANY)]
        names = [f"{'ÖÄÅABCDEFG'[number % 10]}by {number}" for number in range(MANY)]
        places = [replace(place, code=c, name=n) for c, n in zip(codes, names, strict=True)]
        study = replace(small, municipalities=tuple(places))
        for number, code in enumerate(codes[:-1]):
            store.write_protected(
                protected(number, study), NAME, code, "30_support_costs", "protected"
            )
        states = {
            code: State(frozenset(LANGS), date(2026, 1 + number % 12, 1))
            for number, code in enumerate(codes[:-1])
        }
        folder = root / "site"
        (folder / codes[0] / "sv").mkdir(parents=True)
        (folder / codes[0] / "sv" / "index.html").write_text("<title>Rapporten</title>")
        site.write_front_pages(folder, study, {codes[-1]: State(), **states})
    return folder


def protected(number, study):
    rows = pd.DataFrame(
        {
            "group": "difference",
            "dimension": "window",
            "level": "1-12",
            "estimate": [-3000.0 + 20 * number],
            "ci_low": [-4000.0 + 20 * number],
            "ci_high": [-2000.0 + 20 * number],
            "n": [160],
            "n_events": [40],
            "key_n": [0.3],
            "df": [150.0],
        }
    )
    return protect(build_results(rows, metric="support_effect", unit="sek_per_month"), study)


def column(page, place):
    return page.eval_on_selector_all(
        "table.sortable tbody tr",
        f"rows => rows.filter(r => !r.hidden).map(r => r.cells[{place}].textContent.trim())",
    )


def axe(page):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found]


def test_a_long_table_is_sorted_by_word_and_by_number(visit, nation):
    page = visit(nation / "index.html")
    assert len(column(page, 0)) == MANY
    page.get_by_role("button", name="Kommun").click()
    names = column(page, 0)
    assert names[0] == "Aby 3" and names[-1].startswith("Öby")
    assert [name[0] for name in names] == sorted((n[0] for n in names), key="ABCDEFGÅÄÖ".index)
    heading = page.get_by_role("columnheader", name="Skillnad i stöd")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(page, 2)[0] == "−4\xa0000 till −2\xa0000"
    assert column(page, 2)[-1] == "visas inte"
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(page, 2)[0] == "1\xa0800 till 3\xa0800"
    assert column(page, 2)[-1] == "visas inte"
    assert page.said == []


def test_a_long_table_is_sorted_and_filtered_by_keyboard(visit, nation):
    page = visit(nation / "en" / "index.html")
    field = page.get_by_role("searchbox", name="Search the table:")
    field.focus()
    page.keyboard.type("åby 2")
    assert len(column(page, 0)) == sum(
        f"Åby {number}".startswith("Åby 2") for number in range(2, MANY, 10)
    )
    assert page.get_by_role("status").inner_text() == f"{len(column(page, 0))} of 290 rows"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Municipality"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert column(page, 0)[0] == max(column(page, 0), key=lambda name: int(name.split()[1]))


def test_a_municipality_of_many_is_found_and_followed(visit, nation):
    page = visit(nation / "index.html")
    page.get_by_role("searchbox").fill("Öby 0")
    page.get_by_role("link", name="Öby 0").click()
    assert page.title() == "Rapporten"


def test_each_of_many_has_its_state_and_date(visit, nation):
    page = visit(nation / "index.html")
    states, dates = column(page, 1), column(page, 4)
    assert set(states) == {"En skillnad syns", "Går inte att avgöra", "Ingen rapport ännu"}
    assert dates[0] == "1 januari 2026" and dates[-1] == "visas inte"
    assert (nation / "index.html").stat().st_size < html_pages.MAX_BYTES


@pytest.mark.parametrize("language", LANGS)
def test_the_pages_of_many_are_accessible_and_fit_a_magnified_window(visit, nation, language):
    for name in ("index", "columns", "words"):
        path = nation / ("" if language == "sv" else "en") / f"{name}.html"
        assert axe(visit(path)) == []
        page = visit(path, width=320)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.fixture(scope="module")
def small():
    """Return the site of the small study."""
    return built_study() / "data" / "processed" / NAME / "site"


@pytest.mark.parametrize("language", LANGS)
def test_the_table_behind_a_figure_is_one_step_away(visit, small, language):
    page = visit(small / "1290" / language / "index.html")
    table = page.locator("details.behind table")
    assert table.count() == 1 and not table.is_visible()
    page.locator("details.behind summary").focus()
    page.keyboard.press("Enter")
    assert table.is_visible() and "1" in table.inner_text()
    assert axe(page) == []


def test_a_word_leads_to_its_meaning(visit, small):
    page = visit(small / "1290" / "sv" / "index.html")
    words = page.locator("a.word")
    assert words.all_inner_texts() == ["Kontrollgruppen", "hushåll"]
    words.first.click()
    assert page.url == f"{(small / 'words.html').as_uri()}#control"
    assert page.locator("#control").inner_text() == "kontrollgrupp"


def test_the_figures_are_downloaded_from_a_plain_server(visit, small):
    handler = partial(QuietHandler, directory=str(small))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = visit(f"http://127.0.0.1:{server.server_port}/")
        page.get_by_role("link", name="Läs rapporten om Kristianstad").click()
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Kommunens siffror som en tabell").click()
        rows = pd.read_csv(waiting.value.path(), dtype={"municipality": "str"})
        page.get_by_role("link", name="Vad kolumnerna betyder").click()
        explained = page.locator("table").first.locator("tbody th").all_inner_texts()
        server.shutdown()
    assert set(rows["municipality"]) == {"1290"}
    assert explained == list(rows.columns)


class QuietHandler(SimpleHTTPRequestHandler):
    """A static server that says nothing."""

    def log_message(self, *_):
        """Keep still."""


@pytest.mark.parametrize("language", LANGS)
def test_a_report_prints_whole(visit, small, language):
    page = visit(small / "1290" / language / "index.html", width=A4_WIDTH)
    pdf = page.pdf(format="A4", margin=dict.fromkeys(("top", "right", "bottom", "left"), "1cm"))
    assert pdf.startswith(b"%PDF") and 1 <= len(re.findall(rb"/Type /Page\b", pdf)) <= 4
    page.emulate_media(media="print")
    for hidden in ("nav", ".filter", "details"):
        assert not page.locator(hidden).first.is_visible(), hidden
    assert page.evaluate("document.documentElement.scrollWidth") <= A4_WIDTH
    wide = "all => all.filter(t => t.scrollWidth > t.parentElement.clientWidth + 1).length"
    assert page.eval_on_selector_all("main table", wide) == 0


def test_every_picture_is_told_in_words_of_the_pages_language(visit, small):
    for language, own, other in (("sv", SWEDISH, ENGLISH), ("en", ENGLISH, SWEDISH)):
        page = visit(small / "1290" / language / "index.html")
        alts = page.eval_on_selector_all("img", "all => all.map(each => each.alt)")
        assert len(alts) == len(set(alts)) == 1
        assert all(len(alt) > 30 and re.search(r"\d", alt) for alt in alts)
        assert not any(other.search(alt) for alt in alts), alts
        assert own.search(page.inner_text("footer"))


@pytest.mark.parametrize("language", LANGS)
def test_no_paragraph_is_in_the_other_language(visit, small, nation, language):
    other = {"sv": ENGLISH, "en": SWEDISH}[language]
    up = "" if language == "sv" else "en"
    pages = [small / "1290" / language, small / "overview" / language, small / up, nation / up]
    for folder in pages:
        page = visit(folder / "index.html")
        parts = page.locator("p, li, dd, caption, summary, th").all_inner_texts()
        odd = [each for each in parts if len(set(other.findall(each.lower()))) > 1]
        assert odd == [], folder


def test_inside_pages_say_so_and_nothing_leads_to_them(visit, small):
    inside = sorted((small.parent / "inside").rglob("*.html"))
    assert inside
    for path in inside:
        page = visit(path)
        assert page.locator("header .secret").is_visible()
        assert "sekretess" in page.locator("header .secret").inner_text()
    for path in small.rglob("*.html"):
        assert not re.search(r"(href|src)=[\"'][^\"']*inside", path.read_text(encoding="utf-8"))
