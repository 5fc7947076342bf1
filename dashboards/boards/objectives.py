"""Objectives: are the promises about data kept, and how much may still go wrong?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.boards.budget import GOAL, budget_panels, failed_share
from windsock.dashboards.links import CELL, dag_links
from windsock.dashboards.panels import BAD, FROM_ONE_BAD, GOOD, WARN, Panel, stat, states, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import ROWS, worst
from windsock.dashboards.tables import Column, table

if TYPE_CHECKING:
    from windsock.settings import Links, Settings

_NO_PROMISE = "no promise: see slo in windsock.yaml"
_KEPT = {0: ("broken", BAD), 1: ("kept", GOOD)}
_MISSED = {0: ("kept", GOOD), 1: ("broken", BAD)}


def objectives(settings: Settings) -> str:
    """The page of freshness, finish-by, deadlines and the error budget of runs."""
    return board(
        uid=links.OBJECTIVES_UID,
        title="Airflow objectives",
        description="Are the promises about data kept (slo in windsock.yaml, Airflow's deadlines), and what is left?",
        span="now-7d",
        rows=[
            Row("", _now()),
            Row("Promises", _promises(settings.links)),
            Row("Error budget of runs", budget_panels(settings.links)),
            Row("Events of assets", _assets()),
        ],
    )


def _now() -> list[Panel]:
    return [
        stat(
            "Not fresh",
            "Good: 0. DAGs whose last success is older than slo.fresh_within promises.",
            Query("count(airflow_db_dag_fresh == 0) or 0 * count(airflow_db_dag_fresh)", instant=True),
            steps=FROM_ONE_BAD,
            no_value=_NO_PROMISE,
        ),
        stat(
            "Not finished in time",
            "Good: 0. DAGs whose run has not succeeded by slo.finish_by.",
            Query(
                "count(airflow_db_dag_finish_by_missed == 1) or 0 * count(airflow_db_dag_finish_by_missed)",
                instant=True,
            ),
            steps=FROM_ONE_BAD,
            no_value=_NO_PROMISE,
        ),
        stat(
            "Deadlines missed",
            "Good: 0. Airflow's deadlines that were missed in the last day.",
            Query(
                'sum(airflow_db_deadlines{state="missed"}) or 0 * count(airflow_db_up == 1)',
                instant=True,
            ),
            steps=FROM_ONE_BAD,
        ),
        stat(
            "Next deadline in",
            "Good: above 0. Time to the earliest pending deadline.",
            Query("min(airflow_db_deadline_next_timestamp_seconds) - time()", instant=True),
            unit="s",
            steps=((BAD, None), (WARN, 0.0), (GOOD, 600.0)),
            decimals=0,
            no_value="no deadline is pending (Airflow 3.1 and later have them)",
        ),
        stat(
            "Runs that succeeded",
            f"Good: {GOAL:.0%} and more. Of the runs that ended in the time range.",
            Query(f"1 - {failed_share('cluster', total=True)}", instant=True),
            unit="percentunit",
            decimals=2,
            steps=((BAD, None), (WARN, 0.95), (GOOD, GOAL)),
            no_value="no run ended",
        ),
        stat(
            "Error budget left",
            f"Good: above 0. Of the {1 - GOAL:.0%} of runs that may fail in the time range, what is left.",
            Query(f"1 - {failed_share('cluster', total=True)} / {1 - GOAL:.2f}", instant=True),
            unit="percentunit",
            decimals=0,
            steps=((BAD, None), (WARN, 0.0), (GOOD, 0.5)),
            no_value="no run ended",
        ),
    ]


def _promises(base: Links) -> list[Panel]:
    return [
        table(
            "Freshness",
            "Good: less than 100 %. Age of the last success, by what slo.fresh_within promises.",
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
            no_value=_NO_PROMISE,
        ),
        states(
            "Fresh",
            "Good: one colour all the way. The DAGs that promise freshness, those that break it first.",
            Query(f"bottomk({ROWS}, min by (cluster, dag_id) (airflow_db_dag_fresh))", "{{dag_id}}"),
            words=_KEPT,
            links=dag_links(base),
            no_value=_NO_PROMISE,
        ),
        states(
            "Finished by their time",
            "Good: one colour all the way. The DAGs that promise a time of day, those that break it first.",
            Query(worst("airflow_db_dag_finish_by_missed"), "{{dag_id}}"),
            words=_MISSED,
            links=dag_links(base),
            no_value=_NO_PROMISE,
        ),
        table(
            "Next deadlines",
            "Good: above 0. Airflow's deadlines that come next; and when slo.finish_by was last.",
            [
                Query(
                    f"bottomk({ROWS}, min by (cluster, dag_id) (airflow_db_deadline_next_timestamp_seconds) - time())"
                ),
                Query(f"topk({ROWS}, max by (cluster, dag_id) (airflow_db_dag_finish_by_timestamp_seconds) - time())"),
            ],
            [
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("A", "Deadline in", unit="s", decimals=0, steps=((BAD, None), ("transparent", 0.0))),
                Column("B", "Finish-by was", unit="s", decimals=0),
                Column("cluster", "Cluster"),
            ],
            no_value="neither a deadline nor a promise",
        ),
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


def _assets() -> list[Panel]:
    return [
        table(
            "Assets",
            "The assets (2.11: datasets) that had no event for longest.",
            [Query(f"topk({ROWS}, time() - max by (cluster, asset) (airflow_db_asset_last_event_timestamp_seconds))")],
            [
                Column("asset", "Asset"),
                Column("A", "Last event", unit="s", decimals=0),
                Column("cluster", "Cluster"),
            ],
            no_value="no asset had an event",
        ),
        timeseries(
            "Asset events",
            "Events, and the runs that they started, in each step of time.",
            Query(
                "sum(increase(airflow_asset_updates_total[$__rate_interval])) or "
                "sum(increase(airflow_dataset_updates_total[$__rate_interval]))",
                "events",
            ),
            Query(
                "sum(increase(airflow_asset_triggered_dagruns_total[$__rate_interval])) or "
                "sum(increase(airflow_dataset_triggered_dagruns_total[$__rate_interval]))",
                "runs started",
            ),
            Query("max(airflow_asset_orphaned) or max(airflow_dataset_orphaned)", "orphaned assets"),
            Query(
                "topk(5, sum by (asset) (increase(windsock_listener_asset_events_total[$__rate_interval])) > 0)",
                "{{asset}}",
            ),
            width=12,
            bars=True,
        ),
    ]
