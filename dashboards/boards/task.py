"""One task, or a few: tries, retries, waiting against working, what it runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.links import CELL, board_link, dag_links, task_links
from windsock.dashboards.panels import (
    BAD,
    FROM_ONE_BAD,
    FROM_ONE_WARN,
    GOOD,
    WARN,
    Panel,
    bars,
    heatmap,
    stat,
    timeseries,
)
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import ROWS, quantile
from windsock.dashboards.tables import Column, table
from windsock.dashboards.variables import ONE_DAG, ONE_TASK

if TYPE_CHECKING:
    from windsock.settings import Links, Settings

_OF = 'task_id=~"$task_id"'
_RUN = f"airflow_task_duration_seconds_bucket{{{_OF}}}"
_SCHEDULED = f"airflow_task_scheduled_duration_seconds_bucket{{{_OF}}}"
_QUEUED = f"airflow_task_queued_duration_seconds_bucket{{{_OF}}}"
_NOT_SAID = "no try said how it ended: killed ones can't, and of Airflow 3.0 until 3.1.8 none does"
_COLORS = {"success": GOOD, "failed": BAD, "up_for_retry": WARN, "skipped": "purple"}


def task(settings: Settings) -> str:
    """The page of the tasks that are chosen. No metric carries a run or a map index: those are in the log lines."""
    return board(
        uid=links.TASK_UID,
        title="Airflow task",
        description="One task or a few: tries, retries, waiting against working. Mapped instances count as one task: "
        "which index failed is in the log lines, and in Airflow.",
        dag=ONE_DAG,
        variables=[ONE_TASK],
        span="now-24h",
        rows=[
            Row("", _now()),
            Row("Tries", _tries(settings.links)),
            Row("Waiting and working", _time(settings.links)),
            Row("What it runs on", _work()),
        ],
    )


def _ended(states: str) -> str:
    """Tries that ended in one of `states`."""
    return f'airflow_ti_finish_total{{{_OF},state=~"{states}"}}'


def _now() -> list[Panel]:
    tried = f"sum(increase({_ended('success|failed|up_for_retry')}[$__range]))"
    return [
        _count("Failed for good", "Good: 0. Tries that failed with no retry left.", _ended("failed")),
        _count("Retried", "Good: 0. Tries that failed and were tried again.", _ended("up_for_retry")),
        stat(
            "Success rate of tries",
            "Good: above 98 %. Successful tries among those that succeeded or failed in the time range.",
            Query(
                f"(sum(increase({_ended('success')}[$__range])) or 0 * {tried}) / {tried}",
                instant=True,
            ),
            unit="percentunit",
            decimals=1,
            steps=((BAD, None), (WARN, 0.9), (GOOD, 0.98)),
            no_value=_NOT_SAID,
        ),
        stat(
            "Run time",
            "Good: as always. 95th percentile of tries in the time range.",
            Query(quantile(0.95, _RUN, window="$__range"), instant=True),
            unit="s",
        ),
        stat(
            "Wait for a slot",
            "Good: seconds. 95th percentile of the time from scheduled to queued in the time range.",
            Query(quantile(0.95, _SCHEDULED, window="$__range"), instant=True),
            unit="s",
            steps=((GOOD, None), (WARN, 60.0), (BAD, 600.0)),
        ),
        stat(
            "Heartbeat lost",
            "Good: 0. Tries that were killed, ran out of memory, or lost their host: their callbacks don't run.",
            Query(
                f"sum(increase(airflow_task_instances_without_heartbeats_killed_total{{{_OF}}}[$__range])) or "
                f"sum(increase(airflow_zombies_killed_total{{{_OF}}}[$__range]))",
                instant=True,
            ),
            steps=FROM_ONE_BAD,
            decimals=0,
            no_value="none",
        ),
    ]


def _count(title: str, description: str, counter: str) -> Panel:
    query = Query(f"sum(increase({counter}[$__range]))", instant=True)
    return stat(title, description, query, steps=FROM_ONE_WARN, decimals=0, no_value="none, or not said")


def _tries(base: Links) -> list[Panel]:
    by = "cluster, dag_id, task_id"
    failed = f"sum by ({by}) (increase({_ended('failed')}[$__range]))"
    retried = f"sum by ({by}) (increase({_ended('up_for_retry')}[$__range]))"
    return [
        timeseries(
            "Tries by state",
            "Good: success alone. Tries that ended, in each step of time.",
            Query(f"sum by (state) (increase({_ended('.+')}[$__rate_interval])) > 0", "{{state}}"),
            width=12,
            bars=True,
            colors=_COLORS,
            no_value=_NOT_SAID,
        ),
        table(
            "Tasks",
            "Tries in the time range, of the tasks that fail most.",
            [
                Query(f"topk({ROWS}, {failed} > 0)"),
                Query(f"topk({ROWS}, {retried} > 0)"),
                Query(f"topk({ROWS}, {quantile(0.95, _RUN, by=by, window='$__range')} > 0)"),
            ],
            [
                Column("task_id", "Task", links=task_links(base, CELL.format("DAG"), CELL.format("Task"))),
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("A", "Failed", decimals=0, steps=(("transparent", None), (WARN, 1.0), (BAD, 5.0))),
                Column("B", "Retried", decimals=0),
                Column("C", "Run time p95", unit="s"),
                Column("cluster", "Cluster"),
            ],
            no_value=_NOT_SAID,
        ),
    ]


def _time(base: Links) -> list[Panel]:
    return [
        timeseries(
            "Wait against run time",
            "Good: far more run than wait. Scheduled: for a slot; queued: for a worker, which 3.0 until 3.4 do not "
            "send.",
            Query(quantile(0.95, _RUN), "run p95"),
            Query(quantile(0.5, _RUN), "run p50"),
            Query(quantile(0.95, _SCHEDULED), "scheduled p95"),
            Query(quantile(0.95, _QUEUED), "queued p95"),
            unit="s",
        ),
        heatmap(
            "Run time of tries",
            "Good: one narrow band. How many tries took how long.",
            Query(f"sum by (le) (increase({_RUN}[$__rate_interval]))", "{{le}}"),
            width=8,
        ),
        bars(
            "Longest waits",
            "95th percentile of the time from scheduled to queued, by task.",
            Query(
                f"topk(10, {quantile(0.95, _SCHEDULED, by='cluster, dag_id, task_id', window='$__range')} > 0)",
                "{{task_id}}",
                instant=True,
            ),
            unit="s",
            links=[*task_links(base), board_link("Pools and queues", links.POOLS_UID)],
        ),
    ]


def _work() -> list[Panel]:
    return [
        timeseries(
            "Instances at work",
            "Good: no state that grows. By state, as Airflow's StatsD counts them; the database's are on the DAG's "
            "board.",
            *(
                Query(f"sum(airflow_ti_{state}{{{_OF}}})", state)
                for state in ("scheduled", "queued", "running", "deferred")
            ),
            stacked=True,
        ),
        timeseries(
            "Tries that began",
            "In each step of time; and those that were run although they had succeeded.",
            Query(f"sum(increase(airflow_ti_start_total{{{_OF}}}[$__rate_interval]))", "began"),
            Query(f"sum(increase(airflow_previously_succeeded_total{{{_OF}}}[$__rate_interval])) > 0", "once more"),
            bars=True,
        ),
        timeseries(
            "Tries by operator",
            "Failures of one operator in many tasks: look at what it talks to.",
            Query(
                "topk(5, sum by (operator_name) "
                f"(increase(airflow_operator_failures_total{{{_OF}}}[$__rate_interval])) > 0)",
                "failed: {{operator_name}}",
            ),
            Query(
                "topk(5, sum by (operator_name) "
                f"(increase(airflow_operator_successes_total{{{_OF}}}[$__rate_interval])) > 0)",
                "{{operator_name}}",
            ),
            bars=True,
            colors={"/^failed: /": BAD},
        ),
        timeseries(
            "CPU and memory",
            "Share of a running task, of the five that take most. Only Airflow 2 sends it.",
            Query(f"topk(5, max by (dag_id, task_id) (airflow_task_cpu_usage{{{_OF}}}))", "CPU {{task_id}}"),
            Query(f"topk(5, max by (dag_id, task_id) (airflow_task_mem_usage{{{_OF}}}))", "memory {{task_id}}"),
            unit="percent",
            width=12,
            no_value="only Airflow 2.11 sends it: watch the workers' hosts or pods instead",
        ),
        timeseries(
            "Resumable jobs",
            "Good: taken up again rather than submitted anew. Jobs elsewhere that outlive a try, over all tasks.",
            *(
                Query(f"sum(increase(airflow_resumable_job_{name}_total[$__rate_interval])) > 0", text)
                for name, text in (
                    ("fresh_submit", "submitted"),
                    ("already_succeeded", "had succeeded"),
                    ("terminal_resubmit", "submitted again"),
                    ("reconnect_attempt", "reconnecting"),
                    ("reconnect_success", "taken up again"),
                )
            ),
            width=12,
            bars=True,
            no_value="no operator with resumable jobs (Airflow 3.3 and later)",
        ),
    ]
