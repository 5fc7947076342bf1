"""One POST with a body of JSON that can't take long: the standard library's client, which a task's process has already.

Redirects are not followed. $HTTPS_PROXY, $HTTP_PROXY and $NO_PROXY are honoured, $SSL_CERT_FILE and $SSL_CERT_DIR too,
and `channels.ca_file` beside them.
"""

from __future__ import annotations

import base64
import email.utils
import http.client
import json
import re
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from . import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.settings import Settings

_READ = 1 << 20
"""Bytes of an answer that are looked at."""
_SECRET_PATH = re.compile(r"(https?://[^/\s'\"]+)/[^\s'\"]*")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body's object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def text(self) -> str:
        """The beginning of the body."""
        return self.body[:200].decode(errors="replace").strip()


def post(
    url: str, body: bytes, settings: Settings, seconds: float, headers: Mapping[str, str] | None = None
) -> Reply | Answer:
    """Send `body`; an Answer says why there is no reply."""
    parts = urlsplit(url)
    sent = False
    connection: http.client.HTTPConnection | None = None
    try:
        connection, path, more = _connection(parts.scheme, parts.netloc, settings, seconds)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        given = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "windsock", **more, **(headers or {})}
        connection.connect()
        sent = True
        connection.request("POST", path + target, body, given)
        answer = connection.getresponse()
        content = answer.read(_READ)
        if answer.length and len(content) < _READ:
            raise http.client.IncompleteRead(content, answer.length)
        return Reply(answer.status, {name.lower(): text for name, text in answer.getheaders()}, content)
    except (OSError, http.client.HTTPException, ValueError) as error:
        # An address may be a secret, and some errors repeat it.
        words = _SECRET_PATH.sub(r"\1/…", f"{type(error).__name__}: {error}")
        return Answer("timeout" if isinstance(error, TimeoutError) else "unreachable", words, uncertain=sent)
    finally:
        if connection is not None:
            connection.close()


def judge(reply: Reply, says: str) -> Answer:
    """What an HTTP status means: 2xx taken, 429 and 5xx later, all else never."""
    detail = f"HTTP {reply.status}" + (f": {says}" if says else "")
    if 200 <= reply.status < 300:
        return Answer(detail=detail)
    if reply.status in (408, 425, 429):
        return Answer("throttled", detail, wait=retry_after(reply))
    if reply.status >= 500:
        return Answer("server_error", detail, wait=retry_after(reply))
    return Answer("rejected", detail)


def retry_after(reply: Reply) -> float:
    """Seconds of the Retry-After header, which may be a date; 0: none."""
    value = reply.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def tls(settings: Settings) -> ssl.SSLContext:
    """Whom to trust."""
    context = ssl.create_default_context()
    if settings.channels.ca_file:
        context.load_verify_locations(settings.channels.ca_file)
    return context


def _connection(
    scheme: str, netloc: str, settings: Settings, seconds: float
) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """The connection, what stands before the path in the request, and headers for the proxy. Raises ValueError."""
    proxies = getproxies_environment()
    proxy = proxies.get(scheme, "")
    if not proxy or proxy_bypass(netloc):
        if scheme == "https":
            return http.client.HTTPSConnection(netloc, timeout=seconds, context=tls(settings)), "", {}
        return http.client.HTTPConnection(netloc, timeout=seconds), "", {}
    via = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    login = f"{unquote(via.username or '')}:{unquote(via.password or '')}"
    credentials = {"Proxy-Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if via.username else {}
    host, port = via.hostname or "", via.port or 3128
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=seconds), f"http://{netloc}", credentials
    tunnel = http.client.HTTPSConnection(host, port, timeout=seconds, context=tls(settings))
    tunnel.set_tunnel(netloc, headers=credentials)
    return tunnel, "", {}
