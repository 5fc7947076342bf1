"""What Airflow hands to a callback, as plain values: its shape differs by version, by process and by what failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from windsock import _compat
from windsock.events import DAG_RUN_FAILED, TASK_FAILED
from windsock.teams import DagFacts, owners_of

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Failure:
    """One failed task instance, or one failed run; what Airflow did not say is None or empty."""

    dag: DagFacts
    run_id: str
    task_id: str | None = None
    """None: the run as a whole failed."""
    error: BaseException | str | None = None
    """None for a task: its process ended without a word."""
    reason: str = ""
    """Why the run failed, in Airflow's word: task_failure, timed_out, all_tasks_deadlocked."""
    failed_task: str = ""
    """The task that made the run fail."""
    started: datetime | None = None
    ended: datetime | None = None
    try_number: int | None = None
    max_tries: int | None = None
    """Retries that the task may have: one less than its tries."""
    map_index: int | None = None
    operator: str = ""
    hostname: str = ""
    log_url: str = ""
    run_url: str = ""

    @property
    def alertname(self) -> str:
        """The name of the alert event."""
        return TASK_FAILED if self.task_id else DAG_RUN_FAILED


def read(context: Any) -> Failure:
    """Return what `context` says. Raises ValueError where it does not even name a DAG and a run."""
    get = _compat.read
    if not hasattr(context, "get"):
        raise ValueError(f"expected Airflow's context, got {type(context).__name__}")
    dag_level = _compat.is_dag_level(context)
    any_instance = context.get("task_instance")
    instance = _compat.failed_task(context) if dag_level else any_instance
    task = get(instance, "task")
    run = context.get("dag_run")
    # Not context["dag"] first: a Python task's own arguments may stand under the names of the context.
    dag = get(task, "dag") or context.get("dag")
    dag_id = get(dag, "dag_id") or get(instance, "dag_id")
    run_id = get(instance, "run_id") or context.get("run_id")
    if not dag_id or not run_id:
        raise ValueError("the context names no DAG and run")
    facts = DagFacts(str(dag_id), owners_of(get(dag, "owner")), tuple(sorted(map(str, get(dag, "tags") or ()))))
    log_url = str(get(instance, "log_url") or "")
    run_url = _compat.run_page(str(get(any_instance, "log_url") or ""))
    if dag_level:
        return Failure(
            facts,
            str(run_id),
            reason=str(context.get("reason") or ""),
            failed_task=str(get(instance, "task_id") or ""),
            started=get(run, "start_date"),
            ended=get(run, "end_date"),
            log_url=log_url,
            run_url=run_url,
        )
    map_index = get(instance, "map_index")
    return Failure(
        facts,
        str(run_id),
        task_id=str(get(instance, "task_id")),
        error=_compat.exception(context),
        started=get(instance, "start_date"),
        ended=get(instance, "end_date"),
        try_number=get(instance, "try_number"),
        max_tries=get(instance, "max_tries"),
        map_index=map_index if isinstance(map_index, int) and map_index >= 0 else None,
        operator=str(get(task, "operator_name") or ""),
        hostname=str(get(instance, "hostname") or ""),
        log_url=log_url,
        run_url=run_url,
    )
