"""Storms: failures of several DAGs of a team that share a cause and a moment are one group of Alertmanager's.

Whoever tells of a failure, a callback or the reconciler on any host, first lights a beacon: an alert of seconds, told
to nobody, that says of which cause a DAG of which team has failed. Then it looks which beacons are lit. Where enough
DAGs have failed, its alert gets the label `storm`, by which the generated routes group, and a mark is set that lets
whatever follows join the same storm. The label is chosen once, before the alert is first told, and never changes; so
what was told before there were enough stays a message of its own, and nothing is held back that would come out at the
end.

All of it is in Alertmanager, which every sender speaks to already: two storms of different causes are two groups, and
so are those of two teams. This module sends nothing: it says what to post and what to look for.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from windsock import causes, recurrence
from windsock.events import DAG_RUN_FAILED, TASK_FAILED, rfc3339, unix

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from windsock.events import Event

BEACON = "WindsockFailing"
MARK = "WindsockStorm"
SIGNS = (BEACON, MARK, recurrence.SIGN)
"""The alerts by which senders find each other; severity `info`, shown nowhere, told to nobody."""
NOTES = ("cause", "first", recurrence.NOTE, recurrence.SAID)
"""The annotations that `gather` and `worded` give."""

DAGS = 2
"""DAGs that fail of one cause within `WINDOW`. What is told before is a message of its own, and of two such within a
second Alertmanager before 0.35 loses one at Slack for a minute: so the second one begins the storm."""
CAUSES = 8
"""DAGs that fail of as many different causes, of none that is known, or of words that say little (`causes.is_vague`):
something is wrong with all of them, whatever they say. More than the failures that a storm of one cause and some others
beside it bring together."""
WINDOW = timedelta(seconds=30)
"""How long a beacon is lit: a scheduler's loop, a worker's heartbeat and a task's time-outs lie within it."""
QUIET = timedelta(seconds=45)
"""After so long without a failure that joins it a storm is over: what fails then is a message of its own."""
STEP = timedelta(minutes=5)
"""To which the beginning of a storm is rounded in its label: two that can't ask agree where no step has ended between
them. A storm that follows one of its cause so soon goes on in the same message, where that has not ended."""
LASTING = timedelta(minutes=10)
"""What joins a storm that is older, by a `STEP` at most, is told now and then: everybody knows by then."""
BESIDE = "beside"
"""In place of a cause: what fails meanwhile of something else. It is told together, and not in the second in which the
storm is: before Alertmanager 0.35 Slack's limit would cost one of them a minute."""
MEANWHILE = "meanwhile"
"""In place of a cause, where there is no storm: what fails within a `MOMENT` of another DAG, of something else. Each by
itself, Slack would take one of them a second, and Alertmanager before 0.35 the next one after a minute."""
MOMENT = timedelta(seconds=2)
TOGETHER = {BESIDE: timedelta(seconds=8), MEANWHILE: timedelta(seconds=4)}
"""Of these, those of so many seconds are one message, and the next ones another: nobody waits for a storm's end. Less
than Alertmanager waits for the first of them."""
_SECOND = timedelta(seconds=1)
_UNKNOWN = "unknown"
_OF_TASKS = "tasks"
"""In place of a cause: runs whose tasks failed. Their alerts are held back by those of the tasks, where these are told:
they are together, and nothing is beside them."""
_SLOTS = 32
"""Beacons of one cause at most, however many DAGs fail: a look stays small."""


class _Beacon(NamedTuple):
    """One DAG's failure. In the order of time."""

    at: float
    """Unix time at which it was told."""
    failed_at: str
    dag_id: str
    since: str
    """The time of its failure in words."""


def beacons(event: Event, now: datetime) -> list[dict[str, Any]]:
    """Return the alerts to post before the look: one of its cause, by DAG; one of its team, by cause."""
    said = {"dag_id": event.dag_id, **{name: event.annotations.get(name, "") for name in ("failed_at", "since")}}
    return [
        _sign(event, {"alertname": BEACON, "cause": cause, "slot": slot}, said, now, WINDOW)
        for cause, slot in _places(event)
    ]


