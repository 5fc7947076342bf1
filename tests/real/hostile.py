"""Servers that accept a request and then misbehave."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def _answer(status: str, *headers: str) -> Callable[[socket.socket], None]:
    head = "\r\n".join((f"HTTP/1.1 {status}", *headers, "Content-Length: 4", "Connection: close"))

    def behave(connection: socket.socket) -> None:
        connection.sendall(f"{head}\r\n\r\noops".encode())

    return behave


def _drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(600):
        connection.sendall(b"x")
        time.sleep(0.1)


def _hang(connection: socket.socket) -> None:
    time.sleep(60)


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
    "answering 429, wait a second": (_answer("429 Too Many Requests", "Retry-After: 1"), "server_error"),
    "answering 429, wait an hour": (_answer("429 Too Many Requests", "Retry-After: 3600"), "server_error"),
    "answering 400": (_answer("400 Bad Request"), "rejected"),
    "answering 401": (_answer("401 Unauthorized"), "rejected"),
}


class Hostile:
    """Starts them, each with the behaviour that is asked for."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def start(self, name: str, asked: list[str] | None = None) -> str:
        """Start a server with a behaviour of BEHAVIOURS; returns its URL. Each request is added to `asked`."""
        behave = BEHAVIOURS[name][0]
        server = socket.create_server(("127.0.0.1", 0))
        self._sockets.append(server)

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                heard = connection.recv(65536).decode(errors="replace")
                if asked is not None:
                    asked.append(heard)
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


class Silent:
    """An Alertmanager, or Slack, that says that nothing fires, takes what is posted, and never answers that."""

    def __init__(self) -> None:
        self.posted = threading.Event()
        over = self._over = threading.Event()
        posted = self.posted

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"[]")

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                posted.set()
                over.wait(60)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
