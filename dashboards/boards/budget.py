"""The error budget of runs, and who spends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock.dashboards.links import CELL, dag_links
from windsock.dashboards.panels import BAD, Panel, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import ROWS, runs
from windsock.dashboards.tables import Column, table

if TYPE_CHECKING:
    from windsock.settings import Links

GOAL = 0.99
"""Share of runs that shall succeed; windsock.yaml has no setting of it."""


def failed_share(by: str, *, total: bool = False) -> str:
    """Failed runs by the runs that ended; 0 where none failed."""
    failed, succeeded = (f"({runs(state, by)})" for state in ("failed", "success"))
    if total:
        failed, succeeded = f"sum({failed})", f"sum({succeeded})"
    ended = f"(({failed} + {succeeded}) or {failed} or {succeeded})"
    return f"((({failed} or 0 * {succeeded}) / ({ended} > 0)))"


def budget_panels(base: Links) -> list[Panel]:
    """How many of the runs failed, over time and by DAG."""
    return [
        timeseries(
            "Share of failed runs",
            f"Good: below {1 - GOAL:.0%}. Of the runs that ended, over time.",
            Query(
                f"sum({runs('failed', 'cluster', 'rate', '$__rate_interval')}) / "
                f"(sum({runs('failed', 'cluster', 'rate', '$__rate_interval')}) + "
                f"sum({runs('success', 'cluster', 'rate', '$__rate_interval')}))",
                "failed",
            ),
            unit="percentunit",
            width=12,
            colors={"failed": BAD},
            no_value="no run ended",
        ),
        table(
            "Who spends it",
            "Good: nothing. DAGs with failed runs in the time range, and the share of their runs that failed.",
            [
                Query(f"topk({ROWS}, ({runs('failed', 'cluster, dag_id')}) > 0)"),
                Query(f"topk({ROWS}, {failed_share('cluster, dag_id')} > 0)"),
            ],
            [
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("A", "Failed runs", decimals=0),
                Column("B", "Share", unit="percentunit", decimals=1),
                Column("cluster", "Cluster"),
            ],
            no_value="no run failed",
        ),
    ]
