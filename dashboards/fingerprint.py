"""Whether a dashboard in Grafana is still what was pushed: its description ends with a fingerprint of the rest.

A person who saves it in Grafana changes the rest and keeps the fingerprint. Nothing else has to be remembered, so any
machine may push; and the person reads there that the dashboard is made by a program.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .targets import Json

_MARK = "\n\nMade by `windsock dashboards push` ({}), which does not overwrite what is changed here."
_FOUND = re.compile(re.escape(_MARK).replace(r"\{\}", "([0-9a-f]{16})") + r"\s*\Z")
_GRAFANAS = frozenset({"id", "version"})
"""What Grafana changes in what it stores."""


def content(board: Json) -> Json:
    """Return what is pushed of a dashboard, without what Grafana and this module add to it."""
    kept = {key: _plain(value) for key, value in board.items() if key not in _GRAFANAS}
    if isinstance(kept.get("description"), str):
        kept["description"] = _FOUND.sub("", kept["description"])
    if not kept.get("description"):
        kept.pop("description", None)
    return kept


def marked(board: Json) -> Json:
    """Return the content of a dashboard with its fingerprint."""
    kept = content(board)
    return {**kept, "description": kept.get("description", "") + _MARK.format(_print(kept))}


def untouched(board: Json) -> bool:
    """Whether a dashboard is what `marked` made of it."""
    found = _FOUND.search(str(board.get("description", "")))
    return found is not None and found[1] == _print(content(board))


def _print(kept: Json) -> str:
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """Numbers as Grafana may write them: 1.0 is 1."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
