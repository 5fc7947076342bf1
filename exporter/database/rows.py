"""Rows of Airflow's tables, as queries hand them on."""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from .dialects import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.sql.elements import ColumnElement
    from sqlalchemy.sql.expression import TableClause

    from .schema import Schema

_RUN = ("id", "dag_id", "run_id", "state", "queued_at", "start_date", "end_date")


@dataclass(frozen=True)
class Dag:
    """A DAG that is not stale. Times are seconds since 1970."""

    dag_id: str
    owner: str
    paused: bool
    scheduled: bool
    next_due: float | None
    """When its next run is to be created."""
    most_failures: int = 0
    """So many failed runs in a row make Airflow pause it; 0: none do."""


class Run(NamedTuple):
    """A row of dag_run. A tuple: the first pass makes thousands of them."""

    id: int
    dag_id: str
    run_id: str
    state: str
    due: float
    queued: float | None
    start: float | None
    end: float | None

    @staticmethod
    def columns(schema: Schema, *, past: bool = False) -> tuple[TableClause, list[ColumnElement[Any]]]:
        """dag_run, and what has to be selected of it for `read`; of the `past` not when it was queued.

        Raises UnsupportedError.
        """
        table, due = schema.runs(*_RUN)
        # Of thousands of rows a time is what takes longest to read.
        no_time = {"queued_at": sa.null().label("queued_at")} if past else {}
        return table, [*(no_time.get(name, table.c[name]) for name in _RUN), due.label("due")]

    @classmethod
    def read(cls, row: Sequence[Any]) -> Run:
        """A run from a row of `columns`."""
        run_id, dag_id, name, state, queued, start, end, due = row
        # Thousands are kept, of which many have the same id and nearly all the same state.
        dag, state = intern(dag_id), state and intern(state)
        return cls(run_id, dag, name, state, moment(due) or 0, moment(queued), moment(start), moment(end))


@dataclass(frozen=True)
class Missed:
    """A deadline that was missed, of a run that has not succeeded."""

    dag_id: str
    run_id: str
    id: str
    """As the context of a deadline's callback has it: a UUID with dashes."""
    time: float
    due: float
    """When its run was due."""
