"""Late before it is late: when the runs that `slo.finish_by` waits for will be done."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from windsock.exporter.database import serialized, slo
from windsock.exporter.database.dialects import moment
from windsock.exporter.database.matching import matching
from windsock.exporter.database.query import Query
from windsock.exporter.database.schema import FINISHED
from windsock.exporter.forecast.plan import UNKNOWN, Plan
from windsock.exporter.forecast.replay import Progress, Width
from windsock.exporter.forecast.watch import Watch
from windsock.exporter.series.labels import labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from windsock.exporter.database.query import Pass
    from windsock.exporter.database.rows import Run
    from windsock.exporter.database.snapshot import Sample
    from windsock.exporter.forecast.estimate import Estimate

log = logging.getLogger(__name__)

_RUNS_READ = 60
"""Runs in one statement, and in one pass."""
_PLANS_READ = 5
_FRESH = 600.0
_SHARE = 0.1
"""Of a pass's time, for all estimates; the DAGs that it does not suffice for come first in the next one."""
_HORIZON = 86_400.0
_QUANTILES = (0.5, 0.9)
_HOPELESS = frozenset({"failed", "upstream_failed"})
_NEVER_RAN = frozenset({"skipped", "removed"})
_RETRIED = "up_for_retry"


class Forecast(Query):
    """Reads each DAG's tasks every ten minutes, each of its finished runs once, and the present run in each pass."""

    name = "forecast"
    gauges = (
        "airflow_db_dag_expected_finish_timestamp_seconds",
        "airflow_db_dag_finish_at_risk",
        "airflow_db_dag_expected_late_seconds",
    )
    every = 2
    optional = ("serialized_dag",)

    def __init__(self) -> None:
        self._watched: dict[str, Watch] = {}
        self._read: dict[str, float] = {}
        """When a DAG's plan was read, on the monotonic clock."""
        self._samples: dict[str, tuple[Sample, ...]] = {}

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        look.needs("dags", "runs", "history")
        promises = {
            dag_id: slo.FinishBy.parse(objective.finish_by).next(look.now)
            for dag_id, objective in look.facts.promised.items()
            if objective.finish_by is not None and dag_id in look.facts.dags
        }
        # Whoever was looked at last comes last.
        order = [*(dag_id for dag_id in self._watched if dag_id in promises), *promises]
        self._watched = {dag_id: self._watched.get(dag_id) or Watch() for dag_id in order}
        self._samples = {dag_id: samples for dag_id, samples in self._samples.items() if dag_id in promises}
        if promises:
            self._read_plans(look)
            self._read_past(look)
            self._estimate(look, promises)
        for samples in self._samples.values():
            yield from samples

    def _read_plans(self, look: Pass) -> None:
        now = time.monotonic()
        read = {dag_id: self._read.get(dag_id, float("-inf")) for dag_id in self._watched}
        wanted = [dag_id for dag_id in sorted(read, key=read.__getitem__) if now - read[dag_id] > _FRESH][:_PLANS_READ]
        self._read = read | dict.fromkeys(wanted, now)
        for dag_id, data, packed in serialized.newest(look.session, look.schema, wanted):
            try:
                self._watched[dag_id].adopt(Plan.read(serialized.content(data, packed)))
            except ValueError as error:
                log.warning("%s: no forecast: its tasks can't be read: %s", dag_id, error)

    def _read_past(self, look: Pass) -> None:
        wanted: list[Run] = []
        for dag_id, watch in self._watched.items():
            past = look.facts.history.dags.get(dag_id)
            if watch.plan is not None and past is not None:
                wanted += [run for run in past.runs if run.state == "success" and run.start and not watch.knows(run.id)]
        wanted = wanted[:_RUNS_READ]
        rows = self._tasks(look, wanted)
        for run in wanted:
            watch = self._watched[run.dag_id]
            watch.learn(run.id, _progress(run, rows[run.dag_id, run.run_id], watch.plan, look.now))

    def _estimate(self, look: Pass, promises: Mapping[str, float]) -> None:
        due = {
            dag_id: slo.promised(dag_id, by, look.facts) if by - look.now <= _HORIZON else None
            for dag_id, by in promises.items()
        }
        rows = self._tasks(look, [found[0] for found in due.values() if found is not None and found[0] is not None])
        until = time.monotonic() + _SHARE * look.settings.metadata.timeout
        for dag_id in list(self._watched):
            if time.monotonic() > until:
                break
            watch = self._watched[dag_id] = self._watched.pop(dag_id)
            run, when = due[dag_id] or (None, None)
            progress = None if when is None else Progress(when, None)
            if run is not None:
                there = rows[run.dag_id, run.run_id]
                # What has failed for good is told as a failure.
                failed = any(state in _HOPELESS for _, state, *_ in there)
                progress = None if failed else _progress(run, there, watch.plan, look.now)
            found = watch.look(run.id if run is not None else None, progress, promises[dag_id], look.now)
            self._samples[dag_id] = tuple(_samples(dag_id, watch, found, promises[dag_id]))

    @staticmethod
    def _tasks(look: Pass, runs: Sequence[Run]) -> defaultdict[tuple[str, str], list[Sequence[Any]]]:
        """By DAG and run: task, state, instances, first start, last end, seconds of all, highest index, lowest try."""
        table = look.schema.tasks(
            "dag_id", "run_id", "task_id", "map_index", "state", "start_date", "end_date", "duration", "try_number"
        )
        group = [table.c.dag_id, table.c.run_id, table.c.task_id, table.c.state]
        shown = [
            *group,
            sa.func.count().label("instances"),
            sa.func.min(table.c.start_date).label("first"),
            sa.func.max(table.c.end_date).label("last"),
            sa.func.sum(table.c.duration).label("seconds"),
            sa.func.max(table.c.map_index).label("highest"),
            sa.func.min(table.c.try_number).label("tried"),
        ]
        found: defaultdict[tuple[str, str], list[Sequence[Any]]] = defaultdict(list)
        keys = [(run.dag_id, run.run_id) for run in runs]
        for row in matching(look.session, table, ("dag_id", "run_id"), keys, shown, group=group):
            found[row[0], row[1]].append(row[2:])
        return found


