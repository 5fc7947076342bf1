"""The scheduler and the executors: is work handed out, and how fast?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.panels import BAD, GOOD, WARN, Panel, states, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import PROCESSOR, SCHEDULER, TRIGGERER, alive, quantile, quantiles

if TYPE_CHECKING:
    from windsock.settings import Settings

_EXECUTORS = ("kubernetes", "batch", "ecs", "lambda")


def scheduler(settings: Settings) -> str:  # noqa: ARG001  one signature for all boards
    """The page of what hands out work."""
    return board(
        uid=links.SCHEDULER_UID,
        title="Airflow scheduler and executor",
        description="Is work handed out, how fast, and by whom: heartbeats, the loop, executors and their workers.",
        rows=[
            Row("Components", _components()),
            Row("The loop", _loop()),
            Row("Executors", _executors()),
            Row("Kubernetes, Celery, edge workers", _workers()),
        ],
    )


def _components() -> list[Panel]:
    return [
        states(
            "Alive",
            "Good: one colour all the way.",
            *(
                Query(alive(job), f"{name} {{{{cluster}}}}")
                for name, job in (("scheduler", SCHEDULER), ("DAG processor", PROCESSOR), ("triggerer", TRIGGERER))
            ),
            words={0: ("stopped", BAD), 1: ("alive", GOOD)},
        ),
        timeseries(
            "Age of the last heartbeat",
            "Good: seconds. Of each instance; one that grows has died without saying so.",
            Query("max by (job_type, hostname) (airflow_db_heartbeat_age_seconds)", "{{job_type}} {{hostname}}"),
            unit="s",
            width=12,
            steps=(("transparent", None), (BAD, 60.0)),
        ),
        timeseries(
            "Heartbeats a minute",
            "Good: a level line. One that falls is one of several schedulers that stopped.",
            Query("60 * sum(rate(airflow_scheduler_heartbeat_total[$__rate_interval]))", "scheduler"),
            Query("60 * sum(rate(airflow_dag_processor_heartbeat_total[$__rate_interval]))", "DAG processor"),
            Query("60 * sum(rate(airflow_triggerer_heartbeat_total[$__rate_interval]))", "triggerer"),
            unit="cpm",
        ),
        timeseries(
            "Starts and ends of components",
            "Good: none, but for deployments. In each step of time.",
            Query("sum by (job_name) (increase(airflow_job_start_total[$__rate_interval])) > 0", "start {{job_name}}"),
            Query("sum by (job_name) (increase(airflow_job_end_total[$__rate_interval])) > 0", "end {{job_name}}"),
            Query(
                "sum by (job_name) (increase(airflow_job_heartbeat_failure_total[$__rate_interval])) > 0",
                "heartbeat failed {{job_name}}",
            ),
            bars=True,
            no_value="nothing started or ended",
        ),
        timeseries(
            "Tasks of dead schedulers",
            "Good: none. Adopted by another scheduler, or reset; and exceptions that ended the loop (Airflow 3.4).",
            Query("sum(increase(airflow_scheduler_orphaned_tasks_adopted_total[$__rate_interval]))", "adopted"),
            Query("sum(increase(airflow_scheduler_orphaned_tasks_cleared_total[$__rate_interval]))", "reset"),
            Query(
                "sum by (exception_class) (increase(airflow_scheduler_loop_exceptions_total[$__rate_interval])) > 0",
                "{{exception_class}}",
            ),
            Query(
                "sum by (reason) (increase(airflow_scheduler_zombies_detected_total[$__rate_interval])) > 0",
                "heartbeat lost: {{reason}}",
            ),
            bars=True,
        ),
    ]


def _loop() -> list[Panel]:
    return [
        timeseries(
            "Scheduler loop",
            "Good: under a second. Time of one pass; in the critical section other schedulers wait.",
            *quantiles("airflow_scheduler_scheduler_loop_duration_seconds_bucket", prefix="loop "),
            *quantiles("airflow_scheduler_critical_section_duration_seconds_bucket", prefix="critical section "),
            Query(quantile(0.95, "airflow_scheduler_critical_section_query_duration_seconds_bucket"), "its query p95"),
            unit="s",
            steps=(("transparent", None), (WARN, 5.0)),
        ),
        timeseries(
            "Ready and waiting",
            "Good: ready goes back to 0 soon. Task instances by what they wait for.",
            Query("max by (cluster) (airflow_scheduler_tasks_executable)", "ready {{cluster}}"),
            Query("max by (cluster) (airflow_scheduler_tasks_starving)", "no pool slot {{cluster}}"),
            Query('sum by (state) (airflow_db_task_instances{state=~"scheduled|queued"})', "{{state}}"),
        ),
        timeseries(
            "Checks and contention",
            "Good: short checks, few waits. Time to check what runs depend on; times that another scheduler was first.",
            Query(quantile(0.95, "airflow_dagrun_dependency_check_seconds_bucket"), "dependency check p95"),
            Query(quantile(0.95, "airflow_scheduler_executor_heartbeat_duration_seconds_bucket"), "executor beat p95"),
            unit="s",
        ),
        timeseries(
            "Critical section busy",
            "Good: rare. Times a minute that another scheduler held it.",
            Query("60 * sum(rate(airflow_scheduler_critical_section_busy_total[$__rate_interval]))", "busy"),
            unit="cpm",
        ),
        timeseries(
            "Runs at work",
            "Good: queued runs go. By the database; StatsD where it is not read.",
            Query(
                "sum by (state) (airflow_db_dag_runs) or "
                'label_replace(sum(airflow_scheduler_dagruns_running), "state", "running", "", "") or '
                'label_replace(sum(airflow_scheduler_dagruns_queued), "state", "queued", "", "")',
                "{{state}}",
            ),
            stacked=True,
        ),
        timeseries(
            "DAGs in memory",
            "Good: far more hits than misses. How often the scheduler and the API server had to load a DAG, a minute.",
            *(
                Query(f"60 * sum(rate(airflow_{who}_dag_bag_cache_{what}_total[$__rate_interval]))", f"{name} {what}")
                for who, name in (("scheduler", "scheduler"), ("api_server", "API server"))
                for what in ("hit", "miss", "clear")
            ),
            *(
                Query(f"max(airflow_{who}_dag_bag_cache_size)", f"{name} DAGs")
                for who, name in (("scheduler", "scheduler"), ("api_server", "API server"))
            ),
            unit="short",
        ),
    ]


def _executors() -> list[Panel]:
    return [
        timeseries(
            "Executor slots",
            "Good: some are free. What the executors run and hold, and the slots that they have left.",
            *(
                Query(f"sum(max by (cluster, executor_class_name) (airflow_executor_{series}))", text)
                for series, text in (("running_tasks", "running"), ("queued_tasks", "queued"), ("open_slots", "free"))
            ),
        ),
        timeseries(
            "In executors, by the database",
            "Good: queued ones go soon. Task instances queued or running, by executor.",
            Query("sum by (executor, state) (airflow_db_executor_task_instances)", "{{executor}} {{state}}"),
            stacked=True,
        ),
        timeseries(
            "Queued for",
            "Good: below a minute. The longest that one is scheduled or queued; and the wait of those that began.",
            Query(
                'max by (state) (airflow_db_task_instance_oldest_age_seconds{state=~"scheduled|queued"})', "{{state}}"
            ),
            *quantiles(
                "airflow_db_task_instance_queue_wait_seconds_bucket",
                "airflow_task_queued_duration_seconds_bucket",
                prefix="wait ",
            ),
            unit="s",
            steps=(("transparent", None), (BAD, 600.0)),
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
    ]


def _workers() -> list[Panel]:
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
            no_value="no Kubernetes executor",
        ),
        timeseries(
            "Celery",
            "Good: nothing. Commands that failed or could not be handed to the broker in time.",
            Query("sum(increase(airflow_celery_task_timeout_error_total[$__rate_interval]))", "not handed over"),
            Query("sum(increase(airflow_celery_execute_command_failure_total[$__rate_interval]))", "failed"),
            bars=True,
            no_value="no Celery executor, or nothing failed",
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
