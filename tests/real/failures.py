"""Rows of failures as Airflow writes them."""

from __future__ import annotations

import json
import time
import uuid
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def fail(
    database: Any, run: int = 1, dag: str = "d", task: str = "t", ended: float | None = None, **given: Any
) -> None:
    """A run with one failed task, long enough ago that no callback will tell of it any more."""
    ended = ended or time.time() - 90
    if not database.execute(f"SELECT 1 FROM dag WHERE dag_id = '{dag}'"):
        database.dag(dag)
    database.run(run, dag, given.pop("state", "failed"), ended - 100, start_date=ended - 60, end_date=ended)
    times = {"start_date": ended - 50, "end_date": ended, "updated_at": ended}
    database.task(run, dag, task, "failed", **{**times, **given})


def clear(database: Any, dag: str = "d") -> None:
    """What `airflow tasks clear` does to all runs of a DAG."""
    database.update("task_instance", {"dag_id": dag}, state=None)
    database.update("dag_run", {"dag_id": dag}, state="queued", end_date=None)


def succeed(database: Any, dag: str = "d") -> None:
    """All runs and tasks of a DAG end well."""
    now = time.time()
    database.update("task_instance", {"dag_id": dag}, state="success", end_date=now)
    database.update("dag_run", {"dag_id": dag}, state="success", end_date=now)


def fail_again(database: Any, dag: str = "d") -> None:
    """What was cleared has run and failed, as long ago."""
    ended = time.time() - 30
    database.update("task_instance", {"dag_id": dag}, state="failed", end_date=ended, updated_at=ended)
    database.update("dag_run", {"dag_id": dag}, state="failed", end_date=ended)


def note(database: Any, event: str, **given: Any) -> None:
    """A row of Airflow's own log of events, about the first try of the task."""
    row = {"id": 1, "dttm": time.time() - 30, "dag_id": "d", "task_id": "t", "run_id": "run_1"}
    about = {"map_index": -1, "try_number": 1, "owner": None, "extra": None}
    database.insert("log", {**row, **about, "event": event, **given})


def write_log(folder: Path, lines: Sequence[str], index: int = -1, dag: str = "d", run: int = 1) -> None:
    """The log of the first try of the task, below Airflow's `base_log_folder`."""
    place = folder / f"dag_id={dag}/run_id=run_{run}/task_id=t" / (f"map_index={index}" if index >= 0 else "")
    place.mkdir(parents=True)
    (place / "attempt=1.log").write_text("\n".join(lines))


def serialize(
    database: Any,
    dag: Mapping[str, Any],
    tasks: Sequence[Mapping[str, Any]] = (),
    *,
    packed: bool = False,
    **more: Any,
) -> None:
    """A DAG's definition as Airflow 3.1 and later write it down; `packed`: compressed."""
    made = [{"__type": "operator", "__var": task} for task in tasks]
    data = {"__version": 3, "dag": {"dag_id": "d", "dag_dependencies": [], "tasks": made, **dag}, **more}
    row = {"dag_id": data["dag"]["dag_id"], "last_updated": time.time(), "dag_hash": "x"}
    row |= {"data": None if packed else json.dumps(data)}
    row |= {"data_compressed": zlib.compress(json.dumps(data).encode()) if packed else None}
    if database.modern:
        row |= {"id": uuid.uuid4().hex, "created_at": time.time(), "dag_version_id": uuid.uuid4().hex}
    else:
        row |= {"fileloc": "x", "fileloc_hash": 1}
    database.insert("serialized_dag", row)
