"""Why a query finds nothing in an Airflow that runs: what it reads another set-up sends, or another version."""

from __future__ import annotations

import re

from . import promql
from .queries import metric

_STANDS_IN = re.compile(r"unless on \(cluster\) max by \(cluster\) \(airflow_db_up\b.* == 1$")
_OURS = ("airflow_", "windsock_", "cluster_")

_LOGS = "no logs are shipped (`windsock up --logs`)"
_CHANNELS = "no message goes through windsock's own channels: Alertmanager's reach all"
_HEALTHY = "nothing was lost, refused or too much"
_DEADLINES = "no deadline is pending or was missed (Airflow 3.1 and later)"
_LATE = "nothing is late"
_NOT_NOW = "nothing is in this state at this moment"
_NO_CHANGE = "no DAG lost or got back a task, or its file"

REASONS = {
    r"airflow_(kubernetes|batch|ecs|lambda)_executor_.+": "another executor",
    r"airflow_celery_.+": "another executor",
    r"airflow_edge_.+": "another executor",
    r"airflow_resumable_job_.+": "no operator has resumable jobs",
    r"airflow_db_deadline.+|airflow_deadline_alerts_.+": _DEADLINES,
    r"airflow_db_dag_(run_usual_ratio|schedule_lag_.+|finish_by_missed|expected_late_.+|finish_at_risk)": _LATE,
    r"cluster_dag_id_objective:.+": "budgets are counted by full hours of the clock: none is over yet",
    r"airflow_(task_removed_from|task_restored_to)_dag_total|airflow_db_dag_stale": _NO_CHANGE,
    r"airflow_(task_instances_without_heartbeats|zombies)_killed_total": "no task has lost its heartbeat",
    r"airflow_scheduler_tasks_killed_externally_total": "no task was killed behind the scheduler's back",
    r"airflow_dag_callback_exceptions_total|windsock_policy_errors_total": "no callback and no policy raised",
    r"airflow_dag_processing_processor_timeouts_total": "no DAG file takes too long",
    r"airflow_db_backfill_runs": "no backfill",
    r"airflow_db_import_error_timestamp_seconds|windsock_listener_import_errors_total": "no file is broken",
    r"airflow_db_dag_paused_with_schedule": "no DAG was paused",
    r"airflow_db_pool_starving_tasks": "no pool is full",
    r"airflow_db_deferred_oldest_age_seconds|airflow_(dag_)?ti_deferred": "nothing is deferred at this moment",
    r"airflow_(dag_)?ti_(scheduled|queued|running)|airflow_db_task_instances": _NOT_NOW,
    r"airflow_db_task_instance_oldest_age_seconds": "nothing waits at this moment",
    r"airflow_triggers_(failed|succeeded|blocked_main_thread)_total": "no trigger did",
    r"airflow_previously_succeeded_total": "nothing is run again that had succeeded",
    r"airflow_job_(end|heartbeat_failure)_total": "no component ended",
    r"airflow_scheduler_critical_section_busy_total": "one scheduler never waits for another",
    r"airflow_\w+_dag_bag_cache_(clear_total|size)": "not emptied; of ten sizes Airflow sends one",
    r"airflow_custom_.+|": "no task sends metrics of its own",
    r"windsock_callback_.+": "no callback of windsock told anything, or failed to",
    r"windsock_channel_.+": _CHANNELS,
    r"windsock_log_.+": _LOGS,
    r"windsock_(kernel_drops|unmapped|sample_errors|overflow|ingest_errors|refused)_total": _HEALTHY,
    r"windsock_(connections_hung_up|corrections)_total": _HEALTHY,
    r"windsock_(ignored|ambiguous_ids|metadata_overflow|listener_dropped|thread_restarts)_total": _HEALTHY,
    r"windsock_doctor_finding": "nothing is wrong with the installation",
    r"windsock_unmapped_metrics": _HEALTHY,
    r"windsock_relay_datagrams_total": "nothing is passed on to another StatsD (`exporter.relay`)",
}
"""By a pattern of the names of metrics that are not there, and not because of a version: it depends on what happens."""


def why(version: str, expr: str) -> str:
    """Return why this Airflow may have nothing for an expression without Grafana's variables; empty: it should have."""
    if _STANDS_IN.search(expr):
        return "stands in for the database where that is not read"
    reasons = {_why(version, name) for name in promql.names(expr)}
    return "" if "" in reasons else "; ".join(sorted(reasons))


def _why(version: str, name: str) -> str:
    if name.startswith(_OURS) and not name.startswith("airflow_custom_"):
        read = metric(name)
        if read.source == "statsd" and not read.emitted_by(version):
            return f"Airflow {version} does not send `{read.name}`"
    return next((reason for pattern, reason in REASONS.items() if re.fullmatch(pattern, name)), "")
