"""The names of Airflow's official Helm chart, which many dashboards query.

The facts are those of the mapping in the chart's `files/statsd-mappings.yml`: it knows legacy names only, and what it
does not know keeps its own name.
"""

from __future__ import annotations

import re

from .mapping import Mapping
from .rule import Rule

# StatsD name without its prefix: exposed name, and the label of each `*`; `_` is a part that goes to no label.
_GLOBS = {
    "dag.*.*.duration": ("airflow_task_duration", "dag_id task_id"),
    "dag_processing.last_run.seconds_ago.*": ("airflow_dag_processing_last_run_seconds_ago", "dag_file"),
    "dag_processing.last_runtime.*": ("airflow_dag_processing_last_runtime", "dag_file"),
    "dagrun.dependency-check.*.*": ("airflow_dagrun_dependency_check", "dag_id _"),
    "dagrun.duration.failed.*": ("airflow_dagrun_failed", "dag_id"),
    "dagrun.duration.success.*": ("airflow_dagrun_duration", "dag_id"),
    "dagrun.schedule_delay.*": ("airflow_dagrun_schedule_delay", "dag_id"),
    "executor.open_slots.*": ("airflow_executor_open_slots", "executor"),
    "executor.queued_tasks.*": ("airflow_executor_queued_tasks", "executor"),
    "executor.running_tasks.*": ("airflow_executor_running_tasks", "executor"),
    "pool.open_slots.*": ("airflow_pool_open_slots", "pool"),
    "pool.starving_tasks.*": ("airflow_pool_starving_tasks", "pool"),
    "pool.used_slots.*": ("airflow_pool_used_slots", "pool"),
    "ti.deferred.*.*.*": ("airflow_ti_deferred", "queue dag_id task_id"),
    "ti.queued.*.*.*": ("airflow_ti_queued", "queue dag_id task_id"),
    "ti.running.*.*.*": ("airflow_ti_running", "queue dag_id task_id"),
    "ti.scheduled.*.*.*": ("airflow_ti_scheduled", "queue dag_id task_id"),
}
# Regular expressions, found anywhere in a name: exposed name and labels.
_REGEXES = {
    "operator_failures_(.*)": ("airflow_operator_failures", {"operator": "$1"}),
    "operator_successes_(.*)": ("airflow_operator_successes", {"operator": "$1"}),
    "scheduler_heartbeat": ("airflow_scheduler_heartbeat", {"type": "counter"}),
    "dag_processor_heartbeat": ("airflow_dag_processor_heartbeat", {"type": "counter"}),
}


def helm_chart(prefix: str) -> Mapping:
    """The chart's mapping, for StatsD names that begin with `prefix`."""
    start = f"{prefix}." if prefix else ""
    # These few are linear in any engine, and the chart's names need no package of their own.
    return Mapping([*_globs(start), *_regexes(start)], engine=re.compile)


def _globs(start: str) -> list[Rule]:
    rules = []
    for glob, (name, labels) in _GLOBS.items():
        numbered = [(label, f"${number}") for number, label in enumerate(labels.split(), 1) if label != "_"]
        rules.append(Rule(start + glob, name, tuple(numbered)))
    return rules


def _regexes(start: str) -> list[Rule]:
    return [Rule(start + end, name, tuple(labels.items()), regex=True) for end, (name, labels) in _REGEXES.items()]
