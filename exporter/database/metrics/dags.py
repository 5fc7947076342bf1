"""The DAGs themselves: owner, tags, paused, stale, schedule lag, files that can't be imported."""

from __future__ import annotations

import json
from collections import defaultdict
from operator import ne
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from windsock import teams
from windsock.exporter.database import slo
from windsock.exporter.database.changes import changed, lost, moved
from windsock.exporter.database.dialects import moment
from windsock.exporter.database.matching import matching
from windsock.exporter.database.query import Query
from windsock.exporter.database.rows import Dag
from windsock.exporter.database.snapshot import Parts
from windsock.exporter.series.kinds import Clock, age
from windsock.exporter.series.labels import labels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy.sql.expression import TableClause

    from windsock.exporter.database.query import Pass
    from windsock.exporter.database.snapshot import Sample
    from windsock.exporter.series.labels import Labels

_Source = tuple["Dag | None", "Labels"]
"""What a DAG's series are made of: the DAG (None of a stale one), and the labels of its info."""
_FAILURES = "max_consecutive_failed_dag_runs"
_MANY = 200
"""DAGs for so many of which the rows of all are read."""
# What a DAG without a schedule has: 3.x `timetable_summary`, 2.11 `schedule_interval` (JSON).
_NO_SCHEDULE = frozenset({None, "", "None", "null"})


class Dags(Query):
    """What may change at any time of each DAG, and its series; the stale ones (their file is gone) are only named."""

    name = "dags"
    gauges = (
        "airflow_db_dag_info",
        "airflow_db_dag_paused",
        "airflow_db_dag_paused_with_schedule",
        "airflow_db_dag_stale",
        "airflow_db_dag_last_parsed_timestamp_seconds",
        "airflow_db_dag_schedule_lag_seconds",
    )
    shared = True

    def __init__(self) -> None:
        self._clock = Clock()
        self._before: tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]] = {}, {}, {}
        """The rows, what is written, and the tags, of the last pass."""
        self._facts: Mapping[str, teams.DagFacts] = {}
        self._sources: Mapping[str, _Source] = {}
        self._shown: Mapping[Any, Any] = {}
        """The same, and by the tuple of its id when each DAG was parsed."""
        self._by: tuple[Any, Any] = None, None
        """The settings and the columns that all this was made with."""

    @override
    def collect(self, look: Pass) -> Parts:
        facts = look.facts
        stale = look.schema.either("dag", "is_stale", "is_active")
        dags = look.schema.table("dag", "dag_id", "is_paused", stale, "next_dagrun_create_after").c
        found = look.execute(sa.select(dags.dag_id, dags.is_paused, dags[stale], dags.next_dagrun_create_after))
        rows = {row[0]: row for row in found}
        before, written, tags = self._before
        fresh = changed(rows, before)
        gone = lost(before, rows, sum(dag_id not in before for dag_id in fresh))
        if unread := [dag_id for dag_id in fresh if dag_id not in facts.written]:
            read = _written(look, unread)
            if facts.tagged:
                facts.tags = _with_tags(look, unread)  # their team depends on them
            facts.written = {**facts.written, **read}
        reread = moved(facts.written, written, ne)
        rewritten = [one for one in reread if _said(facts.written.get(one)) != _said(written.get(one))]
        touched = {*fresh, *moved(facts.tags, tags, ne), *rewritten} & rows.keys()
        by = look.settings, stale
        if touched or gone or by != self._by:
            self._take_in(look, rows, touched if by == self._by else rows.keys(), gone, modern=stale == "is_stale")
        if touched or gone or by != self._by or reread:
            # A part of its own: all are parsed again and again, and nothing else of them is new.
            times = {(one,): facts.written[one][_PARSED] for one in facts.dags if one in facts.written}
            self._shown = {**self._sources, **{key: when for key, when in times.items() if when is not None}}
        self._before, self._by = (rows, facts.written, facts.tags), by
        return Parts(self._shown, self._samples, self._clock, look.now)

    def _take_in(
        self,
        look: Pass,
        rows: Mapping[str, tuple[Any, ...]],
        touched: Collection[str],
        gone: Collection[str],
        *,
        modern: bool,
    ) -> None:
        dags, facts, sources = dict(look.facts.dags), dict(self._facts), dict(self._sources)
        for dag_id in (*gone, *touched):
            dags.pop(dag_id, None)
            facts.pop(dag_id, None)
            sources.pop(dag_id, None)
        for dag_id in touched:
            _, paused, flag, due = rows[dag_id]
            owners, schedule, *most = _said(look.facts.written.get(dag_id)) or (None, None)
            if bool(flag) == modern:
                sources[dag_id] = None, ()
                continue
            scheduled = _plain(schedule) not in _NO_SCHEDULE
            dag = Dag(dag_id, owners or "", bool(paused), scheduled, moment(due), sum(most))
            # The same object where it is as it was: what others made of it stays.
            dags[dag_id] = dag = kept if (kept := look.facts.dags.get(dag_id)) == dag else dag
            facts[dag_id] = teams.DagFacts(dag_id, teams.owners_of(dag.owner), look.facts.tags.get(dag_id, ()))
            sources[dag_id] = dag, _info(dag, facts[dag_id], look)
        if facts != self._facts or look.settings is not self._by[0]:
            look.facts.promised = slo.promises(look.settings.slo, facts.values(), look.route)
        self._facts, self._sources = facts, sources
        look.facts.dags, look.facts.known = dags, frozenset(rows)

    def _samples(self, of: str | tuple[str], source: Any) -> Iterator[Sample]:
        if isinstance(of, tuple):
            yield "airflow_db_dag_last_parsed_timestamp_seconds", labels(dag_id=of[0]), moment(source) or 0
            return
        dag, info = source
        key = labels(dag_id=of)
        if dag is None:
            yield "airflow_db_dag_stale", key, 1
            return
        yield "airflow_db_dag_info", info, 1
        yield "airflow_db_dag_paused", key, int(dag.paused)
        if dag.paused and dag.scheduled:
            yield "airflow_db_dag_paused_with_schedule", key, 1
        yield "airflow_db_dag_schedule_lag_seconds", key, age(None if dag.paused else dag.next_due, self._clock)


