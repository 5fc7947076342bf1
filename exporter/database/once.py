"""One pass over the database, for a person to look at: `windsock metadata once`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windsock.exceptions import WindsockError
from windsock.exporter.series.exposition import TEXT, render

from .collector import Collector

if TYPE_CHECKING:
    from windsock.settings import Settings


@dataclass(frozen=True)
class Look:
    """What one pass found: the exposition, and the seconds of each query."""

    exposition: str
    seconds: dict[str, float]
    statements: int
    failed: dict[str, str]
    """By query: the reason, and what was said."""


def look_once(settings: Settings, url: str) -> Look:
    """Make one pass with every query. Raises WindsockError where the database can't be read."""
    # Of its own purpose: a look takes nothing from the exporter that leads, and does not wait for it.
    collector = Collector(settings, url, purposes=[f"once {secrets.token_hex(4)}"])
    try:
        if not collector.look(everything=True):
            raise WindsockError(f"{collector.where}: {'; '.join(collector.failing().values())}")
        text = render(list(collector.stores()), TEXT).decode()
        return Look(text, dict(collector.times), collector.session.statements, collector.failing())
    finally:
        collector.session.close()
