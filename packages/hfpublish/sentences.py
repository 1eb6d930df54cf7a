"""The sentences of public pages in Swedish and English, read from ``sentences.toml``."""

from __future__ import annotations

from functools import cache

from hfcore.i18n.texts import Texts, fill, read_texts


@cache
def all_sentences() -> Texts:
    """Section → key → language → sentence."""
    return read_texts("hfpublish", "sentences.toml")


def sentence(section: str, key: str, language: str, **parts: object) -> str:
    """One sentence in one language, its braces filled.

    Raises UsageError for a language or sentence that does not exist.

    >>> sentence("grades", "5", "en")
    'households were drawn at random'
    """
    return fill(all_sentences(), section, key, language, parts)
