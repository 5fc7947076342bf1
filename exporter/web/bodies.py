"""Requests with a body, as those send that tell the exporter something: who may, how much, how much at once."""

from __future__ import annotations

import contextlib
import threading
import zlib
from typing import TYPE_CHECKING, Any

from windsock.exporter.statsd.senders import Senders

from .http import HttpHandler, HttpServer
from .turns import BusyError, Turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from windsock.exporter.series.own import OwnMetrics

    from .access import Access

JSON = "application/json"
_MOST_HELD = 4
"""Bodies of the largest size that may be in memory at once, packed: who sends slowly holds what is held for him."""
_GZIP = 31
_AGAIN = {"Retry-After": "2"}


class RequestError(Exception):
    """A request that is not taken, with the HTTP status that says so."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


class BodyServer(HttpServer):
    """Takes bodies of `most` bytes; `setting` names that bound in windsock.yaml."""

    setting = ""
    busy = 429
    """What who comes too often is told; he is also told to come again."""
    requests = ""
    """The counter of answers, by their status."""

    def __init__(  # noqa: PLR0913, PLR0917  what a server needs, and its bounds
        self, address: str, handler: type[BodyHandler], access: Access, own: OwnMetrics, most: int, allow: Sequence[str]
    ) -> None:
        self.own = own
        self.most = most
        self.turns = Turns()
        self.held = Room(most * _MOST_HELD)
        self.allow(allow)
        super().__init__(address, handler, access)
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


class BodyHandler(HttpHandler):
    """One connection of who tells something."""

    server: BodyServer
    takes_bodies = True
    limited = False  # a limit on scrapes is none on what is told

    @contextlib.contextmanager
    def whole_body(self) -> Iterator[bytes]:
        """The body as it was sent, while it is this address' turn. Raises RequestError."""
        server = self.server
        if "Content-Length" not in self.headers:
            raise RequestError(411, "expected a Content-Length")
        size = int(self.headers["Content-Length"][:20])
        if size > server.most:
            raise RequestError(413, f"expected at most {server.most} bytes ({server.setting})")
        if not server.held.take(size):
            raise RequestError(server.busy, "too much at once")
        try:
            body = self.body.read(size)
            if len(body) < size:
                raise ConnectionError
            self.close_connection = not self.keeps
            server.connections.works(self.connection)
            with server.turns.turn(self.client_address[0]):
                yield body
        except BusyError:
            raise RequestError(server.busy, "too many at once") from None
        finally:
            server.held.give_back(size)

    def media(self) -> str:
        """The type of the body, without its parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def packing(self) -> str:
        """How the body is packed, as `unpacked` takes it."""
        return self.headers.get("Content-Encoding", "").strip().lower()

    def say(self, status: int, body: bytes, content: str, headers: dict[str, str] | None = None) -> None:
        """Answer, and count that."""
        self.server.own.counter(self.server.requests, status=str(status)).value += 1
        self.answer(status, body, content, headers or (_AGAIN if status == self.server.busy else {}))


def unpacked(body: bytes, encoding: str, most: int, setting: str) -> bytes:
    """The body of a request, which is as it is or in gzip. Raises RequestError."""
    if encoding in ("", "identity"):
        found, rest = body, b""
    elif encoding == "gzip":
        unpacker = zlib.decompressobj(_GZIP)
        try:
            found = unpacker.decompress(body, most + 1)
        except zlib.error:
            raise RequestError(400, "the body is not gzip") from None
        rest = unpacker.unconsumed_tail
        if not unpacker.eof and not rest and len(found) <= most:
            raise RequestError(400, "the body ends within its gzip")
    else:
        raise RequestError(415, "expected the Content-Encoding gzip, or none")
    if rest or len(found) > most:
        raise RequestError(413, f"expected at most {most} bytes, unpacked ({setting})")
    return found
