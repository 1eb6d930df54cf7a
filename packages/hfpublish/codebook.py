"""Pages that explain: the columns of ``results.csv``, and the words of reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hfcore.i18n.texts import text
from hfcore.results import METRICS, OWNER_COLUMNS, PROTECTED_DTYPES, RESULT_DTYPES
from hfcore.store import write_text
from hfcore.study import Study
from hfpublish import html_pages
from hfpublish.disclosure.protection import KIND_OF
from hfpublish.sentences import all_sentences

# Raised when a column comes to mean something else.
VERSION = 2
_KINDS = {"str": "text_kind", "Int64": "whole_kind", "float64": "number_kind"}


def column_types() -> dict[str, str]:
    """The columns of the file in their order, each with the pandas type to read it as.

    >>> column_types()["municipality"], column_types()["month"]
    ('str', 'Int64')
    """
    return dict.fromkeys(OWNER_COLUMNS, "str") | RESULT_DTYPES | PROTECTED_DTYPES


def write_dictionary(folder: Path, study: Study) -> None:
    """Write ``columns.html`` (Swedish) and ``en/columns.html`` into the folder of a site."""
    for language in html_pages.LANGUAGES:
        said, meanings = html_pages.texts(language), html_pages.columns(language)
        columns = [
            (name, said[_KINDS[kind]], meanings[name]) for name, kind in column_types().items()
        ]
        measures = [(each, text("metrics", each, language)) for each in METRICS if each in KIND_OF]
        protections = [
            (each, word[language]) for each, word in all_sentences()["protections"].items()
        ]
        values = {"columns": columns, "measures": measures, "protections": protections}
        values |= {"methods": list(html_pages.methods(language).items()), "version": VERSION}
        _write(folder, "columns", said["columns_title"], study, language, **values)


def write_words(folder: Path, study: Study) -> None:
    """Write ``words.html`` (Swedish) and ``en/words.html``: what the words of reports mean."""
    for language in html_pages.LANGUAGES:
        title = html_pages.texts(language)["words"]
        _write(folder, "words", title, study, language, glossary=html_pages.glossary(language))


def _write(folder: Path, name: str, title: str, study: Study, language: str, **values: Any) -> None:
    """Write one page of the site in one language from the template of its name."""
    page = html_pages.Page(
        language=language,
        title=f"{title} – {study.title[language]}",
        study_title=study.title[language],
        is_public=True,
        is_simulated=study.is_simulated,
        links=((html_pages.texts(language)["home"], "index.html"),),
        other_language=f"en/{name}.html" if language == "sv" else f"../{name}.html",
    )
    content = html_pages.render(f"{name}.html.j2", page, **values)
    write_text(folder / ("" if language == "sv" else "en") / f"{name}.html", content)
