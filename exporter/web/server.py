"""The exporter's HTTP side: /metrics, /doctor, /-/healthy, /-/ready, /-/reload; for people a page and the runbooks."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import logging
import socket
import ssl
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import TYPE_CHECKING, Any

from windsock.exceptions import WindsockError
from windsock.exporter.series.exposition import ZeroInit, content_type, pieces
from windsock.exporter.series.process import Process

from . import findings, page, runbooks, tls
from .connections import Connections
from .request import Head, ambiguity, has_body
from .turns import BusyError

if TYPE_CHECKING:
    from windsock.exporter.pipeline import Pipeline

    from .access import Access
    from .users import Users

log = logging.getLogger(__name__)

_GZIP = 31  # zlib writes a gzip header with this many window bits

_CONNECTIONS = 64
_SENDING = 16
_PATIENCE = 90.0
_POLL = 0.2
_REST = 0.2
"""Seconds for which nobody is let in where the process has no files left; trying on would take a core."""
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Server(ThreadingHTTPServer):
    """Serves one exporter, on `address` or on a socket that listens already. `access` may be exchanged meanwhile."""

    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_port = False

    def __init__(self, address: str, pipeline: Pipeline, access: Access, sock: socket.socket | None = None) -> None:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.pipeline = pipeline
        self.access = access
        self.connections = Connections(_CONNECTIONS, _SENDING, _PATIENCE)
        self.process = Process()
        try:
            super().__init__((host, int(port)), _Handler, bind_and_activate=sock is None)
        except OSError as error:
            raise WindsockError(
                f"can't serve metrics on {address}: {error.strerror or error}; choose another with --web-listen"
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
        """Where the metrics are."""
        return f"{'https' if self.access.rules.context else 'http'}://{self.address}/metrics"

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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "windsock"
    sys_version = ""
    default_request_version = "HTTP/1.0"  # else what is no request is answered as in 1991, without a status
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = "text/plain; charset=utf-8"
    disable_nagle_algorithm = True
    server: Server

    def version_string(self) -> str:
        return self.server_version

    def setup(self) -> None:
        super().setup()
        self.head = Head(self.rfile)
        self.rfile = self.head  # type: ignore[assignment]  # http.server only reads lines from it

    def handle_one_request(self) -> None:
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
            self._answer(400, f"{problem}\n")
            return False
        if has_body(self.headers):
            self.close_connection = True  # nobody reads it
        rules = self.server.access.rules
        self.server.connections.works(self.connection)
        if rules.users is not None and not self._is_user(rules.users):
            return False
        # Last: who is not let in uses up nothing of what those may have who are. His passwords wait for each other.
        if rules.limit is not None and not rules.limit.take():
            self._answer(429, "too many requests\n")
            return False
        return True

    def _is_user(self, users: Users) -> bool:
        """Whether a user asks; who is none is answered here."""
        given = self.headers.get("Authorization", "")
        try:
            if given and users.admits(given, self.client_address[0]):
                return True
        except BusyError:
            self._answer(503, "too many passwords to check: come again\n", headers={"Retry-After": "1"})
            return False
        self._answer(401, "who are you?\n", headers={"WWW-Authenticate": 'Basic realm="windsock"'})
        return False

    def do_GET(self) -> None:
        try:
            self._get()
        except OSError:
            raise  # hung up
        except Exception:
            log.exception("%s can't be answered", self.path)
            self._answer(500, "that is a bug; the exporter's log shows its traceback\n")

    def _get(self) -> None:
        path = self.path.partition("?")[0]
        pipeline = self.server.pipeline
        if path == "/metrics":
            self._metrics(pipeline)
        elif path == "/-/healthy":
            alive = pipeline.alive()
            self._answer(200 if alive else 503, "ok\n" if alive else "nothing is being received any more\n")
        elif path == "/-/ready":
            ready, said = pipeline.ready()
            self._answer(200 if ready else 503, f"{said}\n")
        elif path == "/doctor":
            found = [one.json() for one in findings.findings(pipeline)]
            self._answer(200, json.dumps(found, indent=2) + "\n", "application/json")
        elif path == "/":
            self._page(200, page.render(pipeline))
        elif path.startswith(runbooks.PREFIX):
            self._page(*runbooks.render(path.removeprefix(runbooks.PREFIX)))
        elif path == "/-/reload":
            self._answer(405, "POST it\n", headers={"Allow": "POST"})
        else:
            self._answer(
                404, f"there are /metrics, /doctor, /-/healthy, /-/ready, /-/reload, {runbooks.PREFIX} and /\n"
            )

    do_HEAD = do_GET  # noqa: N815  http.server calls it by this name

    def do_POST(self) -> None:
        if self.path.partition("?")[0] != "/-/reload":
            self._answer(405, "only /-/reload takes a POST\n", headers={"Allow": "GET, HEAD"})
            return
        try:
            told = self.server.pipeline.reload()
        except WindsockError as error:
            self._answer(400, f"the configuration stays as it was:\n{error}\n")
            return
        self._answer(200, f"{told}\n")

    def _metrics(self, pipeline: Pipeline) -> None:
        started = time.perf_counter()
        content = content_type(self.headers.get("Accept", ""))
        # Only Prometheus itself says how long it waits; someone who looks with curl must not use up a series' 0.
        scraped = "X-Prometheus-Scrape-Timeout-Seconds" in self.headers
        zero = ZeroInit(time.monotonic(), pipeline.settings.exporter.web.birth_hold) if scraped else None
        headers = {}
        with pipeline.rendering:
            findings.note(pipeline)
            parts = chain(pieces(pipeline.stores(), content, zero=zero), [self.server.process.exposition(content)])
            if "gzip" in self.headers.get("Accept-Encoding", ""):
                gzip = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
                body = b"".join([*map(gzip.compress, parts), gzip.flush()])
                headers["Content-Encoding"] = "gzip"
            else:
                body = b"".join(parts)
        pipeline.own.set("windsock_scrape_duration_seconds", round(time.perf_counter() - started, 6))
        self._answer(200, body, content, headers)

    def _page(self, status: int, html: str) -> None:
        self._answer(status, html, "text/html; charset=utf-8", {"Content-Security-Policy": page.POLICY})

    def _answer(
        self,
        status: int,
        body: str | bytes,
        content: str = "text/plain; charset=utf-8",
        headers: dict[str, str] | None = None,
    ) -> None:
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