def patterns(event: Event) -> dict[str, str]:
    """Return what to look for, by label, as regular expressions: the signs, and alerts for the same failure."""
    same = {name: f"|{re.escape(value)}" for name, value in event.identity.items()}
    names = "|".join((event.alertname, *SIGNS))
    causes_of = f"|{_cause(event)}|{_key(event)}"
    return {**same, "cluster": re.escape(event.cluster), "alertname": names, "cause": causes_of}


def gather(events: Sequence[Event], seen: Sequence[Mapping[str, Any]], now: datetime) -> list[Event]:
    """Return `events`, which nobody has told yet, each with the storm that it is part of, where there is one.

    `seen` are the alerts of `SIGNS` that are lit, as Alertmanager's API gives them; others among them are passed over.
    """
    storms, crowds = _read(seen)
    times = recurrence.read(seen)
    for event in events:
        beacon = _beacon(now.timestamp(), {**event.annotations, "dag_id": event.dag_id})
        for cause, slot in _places(event):
            _join(crowds, (event.team, cause), slot, beacon)
    return [_placed(event, storms, crowds, times, now) for event in events]


def joins(event: Event) -> tuple[str, str]:
    """Return the causes of the storms that `event` would join, as the label of their beacons has them: its own, any."""
    return _cause(event), ""


def joinable(event: Event) -> str | None:
    """Return the cause of the storm of `event`, which others may join; None: there is none, or it is of seconds."""
    cause = _parts(event.storm)[1]
    return None if not event.storm or _alone(event) or cause in TOGETHER else cause


def join(event: Event, storm: str, first: str, now: datetime) -> Event:
    """Return `event` as one more of a storm that goes on, of which its mark has the label and the annotation."""
    began, cause = _parts(storm)
    if not _recurs(storm) and now - datetime.fromtimestamp(unix(began), timezone.utc) > LASTING + STEP:
        storm = f"{began}/{cause}/{recurrence.AGAIN}"
    text = causes.of(event.alertname, event.annotations)
    return _labelled(event, storm, {**event.annotations, "cause": text, "first": first})


def assume(event: Event, now: datetime) -> Event:
    """Return `event` as part of the storm that there must be, since too many ask for this one to find it.

    All who can't find it choose the same, without a word to each other, and the same as those who find it: the label of
    one that began when they failed. Where so many ask, they ask late.
    """
    text = causes.of(event.alertname, event.annotations)
    cause = "" if not text or causes.is_vague(text) else _cause(event)
    failed = now
    with contextlib.suppress(ValueError):
        failed = datetime.fromtimestamp(unix(event.annotations.get("failed_at", "")), timezone.utc)
    return join(event, _label(failed if timedelta() < now - failed < STEP else now, cause), "", now)


def worded(event: Event, zone: str, now: datetime) -> Event:
    """Return `event` with the words for how often it happens, where it recurs; `zone` is that of its team."""
    said = recurrence.words(event.storm, event.annotations.get(recurrence.NOTE, ""), zone, now)
    return event._replace(annotations={**event.annotations, recurrence.SAID: said}) if said else event


def marks(events: Sequence[Event], now: datetime) -> list[dict[str, Any]]:
    """Return the alerts to post together with `events`, so that what follows joins their storms, or recurs."""
    found = {(event.team, event.storm): event for event in events if event.storm and not _alone(event)}
    # Who joins a storm counts nothing.
    counted = {
        (event.team, _what(event)): event for event in events if not event.storm or recurrence.NOTE in event.annotations
    }
    return [
        *(_mark(event, now) for event in found.values()),
        *(_count(event, what, now) for (_, what), event in counted.items()),
    ]


def _count(event: Event, what: str, now: datetime) -> dict[str, Any]:
    said = {recurrence.NOTE: event.annotations.get(recurrence.NOTE) or recurrence.note(1, rfc3339(now))}
    return _sign(event, {"alertname": recurrence.SIGN, "cause": what}, said, now, recurrence.WITHIN)


