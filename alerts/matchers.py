"""Matchers of alertmanager.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_(label: str, value: str) -> str:
    """Return the matcher of alerts whose label has this value."""
    return f'{label}="{quoted(value)}"'


def in_(label: str, values: Sequence[str]) -> str:
    """Return the matcher of alerts whose label has one of these values, none of which is a pattern."""
    return is_(label, values[0]) if len(values) == 1 else f'{label}=~"{"|".join(values)}"'


def quoted(value: str) -> str:
    """Return a text as it stands between a matcher's quotation marks."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
