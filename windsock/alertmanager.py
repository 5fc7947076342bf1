"""A client of Alertmanager's API v2 that can't take longer than it is given.

Every alert goes to every peer, as Prometheus does it: Alertmanagers gossip what they have sent, not what they have
received. One peer that accepted is a success.
"""

from __future__ import annotations

import json
import random
import re
import ssl
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from windsock import secrets
from windsock.http import Client, basic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from windsock.http import Reply
    from windsock.settings import Http

    class Peers(Protocol):
        """The sections `alertmanager` and `prometheus` of windsock.yaml."""

        @property
        def urls(self) -> tuple[str, ...]:
            """Of all of them."""

        @property
        def http(self) -> Http:
            """How to speak to them."""


_LIMIT = 64 << 20
"""Bytes of an answer: thousands of alerts with all that their annotations may hold."""
_BUSY = "Limit of concurrent GET requests"
"""What Alertmanager answers at once where more ask than it has processors, eight at least, as they do in a storm."""
_NO_ALERTS = "an answer that is no list of alerts: is that an Alertmanager?"
_LATE = "^no answer within|[Tt]ime(out|d out)"
"""Where it takes what is posted and says nothing to who asks: those of whom it says so keep it from the others."""
_PAUSE, _LONGEST = 0.05, 1.0
"""Seconds until it is asked again: twice as long each time, up to the second, and each sender chooses some of it."""
_TRUSTED = 10.0
"""Seconds for which certificates that were read are used."""
PeerResult = tuple[str, str | None]
"""A peer's URL, and None where it accepted, else what went wrong, in words."""


class BusyError(ConnectionError):
    """Too many ask at once: it says so, or has no time to answer, for as long as there was time."""


class Alertmanager:
    """The peers of one installation. Holds no connection: it is used once or twice in a task's process."""

    def __init__(self, config: Peers, headers: Mapping[str, str] | None = None) -> None:
        """`headers` are what `credentials` returns."""
        self._urls = config.urls
        self._http = config.http
        self._headers = headers or {}
        self._context: tuple[float, ssl.SSLContext] | None = None

    def post(self, alerts: Sequence[Mapping[str, Any]], timeout: float) -> list[PeerResult]:
        """Send `alerts` to all peers side by side; returns after `timeout` seconds at the latest, and never raises."""
        results: dict[str, str | None] = dict.fromkeys(self._urls, f"no answer within {timeout:g} s")

        def send(url: str) -> None:
            results[url] = self._send(url, alerts, timeout)

        self._each(send, timeout)
        return list(dict(results).items())

    def find(self, labels: Mapping[str, str], timeout: float) -> list[dict[str, Any]]:
        """Return the firing alerts that carry all of `labels`, from the first peer that answers. Raises OSError."""
        error: OSError = ConnectionError("no Alertmanager is configured")
        for url in self._urls:
            try:
                found: list[dict[str, Any]] = self._get(url, _query(labels), timeout)
            except OSError as problem:
                error = ConnectionError(f"{url}: {problem}")
            else:
                if _are_alerts(found):
                    return found
                error = ConnectionError(f"{url}: {_NO_ALERTS}")
        raise error

    def match(self, patterns: Mapping[str, str], timeout: float) -> list[dict[str, Any]]:
        """Return what fires at any peer, with an anchored regular expression of Go's for each label.

        One that was started again has lost what the others show. Raises OSError; BusyError where one is that.
        """
        answers = self._alerts(_query(patterns, "=~"), timeout)
        found = [answer for answer in answers.values() if not isinstance(answer, str)]
        if not found:
            problems = {url: problem for url, problem in answers.items() if isinstance(problem, str)}
            busy = any(_BUSY in problem or re.search(_LATE, problem) for problem in problems.values())
            error = BusyError if busy else ConnectionError
            raise error("; ".join(f"{url}: {problem}" for url, problem in problems.items()))
        return [alert for answer in found for alert in answer]

    def find_each(self, labels: Mapping[str, str], timeout: float) -> dict[str, list[dict[str, Any]] | str]:
        """Return for each peer its firing alerts that carry all of `labels`, or what went wrong, in words.

        All are asked side by side; returns after `timeout` seconds at the latest, and never raises.
        """
        return self._alerts(_query(labels), timeout)

    def _alerts(self, path: str, timeout: float) -> dict[str, list[dict[str, Any]] | str]:
        answers = self.ask(path, timeout)
        return {url: one if isinstance(one, str) or _are_alerts(one) else _NO_ALERTS for url, one in answers.items()}

    def ask(self, path: str, timeout: float) -> dict[str, Any]:
        """Return for each peer the JSON that it has at `path`, or what went wrong, in words; as `find_each` does."""
        found: dict[str, Any] = dict.fromkeys(self._urls, f"no answer within {timeout:g} s")

        def ask(url: str) -> None:
            try:
                found[url] = self._get(url, path, timeout)
            except OSError as problem:
                found[url] = str(problem)

        self._each(ask, timeout)
        return dict(found)

    def _each(self, do: Callable[[str], None], timeout: float) -> None:
        """Call `do` for all peers side by side, and wait `timeout` seconds at most."""
        deadline = time.monotonic() + timeout
        threads = [threading.Thread(target=do, args=(url,), daemon=True) for url in self._urls]
        for thread in threads:
            thread.start()
        for thread in threads:
            # A socket's timeout starts anew with each byte, so the time is kept here too.
            thread.join(max(0.0, deadline - time.monotonic()))

    def _get(self, url: str, path: str, timeout: float) -> Any:
        """Raises OSError, whose message is what went wrong, in words."""
        end, longest = time.monotonic() + timeout, _PAUSE
        reply = self._request(url, path, None, timeout)
        while reply.status == HTTPStatus.SERVICE_UNAVAILABLE and _BUSY in reply.text:
            pause = longest * random.uniform(0.5, 1.0)  # noqa: S311  no secret
            if (left := end - time.monotonic() - pause) <= 0:
                break
            time.sleep(pause)
            longest = min(2 * longest, _LONGEST)
            reply = self._request(url, path, None, left)
        if reply.status != HTTPStatus.OK:
            raise ConnectionError(f"{reply.status} {reply.text}")
        if not reply.whole:
            raise ConnectionError(f"an answer of more than {_LIMIT >> 20} MiB")
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError) as problem:
            raise ConnectionError(f"{type(problem).__name__}: {problem}") from problem

    def _send(self, url: str, alerts: Sequence[Mapping[str, Any]], timeout: float) -> str | None:
        try:
            reply = self._request(url, "/api/v2/alerts", json.dumps(list(alerts)).encode(), timeout)
        except OSError as error:
            return str(error)
        return None if reply.status == HTTPStatus.OK else f"{reply.status} {reply.text}"

    def _request(self, url: str, path: str, body: bytes | None, timeout: float) -> Reply:
        """Raises NoReplyError. No proxy is used: $HTTP_PROXY is for what is outside of the network."""
        headers = {"Accept": "application/json", "Content-Type": "application/json", **self._headers}
        return Client(self._tls, limit=_LIMIT).request(url + path, body, headers, timeout)

    def _tls(self) -> ssl.SSLContext:
        """Made anew after a while: reading the machine's certificates takes long, and they are renewed."""
        made, context = self._context or (0.0, None)
        now = time.monotonic()
        if context is None or now - made > _TRUSTED:
            context = tls(self._http)
            self._context = now, context
        return context


