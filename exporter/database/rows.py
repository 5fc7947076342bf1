"""Rows of Airflow's tables, as queries hand them on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dag:
    """A DAG that is not stale. Times are seconds since 1970."""

    dag_id: str
    owner: str
    paused: bool
    scheduled: bool
    next_due: float | None
    """When its next run is to be created."""


@dataclass(frozen=True)
class Run:
    """A row of dag_run."""

    id: int
    dag_id: str
    run_id: str
    state: str
    due: float
    queued: float | None
    start: float | None
    end: float | None