def _samples(dag_id: str, watch: Watch, found: Estimate | None, by: float) -> Iterator[Sample]:
    yield "airflow_db_dag_finish_at_risk", labels(dag_id=dag_id), int(watch.risk.on)
    if found is None:
        return
    for quantile in _QUANTILES:
        key = labels(dag_id=dag_id, quantile=str(quantile))
        yield "airflow_db_dag_expected_finish_timestamp_seconds", key, found.quantile(quantile)
    if watch.risk.on:
        key = labels(dag_id=dag_id, task_id=found.task or "none")
        yield "airflow_db_dag_expected_late_seconds", key, max(0.0, found.quantile(0.5) - by)


def _next_try(task: str, failed: float | None, number: int | None, plan: Plan | None, now: float) -> float:
    """When it begins, at the earliest: after the pause of the DAG's author, where that is known, else now."""
    pause = plan.pauses.get(task, UNKNOWN) if plan is not None else UNKNOWN
    return now if failed is None else max(now, failed + pause.after(number or 1))


def _progress(run: Run, rows: Sequence[Sequence[Any]], plan: Plan | None, now: float) -> Progress:
    ends: dict[str, float | None] = {}
    begun: dict[str, float] = {}
    counts: defaultdict[str, int] = defaultdict(int)
    seconds: defaultdict[str, float] = defaultdict(float)
    mapped, pending = set(), set()
    for task, state, instances, first, last, took, highest, tried in rows:
        if state not in FINISHED:
            pending.add(task)
        if highest is not None and highest >= 0:
            mapped.add(task)
        end = moment(last) if state in FINISHED and state not in _NEVER_RAN else None
        ends[task] = max(filter(None, (ends.get(task), end)), default=None)
        # Until its next try begins, the start is that of the last one.
        start = moment(first) if state != _RETRIED else _next_try(task, moment(last), tried, plan, now)
        if start is not None:
            begun[task] = min(begun.get(task, start), start)
        counts[task] += instances
        seconds[task] += float(took or 0)
    widths = {}
    for task in mapped:
        end, start = ends[task], begun.get(task)
        beside = seconds[task] / (end - start) if end and start and end > start else 1.0
        widths[task] = Width(counts[task], max(1.0, beside))
    done = {task: end for task, end in ends.items() if task not in pending}
    return Progress(run.due, run.start, done, widths, begun)
