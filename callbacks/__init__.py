"""What runs inside Airflow's processes: the callbacks that turn a failure into an alert.

    default_args={"on_failure_callback": windsock.callbacks.on_failure}    # each task of a DAG
    DAG(..., on_failure_callback=windsock.callbacks.on_failure)            # the run as a whole

Importing this costs a process next to nothing, and Airflow's policy entry point lies in here: each name is imported
when it is asked for, and settings, HTTP client and YAML when something has failed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .deadline import on_deadline_missed, on_deadline_missed_sync, sla_missed
    from .handlers import on_failure, on_retry, on_skipped, on_success
    from .notifier import Notifier
    from .notify import Notify
    from .quality import check

__all__ = [
    "Notifier",
    "Notify",
    "check",
    "on_deadline_missed",
    "on_deadline_missed_sync",
    "on_failure",
    "on_retry",
    "on_skipped",
    "on_success",
    "sla_missed",
]

_MODULES = {
    "Notifier": "notifier",
    "Notify": "notify",
    "check": "quality",
    "on_deadline_missed": "deadline",
    "on_deadline_missed_sync": "deadline",
    "sla_missed": "deadline",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULES.get(name, 'handlers')}", __name__), name)
