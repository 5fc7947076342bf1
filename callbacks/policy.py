"""Airflow's entry point `airflow.policy`: asked about every DAG and every task that a process of Airflow parses.

A module of this group that raises while it is imported stops Airflow itself, and a hook that raises loads no DAG. So
nothing is imported here but the marker of a hook, and nothing gets out of one.
"""

from __future__ import annotations

from typing import Any

try:
    from airflow.policies import hookimpl
except ImportError:  # no Airflow, or one that has moved it: then nobody calls

    def hookimpl(function: Any) -> Any:
        """Mark nothing."""
        return function


@hookimpl  # type: ignore[untyped-decorator]  # Airflow is not installed where types are checked
def dag_policy(dag: Any) -> None:
    """Attach what `callbacks.attach` says to the runs of `dag`."""
    try:
        from . import attach  # noqa: PLC0415  see above

        attach.to_dag(dag)
    except Exception as error:  # noqa: BLE001  see above
        _failed(error)


@hookimpl  # type: ignore[untyped-decorator]  # Airflow is not installed where types are checked
def task_policy(task: Any) -> None:
    """Attach what `callbacks.attach` says to `task`."""
    try:
        from . import attach  # noqa: PLC0415  see above

        attach.to_task(task)
    except Exception as error:  # noqa: BLE001  see above
        _failed(error)


def _failed(error: Exception) -> None:
    try:
        from . import attach  # noqa: PLC0415  see above

        attach.count(type(error).__name__, str(error))
    except Exception:  # noqa: BLE001, S110  there is nobody left to tell
        pass
