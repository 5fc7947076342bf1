"""Celery's queues and workers in a Redis, by the package redis, within a time and so many bytes."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from .reading import Reading

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    import redis

    from windsock.settings.exporter import Celery

EXPECTED = "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or rediss://"
_PORT = 6379
_PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")
"""Kombu keeps a list for each step of priority, by what stands behind the queue's name."""
_UNACKED = "unacked"
"""Kombu's hash of messages that a worker has and did not acknowledge."""
_HEARTBEATS = "celeryev/worker.heartbeat"
"""Kombu's channel on which each worker says that it lives, every two seconds."""
_LISTEN = 5.0
"""Seconds: two heartbeats, and what a busy machine makes of them."""
_MOST_BYTES = 16 << 20
"""Of all answers of one look: a heartbeat has 600, and 5,000 workers say 12,500 while it is listened."""


def suits(parts: SplitResult) -> bool:
    """Whether a Redis can be reached by these parts of a URL."""
    return bool(parts.hostname) and (parts.path.strip("/") or "0").isdecimal()


def read(parts: SplitResult, settings: Celery) -> Reading:
    """Ask, which takes `timeout`, and five seconds more for heartbeats. Raises OSError, ValueError, RecursionError.

    No message of theirs has a part of the URL's user or password.
    """
    import redis  # noqa: PLC0415  an extra's, for those who have such a broker

    limits = Limits(settings.timeout, _MOST_BYTES)
    prefix, database = settings.key_prefix, int(parts.path.strip("/") or 0)
    try:
        with client(parts, settings.timeout, limits) as asked:
            waiting = {
                queue: float(sum(int(asked.execute_command("LLEN", f"{prefix}{queue}{step}")) for step in _PRIORITIES))
                for queue in settings.queues
            }
            held = int(asked.execute_command("HLEN", f"{prefix}{_UNACKED}"))
            limits.end = time.monotonic() + _LISTEN + settings.timeout
            beats = listen(asked, f"{prefix}/{database}.{_HEARTBEATS}", _LISTEN)
            workers = {worker for beat in beats if (worker := _sender(beat))}
    except redis.RedisError as error:
        raise OSError(str(error) or type(error).__name__) from None
    return Reading(waiting, held, len(workers))


class Limits:
    """How long, and how much, may still be read."""

    def __init__(self, seconds: float, most: int) -> None:
        self.end = time.monotonic() + seconds
        self._left = most

    def left(self) -> float:
        """Seconds. Raises TimeoutError where there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError("no whole answer in time")
        return left

    def spend(self, size: int) -> None:
        """Count what was read. Raises ValueError."""
        self._left -= size
        if self._left < 0:
            raise ValueError("an answer that is too long")


class _Socket:
    """One that is read within limits: the package gives each piece of an answer a time of its own, and no bound."""

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        self._sock = sock
        self._limits = limits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def recv(self, size: int) -> bytes:
        """Read a piece."""
        left, wanted = self._limits.left(), self._sock.gettimeout()
        self._sock.settimeout(left if wanted is None else min(left, wanted))
        found = self._sock.recv(size)
        self._limits.spend(len(found))
        return found


def client(parts: SplitResult, seconds: float, limits: Limits) -> redis.Redis:
    """A client that asks once and waits `seconds` for each piece of an answer."""
    import redis  # noqa: PLC0415  as above
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    base: Any = redis.SSLConnection if parts.scheme == "rediss" else redis.Connection

    class Bounded(base):  # type: ignore[misc]  # one of the two
        def _connect(self) -> Any:
            return _Socket(super()._connect(), limits)

    pool = redis.ConnectionPool(
        connection_class=Bounded,
        host=parts.hostname,
        port=parts.port or _PORT,
        db=int(parts.path.strip("/") or 0),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        protocol=2,
        parser_class=redis.connection._RESP2Parser,  # type: ignore[attr-defined]  # noqa: SLF001  hiredis reads past the socket's limits
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis.from_pool(pool)


def listen(asked: redis.Redis, channel: str, seconds: float) -> Iterator[bytes]:
    """Yield what is published on a channel for `seconds`."""
    end = time.monotonic() + seconds
    with asked.pubsub(ignore_subscribe_messages=True) as heard:  # type: ignore[no-untyped-call]
        heard.subscribe(channel)
        while (left := end - time.monotonic()) > 0:
            said = heard.get_message(timeout=left)
            if said is not None:
                yield said["data"]


def _sender(beat: bytes) -> str:
    """The worker's name in an event as Kombu publishes it; empty where it is none."""
    try:
        return str(json.loads(base64.b64decode(json.loads(beat)["body"]))["hostname"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
