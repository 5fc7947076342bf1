"""Capacity: pools, executors, triggerers."""

from __future__ import annotations

from .panels import Panel, timeseries
from .queries import Query


def capacity_panels() -> list[Panel]:
    """What is full, and who waits for it."""
    return [
        timeseries(
            "Pool slots that are free",
            "By pool. At zero the pool's task instances wait, whatever the executor could do.",
            Query("min by (pool_name) (airflow_pool_open_slots)", "{{pool_name}}"),
            steps=(("transparent", None), ("red", 0.0)),
        ),
        timeseries(
            "Pool slots in use",
            "Over all pools, by what takes the slot; scheduled ones ask for one.",
            *(
                Query(f"sum(max by (pool_name) (airflow_pool_{state}_slots))", state)
                for state in ("running", "queued", "deferred", "scheduled")
            ),
            stacked=True,
        ),
        timeseries(
            "Waiting for a pool slot",
            "Task instances that are ready and find no slot: by pool, and in all.",
            Query("max by (pool_name) (airflow_pool_starving_tasks)", "{{pool_name}}"),
            Query("max(airflow_scheduler_tasks_starving)", "all"),
        ),
        timeseries(
            "Executor slots",
            "Task instances that the executor runs and holds, and the slots that it has left.",
            *(
                Query(f"sum(max by (executor_class_name) (airflow_executor_{series}))", text)
                for series, text in (("running_tasks", "running"), ("queued_tasks", "queued"), ("open_slots", "free"))
            ),
        ),
        timeseries(
            "Triggers",
            "Triggers that run, and how many more the triggerers could take.",
            Query("sum(max by (hostname) (airflow_triggers_running))", "running"),
            Query("sum(max by (hostname) (airflow_triggerer_capacity_left))", "capacity left"),
        ),
        timeseries(
            "Trouble with triggers",
            "Triggers that failed, and those that blocked the triggerer's loop and so all others, a minute.",
            Query("60 * sum(rate(airflow_triggers_failed_total[$__rate_interval]))", "failed"),
            Query("60 * sum(rate(airflow_triggers_blocked_main_thread_total[$__rate_interval]))", "blocked"),
            unit="cpm",
        ),
    ]
