"""The tasks of a DAG, and which of them wait for which."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Plan:
    """Each task with those that it waits for, in an order in which each comes after them."""

    upstream: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, upstream: Mapping[str, tuple[str, ...]]) -> Plan:
        """Of the tasks that each one waits for, in any order. Raises ValueError where some wait for one another."""
        try:
            order = list(TopologicalSorter(upstream).static_order())
        except CycleError:
            raise ValueError("tasks that wait for one another") from None
        return cls(
            {
                task: tuple(one for one in upstream.get(task, ()) if one in upstream)
                for task in order
                if task in upstream
            }
        )

    @classmethod
    def read(cls, serialized: Any) -> Plan:
        """Of a serialized DAG, as `serialized_dag.data` holds it from 2.11 on. Raises ValueError where it is none.

        Each task names those that wait for it (airflow/serialization: `downstream_task_ids`); a mapped one is one task.
        """
        try:
            tasks = [task.get("__var", task) for task in serialized["dag"]["tasks"]]
            downstream = {str(task["task_id"]): task.get("downstream_task_ids", ()) for task in tasks}
            upstream: dict[str, list[str]] = {task: [] for task in downstream}
            for task, others in downstream.items():
                for other in others:
                    upstream.setdefault(str(other), []).append(task)
        except (AttributeError, KeyError, TypeError):
            raise ValueError("not a serialized DAG: expected dag.tasks with task_id and downstream_task_ids") from None
        return cls.of({task: tuple(sorted(others)) for task, others in upstream.items()})
