"""How large the database has become: estimates, not counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from typing_extensions import override

from windsock.exporter.database.dialects import moment
from windsock.exporter.database.query import Query
from windsock.exporter.series.labels import labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.exporter.database.query import Pass
    from windsock.exporter.database.snapshot import Sample

# The time in the row with the lowest id: no index on the time is needed.
_TIMES = {
    "dag_run": ("run_after", "execution_date"),
    "log": ("dttm",),
    "job": ("start_date",),
    "asset_event": ("timestamp",),
    "dataset_event": ("timestamp",),
}


class Tables(Query):
    """Rows and bytes, from the database's own statistics."""

    name = "tables"
    gauges = ("airflow_db_table_rows", "airflow_db_table_size_bytes")
    every = 20

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        for statement in look.session.dialect.sizes(look.schema.tables()):
            for table, rows, size in look.execute(statement):
                if rows is not None:
                    yield "airflow_db_table_rows", labels(table=table), float(rows)
                if size is not None:
                    yield "airflow_db_table_size_bytes", labels(table=table), float(size)


class OldestRows(Query):
    """A task instance is as old as its run: dag_run's oldest row is task_instance's too."""

    name = "oldest_rows"
    gauges = ("airflow_db_table_oldest_row_timestamp_seconds",)
    every = 20

    @override
    def collect(self, look: Pass) -> Iterator[Sample]:
        parts = []
        for table, times in _TIMES.items():
            time = next((name for name in times if look.schema.has(table, "id", name)), None)
            if time is not None:
                rows = look.schema.table(table, "id", time).c
                # The sub-select keeps ORDER BY and LIMIT to its own part of the union.
                first = sa.select(rows[time]).order_by(rows.id).limit(1).scalar_subquery()
                parts.append(sa.select(sa.literal(table), first))
        for table, when in look.execute(sa.union_all(*parts)) if parts else ():
            if when is not None:
                yield "airflow_db_table_oldest_row_timestamp_seconds", labels(table=table), moment(when) or 0
