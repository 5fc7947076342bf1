"""The overview's first lines: one word for each component, one number for what needs somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.links import board_link
from windsock.dashboards.panels import ALIVE, BAD, FROM_ONE_BAD, GOOD, UP, WARN, Panel, stat
from windsock.dashboards.queries import Query, first
from windsock.dashboards.sources import (
    FIRING,
    LATE,
    PROCESSOR,
    SCHEDULER,
    STUCK,
    TRIGGERER,
    alive,
    finished,
    none_is_zero,
)

if TYPE_CHECKING:
    from windsock.dashboards.panels import Words

_EXECUTOR = (
    f'(max by (cluster) (airflow_db_task_instance_oldest_age_seconds{{state="queued"}}) <= bool {STUCK}) or '
    "max by (cluster) (airflow_db_up) == 1"
)
_AT_RISK = first(
    "airflow_db_dag_fresh == 0", "airflow_db_dag_finish_by_missed == 1", 'airflow_db_deadlines{state="missed"} > 0'
)


def component_panels() -> list[Panel]:
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
            f"Good: takes tasks. Stuck: a task instance has been queued for more than {STUCK // 60} minutes.",
            links.POOLS_UID,
            words={0: ("stuck", BAD), 1: ("takes tasks", GOOD)},
            no_value="database not read",
        ),
        _component(
            "Database",
            "min by (cluster) (airflow_db_up)",
            "Good: up. Down: Airflow's metadata database does not answer windsock, or does not let itself be read.",
            links.OWN_UID,
            words=UP,
            no_value="not read",
        ),
        _component(
            "windsock",
            'min by (cluster) (up{job="windsock"})',
            "Good: up. While the exporter is down, all else on this page stands still.",
            links.OWN_UID,
            words=UP,
            no_value="not scraped",
        ),
    ]


def _component(  # noqa: PLR0913  a panel is its settings
    title: str,
    expr: str,
    description: str,
    uid: str,
    *,
    words: Words = ALIVE,
    no_value: str = "not heard",
) -> Panel:
    return stat(
        title,
        description,
        Query(expr, "{{cluster}}", instant=True),
        words=words,
        height=3,
        no_value=no_value,
        recent="15m",
        links=[board_link("More about it", uid)],
    )


def count_panels() -> list[Panel]:
    """How much of what needs somebody; each good at zero."""
    return [
        _count(
            "Alerts firing",
            "Good: 0 and 0. Rules: what Prometheus' rules say now, which the table below lists. Failures: tasks and "
            "runs that failed and are not good again, as far as the reconciler knows; each fires in Alertmanager until "
            "a rerun or a later run succeeds, and the failing DAGs say where.",
            f'label_replace(count(ALERTS{{{FIRING}}}) or vector(0), "of", "rules", "", "") or '
            'label_replace(sum(max by (cluster) (windsock_reconcile_firing)), "of", "failures", "", "")',
            legend="{{of}}",
        ),
        _count(
            "DAGs failing now",
            "Good: 0. DAGs whose latest finished run failed.",
            none_is_zero('count(airflow_db_dag_last_run_state{state="failed"} == 1)'),
        ),
        stat(
            "Failed tasks a minute",
            "Good: 0. From ten a minute on it is a storm: look for what the tasks have in common, not at each of them.",
            Query(none_is_zero(f"60 * sum({finished('failed', 'cluster', 'rate', '$__rate_interval')})"), instant=True),
            steps=((GOOD, None), (WARN, 0.1), (BAD, 10.0)),
            decimals=1,
            height=3,
            # Tasks of runs that begin with each minute end in bursts.
            interval="5m",
        ),
        _count(
            "Late DAGs",
            f"Good: 0. DAGs whose next run has been due for {LATE // 60} minutes and does not exist.",
            none_is_zero(f"count(airflow_db_dag_schedule_lag_seconds > {LATE})"),
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


def _count(title: str, description: str, expr: str, legend: str = "") -> Panel:
    return stat(title, description, Query(expr, legend, instant=True), steps=FROM_ONE_BAD, decimals=0, height=3)
