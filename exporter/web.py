"""The exporter's HTTP side: /metrics, /-/healthy, /-/ready and a page for people."""

from __future__ import annotations

import gzip
import html
import logging
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from windsock import __version__
from windsock.exceptions import WindsockError

from .exposition import Birth, content_type, render

if TYPE_CHECKING:
    from .service import Service

log = logging.getLogger(__name__)

_REQUEST_TIMEOUT = 30


class Server(ThreadingHTTPServer):
    """Serves one exporter; a connection that says nothing for half a minute is closed."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: str, service: Service) -> None:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.service = service
        try:
            super().__init__((host, int(port)), _Handler)
        except OSError as error:
            raise WindsockError(
                f"can't serve metrics on {address}: {error.strerror or error}; choose another with --web-listen"
            ) from None

    @property
    def address(self) -> str:
        """HOST:PORT, with the port that it really got."""
        host, port = self.server_address[:2]
        return f"[{host!s}]:{port}" if ":" in str(host) else f"{host!s}:{port}"

    def server_bind(self) -> None:
        """Bind without the look-up of the host's full name that the base class makes."""
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that hangs up in the middle is no news."""
        del request
        log.debug("request from %s failed", client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "windsock"
    sys_version = ""
    timeout = _REQUEST_TIMEOUT
    server: Server

    def do_GET(self) -> None:
        """Answer one request."""
        path = self.path.partition("?")[0]
        service = self.server.service
        if path == "/metrics":
            self._metrics(service)
        elif path == "/-/healthy":
            alive = service.alive()
            self._answer(200 if alive else 503, b"ok\n" if alive else b"the receiving thread has ended\n")
        elif path == "/-/ready":
            ready = service.ready()
            self._answer(200 if ready else 503, b"ok\n" if ready else b"not listening yet\n")
        elif path == "/":
            self._answer(200, _page(service).encode(), "text/html; charset=utf-8")
        else:
            self._answer(404, b"there are /metrics, /-/healthy, /-/ready and /\n")

    do_HEAD = do_GET  # noqa: N815  http.server calls it by this name

    def _metrics(self, service: Service) -> None:
        started = time.perf_counter()
        content = content_type(self.headers.get("Accept", ""))
        # Only Prometheus itself says how long it waits; someone who looks with curl must not use up a series' 0.
        scraped = "X-Prometheus-Scrape-Timeout-Seconds" in self.headers
        birth = Birth(time.monotonic(), service.settings.web.birth_hold) if scraped else None
        with service.rendering:
            body = render(service.stores(), content, birth=birth)
        headers = {}
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        service.own.set("windsock_scrape_duration_seconds", round(time.perf_counter() - started, 6))
        self._answer(200, body, content, headers)

    def _answer(
        self,
        status: int,
        body: bytes,
        content: str = "text/plain; charset=utf-8",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        """Requests are logged for debugging only."""
        log.debug(format, *args)


def _page(service: Service) -> str:
    rows = [
        ("Version", __version__),
        ("Listening on", ", ".join(service.addresses())),
        ("Airflow's prefix", service.settings.statsd.prefix),
        ("Dialect seen", service.translator.dialect or "plain, or nothing yet"),
        ("Airflow seen", f"{service.translator.major}.x" if service.translator.major else "can't tell yet"),
        ("Lines received", f"{service.own.counter('windsock_lines_total').value:,}"),
        ("Series", f"{len(service.store):,}"),
    ]
    unmapped = "".join(
        f"<tr><td>{html.escape(prefix)}</td><td><code>{html.escape(line)}</code></td></tr>"
        for prefix, line in sorted(service.examples().items())
    )
    table = "".join(f"<tr><th>{name}</th><td>{html.escape(str(value))}</td></tr>" for name, value in rows)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>windsock exporter</title>"
        "<style>body{font:16px system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}"
        "th{text-align:left;padding-right:2rem}td,th{padding:.2rem .6rem .2rem 0;vertical-align:top}</style>"
        f"<h1>windsock exporter</h1><p><a href=metrics>metrics</a></p><table>{table}</table>"
        + (f"<h2>Lines that no metric of the catalogue matches</h2><table>{unmapped}</table>" if unmapped else "")
    )
