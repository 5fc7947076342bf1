"""`windsock logs watch`: stands beside a Filebeat, and tells Prometheus whether what it reads arrives.

Beside each Filebeat, because its statistics are for its own machine only. Each minute it writes a line, the canary,
into a file of its own below Airflow's logs, and looks for it in Elasticsearch: the whole way of a line, measured.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from windsock import catalog, regular
from windsock.exceptions import WindsockError

from .elasticsearch import Elasticsearch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Settings

log = logging.getLogger(__name__)

INTERVAL = 60.0
LOOK = 0.25
TIMEOUT = 3.0
LONGEST = 1 << 20
"""Bytes after which the canary's file begins anew."""

_COUNTERS = {
    "windsock_log_read_total": ("libbeat", "pipeline", "events", "published"),
    "windsock_log_acknowledged_total": ("libbeat", "output", "events", "acked"),
    "windsock_log_duplicates_total": ("libbeat", "output", "events", "duplicates"),
    "windsock_log_failed_total": ("libbeat", "output", "events", "failed"),
    "windsock_log_dropped_total": ("libbeat", "output", "events", "dropped"),
}
_GAUGES = {
    "windsock_log_queue_lines": ("libbeat", "pipeline", "events", "active"),
    "windsock_log_queue_limit_lines": ("libbeat", "pipeline", "queue", "max_events"),
    "windsock_log_open_files": ("filebeat", "harvester", "open_files"),
}


class Canary:
    """Writes a line, and looks for it until it is there or the next one is due."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError for a credential that is not to be had here."""
        self._file = Path(settings.logs.folder) / "windsock" / "canary.log"
        self._index = settings.logs.index
        self._server = Elasticsearch(settings, TIMEOUT)
        self._name = socket.gethostname()
        self._written: float | None = None
        self._latency: float | None = None
        self.outcomes = {"found": 0, "lost": 0, "unwritten": 0}

    @property
    def latency(self) -> float | None:
        """Seconds; None before there is a first answer."""
        waiting = time.monotonic() - self._written if self._written is not None else None
        return max((value for value in (waiting, self._latency) if value is not None), default=None)

    def run(self, stopped: threading.Event) -> None:
        """Until `stopped`: one canary each INTERVAL."""
        while not stopped.is_set():
            due = time.monotonic() + INTERVAL
            try:
                self._one(due, stopped)
            except OSError as error:
                self.outcomes["unwritten"] += 1
                log.warning("no canary can be written to %s: %s", self._file, error)
            stopped.wait(max(0.0, due - time.monotonic()))

    def _one(self, due: float, stopped: threading.Event) -> None:
        now = datetime.now(timezone.utc)
        event = f"canary of {self._name} {now.timestamp():.6f}"
        # A folder of logs that is not there is a wrong setting, and not ours to make.
        self._file.parent.mkdir(exist_ok=True)
        if self._file.exists() and self._file.stat().st_size > LONGEST:
            self._file.replace(self._file.with_suffix(".log.1"))
        line = json.dumps({"timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "level": "info", "event": event})
        with regular.appending(self._file) as file:
            file.write(f"{line}\n".encode())
        self._written = time.monotonic()
        while time.monotonic() < due and not stopped.is_set():
            stopped.wait(LOOK)
            if self._is_there(event):
                self._latency, self._written = time.monotonic() - self._written, None
                self.outcomes["found"] += 1
                return
        if not stopped.is_set():
            # Its age goes on growing: the next one is measured beside it, and takes its place once it is found.
            self._latency = time.monotonic() - self._written
            self.outcomes["lost"] += 1

    def _is_there(self, event: str) -> bool:
        query = {"bool": {"filter": [{"term": {"source": "canary"}}, {"match_phrase": {"event": event}}]}}
        try:
            path = f"{self._index}-2*/_count?ignore_unavailable=true"
            return bool(self._server.request("POST", path, {"query": query})["count"])
        except WindsockError:
            return False


class Watch:
    """A collector of prometheus_client: asks Filebeat, and says what the canary has seen."""

    def __init__(self, settings: Settings, canary: Canary) -> None:
        self._url = f"http://{settings.logs.stats}/stats"
        self._rejected = f"{settings.logs.index}-rejected/_count?ignore_unavailable=true"
        self._server = Elasticsearch(settings, TIMEOUT)
        self._canary = canary
        self._session = requests.Session()
        self._session.trust_env = False  # Filebeat is on this machine
        self._lock = threading.Lock()

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """What Prometheus is told; what can't be known just now is left out."""
        with self._lock:
            stats = self._stats()
            rejected = self._count()
        yield _gauge("windsock_log_up", float(stats is not None))
        for name, way in {**_COUNTERS, **_GAUGES}.items():
            value = _at(stats, way)
            if value is not None:
                yield _counter(name, value) if name in _COUNTERS else _gauge(name, value)
        if rejected is not None:
            yield _gauge("windsock_log_rejected_lines", rejected)
        if (latency := self._canary.latency) is not None:
            yield _gauge("windsock_log_canary_latency_seconds", latency)
        canaries = CounterMetricFamily(
            "windsock_log_canaries", _help("windsock_log_canaries_total"), labels=["outcome"]
        )
        for outcome, count in self._canary.outcomes.items():
            canaries.add_metric([outcome], count)
        yield canaries

    def _stats(self) -> dict[str, Any] | None:
        try:
            answer = self._session.get(self._url, timeout=TIMEOUT)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except (OSError, ValueError):
            return None
        return found

    def _count(self) -> float | None:
        try:
            return float(self._server.request("GET", self._rejected)["count"])
        except (WindsockError, KeyError):
            return None


def _at(stats: Any, way: tuple[str, ...]) -> float | None:
    for step in way:
        stats = stats.get(step) if isinstance(stats, dict) else None
    return float(stats) if isinstance(stats, (int, float)) else None


def _counter(name: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name.removesuffix("_total"), _help(name), value=value)


def _gauge(name: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, _help(name), value=value)


def _help(name: str) -> str:
    return catalog.family(name).help
