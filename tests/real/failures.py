"""Rows of failures as Airflow writes them."""

from __future__ import annotations

import time
from typing import Any


def fail(
    database: Any, run: int = 1, dag: str = "d", task: str = "t", ended: float | None = None, **given: Any
) -> None:
    """A run with one failed task."""
    ended = ended or time.time() - 30
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
    """What was cleared has run and failed."""
    now = time.time()
    database.update("task_instance", {"dag_id": dag}, state="failed", end_date=now, updated_at=now)
    database.update("dag_run", {"dag_id": dag}, state="failed", end_date=now)
