"""The error budgets of what slo promises, what is left of them, and who spends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock.dashboards.links import CELL, dag_links
from windsock.dashboards.panels import BAD, GOOD, WARN, Panel, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import ROWS
from windsock.dashboards.tables import Column, table

if TYPE_CHECKING:
    from windsock.settings import Links

_OBJECTIVE = "cluster_dag_id_objective:airflow_db_dag_objective_ratio"
LEFT = f"{_OBJECTIVE}:budget_left28d"
"""What rules record: 1 where nothing of it is spent, below 0 where the promise is broken."""
_FAILED, _ENDED = 'state="failed"', 'state=~"success|failed"'
NO_BUDGET = "no promise (slo in windsock.yaml), or no rules.yml"


def failed_share(over: str, window: str) -> str:
    """Failed runs of all DAGs by the runs that ended; 0 where none failed."""
    failed, ended = (f"sum({_ended(matcher, over, window)})" for matcher in (_FAILED, _ENDED))
    return f"({failed} or vector(0)) / ({ended} > 0)"


def _ended(matcher: str, over: str = "increase", window: str = "$__range") -> str:
    """Runs, by the database alone: who promises something has it read, and a second source costs as much again."""
    return f"{over}(airflow_db_dag_runs_finished_total{{{matcher}}}[{window}])"


def budget_panels(base: Links) -> list[Panel]:
    """What is left of each budget; how many of the runs failed, over time and by DAG."""
    failed, ended = (f"sum by (cluster, dag_id) ({_ended(matcher)})" for matcher in (_FAILED, _ENDED))
    worst = f"bottomk({ROWS}, max by (cluster, dag_id, objective) ({LEFT}))"
    return [
        table(
            "Error budgets of objectives",
            "Good: above 0 %. What is left of what slo lets break in four weeks; at a burn of 1 it lasts as long.",
            [
                Query(worst),
                *(
                    Query(f"max by (cluster, dag_id, objective) ({_OBJECTIVE}:{name}) and {worst}")
                    for name in ("broken28d", "budget", "burn3d")
                ),
            ],
            [
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("objective", "Objective"),
                Column("A", "Left", unit="percentunit", decimals=0, steps=((BAD, None), (WARN, 0.0), (GOOD, 0.5))),
                Column("B", "Broke", unit="percentunit", decimals=2),
                Column("C", "May break", unit="percentunit", decimals=2),
                Column("D", "Burn, 3 days", decimals=1),
                Column("cluster", "Cluster"),
            ],
            width=24,
            no_value=NO_BUDGET,
        ),
        timeseries(
            "Share of failed runs",
            "Good: near 0. Of the runs that ended, over time.",
            Query(failed_share("rate", "$__rate_interval"), "failed"),
            unit="percentunit",
            width=12,
            colors={"failed": BAD},
            no_value="no run ended, or the metadata database is not read",
        ),
        table(
            "Who spends it",
            "Good: nothing. DAGs with failed runs in the time range, and the share of their runs that failed.",
            [
                Query(f"topk({ROWS}, {failed} > 0)"),
                Query(f"topk({ROWS}, {failed} / {ended} > 0)"),
            ],
            [
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("A", "Failed runs", decimals=0),
                Column("B", "Share", unit="percentunit", decimals=1),
                Column("cluster", "Cluster"),
            ],
            no_value="no run failed, or the metadata database is not read",
        ),
    ]
