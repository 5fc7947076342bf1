"""What is known of a failure beyond that it happened: tries, times, who or what ended it, how often it happens.

Asked for new failures only, and of a few in a pass: when hundreds fail at once, that they did is the news.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from windsock.events import TASK_FAILED
from windsock.exporter.database.dialects import moment
from windsock.exporter.database.matching import matching
from windsock.exporter.database.schema import FINISHED_RUNS

from .reader import states_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from windsock.exporter.database.schema import Schema
    from windsock.exporter.database.session import Session

    from .failure import Key

RUNS = 20
"""The latest runs of a task that say how often it fails."""
_INDEXES = 10
_EVENTS = 50
_TASK = ("map_index", "try_number", "max_tries", "start_date", "end_date", "queued_dttm", "hostname", "operator")


@dataclass(frozen=True)
class Instance:
    """A failed task instance. Times are seconds since 1970; `started` is None for one that never ran."""

    map_index: int
    try_number: int
    max_tries: int
    started: float | None
    ended: float | None
    queued: float | None
    hostname: str
    operator: str


@dataclass(frozen=True)
class Entry:
    """A row of Airflow's own log of events (the table `log`)."""

    event: str
    owner: str
    extra: str
    at: float
    instance: tuple[int, int] | None = None
    """The map index and the try that it is about; None where it names none."""


@dataclass
class Details:
    """What the database says of one failure."""

    instances: list[Instance] = field(default_factory=list)
    """Of a mapped task the first ones by their index."""
    failed: int = 0
    total: int = 0
    """Instances of the task in this run."""
    entries: list[Entry] = field(default_factory=list)
    """The newest first; those of the run, too."""
    failures: int = 0
    """Of the latest `runs` runs of the task: in how many it is failed."""
    runs: int = 0


def details(session: Session, tables: Schema, keys: Sequence[Key]) -> dict[Key, Details]:
    """Return what the database says of each of `keys`. Raises what the driver raises."""
    found = {key: Details() for key in keys}
    tasks = {(key.dag_id, key.run_id, key.task_id): found[key] for key in keys if key.alertname == TASK_FAILED}
    _instances(session, tables, tasks)
    _history(session, tables, tasks)
    _entries(session, tables, found)
    return found


def _instances(session: Session, tables: Schema, tasks: Mapping[tuple[str, str, str], Details]) -> None:
    on = ("dag_id", "run_id", "task_id")
    table = tables.tasks(*on, "state", *_TASK)
    columns = [table.c[name] for name in (*on, *_TASK)]
    failed, first = table.c.state == "failed", table.c.map_index
    for row in matching(session, table, on, list(tasks), columns, where=[failed], order=[first], most=_INDEXES):
        index, number, most, started, ended, queued, hostname, operator = row[3:]
        times = moment(started), moment(ended), moment(queued)
        one = Instance(index, number or 0, most or 0, *times, hostname or "", operator or "")
        tasks[row[0], row[1], row[2]].instances.append(one)


def _history(session: Session, tables: Schema, tasks: Mapping[tuple[str, str, str], Details]) -> None:
    """In how many of the DAG's latest finished runs the task is failed; a mapped task is where one index is."""
    table = tables.table("dag_run", "id", "dag_id", "run_id", "state")
    columns, newest = [table.c.dag_id, table.c.run_id], [table.c.id.desc()]
    ended = [table.c.state.in_(FINISHED_RUNS)]
    dags = [(dag_id,) for dag_id in sorted({place[0] for place in tasks})]
    rows = matching(session, table, ("dag_id",), dags, columns, where=ended, order=newest, most=RUNS)
    latest: dict[str, list[str]] = {}
    for dag_id, run_id in rows:
        latest.setdefault(dag_id, []).append(run_id)
    wanted = {(dag_id, run_id, task_id) for dag_id, _, task_id in tasks for run_id in latest.get(dag_id, ())}
    states = states_of(session, tables, sorted(wanted | set(tasks)))
    for (dag_id, run_id, task_id), one in tasks.items():
        # This run counts, finished or not.
        runs = [one_run for one_run in latest.get(dag_id, ()) if one_run != run_id][: RUNS - 1]
        past = [states.get((dag_id, other, task_id), {}) for other in runs]
        tried = [found for found in past if found.keys() & {"failed", "success"}]
        one.failures = 1 + sum("failed" in found for found in tried)
        one.runs = 1 + len(tried)
        here = states.get((dag_id, run_id, task_id), {})
        one.failed = here.get("failed", (0, None))[0]
        one.total = sum(number for number, _ in here.values())


def _entries(session: Session, tables: Schema, found: Mapping[Key, Details]) -> None:
    """Airflow's own log: what the scheduler says of the task, and what a person did to it or to its run."""
    names = ("dag_id", "run_id", "task_id", "event", "owner", "extra", "dttm", "map_index", "try_number")
    table = tables.table("log", *names)
    columns = [table.c[name] for name in names]
    telling = table.c.event.notin_(("running", "success", "cli_task_run"))
    runs = sorted({(key.dag_id, key.run_id) for key in found})
    tasks = sorted({(key.dag_id, key.task_id, key.run_id) for key in found if key.task_id})
    # The index is on DAG, task and run, in this order.
    newest, whole = [table.c.dttm.desc()], [telling, table.c.task_id.is_(None)]
    of_runs = matching(session, table, ("dag_id", "run_id"), runs, columns, where=whole, order=newest, most=_EVENTS)
    on = ("dag_id", "task_id", "run_id")
    of_tasks = matching(session, table, on, tasks, columns, where=[telling], order=newest, most=_EVENTS)
    for dag_id, run_id, task_id, event, owner, extra, at, index, number in (*of_runs, *of_tasks):
        instance = None if index is None or number is None else (index, number)
        for key in keys_of(found, dag_id, run_id, task_id):
            found[key].entries.append(Entry(event or "", owner or "", extra or "", moment(at) or 0, instance))
    for one in found.values():
        one.entries.sort(key=lambda entry: entry.at, reverse=True)


def keys_of(keys: Iterable[Key], dag_id: str, run_id: str, task_id: str | None) -> list[Key]:
    """Those of a task in a run, or of the run and all that is in it."""
    return [key for key in keys if (key.dag_id, key.run_id) == (dag_id, run_id) and task_id in (None, key.task_id)]
