"""An executed notebook → one HTML page that needs nothing from elsewhere.

Inside pages show everything, the code folded, and say that they are under secrecy. Public pages
show what the notebook put out and the Markdown cells tagged with the page's language (``sv`` or
``en``; all of them where none is tagged), never code. A figure's alternative text is the
``alt`` of its output's metadata: ``display(figure, metadata={"image/png": {"alt": "…"}})``.
"""

from __future__ import annotations

import html
import json
import re
import tomllib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from hfcore.figures.html_table import AT_LEFT
from hfpublish.glossary_links import link_words

TEMPLATES = Path(__file__).with_name("templates")
LANGUAGES = {"sv": "Svenska", "en": "English"}
MAX_BYTES = 1_500_000
# The table that stands behind a figure, as a further form of the picture.
BEHIND = "application/vnd.hfcore.table+html"
_SORTABLE = "sortable"
# Where a figure that is drawn for telephones takes the place of the wide one.
_PHONE = "screen and (max-width: 34rem)"
# What Python says of an object that has no text of its own, such as <Axes: >.
OBJECT = re.compile(r"\[?<[A-Za-z_][\w.]*( object at|:| size).*>\]?", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """What a page is, besides its notebook.

    ``place`` is the municipality, if it is about one; ``links`` are pairs of text and address for
    the head of the page, ``other_language`` the address of the same page in the other one,
    ``glossary`` that of the page that explains words; ``downloads`` are pairs for its foot.
    """

    language: str
    title: str
    study_title: str
    is_public: bool
    is_simulated: bool
    place: str = ""
    links: tuple[tuple[str, str], ...] = ()
    other_language: str = ""
    glossary: str = ""
    downloads: tuple[tuple[str, str], ...] = ()


def render_notebook(notebook: Path, page: Page) -> str:
    """One executed notebook as the text of an HTML page."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    blocks = list(_blocks(cells, page))
    body = _label_scrolling("\n".join(blocks), texts(page.language)["table"])
    if page.glossary:
        body = link_words(body, glossary(page.language), page.glossary)
    return render("notebook.html.j2", page, body=body, has_heading="<h1" in body)


def render(template: str, page: Page, **values: Any) -> str:
    """Fill one of the templates; every value is escaped unless the template says otherwise."""
    other = next(each for each in LANGUAGES if each != page.language)
    script = _script() if _SORTABLE in str(values) else ""
    return (
        _environment()
        .get_template(template)
        .render(
            page=page,
            texts=texts(page.language),
            other=other,
            language_name=LANGUAGES[other],
            script=script,
            script_hash=b64encode(sha256(script.encode()).digest()).decode(),
            **values,
        )
    )


def fragment(template: str, **values: Any) -> str:
    """A part of a page from its template; every value is escaped."""
    return _environment().get_template(template).render(**values)


@cache
def _script() -> str:
    """What sorts and filters tables; the page's policy lets no other script run."""
    return (TEMPLATES / "sort.js").read_text(encoding="utf-8")


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads((TEMPLATES / "pages.toml").read_text(encoding="utf-8"))


def texts(language: str) -> dict[str, str]:
    """What pages say around the results, in one language."""
    return _words()["texts"][language]


def part_name(notebook: str, language: str) -> str:
    """A notebook's subject in the reader's words; its own name where there is none.

    >>> part_name("40_planning", "sv"), part_name("41_other", "sv")
    ('planering', '41_other')
    """
    return _words()["parts"].get(notebook, {}).get(language, notebook)


def glossary(language: str) -> list[dict[str, str]]:
    """The words that reports explain, in their order: id, word, meaning, and how to find it."""
    return [
        {
            "id": each["id"],
            "word": each[language],
            "meaning": each["meaning"][language],
            "match": each["match"][language],
        }
        for each in _words()["glossary"]
    ]


def columns(language: str) -> dict[str, str]:
    """What each column of the file of results holds."""
    return {name: each[language] for name, each in _words()["columns"].items()}


def methods(language: str) -> dict[str, str]:
    """What each method's short name in the results stands for."""
    return {name: each[language] for name, each in _words()["methods"].items()}


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _blocks(cells: list[Mapping], page: Page) -> Iterator[str]:
    tagged = any(set(_tags(cell)) & set(LANGUAGES) for cell in cells)
    latest = ""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            if not (page.is_public and tagged) or page.language in _tags(cell):
                yield _markdown(_text(cell["source"]), is_ours=True)
        elif cell["cell_type"] == "code":
            if not page.is_public and _text(cell["source"]).strip():
                yield _folded_code(_text(cell["source"]), page)
            for output in cell["outputs"]:
                block = _output(output, page, latest)
                latest = _caption(block) or latest
                yield block


def _tags(cell: Mapping) -> list[str]:
    return cell["metadata"].get("tags", [])


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _markdown(source: str, is_ours: bool) -> str:
    """Markdown as HTML; HTML in it is kept in our own text and escaped in computed text."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    renderer = IPythonRenderer(
        escape=not is_ours, allow_harmful_protocols=False, exclude_anchor_links=True
    )
    return MarkdownWithMath(renderer=renderer).render(source)


def _folded_code(source: str, page: Page) -> str:
    summary = texts(page.language)["code"]
    return (
        f"<details class='code'><summary>{summary}</summary>"
        f"<pre><code>{html.escape(source)}</code></pre></details>"
    )


def _output(output: Mapping, page: Page, latest: str) -> str:
    kind = output["output_type"]
    if kind == "stream":
        is_shown = output["name"] == "stdout" or not page.is_public
        return _listing(_text(output["text"])) if is_shown else ""
    if kind == "error":
        return "" if page.is_public else _listing("\n".join(output["traceback"]))
    data, metadata = output["data"], output.get("metadata", {})
    if "image/png" in data:
        figure = _figure(data, metadata.get("image/png", metadata), page, latest)
        return figure + _behind(data.get(BEHIND), page)
    if "text/html" in data:
        # The pages' style sheet does what a cell had to say of itself in a notebook.
        shown = _text(data["text/html"]).replace(AT_LEFT, "")
        return f"<div class='output'>{shown}</div>"
    if "text/markdown" in data:
        return _markdown(_text(data["text/markdown"]), is_ours=False)
    plain = _text(data.get("text/plain", ""))
    return "" if OBJECT.fullmatch(plain) else _listing(plain)


def _caption(block: str) -> str:
    """The caption of the last table in a block: it says what a figure after it shows too."""
    found = re.findall(r"<caption>(.*?)</caption>", block, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "", found[-1])).strip() if found else ""


def _listing(text: str) -> str:
    from nbconvert.filters import strip_ansi

    return f"<pre class='listing'>{html.escape(strip_ansi(text))}</pre>" if text.strip() else ""


def _figure(data: Mapping, metadata: Mapping, page: Page, latest: str) -> str:
    alt = metadata.get("alt") or ": ".join(filter(None, [texts(page.language)["figure"], latest]))
    sizes = "".join(
        f" {side}='{int(metadata[side])}'" for side in ("width", "height") if side in metadata
    )
    image = f"<img src='{_address(data['image/png'])}' alt='{html.escape(alt)}'{sizes}>"
    if "narrow" in metadata:
        source = f"<source media='{_PHONE}' srcset='{_address(metadata['narrow'])} 2x'>"
        image = f"<picture>{source}{image}</picture>"
    return f"<figure>{image}</figure>"


def _address(image: str | list[str]) -> str:
    """A picture in base64 as an address that holds it whole."""
    return "data:image/png;base64," + html.escape(_text(image).replace("\n", ""))


def _behind(table: str | list[str] | None, page: Page) -> str:
    """The table that a figure brought along, one click away."""
    if table is None:
        return ""
    summary = texts(page.language)["behind"]
    return f"<details class='behind'><summary>{summary}</summary>{_text(table)}</details>"


def _label_scrolling(body: str, word: str) -> str:
    """Let wide tables scroll by themselves, reachable by keyboard, each under its own name."""
    count = 0

    def wrap(match: re.Match) -> str:
        nonlocal count
        count += 1
        name = html.escape(f"{word} {count}")
        # pandas leaves the corner of a table an empty heading, which screen readers announce.
        table = re.sub(r"<th>\s*</th>", "<td></td>", match.group())
        return f"<div class='scroll' role='region' aria-label='{name}' tabindex='0'>{table}</div>"

    return re.sub(r"<table\b.*?</table>", wrap, body, flags=re.DOTALL)
