"""Names and labels with `$1` in them, filled from what a pattern captured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .regex import Found

# Of a glob: `$1_x` and `$1$2` ask for captures of those names, which do not exist; `${1}_x` is right. `$0` is the name.
_OF_GLOB = re.compile(r"\$\{?([a-zA-Z0-9_$]+)\}?")
# Of a regular expression, as Go's regexp.Expand reads it; `$$` is a dollar sign.
_OF_REGEX = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")
_NUMBER = re.compile(r"[0-9]{1,9}")


def fill_glob(template: str, captures: Sequence[str]) -> str:
    """Put in what a glob captured, the whole name first; what does not exist is empty."""

    def value(reference: re.Match[str]) -> str:
        number = _number(reference[1])
        return captures[number] if number is not None and number < len(captures) else ""

    return _OF_GLOB.sub(value, template) if "$" in template else template


def fill_regex(template: str, match: Found) -> str:
    """Put the groups of a regular expression in, by number or name; one that does not exist is empty."""

    def value(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        number = _number(name) if name == "0" or not name.startswith("0") else None
        if number is None:
            return match.groupdict().get(name) or ""
        return (match[number] or "") if number <= len(match.groups()) else ""

    return _OF_REGEX.sub(value, template) if "$" in template else template


def _number(name: str) -> int | None:
    """The number of a capture; one of ten digits and more is that of none."""
    return int(name) if _NUMBER.fullmatch(name) else None
