"""A server that the doctor asks: bounded in time, its clock compared with this machine's."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from windsock.alertmanager import credentials, tls
from windsock.http import Client
from windsock.text import clean

from .finding import VERSION, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from windsock.alertmanager import Peers
    from windsock.settings import Http

TIMEOUT = 5.0
"""Seconds for one request."""
_LIMIT = 64 << 20
"""Bytes of an answer: the rules and the series of a large installation."""
_SKEW = 5.0
"""Seconds by which clocks may differ; HTTP's dates are whole seconds."""


class AskingError(Exception):
    """There is no answer to use; the message says why, in words without a secret."""

    def __init__(self, message: str, status: int = 0) -> None:
        """`status`: HTTP's, 0 where nothing answered."""
        self.status = status
        super().__init__(message)


class Server:
    """One server, by the settings of its section in windsock.yaml."""

    def __init__(self, name: str, url: str, http: Http, section: str) -> None:
        """Raises SettingsError for a secret that can't be had here."""
        self.name = name
        """As people call it, with its address."""
        self._url = url.rstrip("/")
        self._headers = credentials(http, section)
        self._client = Client(lambda: tls(http), limit=_LIMIT)
        self._skew: float | None = None
        self.version = ""
        """Of windsock, where it is one of its exporters and has answered."""

    def text(self, path: str, **query: str) -> str:
        """Return what it answers at `path`. Raises AskingError."""
        asked = time.time()
        try:
            reply = self._client.request(
                f"{self._url}{path}{'?' + urlencode(query) if query else ''}", None, self._headers, TIMEOUT
            )
        except OSError as error:
            raise AskingError(f"It does not answer: {error}") from None
        self._compare(asked, reply.headers.get("date", ""))
        self.version = clean(reply.headers.get(VERSION.lower(), ""))
        if reply.status != HTTPStatus.OK:
            raise AskingError(f"It answers {reply.status} at {path}: {reply.text}", reply.status)
        return reply.body.decode(errors="replace")

    def json(self, path: str, **query: str) -> Any:
        """Return the JSON that it answers at `path`. Raises AskingError."""
        try:
            return json.loads(self.text(path, **query))
        except (ValueError, RecursionError):
            raise AskingError(f"It answers at {path} what is no JSON: is this its address?") from None

    def clock(self, check: str) -> Iterator[Finding]:
        """Say where its clock and this machine's differ."""
        if self._skew is not None and abs(self._skew) > _SKEW:
            which = "ahead of" if self._skew > 0 else "behind"
            yield Finding(
                check,
                "warning",
                f"Its clock is {abs(self._skew):.0f} s {which} this machine's.",
                "Let NTP set both: what lies in the future is not seen, and ages and waits are wrong by as much.",
                self.name,
            )

    def _compare(self, asked: float, date: str) -> None:
        """Whole seconds, and the way there and back: what may be due to them is no difference."""
        try:
            said = parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            return
        now = time.time()
        self._skew = said - now if said > now else min(0.0, said + 1 - asked)


def examine_each(
    section: Peers, part: str, look: Callable[[Server], Iterator[Finding]], *, none: str, mend: str
) -> Iterator[Finding]:
    """Yield what `look` finds at each of the section's URLs; `none` says what it means that there is none.

    A server that does not answer is critical, and `mend` says what to do. Raises SettingsError for a secret that can't
    be had here.
    """
    title = part.capitalize()
    if not section.urls:
        yield Finding(f"{part}.unknown", "unseen", none, f"Set {part}.urls in windsock.yaml.", title)
    for url in section.urls:
        server = Server(f"{title} {url}", url, section.http, part)
        try:
            yield from look(server)
        except AskingError as error:
            yield Finding(f"{part}.down", "critical", f"{error}.", mend, server.name)
