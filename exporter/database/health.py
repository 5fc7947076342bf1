"""The metadata database, as the doctor sees it from this host: is it read, and may its role do no more?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from windsock.database import find_url
from windsock.doctor.finding import Finding
from windsock.exceptions import WindsockError
from windsock.settings.units import format_age

from .engine import open_engine, parse
from .once import look_once
from .session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Settings

_TIMEOUT = 5.0
_BEAT, _PAUSED = "airflow_db_heartbeat_timestamp_seconds", "airflow_db_dag_paused_by_failures"
_QUIET = 120.0
"""Seconds: a scheduler writes its heartbeat every 5; by default it is unhealthy after 30."""
_SKEW = 5.0
_SHOWN = 5
_WRITES = {
    "postgresql": "SELECT has_table_privilege('dag_run', 'INSERT, UPDATE, DELETE')",
    "mysql": "SELECT count(*) > 0 FROM information_schema.user_privileges WHERE privilege_type IN ('INSERT', 'SUPER')"
    " UNION ALL SELECT count(*) > 0 FROM information_schema.schema_privileges"
    " WHERE privilege_type = 'INSERT' AND table_schema = DATABASE()",
}
"""By dialect: whether the role may write to Airflow's tables. MariaDB is asked as MySQL; SQLite has no roles."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found. Raises SettingsError for a URL that can't be had here."""
    url = find_url(settings.metadata.url)
    if url is None:
        yield Finding(
            "database.unknown",
            "warning",
            "No metadata database is named: killed tasks, late data and what waits are not seen.",
            "Set metadata.url in windsock.yaml; `windsock metadata grants` prints a role for it.",
            "Metadata database",
        )
        return
    where = f"Metadata database {parse(url)!r}"
    try:
        look = look_once(settings, url)
    except WindsockError as error:
        yield Finding(
            "database.down",
            "critical",
            f"It can't be read: {error}.",
            "Mend metadata.url, or the role's rights: `windsock metadata grants` prints them.",
            where,
        )
        return
    for name, said in look.failed.items():
        yield Finding(
            "database.query",
            "warning",
            f"The query {name} fails: {said}.",
            "`windsock metadata grants` prints the rights that a role needs.",
            where,
        )
    yield from _airflow(look.exposition, where)
    if _may_write(url):
        yield Finding(
            "database.rights",
            "warning",
            "Its role may write to Airflow's tables.",
            "Give windsock a role that only reads: `windsock metadata grants` prints one.",
            where,
        )


def _airflow(exposition: str, where: str) -> Iterator[Finding]:
    """What Airflow wrote there: that it runs, by which clock, and what it paused."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {_BEAT: [], _PAUSED: []}
    for family in text_string_to_metric_families(exposition):
        if family.name in found:
            found[family.name] += [(one.labels, one.value) for one in family.samples]
    beats = [moment for labels, moment in found[_BEAT] if labels.get("job_type") == "SchedulerJob"]
    age = time.time() - max(beats) if beats else None
    if age is None or age > _QUIET:
        yield Finding(
            "database.scheduler",
            "critical",
            "No scheduler has written to it."
            if age is None
            else f"The newest heartbeat of a scheduler in it is {format_age(age)} old.",
            "Start the scheduler, or let metadata.url lead to the database that it writes to, or to a replica that"
            " keeps up: what is not there is not seen.",
            where,
        )
    elif age < -_SKEW:
        yield Finding(
            "database.clock",
            "warning",
            f"The scheduler's clock, by its heartbeats, is {-age:.0f} s ahead of this host's.",
            "Let NTP set both.",
            where,
        )
    paused = sorted(labels.get("dag_id", "") for labels, value in found[_PAUSED] if value)
    if paused:
        shown = ", ".join(paused[:_SHOWN]) + (f" and {len(paused) - _SHOWN} more" if len(paused) > _SHOWN else "")
        yield Finding(
            "database.paused",
            "warning",
            f"After failures Airflow itself has paused {shown}: nothing of them runs, and so nothing of them fails.",
            "Mend what fails, and unpause them.",
            where,
        )


def _may_write(url: str) -> bool:
    engine, dialect = open_engine(url, _TIMEOUT)
    question = _WRITES.get("mysql" if engine.dialect.name == "mariadb" else engine.dialect.name)
    if question is None:
        return False
    session = Session(engine, dialect, _TIMEOUT, _TIMEOUT)
    try:
        return any(row[0] for row in session.execute(sa.text(question)))
    except sa.exc.SQLAlchemyError:
        return False
    finally:
        session.close()
