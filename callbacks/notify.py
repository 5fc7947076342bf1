"""A callback for authors who want to choose: `on_failure_callback=Notify(severity="critical", channels=["slack"])`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Notify(Options):
    """Stands wherever Airflow takes a callback: of tasks and DAGs, on failure, retry, success or skip, and of SLAs.

    It tells from the context which of them it was called for. Where Airflow insists on a BaseNotifier, use
    `windsock.callbacks.Notifier`, which takes the same arguments.
    """

    def __call__(self, context: Mapping[str, Any] | None = None, *more: Any, **__: object) -> None:
        """Tell of what `context` says. Lets nothing out but what Airflow raises to end a task."""
        from . import deadline, handlers  # noqa: PLC0415  a DAG file that is parsed needs none of it

        if more:  # 2.11 calls for a missed SLA with the DAG, lists of tasks, and the SLAs
            deadline.late(context, more, self)
        elif deadline.is_one(context):
            deadline.tell(context, self)
        else:
            handlers.handle(context, None, self)
