"""Pools, components, triggers: who could do the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from typing_extensions import override

from windsock.exporter.database.dialects import moment
from windsock.exporter.database.query import Query
from windsock.exporter.series.labels import labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.exporter.database.query import Pass
    from windsock.exporter.database.snapshot import Sample

_COMPONENTS = ("SchedulerJob", "TriggererJob", "DagProcessorJob")
_REMEMBERED = 86_400.0


class Pools(Query):
    """Slots as the scheduler counts them: running and queued take one, deferred where the pool says so."""

    name = "pools"
    gauges = (
        "airflow_db_pool_slots",
        "airflow_db_pool_used_slots",
        "airflow_db_pool_open_slots",
        "airflow_db_pool_starving_tasks",
        "airflow_db_pool_oldest_wait_seconds",
        "airflow_db_dag_ready_oldest_age_seconds",
    )

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        look.needs("task_instances")
        pools = look.schema.table("slot_pool", "pool", "slots", "include_deferred").c
        slots, waits = look.facts.slots, look.facts.waits
        ready: dict[str, float] = {}
        for pool, size, deferred in look.execute(sa.select(pools.pool, pools.slots, pools.include_deferred)):
            key = labels(pool_name=pool)
            total = float("inf") if size is None or size < 0 else float(size)
            used = {state: slots.get((pool, state), 0.0) for state in ("running", "queued", "deferred", "scheduled")}
            taken = used["running"] + used["queued"] + (used["deferred"] if deferred else 0)
            yield "airflow_db_pool_slots", key, total
            for state, number in used.items():
                yield "airflow_db_pool_used_slots", labels(pool_name=pool, state=state), number
            yield "airflow_db_pool_open_slots", key, total - taken
            starving = slots.get((pool, "tasks"), 0.0) if total - taken <= 0 else 0.0
            yield "airflow_db_pool_starving_tasks", key, starving
            of_dags = waits.get(pool, {})
            yield "airflow_db_pool_oldest_wait_seconds", key, max(of_dags.values(), default=0.0)
            if total > taken:
                for dag_id, age in of_dags.items():
                    ready[dag_id] = max(ready.get(dag_id, 0.0), age)
        for dag_id, age in ready.items():
            yield "airflow_db_dag_ready_oldest_age_seconds", labels(dag_id=dag_id), age


class Components(Query):
    """The newest heartbeat of each kind of component on each host, of those that have not ended properly.

    The schedulers that live mark one that was killed as failed, within minutes; the others stay as they were.
    """

    name = "components"
    gauges = ("airflow_db_heartbeat_timestamp_seconds", "airflow_db_heartbeat_age_seconds")

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        jobs = look.schema.table("job", "job_type", "hostname", "state", "latest_heartbeat").c
        statement = (
            sa.select(jobs.job_type, jobs.hostname, sa.func.max(jobs.latest_heartbeat))
            .where(
                jobs.job_type.in_(_COMPONENTS),
                jobs.latest_heartbeat > look.bind(look.now - _REMEMBERED),
                jobs.state.in_(("running", "failed")),
            )
            .group_by(jobs.job_type, jobs.hostname)
        )
        for job_type, hostname, beat in look.execute(statement):
            key = labels(job_type=job_type, hostname=hostname or "")
            yield "airflow_db_heartbeat_timestamp_seconds", key, moment(beat) or 0
            yield "airflow_db_heartbeat_age_seconds", key, look.age(moment(beat))


class Triggers(Query):
    """Triggers, how long the oldest of them has waited, and the oldest deferred task instance of each DAG.

    A trigger is made when its task instance is deferred; an asset's watcher has none.
    """

    name = "triggers"
    gauges = (
        "airflow_db_triggers",
        "airflow_db_trigger_oldest_age_seconds",
        "airflow_db_deferred_oldest_age_seconds",
    )

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        triggers = look.schema.table("trigger", "id", "triggerer_id", "created_date")
        tasks = look.schema.tasks("dag_id", "state", "trigger_id")
        state = sa.case((triggers.c.triggerer_id.is_(None), "waiting"), else_="assigned")
        # By its name: drivers that put parameters on the server take the expression for another one than above.
        grouped = sa.select(state.label("kind"), triggers.c.created_date.label("made")).subquery().c
        assigned = sa.select(grouped.kind, sa.func.count(), sa.func.min(grouped.made)).group_by(grouped.kind)
        deferred = (
            sa.select(tasks.c.dag_id, sa.literal(-1), sa.func.min(triggers.c.created_date))
            .select_from(tasks.join(triggers, tasks.c.trigger_id == triggers.c.id))
            .where(tasks.c.state == "deferred")
            .group_by(tasks.c.dag_id)
        )
        found: dict[str, tuple[int, float]] = {}
        for name, number, made in look.execute(sa.union_all(assigned, deferred)):
            age = look.age(moment(made))
            if number < 0:
                yield "airflow_db_deferred_oldest_age_seconds", labels(dag_id=name), age
            else:
                found[name] = number, age
        for kind in ("assigned", "waiting"):
            number, age = found.get(kind, (0, 0.0))
            yield "airflow_db_triggers", labels(state=kind), number
            yield "airflow_db_trigger_oldest_age_seconds", labels(state=kind), age
