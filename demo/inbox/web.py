"""The HTTP side: hands requests to the platforms and to the inbox's own API, and misbehaves when asked to.

It is an HTTP proxy too, for senders that insist on a platform's real address, as Alertmanager does before it edits one
of Slack's messages: it lets nothing through, and answers itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from windsock import loopback

from .api import Api
from .exchange import Request, Response, json_response, text_response
from .messages import Attempt, Platform, Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .faults import Fault, Faults

MAX_BODY = 10 << 20
HOSTS: dict[str, Platform] = {"slack.com": "slack", "hooks.slack.com": "slack", "events.pagerduty.com": "pagerduty"}
"""The platforms' own names, for which it answers to a sender whose proxy it is."""
_HOSTS = ", ".join(HOSTS)
_SECURITY = {
    # Nothing is fetched from elsewhere and no script but the page's own runs; mails bring their own styles.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class HttpPlatform(Protocol):
    """A platform that is spoken to over HTTP."""

    def handle(self, request: Request) -> Response:
        """Answer as the platform does."""

    def endpoint(self, request: Request) -> str:
        """What an attempt calls the endpoint."""

    def refusal(self, request: Request, status: int) -> Response:
        """What the platform says with an HTTP error of its own."""


class WebServer(ThreadingHTTPServer):
    """An HTTP server on a bound socket, in threads of its own."""

    daemon_threads = True

    def __init__(
        self,
        listening: socket.socket,
        store: Store,
        faults: Faults,
        platforms: Mapping[Platform, HttpPlatform],
        addresses: Mapping[str, str],
    ) -> None:
        from .certificates import Authority  # noqa: PLC0415  `windsock inbox --help` does without cryptography

        self.authority = Authority(HOSTS)
        super().__init__(listening.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.store = store
        self.faults = faults
        self.platforms = platforms
        self.api = Api(store, faults, addresses, self.authority)
        self._thread = threading.Thread(target=self._serve, name="inbox-http", daemon=True)

    def start(self) -> None:
        """Serve. The socket listens already, so nobody is turned away meanwhile."""
        self._thread.start()

    def stop(self) -> None:
        """End, once the store is closed: what hangs on purpose ends with it, and one last connection wakes the loop."""
        with contextlib.suppress(OSError):
            socket.create_connection(self.socket.getsockname()[:2], timeout=1).close()
        self._thread.join()
        self.server_close()

    def _serve(self) -> None:
        while not self.store.closed:
            self.handle_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up: tests do it on purpose."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ssl.SSLError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "windsock-inbox"
    disable_nagle_algorithm = True  # head and body are two writes: each answer would wait 40 ms for the other side
    timeout = 60
    server: WebServer
    below = ""
    """What stands before each path."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        del format, args

    def do_GET(self) -> None:
        body = self._body()
        if body is None:
            return
        url = urlsplit(f"{self.below}{self.path}")
        name = next((platform for platform in self.server.platforms if url.path.startswith(f"/{platform}/")), None)
        if name:
            headers = {key.lower(): value for key, value in self.headers.items()}
            self._exchange(name, Request(self.command, url.path, headers, body))
        elif url.path == "/api/stream":
            self._stream()
        else:
            self._send(self.server.api.handle(self.command, url.path, dict(parse_qsl(url.query)), body))

    do_POST = do_GET  # noqa: N815  http.server's name
    do_DELETE = do_GET  # noqa: N815  http.server's name

    def do_CONNECT(self) -> None:
        """Be the host that a sender wants to reach through its proxy, over TLS."""
        host, _, port = self.path.rpartition(":")
        self.close_connection = True
        if host not in HOSTS or port != "443":
            self._send(text_response(f"the inbox is no way to {self.path[:100]}, only to port 443 of {_HOSTS}\n", 403))
            return
        self.send_response(200)
        self.end_headers()
        try:
            secured = self.server.authority.context.wrap_socket(self.connection, server_side=True)
        except OSError as error:
            words = f"{host}: the sender does not speak TLS, or does not trust /ca.pem"
            self.server.store.note(Attempt(HOSTS[host], "TLS", None, error=words, details=(str(error),)))
            return
        with secured:
            _Tunnel(host, secured, self.client_address, self.server)

    def _body(self) -> bytes | None:
        """The request's body; None: the request was refused."""
        length = self.headers.get("Content-Length", "0")
        if not self._is_local():
            self._send(text_response("the inbox answers to loopback names only\n", 403))
        elif not self._is_own():
            self._send(text_response("the inbox does not answer to a page of another site\n", 403))
        elif "Transfer-Encoding" in self.headers or not length.isdecimal():
            self._send(text_response("a Content-Length is needed\n", 411))
        elif int(length) > MAX_BODY:
            self._send(text_response(f"more than {MAX_BODY} bytes\n", 413))
        else:
            return self.rfile.read(int(length))
        self.close_connection = True
        return None

    def _is_local(self) -> bool:
        return loopback.is_local(self.headers)

    def _is_own(self) -> bool:
        """To look at its page, others may lead there."""
        return loopback.is_own(self.headers) or (self.command == "GET" and self.path == "/")

    def _exchange(self, name: Platform, request: Request) -> None:
        """Let a platform answer, or a fault that was asked for."""
        platform, fault = self.server.platforms[name], self.server.faults.take(name)
        answer = platform.refusal(request, 503) if fault and fault.before else platform.handle(request)
        if fault and fault.kind == "status":
            answer = dataclasses.replace(_asked_for(platform, request, fault), message=answer.message)
        silent = fault is not None and fault.kind in ("hang", "close")
        # Noted before it is answered: whoever has the answer finds the attempt.
        self.server.store.note(
            Attempt(
                name,
                platform.endpoint(request),
                None if silent else answer.status,
                error=None if silent else answer.error,
                details=() if silent else answer.details,
                fault=fault.kind if fault else None,
                message=answer.message,
            )
        )
        self.close_connection |= silent
        if fault and fault.kind == "hang":
            self.server.store.wait(lambda: False, fault.seconds)
        elif fault and fault.kind == "close":
            self._send(answer, upto=len(answer.body) // 2)
        else:
            self._send(answer, over=fault.seconds if fault and fault.kind == "slow" else 0)

    def _stream(self) -> None:
        """Server-sent events: the number of the last change, at once and whenever there is another."""
        store, seen = self.server.store, -1
        self.close_connection = True
        self._head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        while not store.closed:
            now = store.wait_past(seen, 15)
            # The comment finds out whether anyone still listens.
            self.wfile.write(f"data: {now}\n\n".encode() if now != seen else b": nothing new\n\n")
            seen = now

    def _send(self, answer: Response, *, over: float = 0, upto: int | None = None) -> None:
        """Send `answer`: a byte at a time over `over` seconds, or only its first `upto` bytes."""
        length = {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body))}
        self._head(answer.status, {**length, **answer.headers})
        if not over:
            self.wfile.write(answer.body[:upto])
            return
        for byte in answer.body:
            if self.server.store.closed:
                return
            time.sleep(over / len(answer.body))
            self.wfile.write(bytes([byte]))

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**_SECURITY, **headers}.items():
            self.send_header(name, value)
        self.end_headers()


class _Tunnel(_Handler):
    """A connection to one of the platforms' own hosts, whose proxy the inbox was."""

    def __init__(self, host: str, *rest: Any) -> None:
        self.below = f"/{HOSTS[host]}"
        super().__init__(*rest)

    def _is_local(self) -> bool:
        """A page from elsewhere can't make a browser take the inbox for its proxy, and trust it."""
        return True


def _asked_for(platform: HttpPlatform, request: Request, fault: Fault) -> Response:
    """The answer that `fault` asks for, and where it leaves something open the platform's own."""
    answer = platform.refusal(request, fault.status)
    if isinstance(fault.body, str):
        answer = text_response(fault.body, fault.status, error=answer.error)
    elif fault.body is not None:
        answer = json_response(fault.body, fault.status, error=answer.error)
    retry = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return dataclasses.replace(answer, headers=retry)
