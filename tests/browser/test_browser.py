"""The pages in a real browser: what a reader meets, and what a screen reader does."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest
from small_study import NAME, built_study

from hfpublish import html_pages

pytestmark = pytest.mark.browser

STUDIES = ("hela-familjen", "hasky")
PROCESSED = Path(__file__).resolve().parents[2] / "data" / "processed"
LANGS = ("sv", "en")
PHONE, DESKTOP = (390, 844), (1280, 900)
MAGNIFIED = (320, 256)  # the desktop at 400 %


@pytest.fixture
def visit(browser):
    """Return a function that opens a file and returns its page, what it asked for and said."""
    opened = []

    def visit(path, size=DESKTOP):
        context = browser.new_context(viewport=dict(zip(("width", "height"), size, strict=True)))
        page, asked, said = context.new_page(), [], []
        opened.append(context)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        return page, asked, said

    yield visit
    for context in opened:
        context.close()


def sites():
    """Return the folders of the sites there are: the small study's and those of `make report`."""
    built = [PROCESSED / study / "site" for study in STUDIES]
    return [built_study() / "data" / "processed" / NAME / "site"] + [
        site for site in built if (site / "index.html").exists()
    ]


def pages_of(site):
    """Return the front page, a report, the overview and the columns, each in both languages."""
    codes = sorted(path.name for path in site.iterdir() if re.fullmatch(r"\d{4}", path.name))
    places = ["", "en"] + [f"{each}/{lang}" for each in (*codes[:1], "overview") for lang in LANGS]
    explained = [
        site / place / f"{name}.html" for place in ("", "en") for name in ("columns", "words")
    ]
    return [site / place / "index.html" for place in places] + explained


def all_pages():
    return [page for site in sites() for page in pages_of(site)]


def test_no_page_is_heavy():
    for site in sites():
        for path in site.rglob("*.html"):
            assert path.stat().st_size < html_pages.MAX_BYTES, path


def test_each_page_says_what_it_is_and_asks_nobody(visit):
    for path in all_pages():
        page, asked, said = visit(path)
        expected = "en" if path.parent.name == "en" else "sv"
        assert page.evaluate("document.documentElement.lang") == expected, path
        assert len(page.title()) > 10, path
        assert page.locator("h1").count() == 1, path
        assert page.locator("header").count() == page.locator("main").count() == 1, path
        assert said == [], path
        assert {urlparse(url).scheme for url in asked} <= {"file", "data"}, path
        assert page.locator("script").count() == (page.locator(".sortable").count() > 0), path


def test_every_link_leads_somewhere(visit):
    for path in all_pages():
        page, _, _ = visit(path)
        links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
        assert len(links) >= 2, path
        for link in links:
            address, fragment = urldefrag(link)
            target = Path(unquote(urlparse(address).path))
            assert target.is_file(), link
            if fragment:
                assert f'id="{fragment}"' in target.read_text(encoding="utf-8"), link


def test_links_stay_within_the_site(visit):
    for site in sites():
        for path in pages_of(site):
            page, _, _ = visit(path)
            links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
            targets = [Path(unquote(urlparse(urldefrag(link)[0]).path)) for link in links]
            assert all(target.is_relative_to(site) for target in targets), path


@pytest.mark.parametrize("size", [PHONE, MAGNIFIED])
def test_nothing_is_wider_than_a_phone_or_a_magnified_window(visit, size):
    for path in all_pages():
        page, _, _ = visit(path, size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path


def test_axe_finds_nothing(visit):
    from axe_playwright_python.sync_playwright import Axe

    inside = sorted((built_study() / "data" / "processed" / NAME / "inside").rglob("*.html"))
    for path in [*all_pages(), *inside[:1]]:
        page, _, _ = visit(path)
        found = Axe().run(page).response["violations"]
        told = [(each["id"], each["nodes"][0]["html"][:200]) for each in found]
        assert told == [], path


def test_a_reader_goes_to_a_report_and_back_and_to_the_other_language(visit):
    site = sites()[0]
    page, _, _ = visit(site / "index.html")
    page.get_by_role("link", name="Läs rapporten om Kristianstad").click()
    assert page.url == (site / "1290/sv/index.html").as_uri()
    page.get_by_role("link", name="English").click()
    assert page.url == (site / "1290/en/index.html").as_uri()
    page.get_by_role("link", name="All municipalities").click()
    assert page.url == (site / "en/index.html").as_uri()
    page.get_by_role("link", name="Compare all municipalities").click()
    assert page.url == (site / "overview/en/index.html").as_uri()


def test_the_keyboard_reaches_the_content_first(visit):
    page, _, _ = visit(sites()[0] / "index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_script_in_a_page_would_not_run(visit, tmp_path):
    text = (sites()[0] / "index.html").read_text(encoding="utf-8")
    hostile = tmp_path / "index.html"
    hostile.write_text(
        text.replace("</main>", "<script>document.title='changed'</script></main>"),
        encoding="utf-8",
    )
    page, _, said = visit(hostile)
    assert page.title() != "changed"
    assert any("Content Security Policy" in message for message in said)


def test_a_printed_page_has_no_navigation(visit):
    page, _, _ = visit(sites()[0] / "1290/sv/index.html")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.locator("h1").is_visible()
