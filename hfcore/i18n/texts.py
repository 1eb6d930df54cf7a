"""The words for codes, units and headings in Swedish and English, read from ``labels.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from hfcore.errors import UsageError
from hfcore.study import own_words

LANGUAGES = ("sv", "en")

Texts = Mapping[str, Mapping[str, Mapping[str, str]]]


@cache
def all_texts() -> Texts:
    """Section → key → language → text."""
    return read_texts("hfcore.i18n", "labels.toml")


def read_texts(package: str, name: str) -> Texts:
    """Texts that a package keeps in a TOML file: section → key → language → text."""
    return tomllib.loads((files(package) / name).read_text(encoding="utf-8"))


def fill(texts: Texts, section: str, key: str, language: str, parts: Mapping[str, object]) -> str:
    """One of ``texts`` in one language, its braces filled with ``parts``.

    Raises UsageError for a language or text that does not exist.
    """
    if language not in LANGUAGES:
        raise UsageError(f"There is no language of that code; there are: {', '.join(LANGUAGES)}.")
    found = own_words.get(section, {}).get(key) or texts.get(section, {}).get(key)
    if found is None:
        raise UsageError(f"There is no text {section}.{key}.")
    return found[language].format(**parts) if parts else found[language]


def text(section: str, key: str, language: str, **parts: object) -> str:
    """One label in one language, its braces filled.

    Raises UsageError for a language or label that does not exist.

    >>> text("groups", "participant", "sv")
    'deltagare'
    >>> text("words", "months_window", "en", first=1, last=12)
    'months 1–12'
    """
    return fill(all_texts(), section, key, language, parts)


def has_text(section: str, key: str) -> bool:
    """Whether there is such a label."""
    return key in all_texts().get(section, {}) or key in own_words.get(section, {})
