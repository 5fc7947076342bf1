"""From an outcome to the alert event: who is told, and what they read."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from windsock import events, links
from windsock.events import Event, rfc3339
from windsock.teams import route, zone
from windsock.text import describe, line, safe
from windsock.times import clock_time

from . import frames
from .options import DEFAULT

if TYPE_CHECKING:
    from windsock.settings import Settings

    from .context import Outcome
    from .options import Options

_SUMMARY = 250
_CONF = 500
_URL = 2000
_SILENT = "its process ended without a word: killed, out of memory, or never started"
_REASONS = {
    "task_failure": "a task failed",
    "timed_out": "it ran longer than its dagrun_timeout",
    "all_tasks_deadlocked": "its tasks wait for each other",
}
"""Airflow's words for why a run failed."""
_NAMES = {
    "retry": events.TASK_RETRYING,
    "skipped": events.TASK_SKIPPED,
    "deadline": events.DEADLINE_MISSED,
    "check": events.DATA_CHECK_FAILED,
}


def alertname(outcome: Outcome) -> str:
    """The name of the alert event; a success has that of the failure which it ends."""
    return _NAMES.get(outcome.kind) or (events.TASK_FAILED if outcome.task_id else events.DAG_RUN_FAILED)


def build(outcome: Outcome, settings: Settings, options: Options = DEFAULT) -> Event:
    """Return the event with its routing labels and everything that Airflow said of the outcome as annotations."""
    team, severity = route(outcome.dag, settings)
    if severity == "critical" and outcome.kind in ("retry", "skipped"):
        # Nothing has failed for good yet: nobody is woken for it, unless the author says so.
        severity = "warning"
    name = alertname(outcome)
    there = zone(options.team or team, settings)
    facts = {key: safe(text) for key, text in _annotations(outcome, there).items()}
    urls = {key: safe(url, _URL) for key, url in _urls(outcome, settings, name).items()}
    return Event(
        name,
        settings.cluster,
        outcome.dag.dag_id,
        "" if name == events.DATA_CHECK_FAILED else outcome.run_id,
        task_id=outcome.task_id,
        deadline=outcome.deadline or None,
        team=options.team or team,
        severity=options.severity or severity,
        annotations={key: text for key, text in {**facts, **urls}.items() if text},
        check=outcome.name or None if outcome.kind == "check" else None,
    )


def _annotations(outcome: Outcome, there: str) -> dict[str, str]:
    error = describe(outcome.error) if outcome.error is not None else ""
    now = outcome.ended or datetime.now(timezone.utc)
    is_over = outcome.kind == "success" or outcome.passed
    return {
        "summary": line(_summary(outcome, error, there), _SUMMARY),
        "exception": error,
        "traceback": frames.last_of(outcome.error),
        "recovered" if is_over else "failed_at": rfc3339(now),
        "until" if is_over else "since": clock_time(now, there),
        "due_at": "" if outcome.run_due is None else rfc3339(outcome.run_due),
        "started_at": rfc3339(outcome.started) if outcome.kind == "success" and outcome.started else "",
        "reason": outcome.reason,
        "failed_task": outcome.failed_task,
        "late_tasks" if outcome.kind == "deadline" else "failed_tasks": _listed(outcome.tasks),
        "try": _try(outcome),
        "map_index": "" if outcome.map_index is None else str(outcome.map_index),
        "duration": _duration(outcome),
        "operator": outcome.operator,
        "hostname": outcome.hostname,
        "owner": ", ".join(sorted(outcome.dag.owners)),
        "tags": ", ".join(outcome.dag.tags),
        "conf": _conf(outcome),
        "deadline_name": outcome.name if outcome.kind == "deadline" else "",
        "due": _due(outcome, there),
        "run_id": outcome.run_id if outcome.kind == "check" else "",
    }


