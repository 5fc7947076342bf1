"""The DAGs themselves: owner, tags, paused, stale, schedule lag, files that can't be imported."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

import sqlalchemy as sa
from typing_extensions import override

from windsock import teams
from windsock.exporter.database import slo
from windsock.exporter.database.dialects import moment
from windsock.exporter.database.query import Query
from windsock.exporter.database.rows import Dag
from windsock.exporter.series.labels import labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.exporter.database.query import Pass
    from windsock.exporter.database.snapshot import Sample

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

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        schedule = look.schema.either("dag", "timetable_summary", "schedule_interval")
        stale = look.schema.either("dag", "is_stale", "is_active")
        failures = "max_consecutive_failed_dag_runs"
        limited = (failures,) if look.schema.has("dag", failures) else ()
        dags = look.schema.table(
            "dag",
            *limited,
            "dag_id",
            "owners",
            "is_paused",
            stale,
            schedule,
            "next_dagrun_create_after",
            "last_parsed_time",
        ).c
        rows = look.execute(
            sa.select(
                dags.dag_id,
                dags.owners,
                dags.is_paused,
                dags[stale],
                dags[schedule],
                dags.next_dagrun_create_after,
                dags.last_parsed_time,
                *(dags[name] for name in limited),
            )
        )
        found: dict[str, Dag] = {}
        parsed: dict[str, float | None] = {}
        for dag_id, owners, paused, flag, schedule_text, due, when, *most in rows:
            if bool(flag) == (stale == "is_stale"):
                yield "airflow_db_dag_stale", labels(dag_id=dag_id), 1
                continue
            scheduled = _plain(schedule_text) not in _NO_SCHEDULE
            found[dag_id] = Dag(dag_id, owners or "", bool(paused), scheduled, moment(due), sum(most))
            parsed[dag_id] = moment(when)
        look.facts.dags = found
        look.facts.known = frozenset(row[0] for row in rows)
        if look.facts.tagged is not None and found.keys() - look.facts.tagged:
            read_tags(look)  # new ones: their team depends on them
        look.facts.tagged = frozenset(found)
        facts = {dag.dag_id: _facts(dag, look) for dag in found.values()}
        look.facts.promised = slo.promises(look.settings.slo, facts.values(), look.route)
        for dag in found.values():
            key = labels(dag_id=dag.dag_id)
            yield "airflow_db_dag_info", _info(dag, facts[dag.dag_id], look), 1
            yield "airflow_db_dag_paused", key, int(dag.paused)
            if dag.paused and dag.scheduled:
                yield "airflow_db_dag_paused_with_schedule", key, 1
            if (when := parsed[dag.dag_id]) is not None:
                yield "airflow_db_dag_last_parsed_timestamp_seconds", key, when
            yield "airflow_db_dag_schedule_lag_seconds", key, 0 if dag.paused else look.age(dag.next_due)


class Tags(Query):
    """Tags change when a file is parsed, not between two passes; those of a new DAG are read with it."""

    name = "tags"
    every = 4
    shared = True

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        read_tags(look)
        look.facts.tagged = None
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


def read_tags(look: Pass) -> None:
    """Read the tags of all DAGs."""
    tags = look.schema.table("dag_tag", "dag_id", "name").c
    found: defaultdict[str, list[str]] = defaultdict(list)
    for dag_id, name in look.execute(sa.select(tags.dag_id, tags.name)):
        found[dag_id].append(name)
    look.facts.tags = {dag_id: tuple(sorted(names)) for dag_id, names in found.items()}


def _facts(dag: Dag, look: Pass) -> teams.DagFacts:
    return teams.DagFacts(dag.dag_id, teams.owners_of(dag.owner), look.facts.tags.get(dag.dag_id, ()))


def _info(dag: Dag, facts: teams.DagFacts, look: Pass) -> tuple[tuple[str, str], ...]:
    team, severity = look.route(facts)
    return labels(dag_id=dag.dag_id, owner=dag.owner, team=team, severity=severity, tags=",".join(facts.tags))


def _plain(schedule: str | None) -> str | None:
    """2.11 keeps JSON: `"@daily"`, `null`, and objects for what is no text."""
    if schedule is not None and schedule.startswith('"'):
        return str(json.loads(schedule))
    return schedule
