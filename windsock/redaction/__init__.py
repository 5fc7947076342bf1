"""Secrets are taken out before a text leaves the process: exception texts carry connection strings and headers.

What is known here is public: the forms that issuers give their keys, and the names that people give to secrets. What
stands before a secret stays, so that a reader sees what was there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from windsock.regex_cost import PIECE

from .forms import FORMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .form import Form

MASK = "***"


def tables() -> dict[tuple[str, bool], dict[str, tuple[Form, ...]]]:
    """The forms at each word, by what a text must have for them, and by whether their words are of any case."""
    found: dict[tuple[str, bool], dict[str, tuple[Form, ...]]] = {}
    for form in FORMS:
        table = found.setdefault((form.needs, form.any_case), {})
        for word in form.words:
            table[word] = (*table.get(word, ()), form)
    return found


_TABLES = tuple((re.compile(needs, re.ASCII), any_case, table) for (needs, any_case), table in tables().items())
OVERLAP = 200
"""Characters of a piece that are looked at once more with the next one."""
_learned: tuple[re.Pattern[str], ...] = ()


def redact(text: str) -> str:
    """Return `text` with what looks like a secret replaced by `***`."""
    # The one letter that is longer in lower case.
    lower = text.replace("\u0130", "i").lower()
    if spans := sorted(_spans(text, lower)):
        text = _masked(text, spans)
    for pattern in _learned:
        text = _without(pattern, text)
    return text


def learn(patterns: Iterable[str]) -> None:
    """Take out what matches one of `patterns` too, from now on, in place of those of an earlier call.

    They come from `redaction.patterns`, whose check makes sure that none of them can take long.
    """
    global _learned  # noqa: PLW0603  whoever sends a text has no settings at hand, and must not forget them
    _learned = tuple(re.compile(pattern) for pattern in patterns)


def _spans(text: str, lower: str) -> Iterator[tuple[int, int]]:
    for needs, any_case, table in _TABLES:
        if needs.search(text):
            within = lower if any_case else text
            for word, forms in table.items():
                if word in within:
                    for form in forms:
                        yield from form.found(word, text, within)


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    """One mask for all that overlap."""
    parts: list[str] = []
    done = 0
    for begin, end in spans:
        if begin > done or not parts:
            parts += [text[done:begin], MASK]
        done = max(done, end)
    return "".join((*parts, text[done:]))


def _without(pattern: re.Pattern[str], text: str) -> str:
    parts, done = [], 0
    for match in _found(pattern, text):
        parts += [text[done : match.start()], match.groupdict().get("keep") or "", MASK]
        done = match.end()
    return "".join((*parts, text[done:]))


def _found(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Matches one behind the other, looked for in pieces, so that the time grows with the text and not faster."""
    start = 0
    while start < len(text):
        end = start + PIECE
        match = pattern.search(text, start, end)
        if match is None:
            start = end - OVERLAP if end < len(text) else end
        elif match.end() == end < len(text) and match.start() > start:
            start = match.start()  # it may go on behind the piece
        else:
            yield match
            start = max(match.end(), start + 1)
