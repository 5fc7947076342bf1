"""The on-call overview: do I need to act, and where do I look next?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board, outside
from windsock.dashboards.links import CELL, board_link, dag_links, runbook_links
from windsock.dashboards.panels import BAD, FROM_ONE_BAD, GOOD, WARN, Panel, stat, states, timeseries
from windsock.dashboards.queries import Query, first
from windsock.dashboards.sources import (
    FIRING,
    PROCESSOR,
    ROWS,
    SCHEDULER,
    TRIGGERER,
    alive,
    finished,
    none_is_zero,
    runs,
    worst,
)
from windsock.dashboards.tables import Column, table

if TYPE_CHECKING:
    from windsock.settings import Settings

_STUCK = 600
"""Seconds in which an executor takes what is queued, or something is wrong with it."""
_LATE = 300
"""Seconds after which a run that is due and does not exist is late."""
_ALIVE = {0: ("stopped", BAD), 1: ("alive", GOOD)}
_COMPONENTS = {"scheduler": SCHEDULER, "DAG processor": PROCESSOR, "triggerer": TRIGGERER}
_EXECUTOR = (
    f'(max by (cluster) (airflow_db_task_instance_oldest_age_seconds{{state="queued"}}) <= bool {_STUCK}) or '
    "max by (cluster) (airflow_db_up) == 1"
)
_AT_RISK = first(
    "airflow_db_dag_fresh == 0", "airflow_db_dag_finish_by_missed == 1", 'airflow_db_deadlines{state="missed"} > 0'
)


def overview(settings: Settings) -> str:
    """The first page for whoever is on call; links into Airflow appear where `links.airflow` is set."""
    base = settings.links
    return board(
        uid=links.OVERVIEW_UID,
        title="Airflow overview",
        description="Is Airflow alive, what fires, what fails, what is late, what changed: the first page on call.",
        rows=[
            Row("", [*_component_panels(), *_count_panels(), _fires(settings), _fails(settings)]),
            Row("Late, at risk, changed", [_late(settings), _changes()]),
            Row("Over time", [*_history(settings)]),
        ],
        links=outside({"Airflow": base.airflow, "Runbooks": links.runbooks(base)}),
    )


def _component_panels() -> list[Panel]:
    """One word for each component."""
    return [
        _component("Scheduler", alive(SCHEDULER), "Good: alive. Stopped: no task starts.", links.SCHEDULER_UID),
        _component(
            "DAG processor",
            alive(PROCESSOR),
            "Good: alive. Stopped: new and changed DAGs are not seen. Airflow 2 may parse inside the scheduler, and "
            "then nothing is said here.",
            links.PROCESSING_UID,
        ),
        _component(
            "Triggerer",
            alive(TRIGGERER),
            "Good: alive. Stopped: deferred tasks wait for ever. Without deferrable operators there may be none.",
            links.TRIGGERER_UID,
        ),
        _component(
            "Executor",
            _EXECUTOR,
            f"Good: takes tasks. Stuck: a task instance has been queued for more than {_STUCK // 60} minutes.",
            links.POOLS_UID,
            words={0: ("stuck", BAD), 1: ("takes tasks", GOOD)},
        ),
        _component(
            "Database",
            "min by (cluster) (airflow_db_up)",
            "Good: up. Down: Airflow's metadata database does not answer windsock, or does not let itself be read.",
            links.OWN_UID,
            words={0: ("down", BAD), 1: ("up", GOOD)},
            no_value="not read",
        ),
        _component(
            "windsock",
            'min by (cluster) (up{job="windsock"})',
            "Good: up. While the exporter is down, all else on this page stands still.",
            links.OWN_UID,
            words={0: ("down", BAD), 1: ("up", GOOD)},
            no_value="not scraped",
        ),
    ]


def _component(  # noqa: PLR0913  a panel is its settings
    title: str,
    expr: str,
    description: str,
    uid: str,
    *,
    words: dict[int, tuple[str, str]] | None = None,
    no_value: str = "not heard",
) -> Panel:
    return stat(
        title,
        description,
        Query(expr, "{{cluster}}", instant=True),
        words=words or _ALIVE,
        height=3,
        no_value=no_value,
        recent="15m",
        links=[board_link("More about it", uid)],
    )


def _count_panels() -> list[Panel]:
    """How much of what needs somebody; each good at zero."""
    return [
        _count(
            "Alerts firing",
            "Good: 0. What Prometheus' rules say now; failures that callbacks report go to Alertmanager directly.",
            f"count(ALERTS{{{FIRING}}}) or vector(0)",
        ),
        _count(
            "DAGs failing now",
            "Good: 0. DAGs whose latest finished run failed.",
            none_is_zero('count(airflow_db_dag_last_run_state{state="failed"} == 1)'),
        ),
        stat(
            "Failed tasks a minute",
            "Good: 0. From ten a minute on it is a storm: look for what the tasks have in common, not at each of them.",
            Query(f"60 * sum({finished('failed', 'cluster', 'rate', '$__rate_interval')})"),
            steps=((GOOD, None), (WARN, 0.1), (BAD, 10.0)),
            decimals=1,
            height=3,
        ),
        _count(
            "Late DAGs",
            f"Good: 0. DAGs whose next run has been due for {_LATE // 60} minutes and does not exist.",
            none_is_zero(f"count(airflow_db_dag_schedule_lag_seconds > {_LATE})"),
        ),
        _count(
            "Data at risk",
            "Good: 0. DAGs that break a promise: not fresh, not finished by their time, a deadline missed in a day.",
            none_is_zero(f"count(group by (cluster, dag_id) ({_AT_RISK}))"),
        ),
        _count(
            "Import errors",
            "Good: 0. DAG files that can't be imported: their DAGs don't run.",
            "sum(count by (cluster) (airflow_db_import_error_timestamp_seconds) or "
            "max by (cluster) (airflow_dag_processing_import_errors))",
        ),
    ]


def _count(title: str, description: str, expr: str) -> Panel:
    return stat(title, description, Query(expr, instant=True), steps=FROM_ONE_BAD, decimals=0, height=3)


def _fires(settings: Settings) -> Panel:
    labels = "alertname, severity, cluster, dag_id, pool_name"
    return table(
        "What fires",
        "Good: nothing. What Prometheus' rules say now; the name leads to the runbook.",
        [Query(f"topk(50, sum by ({labels}) (ALERTS{{{FIRING}}}))")],
        [
            Column("alertname", "Alert", links=runbook_links(settings.links, CELL.format("Alert"))),
            Column("severity", "Severity"),
            Column("cluster", "Cluster"),
            Column("dag_id", "DAG", links=dag_links(settings.links, CELL.format("DAG"))),
            Column("pool_name", "Pool"),
        ],
        no_value="nothing fires",
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
        no_value="nothing failed",
    )


def _late(settings: Settings) -> Panel:
    return table(
        "Late or at risk",
        "Good: nothing. Runs that are due and not created, runs that take twice their usual time, broken promises.",
        [
            Query(worst("airflow_db_dag_schedule_lag_seconds") + f" > {_LATE}"),
            Query(worst("airflow_db_dag_run_usual_ratio") + " > 2"),
            Query(worst("1 - airflow_db_dag_fresh") + " > 0"),
            Query(worst("airflow_db_dag_finish_by_missed") + " > 0"),
            Query(worst('airflow_db_deadlines{state="missed"}') + " > 0"),
        ],
        [
            Column("dag_id", "DAG", links=dag_links(settings.links, CELL.format("DAG"))),
            Column("A", "Late by", unit="s", steps=(("transparent", None), (WARN, float(_LATE)), (BAD, 3600.0))),
            Column("B", "Times its usual time", decimals=1),
            Column("C", "Not fresh"),
            Column("D", "Not finished by its time"),
            Column("E", "Deadlines missed"),
        ],
        no_value="nothing is late",
    )


def _changes() -> Panel:
    return timeseries(
        "What changed",
        "Often the cause of what fails now. DAG versions are counted by Airflow 3.4 and later.",
        Query("sum(increase(airflow_dag_serialization_version_created_total[$__rate_interval])) > 0", "DAG versions"),
        Query(
            'sum by (job_name) (increase(airflow_job_start_total{job_name!~"(?i)local.*"}[$__rate_interval])) > 0',
            "started: {{job_name}}",
        ),
        Query("sum(increase(airflow_task_removed_from_dag_total[$__rate_interval])) > 0", "tasks removed"),
        Query("sum(increase(airflow_task_restored_to_dag_total[$__rate_interval])) > 0", "tasks restored"),
        Query("count(airflow_db_dag_paused_with_schedule)", "paused DAGs with a schedule"),
        Query("count(airflow_db_dag_stale)", "DAGs without a file"),
        width=12,
        bars=True,
    )


def _history(settings: Settings) -> list[Panel]:
    many = finished("failed", "cluster, dag_id", "rate", "$__rate_interval")
    most = f"topk(5, ({finished('failed', 'cluster, dag_id', at=' @ end()')}) > 0)"
    return [
        states(
            "Components",
            "Good: one colour all the way.",
            *(Query(alive(job), f"{name} {{{{cluster}}}}") for name, job in _COMPONENTS.items()),
            words=_ALIVE,
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
            stacked=True,
            colors={"success": GOOD, "failed": BAD},
        ),
        timeseries(
            "Failed tasks, the five worst DAGs",
            "Failed task instances a minute of the five DAGs that fail most in the time range.",
            Query(f"60 * ({many}) and on (cluster, dag_id) {most}", "{{dag_id}}"),
            unit="cpm",
            width=24,
            bars=True,
            stacked=True,
            links=dag_links(settings.links),
            no_value="nothing failed",
        ),
    ]
