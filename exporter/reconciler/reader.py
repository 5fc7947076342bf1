"""What the metadata database says has failed: new failures, and what became of those that are known.

A failure is seen while its run is active, or just was; runs are followed by their ids, and the index on their state.
What a pass could not see so (a task of an old run that a person marks as failed, all that happened while this process
was down) comes with the sweep, which goes through the failed ones of some DAGs in each pass, and of all at the start.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from windsock.events import DAG_RUN_FAILED, DEADLINE_MISSED, TASK_FAILED, TASK_RETRYING
from windsock.exporter.database import schema
from windsock.exporter.database.dialects import moment
from windsock.exporter.database.schema import ACTIVE_RUNS

from . import rules
from .failure import Failure, Key
from .matching import matching

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy.sql.elements import ColumnElement
    from sqlalchemy.sql.expression import TableClause

    from windsock.exporter.database.schema import Schema
    from windsock.exporter.database.session import Session

    from .rules import Standing

_LOOK_AGAIN = 40
_TAGS_AGAIN = 20
_SWEPT = 25
"""DAGs that the sweep goes through in a pass."""
_LINGER = 60.0
"""Seconds for which a run is followed after its end was seen: some task instances end later."""
_NEVER = float("inf")
_RUN = ("id", "dag_id", "run_id", "state", "end_date")


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


class Dag(NamedTuple):
    """A row of dag; `state` is active, paused, stopped (paused by Airflow itself) or deleted (its file is gone)."""

    owners: str
    state: str


class Run(NamedTuple):
    """A row of dag_run."""

    id: int
    dag_id: str
    run_id: str
    state: str
    ended: float | None
    due: float | None


@dataclass
class View:
    """What one pass found."""

    dags: dict[str, Dag]
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

    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By DAG."""
    owners: Mapping[str, str] = field(default_factory=dict)
    """By DAG, where more is known than its row says."""

    def dag(self, dag_id: str) -> str:
        """`active`, `paused`, `stopped` or `deleted`."""
        return self.dags[dag_id].state if dag_id in self.dags else "deleted"

    def later(self, dag_id: str, due: float | None) -> bool:
        """Whether a run that was due after `due` has succeeded."""
        return due is not None and self.successes.get(dag_id, due) > due


