"""What was promised or set in motion: deadlines, assets, backfills, and slo in windsock.yaml."""

from __future__ import annotations

import uuid
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from windsock.exporter.database import slo
from windsock.exporter.database.dialects import moment
from windsock.exporter.database.query import Query
from windsock.exporter.database.rows import Missed
from windsock.exporter.database.snapshot import Parts
from windsock.exporter.series.kinds import Clock
from windsock.exporter.series.labels import labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.exporter.database.query import Pass
    from windsock.exporter.database.snapshot import Sample

_REMEMBERED = 86_400.0


class Deadlines(Query):
    """Airflow takes a deadline away that was kept; one that was missed stays, and a run that succeeded is not late."""

    name = "deadlines"
    gauges = ("airflow_db_deadlines", "airflow_db_deadline_next_timestamp_seconds")
    shared = True
    # 3.0 has the table in another form, and no deadlines yet.
    optional = ("deadline", "deadline_time")

    def __init__(self) -> None:
        self._clock = Clock()
        self._late: dict[tuple[Any, ...], Missed] = {}
        """What was made of the rows of the last pass."""

    @override
    def collect(self, look: Pass) -> Parts:
        sign = look.schema.either("deadline", "missed", "callback_state")
        deadlines = look.schema.table("deadline", "id", "dagrun_id", "deadline_time", sign)
        runs, due_of = look.schema.runs("id", "dag_id", "run_id", "state")
        # 3.1 writes down nothing but what the callback does, from when it is missed on.
        missed = deadlines.c.missed if sign == "missed" else deadlines.c.callback_state.is_not(None)
        remembered = look.now - _REMEMBERED
        after = look.bind(min(look.since, remembered))
        columns = (runs.c.dag_id, runs.c.run_id, runs.c.state, due_of.label("due"))
        statement = (
            sa.select(*columns, deadlines.c.id, deadlines.c.deadline_time, missed)
            .select_from(deadlines.join(runs, deadlines.c.dagrun_id == runs.c.id))
            .where(sa.or_(missed == sa.false(), sa.and_(missed == sa.true(), deadlines.c.deadline_time > after)))
        )
        numbers: defaultdict[tuple[str, str], int] = defaultdict(int)
        first: dict[str, float] = {}
        late: dict[tuple[Any, ...], Missed] = {}
        for row in look.execute(statement):
            dag_id, run_id, state, due, number, when, was_missed = row
            time = moment(when) or 0
            if was_missed and state != "success" and time > look.since:
                # Drivers give UUIDs, texts with dashes and without.
                late[row] = self._late.get(row) or Missed(
                    dag_id, run_id, str(uuid.UUID(str(number))), time, moment(due) or 0
                )
            if not was_missed:
                first[dag_id] = min(first.get(dag_id, time), time)
            if not was_missed or time > remembered:
                numbers[dag_id, "missed" if was_missed else "pending"] += 1
        self._late = late
        look.facts.missed = tuple(late.values())
        return Parts({**numbers, **first}, self._samples, self._clock, look.now)

    @staticmethod
    def _samples(of: str | tuple[str, str], source: float) -> Iterator[Sample]:
        if isinstance(of, str):
            yield "airflow_db_deadline_next_timestamp_seconds", labels(dag_id=of), source
        else:
            yield "airflow_db_deadlines", labels(dag_id=of[0], state=of[1]), source


class Assets(Query):
    """The newest event of each asset, by the index on (asset, time)."""

    name = "assets"
    gauges = ("airflow_db_asset_last_event_timestamp_seconds",)
    every = 4

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        assets, events, name, asset_id = look.schema.assets()
        newest = (
            sa.select(sa.func.max(events.c.timestamp))
            .where(asset_id == assets.c.id)
            .correlate(assets)
            .scalar_subquery()
        )
        found: dict[str, float] = {}
        for asset, when in look.execute(sa.select(name, newest)):
            if when is not None:
                found[asset] = max(found.get(asset, 0), moment(when) or 0)
        for asset, latest in found.items():
            yield "airflow_db_asset_last_event_timestamp_seconds", labels(asset=asset), latest


class Backfills(Query):
    """The runs of the backfills that are not completed."""

    name = "backfills"
    gauges = ("airflow_db_backfill_runs", "airflow_db_backfill_paused")
    every = 4
    optional = ("backfill",)

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        backfills = look.schema.table("backfill", "id", "dag_id", "completed_at", "is_paused")
        members = look.schema.table("backfill_dag_run", "backfill_id", "dag_run_id")
        runs = look.schema.table("dag_run", "id", "state")
        statement = (
            sa.select(backfills.c.dag_id, backfills.c.id, backfills.c.is_paused, runs.c.state, sa.func.count())
            .select_from(
                backfills.join(members, members.c.backfill_id == backfills.c.id).outerjoin(
                    runs, members.c.dag_run_id == runs.c.id
                )
            )
            .where(backfills.c.completed_at.is_(None))
            .group_by(backfills.c.dag_id, backfills.c.id, backfills.c.is_paused, runs.c.state)
        )
        for dag_id, backfill_id, paused, state, number in look.execute(statement):
            key = {"dag_id": dag_id, "backfill_id": str(backfill_id)}
            yield "airflow_db_backfill_runs", labels(**key, state=state or "none"), number
            if paused:
                yield "airflow_db_backfill_paused", labels(**key), 1


class Objectives(Query):
    """What slo in windsock.yaml promises, against what the other queries found."""

    name = "slo"
    gauges = (
        "airflow_db_dag_objective_ratio",
        "airflow_db_dag_fresh_within_seconds",
        "airflow_db_dag_fresh",
        "airflow_db_dag_finish_by_timestamp_seconds",
        "airflow_db_dag_finish_by_missed",
    )

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        self.unfinished = False
        look.needs("dags", "runs", "history")
        for dag_id, objective in look.facts.promised.items():
            if dag_id in look.facts.dags and not (known := look.facts.history.has_read(dag_id)):
                self.unfinished |= known is None
                continue  # no promise is broken because nothing is known
            key = labels(dag_id=dag_id)
            for name, goal in objective.goals().items():
                yield "airflow_db_dag_objective_ratio", labels(dag_id=dag_id, objective=name), goal
            if objective.fresh_within is not None:
                yield "airflow_db_dag_fresh_within_seconds", key, objective.fresh_within
                fresh = slo.is_fresh(dag_id, objective.fresh_within, look.facts, look.now)
                yield "airflow_db_dag_fresh", key, int(fresh)
            if objective.finish_by is not None:
                by = slo.FinishBy.parse(objective.finish_by)
                before, last = by.window(look.now)
                yield "airflow_db_dag_finish_by_timestamp_seconds", key, last
                missed = slo.is_missed(dag_id, before, last, look.facts)
                yield "airflow_db_dag_finish_by_missed", key, int(missed)
