"""Failures: how many, in which states, which DAGs and operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .links import dag_links
from .panels import FROM_ONE_RED, Column, Panel, bars, stat, table, timeseries
from .queries import Query

if TYPE_CHECKING:
    from windsock.settings import Links

_STATES = {
    "success": "green",
    "failed": "red",
    "up_for_retry": "orange",
    "skipped": "purple",
    "deferred": "blue",
    "upstream_failed": "dark-orange",
}

# Not airflow_ti_failures_total: without tags, as Airflow sends it by default, it does not say which DAG.
_FAILED = 'airflow_ti_finish_total{state=~"failed|up_for_retry"}'


def failure_panels(links: Links) -> list[Panel]:
    """What failed in the time range, from the count down to the DAG."""
    worst = f"topk(20, sum by (dag_id) (increase({_FAILED}[$__range])) > 0)"
    return [
        stat(
            "Failed tries",
            "Tries of tasks that failed in the time range, those that were retried too.",
            Query(f"sum(increase({_FAILED}[$__range]))", instant=True),
            steps=(("green", None), ("orange", 1.0)),
            decimals=0,
        ),
        stat(
            "Success rate of tries",
            "Successful tries among those that succeeded or failed in the time range.",
            Query(_success_rate("sum"), instant=True),
            unit="percentunit",
            decimals=1,
            steps=(("red", None), ("orange", 0.9), ("green", 0.98)),
            no_value="nothing finished",
        ),
        stat(
            "Failed runs",
            "DAG runs that failed in the time range.",
            Query("sum(increase(airflow_dagrun_duration_failed_seconds_count[$__range]))", instant=True),
            steps=FROM_ONE_RED,
            decimals=0,
            no_value="none",
        ),
        stat(
            "Tasks lost",
            "Tasks that stopped sending heartbeats: killed, out of memory, host gone. Their callbacks don't run.",
            Query(
                "sum(sum by (cluster) (increase(airflow_task_instances_without_heartbeats_killed_total[$__range])) or "
                "sum by (cluster) (increase(airflow_zombies_killed_total[$__range])))",
                instant=True,
            ),
            steps=FROM_ONE_RED,
            decimals=0,
            no_value="none",
        ),
        stat(
            "Ended from outside",
            "Task instances that ended without the scheduler's doing.",
            Query("sum(increase(airflow_scheduler_tasks_killed_externally_total[$__range]))", instant=True),
            steps=FROM_ONE_RED,
            decimals=0,
            no_value="none",
        ),
        stat(
            "Deadlines missed",
            "Deadline alerts that came due in the time range.",
            Query("sum(increase(airflow_deadline_alerts_deadline_missed_total[$__range]))", instant=True),
            steps=FROM_ONE_RED,
            decimals=0,
            no_value="none",
        ),
        timeseries(
            "Tries by state",
            "Tries that ended, a minute, by the state they ended in.",
            Query("60 * sum by (state) (rate(airflow_ti_finish_total[$__rate_interval])) > 0", "{{state}}"),
            unit="cpm",
            width=12,
            bars=True,
            stacked=True,
            colors=_STATES,
        ),
        timeseries(
            "Failed tries, the five worst DAGs",
            "Failed tries a minute of the five DAGs that fail most in the time range.",
            Query(
                f"60 * sum by (dag_id) (rate({_FAILED}[$__rate_interval])) and on (dag_id) "
                f"topk(5, sum by (dag_id) (increase({_FAILED}[$__range] @ end())) > 0)",
                "{{dag_id}}",
            ),
            unit="cpm",
            width=12,
            bars=True,
            stacked=True,
            links=dag_links(links, "${__field.labels.dag_id:percentencode}"),
        ),
        table(
            "Failing DAGs",
            "The twenty DAGs with the most failed tries in the time range; the links lead to this page with one DAG.",
            [
                Query(worst),
                Query(f"{_success_rate('sum by (dag_id)')} and on (dag_id) {worst}"),
                Query(
                    "sum by (dag_id) (increase(airflow_dagrun_duration_failed_seconds_count[$__range])) "
                    f"and on (dag_id) {worst}"
                ),
            ],
            [
                Column("dag_id", "DAG", links=dag_links(links, "${__data.fields.DAG:percentencode}")),
                Column("A", "Failed tries", decimals=0, steps=(("transparent", None), ("orange", 1.0), ("red", 20.0))),
                Column("B", "Success rate", unit="percentunit", decimals=1),
                Column("C", "Failed runs", decimals=0),
            ],
            no_value="nothing failed",
        ),
        bars(
            "Failing operators",
            "Failed tries in the time range, by operator: one broken service often shows here first.",
            Query(
                "topk(10, sum by (operator_name) (increase(airflow_operator_failures_total[$__range])) > 0)",
                "{{operator_name}}",
                instant=True,
            ),
            width=12,
        ),
    ]


def _success_rate(total: str) -> str:
    """Successes among what was tried; where nothing succeeded yet, there is no such series, and the rate is 0."""
    tried = f'{total} (increase(airflow_ti_finish_total{{state=~"success|failed|up_for_retry"}}[$__range]))'
    succeeded = f'{total} (increase(airflow_ti_finish_total{{state="success"}}[$__range]))'
    return f"({succeeded} or 0 * {tried}) / {tried}"
