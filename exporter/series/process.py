"""The exporter's process as every exporter shows it: process_*, python_*, from prometheus_client's own collectors."""

from __future__ import annotations

from typing import cast

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from .exposition import OPENMETRICS


class Process:
    """Collectors of a registry of their own: what others register in this process is not ours to show."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def exposition(self, content: str) -> bytes:
        """The process in the format `content`, with OpenMetrics' end: the last piece of a scrape."""
        if content == OPENMETRICS:
            return cast("bytes", generate_openmetrics(self._registry))  # type: ignore[no-untyped-call]  # it has no types
        return generate_latest(self._registry)
