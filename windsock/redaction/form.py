"""What a secret looks like: a word that is cheap to find, and a pattern that is tried there and nowhere else.

A whole text is searched for words only, as fast as memory is read; a pattern sees no more than a window behind one. So
the time grows with the text and no faster, whoever wrote it. All patterns are of what Python, Go and JavaScript read
alike, without look-around and references back: Filebeat's script masks with the same ones, by an engine without
backtracking.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BEHIND = 48
"""Characters before a word that are looked at."""
OPENING = r"(?:[brufn]{0,2}(?:\\{0,3}[\"']|`)|&quot;|&#3[49];|%2[27]|\$\w{0,16}\$)"
"""What a value in quotes begins with, in any case: it stays, so that a reader sees what was there."""
_OPENS = frozenset("brufnBRUFN\\\"'`&%$")
"""What the first character of it is."""
REST = r"[^\s\"'`&,;<>]*"
"""The end of a secret that is longer than the window."""


@dataclass(eq=False, repr=False)  # what else a dataclass can do costs each callback's process 0.7 ms
class Form:
    """One form; its parts are regular expressions, ASCII and, unless said otherwise, of any case.

    A text that is a pattern is compiled where one is needed: `re` keeps it.
    """

    words: tuple[str, ...]
    """What `keep` begins with: in lower case, or as they are written where the case counts."""
    keep: str
    secret: str
    rest: str = ""
    """What must stand behind the secret."""
    before: tuple[str, ...] = ()
    """What must stand before the word, each of these, up to BEHIND characters of it; a group belongs to the secret."""
    unless: str = ""
    """A secret that is wholly this is none."""
    code: str = ""
    """The same for one that is not in quotes."""
    harmless: str = ""
    """Where this is in what is kept, there is no secret."""
    needs: str = ""
    """What a text must have anywhere for it to be looked for: one look instead of one for each word."""
    window: int = 512
    """Characters from the word on that are looked at."""
    any_case: bool = True

    def found(self, word: str, text: str, within: str) -> Iterator[tuple[int, int]]:
        """Begin and end of each secret at `word`; `within` is the text, or the text in lower case, where words are."""
        at = within.find(word)
        while at >= 0:
            span = self._at(text, at)
            if span is not None:
                yield span
            at = within.find(word, max(span[1] if span else 0, at + len(word)))

    def _at(self, text: str, at: int) -> tuple[int, int] | None:
        match = self._pattern.match(text, at, at + self.window)
        if match is None:
            return None
        begin, end = match.span(2)
        quoted = _opening(text, begin, end)
        begin += quoted
        if begin == end or (self.unless and self._unless.fullmatch(text, begin, end)):
            return None
        if self.code and not quoted and self._code.fullmatch(text, begin, end):
            return None
        if self.harmless and self._harmless.search(match[1]):
            return None
        for before in self._before:
            stands = before.search(text, max(at - BEHIND, 0), at)
            if stands is None:
                return None
            if before.groups:
                begin = stands.start(1)
        if end == at + self.window and (rest := re.compile(REST).match(text, end)):
            end = rest.end()
        return begin, end

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return self._compiled(f"({self.keep})({self.secret}){self.rest}")

    @cached_property
    def _before(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(rf"(?:{one})\Z", re.ASCII | re.IGNORECASE) for one in self.before)

    @cached_property
    def _unless(self) -> re.Pattern[str]:
        return re.compile(self.unless, re.ASCII | re.IGNORECASE)

    @cached_property
    def _code(self) -> re.Pattern[str]:
        return re.compile(self.code, re.ASCII | re.IGNORECASE)

    @cached_property
    def _harmless(self) -> re.Pattern[str]:
        return re.compile(self.harmless, re.ASCII | re.IGNORECASE)

    def _compiled(self, pattern: str) -> re.Pattern[str]:
        return re.compile(pattern, re.ASCII | (re.IGNORECASE if self.any_case else 0))


def _opening(text: str, begin: int, end: int) -> int:
    """Characters of the value that only open it: `$word$` with nothing behind it quotes nothing, and is the value."""
    if text[begin : begin + 1] not in _OPENS:
        return 0
    found = re.compile(OPENING, re.IGNORECASE).match(text, begin, end)
    if found is None or (found.end() == end and text[begin] == "$"):
        return 0
    return found.end() - begin
