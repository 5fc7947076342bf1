"""What this host remembers of the tasks that failed on it: so that a success knows whether anybody waits to hear of it.

    FOLDER/marks/HASH.json      one for each task, or for a DAG's runs as a whole: its last failure, its last resolve

A mark is written beside its place and renamed into it, so that many processes may write at once: the last one's stays.
A success of a task that has none costs one look at the file system. Nothing here is needed to tell of a failure, so
whatever can't be read or written is as if it were not there. `place` is FOLDER where the caller has read the settings:
without it windsock.yaml is read for it, which takes the longer the more teams it has.
"""

# Annotations are values in this module: a named tuple would compile each text, in each callback's process.

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from windsock.events import DAG_RUN_FAILED, DATA_CHECK_FAILED, TASK_FAILED, TASK_RETRYING, Event

from . import bounded, clock, folder, occurrence, record
from . import success as successes
from .success import Success

_LIMIT = 10_000
"""Marks of a host; beyond it the oldest go."""
_PATIENCE = 1.0
"""Seconds that a success may wait for the file system."""
_SUCCESSES = 10
"""The latest ones that a mark keeps: each may end what waits in the spool."""
_TRIES = 50
"""The same of failures: a second call for one of them comes soon."""


class Mark(NamedTuple):
    """Unix times; 0: never."""

    run_id: str = ""
    """The run that failed last."""
    since: str = ""
    """The run that failed first since the last success."""
    runs: int = 0
    """How many have failed since."""
    due_at: str = ""
    """When the last one was due."""
    failed: float = 0.0
    told: float = 0.0
    """When its failure was last sent: throttled ones do not count."""
    told_retry: float = 0.0
    """The same of a try that another one followed: no reason to withhold the failure."""
    resolved: float = 0.0
    """When a success ended the last failure."""
    successes: tuple[Success, ...] = ()
    tries: Mapping[str, bool] = MappingProxyType({})
    """The failures told of last, by `occurrence`, and whether they are known to have been delivered."""

    @property
    def open(self) -> bool:
        """Whether the last thing that this host saw of the task was a failure."""
        return self.failed > self.resolved


def mark_failed(event: Event, place: Path | None = None, *, told: bool = True) -> None:
    """Remember the failure that `event` tells of. Never raises."""
    now = time.time()
    path = _of(event, place)
    before = _read(path)
    since = before.since if before.open else event.run_id
    runs = before.runs + (event.run_id != before.run_id) if before.open else 1
    mark = before._replace(
        run_id=event.run_id, since=since, runs=runs, due_at=event.annotations.get("due_at", ""), failed=now
    )
    if told:
        mark = mark._replace(told_retry=now) if event.alertname == TASK_RETRYING else mark._replace(told=now)
        mark = mark._replace(tries=_with(mark.tries, event, delivered=False))
    _write(path, mark)


def mark_delivered(event: Event, place: Path | None = None) -> bool:
    """Remember that somebody was told of the failure; whether that is news, and no second call. Never raises."""
    path = _of(event, place)
    mark = _read(path)
    if mark.tries.get(occurrence.of(event)):
        return False
    _write(path, mark._replace(tries=_with(mark.tries, event, delivered=True)))
    return True


def mark_resolved(event: Event, place: Path | None = None) -> None:
    """Remember that whoever heard of the failures which `event` ends has heard of that too. Never raises."""
    path = _of(event, place)
    mark, success = _read(path), successes.of(event, time.time())
    ended = success.ends(mark.run_id, {"due_at": mark.due_at}, mark.failed)
    kept = (*mark.successes, success)[-_SUCCESSES:]
    _write(path, mark._replace(resolved=success.at if ended else mark.resolved, successes=kept))


def last(event: Event, place: Path | None = None) -> Mark:
    """What this host remembers of the task, or of the DAG's runs, that `event` is about."""
    return _read(_of(event, place))


def failed_before(cluster: str, dag_id: str, task_id: str | None) -> bool:
    """Whether the last outcome of this task that this host saw was a failure; `task_id` None: of the DAG's runs."""
    return _read(_path(_folder(cluster), dag_id, task_id or "")).open


def check_failed_before(cluster: str, dag_id: str, task_id: str | None, check: str | None) -> bool:
    """The same of a check of data."""
    return _read(_path(_folder(cluster), dag_id, task_id or "", DATA_CHECK_FAILED, check or "")).open


def waited_for(look: Callable[[], bool]) -> bool:
    """Whether somebody waits to hear of a success, as `look` finds in this host's files; where they hang, nobody."""
    try:
        return bounded.run(look, _PATIENCE)
    except TimeoutError:
        return False


