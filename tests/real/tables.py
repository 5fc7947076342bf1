"""Databases with the tables of a real Airflow, written to as Airflow would."""

from __future__ import annotations

import contextlib
import re
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS = Path(__file__).parents[1] / "data" / "schemas"
TIMES = re.compile(r".*(_at|_date|_dttm|_time|_end|_start|_after|heartbeat|timestamp|dttm|_updated)$")


class Database:
    """The tables of one Airflow on one engine, written to as Airflow would."""

    def __init__(self, server: Any, version: str) -> None:
        self.server = server
        self.version = version
        self.name = f"airflow_{uuid.uuid4().hex[:12]}"
        if server.name != "sqlite":
            admin = server.admin("postgres" if server.name == "postgresql" else "")
            with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text(f"CREATE DATABASE {self.name}"))
        self.url = server.url(self.name)
        self.engine = server.admin(self.name)
        self._open: sa.engine.Connection | None = None
        self.script = (SCHEMAS / f"airflow-{version}-{server.name}.sql").read_text()
        with self.engine.begin() as connection:
            for statement in self.script.split(";\n"):
                if statement.strip():
                    connection.exec_driver_sql(statement.replace("%", "%%"))

    @property
    def modern(self) -> bool:
        return self.version.startswith("3")

    @contextlib.contextmanager
    def together(self) -> Iterator[sa.engine.Connection]:
        """All that is written within is one transaction, also what is so by itself."""
        if self._open is not None:
            yield self._open
            return
        try:
            with self.engine.begin() as connection:
                self._open = connection
                yield connection
        finally:
            self._open = None

    def execute(self, statement: Any, **values: Any) -> Any:
        with self.together() as connection:
            result = connection.execute(sa.text(statement) if isinstance(statement, str) else statement, values)
            return result.fetchall() if result.returns_rows else None

    def table(self, name: str, columns: Any) -> sa.sql.expression.TableClause:
        zone = self.server.name == "postgresql"
        types = {column: sa.DateTime(timezone=zone) if TIMES.match(column) else None for column in columns}
        return sa.table(name, *(sa.column(column, kind) for column, kind in types.items()))

    def value(self, column: str, value: Any) -> Any:
        if value is not None and TIMES.match(column) and isinstance(value, (int, float)):
            moment = datetime.fromtimestamp(value, timezone.utc)
            return moment if self.server.name == "postgresql" else moment.replace(tzinfo=None)
        return value

    def insert(self, name: str, *rows: dict[str, Any]) -> None:
        """Times are seconds since 1970."""
        if rows:
            table = self.table(name, rows[0])
            made = [{column: self.value(column, value) for column, value in row.items()} for row in rows]
            with self.together() as connection:
                connection.execute(table.insert(), made)

    def update(self, name: str, where: dict[str, Any], **values: Any) -> None:
        table = self.table(name, {**where, **values})
        made = {column: self.value(column, value) for column, value in values.items()}
        same = sa.and_(*(table.c[column] == value for column, value in where.items()))
        with self.together() as connection:
            connection.execute(table.update().where(same).values(**made))

    def empty(self) -> None:
        tables = re.findall(r'CREATE TABLE [`"]?(\w+)', self.script)
        quote = self.engine.dialect.identifier_preparer.quote
        with self.engine.begin() as connection:
            for table in tables:
                connection.execute(sa.text(f"DELETE FROM {quote(table)}"))

    # The rows that Airflow would make, of the columns that matter here and those that must not be NULL.

    def dag(self, dag_id: str, **given: Any) -> None:
        row: dict[str, Any] = {
            "dag_id": dag_id,
            "owners": "airflow",
            "is_paused": False,
            "max_active_tasks": 16,
            "max_consecutive_failed_dag_runs": 0,
            "has_task_concurrency_limits": False,
            "next_dagrun_create_after": None,
            "last_parsed_time": None,
        }
        schedule, stale = given.pop("schedule", "0 0 * * *"), given.pop("stale", False)
        if self.modern:
            row |= {"is_stale": stale, "bundle_name": "dags", "timetable_summary": schedule}
            later = {"timetable_type": "t", "partition_mapper_info": "{}"}
            row |= {column: value for column, value in later.items() if column in self.script}
        else:
            row |= {"is_active": not stale, "schedule_interval": f'"{schedule}"' if schedule else "null"}
        self.insert("dag", row | given)

    def run(self, id: int, dag_id: str, state: str, due: float, **given: Any) -> None:  # noqa: A002
        manual = given.pop("manual", False)
        row: dict[str, Any] = {
            "id": id,
            "dag_id": dag_id,
            "run_id": f"run_{id}",
            "run_type": "manual" if manual else "scheduled",
            "state": state,
            "queued_at": None,
            "start_date": None,
            "end_date": None,
        }
        if self.modern:
            row |= {"run_after": due, "logical_date": None if manual else due - 3600 - id * 1e-3}
        else:
            row |= {"data_interval_end": due, "execution_date": due - 3600 - id * 1e-3}
        self.insert("dag_run", row | given)

    def task(self, run: int, dag_id: str, task_id: str, state: str | None, **given: Any) -> None:
        row: dict[str, Any] = {
            "dag_id": dag_id,
            "run_id": f"run_{run}",
            "task_id": task_id,
            "map_index": -1,
            "state": state,
            "pool": "default_pool",
            "pool_slots": 1,
            "queue": "default",
            "executor": None,
            "try_number": 1,
            "max_tries": 0,
            "queued_dttm": None,
            "start_date": None,
            "end_date": None,
            "updated_at": None,
            "trigger_id": None,
        }
        if self.modern:
            row |= {"id": str(uuid.uuid4()) if self.server.name != "sqlite" else uuid.uuid4().hex}
            row |= {"scheduled_dttm": None}
        row |= given
        if self.version >= "3.4":
            row["region_index"] = row.pop("map_index")
        self.insert("task_instance", row)
