"""The Alertmanagers, all of them: what they show, and what they are told."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from windsock.alertmanager import Alertmanager, credentials
from windsock.events import (
    DAG_RUN_FAILED,
    DEADLINE_MISSED,
    RECONCILING,
    TASK_FAILED,
    TASK_RETRYING,
    Event,
    rfc3339,
    unix,
)
from windsock.storms import SIGNS

from .failure import Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from windsock.settings import Settings

_BATCH = 500
_INSTANCE = "instance"
_KNOWN = (TASK_FAILED, TASK_RETRYING, DAG_RUN_FAILED, DEADLINE_MISSED)
"""The alert events that the database can judge."""


@dataclass(frozen=True)
class Shown:
    """A firing alert of a failure, as one Alertmanager shows it."""

    labels: dict[str, str]
    annotations: dict[str, str]
    since: float
    """When it began to fire there."""


@dataclass
class Look:
    """What the Alertmanagers show now."""

    alerts: dict[Key, list[Shown]] = field(default_factory=dict)
    """Under one key there may be several: of each Alertmanager, and of senders that put other labels on it."""
    complete: dict[str, set[Key]] = field(default_factory=dict)
    """By Alertmanager that answered: all that it shows."""
    problems: dict[str, str] = field(default_factory=dict)
    storms: list[dict[str, Any]] = field(default_factory=list)
    """The signs by which senders find failures of the same cause."""
    signed: set[str] = field(default_factory=set)
    """Those that show that a reconciler works: they were not restarted since its last pass."""
    other: bool = False
    """Whether another reconciler says that it works."""

    def lacking(self, key: Key) -> bool:
        """Whether an Alertmanager that answered does not show it."""
        return any(key not in shown for shown in self.complete.values())

    def ended(self, key: Key) -> bool:
        """Whether somebody else has resolved it: it is gone from each, and none of them has lost its alerts."""
        return bool(self.complete) and key not in self.alerts and self.signed == self.complete.keys()


class Peers:
    """Speaks to all Alertmanagers of an installation. Raises SettingsError where a credential can't be had."""

    def __init__(self, settings: Settings, timeout: float) -> None:
        self.cluster = settings.cluster
        self.instance = f"{socket.gethostname()}:{secrets.token_hex(4)}"
        self._client = Alertmanager(settings.alertmanager, credentials(settings.alertmanager.http))
        self._timeout = timeout

    def look(self) -> Look:
        """Ask each Alertmanager for what fires in this cluster."""
        look = Look()
        for url, answer in self._client.find_each({"cluster": self.cluster}, self._timeout).items():
            if isinstance(answer, str):
                look.problems[url] = answer
                continue
            keys = look.complete[url] = set()
            for alert in answer:
                labels = alert.get("labels", {})
                if labels.get("alertname") in _KNOWN and labels.get("dag_id") and labels.get("run_id"):
                    keys.add(Key.of(labels))
                    look.alerts.setdefault(Key.of(labels), []).append(_shown(alert))
                elif labels.get("alertname") in SIGNS:
                    look.storms.append(alert)
                elif labels.get("alertname") == RECONCILING:
                    look.signed.add(url)
                    look.other |= alert.get("annotations", {}).get(_INSTANCE) not in (None, self.instance)
        return look

    def post(self, *parts: Sequence[dict[str, Any]]) -> dict[str, str]:
        """Send them to all, part by part; returns the Alertmanagers that did not take them all, with what they said."""
        problems: dict[str, str] = {}
        for batch in (part[start : start + _BATCH] for part in parts for start in range(0, len(part), _BATCH)):
            outcomes = self._client.post(batch, self._timeout)
            problems |= {url: problem for url, problem in outcomes if problem is not None}
        return problems

    def sign(self, since: float, now: datetime, seconds: float) -> dict[str, Any]:
        """The alert that says for `seconds` that a reconciler answers for all failures after `since`."""
        covered = rfc3339(datetime.fromtimestamp(since, timezone.utc))
        event = Event(
            RECONCILING,
            self.cluster,
            "",
            "",
            severity="info",
            annotations={
                "summary": f"A reconciler answers for all failures of {self.cluster} since {covered}",
                "covers_since": covered,
                _INSTANCE: self.instance,
            },
        )
        return {**event.alert(now), "endsAt": rfc3339(now + timedelta(seconds=seconds))}


def _shown(alert: dict[str, Any]) -> Shown:
    return Shown(
        dict(alert.get("labels", {})), dict(alert.get("annotations", {})), parse(str(alert.get("startsAt"))) or 0.0
    )


def parse(text: str) -> float | None:
    """Seconds since 1970 of an RFC 3339 time; None where it is none."""
    try:
        return unix(text)
    except ValueError:
        return None


def labels_of(shown: Iterable[Shown]) -> dict[str, str]:
    """The labels of the one that fires longest: what was told first is what people know."""
    first = min(shown, key=lambda one: one.since)
    return first.labels
