"""Which datasets a failure leaves stale, by what tasks and others have said that they read and write."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from windsock.text import line, safe

from . import edges
from .edges import Edges, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from windsock.exporter.series.own import OwnMetrics

    from .event import Event, Named

_Value = TypeVar("_Value")

_LONGEST = 400
"""Characters of a name: a longer one is not kept."""
_CROWD = 200
"""Datasets of one event, and as many that it reads: beyond, none is kept."""
_MOST_JOBS = 20_000
_MOST_RUNS = 50_000
"""Runs of which it is known what they were part of."""
_DEEP = 8
"""Runs above one another: of a model dbt's, the task's."""
_MOST_FOLLOWED = 1000
"""Jobs that one failure is followed through: who reads what is stale makes more of it."""
_TEST = "TEST"
"""dbt says that a test writes a table, of the rows that are wrong: it is there only where one asks for it."""
_STATEMENT = "SQL"
"""dbt tells of six and more for each model. Where one names no dataset it says nothing that its model does not."""
_SHOWN = 5
_NAME = 100
"""Characters of a name that people read."""
_EXPIRY = 3600.0


class Completed(NamedTuple):
    """The last run of a job that came to a good end."""

    at: float
    run: str
    airflow_run: str


class Lineage:
    """`take` events, and ask what is `stale`. `namespace` is Airflow's: only jobs in it are DAGs and tasks."""

    def __init__(self, namespace: str, own: OwnMetrics) -> None:
        self.clock = time.time
        self._namespace = namespace
        self._own = own
        self._edges = Edges()
        self._completed: OrderedDict[str, Completed] = OrderedDict()
        self._above: OrderedDict[str, str] = OrderedDict()
        """By a run's id, that of the run that it is part of."""
        self._airflow: OrderedDict[str, str] = OrderedDict()
        """By a run's id, that of Airflow's run, of which it is a task."""
        self._lock = threading.Lock()
        self._expired = float("-inf")
        for outcome in ("stored", "bare"):
            own.counter("windsock_openlineage_events_total", outcome=outcome)

    def take(self, event: Event) -> None:
        """Remember what an event says."""
        with self._lock:
            now = self.clock()
            if now - self._expired > _EXPIRY:
                self._expired = now
                self._edges.expire(now)
            outcome = self._take(event, min(event.at, now), now)
            self._own.counter("windsock_openlineage_events_total", outcome=outcome).value += 1
            self._own.set("windsock_openlineage_edges", len(self._edges))
            self._own.counter("windsock_openlineage_dropped_total", reason="forgotten").value = self._edges.forgotten

    def stale(self, dag_id: str, task_id: str, run_id: str) -> str:
        """What the failure of a task, or of a run, leaves stale: `stale: s3://b/orders; read by billing`; or empty."""
        with self._lock:
            datasets, readers = self._follow(dag_id, task_id, run_id)
        said = f"stale: {_shown(datasets)}" if datasets else ""
        return f"{said}; read by {_shown(readers)}" if readers else said

    def _take(self, event: Event, at: float, now: float) -> str:
        job = self._name(event.job) if event.job is not None else None
        if job is None:
            return "bare"
        if now - at > edges.KEPT:
            return "old"
        if event.kind == _STATEMENT and not (event.inputs or event.outputs):
            return "bare"
        facets = event.facets
        parent = self._name(facets.parent.job) if facets.parent is not None else None
        own = event.run.run_id[:_LONGEST] if event.run else ""
        run = facets.parent.run.run_id[:_LONGEST] if facets.parent is not None else own
        airflow_run = facets.airflow.dag_run.id[:_LONGEST] if facets.airflow else ""
        seen = Seen(at, run)
        if parent is not None and parent != job:
            self._edges.add("part", job, parent, seen)
            _remember(self._above, own, run, _MOST_RUNS)
        if airflow_run:
            _remember(self._airflow, own, airflow_run, _MOST_RUNS)
        if event.event_type == "COMPLETE":
            self._complete(job, Completed(at, run, airflow_run))
        stored = False
        for dataset in self._datasets(event.inputs):
            self._edges.add("reads", job, dataset, seen)
            stored = True
        for dataset in self._datasets([] if event.kind == _TEST else event.outputs):
            self._edges.add("writes", job, dataset, seen)
            stored = True
        return "stored" if stored else "bare"

    def _complete(self, job: str, done: Completed) -> None:
        _remember(self._completed, job, max(self._completed.get(job, done), done), _MOST_JOBS)

    def _datasets(self, named: list[Named]) -> Iterator[str]:
        if len(named) > _CROWD:
            self._drop("crowded", len(named) - _CROWD)
        for one in named[:_CROWD]:
            if len(one.namespace) + len(one.name) > _LONGEST:
                self._drop("too_long", 1)
            elif one.name:
                yield _address(one)

    def _drop(self, reason: str, number: int) -> None:
        self._own.counter("windsock_openlineage_dropped_total", reason=reason).value += number

    def _name(self, job: Named) -> str | None:
        """Airflow's as it says it, `dag` or `dag.task`; another's with its namespace."""
        if len(job.namespace) + len(job.name) > _LONGEST:
            self._drop("too_long", 1)
            return None
        return job.name if job.namespace == self._namespace else _address(job)

    def _follow(self, dag_id: str, task_id: str, run_id: str) -> tuple[list[str], list[str]]:
        """The datasets, those nearest to the failure first, and the DAGs and others that read them."""
        start = f"{dag_id}.{task_id}" if task_id else dag_id
        waiting, known = self._parts(start, run_id), set[str]()
        datasets: dict[str, None] = {}
        readers: dict[str, None] = {}
        while waiting and len(known) < _MOST_FOLLOWED:
            job = waiting.pop(0)
            if job in known:
                continue
            known.add(job)
            datasets |= dict.fromkeys(self._written(job))
            for reader in self._readers(job):
                whose = self._whole(reader)
                if whose != dag_id:
                    readers[whose] = None
                waiting.append(reader)
        return list(datasets), list(readers)

    def _parts(self, job: str, run_id: str) -> list[str]:
        """A job that failed, and all that is part of it; what was completed in this run of Airflow is not among it."""
        found, waiting = dict[str, None](), [job]
        while waiting and len(found) < _MOST_FOLLOWED:
            one = waiting.pop(0)
            done = self._completed.get(one)
            if one in found or (one != job and run_id and done is not None and self._airflow_run(done) == run_id):
                continue
            found[one] = None
            waiting += self._edges.to("part", one)
        return list(found)

    def _airflow_run(self, done: Completed) -> str:
        """Airflow's run in which that was; empty where it was in none, or in one that is forgotten."""
        found, run = done.airflow_run, done.run
        for _ in range(_DEEP):
            if found or not run:
                break
            found, run = self._airflow.get(run, ""), self._above.get(run, "")
        return found

    def _written(self, job: str) -> list[str]:
        """What its last good run wrote, and what was named since: names may hold a date, and yesterday's is well."""
        writes, done = self._edges.of("writes", job), self._completed.get(job)
        if done is None:
            return sorted(writes)
        return sorted(name for name, seen in writes.items() if seen.run == done.run or seen.at > done.at)

    def _readers(self, job: str) -> list[str]:
        """Who reads whatever it has written in a month: yesterday's reader of yesterday's file waits for today's."""
        return sorted({one for dataset in self._edges.of("writes", job) for one in self._edges.to("reads", dataset)})

    def _whole(self, job: str) -> str:
        """What a job is part of in the end: of a task its DAG, of a model its dbt project."""
        passed = {job}
        while (above := self._edges.of("part", job).keys() - passed) and len(passed) < _MOST_FOLLOWED:
            job = min(above)
            passed.add(job)
        return job


def _remember(where: OrderedDict[str, _Value], key: str, value: _Value, most: int) -> None:
    """What was named longest ago gives way."""
    where[key] = value
    where.move_to_end(key)
    if len(where) > most:
        where.popitem(last=False)


def _address(one: Named) -> str:
    """As people write it: `s3://bucket/orders`, `bigquery:shop.orders`."""
    namespace, name = one.namespace.rstrip("/"), one.name
    if "://" in one.namespace:
        return f"{namespace}/{name.lstrip('/')}"
    return f"{namespace}:{name}" if namespace else name


def _shown(names: Iterable[str]) -> str:
    found = [line(safe(name), _NAME) for name in names]
    return ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
