"""HTTP as the exporter serves it: who is let in, how many, how long they may take, and what they are told."""

from __future__ import annotations

import contextlib
import errno
import http.client
import logging
import socket
import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from windsock.exceptions import WindsockError

from .connections import Connections
from .request import Head, ambiguity, has_body
from .turns import BusyError

if TYPE_CHECKING:
    from .access import Access
    from .users import Users

log = logging.getLogger(__name__)

_CONNECTIONS = 64
_SENDING = 16
_PATIENCE = 90.0
_POLL = 0.2
_REST = 0.2
"""Seconds for which nobody is let in where the process has no files left; trying on would take a core."""
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class HttpServer(ThreadingHTTPServer):
    """Serves on `address`, or on a socket that listens already. `access` may be exchanged meanwhile."""

    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_port = False
    purpose = "serve metrics"
    chosen_by = "--web-listen"
    path = "/metrics"

    def __init__(
        self, address: str, handler: type[HttpHandler], access: Access, sock: socket.socket | None = None
    ) -> None:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.access = access
        self.connections = Connections(_CONNECTIONS, _SENDING, _PATIENCE)
        try:
            super().__init__((host, int(port)), handler, bind_and_activate=sock is None)
        except OSError as error:
            raise WindsockError(
                f"can't {self.purpose} on {address}: {error.strerror or error}; choose another with {self.chosen_by}"
            ) from None
        if sock is not None:
            self.socket.close()
            self.socket = sock
            self.server_address = sock.getsockname()

    @property
    def address(self) -> str:
        """HOST:PORT, with the port that it really got."""
        host, port = self.server_address[:2]
        return f"[{host!s}]:{port}" if ":" in str(host) else f"{host!s}:{port}"

    @property
    def url(self) -> str:
        """What it is there for."""
        return f"{'https' if self.access.rules.context else 'http'}://{self.address}{self.path}"

    def run(self) -> None:
        """Serve until `shutdown`."""
        self.serve_forever(_POLL)

    def server_bind(self) -> None:
        """Bind without the look-up of the host's full name that the base class makes."""
        # One that was killed leaves connections behind, which hold the address for a minute.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; of TLS nothing has been spoken yet. Raises OSError."""
        try:
            connection, address = super().get_request()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                self.connections.make_room()
                time.sleep(_REST)
            raise
        connection.settimeout(_PATIENCE)
        context = self.access.refresh().context
        if context is not None:
            connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, where there is a place."""
        if self.connections.open(request, client_address[0]):
            super().process_request(request, client_address)
            return
        if not isinstance(request, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                request.send(_BUSY)
        self.shutdown_request(request)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer all requests of one connection."""
        if isinstance(request, ssl.SSLSocket):
            from . import tls  # noqa: PLC0415  only where there is TLS

            request.do_handshake()
            if not tls.is_allowed(request.getpeercert(), self.access.rules.allowed_sans):
                return
        super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection."""
        self.connections.close(request)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Now and then: hang up on those who say nothing."""
        self.connections.expire()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that hangs up in the middle is no news."""
        del request
        log.debug("request from %s failed", client_address)


class HttpHandler(BaseHTTPRequestHandler):
    """One connection: reads the head of each request within bounds, and answers who may not have an answer."""

    protocol_version = "HTTP/1.1"
    server_version = "windsock"
    sys_version = ""
    default_request_version = "HTTP/1.0"  # else what is no request is answered as in 1991, without a status
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = "text/plain; charset=utf-8"
    disable_nagle_algorithm = True
    server: HttpServer
    takes_bodies = False
    keeps = False
    """Whether the other side would go on with this connection."""
    limited = True
    """Whether the web configuration's rate limit is for it."""

    def version_string(self) -> str:
        """Without Python's own."""
        return self.server_version

    def setup(self) -> None:
        """Read heads within bounds; `body` is the stream behind them."""
        super().setup()
        self.body = self.rfile
        self.head = Head(self.rfile)
        self.rfile = self.head  # type: ignore[assignment]  # http.server only reads lines from it

    def handle_one_request(self) -> None:
        """Wait for a request and answer it."""
        self.server.connections.waits(self.connection)
        self.head.begin()
        try:
            super().handle_one_request()
        except http.client.LineTooLong:
            self.requestline = self.request_version = self.command = ""
            self.send_error(431)

    def parse_request(self) -> bool:
        """Read the head; a request that may not be answered is answered here."""
        if not super().parse_request():
            return False
        problem = ambiguity(self.headers)
        if problem:
            self.close_connection = True
            self.answer(400, f"{problem}\n")
            return False
        self.keeps = not self.close_connection
        if has_body(self.headers):
            self.close_connection = True  # until somebody has read it
        rules = self.server.access.rules
        if not self.takes_bodies:
            self.server.connections.works(self.connection)
        if rules.users is not None and not self._is_user(rules.users):
            return False
        # Last: who is not let in uses up nothing of what those may have who are. His passwords wait for each other.
        if self.limited and rules.limit is not None and not rules.limit.take():
            self.answer(429, "too many requests\n")
            return False
        return True

    def _is_user(self, users: Users) -> bool:
        """Whether a user asks; who is none is answered here."""
        given = self.headers.get("Authorization", "")
        try:
            if given and users.admits(given, self.client_address[0]):
                return True
        except BusyError:
            self.answer(503, "too many passwords to check: come again\n", headers={"Retry-After": "1"})
            return False
        self.answer(401, "who are you?\n", headers={"WWW-Authenticate": 'Basic realm="windsock"'})
        return False

    def answer(
        self,
        status: int,
        body: str | bytes,
        content: str = "text/plain; charset=utf-8",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send a whole answer."""
        data = body.encode() if isinstance(body, str) else body
        self.server.connections.sends(self.connection)
        self.send_response(status)
        for name, value in {
            "Content-Type": content,
            "Content-Length": str(len(data)),
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
            **(self.server.access.rules.headers or {}),
            **({"Connection": "close"} if self.close_connection else {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        """Requests are logged for debugging only."""
        log.debug(format, *args)
