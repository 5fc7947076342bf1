"""Why a task failed, where its process could not say it: from Airflow's own log of events, and from what is missing.

The events and their texts are those of Airflow 2.11.0 and 3.3.2: scheduler_job_runner.py, and the names of the
functions behind the UI and the API, which `action_logging` writes down.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from windsock.events import DAG_RUN_FAILED, TASK_FAILED
from windsock.text import line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .details import Details, Entry
    from .failure import Key

_SCHEDULER = {
    "heartbeat timeout": "its heartbeat was lost: the process or its host was killed, ran out of memory, or hung",
    "stuck in queued tries exceeded": "it was stuck in queued: no worker took it, and Airflow gave up",
    "state mismatch": "the executor found its process gone, while it was queued or running: killed from outside",
}
_PEOPLE = (
    "patch_task_instance",
    "bulk_task_instances",
    "patch_task_group_instances",
    "post_set_task_instances_state",
    "set_task_instance_state",
    "patch_dag_run",
    "bulk_dag_runs",
    "update_dag_run_state",
    "dagrun_failed",
    "failed",
)
_LOOKED_BACK = 3600.0
_OWNER = 60


def why(key: Key, found: Details, failed_at: float) -> str:
    """Return one sentence about the cause; empty where the database knows none."""
    entries = [entry for entry in found.entries if entry.at > failed_at - _LOOKED_BACK]
    reason = next(_told(entries), "")
    if reason or key.alertname == DAG_RUN_FAILED:
        return reason
    if key.alertname == TASK_FAILED and found.instances:
        one = found.instances[0]
        if one.started is None:
            return "it never started"
    return ""


def _told(entries: list[Entry]) -> Iterator[str]:
    for entry in entries:
        name = entry.event.removeprefix("ui.").removeprefix("api.")
        if name in _SCHEDULER:
            yield _SCHEDULER[name]
        elif name in _PEOPLE and _says_failed(entry, name):
            yield f"{line(entry.owner, _OWNER) or 'a person'} marked it as failed"


def _says_failed(entry: Entry, name: str) -> bool:
    """Whether what was asked for was the state `failed`: the task's own process writes an event `failed` too."""
    try:
        asked = json.loads(entry.extra or "null")
    except ValueError:
        return False
    if not isinstance(asked, dict):
        return False
    if name in {"failed", "dagrun_failed"}:
        # The views of 2.11; a process' own entry knows its host.
        return "dag_id" in asked or "dag_run_id" in asked
    return "failed" in {asked.get("new_state"), asked.get("state")} or '"failed"' in entry.extra
