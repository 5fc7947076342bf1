"""From a failure to the alert event: who is told, and what they read."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from windsock import links
from windsock.events import Event, rfc3339
from windsock.teams import route
from windsock.text import LIMIT, describe, line, safe, shorten

if TYPE_CHECKING:
    from windsock.settings import Settings

    from .context import Failure

_SUMMARY = 250
_SILENT = "its process ended without a word: killed, out of memory, or never started"
_REASONS = {
    "task_failure": "a task failed",
    "timed_out": "it ran longer than its dagrun_timeout",
    "all_tasks_deadlocked": "its tasks wait for each other",
}
"""Airflow's words for why a run failed."""


def build(failure: Failure, settings: Settings) -> Event:
    """Return the event with its routing labels and everything that Airflow said of the failure as annotations."""
    team, severity = route(failure.dag, settings)
    return Event(
        failure.alertname,
        settings.cluster,
        failure.dag.dag_id,
        failure.run_id,
        task_id=failure.task_id,
        team=team,
        severity=severity,
        annotations={name: shorten(text, LIMIT) for name, text in _annotations(failure, settings).items() if text},
    )


def _annotations(failure: Failure, settings: Settings) -> dict[str, str]:
    dag_id, base = failure.dag.dag_id, settings.links.airflow
    error = describe(failure.error) if failure.error is not None else ""
    return {
        "summary": line(_summary(failure, error), _SUMMARY),
        "exception": error,
        "failed_at": rfc3339(failure.ended or datetime.now(timezone.utc)),
        "reason": failure.reason,
        "failed_task": failure.failed_task,
        "try": _try(failure),
        "map_index": "" if failure.map_index is None else str(failure.map_index),
        "duration": _duration(failure),
        "operator": failure.operator,
        "hostname": failure.hostname,
        "owner": ", ".join(sorted(failure.dag.owners)),
        "tags": ", ".join(failure.dag.tags),
        "log_url": _rebased(failure.log_url, base),
        "run_url": _rebased(failure.run_url, base) or links.run(settings.links, dag_id, failure.run_id),
        "dashboard_url": links.dashboard(settings.links, dag_id),
        "runbook_url": links.runbook(settings.links, failure.alertname),
    }


def _summary(failure: Failure, error: str) -> str:
    if failure.task_id is None:
        why = _REASONS.get(failure.reason, safe(failure.reason))
        which = f", last {failure.failed_task}" if failure.failed_task else ""
        return f"{failure.dag.dag_id} failed" + (f": {why}{which}" if why else "")
    which = "" if failure.map_index is None else f" [{failure.map_index}]"
    return f"{failure.dag.dag_id}: {failure.task_id}{which} failed: {error or _SILENT}"


def _try(failure: Failure) -> str:
    if not failure.try_number:
        return ""
    return str(failure.try_number) + (f" of {failure.max_tries + 1}" if failure.max_tries is not None else "")


def _duration(failure: Failure) -> str:
    """Whole seconds, or milliseconds of what took less than one."""
    from windsock._units import format_duration  # noqa: PLC0415  it brings pydantic, which is there with the settings

    if failure.started is None or failure.ended is None:
        return ""
    seconds = (failure.ended - failure.started).total_seconds()
    return format_duration(round(seconds) if seconds >= 1 else round(max(0.0, seconds), 3))


def _rebased(url: str, base: str | None) -> str:
    """Airflow's link on the address that people use, where one is configured: its own default is localhost."""
    _, found, page = url.partition("/dags/")
    return f"{base}/dags/{page}" if base and found else url
