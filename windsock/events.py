"""The alert event: a failure that a callback saw or that the reconciler found, and what makes two of them the same.

Alertmanager takes all labels as the identity of an alert, so whatever differs between two senders or two tries of one
failure (map index, try number, host, time, text) is an annotation.
"""

# Annotations are values in this module: a named tuple would compile each text, in each callback's process.

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, NamedTuple

TASK_FAILED = "AirflowTaskFailed"
TASK_RETRYING = "AirflowTaskRetrying"
DAG_RUN_FAILED = "AirflowDagRunFailed"
TASK_SKIPPED = "AirflowTaskSkipped"
DEADLINE_MISSED = "AirflowDeadlineMissed"
DATA_CHECK_FAILED = "AirflowDataCheckFailed"
"""A state of the data, not of a run: its identity has no run, so that ten runs over the same bad data are one alert."""

ALERTNAMES = (TASK_FAILED, TASK_RETRYING, DAG_RUN_FAILED, TASK_SKIPPED, DEADLINE_MISSED, DATA_CHECK_FAILED)
"""The names of alert events; no Prometheus rule uses one of them."""

_HOLDERS = (DAG_RUN_FAILED, TASK_FAILED)
"""What Alertmanager holds others back for: a missed deadline for its run, and both for a task."""

VERBS = {
    TASK_FAILED: " failed",
    TASK_RETRYING: " failed and is tried again",
    DAG_RUN_FAILED: ": a run failed",
    TASK_SKIPPED: ": a task was skipped",
    DEADLINE_MISSED: " missed its deadline",
    DATA_CHECK_FAILED: " has bad data",
}
"""What happened, behind the DAG's id: the beginning of a headline."""

RECONCILING = "WindsockReconciling"
"""What a reconciler keeps firing while it works, one for each cluster, with severity `info`: shown, told to nobody.

It is how a callback's spool learns that somebody else answers for old failures. Its annotation `covers_since` is the
RFC 3339 time from which on every failure is the reconciler's business: a replay of one of those may only enrich an
alert that is still firing, since Alertmanager would fire a resolved one anew.
"""

LIFETIME = timedelta(hours=24)
"""How far ahead every sender sets `endsAt`: resolving is an explicit post, and Alertmanager's own default of five
minutes would resolve a failure that lasts."""

TIMES = -62_135_596_800.0 + 86_400, 253_402_300_799.0 - 86_400
"""The Unix times, from the first to the last, that `datetime` can say in any zone."""

_PASSING = timedelta(hours=1)
"""How far ahead it is set for what is over by itself and has no row in the database to be resolved from."""
_LIFETIMES = {TASK_RETRYING: _PASSING, TASK_SKIPPED: _PASSING}


class Event(NamedTuple):
    """One failure. `team` and `severity` come from `windsock.teams.route`, so that every sender computes the same."""

    alertname: str
    cluster: str
    dag_id: str
    run_id: str
    task_id: str | None = None
    deadline: str | None = None
    team: str = ""
    severity: str = ""
    annotations: Mapping[str, str] = MappingProxyType({})
    check: str | None = None
    """The author's name for a check of data."""
    storm: str = ""
    """What failed of the same cause at the same time has it in common (`windsock.storms`); chosen once."""

    @property
    def identity(self) -> dict[str, str]:
        """The labels that say which failure this is; those of a level that it is not on are absent."""
        labels = {
            "alertname": self.alertname,
            "cluster": self.cluster,
            "dag_id": self.dag_id,
            "task_id": self.task_id,
            "run_id": self.run_id,
            "deadline": self.deadline,
            "check": self.check,
        }
        return {name: value for name, value in labels.items() if value}

    @property
    def labels(self) -> dict[str, str]:
        """The identity and the labels that Alertmanager routes and groups by."""
        routing = {"team": self.team, "severity": self.severity, "storm": self.storm}
        return {**self.identity, **{name: value for name, value in routing.items() if value}}

    def alert(self, now: datetime, *, resolved: bool = False, generator_url: str = "") -> dict[str, Any]:
        """One element of the list that Alertmanager's `POST /api/v2/alerts` takes; `resolved` ends the alert now.

        `startsAt` is the time of the post, not of the failure: an alert that starts further back than `group_wait`
        goes out at once, and grouping is lost. The failure's own time is the annotation `failed_at`.
        """
        return {
            "labels": self.labels,
            "annotations": {name: value for name, value in self.annotations.items() if value},
            "startsAt": rfc3339(now),
            "endsAt": rfc3339(now if resolved else now + _LIFETIMES.get(self.alertname, LIFETIME)),
            **({"generatorURL": generator_url} if generator_url else {}),
        }


def in_order(ends: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return ends of alerts in parts, some of them empty, each to be posted in a request of its own, one after another.

    What is held back comes before what holds it. Where Alertmanager learns of both ends at once, it may let go of a run
    before it knows that it is over, and tell people of a failure that has just ended (0.25 and 0.35 do, where a group
    falls due in that moment).
    """
    parts: dict[str, list[dict[str, Any]]] = {name: [] for name in ("", *_HOLDERS)}
    for one in ends:
        parts.get(one["labels"]["alertname"], parts[""]).append(one)
    return list(parts.values())


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds, as Alertmanager and Elasticsearch read it."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unix(text: str) -> float:
    """Unix time of an RFC 3339 text, one of `TIMES`. Raises ValueError.

    Go writes up to nine digits, Python 3.10 reads six.
    """
    digits = re.sub(r"\.(\d+)", lambda found: f".{found[1][:6]:0<6}", text)
    found = datetime.fromisoformat(digits.replace("Z", "+00:00")).timestamp()
    if not TIMES[0] <= found <= TIMES[1]:
        raise ValueError(f"no time that can be counted with: {text}")
    return found
