"""What has finished: runs and task instances, each counted once, without an index on when they ended.

Runs are followed from when they are first seen until all their task instances are done. A run is new when its id is
above the highest one seen; it left when it is no longer active. A run that was cleared enters again, and only what
ended since the pass before counts. What was finished before this process looked for the first time does not count.

A run that finished again has started again: its end alone says nothing, for 2.11 writes that of a run which was timed
out twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from windsock.exporter.series.labels import labels

from .schema import ACTIVE_RUNS, FINISHED_RUNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .query import Pass
    from .rows import Run

_LINGER = 60.0
"""Seconds for which a run is followed after it finished: its failures are told, and some task instances end later."""
_BUSY = 3600.0
"""The same while one of its task instances is still at work."""
PARTS = 5
"""So many parts a sweep has; a run's id modulo this is the number of its part."""
Mark = tuple[str, int | None, float | None]
"""A task instance's state, try, and the start of that try (its end where it never started)."""


Times = tuple[float | None, float | None]
"""A run's start and end."""


@dataclass
class Followed:
    """A run, and what of it was counted."""

    run: Run
    before: float | None
    """Task instances that ended by then were counted already, or by nobody; None: all count."""
    marks: dict[tuple[Any, ...], Mark] = field(default_factory=dict)
    read: bool = False
    """Whether its task instances were read since it was first seen."""
    finished: tuple[str, float | None] | None = None
    """The state in which it finished, and the start of what finished so."""
    left: float = 0.0
    """When it was seen to have finished."""
    settled: bool = False
    """Whether all its task instances were read since, and none was at work: none ends any more."""
    failed: bool = False
    """Whether one of them was failed when they were read."""

    @property
    def whole(self) -> bool:
        """Whether all of its task instances have to be read, not only those that ended lately or failed."""
        return not self.read or (self.finished is not None and not self.settled)


class Ledger:
    """The runs that are followed, and those that were counted."""

    def __init__(self) -> None:
        self.followed: dict[int, Followed] = {}
        self.high: int | None = None
        """The highest id seen in dag_run; None before the first pass."""
        self._seen = 0.0
        self._counted: dict[int, Times] = {}
        self._floors: dict[int, int] = {}
        """Of the last sweep of each part."""

    def begin(self, high: int) -> None:
        """Runs up to this id were there before this process looked."""
        self.high = high

    def see(self, runs: Mapping[int, Run], look: Pass) -> None:
        """Take in all active runs, all that are new, and what became of the followed ones; count what finished.

        By id. A run that is as it was is the very same object.
        """
        high = self.high or 0
        for run_id, run in runs.items():
            followed = self.followed.get(run_id)
            if followed is None:
                before = None if run_id > high else min(self._seen or look.now, look.now)
                followed = self.followed[run_id] = Followed(run, before)
            elif followed.run is run:
                continue
            followed.run = run
            if run.state in ACTIVE_RUNS:
                followed.finished, followed.settled = None, False
                look.facts.history.remove(run)
            elif run.state in FINISHED_RUNS and followed.finished != (run.state, run.start):
                self._count(followed, look)
        for run_id in self.followed.keys() - runs.keys():
            del self.followed[run_id]
        self.high = max(high, *runs) if runs else self.high
        self._seen = look.now

    def sweep(self, runs: Iterable[tuple[int, Times]], floor: int, parts: Iterable[int]) -> list[int]:
        """Take in the id and the times of all finished runs above `floor` that are of these parts.

        Returns those that finished unseen.
        """
        unseen = []
        for number, times in runs:
            counted = self._counted.get(number)
            if number in self.followed or (counted and counted[0] == times[0]):
                continue
            before = self._floors.get(number % PARTS)
            if counted or (before is not None and number > before):
                unseen.append(number)
            else:
                self._counted[number] = times
        self._counted = {number: times for number, times in self._counted.items() if number > floor}
        self._floors |= dict.fromkeys(parts, floor)
        return unseen

    def enter(self, runs: Iterable[Run], look: Pass) -> None:
        """Follow and count runs that the sweep found."""
        for run in runs:
            _, before = self._counted.get(run.id, (None, None))
            followed = self.followed[run.id] = Followed(run, before)
            self._count(followed, look)

    def settle(self, followed: Followed, look: Pass, *, busy: bool, failed: bool) -> None:
        """Its task instances were read; one of them is `busy`: a finished run is followed longer then. One `failed`."""
        followed.read, followed.failed = True, failed
        followed.before = None
        followed.settled = followed.finished is not None and not busy
        # A clock that is set back must not keep it.
        if followed.finished is not None and abs(look.now - followed.left) > (_BUSY if busy else _LINGER):
            self.followed.pop(followed.run.id, None)

    def _count(self, followed: Followed, look: Pass) -> None:
        run = followed.run
        followed.finished = (run.state, run.start)
        followed.left, followed.settled = look.now, False
        self._counted[run.id] = (run.start, run.end)
        look.facts.history.add(run)
        key = labels(dag_id=run.dag_id, state=run.state)
        look.snapshot.count("airflow_db_dag_runs_finished_total", key)
        if run.start is not None and run.end is not None:
            look.snapshot.observe("airflow_db_dag_run_duration_seconds", key, max(0.0, run.end - run.start))
