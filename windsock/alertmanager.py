"""A client of Alertmanager's API v2 that can't take longer than it is given.

Every alert goes to every peer, as Prometheus does it: Alertmanagers gossip what they have sent, not what they have
received. One peer that accepted is a success.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import requests

    from windsock.settings import Alertmanager as AlertmanagerSettings

Outcome = tuple[str, str | None]
"""A peer's URL, and None where it accepted, else what went wrong, in words."""


class Alertmanager:
    """The peers of one installation. Holds no connection: it is used once or twice in a task's process."""

    def __init__(self, config: AlertmanagerSettings, secrets: Mapping[str, str] | None = None) -> None:
        self._urls = config.urls
        self._http = config.http
        self._secrets = secrets or {}

    def post(self, alerts: Sequence[Mapping[str, Any]], timeout: float) -> list[Outcome]:
        """Send `alerts` to all peers side by side; returns after `timeout` seconds at the latest, and never raises."""
        outcomes: dict[str, str | None] = dict.fromkeys(self._urls, f"no answer within {timeout:g} s")
        deadline = time.monotonic() + timeout

        def send(url: str) -> None:
            outcomes[url] = self._send(url, alerts, timeout)

        threads = [threading.Thread(target=send, args=(url,), daemon=True) for url in self._urls]
        for thread in threads:
            thread.start()
        for thread in threads:
            # A socket's timeout starts anew with each byte, so the time is kept here too.
            thread.join(max(0.0, deadline - time.monotonic()))
        return list(dict(outcomes).items())

    def find(self, labels: Mapping[str, str], timeout: float) -> list[dict[str, Any]]:
        """Return the firing alerts that carry all of `labels`, from the first peer that answers. Raises OSError."""
        filters = [f'{name}="{_escape(value)}"' for name, value in labels.items()]
        error: OSError = ConnectionError("no Alertmanager is configured")
        for url in self._urls:
            try:
                with self._session() as session:
                    answer = session.get(f"{url}/api/v2/alerts", params={"filter": filters}, timeout=timeout)
                answer.raise_for_status()
                found: list[dict[str, Any]] = answer.json()
            except OSError as problem:
                error = problem
            else:
                return found
        raise error

    def _send(self, url: str, alerts: Sequence[Mapping[str, Any]], timeout: float) -> str | None:
        try:
            with self._session() as session:
                answer = session.post(f"{url}/api/v2/alerts", json=list(alerts), timeout=timeout)
        except OSError as error:
            return type(error).__name__
        return None if answer.ok else f"{answer.status_code} {answer.text[:200].strip()}"

    def _session(self) -> requests.Session:
        import requests  # noqa: PLC0415  40 ms that a process without a failure does not spend

        session = requests.Session()
        session.trust_env = False
        session.headers.update(self._http.headers)
        if self._http.ca_file:
            session.verify = self._http.ca_file
        if self._http.cert_file:
            session.cert = (self._http.cert_file, self._http.key_file) if self._http.key_file else self._http.cert_file
        if self._http.username:
            session.auth = (self._http.username, self._secrets.get("password", ""))
        if "bearer" in self._secrets:
            session.headers["Authorization"] = f"Bearer {self._secrets['bearer']}"
        return session


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
