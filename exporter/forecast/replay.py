"""Runs as far as they say how long the next one takes.

A task's lap is what passes from the moment at which the last task that it waits for has ended to its own end: its wait
for a slot, all of its tries and what lay between them, and all of its mapped instances. `start_date` and `queued_dttm`
of a task instance are those of its last try alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .plan import Plan


@dataclass(frozen=True)
class Width:
    """Of a mapped task."""

    instances: int
    beside: float
    """How many of them ran side by side, on the average."""


@dataclass(frozen=True)
class Progress:
    """A run: what is done of it, and when. Times are seconds since 1970."""

    due: float
    start: float | None
    """None: not yet."""
    ends: Mapping[str, float | None] = field(default_factory=dict)
    """Of the tasks that are done; None of one that never ran, such as a skipped one."""
    widths: Mapping[str, Width] = field(default_factory=dict)
    """Of mapped tasks, once it is known."""
    begun: Mapping[str, float] = field(default_factory=dict)
    """When the last try of a task began, of a mapped one the first of its instances. One that waits for a slot has
    none; that of one that is to be tried again is when it will, now at the earliest."""


@dataclass(frozen=True)
class Replay:
    """A run that succeeded. Times are seconds."""

    due: float
    """Since 1970."""
    delay: float
    """From when it was due to its start."""
    took: float
    """From its start to the end of its last task."""
    laps: Mapping[str, float]
    """By task; one that was not there then is missing."""
    widths: Mapping[str, Width]
    work: Mapping[str, float] = field(default_factory=dict)
    """What of a lap was the last try."""

    @classmethod
    def of(cls, plan: Plan, run: Progress) -> Replay:
        """Of a run that has started and succeeded."""
        start = run.start if run.start is not None else run.due
        laps: dict[str, float] = {}
        work: dict[str, float] = {}
        ends: dict[str, float] = {}
        for task, upstream in plan.upstream.items():
            ready = max((ends[one] for one in upstream), default=start)
            ends[task] = max(ready, run.ends.get(task) or ready)
            if task in run.ends:
                laps[task] = ends[task] - ready
                work[task] = ends[task] - min(ends[task], max(ready, run.begun.get(task, ready)))
        took = max(ends.values(), default=start) - start
        return cls(run.due, max(0.0, start - run.due), took, laps, run.widths, work)
