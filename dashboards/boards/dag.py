"""One DAG, or a few: how its runs go, against its own history and its promises, and which of its tasks is to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.boards.dag_tasks import failure_panels, task_panels
from windsock.dashboards.panels import BAD, FROM_ONE_BAD, GOOD, WARN, Panel, heatmap, stat, timeseries
from windsock.dashboards.queries import Query, first
from windsock.dashboards.sources import none_is_zero, quantile, quantiles, runs, worst
from windsock.dashboards.variables import ONE_DAG

if TYPE_CHECKING:
    from windsock.settings import Settings

_DURATIONS = (
    "airflow_db_dag_run_duration_seconds_bucket",
    "airflow_dagrun_duration_success_seconds_bucket",
)


def dag(settings: Settings) -> str:
    """The page of the DAG that is chosen, or of a few; it opens on the first there is, never on all."""
    return board(
        uid=links.DAG_UID,
        title="Airflow DAG",
        description="One DAG or a few: runs, duration against history, freshness, deadlines, failures, tasks.",
        dag=ONE_DAG,
        span="now-24h",
        rows=[
            Row("", _now()),
            Row("Runs", _runs()),
            Row("Promises", _promises()),
            Row("Failures", failure_panels(settings.links)),
            Row("Tasks", task_panels(settings.links)),
        ],
    )


def _now() -> list[Panel]:
    return [
        stat(
            "Latest run failed",
            "Good: 0. How many of the chosen DAGs' latest finished runs failed.",
            Query(none_is_zero('count(airflow_db_dag_last_run_state{state="failed"} == 1)'), instant=True),
            steps=FROM_ONE_BAD,
        ),
        stat(
            "Failed runs in a row",
            "Good: 0. Of the DAG that has the most; counted up to 30.",
            Query("max(airflow_db_dag_consecutive_failures)", instant=True),
            steps=((GOOD, None), (WARN, 1.0), (BAD, 3.0)),
        ),
        stat(
            "Since the last success",
            "Good: less than the DAG's data may be old. Of the DAG whose last success is longest ago.",
            Query("time() - min(airflow_db_dag_last_success_timestamp_seconds)", instant=True),
            unit="s",
            decimals=0,
            no_value="it never succeeded, or the database is not read",
        ),
        stat(
            "Late by",
            "Good: 0. How long the next run has been due without being created.",
            Query("max(airflow_db_dag_schedule_lag_seconds)", instant=True),
            unit="s",
            steps=((GOOD, None), (WARN, 60.0), (BAD, 300.0)),
            decimals=0,
        ),
        stat(
            "Running, times the usual",
            "Good: below 1. Age of the oldest running run, by the 95th percentile of the last 30 runs.",
            Query("max(airflow_db_dag_run_usual_ratio)", instant=True),
            steps=((GOOD, None), (WARN, 1.0), (BAD, 2.0)),
            decimals=1,
            no_value="nothing runs, or too few runs to compare with",
        ),
        stat(
            "Left of the deadline",
            "Good: above 0. Time to the earliest pending deadline; deadlines are Airflow's of 3.1 and later.",
            Query("min(airflow_db_deadline_next_timestamp_seconds) - time()", instant=True),
            unit="s",
            steps=((BAD, None), (WARN, 0.0), (GOOD, 600.0)),
            decimals=0,
            no_value="no deadline is pending (Airflow 3.1 and later have them)",
        ),
    ]


def _runs() -> list[Panel]:
    return [
        timeseries(
            "Runs by outcome",
            "Good: success alone. Runs that ended, in each step of time.",
            *(
                Query(f"sum({runs(state, 'cluster', window='$__rate_interval')})", state)
                for state in ("success", "failed")
            ),
            bars=True,
            colors={"success": GOOD, "failed": BAD},
        ),
        timeseries(
            "Run time against its own history",
            "Good: below the usual time. Usual is the 95th percentile of the last 30 runs; a run that is still running "
            "shows by its age.",
            *quantiles(*_DURATIONS),
            Query("max(airflow_db_dag_run_usual_seconds)", "usual"),
            Query('max(airflow_db_dag_run_oldest_age_seconds{state="running"})', "running"),
            unit="s",
            colors={"usual": "text", "running": WARN},
        ),
        heatmap(
            "Run times",
            "Good: one narrow band. How many runs took how long.",
            Query(first(*(f"sum by (le) (increase({bucket}[$__rate_interval]))" for bucket in _DURATIONS)), "{{le}}"),
            width=8,
        ),
        timeseries(
            "Runs at work",
            "Good: no queue that grows. Runs that are queued or running, the most in each step of time.",
            Query("sum by (state) (max_over_time(airflow_db_dag_runs[$__interval]))", "{{state}}"),
            stacked=True,
            no_value="no run was seen at work, or the metadata database is not read",
        ),
        timeseries(
            "Schedule delay",
            "Good: seconds. Delay of runs against their schedule, and of their first task.",
            *quantiles("airflow_dagrun_schedule_delay_seconds_bucket", prefix="run "),
            *quantiles("airflow_dagrun_first_task_scheduling_delay_seconds_bucket", prefix="first task "),
            Query(quantile(0.95, "airflow_dagrun_first_task_start_delay_seconds_bucket"), "start of first task p95"),
            unit="s",
        ),
        timeseries(
            "Backfills",
            "Good: done falls into the past. Runs of backfills that are not completed; none: not created yet.",
            Query("sum by (state) (airflow_db_backfill_runs)", "{{state}}"),
            stacked=True,
            no_value="no backfill",
        ),
    ]


def _promises() -> list[Panel]:
    return [
        timeseries(
            "Age of the data",
            "Good: below the line of what slo.fresh_within promises.",
            Query(worst("time() - airflow_db_dag_last_success_timestamp_seconds", rows=5), "{{dag_id}}"),
            Query(worst("airflow_db_dag_fresh_within_seconds", rows=5), "promised: {{dag_id}}"),
            unit="s",
            no_value="it never succeeded, or the metadata database is not read",
        ),
        timeseries(
            "Deadlines",
            "Good: pending alone. Deadlines that wait, and those that were missed in the last day.",
            Query("sum by (state) (airflow_db_deadlines)", "{{state}}"),
            colors={"pending": GOOD, "missed": BAD},
            no_value="no deadline (Airflow 3.1 and later have them)",
        ),
        timeseries(
            "Deadlines by outcome",
            "Good: kept alone. In each step of time, as Airflow counts them.",
            Query("sum(increase(airflow_deadline_alerts_deadline_created_total[$__rate_interval]))", "set"),
            Query("sum(increase(airflow_deadline_alerts_deadline_not_missed_total[$__rate_interval]))", "kept"),
            Query("sum(increase(airflow_deadline_alerts_deadline_missed_total[$__rate_interval]))", "missed"),
            Query(
                "sum by (status) (increase(airflow_deadline_alerts_callback_total[$__rate_interval]))",
                "callback {{status}}",
            ),
            Query("sum(increase(airflow_deadline_alerts_deadline_creation_failed_total[$__rate_interval]))", "not set"),
            bars=True,
        ),
    ]
