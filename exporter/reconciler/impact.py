"""Who waits for a DAG: through assets, TriggerDagRun and ExternalTask sensors.

Airflow writes down in each serialized DAG what it triggers and what it waits for (`dag_dependencies`); who consumes an
asset stands in tables. All of it changes with the DAG files only, and is kept for some minutes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from windsock.exporter.database.serialized import content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.exporter.database.schema import Schema
    from windsock.exporter.database.session import Session

_FRESH = 600.0
_KINDS = {"trigger": "triggered by it", "sensor": "waits for it"}
_MOST = 20

Dependencies = dict[str, dict[str, str]]
"""By DAG: the DAGs downstream, each with how it depends."""


class Impact:
    """The DAGs downstream of each DAG, as of some minutes ago at most."""

    def __init__(self) -> None:
        self._known: Dependencies = {}
        self._read = float("-inf")

    def read(self, session: Session, tables: Schema) -> None:
        """Read them where that is due. Raises what the driver raises."""
        if time.monotonic() - self._read < _FRESH:
            return
        self._read = time.monotonic()
        found: Dependencies = {}
        for source, target, how in (*_assets(session, tables), *_serialized(session, tables)):
            if source and target and source != target:
                found.setdefault(source, {})[target] = how
        self._known = found

    def of(self, dag_id: str) -> str:
        """Return who waits: `billing (asset), reports (waits for it) and 3 more`; empty for nobody."""
        waiting = sorted(self._known.get(dag_id, {}).items())
        shown = ", ".join(f"{target} ({how})" for target, how in waiting[:_MOST])
        return shown + (f" and {len(waiting) - _MOST} more" if len(waiting) > _MOST else "")


def _assets(session: Session, tables: Schema) -> Iterator[tuple[str, str, str]]:
    for noun in ("asset", "dataset"):
        outlets, schedules = f"task_outlet_{noun}_reference", f"dag_schedule_{noun}_reference"
        if tables.has(outlets, f"{noun}_id", "dag_id") and tables.has(schedules, f"{noun}_id", "dag_id"):
            made = tables.table(outlets, f"{noun}_id", "dag_id")
            used = tables.table(schedules, f"{noun}_id", "dag_id")
            same = made.c[f"{noun}_id"] == used.c[f"{noun}_id"]
            query = sa.select(made.c.dag_id, used.c.dag_id.label("consumer")).where(same).distinct()
            for producer, consumer in session.execute(query):
                yield producer, consumer, noun


def _serialized(session: Session, tables: Schema) -> Iterator[tuple[str, str, str]]:
    if not tables.has("serialized_dag", "dag_id", "last_updated", "data", "data_compressed"):
        return
    table = tables.table("serialized_dag", "dag_id", "last_updated", "data", "data_compressed").c
    name = session.engine.dialect.name
    if name == "postgresql":
        part: Any = sa.func.json_extract_path_text(sa.cast(table.data, sa.JSON), "dag", "dag_dependencies")
    else:
        part = sa.func.json_extract(table.data, "$.dag.dag_dependencies")
    rows = session.execute(sa.select(table.dag_id, part, table.data_compressed).order_by(table.last_updated))
    latest = {dag_id: (text, packed) for dag_id, text, packed in rows}  # 3.x keeps old versions
    for text, packed in latest.values():
        for one in _dependencies(text, packed):
            how = _KINDS.get(str(one.get("dependency_type")))
            if how is not None:
                yield str(one.get("source")), str(one.get("target")), how


def _dependencies(text: Any, packed: Any) -> list[dict[str, Any]]:
    try:
        found = content(None, packed)["dag"].get("dag_dependencies") if packed else content(text or "[]", None)
    except (ValueError, TypeError, KeyError, AttributeError):
        return []
    return [one for one in found or () if isinstance(one, dict)] if isinstance(found, (list, tuple)) else []
