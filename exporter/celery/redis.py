"""As much of a Redis client as reading queues takes: a connection, a few commands, each within a time limit."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

_PORT = 6379
_MOST_BYTES = 1 << 20
_MOST_PARTS = 10_000


class RedisError(OSError):
    """What Redis answered instead, in its own words; never with what was asked."""


class Redis:
    """One connection to `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or rediss:, which is by TLS.

    All that is asked must be answered within `seconds`.

    Raises OSError and ValueError, whose messages have no part of the URL.
    """

    def __init__(self, url: str, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        parts = address(url)
        self._sock = socket.create_connection((parts.hostname, parts.port or _PORT), timeout=seconds)
        self._read = b""
        try:
            if parts.scheme == "rediss":
                self._sock = ssl.create_default_context().wrap_socket(self._sock, server_hostname=parts.hostname)
            if parts.password is not None:
                user = [unquote(parts.username)] if parts.username else []
                self.ask("AUTH", *user, unquote(parts.password))
            self.database = int(parts.path.strip("/") or 0)
            if self.database:
                self.ask("SELECT", str(self.database))
        except BaseException:
            self._sock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sock.close()

    def ask(self, *words: str) -> Any:
        """Return the answer to a command: a number, bytes, a list of answers, or None."""
        encoded = [word.encode() for word in words]
        body = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        self._sock.settimeout(self._left())
        self._sock.sendall(b"*%d\r\n%s" % (len(words), body))
        return self._answer()

    def listen(self, channel: str, seconds: float) -> Iterator[bytes]:
        """Yield what is published on a channel for `seconds`; nothing can be asked afterwards."""
        self._end = time.monotonic() + seconds
        try:
            self.ask("SUBSCRIBE", channel)
            while True:
                said = self._answer()
                if isinstance(said, list) and len(said) == 3 and said[0] == b"message":
                    yield said[2]
        except TimeoutError:
            return

    def _answer(self, *, within: bool = False) -> Any:
        line = self._line()
        kind, said = line[:1], line[1:]
        if kind == b"+":
            return said
        if kind == b"-":
            raise RedisError(said[:200].decode(errors="replace"))
        # No answer to what is asked here has a list within a list.
        if kind not in ((b":", b"$") if within else (b":", b"$", b"*")):
            raise ValueError("an answer that is not Redis'")
        number = int(said)
        if kind == b":":
            return number
        if number < 0:
            return None
        if number > (_MOST_BYTES if kind == b"$" else _MOST_PARTS):
            raise ValueError("an answer that is too long")
        if kind == b"*":
            return [self._answer(within=True) for _ in range(number)]
        while len(self._read) < number + 2:
            self._receive()
        found, self._read = self._read[:number], self._read[number + 2 :]
        return found

    def _line(self) -> bytes:
        while b"\r\n" not in self._read:
            if len(self._read) > _MOST_BYTES:
                raise ValueError("an answer that is too long")
            self._receive()
        line, _, self._read = self._read.partition(b"\r\n")
        return line

    def _receive(self) -> None:
        self._sock.settimeout(self._left())
        more = self._sock.recv(65536)
        if not more:
            raise ConnectionResetError("it hung up")
        self._read += more

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("no whole answer in time")
        return left


def address(url: str) -> Any:
    """The parts of a URL. Raises ValueError."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("redis", "rediss") and parts.hostname and (parts.path.strip("/") or "0").isdecimal()
        _ = parts.port
    except ValueError:
        good = False
    if not good:
        # Without the URL: it has a password in it.
        raise ValueError("expected redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or rediss://")
    return parts
