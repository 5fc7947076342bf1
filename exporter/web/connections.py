"""Who is connected, and who of them keeps the server waiting."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

from windsock.exporter.process.crowd import Crowd

if TYPE_CHECKING:
    from collections.abc import Hashable


class Connections:
    """At most `most` connections, of which `sending` may be taking an answer.

    Where there is no place, one that keeps the server waiting, for its request or to take its answer, is hung up: of
    the address with the most connections, that which has done so for longest. Connections that say nothing can't keep
    a scraper out, and those of one address leave a part of the places to others. None waits longer than `patience`
    seconds.
    """

    def __init__(self, most: int, sending: int, patience: float) -> None:
        self._most_sending = sending
        self._patience = patience
        self._lock = threading.Lock()
        self._crowd = Crowd(most)
        # In the order of time: the first has been so for longest. Whoever is in neither is being worked for.
        self._waiting: dict[socket.socket, float] = {}
        self._sending: dict[socket.socket, float] = {}

    def open(self, sock: socket.socket, address: Hashable) -> bool:
        """Let a new one in; False where all that could give way are being worked for."""
        with self._lock:
            while not self._crowd.has_room(address):
                if not self._make_room(address):
                    return False
            self._crowd.add(sock, address)
            self._waiting[sock] = time.monotonic()
            return True

    def make_room(self) -> None:
        """Hang one up, as there are no files for a new one."""
        with self._lock:
            self._make_room(None)

    def waits(self, sock: socket.socket) -> None:
        """It has had its answer, and the next request is up to it."""
        self._move(sock, self._waiting)

    def works(self, sock: socket.socket) -> None:
        """It has said what it wants, and may have it."""
        self._move(sock, None)

    def sends(self, sock: socket.socket) -> None:
        """The answer is ready, and taking it is up to the other side."""
        with self._lock:
            if len(self._sending) >= self._most_sending:
                self._hang_up(next(iter(self._sending)))
        self._move(sock, self._sending)

    def close(self, sock: socket.socket) -> None:
        """It is gone."""
        with self._lock:
            self._forget(sock)

    def working(self) -> int:
        """How many are being worked for."""
        with self._lock:
            return len(self._crowd) - len(self._waiting) - len(self._sending)

    def expire(self) -> None:
        """Hang up those that wait too long."""
        with self._lock:
            before = time.monotonic() - self._patience
            for sock, since in [*self._waiting.items(), *self._sending.items()]:
                if since < before:
                    self._hang_up(sock)

    def _move(self, sock: socket.socket, to: dict[socket.socket, float] | None) -> None:
        with self._lock:
            self._waiting.pop(sock, None)
            self._sending.pop(sock, None)
            if to is not None and sock in self._crowd:  # one that was hung up is not let in again
                to[sock] = time.monotonic()

    def _make_room(self, address: Hashable) -> bool:
        for idle in (self._waiting, self._sending):
            sock = self._crowd.first_to_go(idle, address)
            if sock is not None:
                self._hang_up(sock)
                return True
        return False

    def _hang_up(self, sock: socket.socket) -> None:
        """Its thread, which is reading or writing, gets an end of file and closes it."""
        self._forget(sock)
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # an SSLSocket's own would upset the thread

    def _forget(self, sock: socket.socket) -> None:
        self._crowd.remove(sock)
        self._waiting.pop(sock, None)
        self._sending.pop(sock, None)
