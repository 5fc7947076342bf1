"""Passes the series on to an OpenTelemetry endpoint: a collector, Mimir, Prometheus, a vendor's intake.

Nothing is queued: a counter says all that it ever counted, so what one export could not bring the next one does. Only
what a gauge was meanwhile is lost.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from windsock.alertmanager import credentials, tls
from windsock.exporter.process.worker import Worker
from windsock.http import Client, NoReplyError
from windsock.redaction import redact

from .message import PROTOBUF
from .outgoing import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from windsock.exporter.series.own import OwnMetrics
    from windsock.exporter.series.store import SeriesStore
    from windsock.http import Reply
    from windsock.settings.exporter import Otlp

log = logging.getLogger(__name__)

_AGAIN = frozenset({429, 502, 503, 504})
"""Statuses after which the protocol lets a sender try again."""
_TIMEOUT = 10.0
_PAUSE, _LONGEST = 1.0, 30.0
"""Seconds until the next try: twice as long each time, and some of it by chance."""
_LAST = 3.0
"""Seconds for the last export, when the exporter ends."""


class Forward(Worker):
    """Sends what `stores` yields, each with the time at which its counters began, every `otlp.forward_interval`.

    `problem` says in words why nothing gets through; it is empty while all is well. Raises SettingsError where a secret
    can't be had.
    """

    def __init__(
        self,
        settings: Otlp,
        cluster: str,
        stores: Callable[[], Iterable[tuple[SeriesStore, int]]],
        rendering: threading.Lock,
        own: OwnMetrics,
    ) -> None:
        super().__init__("forward", self._forward)
        self.problem = ""
        self.url = endpoint(settings.forward or "")
        self._interval = settings.forward_interval
        self._headers = {
            **credentials(settings.http, "exporter.otlp"),
            "Content-Type": PROTOBUF,
            "Content-Encoding": "gzip",
        }
        self._client = Client(lambda: tls(settings.http))
        self._outgoing = Outgoing(cluster)
        self._stores = stores
        self._rendering = rendering
        self._points = {
            outcome: own.counter("windsock_otlp_forwarded_points_total", outcome=outcome)
            for outcome in ("taken", "rejected", "failed")
        }
        self._stopping = threading.Event()
        self._ended = False

    def stop(self) -> None:
        """Send once more, and end."""
        self._stopping.set()
        self.join(_TIMEOUT + _LAST)

    def _forward(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._interval, time.monotonic())
            self._round(due)
        if not self._ended:
            self._ended = True  # also where it dies of this
            self._round(time.monotonic() + _LAST)

    def _round(self, end: float) -> None:
        """Send everything; what is not taken until `end`, a time of the monotonic clock, is given up."""
        with self._rendering:
            exports = self._outgoing.exports(self._stores(), time.time_ns())
        for number, (body, points) in enumerate(exports):
            rejected = self._send(body, end)
            if rejected is None:
                self._points["failed"].value += points + sum(left for _, left in exports[number + 1 :])
                return
            self._points["rejected"].value += rejected
            self._points["taken"].value += max(0, points - rejected)
        if self.problem:
            self.problem = ""
            log.info("%s: exports get through again", self._shown)

    def _send(self, body: bytes, end: float) -> int | None:
        """How many points were rejected; None: the export was not taken."""
        pause = _PAUSE
        while True:
            try:
                reply = self._client.request(
                    self.url, body, self._headers, min(_TIMEOUT, max(1.0, end - time.monotonic()))
                )
            except OSError as error:
                self._trouble(str(error) if isinstance(error, NoReplyError) else error.strerror or type(error).__name__)
                wait = 0.0
            else:
                if 200 <= reply.status < 300:
                    return self._rejected(reply)
                self._trouble(f"{reply.status} {reply.text}".strip())
                if reply.status not in _AGAIN:
                    return None
                wait = _seconds(reply.headers.get("retry-after", ""))
            wait = max(wait, pause * random.uniform(0.5, 1.0))  # noqa: S311  no secret
            pause = min(2 * pause, _LONGEST)
            if time.monotonic() + wait >= end or self._stopping.wait(wait):
                return None

    def _rejected(self, reply: Reply) -> int:
        try:
            told = ExportMetricsServiceResponse.FromString(reply.body).partial_success
        except DecodeError:
            return 0
        if told.rejected_data_points:
            self._trouble(f"{told.rejected_data_points} points were rejected: {told.error_message[:200]}")
        return max(0, int(told.rejected_data_points))

    @property
    def _shown(self) -> str:
        """The endpoint without its path, which may hold a key."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def _trouble(self, text: str) -> None:
        text = redact(text)
        if text != self.problem:
            self.problem = text
            log.warning("%s: exports can't be passed on: %s", self._shown, text)


def endpoint(url: str) -> str:
    """The address to post to; as with OpenTelemetry's own variables, one without a path gets the usual one."""
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/v1/metrics"


def _seconds(text: str) -> float:
    return min(float(text), _LONGEST) if text.isdecimal() else 0.0