def _mark(event: Event, now: datetime) -> dict[str, Any]:
    began, cause = _parts(event.storm)
    mark = _sign(
        event, {"alertname": MARK, "storm": event.storm}, {"first": event.annotations.get("first", "")}, now, QUIET
    )
    if cause in TOGETHER:
        # Whoever joins it does not make it last longer.
        mark["endsAt"] = rfc3339(datetime.fromtimestamp(unix(began), timezone.utc) + TOGETHER[cause])
    return mark


def _placed(
    event: Event,
    storms: dict[tuple[str, str], tuple[str, str]],
    crowds: Mapping[tuple[str, str], Mapping[str, _Beacon]],
    times: recurrence.Times,
    now: datetime,
) -> Event:
    """The event with its storm, which is in `storms` then."""
    text = causes.of(event.alertname, event.annotations)
    said = {**event.annotations, "cause": text}
    needed = CAUSES if not text or causes.is_vague(text) else DAGS
    for (cause, _), enough in zip(_places(event), (needed, CAUSES), strict=True):
        storm, first = storms.get((event.team, cause), ("", ""))
        crowd = crowds[event.team, cause].values()
        if not storm and len({one.dag_id for one in crowd}) >= enough:
            earliest = min(crowd)
            began = datetime.fromtimestamp(earliest.at, timezone.utc)
            number, since = recurrence.count(times, event.team, cause, began)
            said[recurrence.NOTE] = recurrence.note(number, since)
            storm = _label(began, cause)
            if number >= recurrence.TIMES:
                storm = f"{since}/{cause}/{recurrence.AGAIN}"
            first = f"{earliest.dag_id} at {earliest.since or f'{began:%H:%M} UTC'}"
        if storm:
            storms[event.team, cause] = storm, first
            return join(event._replace(annotations=said), storm, first, now)
    number, since = recurrence.count(times, event.team, _key(event), now)
    note, storm = recurrence.note(number, since), ""
    if number >= recurrence.TIMES:
        # The tasks of a DAG are together.
        storm = f"/{_hash(event.dag_id).hex()}/{recurrence.AGAIN}"
    elif any(team == event.team and cause not in (_OF_TASKS, MEANWHILE) for team, cause in storms):
        storm, _ = storms.setdefault((event.team, BESIDE), (f"{rfc3339(now)}/{BESIDE}", ""))
    elif event.alertname == TASK_FAILED and _follows(event, crowds[event.team, ""].values(), now):
        # A try that is followed by another, a deadline, bad data say other things than that somebody failed.
        storm, _ = storms.setdefault((event.team, MEANWHILE), (_label(now, MEANWHILE, _SECOND), ""))
    if storm:
        return _labelled(event, storm, {**said, recurrence.NOTE: note})
    return event._replace(annotations={**event.annotations, recurrence.NOTE: note}) if number > 1 else event


def _follows(event: Event, crowd: Iterable[_Beacon], now: datetime) -> bool:
    """Whether another DAG has failed a moment before. Of several at once, all but the first have: they agree on it."""
    own = _beacon(now.timestamp(), {**event.annotations, "dag_id": event.dag_id})
    soon = (one for one in crowd if one < own and own.at - one.at < MOMENT.total_seconds())
    return any(one.dag_id != event.dag_id for one in soon)


