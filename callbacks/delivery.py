"""From the alert event to the Alertmanagers, and what became of it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from windsock.alertmanager import Alertmanager, credentials

from . import bounded

if TYPE_CHECKING:
    from windsock.alertmanager import Outcome
    from windsock.events import Event
    from windsock.settings import Settings

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


@dataclass(frozen=True)
class Choice:
    """What an author chose for one callback; by default all of it is windsock.yaml's."""

    channels: tuple[str, ...] | None = None
    """Of alertmanager, slack, email, pagerduty, webhook, apprise; None: Alertmanager where there is one, else what the
    team has."""
    template: str | None = None
    """A name of `callbacks.templates`, or jinja text."""


_BY_SETTINGS = Choice()


def deliver(event: Event, settings: Settings, deadline: float, choice: Choice = _BY_SETTINGS) -> Delivery:
    """Tell of a failure, until the monotonic clock reaches `deadline`.

    Raises SettingsError where a credential of Alertmanager's can't be had.
    """
    del choice
    config = settings.alertmanager
    if not config.urls:
        return Delivery("unconfigured", NOT_CONFIGURED)
    client = Alertmanager(config, credentials(config.http))
    event = _adopt(event, client, (deadline - time.monotonic()) * _LOOK_UP, len(config.urls))
    outcomes = client.post([event.alert(datetime.now(timezone.utc))], deadline - time.monotonic())
    failures = [(url, problem) for url, problem in outcomes if problem is not None]
    detail = "; ".join(f"{url}: {problem}" for url, problem in failures)
    if len(failures) < len(outcomes):
        accepted = f"{len(outcomes) - len(failures)} of {len(outcomes)} Alertmanagers"
        return Delivery("", f"{accepted} ({detail})" if detail else accepted)
    return Delivery(_word(outcomes), detail)


def resolve(event: Event, settings: Settings, deadline: float, choice: Choice = _BY_SETTINGS) -> Delivery:
    """Tell that the task of `event` succeeded: every alert of its cluster, DAG and task ends, of whichever run."""
    del event, settings, deadline, choice
    return Delivery("", "")


def flush(settings: Settings, deadline: float, limit: int = 20) -> int:
    """Deliver what waits in the spool, oldest first, `limit` entries at most; returns how many were delivered."""
    del settings, deadline, limit
    return 0


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
