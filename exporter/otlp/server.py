"""OTLP over HTTP: POST /v1/metrics, with the TLS, the users and the bounds of the exporter's HTTP side."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from windsock.exporter.statsd.senders import Senders
from windsock.exporter.web.http import HttpHandler, HttpServer
from windsock.exporter.web.turns import BusyError, Turns

from . import message
from .message import JSON, PROTOBUF, RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windsock.exporter.series.own import OwnMetrics
    from windsock.exporter.web.access import Access
    from windsock.settings.exporter import Otlp

    from .intake import Intake

log = logging.getLogger(__name__)

_MOST_HELD = 4
"""Bodies of the largest size that may be in memory at once, packed: who sends slowly holds what is held for him."""
_AGAIN = {"Retry-After": "2"}


class OtlpServer(HttpServer):
    """Serves one intake."""

    purpose = "receive OpenTelemetry's metrics"
    chosen_by = "exporter.otlp.listen"
    path = "/v1/metrics"

    def __init__(self, settings: Otlp, intake: Intake, own: OwnMetrics, access: Access) -> None:
        self.intake = intake
        self.own = own
        self.most = settings.max_body
        self.turns = Turns()
        self.held = Room(settings.max_body * _MOST_HELD)
        self.allow(settings.allow)
        super().__init__(settings.listen or "", _Handler, access)
        self._refused = own.counter("windsock_refused_total", listener=self.url)

    def allow(self, networks: Sequence[str]) -> None:
        """Listen to these networks from now on; to all where there are none."""
        self.senders = Senders(networks) if networks else None

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Hang up on who is not allowed, before a word is read."""
        del request
        if self.senders is None or self.senders.allows(client_address[0]):
            return True
        self._refused.value += 1
        return False


class Room:
    """Bytes that requests may hold at once."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Whether there is so much left; then it is taken."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give_back(self, size: int) -> None:
        """What was taken."""
        with self._lock:
            self._left += size


class _Handler(HttpHandler):
    server: OtlpServer
    takes_bodies = True
    limited = False  # a limit on scrapes is none on exports

    def do_POST(self) -> None:  # noqa: N802  http.server calls it by this name
        content = message.media(self.headers.get("Content-Type", ""))
        try:
            said = self._export(content)
        except OSError:
            raise  # hung up
        except RequestError as error:
            self._say(error.status, message.failure(str(error), content), content)
        except Exception:
            log.exception("an export can't be taken")
            self._say(500, message.failure("that is a bug; the exporter's log shows its traceback", content), content)
        else:
            self._say(200, said, content)

    def do_GET(self) -> None:  # noqa: N802  as above
        self.close_connection = True
        self._say(405, b"POST OpenTelemetry's metrics to /v1/metrics\n", "text/plain", {"Allow": "POST"})

    do_HEAD = do_PUT = do_GET  # noqa: N815  as above

    def _export(self, content: str) -> bytes:
        if self.path.partition("?")[0] != "/v1/metrics":
            raise RequestError(404, "there is /v1/metrics alone")
        if content not in (PROTOBUF, JSON):
            raise RequestError(415, f"expected the Content-Type {PROTOBUF} or {JSON}")
        if "Content-Length" not in self.headers:
            raise RequestError(411, "expected a Content-Length")
        size = int(self.headers["Content-Length"][:20])
        if size > self.server.most:
            raise RequestError(413, f"expected at most {self.server.most} bytes (exporter.otlp.max_body)")
        if self.server.intake.is_full or not self.server.held.take(size):
            raise RequestError(429, "too much at once")
        try:
            body = self.body.read(size)
            if len(body) < size:
                raise ConnectionError
            self.close_connection = not self.keeps
            self.server.connections.works(self.connection)
            with self.server.turns.turn(self.client_address[0]):
                encoding = self.headers.get("Content-Encoding", "").strip().lower()
                request = message.read(body, content, encoding, self.server.most)
                return message.answer(self.server.intake.take(request), content)
        except BusyError:
            raise RequestError(429, "too many exports at once") from None
        finally:
            self.server.held.give_back(size)

    def _say(self, status: int, body: bytes, content: str, headers: dict[str, str] | None = None) -> None:
        self.server.own.counter("windsock_otlp_requests_total", status=str(status)).value += 1
        self.answer(status, body, content if content in (PROTOBUF, JSON) else PROTOBUF, headers or self._more(status))

    @staticmethod
    def _more(status: int) -> dict[str, str]:
        return _AGAIN if status == 429 else {}