def _urls(outcome: Outcome, settings: Settings, name: str) -> dict[str, str]:
    dag_id, base = outcome.dag.dag_id, settings.links.airflow
    at = outcome.ended or datetime.now(timezone.utc)
    return {
        "log_url": _rebased(outcome.log_url, base),
        "run_url": _rebased(outcome.run_url, base) or links.run(settings.links, dag_id, outcome.run_id),
        "dashboard_url": links.dashboard(settings.links, dag_id, at.timestamp()),
        "runbook_url": links.runbook(settings.links, name),
    }


def _summary(outcome: Outcome, error: str, there: str) -> str:
    if outcome.kind == "deadline":
        return _missed(outcome, _due(outcome, there))
    if outcome.task_id is None:
        return _run(outcome)
    which = "" if outcome.map_index is None else f" [{outcome.map_index}]"
    task = f"{outcome.dag.dag_id}: {outcome.task_id}{which}"
    words = {
        "retry": f"failed in try {_try(outcome) or '?'} and is tried again: {error or _SILENT}",
        "skipped": f"was skipped: {error}" if error else "was skipped",
        "success": f"succeeded, in try {outcome.try_number or '?'}: it had failed before",
        "check": f"found good data again, no more: {error}" if outcome.passed else f"found bad data: {error}",
    }
    return f"{task} {words.get(outcome.kind, f'failed: {error or _SILENT}')}"


def _run(outcome: Outcome) -> str:
    if outcome.kind == "success":
        return f"{outcome.dag.dag_id} succeeded: its last run had failed"
    why = _REASONS.get(outcome.reason, outcome.reason)
    if len(outcome.tasks) > 1:
        why = f"{len(outcome.tasks)} tasks failed"
    elif outcome.failed_task and outcome.first_is_known:
        return f"{outcome.dag.dag_id} failed: its task {outcome.failed_task} failed"
    if outcome.failed_task:
        why += f", {'first' if outcome.first_is_known else 'last'} {outcome.failed_task}"
    return f"{outcome.dag.dag_id} failed" + (f": {why}" if why else "")


def _missed(outcome: Outcome, at: str) -> str:
    if outcome.tasks:
        return f"{outcome.dag.dag_id} missed its SLA: {_listed(outcome.tasks)}"
    name = f" {outcome.name}" if outcome.name else ""
    due = f": it was due at {at}" if at else ""
    late = f", and the run is {outcome.reason}" if outcome.reason else ""
    return f"{outcome.dag.dag_id} missed its deadline{name}{due}{late}"


def _due(outcome: Outcome, there: str) -> str:
    """In the team's zone, as all times; as it stands where that is none that can be read."""
    try:
        return clock_time(datetime.fromtimestamp(events.unix(outcome.due), timezone.utc), there)
    except ValueError:
        return outcome.due


def _listed(names: tuple[str, ...], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _try(outcome: Outcome) -> str:
    if not outcome.try_number:
        return ""
    return str(outcome.try_number) + (f" of {outcome.max_tries + 1}" if outcome.max_tries is not None else "")


def _duration(outcome: Outcome) -> str:
    from windsock.settings.units import format_elapsed  # noqa: PLC0415  it brings pydantic, which is there with the settings

    if outcome.started is None or outcome.ended is None:
        return ""
    return format_elapsed((outcome.ended - outcome.started).total_seconds())


def _conf(outcome: Outcome) -> str:
    """What a person gave the run, as JSON: the first part of it, however much there is."""
    if not outcome.conf:
        return ""
    text = ""
    try:
        for part in json.JSONEncoder(default=str, ensure_ascii=False).iterencode(outcome.conf):
            text += part[: 4 * _CONF]
            if len(text) > 4 * _CONF:
                break
    except Exception:  # noqa: BLE001  cycles, keys that are none of JSON's, a __str__ that raises
        return ""
    return safe(text, _CONF)


def _rebased(url: str, base: str | None) -> str:
    """Airflow's link on the address that people use, where one is configured: its own default is localhost."""
    _, found, page = url.partition("/dags/")
    return f"{base}/dags/{page}" if base and found else url
