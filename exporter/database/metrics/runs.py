"""Runs: the active ones, those that have just finished, and the history of each DAG."""

from __future__ import annotations

import time
from operator import is_not, ne
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from typing_extensions import override

from windsock.exporter.database.changes import changed, moved
from windsock.exporter.database.dialects import moment
from windsock.exporter.database.history import KEPT
from windsock.exporter.database.ledger import PARTS
from windsock.exporter.database.matching import among
from windsock.exporter.database.query import Query
from windsock.exporter.database.rows import Dag, Run
from windsock.exporter.database.schema import ACTIVE_RUNS, FINISHED_RUNS
from windsock.exporter.database.snapshot import Parts
from windsock.exporter.series.kinds import Clock, age
from windsock.exporter.series.labels import labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from windsock.exporter.database.history import Past
    from windsock.exporter.database.ledger import Ledger
    from windsock.exporter.database.query import Pass
    from windsock.exporter.database.snapshot import Sample

_READ_AGAIN = 10
_SWEPT = 5000
_DAGS_AT_ONCE = 25
"""In one statement."""
_DAGS_IN_A_PASS = 10
"""Where that leaves some unread: a first pass has the other queries to ask as well, and then costs little more."""
_AT_ONCE = 0.015
"""Seconds after which the history of further DAGs is read on later: StatsD is heard by the same interpreter."""


class Runs(Query):
    """Active runs, runs that are new since the last pass, and what became of those that are followed or watched."""

    name = "runs"
    gauges = ("airflow_db_dag_runs", "airflow_db_dag_run_oldest_age_seconds")
    shared = True

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._clock = Clock()
        self._rows: dict[int, Sequence[Any]] = {}
        """Those of the last pass, by id."""
        self._runs: dict[int, Run] = {}
        """What was made of them."""

    @override
    def collect(self, look: Pass) -> Parts:
        table, columns = Run.columns(look.schema)
        runs = table.c
        if self._ledger.high is None:
            self._ledger.begin(look.execute(sa.select(sa.func.max(runs.id)))[0][0] or 0)
        high = self._ledger.high or 0
        every = sa.select(*columns)
        # One branch for each state: PostgreSQL has a partial index for each, which a list of states would miss.
        branches = [every.where(runs.state == state) for state in ACTIVE_RUNS]
        ended = runs.state.notin_(ACTIVE_RUNS)
        branches.append(every.where(runs.id > high, ended))
        followed = set(self._ledger.followed)
        wanted = sorted(run_id for run_id in followed.union(look.watched) if run_id <= high)
        if wanted:
            branches.append(every.where(among(look.session, runs.id, wanted), ended))
        rows = {row[0]: row for row in look.execute(sa.union_all(*branches))}
        made = {run_id: Run.read(rows[run_id]) for run_id in changed(rows, self._rows)}
        known = {**self._runs, **made}
        self._rows, self._runs = rows, {run_id: known[run_id] for run_id in rows}
        look.facts.runs = found = tuple(self._runs.values())
        look.facts.active = active = tuple(run for run in found if run.state in ACTIVE_RUNS)
        # What is only watched is not counted.
        watched = {one for one in look.watched if one <= high} - followed
        self._ledger.see(
            {one.id: one for one in found if one.state in ACTIVE_RUNS or one.id not in watched}
            if watched
            else self._runs,
            look,
        )
        sources: dict[tuple[str, str], tuple[int, float | None]] = {}
        for run in active:
            key = run.dag_id, run.state
            count, oldest = sources.get(key, (0, None))
            since = run.start if run.state == "running" else run.queued
            sources[key] = count + 1, since if oldest is None or (since is not None and since < oldest) else oldest
        return Parts(sources, self._samples, self._clock, look.now)

    def _samples(self, of: tuple[str, str], source: tuple[int, float | None]) -> Iterator[Sample]:
        key = labels(dag_id=of[0], state=of[1])
        yield "airflow_db_dag_runs", key, source[0]
        yield "airflow_db_dag_run_oldest_age_seconds", key, age(source[1], self._clock)


