"""From the alert event to the Alertmanagers, and what became of it."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from windsock.alertmanager import Alertmanager
from windsock.exceptions import SettingsError

from . import bounded

if TYPE_CHECKING:
    from windsock.alertmanager import Outcome
    from windsock.events import Event
    from windsock.settings import Alertmanager as AlertmanagerSettings
    from windsock.settings import Http

_LOOK_UP = 0.2
"""The share of the time that asking for an earlier alert may take: the post is what counts."""

NOT_CONFIGURED = (
    "no Alertmanager is configured: set alertmanager.urls in windsock.yaml, or WINDSOCK__ALERTMANAGER__URLS"
)


@dataclass(frozen=True)
class Delivery:
    """What became of one event."""

    problem: str
    """Empty where at least one peer accepted, else a word for the counter: timeout, unreachable, rejected, …"""
    detail: str
    """What a person reads about it."""


def deliver(event: Event, config: AlertmanagerSettings, deadline: float) -> Delivery:
    """Post `event` to all peers, until the monotonic clock reaches `deadline`.

    Raises SettingsError where a credential of theirs can't be had.
    """
    if not config.urls:
        return Delivery("unconfigured", NOT_CONFIGURED)
    client = Alertmanager(config, secrets(config.http))
    event = _adopt(event, client, (deadline - time.monotonic()) * _LOOK_UP, len(config.urls))
    outcomes = client.post([event.alert(datetime.now(timezone.utc))], deadline - time.monotonic())
    failures = [(url, problem) for url, problem in outcomes if problem is not None]
    detail = "; ".join(f"{url}: {problem}" for url, problem in failures)
    if len(failures) < len(outcomes):
        accepted = f"{len(outcomes) - len(failures)} of {len(outcomes)} Alertmanagers"
        return Delivery("", f"{accepted} ({detail})" if detail else accepted)
    return Delivery(_word(outcomes), detail)


def secrets(http: Http) -> dict[str, str]:
    """Return the values of the credentials that `http` names. Raises SettingsError for one that can't be had here."""
    found = {}
    for name, reference in (("password", http.password), ("bearer", http.bearer)):
        if reference is None:
            continue
        variable = re.fullmatch(r"\$\{(\w+)\}", reference)
        if variable is None:
            # Looking a connection up costs 12 to 36 ms, and once 5 s: not for what every failure needs.
            raise SettingsError([f"alertmanager.http.{name}: expected ${{VARIABLE}}; connections are not read here"])
        if variable[1] not in os.environ:
            raise SettingsError([f"alertmanager.http.{name}: the environment variable {variable[1]} is not set"])
        found[name] = os.environ[variable[1]]
    return found


def _adopt(event: Event, client: Alertmanager, seconds: float, peers: int) -> Event:
    """Take over team and severity of an alert for the same failure: with other labels there would be two."""
    try:
        # Peers are asked in turn, so that one that hangs leaves time for the next.
        alerts = bounded.run(lambda: client.find(event.identity, seconds / peers), seconds)
        labels = alerts[0]["labels"] if alerts else {}
        return replace(event, team=labels.get("team", event.team), severity=labels.get("severity", event.severity))
    except Exception:  # noqa: BLE001  nothing that goes wrong here is worth an alert that is not sent
        return event


def _word(outcomes: list[Outcome]) -> str:
    """One word for what went wrong, from the peer that came farthest."""
    problems = [problem or "" for _, problem in outcomes]
    if any(re.match(r"[34]\d\d ", problem) for problem in problems):
        return "rejected"
    if any(re.match(r"\d\d\d ", problem) for problem in problems):
        return "server_error"
    if any("Timeout" in problem or problem.startswith("no answer") for problem in problems):
        return "timeout"
    return "unreachable"
