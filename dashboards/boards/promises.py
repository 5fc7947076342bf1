"""The promises about DAGs, one by one: how fresh, done by when, and what is likely to be late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock.dashboards.links import CELL, dag_links
from windsock.dashboards.panels import BAD, GOOD, WARN, Panel, states, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import ROWS, worst
from windsock.dashboards.tables import Column, table

if TYPE_CHECKING:
    from windsock.settings import Links

NO_PROMISE = "no promise: see slo in windsock.yaml"
_KEPT = {0: ("broken", BAD), 1: ("kept", GOOD)}
_RISK = {0: ("in time", GOOD), 1: ("at risk", WARN)}
_MISSED = {0: ("kept", GOOD), 1: ("broken", BAD)}


def promise_panels(base: Links) -> list[Panel]:
    """Of each DAG with a promise in slo, and of Airflow's own deadlines."""
    return [
        table(
            "Likely to be late",
            "Good: nothing. Runs that will probably miss slo.finish_by, by their tasks and their own history, and the"
            " task that costs most; none: the run began late, or has not begun.",
            [Query(worst("airflow_db_dag_expected_late_seconds", "cluster, dag_id, task_id"))],
            [
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("task_id", "Task"),
                Column("A", "Late by", unit="s", steps=((WARN, None), (BAD, 3600.0))),
                Column("cluster", "Cluster"),
            ],
            no_value="no promise is at risk",
        ),
        table(
            "Expected finish",
            "Good: above 0. When the runs that slo.finish_by waits for will be done: even odds, and nine in ten.",
            [
                Query(
                    f"bottomk({ROWS}, max by (cluster, dag_id) (airflow_db_dag_expected_finish_timestamp_seconds"
                    f'{{quantile="{quantile}"}}) - time())'
                )
                for quantile in ("0.5", "0.9")
            ],
            [
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("A", "Even odds, in", unit="s", decimals=0),
                Column("B", "Nine in ten, in", unit="s", decimals=0),
                Column("cluster", "Cluster"),
            ],
            no_value="no run is promised within a day, or fewer than five are known",
        ),
        table(
            "Freshness",
            "Good: less than 100 %. Age of the last success, by what slo.fresh_within promises. What has no age never "
            "succeeded.",
            [
                Query(
                    worst(
                        "(time() - airflow_db_dag_last_success_timestamp_seconds) / airflow_db_dag_fresh_within_seconds"
                    )
                ),
                Query(
                    worst("time() - airflow_db_dag_last_success_timestamp_seconds")
                    + " and on (cluster, dag_id) airflow_db_dag_fresh_within_seconds"
                ),
                Query(worst("airflow_db_dag_fresh_within_seconds")),
            ],
            [
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("A", "Used", unit="percentunit", steps=(("transparent", None), (WARN, 0.8), (BAD, 1.0))),
                Column("B", "Age", unit="s"),
                Column("C", "Promised", unit="s"),
                Column("cluster", "Cluster"),
            ],
            no_value=NO_PROMISE,
        ),
        table(
            "Next deadlines",
            "Good: above 0. Airflow's deadlines that come next; and how long ago slo.finish_by was last.",
            [
                Query(
                    f"bottomk({ROWS}, min by (cluster, dag_id) (airflow_db_deadline_next_timestamp_seconds) - time())"
                ),
                Query(
                    f"bottomk({ROWS}, time() - max by (cluster, dag_id) (airflow_db_dag_finish_by_timestamp_seconds))"
                ),
            ],
            [
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("A", "Deadline in", unit="s", decimals=0, steps=((BAD, None), ("transparent", 0.0))),
                Column("B", "Last finish-by, ago", unit="s", decimals=0),
                Column("cluster", "Cluster"),
            ],
            no_value="neither a deadline nor a promise",
        ),
        states(
            "Fresh",
            "Good: one colour all the way. The DAGs that promise freshness, those that break it first.",
            Query(f"bottomk({ROWS}, min by (cluster, dag_id) (airflow_db_dag_fresh))", "{{dag_id}}"),
            words=_KEPT,
            width=8,
            links=dag_links(base),
            no_value=NO_PROMISE,
        ),
        states(
            "Finished by their time",
            "Good: one colour all the way. The DAGs that promise a time of day, those that break it first.",
            Query(worst("airflow_db_dag_finish_by_missed"), "{{dag_id}}"),
            words=_MISSED,
            width=8,
            links=dag_links(base),
            no_value=NO_PROMISE,
        ),
        states(
            "At risk",
            "Good: one colour all the way. Whether the run that slo.finish_by waits for is likely to be late, by DAG.",
            Query(worst("airflow_db_dag_finish_at_risk"), "{{dag_id}}"),
            words=_RISK,
            width=8,
            links=dag_links(base),
            no_value=NO_PROMISE,
        ),
    ]


def sla_panels() -> list[Panel]:
    """What Airflow 2 has in their place."""
    return [
        timeseries(
            "SLAs of Airflow 2",
            "Good: nothing. SLAs that were missed, and messages about them that failed, in each step of time.",
            Query("sum(increase(airflow_sla_missed_total[$__rate_interval]))", "missed"),
            Query(
                "sum(increase(airflow_sla_callback_notification_failure_total[$__rate_interval]))", "callback failed"
            ),
            Query("sum(increase(airflow_sla_email_notification_failure_total[$__rate_interval]))", "e-mail failed"),
            width=24,
            bars=True,
            no_value="no SLA was missed; Airflow 3 has none",
        ),
    ]
