"""What this host has told of a DAG run: a file a run beside the spool, under a lock for moments only.

It keeps a burst of failures to one message a minute, a Slack thread together, and says what a success ends. Another
host knows nothing of it: that takes an Alertmanager.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from . import spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from windsock.events import Event

PAUSE = 60.0
"""Seconds between two messages of one run to one destination."""
_KEPT = 7 * 86_400.0
"""Seconds that a run is remembered after its last failure."""
_PATIENCE = 1.0
"""Seconds that a lock is waited for: others hold it for milliseconds."""


@dataclass
class Told:
    """What one destination knows of the run."""

    at: float = 0.0
    """Unix time at which a message was last begun."""
    serial: int = 0
    """The run's failures that its messages tell of."""
    held: bool = False
    """An entry of the spool is to tell of the failures since."""
    first: dict[str, Any] | None = None
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
    tasks: dict[str, int] = field(default_factory=dict)
    """Failures by task that has not succeeded since; the run itself has the empty name."""
    failures: int = 0
    """All so far."""
    mended: dict[str, float] = field(default_factory=dict)
    """Unix time of a task's success."""
    told: dict[str, Told] = field(default_factory=dict)

    def fail(self, task: str) -> int:
        """Count one failure; returns its serial number."""
        self.failures += 1
        self.tasks[task] = self.tasks.get(task, 0) + 1
        for told in self.told.values():
            told.ended = False
        return self.failures

    def mend(self, task: str, now: float) -> bool:
        """A task succeeded, or with the empty name the run; returns whether that ends an incident that was open."""
        was_open = bool(self.tasks)
        for name in list(self.tasks) if not task else [task]:
            if self.tasks.pop(name, 0):
                self.mended[name] = now
        if not any(self.tasks):
            # With its last task the run is mended too, unless it failed of something else than a task.
            self.tasks.pop("", None)
        return was_open and not self.tasks

    def known(self, destination: str) -> Told:
        """What `destination` knows."""
        return self.told.setdefault(destination, Told())


@contextlib.contextmanager
def of(store: spool.Spool, event: Event) -> Iterator[Incident]:
    """The run of `event`, locked; what is changed in it is written at the end. Raises OSError."""
    name = f"{_hash(event.dag_id)}-{_hash(event.run_id)}.json"
    spool.private(store.runs)
    with _locked(store.runs / f"{name[:2]}.lock"):
        incident = _read(store.runs / name)
        incident.dag_id, incident.run_id = event.dag_id, event.run_id
        yield incident
        spool.replace_file(store.runs / name, json.dumps(asdict(incident)))


def runs_of(store: spool.Spool, dag_id: str) -> list[str]:
    """The run ids of a DAG that this host has told of, oldest change first."""
    files = [*store.runs.glob(f"{_hash(dag_id)}-*.json")]
    found = []
    for file in files:
        with contextlib.suppress(OSError):
            found.append((file.stat().st_mtime, _read(file).run_id))
    return [run_id for _, run_id in sorted(found) if run_id]


def prune(store: spool.Spool) -> None:
    """Forget old runs."""
    with contextlib.suppress(OSError):
        for file in store.runs.glob("*.json"):
            with contextlib.suppress(OSError):
                if time.time() - file.stat().st_mtime > _KEPT:
                    file.unlink()


def _read(path: Path) -> Incident:
    try:
        values = json.loads(path.read_text())
        told = {str(name): Told(**value) for name, value in values.pop("told").items()}
        return Incident(told=told, **values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Incident()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline = time.monotonic() + _PATIENCE
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
