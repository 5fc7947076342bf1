"""One line for each thing that happens: a page in the inbox, an alert that begins or ends, a part that dies."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from windsock.storms import SIGNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import requests

    from .addresses import Addresses
    from .process import Process

TIMEOUT = 3.0
WIDTH = 110


class Watch:
    """Remembers what it has told. What can't be asked just now is asked the next time."""

    def __init__(self, processes: Sequence[Process], addresses: Addresses, session: requests.Session) -> None:
        self._processes = processes
        self._inbox = addresses.url("inbox")
        self._alertmanager = addresses.url("alertmanager")
        self._session = session
        self._seen = 0
        self._alerts: dict[str, str] = {}
        self._dead: set[str] = set()

    def news(self) -> Iterator[str]:
        """What has happened since the last call."""
        yield from self._parts()
        yield from self._changed_alerts()
        yield from self._pages()

    def _parts(self) -> Iterator[str]:
        for process in self._processes:
            name, death = process.part.name, process.death()
            # Someone may have started it again by hand.
            alive = death is None or process.is_ready(self._session)
            if not alive and name not in self._dead:
                self._dead.add(name)
                again = shlex.quote(str(process.script))
                yield f"part died     {name}: {death}; its log: {process.log}; to start it again: {again}"
            elif alive and name in self._dead:
                self._dead.remove(name)
                yield f"part is back  {name}"

    def _changed_alerts(self) -> Iterator[str]:
        found = self._get(f"{self._alertmanager}/api/v2/alerts")
        if found is None:
            return
        told = [alert for alert in found if alert["labels"].get("alertname") not in SIGNS]
        alerts = {alert["fingerprint"]: _named(alert["labels"]) for alert in told}
        for fingerprint, text in alerts.items():
            if fingerprint not in self._alerts:
                yield f"alert fires   {text}"
        for fingerprint, text in self._alerts.items():
            if fingerprint not in alerts:
                yield f"alert ended   {text}"
        self._alerts = alerts

    def _pages(self) -> Iterator[str]:
        found = self._get(f"{self._inbox}/api/messages", since=self._seen)
        if found is None:
            return
        self._seen = found["last"]
        for message in found["messages"]:
            text = " ".join(message["text"].split())
            yield f"page          {message['platform']} {message['channel']}: {_short(text)}"

    def _get(self, url: str, **query: Any) -> Any:
        try:
            answer = self._session.get(url, params=query, timeout=TIMEOUT)
            answer.raise_for_status()
            return answer.json()
        except (OSError, ValueError):
            return None


def _named(labels: dict[str, str]) -> str:
    rest = " ".join(f"{key}={value}" for key, value in sorted(labels.items()) if key != "alertname")
    return _short(f"{labels.get('alertname', '')} {rest}")


def _short(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
