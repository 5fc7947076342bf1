"""Who owns the tasks of a DAG, as callbacks see it.

Airflow 3 writes `dag.owners` without mapped tasks, and without those that have the default owner; the DAG at hand in a
callback has them, and an alert's team may depend on them. So they are read from the serialized DAG, which changes with
the DAG file only, for DAGs with new failures, and kept for some minutes.
"""

from __future__ import annotations

import json
import time
import zlib
from typing import TYPE_CHECKING, Any

from windsock.redaction import redact

from .matching import matching

if TYPE_CHECKING:
    from collections.abc import Collection

    from .reader import Reader

_FRESH = 600.0
_CHUNK = 20
"""DAGs in one statement: each may be large."""
_PAUSE = 20
"""Passes without them after the database could not give them in time."""
_DEFAULT = "airflow"


class Owners:
    """`known` has them by DAG, of the DAGs that were asked for."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        """As Airflow writes them: `data, airflow`; empty where the DAG does not say so, or not understandably."""
        self._read: dict[str, float] = {}
        self._paused = 0

    def ask(self, reader: Reader, dag_ids: Collection[str]) -> str:
        """Read those that are due; returns what went wrong: what `dag.owners` says is taken then."""
        self._paused = max(0, self._paused - 1)
        tables, now = reader.schema, time.monotonic()
        # 2.11, which has no versions of DAGs, writes `dag.owners` in full.
        columns = ("dag_id", "last_updated", "data", "data_compressed")
        if tables is None or self._paused or not tables.has("serialized_dag", "dag_version_id", *columns):
            return ""
        table = tables.table("serialized_dag", *columns)
        shown, newest = [table.c.dag_id, table.c.data, table.c.data_compressed], [table.c.last_updated.desc()]
        due = sorted(one for one in dag_ids if now - self._read.get(one, float("-inf")) > _FRESH)
        try:
            for start in range(0, len(due), _CHUNK):
                chunk = due[start : start + _CHUNK]
                keys = [(dag_id,) for dag_id in chunk]
                rows = matching(reader.session, table, ("dag_id",), keys, shown, order=newest, most=1)
                self.known |= {dag_id: _owners(data, packed) for dag_id, data, packed in rows}
                self._read |= dict.fromkeys(chunk, now)
        except Exception as error:  # noqa: BLE001  whatever the driver raises
            self._paused = _PAUSE
            return redact(str(getattr(error, "orig", None) or error)).strip().partition("\n")[0]
        return ""


def _owners(data: Any, packed: Any) -> str:
    try:
        text = zlib.decompress(packed) if packed else data
        found = json.loads(text) if isinstance(text, (str, bytes)) else text  # PostgreSQL's drivers read JSON
        default = found.get("client_defaults", {}).get("tasks", {}).get("owner") or _DEFAULT
        return ", ".join(sorted({_owner(task["__var"]) or default for task in found["dag"]["tasks"]}))
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error):
        return ""


def _owner(task: dict[str, Any]) -> Any:
    return task.get("owner") or task.get("partial_kwargs", {}).get("owner")
