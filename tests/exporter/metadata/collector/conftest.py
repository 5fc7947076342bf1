"""Databases with the tables of a real Airflow, written to as Airflow would, and a collector on them."""

from __future__ import annotations

import re
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from windsock.exporter.exposition import TEXT, render
from windsock.exporter.metadata import collector
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEMAS = Path(__file__).parents[3] / "data" / "schemas"
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{.*\})?) (\S+)")
TIMES = re.compile(r".*(_at|_date|_dttm|_time|_end|_start|_after|heartbeat|timestamp|dttm)$")


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
        self.script = (SCHEMAS / f"airflow-{version}-{server.name}.sql").read_text()
        with self.engine.begin() as connection:
            for statement in self.script.split(";\n"):
                if statement.strip():
                    connection.exec_driver_sql(statement.replace("%", "%%"))

    @property
    def modern(self) -> bool:
        return self.version.startswith("3")

    def execute(self, statement: Any, **values: Any) -> Any:
        with self.engine.begin() as connection:
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
            with self.engine.begin() as connection:
                connection.execute(table.insert(), made)

    def update(self, name: str, where: dict[str, Any], **values: Any) -> None:
        table = self.table(name, {**where, **values})
        made = {column: self.value(column, value) for column, value in values.items()}
        same = sa.and_(*(table.c[column] == value for column, value in where.items()))
        with self.engine.begin() as connection:
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
            row |= {"is_stale": stale, "bundle_name": "dags", "timetable_type": "t", "timetable_summary": schedule}
            row |= {"partition_mapper_info": "{}"}
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
        self.insert("task_instance", row | given)


@pytest.fixture(scope="session")
def databases() -> Iterator[dict[tuple[str, str], Database]]:
    """Made once for each engine and version."""
    made: dict[tuple[str, str], Database] = {}
    yield made
    for one in made.values():
        one.engine.dispose()


@pytest.fixture(params=["3.3.2", "2.11.0"])
def database(request, server, databases) -> Database:
    """Each Airflow's tables on each engine, empty."""
    key = server.name, request.param
    if key not in databases:
        databases[key] = Database(server, request.param)
    databases[key].empty()
    return databases[key]


@pytest.fixture
def make_database() -> Iterator[Callable[[Any, str], Database]]:
    """Make a database of the test's own."""
    made: list[Database] = []

    def make(server: Any, version: str) -> Database:
        made.append(Database(server, version))
        return made[-1]

    yield make
    for one in made:
        one.engine.dispose()


@pytest.fixture
def pg_database(postgres, make_database) -> Database:
    return make_database(postgres, "3.3.2")


class Look:
    """A collector whose passes are made by hand."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.collector = collector.Collector(Settings.model_validate(settings), url)

    def __call__(self, *, everything: bool = False) -> dict[str, float]:
        """Make a pass; returns what is exposed from the database."""
        self.collector.look(everything=everything)
        return self.shown("airflow_db_")

    def shown(self, start: str = "") -> dict[str, float]:
        text = render(list(self.collector.stores()), TEXT).decode()
        lines = [line for line in text.split("\n") if line and not line.startswith("#")]
        found = [(match[1], float(match[2])) for match in map(SAMPLE.fullmatch, lines)]
        assert len(dict(found)) == len(found), "a series stands twice"
        return {name: value for name, value in found if name.startswith(start)}


@pytest.fixture
def look() -> Iterator[Callable[..., Look]]:
    """Make a collector: `look(url, slo={…})`."""
    made: list[Look] = []

    def make(url: str, **settings: Any) -> Look:
        made.append(Look(url, **settings))
        return made[-1]

    yield make
    for one in made:
        one.collector.session.close()


@pytest.fixture
def clock(monkeypatch) -> Callable[[float], None]:
    """Set the time of day that the collector sees."""
    real = time.monotonic

    class Time:
        now = 0.0
        monotonic = staticmethod(real)

        @classmethod
        def time(cls) -> float:
            return cls.now

    def put(now: float) -> None:
        Time.now = now

    monkeypatch.setattr(collector, "time", Time)
    return put
