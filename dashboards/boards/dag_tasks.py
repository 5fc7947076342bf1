"""The tasks of a DAG: which fail, which take or wait long; and what nobody told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock.dashboards.links import CELL, dag_links, task_links
from windsock.dashboards.panels import BAD, GOOD, WARN, Panel, bars, timeseries
from windsock.dashboards.queries import Query, first
from windsock.dashboards.sources import FIRING, ROWS, quantile, quantiles
from windsock.dashboards.tables import Column, table

if TYPE_CHECKING:
    from windsock.settings import Links

_BROKEN = 'airflow_ti_finish_total{state=~"failed|up_for_retry"}'


def failure_panels(base: Links) -> list[Panel]:
    """What failed, and whether somebody was told."""
    labels = "alertname, severity, dag_id"
    return [
        table(
            "Failed tries by task",
            "Good: nothing. Tries that failed in the time range, those that were retried too.",
            [Query(f"topk({ROWS}, sum by (cluster, dag_id, task_id) (increase({_BROKEN}[$__range])) > 0)")],
            [
                Column("task_id", "Task", links=task_links(base, CELL.format("DAG"), CELL.format("Task"))),
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("A", "Failed tries", decimals=0, steps=(("transparent", None), (WARN, 1.0), (BAD, 5.0))),
                Column("cluster", "Cluster"),
            ],
            no_value="no task said that it failed: killed ones can't, and of Airflow 3.0 until 3.1.8 none does",
        ),
        timeseries(
            "Task instances by how they ended",
            "Good: success and skipped. In each step of time.",
            Query(
                first(
                    "sum by (state) (increase(airflow_db_task_instances_finished_total[$__rate_interval]))",
                    "sum by (state) (increase(airflow_ti_finish_total[$__rate_interval]))",
                ),
                "{{state}}",
            ),
            width=12,
            bars=True,
            colors={"success": GOOD, "failed": BAD, "up_for_retry": WARN, "skipped": "purple"},
        ),
        timeseries(
            "Ended without a word",
            "Good: nothing. Tasks that lost their heartbeat, were killed from outside, or of which nobody told.",
            Query(
                "sum(increase(airflow_task_instances_without_heartbeats_killed_total[$__rate_interval])) or "
                "sum(increase(airflow_zombies_killed_total[$__rate_interval]))",
                "heartbeat lost",
            ),
            Query("sum(increase(airflow_scheduler_tasks_killed_externally_total[$__rate_interval]))", "killed"),
            Query("sum(increase(windsock_silent_failures_total[$__rate_interval]))", "nobody told"),
            Query("sum(increase(airflow_dag_callback_exceptions_total[$__rate_interval]))", "callback raised"),
            bars=True,
            colors={"heartbeat lost": BAD, "killed": BAD, "nobody told": WARN, "callback raised": WARN},
        ),
        timeseries(
            "Told",
            "Failures that callbacks reported, and could not report, in each step of time.",
            Query("sum by (alertname) (increase(windsock_callback_sent_total[$__rate_interval])) > 0", "{{alertname}}"),
            Query(
                "sum by (reason) (increase(windsock_callback_failed_total[$__rate_interval])) > 0",
                "not told: {{reason}}",
            ),
            bars=True,
            no_value="no callback had to tell anything",
        ),
        table(
            "Rules that fire for it",
            "Good: nothing. Rules about the chosen DAGs; that a run or a task failed stands in the other panels.",
            [Query(f'topk(50, sum by ({labels}) (ALERTS{{dag_id=~"$dag_id",{FIRING}}}))')],
            [Column("alertname", "Alert"), Column("severity", "Severity"), Column("dag_id", "DAG")],
            width=8,
            no_value="no rule fires",
        ),
    ]


def task_panels(base: Links) -> list[Panel]:
    """Which tasks work, and which wait."""
    by = "cluster, dag_id, task_id"
    legend = "{{task_id}}"
    return [
        bars(
            "Tasks by time",
            "95th percentile of the run time of tries in the time range.",
            Query(
                f"topk(10, {quantile(0.95, 'airflow_task_duration_seconds_bucket', by=by, window='$__range')} > 0)",
                legend,
                instant=True,
            ),
            unit="s",
            links=task_links(base),
        ),
        bars(
            "Tasks by waiting",
            "95th percentile of the time from scheduled to queued in the time range: pool, concurrency, priority.",
            Query(
                "topk(10, "
                f"{quantile(0.95, 'airflow_task_scheduled_duration_seconds_bucket', by=by, window='$__range')} > 0)",
                legend,
                instant=True,
            ),
            unit="s",
            links=task_links(base),
        ),
        timeseries(
            "Task instances at work",
            "Good: no state that grows. Task instances that are not finished, by state, the most in each step of time.",
            Query("sum by (state) (max_over_time(airflow_db_task_instances[$__interval]))", "{{state}}"),
            stacked=True,
            no_value="none was seen at work, or the metadata database is not read",
        ),
        timeseries(
            "Task time and queue wait",
            "Good: far more work than waiting. Over all tasks of the chosen DAGs.",
            *quantiles(
                "airflow_db_task_instance_duration_seconds_bucket",
                "airflow_task_duration_seconds_bucket",
                prefix="run ",
            ),
            *quantiles(
                "airflow_db_task_instance_queue_wait_seconds_bucket",
                "airflow_task_queued_duration_seconds_bucket",
                prefix="queued ",
            ),
            unit="s",
            width=12,
        ),
        timeseries(
            "Oldest task instances",
            "Good: below what the task usually takes. By state; deferred: waiting for a trigger.",
            Query(
                "max by (state) (max_over_time(airflow_db_task_instance_oldest_age_seconds[$__interval]))", "{{state}}"
            ),
            Query("max(max_over_time(airflow_db_deferred_oldest_age_seconds[$__interval]))", "deferred"),
            unit="s",
            width=12,
            no_value="none was seen at work, or the metadata database is not read",
        ),
    ]
