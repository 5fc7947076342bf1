"""What the database has: tables and columns, and what they are called in each Airflow.

Nothing here asks for a version: a column is there or it is not. A query that needs one that is not there says so by
UnsupportedError, and the others go on.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from windsock.exceptions import WindsockError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.sql.elements import ColumnElement
    from sqlalchemy.sql.expression import FromClause, TableClause

    from .session import Session

TABLES = (
    "dag",
    "dag_tag",
    "dag_run",
    "task_instance",
    "slot_pool",
    "job",
    "trigger",
    "import_error",
    "asset",
    "asset_event",
    "dataset",
    "dataset_event",
    "deadline",
    "backfill",
    "backfill_dag_run",
    "log",
    "deadline_alert",
    "serialized_dag",
    "dag_schedule_asset_reference",
    "task_outlet_asset_reference",
    "dag_schedule_dataset_reference",
    "task_outlet_dataset_reference",
)
"""All tables that are read, where there are such."""

UNFINISHED = (
    "scheduled",
    "queued",
    "running",
    "restarting",
    "up_for_retry",
    "up_for_reschedule",
    "deferred",
    "awaiting_input",
)
FINISHED = ("success", "failed", "skipped", "upstream_failed", "removed")
"""States of task instances: airflow.utils.state of 2.11.0 and 3.3.2."""
ACTIVE_RUNS = ("queued", "running")
FINISHED_RUNS = ("success", "failed")
"""States of runs."""


_AIRFLOWS = ("dag", "dag_run", "task_instance")
"""A database that has none of them is no Airflow's."""


class UnsupportedError(WindsockError):
    """The schema lacks a table or a column that a query needs."""


class ForeignError(UnsupportedError):
    """The database has none of Airflow's tables."""


class Schema:
    """The tables and their columns, as they were found."""

    def __init__(self, found: Iterable[Sequence[Any]]) -> None:
        columns: defaultdict[str, set[str]] = defaultdict(set)
        for table, column in found:
            columns[table].add(column)
        self.columns = dict(columns)

    def tables(self) -> list[str]:
        """Those of `TABLES` that there are."""
        return [name for name in TABLES if name in self.columns]

    def has(self, table: str, *columns: str) -> bool:
        """Whether the table and these columns are there."""
        return table in self.columns and self.columns[table].issuperset(columns)

    def table(self, name: str, *columns: str) -> TableClause:
        """The table with these columns. Raises UnsupportedError."""
        if name not in self.columns:
            raise UnsupportedError(f"there is no table {name}")
        missing = [column for column in columns if column not in self.columns[name]]
        if missing:
            raise UnsupportedError(f"the table {name} has no column {', '.join(missing)}")
        return sa.table(name, *map(sa.column, columns))

    def tasks(self, *columns: str) -> FromClause:
        """task_instance with these columns, each instance once. Raises UnsupportedError.

        3.4 keeps earlier tries in it, with `working_set` NULL, and calls `map_index` `region_index`: the index within
        the region `region_id`, of which a task in a mapped group or a loop has several.
        """
        if not self.has("task_instance", "working_set"):
            return self.table("task_instance", *columns)
        renamed = {"map_index": self.either("task_instance", "map_index", "region_index")}
        table = self.table("task_instance", *(renamed.get(name, name) for name in columns), "working_set")
        named = (table.c[renamed.get(name, name)].label(name) for name in columns)
        return sa.select(*named).where(table.c.working_set.is_(sa.true())).subquery("task_instance")

    def either(self, table: str, *names: str) -> str:
        """The first of these columns that the table has. Raises UnsupportedError."""
        for name in names:
            if self.has(table, name):
                return name
        raise UnsupportedError(f"the table {table} has none of the columns {', '.join(names)}")

    def runs(self, *columns: str) -> tuple[TableClause, ColumnElement[Any]]:
        """dag_run, and the expression for when a run was due: `run_after`, or the end of its interval in 2.11."""
        if self.has("dag_run", "run_after"):
            runs = self.table("dag_run", *columns, "run_after")
            return runs, runs.c.run_after
        runs = self.table("dag_run", *columns, "data_interval_end", "execution_date")
        return runs, sa.func.coalesce(runs.c.data_interval_end, runs.c.execution_date)

    def assets(self) -> tuple[TableClause, TableClause, ColumnElement[Any], ColumnElement[Any]]:
        """The assets, their events, an asset's name, and the events' reference to it; datasets in 2.11."""
        if "asset" in self.columns:
            assets, events = self.table("asset", "id", "name"), self.table("asset_event", "asset_id", "timestamp")
            return assets, events, assets.c.name, events.c.asset_id
        assets, events = self.table("dataset", "id", "uri"), self.table("dataset_event", "dataset_id", "timestamp")
        return assets, events, assets.c.uri, events.c.dataset_id


def look(session: Session) -> Schema:
    """Return what the database has of `TABLES`. Raises ForeignError."""
    found = Schema(session.execute(session.dialect.columns(TABLES)))
    if not any(map(found.has, _AIRFLOWS)):
        raise ForeignError(
            f"none of Airflow's tables ({', '.join(_AIRFLOWS)}) is there, or this role may not see them: expected"
            " Airflow's database after `airflow db migrate`, and a role with what `windsock metadata grants` prints"
        )
    return found
