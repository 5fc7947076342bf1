"""What the metadata database says has failed: new failures, and what became of those that are known.

A failure is seen while its run is followed: active, or ended within the last minute. What a pass could not see so (a
task of an old run that a person marks as failed, all that happened while this process was down) comes with the sweep,
which goes through the failed ones of some DAGs in each pass, and of all at the start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from windsock.events import DAG_RUN_FAILED, DEADLINE_MISSED, TASK_FAILED, TASK_RETRYING
from windsock.exporter.database.dialects import moment
from windsock.exporter.database.matching import matching
from windsock.exporter.database.query import Query
from windsock.exporter.database.rows import Run

from . import rules
from .failure import Failure, Key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from windsock.exporter.database.facts import Facts
    from windsock.exporter.database.query import Pass
    from windsock.exporter.database.rows import Dag
    from windsock.exporter.database.schema import Schema
    from windsock.exporter.database.session import Session

    from .rules import Standing

_SWEPT = 25
"""DAGs that the sweep goes through in a pass."""
_SWEEP = 0.4
"""The share of a pass' time that may go by before the first sweep waits for the next pass."""
_NEVER = float("inf")


_PAUSES = (
    "paused",
    "ui.paused",
    "patch_dag",
    "api.patch_dag",
    "cli_dag_pause",
    "cli_dag_unpause",
)
"""What Airflow 2.11.0 and 3.3.2 write down when a DAG is paused or unpaused; by the scheduler it is `paused`."""
_SCHEDULER = "scheduler"


@dataclass
class View:
    """What one pass found."""

    facts: Facts
    successes: Mapping[str, float]
    """By DAG: when the latest of its successful runs was due; of DAGs with failures only."""
    failures: dict[Key, Failure] = field(default_factory=dict)
    """What is failed now, of what this pass looked at."""
    standings: dict[Key, Standing] = field(default_factory=dict)
    """What became of those that were asked for."""
    failed: dict[Key, tuple[int, float | None]] = field(default_factory=dict)
    """Of those, where they are failed: how many task instances, and the end of the last of them."""
    dues: dict[tuple[str, str], float | None] = field(default_factory=dict)
    """By DAG and run."""
    stopped: set[str] = field(default_factory=set)
    """DAGs that Airflow paused by itself."""
    owners: Mapping[str, str] = field(default_factory=dict)
    """By DAG, where more is known than its row says."""

    @property
    def dags(self) -> Mapping[str, Dag]:
        """Those whose file is there."""
        return self.facts.dags

    def dag(self, dag_id: str) -> str:
        """`active`, `paused`, `stopped` or `deleted`."""
        if dag_id not in self.dags:
            return "deleted"
        return "stopped" if dag_id in self.stopped else "paused" if self.dags[dag_id].paused else "active"

    def later(self, dag_id: str, due: float | None) -> bool:
        """Whether a run that was due after `due` has succeeded."""
        if due is None:
            return False
        known = self.facts.history.last_success(dag_id)
        return max(self.successes.get(dag_id, due), known.due if known is not None else due) > due


