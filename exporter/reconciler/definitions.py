"""What a DAG's own definition says and its rows do not: who owns its tasks, and which of them have a failure callback.

Airflow 3 writes `dag.owners` without mapped tasks, and without those that have the default owner; the DAG at hand in a
callback has them, and an alert's team may depend on them. So both are read from the serialized DAG, which changes with
the DAG file only, for DAGs with new failures, and kept for some minutes. Whether a task has a callback is written down
since 3.1, with version 3 of the serialized form; before, that nothing is said of it means nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from windsock.events import DAG_RUN_FAILED, TASK_FAILED
from windsock.exporter.database import serialized
from windsock.exporter.database.faults import said

if TYPE_CHECKING:
    from collections.abc import Collection

    from windsock.exporter.database.collector import Collector

    from .failure import Key

_FRESH = 600.0
_CHUNK = 20
"""DAGs in one statement: each may be large."""
_PAUSE = 20
"""Passes without them after the database could not give them in time."""
_DEFAULT = "airflow"
_CALLBACK = "has_on_failure_callback"
_TELLS = 3
"""The version of the serialized form from which on tasks say whether they have one."""


class Definition(NamedTuple):
    """What one serialized DAG says."""

    owners: str = ""
    """As Airflow writes them: `data, airflow`; empty where the DAG does not say so, or not understandably."""
    bare: frozenset[str] = frozenset()
    """Its tasks without a failure callback; the empty name stands for the DAG itself."""

    def calls_nobody(self, key: Key) -> bool:
        """Whether nothing is attached that Airflow could call for this failure."""
        return key.alertname in (TASK_FAILED, DAG_RUN_FAILED) and key.task_id in self.bare


class Definitions:
    """`known` has them by DAG, of the DAGs that were asked for."""

    def __init__(self) -> None:
        self.known: dict[str, Definition] = {}
        self._read: dict[str, float] = {}
        self._paused = 0

    def ask(self, database: Collector, dag_ids: Collection[str]) -> str:
        """Read those that are due; returns what went wrong: what the table `dag` says is taken then."""
        self._paused = max(0, self._paused - 1)
        tables, now = database.schema, time.monotonic()
        # 2.11, which has no versions of DAGs, writes `dag.owners` in full.
        if tables is None or self._paused or not tables.has("serialized_dag", "dag_version_id", *serialized.COLUMNS):
            return ""
        due = sorted(one for one in dag_ids if now - self._read.get(one, float("-inf")) > _FRESH)
        try:
            for start in range(0, len(due), _CHUNK):
                chunk = due[start : start + _CHUNK]
                rows = serialized.newest(database.session, tables, chunk)
                self.known |= {dag_id: _definition(data, packed) for dag_id, data, packed in rows}
                self._read |= dict.fromkeys(chunk, now)
        except Exception as error:  # noqa: BLE001  whatever the driver raises
            self._paused = _PAUSE
            return said(error)
        return ""

    def owners(self) -> dict[str, str]:
        """By DAG, where they are known."""
        return {dag_id: one.owners for dag_id, one in self.known.items()}

    def calls_nobody(self, key: Key) -> bool:
        """Whether it is known that nothing is attached to what failed."""
        return self.known.get(key.dag_id, Definition()).calls_nobody(key)


def _definition(data: Any, packed: Any) -> Definition:
    try:
        found = serialized.content(data, packed)
        default = found.get("client_defaults", {}).get("tasks", {}).get("owner") or _DEFAULT
        tasks = [task["__var"] for task in found["dag"]["tasks"]]
        owners = ", ".join(sorted({_said(task, "owner") or default for task in tasks}))
        tells = found.get("__version", 0) >= _TELLS
        bare = {str(task.get("task_id", "")) for task in tasks if tells and not _said(task, _CALLBACK)} - {""}
        return Definition(owners, frozenset(bare if found["dag"].get(_CALLBACK) else {*bare, ""}))
    except (ValueError, TypeError, KeyError, AttributeError):
        return Definition()


def _said(task: dict[str, Any], name: str) -> Any:
    """A mapped task has what all its instances share in a place of its own."""
    return task.get(name) or task.get("partial_kwargs", {}).get(name)
