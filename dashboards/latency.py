"""Latency: of tasks, of runs, of the scheduler, of parsing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .links import dag_links
from .panels import Panel, bars, timeseries
from .queries import Query

if TYPE_CHECKING:
    from windsock.settings import Links


def latency_panels(links: Links) -> list[Panel]:
    """What is late or slow, and which part of the way it is."""
    return [
        timeseries(
            "Task duration",
            "Run time of tries, over the chosen DAGs.",
            *_quantiles("airflow_task_duration_seconds_bucket"),
            unit="s",
        ),
        timeseries(
            "Schedule delay",
            "Delay of runs against their schedule, and of their first task.",
            *_quantiles("airflow_dagrun_schedule_delay_seconds_bucket", "run "),
            *_quantiles("airflow_dagrun_first_task_scheduling_delay_seconds_bucket", "first task "),
            unit="s",
        ),
        timeseries(
            "Waiting for a slot",
            "Time from scheduled to queued, and from queued to running.",
            *_quantiles("airflow_task_scheduled_duration_seconds_bucket", "scheduled "),
            *_quantiles("airflow_task_queued_duration_seconds_bucket", "queued "),
            unit="s",
        ),
        bars(
            "Slowest DAGs",
            "95th percentile of the duration of successful runs in the time range.",
            Query(
                "topk(10, histogram_quantile(0.95, sum by (dag_id, le) ("
                "increase(airflow_dagrun_duration_success_seconds_bucket[$__range]))))",
                "{{dag_id}}",
                instant=True,
            ),
            unit="s",
            links=dag_links(links, "${__field.labels.dag_id:percentencode}"),
        ),
        timeseries(
            "Scheduler loop",
            "Time of one pass of the scheduler. The part in the critical section is what several schedulers wait for.",
            *_quantiles("airflow_scheduler_scheduler_loop_duration_seconds_bucket", "loop "),
            *_quantiles("airflow_scheduler_critical_section_duration_seconds_bucket", "critical section "),
            unit="s",
        ),
        timeseries(
            "Parsing DAG files",
            "Time of one pass over all DAG files, and how long ago the file was parsed that waits longest.",
            Query("max(airflow_dag_processing_total_parse_time)", "all files"),
            Query("max(airflow_dag_processing_last_run_seconds_ago)", "oldest file"),
            unit="s",
        ),
    ]


def _quantiles(bucket: str, prefix: str = "") -> list[Query]:
    return [
        Query(
            f"histogram_quantile({quantile}, sum by (le) (rate({bucket}[$__rate_interval])))",
            f"{prefix}p{quantile * 100:g}",
        )
        for quantile in (0.5, 0.95)
    ]
