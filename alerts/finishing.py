"""Rules about how tasks and runs end, or don't, and what they have in common: the tries of each DAG and its team."""

from __future__ import annotations

from windsock.events import TASK_FAILED

from .limit import Limit
from .promql import (
    DAG,
    EVERY,
    HEARD,
    HOUR,
    INFO,
    RECONCILED,
    SELDOM,
    SLOWLY,
    TEAMS,
    by_dag,
    grown,
    known,
    of_this,
    step,
)
from .record import Record
from .rule import Group, Rule

FAILURE_VOLUME, FAILURES = 20, 8
"""Tries within an hour from which on a share of them says something, and failed ones: where one try in a hundred is
repeated by chance, some of 500 DAGs have six or seven of a hundred repeated within an hour of a week, and none eight
(benchmarks/week.py)."""
RETRYING_DAGS = 3
"""From so many DAGs on their retries have a reason in common."""

_TRIED = "cluster_dag_id_state:airflow_dag_tries_finished:growth1m"
_FINISHES = "cluster_dag_id_state:airflow_dag_tries_finished:growth1h"
_LATELY = "cluster_dag_id:airflow_dag_tries_failed:growth15m"
_TOLD = "cluster_dag_id:windsock_callback_sent_task_failed:growth1m"
_NOTIFIED = "cluster_dag_id:windsock_callback_sent_task_failed:growth1h"

_FAILED = f'sum by (cluster, dag_id) ({_FINISHES}{{state="failed"}})'
_FAILED_TRIES = f'sum by (cluster, dag_id) ({_FINISHES}{{state=~"failed|up_for_retry"}})'
_TRIES = f"sum by (cluster, dag_id) ({_FINISHES})"

_RATE_HIGH = "AirflowFailureRateHigh"
_FIRES = known(f'ALERTS{{alertname="{_RATE_HIGH}", alertstate="firing"}}')

_NAMED = "cluster_dag_id_team:airflow_db_dag_info:group"
"""The teams of a DAG, which the exporter reads in Airflow's database: as it says now, else as it said within the hour,
so that no restart changes the labels of what fires."""

_RECORDS = (
    HEARD,
    # Not airflow_ti_failures_total: without tags, as Airflow sends it by default, it does not say which DAG. Nor
    # airflow_ti_finish_total, of which each task has its own.
    Record(
        _TRIED,
        "sum by (cluster, dag_id, state)"
        f""" ({step('airflow_dag_tries_finished_total{state=~"success|failed|up_for_retry"}')})\n"""
        # Airflow 3.0 to 3.1.7 send none: the database knows how tasks end, though not what is tried again. Where they
        # are sent no exporter has that counter.
        "or on (cluster)\nsum by (cluster, dag_id, state)"
        f" ({step('airflow_db_dag_tries_finished_total')})",
    ),
    Record(
        _TOLD,
        f"""sum by (cluster, dag_id) ({step(f'windsock_callback_sent_total{{alertname="{TASK_FAILED}"}}')})""",
    ),
)

_ADDED_UP = (
    Record(_FINISHES, grown(_TRIED, HOUR, "cluster, dag_id, state")),
    Record(_LATELY, grown(f'{_TRIED}{{state=~"failed|up_for_retry"}}', 15, "cluster, dag_id")),
    Record(_NOTIFIED, grown(_TOLD, HOUR, "cluster, dag_id")),
    Record(
        _NAMED,
        f"group by (cluster, dag_id, team) ({INFO})\n"
        f"or on (cluster, dag_id)\ngroup by (cluster, dag_id, team) ({known(INFO, HOUR)})",
    ),
    # One row for each DAG that is there or ends tasks, with its team where it is known and no two exporters name two.
    Record(
        TEAMS,
        f"{_NAMED}\nunless on (cluster, dag_id)\ncount by (cluster, dag_id) ({_NAMED}) > 1\n"
        f"or on (cluster, dag_id)\ngroup by (cluster, dag_id) ({_NAMED})\n"
        f"or on (cluster, dag_id)\ngroup by (cluster, dag_id) ({_FINISHES})",
    ),
)

_RETRYING = f"""max by (cluster, dag_id) ({known('airflow_db_task_instances{state="up_for_retry"}')}) > 0"""
_SINCE_SUCCESS = f"(time() - {by_dag('airflow_db_dag_last_success_timestamp_seconds')})"
_LONGEST_PAUSE = by_dag("airflow_db_dag_success_pause_seconds")
_SUCCESS_LAG = by_dag("airflow_db_dag_success_lag_seconds")
_GRACE = 3600
"""Seconds: a DAG that runs every few minutes is not late after twice as many."""

