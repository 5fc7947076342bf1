"""The tasks of a DAG, which of them wait for which, and how long each waits between two tries."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Pause(NamedTuple):
    """What lies between two tries of a task at least, as Airflow computes it (`TaskInstance.next_retry_datetime`)."""

    seconds: float = 300.0
    """By default, and what a serialized task that says nothing has (airflow/serialization/schema.json)."""
    growth: float = 1.0
    """A factor for each try after the first. Where it is not 1, Airflow adds up to as much again, by chance."""
    most: float = 86_400.0
    """`max_retry_delay`, by default `[core] max_task_retry_delay`."""

    def after(self, number: int) -> float:
        """Seconds from the end of the try with this number, the first is 1, to the next one."""
        if self.growth <= 0 or self.growth == 1:
            return self.seconds
        try:
            return min(self.most, self.seconds * self.growth ** max(0, number - 1))
        except OverflowError:
            return self.most


UNKNOWN = Pause(0.0)


@dataclass(frozen=True)
class Plan:
    """Each task with those that it waits for, in an order in which each comes after them."""

    upstream: Mapping[str, tuple[str, ...]]
    pauses: Mapping[str, Pause] = field(default_factory=dict)
    """Of the tasks of which it is known."""

    @classmethod
    def of(cls, upstream: Mapping[str, tuple[str, ...]], pauses: Mapping[str, Pause] | None = None) -> Plan:
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
            },
            pauses or {},
        )

    @classmethod
    def read(cls, serialized: Any) -> Plan:
        """Of a serialized DAG, as `serialized_dag.data` holds it from 2.11 on. Raises ValueError where it is none.

        Each task names those that wait for it (airflow/serialization: `downstream_task_ids`); a mapped one is one task.
        """
        try:
            tasks = [task.get("__var", task) for task in serialized["dag"]["tasks"]]
            defaults = (serialized.get("client_defaults") or {}).get("tasks", {})
            pauses = {
                str(task["task_id"]): _pause({**defaults, **task, **task.get("partial_kwargs", {})}) for task in tasks
            }
            downstream = {str(task["task_id"]): task.get("downstream_task_ids", ()) for task in tasks}
            upstream: dict[str, list[str]] = {task: [] for task in downstream}
            for task, others in downstream.items():
                for other in others:
                    upstream.setdefault(str(other), []).append(task)
        except (AttributeError, KeyError, TypeError):
            raise ValueError("not a serialized DAG: expected dag.tasks with task_id and downstream_task_ids") from None
        return cls.of({task: tuple(sorted(others)) for task, others in upstream.items()}, pauses)


def _pause(task: Mapping[str, Any]) -> Pause:
    """Of a serialized task; `UNKNOWN` where code decides, or what is written there is none."""
    if task.get("has_retry_policy"):
        return UNKNOWN
    default = Pause()
    backoff = task.get("retry_exponential_backoff") or 0  # until 3.1 a bool, which means 2
    try:
        pause = Pause(
            _seconds(task.get("retry_delay"), default.seconds),
            2.0 if backoff is True else float(backoff) or default.growth,
            _seconds(task.get("max_retry_delay"), default.most),
        )
    except (TypeError, ValueError):
        return UNKNOWN
    return pause if all(map(math.isfinite, pause)) else UNKNOWN


def _seconds(value: Any, default: float) -> float:
    """A timedelta as Airflow serializes it: seconds, or beneath its type."""
    inner = value.get("__var") if isinstance(value, dict) else value
    return default if inner is None else float(inner)
