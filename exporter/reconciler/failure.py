"""What has failed, and what is remembered of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from windsock.events import Event

if TYPE_CHECKING:
    from collections.abc import Mapping


ROUTING = ("team", "severity", "storm")
"""The labels that two senders of one failure may choose differently."""


class Key(NamedTuple):
    """Which failure: an alert event's identity without the cluster; what it is not on the level of is empty."""

    alertname: str
    dag_id: str
    run_id: str
    task_id: str = ""
    deadline: str = ""

    def __str__(self) -> str:
        """For the log."""
        return " ".join(part for part in (self.alertname, self.dag_id, self.task_id, self.run_id) if part)

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Key:
        """From the labels of an alert."""
        return cls(*(labels.get(name, "") for name in cls._fields))


@dataclass(frozen=True)
class Failure:
    """A failure as the database has it now. Times are seconds since 1970."""

    key: Key
    ended: float | None
    due: float | None = None
    """When its run was due: a later run is one that was due after it."""
    failed: int = 1
    """Failed task instances; of a mapped task there may be many."""


@dataclass
class Alert:
    """A failure that Alertmanager is told of, or was."""

    key: Key
    team: str
    severity: str
    annotations: dict[str, str]
    failed_at: float
    due: float | None
    failed: int = 1
    first: float = 0.0
    """When it was first posted, or found in Alertmanager; 0: not yet."""
    posted: float = 0.0
    """When an Alertmanager last took it."""
    storm: str = ""
    """What it is grouped by, together with failures of the same cause (`windsock.storms`)."""
    over: float | None = None
    """When it was found to be over; None: it lasts."""
    told: bool = False
    """Whether an Alertmanager took that it is over."""
    ended: float = field(default=0, compare=False)
    """When it was found that somebody else ended it in Alertmanager, though it is failed; 0: nobody did."""
    dirty: bool = field(default=True, compare=False)
    """Whether the store has yet to write it."""

    def event(self, cluster: str) -> Event:
        """The alert event."""
        key = self.key
        return Event(
            key.alertname,
            cluster,
            key.dag_id,
            key.run_id,
            task_id=key.task_id or None,
            deadline=key.deadline or None,
            team=self.team,
            severity=self.severity,
            annotations=self.annotations,
            storm=self.storm,
        )

    def variant(self, cluster: str, labels: Mapping[str, str]) -> Event:
        """The same failure as another sender labelled it."""
        team, severity, storm = (labels.get(name, "") for name in ROUTING)
        return self.event(cluster)._replace(team=team, severity=severity, storm=storm)
