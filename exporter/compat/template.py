"""Names and labels with `$1` in them, filled from what a pattern captured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of a glob: `$1_x` and `$1$2` ask for captures of those names, which do not exist; `${1}_x` is right.
_OF_GLOB = re.compile(r"\$\{?([a-zA-Z0-9_$]+)\}?")
# Of a regular expression, as Go's regexp.Expand reads it; `$$` is a dollar sign.
_OF_REGEX = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


def fill_glob(template: str, captures: Sequence[str]) -> str:
    """Put the captures of a glob in; one that does not exist is empty."""

    def value(reference: re.Match[str]) -> str:
        number = int(reference[1]) if reference[1].isdigit() else 0
        return captures[number - 1] if 1 <= number <= len(captures) else ""

    return _OF_GLOB.sub(value, template) if "$" in template else template


def fill_regex(template: str, match: re.Match[str]) -> str:
    """Put the groups of a regular expression in, by number or name; one that does not exist is empty."""

    def value(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        if not name.isdigit():
            return match.groupdict().get(name) or ""
        number = int(name) if name == "0" or not name.startswith("0") else -1
        return (match[number] or "") if 0 <= number <= len(match.groups()) else ""

    return _OF_REGEX.sub(value, template) if "$" in template else template
