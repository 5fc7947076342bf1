"""What this host has told of a DAG run: a file a run beside the spool, under a lock for moments only.

It keeps a burst of failures to one message a minute, a Slack thread together, and says what a success ends. Another
host knows nothing of it: that takes an Alertmanager.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from windsock.events import DAG_RUN_FAILED, TASK_FAILED, TASK_RETRYING, Event

from . import clock, record, spool
from .entry import Entry  # noqa: TC001  `record` reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = ""
"""The subject of a run as a whole."""
PAUSE = 60.0
"""Seconds between two messages of one run to one destination."""
_LOUDNESS = {"warning": 1, "critical": 2}
_TRIES = 500
"""Failures of a task that are remembered one by one: a second call for one of them comes soon."""
_LARGEST = 16 << 20
"""Bytes of a record: thousands of tasks of a run may fail, each some hundred times."""
_KEPT = 7 * 86_400.0
"""Seconds that a run is remembered after its last failure."""


@dataclass
class Failing:
    """What has failed, and not succeeded since."""

    count: int = 0
    tries: dict[str, int] = field(default_factory=dict)
    """The serial numbers of its latest failures, by `occurrence`."""


@dataclass
class Told:
    """What one destination knows of the run."""

    at: float = 0.0
    """Unix time at which a message was last begun."""
    serial: int = 0
    """The run's failures that its messages tell of."""
    held: bool = False
    """An entry of the spool is to tell of the failures since."""
    latest: Entry | None = None
    """The newest failure that they do not tell of: whatever waits for this destination tells that one."""
    first: Event | None = None
    """The event of the first message, which a resolve edits."""
    state: dict[str, str] = field(default_factory=dict)
    """What the platform calls its first message: Slack's `channel` and `ts`."""
    ended: bool = False
    """It was told that it is over."""


@dataclass
class Incident:
    """One run on this host."""

    dag_id: str = ""
    run_id: str = ""
    due_at: str = ""
    """When it was due, RFC 3339; empty: not known."""
    failed: float = 0.0
    """Unix time of its last failure."""
    boot: clock.Boot = field(default_factory=clock.boot)
    """What the clock was then."""
    open: dict[str, Failing] = field(default_factory=dict)
    """By `subject`, the one that failed last at the end."""
    failures: int = 0
    """All so far."""
    final: dict[str, dict[str, str]] = field(default_factory=dict)
    """Tasks that no retry is left to: whom their failure is told, and at which severity."""
    mended: dict[str, float] = field(default_factory=dict)
    """Unix time of a success, by `subject`."""
    told: dict[str, Told] = field(default_factory=dict)

    def fail(self, subject: str, occurrence: str) -> int:
        """Count a failure, once however often it is told; returns its serial number. Without `occurrence` it is new."""
        failing = self.open.get(subject, Failing())
        if occurrence in failing.tries:
            return failing.tries[occurrence]
        self.failures += 1
        self.failed, self.boot = time.time(), clock.boot()
        failing.count += 1
        if occurrence:
            failing.tries[occurrence] = self.failures
        for old in list(failing.tries)[:-_TRIES]:
            del failing.tries[old]
        self.open.pop(subject, None)
        self.open[subject] = failing
        for told in self.told.values():
            told.ended = False
        return self.failures

    def mend(self, subject: str, now: float) -> bool:
        """What failed succeeded; returns whether that ends an incident that was open."""
        self.final.pop(subject, None)
        if self.open.pop(subject, None) is None:
            return False
        self.mended[subject] = now
        if list(self.open) == [RUN]:
            # The run failed of its task.
            del self.open[RUN]
        return not self.open

    def task_failed(self, destination: str, severity: str) -> bool:
        """Whether a task's failure is told, or about to be, to `destination` at this severity or a louder one."""
        least = _LOUDNESS.get(severity, 0)
        found = (told[destination] for told in self.final.values() if destination in told)
        return any(_LOUDNESS.get(one, 0) >= least for one in found)

    def believe(self) -> None:
        """Take no time for true that is yet to come, and say so where there is one."""
        latest = max([self.failed, *self.mended.values(), *(told.at for told in self.told.values())])
        if not clock.is_ahead(latest):
            return
        clock.complain(f"what this host remembers of {self.dag_id} {self.run_id}", latest)
        self.failed, self.boot = clock.believed(self.failed), clock.boot()
        self.mended = {subject: at for subject, at in self.mended.items() if not clock.is_ahead(at)}
        for told in self.told.values():
            told.at = 0.0 if clock.is_ahead(told.at) else told.at
            if told.latest is not None:
                told.latest = told.latest._replace(created=clock.believed(told.latest.created), boot=clock.boot())

    def known(self, destination: str) -> Told:
        """What `destination` knows."""
        return self.told.setdefault(destination, Told())


@contextlib.contextmanager
def of(store: spool.Spool, event: Event, patience: float) -> Iterator[Incident]:
    """The run of `event`, locked; what is changed in it is written at the end.

    Raises OSError, BlockingIOError where others have it for `patience` seconds.
    """
    name = f"{_hash(event.dag_id)}-{_hash(event.run_id)}.json"
    spool.private(store.runs)
    with _locked(store.runs / f"{name[:2]}.lock", patience):
        if not (store.runs / name).exists():
            prune(store)
        incident = _read(store.runs / name)
        incident.dag_id, incident.run_id = event.dag_id, event.run_id
        incident.believe()
        yield incident
        spool.replace_file(store.runs / name, record.text(incident))


def subject(event: Event) -> str:
    """What failed and may succeed: a task, the run, or (with a colon, which no task id has) a check or a deadline."""
    if event.alertname in (TASK_FAILED, TASK_RETRYING):
        return event.task_id or RUN
    if event.alertname == DAG_RUN_FAILED:
        return RUN
    return f"{event.alertname}: {event.check or event.deadline or event.task_id or ''}"


def runs_of(store: spool.Spool, dag_id: str) -> list[str]:
    """The run ids of a DAG that this host has told of, the newest first."""
    found = []
    for file in store.runs.glob(f"{_hash(dag_id)}-*.json"):
        with contextlib.suppress(OSError):
            found.append((file.stat().st_mtime, _read(file).run_id))
    return [run_id for _, run_id in sorted(found, reverse=True)]


def prune(store: spool.Spool) -> None:
    """Forget old runs."""
    with contextlib.suppress(OSError):
        for file in store.runs.glob("*.json"):
            with contextlib.suppress(OSError):
                # Nobody's record is read for this but that of a run which seems to be old.
                if time.time() - file.stat().st_mtime > _KEPT and _age(_read(file)) > _KEPT:
                    file.unlink()


def _age(incident: Incident) -> float:
    """Seconds since its last failure; of one that never had any: infinite."""
    return clock.age(incident.failed, incident.boot) if incident.failed else float("inf")


def _read(path: Path) -> Incident:
    try:
        return record.parse(Incident, record.content(path, _LARGEST))
    except (OSError, ValueError):
        return Incident()


@contextlib.contextmanager
def _locked(path: Path, patience: float) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
        yield
    finally:
        os.close(descriptor)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:20]
