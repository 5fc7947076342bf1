"""Custom metrics: what DAG authors send through windsock.metrics, whatever its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.links import CELL, task_links
from windsock.dashboards.panels import Panel, heatmap, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import ROWS
from windsock.dashboards.tables import Column, table
from windsock.dashboards.variables import single

if TYPE_CHECKING:
    from windsock.settings import Links, Settings

_WHERE = 'cluster=~"$cluster",dag_id=~"$dag_id"'
_NONE = "no such metric: tasks send them by windsock.metrics"


def custom(settings: Settings) -> str:
    """The page of one counter, one gauge and one timing of those that there are: chosen by their names."""
    return board(
        uid=links.CUSTOM_UID,
        title="Airflow custom metrics",
        description="What DAG authors count and measure with windsock.metrics: choose a metric of each kind.",
        variables=[
            single("counter", "Counter", _names("airflow_custom_.+_total")),
            single("gauge", "Gauge", _names("airflow_custom_.+", "airflow_custom_.+(_total|_bucket|_sum|_count)")),
            single("timing", "Timing", _names("airflow_custom_.+_seconds_bucket")),
        ],
        rows=[Row("", _chosen(settings.links)), Row("All of them", [_all()])],
    )


def _names(pattern: str, but: str = "") -> str:
    other = f',__name__!~"{but}"' if but else ""
    return f'label_values({{__name__=~"{pattern}"{other},{_WHERE}}}, __name__)'


def _chosen(base: Links) -> list[Panel]:
    by, legend = "cluster, dag_id, task_id", "{{dag_id}} {{task_id}}"
    timing = f'increase({{__name__="$timing",{_WHERE}}}[$__rate_interval])'
    return [
        timeseries(
            "The counter",
            "What was counted in each step of time, by the tasks that count most.",
            Query(
                f'topk({ROWS}, sum by ({by}) (increase({{__name__="$counter",{_WHERE}}}[$__rate_interval])))', legend
            ),
            bars=True,
            links=task_links(base),
            no_value=_NONE,
        ),
        timeseries(
            "The gauge",
            "The last value that each task set, of the largest.",
            Query(f'topk({ROWS}, max by ({by}) ({{__name__="$gauge",{_WHERE}}}))', legend),
            links=task_links(base),
            no_value=_NONE,
        ),
        timeseries(
            "The timing",
            "95th percentile of what was timed, by the tasks that take longest.",
            Query(f"topk({ROWS}, histogram_quantile(0.95, sum by ({by}, le) ({timing})))", legend),
            unit="s",
            links=task_links(base),
            no_value=_NONE,
        ),
        heatmap(
            "The timing's spread",
            "How many measurements took how long, over all tasks.",
            Query(f"sum by (le) ({timing})", "{{le}}"),
            no_value=_NONE,
        ),
        table(
            "Who sends the counter",
            "What was counted in the time range, by task.",
            [Query(f'topk({ROWS}, sum by ({by}) (increase({{__name__="$counter",{_WHERE}}}[$__range])))')],
            [
                Column("task_id", "Task", links=task_links(base, CELL.format("DAG"), CELL.format("Task"))),
                Column("dag_id", "DAG"),
                Column("A", "Counted"),
                Column("cluster", "Cluster"),
            ],
            no_value=_NONE,
        ),
    ]


def _all() -> Panel:
    return table(
        "Custom metrics and how many series they have",
        "Good: few series each. A label that takes many values makes many series; the exporter's budgets bound them.",
        [Query(f'topk(100, count by (__name__) ({{__name__=~"airflow_custom_.+",{_WHERE}}}))')],
        [Column("__name__", "Metric"), Column("A", "Series")],
        width=24,
        no_value=_NONE,
    )
