"""Which failures a success ends: those of its own run, and of runs that were due no later.

That a backfill of last year succeeds says nothing of today's failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from windsock.events import unix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.events import Event


class Success(NamedTuple):
    """One of a task, of a run or of a check. Unix times; None: not known."""

    run_id: str
    at: float
    due: float | None
    started: float | None

    def ends(self, run_id: str, annotations: Mapping[str, str], began: float) -> bool:
        """Whether it ends the failure of `run_id`, of which was told first at `began`.

        Where one of the runs does not say when it was due: whether that was before this one started.
        """
        if run_id == self.run_id:
            return True
        due = _time(annotations, "due_at")
        if due is not None and self.due is not None:
            return due <= self.due
        return self.started is not None and began < self.started


def of(event: Event, at: float) -> Success:
    """The success that `event` tells of, at the Unix time `at`."""
    said = event.annotations
    return Success(event.run_id, at, _time(said, "due_at"), _time(said, "started_at"))


def _time(annotations: Mapping[str, str], name: str) -> float | None:
    try:
        return unix(annotations.get(name, ""))
    except ValueError:
        return None