class Failures(Query):
    """What the reconciler asks in each pass; one for each time of leading, for it remembers what was swept.

    `ask` before a pass what is asked for; `view` is then what was found.
    """

    name = "failures"

    def __init__(self) -> None:
        self.view: View | None = None
        self.watched: Collection[int] = ()
        """Ids of the runs that were asked for last."""
        self._asked: Collection[Key] = ()
        self._then: Callable[[View], None] = lambda _: None
        self._since = 0.0
        self._successes: dict[str, float] = {}
        self._looked: dict[str, float] = {}
        """By DAG: its successes of runs that were due after this are known."""
        self._unswept: list[str] = []
        self._all_swept = False

    def forget(self) -> None:
        """What a pass found was lost on the way: the next one looks at everything."""
        self._unswept, self._all_swept = [], False

    def ask(self, asked: Collection[Key], since: float, then: Callable[[View], None]) -> None:
        """Look for everything new and for what is `asked`; what failed before `since` is nobody's any more.

        `then` may read more in the same transaction.
        """
        self._asked, self._since, self._then, self.view = asked, since, then, None

    @override
    def collect(self, look: Pass) -> tuple[()]:
        look.needs("dags", "runs", "finished")
        view = View(look.facts, self._successes)
        self._note(view, look.facts.runs)
        self._follow(view)
        swept = self._sweep(view, look)
        self._judge(view, look)
        self._latest_successes(view, look, swept)
        self._stopped(view, look, {key.dag_id for key in (*self._asked, *view.failures)})
        self._then(view)
        self.view = view
        return ()

    @staticmethod
    def _follow(view: View) -> None:
        """What the pass found of the tasks of runs that are followed, and of deadlines."""
        for (dag_id, run_id, task_id), (number, ended) in view.facts.failed.items():
            key = Key(TASK_FAILED, dag_id, run_id, task_id)
            view.failures[key] = Failure(key, ended, view.dues.get((dag_id, run_id)), number)
        for one in view.facts.missed:
            key = Key(DEADLINE_MISSED, one.dag_id, one.run_id, deadline=one.id)
            view.failures[key] = Failure(key, one.time, one.due)
            view.dues[one.dag_id, one.run_id] = one.due

    def _note(self, view: View, runs: Iterable[Run]) -> None:
        for run in runs:
            view.dues[run.dag_id, run.run_id] = run.due
            if run.state == "failed":
                key = Key(DAG_RUN_FAILED, run.dag_id, run.run_id)
                view.failures[key] = Failure(key, run.end, run.due)
            elif run.state == "success":
                self._successes[run.dag_id] = max(self._successes.get(run.dag_id, run.due), run.due)

    def _sweep(self, view: View, look: Pass) -> list[str]:
        """Go through failed task instances and runs by DAG; all DAGs at first, as long as there is time."""
        swept: list[str] = []
        if not self._unswept:
            self._unswept = sorted(view.dags)
        enough = (1 - _SWEEP) * look.settings.metadata.timeout
        while self._unswept:
            chunk, rest = self._unswept[:_SWEPT], self._unswept[_SWEPT:]
            self._sweep_some(view, look, chunk)
            self._unswept = rest
            swept += chunk
            if self._all_swept or look.left() < enough:
                break
        self._all_swept = self._all_swept or not self._unswept
        return swept

    def _sweep_some(self, view: View, look: Pass, dag_ids: Sequence[str]) -> None:
        after, keys = look.bind(self._since), [(dag_id,) for dag_id in dag_ids]
        table = look.schema.tasks("dag_id", "run_id", "task_id", "state", "end_date", "updated_at")
        group = [table.c.dag_id, table.c.run_id, table.c.task_id]
        end = sa.func.coalesce(table.c.end_date, table.c.updated_at)
        columns = [*group, sa.func.count().label("number"), sa.func.max(end).label("ended")]
        late = [table.c.state == "failed", end >= after]
        rows = matching(look.session, table, ("dag_id",), keys, columns, where=late, group=group)
        self._note(view, self._runs(look, ("dag_id",), keys, state="failed", after=after))
        lacking = {(row[0], row[1]) for row in rows} - view.dues.keys()
        view.dues |= {
            (run.dag_id, run.run_id): run.due for run in self._runs(look, ("dag_id", "run_id"), sorted(lacking))
        }
        for dag_id, run_id, task_id, number, ended in rows:
            key = Key(TASK_FAILED, dag_id, run_id, task_id)
            view.failures[key] = Failure(key, moment(ended), view.dues.get((dag_id, run_id)), number)

    @staticmethod
    def _runs(
        look: Pass, on: Sequence[str], keys: Sequence[Sequence[str]], *, state: str = "", after: Any = None
    ) -> list[Run]:
        """Runs by `on`; with `state` those that ended in it after some moment."""
        table, columns = Run.columns(look.schema)
        where = [table.c.state == state, table.c.end_date >= after] if state else []
        return [Run.read(row) for row in matching(look.session, table, on, keys, columns, where=where)]

    def _judge(self, view: View, look: Pass) -> None:
        """Find the standing of what is asked for."""
        wanted = {(key.dag_id, key.run_id) for key in self._asked}
        known = {(run.dag_id, run.run_id): run for run in view.facts.runs}
        asked = self._runs(look, ("dag_id", "run_id"), sorted(wanted - known.keys()))
        known |= {(run.dag_id, run.run_id): run for run in asked}
        view.dues |= {(run.dag_id, run.run_id): run.due for run in asked}
        self.watched = {known[one].id for one in wanted & known.keys()}
        tasks = sorted({(key.dag_id, key.run_id, key.task_id) for key in self._asked if key.task_id})
        states = states_of(look.session, look.schema, tasks)
        for key in self._asked:
            run = known.get((key.dag_id, key.run_id))
            if key.alertname == DAG_RUN_FAILED:
                view.standings[key] = rules.of_run(run.state if run else None)
            elif key.alertname == DEADLINE_MISSED:
                view.standings[key] = rules.of_deadline(run.state if run else None)
            else:
                found = states.get((key.dag_id, key.run_id, key.task_id), {})
                counts = {name: number for name, (number, _) in found.items()}
                judge = rules.of_retry if key.alertname == TASK_RETRYING else rules.of_task
                view.standings[key] = judge(counts)
                if key.alertname == TASK_FAILED and "failed" in found:
                    view.failed[key] = found["failed"]

    def _latest_successes(self, view: View, look: Pass, swept: Collection[str]) -> None:
        """Of DAGs that have a failure and no known history; the swept ones again, as runs may be deleted."""
        keys = [*self._asked, *view.failures]
        failing = {key.dag_id for key in keys if key.dag_id in view.dags and not view.facts.history.knows(key.dag_id)}
        oldest: dict[str, float] = {}
        for key in keys:
            due = view.dues.get((key.dag_id, key.run_id))
            if due is not None:
                oldest[key.dag_id] = min(oldest.get(key.dag_id, due), due)
        known = {one for one in failing if one in self._looked and self._looked[one] <= oldest.get(one, _NEVER)}
        wanted = sorted(failing - (known - set(swept)))
        start = min((oldest[dag_id] for dag_id in wanted if dag_id in oldest), default=0.0)
        table, due_of = look.schema.runs("dag_id", "state")
        columns = [table.c.dag_id, sa.func.max(due_of).label("due")]
        later = [table.c.state == "success", due_of > look.bind(start)]
        dags = [(dag_id,) for dag_id in wanted]
        found = matching(look.session, table, ("dag_id",), dags, columns, where=later, group=[table.c.dag_id])
        latest = {dag_id: moment(when) for dag_id, when in found}
        for dag_id in wanted:
            self._looked[dag_id] = start
            self._successes[dag_id] = latest.get(dag_id) or 0.0

    @staticmethod
    def _stopped(view: View, look: Pass, dag_ids: Collection[str]) -> None:
        """Tell apart who paused a DAG: Airflow does after `max_consecutive_failed_dag_runs`, which mends nothing."""
        paused = [(dag_id,) for dag_id in sorted(dag_ids) if view.dag(dag_id) == "paused"]
        names = ("dag_id", "task_id", "run_id", "event", "owner", "dttm")
        if not paused or not look.schema.has("log", *names):
            return
        table = look.schema.table("log", *names)
        wanted = [table.c.event.in_(_PAUSES), table.c.task_id.is_(None), table.c.run_id.is_(None)]
        columns, newest = [table.c.dag_id, table.c.event, table.c.owner], [table.c.dttm.desc()]
        rows = matching(look.session, table, ("dag_id",), paused, columns, where=wanted, order=newest, most=1)
        view.stopped = {dag_id for dag_id, event, owner in rows if (event, owner) == ("paused", _SCHEDULER)}


def states_of(
    session: Session, tables: Schema, tasks: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], dict[str | None, tuple[int, float | None]]]:
    """Return for each task of a run, (DAG, run, task), by state: how many instances, and the end of the last one."""
    table = tables.tasks("dag_id", "run_id", "task_id", "state", "end_date")
    group = [table.c.dag_id, table.c.run_id, table.c.task_id, table.c.state]
    columns = [*group, sa.func.count().label("number"), sa.func.max(table.c.end_date).label("ended")]
    found: dict[tuple[str, str, str], dict[str | None, tuple[int, float | None]]] = {}
    rows = matching(session, table, ("dag_id", "run_id", "task_id"), tasks, columns, group=group)
    for dag_id, run_id, task_id, state, number, ended in rows:
        found.setdefault((dag_id, run_id, task_id), {})[state] = number, moment(ended)
    return found