class Reader:
    """Reads through `session`; remembers which runs it follows, so that there is one for each time of leading."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.schema: Schema | None = None
        self._opened = 0
        self._passes = 0
        self._high: int | None = None
        self._followed: dict[int, float] = {}
        """By the id of a run: until when, on the monotonic clock."""
        self._successes: dict[str, float] = {}
        self._looked: dict[str, float] = {}
        """By DAG: its successes of runs that were due after this are known."""
        self._tags: dict[str, tuple[str, ...]] = {}
        self._tagged: set[str] = set()
        self._unswept: list[str] = []
        self._all_swept = False

    def forget(self) -> None:
        """What a pass found was lost on the way: the next one looks at everything."""
        self._unswept, self._all_swept = [], False

    def read(self, asked: Collection[Key], since: float, deadline: float) -> View:
        """Look at everything new and at what is `asked` for; what failed before `since` is nobody's any more.

        `deadline` on the monotonic clock is when the sweep has to end. Raises what the driver raises.
        """
        self._passes += 1
        if self.schema is None or self._opened != self.session.opened or self._passes % _LOOK_AGAIN == 0:
            self.schema = schema.look(self.session)
            self._opened = self.session.opened
        view = View(self._dags(self.schema), self._successes)
        if not self._passes % _TAGS_AGAIN or view.dags.keys() - self._tagged:
            self._tags, self._tagged = self._read_tags(self.schema), set(view.dags)
        view.tags = self._tags
        runs = self._runs(self.schema)
        self._note(view, runs)
        self._failed_tasks(view, self.schema, [run for run in runs if run.state != "queued"])
        swept = self._sweep(view, self.schema, since, deadline)
        self._ask(view, self.schema, asked)
        self._deadlines(view, self.schema, since)
        self._latest_successes(view, self.schema, asked, swept)
        self._stopped(view, self.schema, {key.dag_id for key in (*asked, *view.failures)})
        return view

    def _dags(self, tables: Schema) -> dict[str, Dag]:
        stale = tables.either("dag", "is_stale", "is_active")
        dags = tables.table("dag", "dag_id", "owners", "is_paused", stale).c
        found = {}
        rows = self.session.execute(sa.select(dags.dag_id, dags.owners, dags.is_paused, dags[stale]))
        for dag_id, owners, paused, flag in rows:
            gone = bool(flag) == (stale == "is_stale")
            found[dag_id] = Dag(owners or "", "deleted" if gone else "paused" if paused else "active")
        return found

    def _stopped(self, view: View, tables: Schema, dag_ids: Collection[str]) -> None:
        """Tell apart who paused a DAG: Airflow does after `max_consecutive_failed_dag_runs`, which mends nothing."""
        paused = [(dag_id,) for dag_id in sorted(dag_ids) if view.dag(dag_id) == "paused"]
        if not paused or not tables.has("log", "dag_id", "task_id", "run_id", "event", "owner", "dttm"):
            return
        table = tables.table("log", "dag_id", "task_id", "run_id", "event", "owner", "dttm")
        wanted = [table.c.event.in_(_PAUSES), table.c.task_id.is_(None), table.c.run_id.is_(None)]
        columns, newest = [table.c.dag_id, table.c.event, table.c.owner], [table.c.dttm.desc()]
        rows = matching(self.session, table, ("dag_id",), paused, columns, where=wanted, order=newest, most=1)
        for dag_id, event, owner in rows:
            if (event, owner) == ("paused", _SCHEDULER):
                view.dags[dag_id] = view.dags[dag_id]._replace(state="stopped")

    def _read_tags(self, tables: Schema) -> dict[str, tuple[str, ...]]:
        tags = tables.table("dag_tag", "dag_id", "name").c
        found: dict[str, list[str]] = {}
        for dag_id, name in self.session.execute(sa.select(tags.dag_id, tags.name)):
            found.setdefault(dag_id, []).append(name)
        return {dag_id: tuple(sorted(names)) for dag_id, names in found.items()}

    def _runs(self, tables: Schema) -> list[Run]:
        """Active runs, new ones, and those that are followed."""
        table, due = tables.runs(*_RUN)
        if self._high is None:
            self._high = self.session.execute(sa.select(sa.func.max(table.c.id)))[0][0] or 0
        every = sa.select(*(table.c[name] for name in _RUN), due.label("due"))
        # One branch for each state: PostgreSQL has a partial index for each, which a list of states would miss.
        branches = [every.where(table.c.state == state) for state in ACTIVE_RUNS]
        ended = table.c.state.notin_(ACTIVE_RUNS)
        branches.append(every.where(table.c.id > self._high, ended))
        if self._followed:
            branches.append(every.where(table.c.id.in_(list(self._followed)), table.c.id <= self._high, ended))
        found = [_run(row) for row in self.session.execute(sa.union_all(*branches))]
        before, now = self._followed, time.monotonic()
        self._followed = {}
        for run in found:
            until = _NEVER if run.state in ACTIVE_RUNS else min(before.get(run.id, _NEVER), now + _LINGER)
            if until > now:
                self._followed[run.id] = until
            self._high = max(self._high, run.id)
        return found

    def _note(self, view: View, runs: Iterable[Run]) -> None:
        for run in runs:
            view.dues[run.dag_id, run.run_id] = run.due
            if run.state == "failed":
                key = Key(DAG_RUN_FAILED, run.dag_id, run.run_id)
                view.failures[key] = Failure(key, run.ended, run.due)
            elif run.state == "success" and run.due is not None:
                self._successes[run.dag_id] = max(self._successes.get(run.dag_id, run.due), run.due)

    def _failed_tasks(self, view: View, tables: Schema, runs: Sequence[Run]) -> None:
        table = _tasks(tables)
        keys = [(run.dag_id, run.run_id) for run in runs]
        self._add(view, self._counted(table, ("dag_id", "run_id"), keys, table.c.state == "failed"))

    def _sweep(self, view: View, tables: Schema, since: float, deadline: float) -> list[str]:
        """Go through failed task instances and runs by DAG; all DAGs at first, as long as there is time."""
        swept: list[str] = []
        if not self._unswept:
            self._unswept = sorted(view.dags)
        while self._unswept:
            chunk, rest = self._unswept[:_SWEPT], self._unswept[_SWEPT:]
            self._sweep_some(view, tables, chunk, since)
            self._unswept = rest
            swept += chunk
            if self._all_swept or time.monotonic() > deadline:
                break
        self._all_swept = self._all_swept or not self._unswept
        return swept

    def _sweep_some(self, view: View, tables: Schema, dag_ids: Sequence[str], since: float) -> None:
        after = self.session.dialect.bind(since)
        table, keys = _tasks(tables), [(dag_id,) for dag_id in dag_ids]
        late = sa.and_(table.c.state == "failed", sa.func.coalesce(table.c.end_date, table.c.updated_at) >= after)
        rows = self._counted(table, ("dag_id",), keys, late)
        runs, due = tables.runs(*_RUN)
        columns = [*(runs.c[name] for name in _RUN), due.label("due")]
        ended = [runs.c.state == "failed", runs.c.end_date >= after]
        failed = [_run(row) for row in matching(self.session, runs, ("dag_id",), keys, columns, where=ended)]
        self._note(view, failed)
        lacking = {(row[0], row[1]) for row in rows} - view.dues.keys()
        self._ask_runs(view, tables, sorted(lacking))
        self._add(view, rows)

    def _counted(
        self, table: TableClause, on: Sequence[str], keys: Sequence[Sequence[str]], where: ColumnElement[bool]
    ) -> Sequence[Any]:
        group = [table.c.dag_id, table.c.run_id, table.c.task_id]
        ended = sa.func.max(sa.func.coalesce(table.c.end_date, table.c.updated_at))
        columns = [*group, sa.func.count().label("number"), ended.label("ended")]
        return matching(self.session, table, on, keys, columns, where=[where], group=group)

    @staticmethod
    def _add(view: View, rows: Iterable[Any]) -> None:
        for dag_id, run_id, task_id, number, ended in rows:
            key = Key(TASK_FAILED, dag_id, run_id, task_id)
            view.failures[key] = Failure(key, moment(ended), view.dues.get((dag_id, run_id)), number)

    def _ask(self, view: View, tables: Schema, asked: Collection[Key]) -> None:
        runs = self._ask_runs(view, tables, sorted({(key.dag_id, key.run_id) for key in asked}))
        tasks = sorted({(key.dag_id, key.run_id, key.task_id) for key in asked if key.task_id})
        states = states_of(self.session, tables, tasks)
        for key in asked:
            state = runs.get((key.dag_id, key.run_id))
            if key.alertname == DAG_RUN_FAILED:
                view.standings[key] = rules.of_run(state)
            elif key.alertname == DEADLINE_MISSED:
                view.standings[key] = rules.of_deadline(state)
            else:
                found = states.get((key.dag_id, key.run_id, key.task_id), {})
                counts = {name: number for name, (number, _) in found.items()}
                judge = rules.of_retry if key.alertname == TASK_RETRYING else rules.of_task
                view.standings[key] = judge(counts)
                if key.alertname == TASK_FAILED and "failed" in found:
                    view.failed[key] = found["failed"]

    def _ask_runs(self, view: View, tables: Schema, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        table, due = tables.runs("dag_id", "run_id", "state")
        columns = [table.c.dag_id, table.c.run_id, table.c.state, due.label("due")]
        states = {}
        for dag_id, run_id, state, when in matching(self.session, table, ("dag_id", "run_id"), keys, columns):
            states[dag_id, run_id] = state
            view.dues[dag_id, run_id] = moment(when)
        return states

    def _deadlines(self, view: View, tables: Schema, since: float) -> None:
        """Airflow marks a deadline as missed, and takes one away that was kept; a run that succeeded is not late."""
        if not tables.has("deadline", "id", "dagrun_id", "deadline_time", "missed"):
            return
        deadlines = tables.table("deadline", "id", "dagrun_id", "deadline_time", "missed").c
        runs, due = tables.runs(*_RUN)
        query = (
            sa.select(runs.c.dag_id, runs.c.run_id, deadlines.id, deadlines.deadline_time, due.label("due"))
            .where(deadlines.dagrun_id == runs.c.id, deadlines.missed == sa.true(), runs.c.state != "success")
            .where(deadlines.deadline_time > self.session.dialect.bind(since))
        )
        for dag_id, run_id, number, when, is_due in self.session.execute(query):
            # As the context of a deadline's callback has it; drivers give UUIDs, texts with and without dashes.
            key = Key(DEADLINE_MISSED, dag_id, run_id, deadline=str(uuid.UUID(str(number))))
            view.failures[key] = Failure(key, moment(when), moment(is_due))
            view.dues[dag_id, run_id] = moment(is_due)

    def _latest_successes(self, view: View, tables: Schema, asked: Collection[Key], swept: Collection[str]) -> None:
        """Of DAGs that have a failure and were not looked at yet; the swept ones again, as runs may be deleted."""
        failing = {key.dag_id for key in (*asked, *view.failures)} & view.dags.keys()
        oldest: dict[str, float] = {}
        for key in (*asked, *view.failures):
            due = view.dues.get((key.dag_id, key.run_id))
            if due is not None:
                oldest[key.dag_id] = min(oldest.get(key.dag_id, due), due)
        known = {one for one in failing if one in self._looked and self._looked[one] <= oldest.get(one, _NEVER)}
        wanted = sorted(failing - (known - set(swept)))
        start = min((oldest[dag_id] for dag_id in wanted if dag_id in oldest), default=0.0)
        table, due_of = tables.runs("dag_id", "state")
        columns = [table.c.dag_id, sa.func.max(due_of).label("due")]
        later = [table.c.state == "success", due_of > self.session.dialect.bind(start)]
        keys = [(dag_id,) for dag_id in wanted]
        found = matching(self.session, table, ("dag_id",), keys, columns, where=later, group=[table.c.dag_id])
        latest = {dag_id: moment(when) for dag_id, when in found}
        for dag_id in wanted:
            self._looked[dag_id] = start
            self._successes[dag_id] = latest.get(dag_id) or 0.0


def states_of(
    session: Session, tables: Schema, tasks: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], dict[str | None, tuple[int, float | None]]]:
    """Return for each task of a run, (DAG, run, task), by state: how many instances, and the end of the last one."""
    table = tables.table("task_instance", "dag_id", "run_id", "task_id", "state", "end_date")
    group = [table.c.dag_id, table.c.run_id, table.c.task_id, table.c.state]
    columns = [*group, sa.func.count().label("number"), sa.func.max(table.c.end_date).label("ended")]
    found: dict[tuple[str, str, str], dict[str | None, tuple[int, float | None]]] = {}
    rows = matching(session, table, ("dag_id", "run_id", "task_id"), tasks, columns, group=group)
    for dag_id, run_id, task_id, state, number, ended in rows:
        found.setdefault((dag_id, run_id, task_id), {})[state] = number, moment(ended)
    return found


def _tasks(tables: Schema) -> TableClause:
    return tables.table("task_instance", "dag_id", "run_id", "task_id", "state", "end_date", "updated_at")


def _run(row: Sequence[Any]) -> Run:
    number, dag_id, run_id, state, ended, due = row
    return Run(number, dag_id, run_id, state, moment(ended), moment(due))