def ended(event: Event, created: float, place: Path | None = None) -> bool:
    """Whether a success since the Unix time `created` has ended the failure that `event` told of then."""
    successes = last(event, place).successes
    if any(one.at > created and one.ends(event.run_id, event.annotations, created) for one in successes):
        return True
    return event.alertname == DAG_RUN_FAILED and _goes_on(event, created, place)


def _goes_on(event: Event, created: float, place: Path | None) -> bool:
    """Whether the run was cleared: a try of the task that it failed of, begun since, has succeeded in it."""
    task_id = event.annotations.get("failed_task")
    successes = last(event._replace(alertname=TASK_FAILED, task_id=task_id), place).successes if task_id else ()
    return any(one.run_id == event.run_id and (one.started or 0) > created for one in successes)


class Here(NamedTuple):
    """What a process must know of the configuration before anything has failed, unchecked."""

    cluster: str = "airflow"
    folder: str | None = None
    enabled: bool = True


def here() -> Here:
    """Read the values as they are written: checking them brings their schema, some 10 ms, into the process."""
    from windsock.settings import sources  # noqa: PLC0415  it brings pydantic and YAML, which Airflow has loaded

    try:
        values = sources.read(cwd=False).values
    except Exception:  # noqa: BLE001  whoever has a failure to tell of says what is wrong with it
        return Here()
    callbacks = values.get("callbacks")
    callbacks = callbacks if isinstance(callbacks, dict) else {}
    spool = callbacks.get("spool")
    given = spool.get("dir") if isinstance(spool, dict) else None
    return Here(
        str(values.get("cluster", Here().cluster)),
        given if isinstance(given, str) else None,
        callbacks.get("enabled") is not False,
    )


def _key(event: Event) -> tuple[str, ...]:
    """A failed try, a failed task and its success are about one thing; all other events are about one of their own."""
    place = (event.dag_id, event.task_id or "")
    own = (event.alertname, event.check or "")
    return place if event.alertname in (TASK_FAILED, TASK_RETRYING, DAG_RUN_FAILED) else (*place, *own)


def _of(event: Event, place: Path | None) -> Path:
    return _path(place or _folder(event.cluster), *_key(event))


def _folder(cluster: str) -> Path:
    return folder.of(here().folder, cluster)


def _path(place: Path, *key: str) -> Path:
    name = hashlib.sha256("\0".join(key).encode(errors="replace")).hexdigest()[:32]
    return place / "marks" / f"{name}.json"


def _read(path: Path) -> Mark:
    try:
        return _believed(record.parse(Mark, record.content(path)))
    except (OSError, ValueError):
        return Mark()


def _believed(mark: Mark) -> Mark:
    """Return the mark without times that are yet to come."""
    latest = max([mark.failed, mark.told, mark.told_retry, mark.resolved, *(one.at for one in mark.successes)])
    if not clock.is_ahead(latest):
        return mark
    clock.complain(f"what this host remembers of the run {mark.run_id}", latest)
    return mark._replace(
        failed=clock.believed(mark.failed),
        told=0.0 if clock.is_ahead(mark.told) else mark.told,
        told_retry=0.0 if clock.is_ahead(mark.told_retry) else mark.told_retry,
        # What came last stays last.
        resolved=0.0 if mark.open else clock.believed(mark.resolved),
        successes=tuple(one for one in mark.successes if not clock.is_ahead(one.at)),
    )


def _with(tries: Mapping[str, bool], event: Event, *, delivered: bool) -> dict[str, bool]:
    name = occurrence.of(event)
    if not name:
        return dict(tries)
    others = [item for item in tries.items() if item[0] != name]
    return {**dict(others[1 - _TRIES :]), name: delivered or tries.get(name, False)}


def _write(path: Path, mark: Mark) -> None:
    from .spool import private, replace_file  # noqa: PLC0415  only where something failed

    with contextlib.suppress(OSError):
        private(path.parent)
        replace_file(path, record.text(mark))
        _prune(path.parent)


def _prune(marks: Path) -> None:
    entries = list(os.scandir(marks))
    if len(entries) <= _LIMIT:
        return
    times = []
    for entry in entries:
        with contextlib.suppress(OSError):
            times.append((entry.stat().st_mtime, entry.name))
    for _, name in sorted(times)[: len(entries) - _LIMIT * 9 // 10]:
        with contextlib.suppress(OSError):
            (marks / name).unlink()
