"""A way to a server that stops in the middle of an answer, while every connection stands."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Freezing:
    """Passes on what comes for a port of this host, until it is told to freeze."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._left = 0
        self._frozen: frozenset[int] | None = frozenset()
        """The sockets that stand still; None: all."""
        self._closed = False
        self._guard = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self, after: int = 0, *, new: bool = True) -> None:
        """Let so many bytes more come from the server, and then nothing; on `new` connections neither."""
        self._left = after
        self._frozen = None if new else frozenset(map(id, self._sockets))

    def thaw(self) -> None:
        """Pass on again, what was held back too."""
        self._frozen = frozenset()

    def close(self) -> None:
        self._closed = True
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                server = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                while data:
                    part = self._granted(source, len(data))
                    target.sendall(data[:part])
                    data = data[part:]
                    if not part:
                        time.sleep(0.01)
                    if self._closed:
                        return
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _granted(self, source: socket.socket, wanted: int) -> int:
        with self._guard:
            still = self._frozen is None or id(source) in self._frozen
            if not still or source.getpeername()[1] != self._to:
                return wanted
            granted = min(wanted, self._left)
            self._left -= granted
            return granted