class Sweep(Query):
    """Finds runs that were cleared and finished again, or made and finished, without a pass in between to see it."""

    name = "sweep"
    shared = True
    every = 20

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._part = 0
        """The next."""

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        self.unfinished = False  # where it fails, the next pass goes on
        look.needs("runs")
        parts = range(PARTS) if look.everything else (self._part,)
        floor = (self._ledger.high or 0) - _SWEPT
        table = look.schema.table("dag_run", "id", "state", "start_date", "end_date").c
        swept = table.id > floor, (table.id % PARTS).in_(parts), table.state.in_(FINISHED_RUNS)
        rows = look.execute(sa.select(table.id, table.start_date, table.end_date).where(*swept))
        finished = [(number, (moment(start), moment(end))) for number, start, end in rows]
        unseen = self._ledger.sweep(finished, floor, parts)
        self._part = (parts[-1] + 1) % PARTS
        self.unfinished = self._part > 0
        if unseen:
            runs, columns = Run.columns(look.schema)
            statement = sa.select(*columns).where(runs.c.id.in_(unseen), runs.c.state.in_(FINISHED_RUNS))
            self._ledger.enter([Run.read(row) for row in look.execute(statement)], look)
        look.snapshot.forget(look.facts.known)
        yield from ()


class _Found(NamedTuple):
    """What a pass found, by DAG."""

    dags: Mapping[str, Dag]
    pasts: Mapping[str, Past]
    active: Mapping[str, tuple[Run, ...]]
    lately: Mapping[str, float]
    """When its last run ended, where that was lately."""


_Source = tuple["Past", "Dag", "tuple[Run, ...] | None", bool]
_OVER = 600
"""Seconds for which it is said that a run is over: what is not there may be there again after a restart."""


