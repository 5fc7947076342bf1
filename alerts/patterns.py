"""Patterns of windsock.yaml as Go's regular expressions, which Alertmanager and Prometheus anchor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PART = re.compile(r"\[(?P<not>!?)(?P<set>\]?[^\]]*)\]|(?P<plain>.)", re.DOTALL)
_NOTHING = r"[^\s\S]"


def regex(patterns: Sequence[str]) -> str:
    """Return what matches all that one of these patterns of fnmatch takes."""
    return "|".join(_PART.sub(_part, pattern) for pattern in patterns)


def _part(match: re.Match[str]) -> str:
    if match["set"] is None:
        return {"*": ".*", "?": "."}.get(match["plain"], re.escape(match["plain"]))
    escaped = re.sub(r"([^\w-])", r"\\\1", match["set"])
    try:
        return re.compile(f"[{'^' if match['not'] else ''}{escaped}]").pattern
    except re.error:
        # A range that runs backwards.
        return "." if match["not"] else _NOTHING
