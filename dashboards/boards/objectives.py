"""Objectives: are the promises about data kept, and how much may still go wrong?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.boards.budget import LEFT, NO_BUDGET, budget_panels, failed_share
from windsock.dashboards.boards.promises import NO_PROMISE, promise_panels, sla_panels
from windsock.dashboards.panels import BAD, FROM_ONE_BAD, GOOD, WARN, Panel, stat, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import ROWS
from windsock.dashboards.tables import Column, table

if TYPE_CHECKING:
    from windsock.settings import Settings


def objectives(settings: Settings) -> str:
    """The page of freshness, finish-by, deadlines and the error budget of runs."""
    return board(
        uid=links.OBJECTIVES_UID,
        title="Airflow objectives",
        description="Are the promises about data kept (slo in windsock.yaml, Airflow's deadlines), and what is left?",
        span="now-7d",
        rows=[
            Row("", _now()),
            Row("Promises", promise_panels(settings.links)),
            Row("Error budgets", budget_panels(settings.links)),
            Row("Events of assets", _assets()),
            Row("Only with Airflow 2: SLAs", sla_panels(), closed=True),
        ],
    )


def _now() -> list[Panel]:
    return [
        stat(
            "Not fresh",
            "Good: 0. DAGs whose last success is older than slo.fresh_within promises.",
            Query("count(airflow_db_dag_fresh == 0) or 0 * count(airflow_db_dag_fresh)", instant=True),
            steps=FROM_ONE_BAD,
            no_value=NO_PROMISE,
        ),
        stat(
            "Not finished in time",
            "Good: 0. DAGs whose run has not succeeded by slo.finish_by.",
            Query(
                "count(airflow_db_dag_finish_by_missed == 1) or 0 * count(airflow_db_dag_finish_by_missed)",
                instant=True,
            ),
            steps=FROM_ONE_BAD,
            no_value=NO_PROMISE,
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
            "Good: near 100 %. Of the runs that ended in the time range.",
            Query(f"1 - {failed_share('increase', '$__range')}", instant=True),
            unit="percentunit",
            decimals=2,
            no_value="no run ended",
        ),
        stat(
            "Error budgets spent",
            "Good: 0. Objectives of DAGs of which more broke within four weeks than slo lets break.",
            Query(f"count({LEFT} < 0) or 0 * count({LEFT})", instant=True),
            steps=FROM_ONE_BAD,
            no_value=NO_BUDGET,
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
