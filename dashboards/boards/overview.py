"""The on-call overview: do I need to act, and where do I look next?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board, outside
from windsock.dashboards.boards.overview_states import component_panels, count_panels
from windsock.dashboards.links import CELL, dag_links, runbook_links
from windsock.dashboards.panels import ALIVE, BAD, GOOD, WARN, Panel, states, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import (
    COMPONENTS,
    ENDED,
    FIRING,
    LATE,
    ROWS,
    alive,
    finished,
    runs,
    worst,
)
from windsock.dashboards.tables import Column, table

if TYPE_CHECKING:
    from windsock.settings import Settings


_LOW = 7
"""The height of what has to share the first screen."""


def overview(settings: Settings) -> str:
    """The first page for whoever is on call; links into Airflow appear where `links.airflow` is set."""
    base = settings.links
    return board(
        uid=links.OVERVIEW_UID,
        title="Airflow overview",
        description="Is Airflow alive, what fires, what fails, what is late, what changed: the first page on call.",
        rows=[
            Row("", [*component_panels(), *count_panels(), *_first_screen(settings)]),
            Row("Over time", [*_history(settings)]),
        ],
        links=outside({"Airflow": base.airflow, "Runbooks": links.runbooks(base)}),
    )


def _first_screen(settings: Settings) -> list[Panel]:
    """What a laptop shows without scrolling, below the states and the counts."""
    return [_fires(settings), _fails(settings), _late(settings), _changes()]


def _fires(settings: Settings) -> Panel:
    labels = "alertname, severity, cluster, dag_id, pool_name"
    return table(
        "Rules that fire",
        "Good: nothing. What Prometheus' rules say now, with their runbooks; what failed stands beside it.",
        [Query(f"topk(50, sum by ({labels}) (ALERTS{{{FIRING}}}))")],
        [
            Column("alertname", "Alert", links=runbook_links(settings.links, CELL.format("Alert"))),
            Column("severity", "Severity"),
            Column("cluster", "Cluster"),
            Column("dag_id", "DAG", links=dag_links(settings.links, CELL.format("DAG"))),
            Column("pool_name", "Pool"),
        ],
        height=_LOW,
        no_value="no rule fires",
    )


def _fails(settings: Settings) -> Panel:
    failing = worst("airflow_db_dag_consecutive_failures") + " > 0"
    tasks = f"topk({ROWS}, ({finished('failed', 'cluster, dag_id')}) > 0)"
    ended = "time() - max by (cluster, dag_id) (airflow_db_dag_last_run_timestamp_seconds)"
    return table(
        "Failing DAGs",
        "Good: nothing. DAGs whose last runs failed, and those with failed tasks in the time range.",
        [Query(failing), Query(tasks), Query(f"{ended} and on (cluster, dag_id) {failing}")],
        [
            Column("dag_id", "DAG", links=dag_links(settings.links, CELL.format("DAG"))),
            Column("A", "Failed runs in a row", decimals=0, steps=(("transparent", None), (WARN, 1.0), (BAD, 3.0))),
            Column("B", "Failed tasks", decimals=0),
            Column("C", "Last run ended", unit="s", decimals=0),
            Column("cluster", "Cluster"),
        ],
        height=_LOW,
        no_value="nothing failed, as far as is known",
    )


def _late(settings: Settings) -> Panel:
    return table(
        "Late or at risk",
        "Good: nothing. Runs that are due and not made, that take twice their usual time; promises broken or at risk.",
        [
            Query(worst("airflow_db_dag_schedule_lag_seconds") + f" > {LATE}"),
            Query(worst("airflow_db_dag_run_usual_ratio") + " > 2"),
            Query(worst("1 - airflow_db_dag_fresh") + " > 0"),
            Query(worst("airflow_db_dag_finish_by_missed") + " > 0"),
            Query(worst('airflow_db_deadlines{state="missed"}') + " > 0"),
            Query(worst("airflow_db_dag_expected_late_seconds")),
        ],
        [
            Column("dag_id", "DAG", links=dag_links(settings.links, CELL.format("DAG"))),
            Column("A", "Late by", unit="s", steps=(("transparent", None), (WARN, float(LATE)), (BAD, 3600.0))),
            Column("B", "Times its usual time", decimals=1),
            Column("C", "Not fresh"),
            Column("D", "Not finished by its time"),
            Column("E", "Deadlines missed"),
            Column("F", "Likely late by", unit="s"),
            Column("cluster", "Cluster"),
        ],
        height=_LOW,
        no_value="nothing is late, or the metadata database is not read",
    )


def _changes() -> Panel:
    return timeseries(
        "What changed",
        "Often the cause of what fails now. DAG versions are counted by Airflow 3.4 and later.",
        Query("sum(increase(airflow_dag_serialization_version_created_total[$__rate_interval])) > 0", "DAG versions"),
        Query(
            'sum by (job_name) (increase(airflow_job_start_total{job_name!~"(?i)local.*"}[$__rate_interval])) > 0',
            "components started: {{job_name}}",
        ),
        Query("sum(increase(airflow_task_removed_from_dag_total[$__rate_interval])) > 0", "tasks removed"),
        Query("sum(increase(airflow_task_restored_to_dag_total[$__rate_interval])) > 0", "tasks restored"),
        Query(_new("airflow_db_dag_paused_with_schedule"), "DAGs paused"),
        Query(_new("airflow_db_dag_stale"), "DAGs without a file"),
        width=12,
        height=_LOW,
        bars=True,
        no_value="nothing changed",
    )


def _new(gauge: str) -> str:
    """How many DAGs have it that had not within an hour: a restart of the exporter is no change."""
    return f"count({gauge} unless on (cluster, dag_id) count_over_time({gauge}[1h] offset $__interval))"


def _worst_of(counter: str) -> str:
    """Failures a minute, of the five DAGs that have the most of them in the whole range."""
    failed = f'{counter}{{state="failed"}}'
    most = f"topk(5, sum by (cluster, dag_id) (increase({failed}[$__range] @ end())) > 0)"
    return f"60 * sum by (cluster, dag_id) (rate({failed}[$__rate_interval])) and on (cluster, dag_id) {most}"


def _history(settings: Settings) -> list[Panel]:
    stored, sent = ENDED
    return [
        states(
            "Components",
            "Good: one colour all the way.",
            *(Query(alive(job), f"{name} {{{{cluster}}}}") for name, job in COMPONENTS.items()),
            words=ALIVE,
            width=24,
            height=5,
        ),
        timeseries(
            "Runs by outcome",
            "Runs that ended, a minute.",
            *(
                Query(f"60 * sum({runs(state, 'cluster', 'rate', '$__rate_interval')})", state)
                for state in ("success", "failed")
            ),
            unit="cpm",
            width=12,
            bars=True,
            colors={"success": GOOD, "failed": BAD},
        ),
        timeseries(
            "Failed tasks, the five worst DAGs",
            "Failed task instances a minute of the five DAGs that fail most in the time range.",
            Query(_worst_of(stored), "{{dag_id}}"),
            Query(f"({_worst_of(sent)}) unless on (cluster) max by (cluster) (airflow_db_up) == 1", "{{dag_id}}"),
            unit="cpm",
            width=12,
            bars=True,
            links=dag_links(settings.links),
            no_value="nothing failed",
        ),
    ]
