"""Who is connected, and who of them keeps the server waiting."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Connections:
    """At most `most` connections, of which `sending` may be taking an answer.

    Where there is no place, the one that has kept the server waiting longest, for its request or to take its answer,
    is hung up: connections that say nothing can't keep a scraper out. None waits longer than `patience` seconds.
    """

    def __init__(self, most: int, sending: int, patience: float) -> None:
        self._most = most
        self._most_sending = sending
        self._patience = patience
        self._lock = threading.Lock()
        # In the order of time: the first has been so for longest.
        self._waiting: dict[socket.socket, float] = {}
        self._sending: dict[socket.socket, float] = {}
        self._working: set[socket.socket] = set()

    def open(self, sock: socket.socket) -> bool:
        """Let a new one in; False where all are being worked for."""
        with self._lock:
            if len(self._waiting) + len(self._sending) + len(self._working) >= self._most and not self._make_room():
                return False
            self._waiting[sock] = time.monotonic()
            return True

    def waits(self, sock: socket.socket) -> None:
        """It has had its answer, and the next request is up to it."""
        with self._lock:
            if self._forget(sock):
                self._waiting[sock] = time.monotonic()

    def works(self, sock: socket.socket) -> None:
        """It has said what it wants, and may have it."""
        with self._lock:
            if self._forget(sock):
                self._working.add(sock)

    def sends(self, sock: socket.socket) -> None:
        """The answer is ready, and taking it is up to the other side."""
        with self._lock:
            if len(self._sending) >= self._most_sending:
                self._hang_up(next(iter(self._sending)))
            if self._forget(sock):
                self._sending[sock] = time.monotonic()

    def close(self, sock: socket.socket) -> None:
        """It is gone."""
        with self._lock:
            self._forget(sock)

    def expire(self) -> None:
        """Hang up those that wait too long."""
        with self._lock:
            before = time.monotonic() - self._patience
            for sock, since in [*self._waiting.items(), *self._sending.items()]:
                if since < before:
                    self._hang_up(sock)

    def _make_room(self) -> bool:
        for waiting in (self._waiting, self._sending):
            if waiting:
                self._hang_up(next(iter(waiting)))
                return True
        return False

    def _hang_up(self, sock: socket.socket) -> None:
        """Its thread, which is reading or writing, gets an end of file and closes it."""
        self._forget(sock)
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # an SSLSocket's own would upset the thread

    def _forget(self, sock: socket.socket) -> bool:
        """Whether it was there: one that was hung up is not let in again."""
        known = sock in self._working or sock in self._waiting or sock in self._sending
        self._working.discard(sock)
        self._waiting.pop(sock, None)
        self._sending.pop(sock, None)
        return known
