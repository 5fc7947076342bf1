"""Why a task failed, where its process could not say it: from Airflow's own log of events, and from what is missing.

Only what is written down about this very try is told; where nothing is, nothing is told. The events and their texts are
those of Airflow 2.11.0 and 3.3.2: scheduler_job_runner.py, and the names of the functions behind the UI and the API,
which `action_logging` writes down.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from windsock.events import DAG_RUN_FAILED
from windsock.text import line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .details import Details, Entry, Instance
    from .failure import Key

_SCHEDULER = {
    "heartbeat timeout": "heartbeat lost: killed, out of memory, or hung",
    "stuck in queued tries exceeded": "stuck in queued: no worker took it, and Airflow gave up",
    "state mismatch": "gone without a word to Airflow: killed, or cut off from it",
}
"""What the scheduler writes, with the map index and the try, of a task instance that it fails itself; and what stands
behind `orders failed:` then, on a telephone."""
_SIGNALS = re.compile(
    r"^Process terminated by signal\.(?P<memory> Likely out of memory)?"
    r"|\bTask exited with return code Negsignal\.(?P<name>SIG[A-Z0-9]{1,10})\b"
    r"|^\*+ Received (?P<crash>SIGSEGV) \*+$",
    re.MULTILINE,
)
"""What ends the log of a task whose process was killed: that of 3.x's supervisor, of 2.11's local_task_job_runner."""
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
_MARKED_WITHIN = 60.0
"""Seconds between a person's mark and the end that Airflow writes down with it."""
_OWNER = 60


def why(key: Key, found: Details, failed_at: float) -> str:
    """Return one sentence about the cause; empty where the database knows none."""
    if key.alertname == DAG_RUN_FAILED:
        return next(_marked(found, failed_at - _MARKED_WITHIN), "")
    for one in found.instances:
        begun = one.started or one.queued or failed_at - _LOOKED_BACK
        reason = next(_given_up(found, one), "") or next(_marked(found, begun), "")
        if reason:
            return reason
    never = any(one.started is None for one in found.instances[:1])
    return "it never started" if never else ""


def killed(log_tail: str) -> str:
    """Return by what a task's process was killed, as the end of its log says; empty where it says nothing of that."""
    said = _SIGNALS.search(log_tail)
    if said is None:
        return ""
    if said["memory"]:
        return "killed, likely out of memory"
    return f"killed by {said['name'] or said['crash'] or 'a signal'}"


def told_by_nobody(found: Details) -> bool:
    """Whether the scheduler failed each of these instances, whose processes are gone or never were."""
    return bool(found.instances) and all(any(_given_up(found, one)) for one in found.instances)


def _given_up(found: Details, instance: Instance) -> Iterator[str]:
    this = instance.map_index, instance.try_number
    return (_SCHEDULER[entry.event] for entry in found.entries if entry.event in _SCHEDULER and entry.instance == this)


def _marked(found: Details, since: float) -> Iterator[str]:
    for entry in found.entries:
        name = entry.event.removeprefix("ui.").removeprefix("api.")
        if entry.at >= since and name in _PEOPLE and _says_failed(entry, name):
            yield f"{line(entry.owner, _OWNER) or 'a person'} marked it as failed"


def _says_failed(entry: Entry, name: str) -> bool:
    """Whether what was asked for was the state `failed`: the task's own process writes an event `failed` too."""
    try:
        asked = json.loads(entry.extra or "null")
    except (ValueError, RecursionError):
        return False
    if not isinstance(asked, dict):
        return False
    if name in {"failed", "dagrun_failed"}:
        # The views of 2.11; a process' own entry knows its host.
        return "dag_id" in asked or "dag_run_id" in asked
    return "failed" in (asked.get("new_state"), asked.get("state")) or '"failed"' in entry.extra
