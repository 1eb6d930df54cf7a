"""The first time a report uses a word that the glossary explains, the word leads there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_TAG = re.compile(r"(<[^>]*>)")
_OPENING = re.compile(r"<([a-zA-Z0-9]+)")
# A word leads to its meaning in running text only.
_RUNNING = ("p", "li")
_KEPT = ("a", "table", "figure", "pre", "code", "summary", "details", "h1", "h2", "h3", "h4")
_VOID = ("br", "img", "hr", "input", "col", "wbr")


def link_words(body: str, words: Iterable[Mapping[str, str]], address: str) -> str:
    """HTML in which the first use of each word is a link to ``address#id``.

    ``words`` have id and ``match``, a regular expression for the word in its forms.

    >>> link_words("<h2>Plans</h2><p>Two plans, one plan.</p>",
    ...            [{"id": "plan", "match": "plans?"}], "i.html")
    '<h2>Plans</h2><p>Two <a class="word" href="i.html#plan">plans</a>, one plan.</p>'
    """
    waiting = {
        each["id"]: re.compile(rf"(?<![\w-])(?:{each['match']})(?![\w-])", re.IGNORECASE)
        for each in words
    }
    parts, open_tags = [], []
    for part in _TAG.split(body):
        if part.startswith("<"):
            _follow(part, open_tags)
        elif set(_RUNNING) & set(open_tags) and not set(_KEPT) & set(open_tags):
            part = _linked(part, waiting, address)
        parts.append(part)
    return "".join(parts)


def _follow(tag: str, open_tags: list[str]) -> None:
    """Keep account of which elements are open after a tag."""
    if tag.startswith("</"):
        name = tag[2:-1].strip().lower()
        while name in open_tags and open_tags.pop() != name:
            pass
    elif (found := _OPENING.match(tag)) and found[1].lower() not in _VOID:
        open_tags.append(found[1].lower())


def _linked(text: str, waiting: dict[str, re.Pattern], address: str) -> str:
    """A text with links; each word found is waited for no more."""
    places = {}
    for name, pattern in waiting.items():
        found = pattern.search(text)
        if found and not any(
            found.start() < end and start < found.end() for start, end in places.values()
        ):
            places[name] = found.span()
    for name, (start, end) in sorted(places.items(), key=lambda each: -each[1][0]):
        link = f'<a class="word" href="{address}#{name}">{text[start:end]}</a>'
        text = f"{text[:start]}{link}{text[end:]}"
        del waiting[name]
    return text
