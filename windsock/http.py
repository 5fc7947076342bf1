"""One HTTP request that can't take long, with the standard library's client.

A task's process has it already, while importing requests costs more than twice the 50 ms that a whole callback may
take. No redirect is followed: a log-in page's 200 is no alert accepted.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from windsock.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ANY_PATH = r"(https?://[^/\s'\"]+)/[^\s'\"]*"


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    whole: bool = True
    """Whether `body` is all of it: what is longer than the client's limit is cut."""

    def json(self) -> dict[str, Any]:
        """The body's object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def text(self) -> str:
        """The beginning of the body, as a terminal may show it."""
        return clean(self.body[:200].decode(errors="replace")).strip()


class NoReplyError(OSError):
    """No whole answer came; the message says why, without what may be a secret: an address' path, a header."""

    def __init__(self, cause: Exception, seconds: float, *, sent: bool) -> None:
        """`sent`: the server was reached, so that it may have taken the request. It had `seconds`."""
        self.sent = sent
        self.timed_out = isinstance(cause, TimeoutError)
        if self.timed_out:  # as those say who wait no longer than that for the whole
            super().__init__(f"no answer within {seconds:.3g} s")
        else:
            super().__init__(clean(f"{type(cause).__name__}: {_reason(cause)}").removesuffix(": "))


class Client(NamedTuple):
    """How requests are made; holds no connection."""

    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    """Whom to trust, and who one is; called for https only. $SSL_CERT_FILE and $SSL_CERT_DIR are ssl's own."""
    proxied: bool = False
    """Whether $HTTPS_PROXY, $HTTP_PROXY and $NO_PROXY are honoured."""
    limit: int = 1 << 20
    """Bytes of an answer that are read."""

    def request(self, url: str, body: bytes | None, headers: Mapping[str, str], seconds: float) -> Reply:
        """POST `body`, or GET where it is None. Raises NoReplyError.

        Each step may take `seconds`, and a step begins anew with each byte that arrives: whoever must be sure waits no
        longer than that for the whole.
        """
        sent = False
        connection: http.client.HTTPConnection | None = None
        try:
            parts = urlsplit(url)
            connection, before, more = self._connection(parts.scheme, parts.netloc, seconds)
            target = before + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            # What http.client would not call any more is only slower.
            connection._create_connection = _dial  # type: ignore[attr-defined]  # noqa: SLF001
            connection.connect()
            sent = True
            method = "GET" if body is None else "POST"
            connection.request(method, target, body, {"User-Agent": "windsock", **more, **headers})
            answer = connection.getresponse()
            content = answer.read(self.limit + 1)
            if answer.length and len(content) <= self.limit:
                raise http.client.IncompleteRead(content, answer.length)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoReplyError(error, seconds, sent=sent) from None
        finally:
            if connection is not None:
                connection.close()
        names = {name.lower(): text for name, text in answer.getheaders()}
        return Reply(answer.status, names, content[: self.limit], whole=len(content) <= self.limit)

    def _connection(
        self, scheme: str, netloc: str, seconds: float
    ) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
        """The connection, what stands before the path in the request, and headers for the proxy. Raises ValueError."""
        proxy = getproxies_environment().get(scheme, "") if self.proxied else ""
        if not proxy or proxy_bypass(netloc):
            if scheme == "https":
                return http.client.HTTPSConnection(netloc, timeout=seconds, context=self.tls()), "", {}
            return http.client.HTTPConnection(netloc, timeout=seconds), "", {}
        via = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        login = basic(unquote(via.username or ""), unquote(via.password or ""))
        credentials = {"Proxy-Authorization": login} if via.username else {}
        host, port = via.hostname or "", via.port or 3128
        if scheme != "https":
            return http.client.HTTPConnection(host, port, timeout=seconds), f"http://{netloc}", credentials
        tunnel = http.client.HTTPSConnection(host, port, timeout=seconds, context=self.tls())
        tunnel.set_tunnel(netloc, headers=credentials)
        return tunnel, "", {}


def _dial(address: tuple[str, int], *given: Any) -> socket.socket:
    """Connect as `socket.create_connection` does; a name in ASCII is given to it as bytes.

    Python would encode a text by IDNA, and import its tables for that: 1.4 ms of a callback's process.
    """
    host, port = address
    name: Any = host.encode("ascii") if host.isascii() else host  # typeshed knows of texts alone
    return socket.create_connection((name, port), *given)


def _reason(cause: Exception) -> str:
    if isinstance(cause, (ValueError, http.client.InvalidURL)) and not isinstance(cause, OSError):
        # http.client repeats the address or the header that it does not take.
        return "the address or a header can't be put into a request"
    return re.sub(_ANY_PATH, r"\1/…", str(cause))


def basic(username: str, password: str) -> str:
    """The value of an Authorization header."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"
