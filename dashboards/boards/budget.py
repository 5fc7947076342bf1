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
_FAILED, _GOOD = 'state="failed"', 'state="success"'
NO_BUDGET = "no promise (slo in windsock.yaml), no full hour of it yet, or no rules.yml"


def failed_share(over: str, window: str) -> str:
    """Failed runs of all DAGs by the runs that ended; 0 where none failed, nothing where none ended."""
    good, failed = (f"(sum({_ended(matcher, over, window)}) or vector(0))" for matcher in (_GOOD, _FAILED))
    return _share(good, failed)


def _share(good: str, failed: str) -> str:
    """`failed / (good + failed)`, each of which is read once: a look at all runs is what it costs."""
    # 0 / 0 is no number, and no number is at least 0.
    return f"1 / (1 + ({good} / {failed} >= 0))"


def _ended(matcher: str, over: str = "increase", window: str = "$__range") -> str:
    """Runs, by the database alone: who promises something has it read, and a second source costs as much again."""
    return f"{over}(airflow_db_dag_runs_finished_total{{{matcher}}}[{window}])"


def budget_panels(base: Links) -> list[Panel]:
    """What is left of each budget; how many of the runs failed, over time and by DAG."""
    good, failed = (f"sum by (cluster, dag_id) ({_ended(matcher)})" for matcher in (_GOOD, _FAILED))
    # A DAG of which no run ever succeeded has no such counter.
    good = f"({good} or 0 * max by (cluster, dag_id) (airflow_db_dag_last_run_timestamp_seconds))"
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
            coarse=True,
            colors={"failed": BAD},
            no_value="no run ended, or the metadata database is not read",
        ),
        table(
            "Who spends it",
            "Good: nothing. DAGs with failed runs in the time range, and the share of their runs that failed.",
            [
                Query(f"topk({ROWS}, {failed} > 0)"),
                Query(f"topk({ROWS}, {_share(good, failed)} > 0)"),
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