FINISHING = Group(
    "airflow-finishing",
    (
        Rule(
            name="AirflowRetryStorm",
            limit=Limit(
                of=f"sum by (cluster) ({_RETRYING})",
                sign=">=",
                threshold=50,
                also=f"and on (cluster)\ncount by (cluster) ({_RETRYING}) >= {RETRYING_DAGS}",
            ),
            for_="3m",
            severity="warning",
            summary="Tasks of several DAGs of {{ $labels.cluster }} wait for a retry: {{ $value }}",
            description="None of them has failed yet. What they all call may be down: there is time to mend it before"
            " their retries are used up.",
        ),
        Rule(
            name="AirflowDagRunLong",
            limit=Limit(
                of=by_dag("airflow_db_dag_run_usual_ratio"),
                sign=">",
                threshold=3,
                also="and on (cluster, dag_id)\n"
                + by_dag('airflow_db_dag_run_oldest_age_seconds{state="running"}')
                + " > 900",
            ),
            for_="2m",
            severity="warning",
            by=DAG,
            summary='A run of {{ $labels.dag_id }} takes {{ $value | printf "%.1f" }} times as long as usual',
            description="It still runs"
            f"{{{{ range {of_this('airflow_db_dag_run_usual_seconds')} }}}}"
            "; 19 of 20 are done within {{ . | value | humanizeDuration }}{{ end }}.",
        ),
    ),
    _RECORDS,
    interval=EVERY,
)

FAILING = Group(
    "airflow-failing",
    (
        Rule(
            name=_RATE_HIGH,
            # It begins with a failure: successes of a DAG that has recovered must not bring it to the volume that
            # counts.
            limit=Limit(
                of=f"({_FAILED_TRIES} >= {FAILURES}) / ({_TRIES} >= {FAILURE_VOLUME})",
                sign=">",
                threshold=0.05,
                unit="share",
                also=f"and on (cluster, dag_id)\n({_LATELY} > 0\n  or group by (cluster, dag_id) ({_FIRES}))",
            ),
            for_="1m",
            severity="warning",
            by=DAG,
            summary="{{ $value | humanizePercentage }} of the tries of {{ $labels.dag_id }} failed within an hour",
            description="Within an hour {{ $value | humanizePercentage }} of the finished tries of {{ $labels.dag_id }}"
            f" failed, those that are retried too: at least {FAILURES} of {FAILURE_VOLUME} or more.",
        ),
        Rule(
            name="AirflowTaskFailuresUnnotified",
            # Where a reconciler works, it tells of what no callback told.
            found=f"{_FAILED} - ({_NOTIFIED} or {_FAILED} * 0) > 0\nunless on (cluster)\n{RECONCILED}",
            for_="3m",
            severity="warning",
            by=DAG,
            summary="No callback told anyone of failures in {{ $labels.dag_id }}: {{ $value }} within an hour",
            description="More tasks ended as failed than callbacks reported: the tasks have no callback of windsock, or"
            " it could not deliver.",
        ),
        Rule(
            name="AirflowDagPausedByFailures",
            found=f"{by_dag('airflow_db_dag_paused_by_failures')} == 1",
            severity="warning",
            by=DAG,
            summary="{{ $labels.dag_id }} is paused: it failed as often in a row as it may",
            description="Airflow pauses a DAG after max_consecutive_failed_dag_runs failures, and says so to nobody: it"
            " does not run until somebody unpauses it.",
        ),
    ),
    _ADDED_UP,
    interval=SELDOM,
)

SUCCEEDING = Group(
    "airflow-succeeding",
    (
        Rule(
            name="AirflowDagNoSuccess",
            limit=Limit(
                of=f"{_SINCE_SUCCESS} / {_LONGEST_PAUSE}",
                sign=">",
                threshold=1.5,
                # Of its last successes few may be older than a day: a night or a weekend for which nothing is due is
                # no pause that is too long.
                also=f"and on (cluster, dag_id)\n{_SINCE_SUCCESS} - {_LONGEST_PAUSE} > {_GRACE}\n"
                "and on (cluster, dag_id)\n"
                f"{_SUCCESS_LAG} > on (cluster, dag_id) clamp_min(0.5 * {_LONGEST_PAUSE}, {_GRACE})",
            ),
            # The run after one that failed may be slow: minutes later it has succeeded.
            for_="15m",
            severity="warning",
            by=DAG,
            summary='{{ $labels.dag_id }} has not succeeded for {{ $value | printf "%.1f" }} times its longest pause',
            description="Its runs fail, last, or do not begin"
            f"{{{{ range {of_this('airflow_db_dag_success_pause_seconds')} }}}}"
            "; between two of its last successes there were {{ . | value | humanizeDuration }} at most{{ end }}.",
        ),
    ),
    interval=SLOWLY,
)
