"""Executors and their workers: slots, queues, pods, Celery, edge workers."""

from __future__ import annotations

from windsock.dashboards.panels import BAD, GOOD, IDLE, WARN, Panel, stat, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import STUCK, quantile, quantiles

_EXECUTORS = ("kubernetes", "batch", "ecs", "lambda")


def oldest_queued() -> Panel:
    """How long the executors have left one task instance lying."""
    return stat(
        "Oldest queued",
        "Good: below a minute. The longest that one has been queued; 10 minutes is stuck.",
        Query(
            'max(airflow_db_task_instance_oldest_age_seconds{state="queued"}) or 0 * count(airflow_db_up == 1)',
            instant=True,
        ),
        unit="s",
        steps=((GOOD, None), (WARN, 60.0), (BAD, float(STUCK))),
        decimals=0,
        width=6,
    )


def executor_panels() -> list[Panel]:
    """What executors hold, and could still take."""
    return [
        timeseries(
            "Executor slots",
            "Good: some are free. What the executors run and hold, and the slots that they have left.",
            *(
                Query(f"sum(max by (cluster, executor_class_name) (airflow_executor_{series}))", text)
                for series, text in (("running_tasks", "running"), ("queued_tasks", "queued"), ("open_slots", "free"))
            ),
            width=12,
            colors={"running": GOOD, "queued": WARN, "free": IDLE},
        ),
        timeseries(
            "In executors, by the database",
            "Good: queued ones go soon. Task instances queued or running, by executor, the most in each step of time.",
            Query(
                "sum by (executor, state) (max_over_time(airflow_db_executor_task_instances[$__interval]))",
                "{{executor}} {{state}}",
            ),
            width=12,
            stacked=True,
        ),
        timeseries(
            "Queued for",
            "Good: below a minute. The longest that one is scheduled or queued; and the wait of those that began.",
            Query(
                'max by (state) (airflow_db_task_instance_oldest_age_seconds{state=~"scheduled|queued"})', "{{state}}"
            ),
            *quantiles(
                "airflow_db_queue_wait_seconds_bucket",
                "airflow_queue_queued_duration_seconds_bucket",
                prefix="wait ",
            ),
            unit="s",
            width=12,
            steps=(("transparent", None), (BAD, float(STUCK))),
        ),
        timeseries(
            "Executor events",
            "Good: none failed. What executors report to the scheduler, in each step of time (Airflow 3.4 and later).",
            Query("sum(increase(airflow_scheduler_executor_events_processed_total[$__rate_interval]))", "processed"),
            Query(
                "sum by (exception_class) "
                "(increase(airflow_scheduler_executor_events_failed_total[$__rate_interval])) > 0",
                "failed: {{exception_class}}",
            ),
            Query("max(airflow_scheduler_executor_events_batch_size)", "last batch"),
            width=12,
        ),
    ]


def worker_panels() -> list[Panel]:
    """What only some executors have: an Airflow shows those of its own, or none."""
    return [
        timeseries(
            "Pods",
            "Good: no status but success. Changes of pods by status, in each step of time.",
            *(
                Query(
                    "sum by (status) "
                    f"(increase(airflow_kubernetes_executor_pod_{what}_status_total[$__rate_interval])) > 0",
                    f"{what} {{{{status}}}}",
                )
                for what in ("creation", "deletion", "patching")
            ),
            bars=True,
            width=12,
            no_value="no Kubernetes executor",
        ),
        timeseries(
            "Time of the Kubernetes API",
            "Good: under a second. To create, delete, patch a pod; and to create a batch of them (Airflow 3.4).",
            *(
                Query(quantile(0.95, f"airflow_kubernetes_executor_pod_{what}_seconds_bucket"), f"{what} p95")
                for what in ("creation", "deletion", "patching", "creation_batch_duration")
            ),
            Query("max(airflow_kubernetes_executor_pod_creation_batch_size)", "pods of the last batch"),
            unit="s",
            width=12,
            no_value="no Kubernetes executor",
        ),
        timeseries(
            "Adopting tasks",
            "Good: seconds. Time in which an executor takes over the tasks of a dead scheduler.",
            *(
                Query(quantile(0.95, f"airflow_{name}_executor_adopt_task_instances_duration_seconds_bucket"), name)
                for name in _EXECUTORS
            ),
            unit="s",
            width=12,
            no_value="no such executor, or nothing to adopt",
        ),
        timeseries(
            "Celery",
            "Good: nothing. Commands that failed or could not be handed to the broker in time.",
            Query("sum(increase(airflow_celery_task_timeout_error_total[$__rate_interval]))", "not handed over"),
            Query("sum(increase(airflow_celery_execute_command_failure_total[$__rate_interval]))", "failed"),
            bars=True,
            width=12,
            no_value="no Celery executor, or nothing failed",
        ),
        timeseries(
            "Celery's queues",
            "Good: empty again and again, and all workers there. What the broker holds (exporter.celery).",
            Query("max by (queue) (airflow_celery_queue_messages)", "waiting in {{queue}}"),
            Query("max(airflow_celery_unacked_messages)", "taken by workers"),
            Query("max(airflow_celery_workers)", "workers"),
            width=24,
            no_value="exporter.celery.broker is not set",
        ),
        timeseries(
            "Edge workers",
            "Good: free above 0. Jobs that edge workers run, and could still take.",
            Query("sum(airflow_edge_worker_jobs_active)", "running"),
            Query("sum(airflow_edge_worker_free_concurrency)", "free"),
            Query("sum(airflow_edge_worker_concurrency)", "all"),
            Query("sum(airflow_edge_worker_connected)", "workers connected"),
            Query("sum(airflow_edge_worker_maintenance)", "workers under maintenance"),
            no_value="no edge worker",
        ),
        timeseries(
            "Tries on edge workers",
            "Good: success alone. In each step of time.",
            Query("sum(increase(airflow_edge_worker_ti_start_total[$__rate_interval]))", "began"),
            Query("sum by (state) (increase(airflow_edge_worker_ti_finish_total[$__rate_interval]))", "{{state}}"),
            bars=True,
            no_value="no edge worker",
        ),
        timeseries(
            "Edge workers' heartbeats",
            "Good: level lines. Of each worker, a second; and the time of a synchronisation.",
            Query(
                "topk(10, sum by (worker_name) (rate(airflow_edge_worker_heartbeat_count_total[$__rate_interval])))",
                "{{worker_name}}",
            ),
            Query(quantile(0.95, "airflow_edge_executor_sync_duration_seconds_bucket"), "synchronisation p95, seconds"),
            no_value="no edge worker",
        ),
    ]
