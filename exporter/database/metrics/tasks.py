"""Task instances: the unfinished ones by state, and the finished ones, counted as they finish."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from windsock.exporter.database.dialects import moment
from windsock.exporter.database.matching import among
from windsock.exporter.database.query import Query
from windsock.exporter.database.schema import FINISHED, UNFINISHED
from windsock.exporter.database.snapshot import Parts
from windsock.exporter.series.kinds import Clock, age
from windsock.exporter.series.labels import labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from windsock.exporter.database.ledger import Followed, Ledger
    from windsock.exporter.database.query import Pass
    from windsock.exporter.database.snapshot import Sample

_LATE = 300.0
"""A task instance's end is written by another machine's clock, and committed later."""
_WAIT, _WAIT_OF_ALL = "airflow_db_task_instance_queue_wait_seconds", "airflow_db_queue_wait_seconds"
_TIMED = frozenset({"success", "failed"})
_COLUMNS = (
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "state",
    "start_date",
    "end_date",
    "queued_dttm",
    "try_number",
    "updated_at",
)


class Unfinished(Query):
    """One statement over the index on state, for everything that is made of unfinished task instances."""

    name = "task_instances"
    gauges = (
        "airflow_db_task_instances",
        "airflow_db_task_instance_oldest_age_seconds",
        "airflow_db_executor_task_instances",
    )

    def __init__(self) -> None:
        self._clock = Clock()

    @override
    def collect(self, look: Pass) -> Parts:
        scheduled = look.schema.either("task_instance", "scheduled_dttm", "updated_at")
        table = look.schema.tasks(
            "dag_id",
            "state",
            "pool",
            "pool_slots",
            "queue",
            "executor",
            "queued_dttm",
            "start_date",
            scheduled,
        ).c
        group = (table.dag_id, table.state, table.pool, table.queue, table.executor)
        since = sa.case(
            (table.state == "scheduled", table[scheduled]),
            (table.state == "queued", table.queued_dttm),
            (table.state == "running", table.start_date),
        )
        rows = look.execute(
            sa.select(*group, sa.func.count(), sa.func.sum(table.pool_slots), sa.func.min(since))
            .where(table.state.in_(UNFINISHED))
            .group_by(*group)
        )
        sources: dict[tuple[str, ...], tuple[int, float | None]] = {}
        slots: defaultdict[tuple[str, str], float] = defaultdict(float)
        waits: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for dag_id, state, pool, queue, executor, number, taken, oldest in rows:
            slots[pool, state] += float(taken or 0)
            begun = moment(oldest)
            count, first = sources.get((dag_id, state), (0, None))
            sources[dag_id, state] = count + number, _earlier(first, begun)
            if state == "scheduled":
                slots[pool, "tasks"] += number
                if begun is not None:
                    waits[pool][dag_id] = max(waits[pool].get(dag_id, 0), look.age(begun))
            if state in {"queued", "running"}:
                key = executor or "default", queue or "", state
                sources[key] = sources.get(key, (0, None))[0] + number, None
        look.facts.slots, look.facts.waits = slots, waits
        return Parts(sources, self._samples, self._clock, look.now)

    def _samples(self, of: tuple[str, ...], source: tuple[int, float | None]) -> Iterator[Sample]:
        number, oldest = source
        if len(of) > len(("dag_id", "state")):
            executor, queue, state = of
            key = labels(executor=executor, queue=queue, state=state)
            yield "airflow_db_executor_task_instances", key, number
            return
        key = labels(dag_id=of[0], state=of[1])
        yield "airflow_db_task_instances", key, number
        if oldest is not None:
            yield "airflow_db_task_instance_oldest_age_seconds", key, age(oldest, self._clock)


def _earlier(one: float | None, other: float | None) -> float | None:
    return min(one, other) if one is not None and other is not None else other if one is None else one


class Finished(Query):
    """The task instances of the followed runs, by (dag_id, run_id): those that finished lately, and the failed ones."""

    name = "finished"
    shared = True

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._read = 0.0

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        look.needs("runs")
        # A queued run has nothing new, and when it was cleared, nothing that did not end before.
        followed = [one for one in self._ledger.followed.values() if one.run.state != "queued"]
        # Where nothing ends any more, only what is failed matters: it may be mended.
        read = [one for one in followed if one.failed or not one.settled]
        found: defaultdict[tuple[str, str], list[Sequence[Any]]] = defaultdict(list)
        failed: dict[tuple[str, str, str], tuple[int, float | None]] = {}
        if read:
            for row in look.execute(self._statement(look, read)):
                found[row[0], row[1]].append(row)
                if row[4] == "failed":
                    key = (row[0], row[1], row[2])
                    number, last = failed.get(key, (0, None))
                    failed[key] = number + 1, max(last or 0, moment(row[6] or row[9]) or 0) or None
        look.facts.failed = failed
        for one in followed:
            rows = found.get((one.run.dag_id, one.run.run_id), ())
            if not rows and one.read and not one.failed and one.finished is None:
                continue  # it works, and nothing new has ended
            busy = [self._take(one, row, look) for row in rows]
            self._ledger.settle(one, look, busy=any(busy), failed=any(row[4] == "failed" for row in rows))
        self._read = look.now
        yield from ()

    def _statement(self, look: Pass, followed: Sequence[Followed]) -> sa.sql.Executable:
        runs = look.schema.table("dag_run", "id", "dag_id", "run_id")
        # Where a task has several regions, an index alone does not tell its instances apart.
        names = (*_COLUMNS, "region_id") if look.schema.has("task_instance", "region_id") else _COLUMNS
        tasks = look.schema.tasks(*names)
        columns = [tasks.c[name] for name in names]
        same = sa.and_(tasks.c.dag_id == runs.c.dag_id, tasks.c.run_id == runs.c.run_id)
        whole = among(look.session, runs.c.id, [one.run.id for one in followed if one.whole])
        going_on = among(look.session, runs.c.id, [one.run.id for one in followed if not one.settled])
        # After a clock that was ahead for a pass nothing would be late: all is read once more, and counted once.
        since = self._read if self._read <= look.now else 0.0
        late = sa.or_(tasks.c.end_date >= look.bind(since - _LATE), tasks.c.end_date.is_(None))
        wanted = among(look.session, runs.c.id, [one.run.id for one in followed])
        worth = sa.or_(whole, tasks.c.state == "failed", sa.and_(tasks.c.state.in_(FINISHED), late, going_on))
        if look.session.dialect.lateral:
            # OFFSET 0 keeps the planner from any other way than the index, whatever it believes of the number of rows.
            inner = sa.select(*columns).select_from(tasks).where(same, worth).correlate(runs).offset(0).lateral("found")
            return sa.select(*inner.c).select_from(runs.join(inner, sa.true())).where(wanted)
        return sa.select(*columns).select_from(runs.join(tasks, same)).where(wanted, worth)

    @staticmethod
    def _take(followed: Followed, row: Sequence[Any], look: Pass) -> bool:
        """Count one task instance if it has finished and was not counted; returns whether it is still at work."""
        dag_id, _, task_id, map_index, state, started, ended, queued, number, _, *region = row
        if state not in FINISHED:
            return state in UNFINISHED
        start, end = moment(started), moment(ended)
        # Not the end: 2.11 writes it twice where a process was killed, once for each component that finds it dead.
        mark = (state, number, end if start is None else start)
        key = (task_id, map_index, *region)
        if followed.marks.get(key) == mark:
            return False
        followed.marks[key] = mark
        if followed.before is not None and (end is None or end <= followed.before):
            return False
        found = labels(dag_id=dag_id, state=state)
        look.snapshot.count("airflow_db_task_instances_finished_total", found)
        if state in _TIMED and not look.told:
            # What rules read in its place: a series that is not there costs them nothing.
            look.snapshot.count("airflow_db_dag_tries_finished_total", found)
        if state in _TIMED and start is not None and end is not None:
            look.snapshot.observe("airflow_db_task_instance_duration_seconds", found, max(0.0, end - start))
            since = moment(queued)
            # A task instance that comes back from its trigger is queued again, and keeps its start.
            if since is not None and since <= start:
                for wait, of in ((_WAIT, labels(dag_id=dag_id)), (_WAIT_OF_ALL, labels())):
                    look.snapshot.observe(wait, of, start - since)
        return False
