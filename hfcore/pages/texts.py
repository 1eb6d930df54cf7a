"""The texts of reports in Swedish and English, read from ``texts.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from hfcore.errors import UsageError

LANGUAGES = ("sv", "en")


@cache
def all_texts() -> dict[str, dict[str, dict[str, str]]]:
    """Section → key → language → text."""
    return tomllib.loads((files("hfcore.pages") / "texts.toml").read_text(encoding="utf-8"))


def text(section: str, key: str, language: str, **parts: object) -> str:
    """One text in one language, its braces filled.

    Raises UsageError for a language or text that does not exist.

    >>> text("groups", "participant", "sv")
    'deltagare'
    >>> text("words", "months_window", "en", first=1, last=12)
    'months 1–12'
    """
    if language not in LANGUAGES:
        raise UsageError(f"There is no language of that code; there are: {', '.join(LANGUAGES)}.")
    found = all_texts().get(section, {}).get(key)
    if found is None:
        raise UsageError(f"There is no text {section}.{key}.")
    return found[language].format(**parts) if parts else found[language]


def has_text(section: str, key: str) -> bool:
    """Whether there is such a text."""
    return key in all_texts().get(section, {})
