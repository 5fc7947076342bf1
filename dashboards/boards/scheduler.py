"""The scheduler and the executors: is work handed out, and how fast?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.boards.executors import executor_panels, oldest_queued, worker_panels
from windsock.dashboards.panels import ALIVE, BAD, GOOD, WARN, Panel, stat, states, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import PROCESSOR, SCHEDULER, TRIGGERER, alive, quantile, quantiles

if TYPE_CHECKING:
    from windsock.settings import Settings

_LOOP = "airflow_scheduler_scheduler_loop_duration_seconds_bucket"
_SLOW = 5.0
"""Seconds of one pass, in which nothing is handed out."""


def scheduler(settings: Settings) -> str:  # noqa: ARG001  one signature for all boards
    """The page of what hands out work."""
    return board(
        uid=links.SCHEDULER_UID,
        title="Airflow scheduler and executor",
        description="Is work handed out, how fast, and by whom: heartbeats, the loop, executors and their workers.",
        rows=[
            Row("", _now()),
            Row("Components", _components()),
            Row("The loop", _loop()),
            Row("Executors", executor_panels()),
            # Two screens, of which an Airflow has what is its executor's, or nothing.
            Row(
                "Only with Kubernetes, Celery, edge workers or AWS: open it if yours is one",
                worker_panels(),
                closed=True,
            ),
        ],
    )


def _now() -> list[Panel]:
    return [
        stat(
            "One pass of the loop",
            "Good: under a second. 95th percentile of the last five minutes.",
            Query(quantile(0.95, _LOOP), instant=True),
            unit="s",
            steps=((GOOD, None), (WARN, _SLOW), (BAD, 6 * _SLOW)),
            decimals=1,
            interval="5m",
            width=6,
        ),
        stat(
            "Ready, not handed out",
            "Good: falls soon. Task instances that are scheduled, and that no executor has got.",
            Query(
                'sum(airflow_db_task_instances{state="scheduled"}) or 0 * count(airflow_db_up == 1)',
                instant=True,
            ),
            width=6,
        ),
        stat(
            "Free slots of executors",
            "Good: above 0. What the executors could still take.",
            Query("sum(max by (cluster, executor_class_name) (airflow_executor_open_slots))", instant=True),
            steps=((BAD, None), (GOOD, 1.0)),
            width=6,
        ),
        oldest_queued(),
    ]


def _components() -> list[Panel]:
    return [
        states(
            "Alive",
            "Good: one colour all the way.",
            *(
                Query(alive(job), f"{name} {{{{cluster}}}}")
                for name, job in (("scheduler", SCHEDULER), ("DAG processor", PROCESSOR), ("triggerer", TRIGGERER))
            ),
            words=ALIVE,
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
            *quantiles(_LOOP, prefix="loop "),
            *quantiles("airflow_scheduler_critical_section_duration_seconds_bucket", prefix="critical section "),
            Query(quantile(0.95, "airflow_scheduler_critical_section_query_duration_seconds_bucket"), "its query p95"),
            unit="s",
            steps=(("transparent", None), (WARN, _SLOW)),
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
            Query(quantile(0.95, "airflow_dependency_check_seconds_bucket"), "dependency check p95"),
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
