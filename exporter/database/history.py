"""The latest finished runs of each DAG, and what follows from them.

Read from the database once for each DAG and again from time to time; in between the runs that finish are added as they
are seen. Reading it anew in each pass would cost a look at every run there ever was: dag_run has no index by DAG and
time that holds the runs without a logical date.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from collections.abc import Set as AbstractSet

    from .rows import Run

KEPT = 30
"""Finished runs kept of each DAG, and the last success where it is older."""
_ENOUGH = 3
_ENOUGH_PAUSES = 4


class Past:
    """The finished runs of one DAG, the one that was due last first."""

    def __init__(self, runs: Iterable[Run]) -> None:
        ordered = sorted(runs, key=lambda run: (run.due, run.id), reverse=True)
        self.last_success = next((run for run in ordered if run.state == "success"), None)
        self.runs = ordered[:KEPT]
        place = ordered.index(self.last_success) if self.last_success in self.runs else len(self.runs)
        self.failures = min(place, KEPT)
        self.pause = _pause([run.end for run in self.runs if run.state == "success" and run.end is not None])
        self.usual = _usual([run.end - run.start for run in self.runs if _timed(run) and run.end and run.start])

        self.ended = self.last.end if self.last.end is not None else -math.inf
        """When the last one ended."""

    @property
    def last(self) -> Run:
        """The finished run that was due last."""
        return self.runs[0]

    def unmet(self, due: Iterable[float]) -> float | None:
        """When the first run was due after that of the last success, of those that failed since and of others `due`."""
        failed = (run.due for run in self.runs[: self.failures])
        success = self.last_success.due if self.last_success is not None else -math.inf
        return min((one for one in (*failed, *due) if one > success), default=None)

    def all(self) -> list[Run]:
        """What is kept."""
        kept = list(self.runs)
        return [*kept, self.last_success] if self.last_success and self.last_success not in kept else kept


class History:
    """By DAG; a DAG without a finished run has none."""

    def __init__(self) -> None:
        self.dags: dict[str, Past] = {}
        self._read: dict[str, bool] = {}
        """Whether it could be read, by DAG; the one that was tried longest ago first."""
        self._holes: dict[str, None] = {}

    def due(self, known: AbstractSet[str], again: int, first: Collection[str] = ()) -> list[str]:
        """DAGs to read: those that never were, those that lost a run; else the `again` that were read longest ago.

        Of the new ones the `first` come first, the others in their order.
        """
        # Thousands are not gone through in each pass.
        new = [dag_id for dag_id in known if dag_id not in self._read] if known - self._read.keys() else []
        new.sort(key=lambda dag_id: dag_id not in first)
        wanted = [*new, *self._holes]
        return wanted or list(self._read)[:again]

    def replace(self, dag_ids: Iterable[str], runs: Iterable[Run]) -> None:
        """These are the latest finished runs of these DAGs."""
        found: dict[str, list[Run]] = {dag_id: [] for dag_id in dag_ids}
        for run in runs:
            found[run.dag_id].append(run)
        for dag_id, rows in found.items():
            self._holes.pop(dag_id, None)
            self._read.pop(dag_id, None)
            self._read[dag_id] = True
            self._set(dag_id, rows)

    def has_read(self, dag_id: str) -> bool | None:
        """Whether it ever was; None: not even tried."""
        return self._read.get(dag_id)

    def knows(self, dag_id: str) -> bool:
        """Whether its latest finished runs are known."""
        return self._read.get(dag_id, False) and dag_id not in self._holes

    def last_success(self, dag_id: str) -> Run | None:
        """Of the runs that are known, the successful one that was due last."""
        past = self.dags.get(dag_id)
        return past.last_success if past is not None else None

    def postpone(self, dag_id: str) -> None:
        """It could not be read: the others come first."""
        self._holes.pop(dag_id, None)
        self._read[dag_id] = self._read.pop(dag_id, False)

    def add(self, run: Run) -> None:
        """A run has finished."""
        self._set(run.dag_id, [*(one for one in self._kept(run.dag_id) if one.id != run.id), run])

    def remove(self, run: Run) -> None:
        """A run is active again: it was cleared."""
        kept = self._kept(run.dag_id)
        rest = [one for one in kept if one.id != run.id]
        if len(rest) != len(kept):
            self._set(run.dag_id, rest)
            if run.dag_id in self._read:
                self._holes[run.dag_id] = None

    def forget(self, known: frozenset[str]) -> None:
        """Drop DAGs that are no longer there."""
        for dag_id in self._read.keys() - known:
            del self._read[dag_id]
            self._holes.pop(dag_id, None)
            self.dags.pop(dag_id, None)

    def _kept(self, dag_id: str) -> list[Run]:
        past = self.dags.get(dag_id)
        return past.all() if past else []

    def _set(self, dag_id: str, runs: list[Run]) -> None:
        if runs:
            self.dags[dag_id] = Past(runs)
        else:
            self.dags.pop(dag_id, None)


def _timed(run: Run) -> bool:
    return run.state == "success" and run.start is not None and run.end is not None


def _pause(ends: list[float]) -> float | None:
    """The longest time between two of them."""
    if len(ends) <= _ENOUGH_PAUSES:
        return None
    return max(later - earlier for earlier, later in pairwise(sorted(ends)))


def _usual(durations: list[float]) -> float | None:
    """The 95th percentile by nearest rank: a value that there was."""
    if len(durations) < _ENOUGH:
        return None
    return max(0.0, sorted(durations)[math.ceil(0.95 * len(durations)) - 1])
