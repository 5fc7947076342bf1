"""The one Prometheus that the preview asks, and the few questions that it passes on."""

from __future__ import annotations

import re
import ssl
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from windsock.alertmanager import credentials
from windsock.exceptions import UsageError
from windsock.http import Client, NoReplyError, Reply

if TYPE_CHECKING:
    from windsock.settings import Settings

TIMEOUT = 30.0
"""Seconds that Prometheus may take for an answer; it is told, and the page waits a little longer."""
LIMIT = 64 << 20
"""Bytes of an answer: ten times what 11,000 points of each of the 200 series of a panel take in a minute's step."""
AT_ONCE = 8
"""Queries that Prometheus is asked side by side; a browser sends six."""
PATHS = re.compile(r"/api/v1/(query|query_range|series|labels|label/[A-Za-z_][A-Za-z0-9_]*/values)")
PARAMETERS = frozenset({"query", "time", "start", "end", "step", "match[]", "limit"})


class SourceError(Exception):
    """No good answer; the message may be shown."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class Source:
    """Asks with the credentials of `prometheus.http`, which no page sees."""

    def __init__(self, settings: Settings) -> None:
        """Raises UsageError where no Prometheus is known, SettingsError for a credential that can't be had."""
        section = settings.prometheus
        if not section.urls:
            raise UsageError("which Prometheus? give --prometheus URL, or set prometheus.urls in windsock.yaml")
        self.url = section.urls[0]
        self._http = section.http
        self._headers = credentials(section.http, "prometheus")
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def ask(self, path: str, query: str) -> bytes:
        """The JSON of Prometheus' answer. Raises SourceError."""
        if not PATHS.fullmatch(path):
            raise SourceError(404, "the preview passes on queries, series and label values only")
        given = [(name, value) for name, value in parse_qsl(query) if name in PARAMETERS]
        if not path.endswith(("/series", "/labels", "/values")):
            given.append(("timeout", f"{TIMEOUT * 1000:.0f}ms"))
        if not self._turns.acquire(timeout=TIMEOUT):
            raise SourceError(503, f"Prometheus is still busy with {AT_ONCE} other queries")
        try:
            reply = Client(self._tls, limit=LIMIT).request(
                f"{self.url}{path}?{urlencode(given)}", None, self._headers, TIMEOUT
            )
        except NoReplyError as error:
            what = f"does not answer within {TIMEOUT:g} s" if error.timed_out else f"can't be reached: {error}"
            raise SourceError(504 if error.timed_out else 502, f"Prometheus {what}") from None
        finally:
            self._turns.release()
        return _checked(reply)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._http.ca_file)
        if self._http.cert_file:
            context.load_cert_chain(self._http.cert_file, self._http.key_file)
        return context


def _checked(reply: Reply) -> bytes:
    """The body of an answer that Prometheus itself may have given. Raises SourceError."""
    if not reply.whole:
        raise SourceError(502, f"Prometheus' answer is larger than {LIMIT >> 20} MiB: choose less")
    error = reply.json().get("error") if reply.status != 200 else None
    if error:
        raise SourceError(422, f"Prometheus: {error}")
    if reply.status != 200:
        raise SourceError(502, f"Prometheus answers {reply.status} {reply.text}".strip())
    if not reply.body.lstrip().startswith(b'{"status":"success"'):
        raise SourceError(502, f"what answers is no Prometheus: {reply.text[:100]}")
    return reply.body