def _label(began: datetime, cause: str, rounded: timedelta = STEP) -> str:
    """The label of what began about then: whoever can't ask, or asks at the same time, knows that, too."""
    step = rounded.total_seconds()
    moment = datetime.fromtimestamp(began.timestamp() // step * step, timezone.utc)
    return f"{rfc3339(moment)}/{cause}".removesuffix("/")


def _labelled(event: Event, storm: str, said: Mapping[str, str]) -> Event:
    """As Alertmanager will show it: without what is empty."""
    return event._replace(storm=storm, annotations={name: text for name, text in said.items() if text})


def _read(
    seen: Sequence[Mapping[str, Any]],
) -> tuple[dict[tuple[str, str], tuple[str, str]], dict[tuple[str, str], dict[str, _Beacon]]]:
    """The storms that go on, with their first failure in words, and the beacons by slot; both by team and cause."""
    storms: dict[tuple[str, str], tuple[str, str]] = {}
    crowds: dict[tuple[str, str], dict[str, _Beacon]] = {}
    for alert in seen:
        labels, said = alert.get("labels", {}), alert.get("annotations", {})
        team, key = labels.get("team", ""), (labels.get("team", ""), labels.get("cause", ""))
        # What is not as it should be is nobody's sign.
        with contextlib.suppress(KeyError, ValueError):
            if labels.get("alertname") == MARK:
                began, cause = _parts(labels["storm"])
                unix(began)
                mark = labels["storm"], said.get("first", "")
                storms[team, cause] = min(mark, storms.get((team, cause), mark))
            elif labels.get("alertname") == BEACON:
                _join(crowds, key, labels["slot"], _beacon(_lit(alert), said))
    return storms, crowds


def _beacon(at: float, said: Mapping[str, str]) -> _Beacon:
    """Raises KeyError."""
    return _Beacon(at, said.get("failed_at", ""), said["dag_id"], said.get("since", ""))


def _lit(alert: Mapping[str, Any]) -> float:
    """When the beacon was lit first, where it has been lit again within its time; else when it was last.

    Alertmanager keeps the earliest beginning of an alert that is posted again before it ends: of a DAG that fails every
    few seconds that is long ago, and no beginning of a storm.
    """
    began, last = unix(alert["startsAt"]), unix(alert["endsAt"]) - WINDOW.total_seconds()
    return began if last - began < WINDOW.total_seconds() else last


def _join(crowds: dict[tuple[str, str], dict[str, _Beacon]], key: tuple[str, str], slot: str, one: _Beacon) -> None:
    crowd = crowds.setdefault(key, {})
    crowd[slot] = min(one, crowd.get(slot, one))


def _sign(
    event: Event, labels: Mapping[str, str], annotations: Mapping[str, str], now: datetime, lasts: timedelta
) -> dict[str, Any]:
    routing = {"cluster": event.cluster, "team": event.team, "severity": "info"}
    return {
        "labels": {name: value for name, value in {**labels, **routing}.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": rfc3339(now),
        "endsAt": rfc3339(now + lasts),
    }


def _places(event: Event) -> list[tuple[str, str]]:
    """The two crowds that a failure is one of, of its cause and of any cause, and its slot in each."""
    cause = _cause(event)
    return [(cause, _slot(event.dag_id)), ("", _slot(cause))]


def _cause(event: Event) -> str:
    """The cause as a label."""
    text = causes.of(event.alertname, event.annotations)
    if text:
        return _hash(text).hex()
    return _OF_TASKS if event.alertname == DAG_RUN_FAILED else _UNKNOWN


def _key(event: Event) -> str:
    """Which task fails, or which DAG, whatever the run: what recurs where it is no storm's cause."""
    return _hash(f"{event.alertname} {event.dag_id} {event.task_id} {event.check}").hex()


def _what(event: Event) -> str:
    """What has happened once more with this event: its storm began, or it failed."""
    cause = _parts(event.storm)[1]
    return cause if event.storm and cause not in TOGETHER and not _alone(event) else _key(event)


def _alone(event: Event) -> bool:
    """Whether it recurs by itself, and nothing joins it."""
    return event.storm.startswith("/")


def _recurs(storm: str) -> bool:
    return storm.endswith(f"/{recurrence.AGAIN}")


def _parts(storm: str) -> tuple[str, str]:
    """When a storm began, and its cause, of a label."""
    began, _, cause = storm.partition("/")
    return began, cause.removesuffix(recurrence.AGAIN).removesuffix("/")


def _slot(text: str) -> str:
    return str(int.from_bytes(_hash(text), "big") % _SLOTS)


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=4).digest()