def tls(http: Http) -> ssl.SSLContext:
    """Return whom `http` trusts, and who one is there. Raises OSError for a file that can't be read."""
    context = ssl.create_default_context(cafile=http.ca_file)
    if http.cert_file:
        context.load_cert_chain(http.cert_file, http.key_file)
    return context


def credentials(http: Http, section: str = "alertmanager") -> dict[str, str]:
    """Return the headers that `http` asks for, with its secrets. Raises SettingsError for one that can't be had."""
    given = {"password": http.password, "bearer": http.bearer}
    known = {
        name: secrets.variable(reference, f"{section}.http.{name}") for name, reference in given.items() if reference
    }
    headers = secrets.filled(http.headers, f"{section}.http.headers")
    if http.username:
        headers["Authorization"] = basic(http.username, known.get("password", ""))
    if "bearer" in known:
        headers["Authorization"] = f"Bearer {known['bearer']}"
    return headers


def _query(labels: Mapping[str, str], operator: str = "=") -> str:
    filters = [("filter", f'{name}{operator}"{_escape(value)}"') for name, value in labels.items()]
    return f"/api/v2/alerts?{urlencode(filters, quote_via=quote)}"


def _are_alerts(answer: Any) -> bool:
    """Whether it is what Alertmanager answers: a proxy may answer in its place."""
    return isinstance(answer, list) and all(
        isinstance(one, dict)
        and all(isinstance(text, str) for name, text in one.items() if name.endswith("At"))
        and all(_are_texts(one.get(name, {})) for name in ("labels", "annotations"))
        for one in answer
    )


def _are_texts(found: Any) -> bool:
    return isinstance(found, dict) and all(isinstance(text, str) for text in found.values())


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
