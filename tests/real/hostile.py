"""Servers that accept a request and then misbehave."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def _answer(status: str) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops".encode())

    return behave


def _drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.1)


def _hang(connection: socket.socket) -> None:
    time.sleep(10)


def _close_in_the_middle(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def _close_at_once(connection: socket.socket) -> None:
    del connection


def _not_http(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example.org ESMTP\r\n")


def _redirect(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


BEHAVIOURS = {
    "redirecting to a log-in page": (_redirect, "rejected"),
    "hanging": (_hang, "timeout"),
    "dripping": (_drip, "timeout"),
    "closing at once": (_close_at_once, "unreachable"),
    "closing in the middle": (_close_in_the_middle, "unreachable"),
    "not HTTP": (_not_http, "unreachable"),
    "answering 500": (_answer("500 Internal Server Error"), "server_error"),
    "answering 400": (_answer("400 Bad Request"), "rejected"),
    "answering 401": (_answer("401 Unauthorized"), "rejected"),
}


class Hostile:
    """Starts them, each with the behaviour that is asked for."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def start(self, name: str) -> str:
        """Start a server with a behaviour of BEHAVIOURS; returns its URL."""
        behave = BEHAVIOURS[name][0]
        server = socket.create_server(("127.0.0.1", 0))
        self._sockets.append(server)

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                connection.recv(65536)
                behave(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    def close(self) -> None:
        """End them."""
        for server in self._sockets:
            server.close()
