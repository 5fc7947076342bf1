"""Regular expressions as Go reads them, by RE2: its time grows with the text and the expression, never beyond.

Names come from outside, and a backtracking engine takes minutes for one that an ordinary expression almost matches.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from windsock import extras

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUOTED_OR_NAME = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\(\?P?<(\w+)>", re.DOTALL)

MEMORY = 256 << 10
"""Bytes that the automata of one expression may take, of which a file may have hundreds."""
STEPS = 4000
"""Of the longest program: each may be gone through for each byte of a name, which takes 50 ms a KB then."""


class RegexError(ValueError):
    """An expression can't be used; the message says what was expected."""


class Found(Protocol):
    """What an expression found in a text; the groups of RE2 and of `re` are asked alike."""

    def __getitem__(self, number: int, /) -> Any:
        """The text of a group, None where it took no part."""

    def groups(self) -> Sequence[str | None]:
        """The texts of all groups, without the whole."""

    def groupdict(self) -> dict[str, Any]:
        """The texts of those that have a name."""


class Pattern(Protocol):
    """A compiled expression."""

    def search(self, text: str, /) -> Found | None:
        """The first place where it matches."""


def compile_go(pattern: str) -> Pattern:
    """Compile a Go regular expression. Raises RegexError, and MissingPackageError where RE2 is not installed."""
    extras.need("re2", what="a regular expression of a mapping file")
    import re2  # noqa: PLC0415  files with globs alone need none

    _check(pattern)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace")
        raise RegexError(f"expected a regular expression as RE2 and Go read them: {reason}") from None
    if compiled.programsize > STEPS:
        raise RegexError(f"expected at most {STEPS:,} steps, these are {compiled.programsize:,}: repeat less in it")
    found: Pattern = compiled
    return found


def _check(pattern: str) -> None:
    """What RE2 takes and Go does not, or not in the same sense."""
    tokens = list(_QUOTED_OR_NAME.finditer(pattern))
    if any(token[0] == r"\C" for token in tokens):
        raise RegexError(r"expected characters, not single bytes (\C)")
    names = [token[1] for token in tokens if token[1]]
    if len(set(names)) < len(names):
        raise RegexError("expected each group to have a name of its own")
