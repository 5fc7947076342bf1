"""The DAGs themselves: owner, tags, paused, stale, schedule lag, files that can't be imported."""

from __future__ import annotations

import json
import operator
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from windsock import teams
from windsock.exporter.database import slo
from windsock.exporter.database.changes import changed, lost
from windsock.exporter.database.dialects import moment
from windsock.exporter.database.matching import matching
from windsock.exporter.database.query import Query
from windsock.exporter.database.rows import Dag
from windsock.exporter.database.snapshot import Parts
from windsock.exporter.series.kinds import Clock, age
from windsock.exporter.series.labels import labels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from windsock.exporter.database.query import Pass
    from windsock.exporter.database.snapshot import Sample
    from windsock.exporter.series.labels import Labels
    from windsock.settings import Settings

_Source = tuple["Dag | None", "float | None", "Labels"]
"""What a DAG's series are made of: the DAG (None of a stale one), when it was parsed, and the labels of its info."""
_PARSED = 6
"""The place of `last_parsed_time` in a row."""
_MANY = 200
"""DAGs for so many of which the tags of all are read."""
# What a DAG without a schedule has: 3.x `timetable_summary`, 2.11 `schedule_interval` (JSON).
_NO_SCHEDULE = frozenset({None, "", "None", "null"})


class Dags(Query):
    """One row for each DAG; the stale ones (their file is gone) are only named as such."""

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
        self._rows: Mapping[str, tuple[Any, ...]] | None = None
        self._facts: Mapping[str, teams.DagFacts] = {}
        self._sources: Mapping[str, _Source] = {}
        self._settings: Settings | None = None
        self._by: tuple[Any, ...] = (None,) * 3
        """The settings, the tags and the columns that all this was made with."""

    @override
    def collect(self, look: Pass) -> Parts:
        rows, before = self._select(look), self._rows or {}
        moved = changed(rows, before)
        fresh = [dag_id for dag_id in moved if dag_id not in before]
        gone = lost(before, rows, len(fresh))
        if self._rows is not None and look.facts.tagged is not None:
            read_tags(look, fresh)  # their team depends on them
        by = look.settings, look.facts.tags, look.schema.has("dag", "is_stale")
        if not all(map(operator.is_, by, self._by)):
            moved = list(rows)
        if moved or gone or self._rows is None:
            self._take_in(look, rows, moved, gone)
        self._rows, self._by = rows, by
        return Parts(self._sources, self._samples, self._clock, look.now)

    def _take_in(
        self, look: Pass, rows: Mapping[str, tuple[Any, ...]], moved: Collection[str], gone: Collection[str]
    ) -> None:
        modern = look.schema.has("dag", "is_stale")
        dags, facts, sources = dict(look.facts.dags), dict(self._facts), dict(self._sources)
        for dag_id in (*gone, *moved):
            dags.pop(dag_id, None)
            facts.pop(dag_id, None)
            sources.pop(dag_id, None)
        for dag_id in moved:
            _, owners, paused, flag, schedule, due, when, *most = rows[dag_id]
            if bool(flag) == modern:
                sources[dag_id] = None, None, ()
                continue
            scheduled = _plain(schedule) not in _NO_SCHEDULE
            dag = Dag(dag_id, owners or "", bool(paused), scheduled, moment(due), sum(most))
            # The same object where nothing but the time of parsing is new: what was made of it stays.
            dags[dag_id] = dag = kept if (kept := look.facts.dags.get(dag_id)) == dag else dag
            facts[dag_id] = teams.DagFacts(dag_id, teams.owners_of(dag.owner), look.facts.tags.get(dag_id, ()))
            sources[dag_id] = dag, moment(when), _info(dag, facts[dag_id], look)
        if facts != self._facts or look.settings is not self._settings:
            look.facts.promised = slo.promises(look.settings.slo, facts.values(), look.route)
        self._facts, self._sources, self._settings = facts, sources, look.settings
        look.facts.dags, look.facts.known = dags, frozenset(rows)
        look.facts.parsed = {dag_id: row[_PARSED] for dag_id, row in rows.items()}

    @staticmethod
    def _select(look: Pass) -> dict[str, tuple[Any, ...]]:
        """All rows by DAG id."""
        failures = "max_consecutive_failed_dag_runs"
        names = (
            "dag_id",
            "owners",
            "is_paused",
            look.schema.either("dag", "is_stale", "is_active"),
            look.schema.either("dag", "timetable_summary", "schedule_interval"),
            "next_dagrun_create_after",
            "last_parsed_time",
            *((failures,) if look.schema.has("dag", failures) else ()),
        )
        dags = look.schema.table("dag", *names).c
        return {row[0]: row for row in look.execute(sa.select(*(dags[name] for name in names)))}

    def _samples(self, dag_id: str, source: _Source) -> Iterator[Sample]:
        dag, parsed, info = source
        key = labels(dag_id=dag_id)
        if dag is None:
            yield "airflow_db_dag_stale", key, 1
            return
        yield "airflow_db_dag_info", info, 1
        yield "airflow_db_dag_paused", key, int(dag.paused)
        if dag.paused and dag.scheduled:
            yield "airflow_db_dag_paused_with_schedule", key, 1
        if parsed is not None:
            yield "airflow_db_dag_last_parsed_timestamp_seconds", key, parsed
        yield "airflow_db_dag_schedule_lag_seconds", key, age(None if dag.paused else dag.next_due, self._clock)


class Tags(Query):
    """Tags change when a file is parsed: those of the DAGs that were parsed since are read; of a new one with it."""

    name = "tags"
    every = 4
    shared = True

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        facts = look.facts
        if facts.tagged is None:
            read_tags(look, None)
        else:
            # Airflow writes both in one transaction. Without a time there is no telling.
            before = facts.tagged
            read_tags(look, [one for one, when in facts.parsed.items() if when is None or before.get(one) != when])
        facts.tagged = facts.parsed
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


def read_tags(look: Pass, dag_ids: Collection[str] | None) -> None:
    """Read the tags of these DAGs; None: of all."""
    tags = look.schema.table("dag_tag", "dag_id", "name")
    columns = [tags.c.dag_id, tags.c.name]
    many = dag_ids is None or len(dag_ids) > _MANY
    keys = [(dag_id,) for dag_id in dag_ids or ()]
    rows = look.execute(sa.select(*columns)) if many else matching(look.session, tags, ("dag_id",), keys, columns)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for dag_id, name in rows:
        found[dag_id].append(name)
    made = {dag_id: tuple(sorted(names)) for dag_id, names in found.items()}
    if not many:
        asked = frozenset(dag_ids or ())
        there = look.facts.parsed.keys() - asked
        made |= {dag_id: names for dag_id, names in look.facts.tags.items() if dag_id in there}
    if made != look.facts.tags:
        look.facts.tags = made


def _info(dag: Dag, facts: teams.DagFacts, look: Pass) -> tuple[tuple[str, str], ...]:
    team, severity = look.route(facts)
    return labels(dag_id=dag.dag_id, owner=dag.owner, team=team, severity=severity, tags=",".join(facts.tags))


def _plain(schedule: str | None) -> str | None:
    """2.11 keeps JSON: `"@daily"`, `null`, and objects for what is no text."""
    if schedule is not None and schedule.startswith('"'):
        return str(json.loads(schedule))
    return schedule