class Tags(Query):
    """What changes when a file is parsed, not between two passes: what is written of its DAGs, and their tags."""

    name = "tags"
    every = 4
    shared = True

    def __init__(self) -> None:
        self._tagged: Mapping[str, tuple[Any, ...]] = {}
        """What was written of each DAG when its tags were read."""

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        look.facts.written = written = _written(look, None)
        # Airflow writes both in one transaction. Without a time there is no telling.
        parsed = [
            dag_id
            for dag_id, row in written.items()
            if row[_PARSED] is None or (before := self._tagged.get(dag_id)) is None or before[_PARSED] != row[_PARSED]
        ]
        look.facts.tags = _with_tags(look, parsed)
        look.facts.tagged, self._tagged = True, written
        yield from ()


class ImportErrors(Query):
    """One row for each file."""

    name = "import_errors"
    gauges = ("airflow_db_import_error_timestamp_seconds",)

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        bundled = look.schema.has("import_error", "bundle_name")
        columns = ("filename", "timestamp", *(["bundle_name"] if bundled else []))
        errors = look.schema.table("import_error", *columns)
        for filename, when, *bundle in look.execute(sa.select(*errors.c)):
            found = labels(file_path=filename or "", bundle_name=(bundle[0] if bundle else "") or "")
            yield "airflow_db_import_error_timestamp_seconds", found, moment(when) or 0


_PARSED = 1
"""The place of the time in what is written."""


def _said(written: Sequence[Any] | None) -> Sequence[Any]:
    """What a file says itself, of what is written."""
    return written[_PARSED + 1 :] if written is not None else ()


def _written(look: Pass, dag_ids: Collection[str] | None) -> dict[str, tuple[Any, ...]]:
    """By DAG: its id, when it was parsed last, its owners, its schedule, after how many failures it is paused.

    Of these DAGs; None: of all.
    """
    schedule, failures = look.schema.either("dag", "timetable_summary", "schedule_interval"), _FAILURES
    limited = (failures,) if look.schema.has("dag", failures) else ()
    dags = look.schema.table("dag", "dag_id", "last_parsed_time", "owners", schedule, *limited)
    return {row[0]: row for row in _of(look, dags, list(dags.c), dag_ids)}


def _with_tags(look: Pass, dag_ids: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """The tags by DAG, those of these DAGs read anew; the same mapping where they are as they were."""
    tags = look.schema.table("dag_tag", "dag_id", "name")
    found: defaultdict[str, list[str]] = defaultdict(list)
    for dag_id, name in _of(look, tags, list(tags.c), dag_ids):
        found[dag_id].append(name)
    before = look.facts.tags
    kept = look.facts.written.keys() - dag_ids
    made = {dag_id: names for dag_id, names in before.items() if dag_id in kept}
    made |= {dag_id: tuple(sorted(names)) for dag_id, names in found.items()}
    return made if made != before else before


def _of(look: Pass, table: TableClause, columns: Sequence[Any], dag_ids: Collection[str] | None) -> Sequence[Any]:
    """Rows of these DAGs, or of all where they are many."""
    if dag_ids is None or len(dag_ids) > _MANY:
        return look.execute(sa.select(*columns))
    return matching(look.session, table, ("dag_id",), [(dag_id,) for dag_id in dag_ids], columns)


def _info(dag: Dag, facts: teams.DagFacts, look: Pass) -> tuple[tuple[str, str], ...]:
    team, severity = look.route(facts)
    return labels(dag_id=dag.dag_id, owner=dag.owner, team=team, severity=severity, tags=",".join(facts.tags))


def _plain(schedule: str | None) -> str | None:
    """2.11 keeps JSON: `"@daily"`, `null`, and objects for what is no text."""
    if schedule is not None and schedule.startswith('"'):
        return str(json.loads(schedule))
    return schedule