class PastRuns(Query):
    """Last success, last state, failures in a row, usual run time, and the oldest running run against it."""

    name = "history"
    gauges = (
        "airflow_db_dag_last_success_timestamp_seconds",
        "airflow_db_dag_last_run_state",
        "airflow_db_dag_last_run_timestamp_seconds",
        "airflow_db_dag_consecutive_failures",
        "airflow_db_dag_run_usual_seconds",
        "airflow_db_dag_run_usual_ratio",
        "airflow_db_dag_success_pause_seconds",
        "airflow_db_dag_success_lag_seconds",
        "airflow_db_dag_paused_by_failures",
    )

    def __init__(self) -> None:
        self._clock = Clock()
        self._chunk = _DAGS_AT_ONCE
        self._found = _Found({}, {}, {}, {})
        """In the last pass."""
        self._sources: Mapping[str, _Source] = {}

    @override
    def collect(self, look: Pass) -> Parts:
        self.unfinished = False  # where something can't be read, the next pass goes on
        look.needs("dags", "runs")
        history = look.facts.history
        history.forget(look.facts.known)
        # What is only read once more is one statement's, so that a DAG that can't be read fails one pass of many.
        due = history.due(look.facts.dags.keys(), min(_READ_AGAIN, self._chunk), first=look.facts.promised)
        apart = len(due) > self._chunk and not (look.everything or look.between)
        at_once = min(_DAGS_IN_A_PASS, self._chunk) if apart else self._chunk
        enough = time.monotonic() + (look.settings.metadata.timeout / 2 if look.everything else _AT_ONCE)
        while due:
            chunk, due = due[:at_once], due[at_once:]
            self._read(look, chunk)
            if apart or time.monotonic() > enough:
                break
        self.unfinished = bool(due)
        active: dict[str, tuple[Run, ...]] = {}
        for run in look.facts.active:
            active[run.dag_id] = (*active.get(run.dag_id, ()), run)
        # Of thousands a few have changed, and what is made of the others is not even compared.
        before, pasts, over = self._found, dict(history.dags), look.now - _OVER
        renewed = moved(pasts, before.pasts, is_not)
        ended = {**before.lately, **{dag_id: pasts[dag_id].ended for dag_id in renewed if dag_id in pasts}}
        lately = {dag_id: when for dag_id, when in ended.items() if when > over}
        found = _Found(look.facts.dags, pasts, active, lately)
        others = (
            moved(found.dags, before.dags, is_not),
            renewed,
            moved(active, before.active, ne),
            moved(lately, before.lately, ne),
        )
        sources = {**self._sources}
        for dag_id in set().union(*others):
            dag, past = look.facts.dags.get(dag_id), history.dags.get(dag_id)
            if dag is None or past is None:
                sources.pop(dag_id, None)
            else:
                sources[dag_id] = past, dag, active.get(dag_id), dag_id in lately
        self._found, self._sources = found, sources
        return Parts(sources, self._samples, self._clock, look.now)

    def _samples(self, dag_id: str, source: _Source) -> Iterator[Sample]:
        past, dag, active, lately = source
        key = labels(dag_id=dag_id)
        if past.last_success is not None:
            yield "airflow_db_dag_last_success_timestamp_seconds", key, past.last_success.end or 0
        yield "airflow_db_dag_last_run_state", labels(dag_id=dag_id, state=past.last.state), 1
        yield "airflow_db_dag_last_run_timestamp_seconds", key, past.last.end or 0
        yield "airflow_db_dag_consecutive_failures", key, past.failures
        if past.usual is not None:
            yield "airflow_db_dag_run_usual_seconds", key, past.usual
        if past.pause is not None and dag.scheduled and not dag.paused:
            yield "airflow_db_dag_success_pause_seconds", key, past.pause
            awaited = [*(run.due for run in active or ()), *([dag.next_due] if dag.next_due is not None else [])]
            yield "airflow_db_dag_success_lag_seconds", key, age(past.unmet(awaited), self._clock)
        if dag.paused and 0 < dag.most_failures <= past.failures:
            yield "airflow_db_dag_paused_by_failures", key, 1
        running = [run.start for run in active or () if run.state == "running"]
        if past.usual and running:
            oldest = min((start for start in running if start is not None), default=None)
            yield "airflow_db_dag_run_usual_ratio", key, age(oldest, self._clock, past.usual)
        elif past.usual and lately:
            yield "airflow_db_dag_run_usual_ratio", key, 0

    def _read(self, look: Pass, chunk: Sequence[str]) -> None:
        history = look.facts.history
        try:
            history.replace(chunk, [Run.read(row) for row in look.execute(self._statement(look, chunk))])
        except Exception:
            # Too much for one statement: the next pass asks for less, and one DAG alone does not stop the others.
            self._chunk = max(1, len(chunk) // 4)
            if len(chunk) == 1:
                history.postpone(chunk[0])
            raise

    @staticmethod
    def _statement(look: Pass, dag_ids: Sequence[str]) -> sa.sql.Executable:
        table, columns = Run.columns(look.schema, past=True)
        runs = table.c
        order = (columns[-1].desc(), runs.id.desc())
        success = sa.case((runs.state == "success", 1), else_=0)
        ranked = (
            sa.select(
                *columns,
                sa.func.row_number().over(partition_by=runs.dag_id, order_by=order).label("place"),
                sa.func.sum(success).over(partition_by=runs.dag_id, order_by=order, rows=(None, 0)).label("successes"),
            )
            .where(runs.dag_id.in_(dag_ids), runs.state.in_(FINISHED_RUNS))
            .subquery()
        ).c
        return sa.select(*(ranked[column.name] for column in columns)).where(
            sa.or_(ranked.place <= KEPT, sa.and_(ranked.state == "success", ranked.successes == 1))
        )
