"""Teams: whose DAGs fail, take time, wait; by team, owner, tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.links import CELL, dag_links
from windsock.dashboards.panels import BAD, WARN, Panel, bars, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import ROWS
from windsock.dashboards.tables import Column, table
from windsock.dashboards.variables import OWNER, TAG, TEAM

if TYPE_CHECKING:
    from windsock.settings import Links, Settings

_CHOSEN = 'team=~"$team",owner=~"$owner",tags=~"$tags"'
_NOBODY = "no DAG of the chosen teams, or the metadata database is not read: it alone knows whose a DAG is"


def teams(settings: Settings) -> str:
    """The page of whose the work is: the database's alone, which knows DAGs' owners and tags."""
    return board(
        uid=links.TEAMS_UID,
        title="Airflow teams",
        description="Whose DAGs fail, take time and wait: by team (windsock.yaml), owner and tags of the DAGs.",
        variables=[TEAM, OWNER, TAG],
        span="now-24h",
        rows=[
            Row("Failures", [*_failures(), _dags(settings.links)]),
            Row("Time", _time()),
            Row("Messages", _messages()),
        ],
    )


def _of(label: str, expr: str) -> str:
    """The largest sums of `expr`, which is by cluster and DAG, for the values of `label` of those DAGs."""
    return f"topk({ROWS}, {_sum(label, expr)})"


def _sum(label: str, expr: str) -> str:
    # Whose a DAG is at the end counts for all of the time range, in lines as in bars: asked once, not at each point.
    known = f"group by (cluster, dag_id, {label}) (airflow_db_dag_info{{{_CHOSEN}}} @ end())"
    whose = f'label_replace({known}, "{label}", "none", "{label}", "")'
    return f"sum by ({label}) (({expr}) * on (cluster, dag_id) group_right () {whose})"


def _increase(counter: str, window: str = "$__range") -> str:
    return f"sum by (cluster, dag_id) (increase({counter}[{window}]))"


_FAILED = 'airflow_db_task_instances_finished_total{state="failed"}'
_FAILED_RUNS = 'airflow_db_dag_runs_finished_total{state="failed"}'
_RUN_TIME = "airflow_db_task_instance_duration_seconds_sum"
_WAIT = "airflow_db_task_instance_queue_wait_seconds"
# A DAG has no such series while nothing of it runs: the sum of what was seen, by how often somebody looked.
_AT_WORK = (
    'sum by (cluster, dag_id) (sum_over_time(airflow_db_task_instances{state="running"}[$__interval])) '
    "/ on (cluster) group_left () max by (cluster) (count_over_time(airflow_db_up[$__interval]))"
)


def _failures() -> list[Panel]:
    return [
        *(
            bars(
                f"Failed task instances by {title}",
                "Good: short bars. In the time range.",
                Query(_of(label, _increase(_FAILED)) + " > 0", f"{{{{{label}}}}}", instant=True),
                decimals=0,
                no_value="nothing failed, or the metadata database is not read",
            )
            for label, title in (("team", "team"), ("owner", "owner"), ("tags", "tags"))
        ),
        timeseries(
            "Failed task instances over time",
            "Good: nothing. By team, in each step of time.",
            Query(_of("team", _increase(_FAILED, "$__rate_interval")), "{{team}}"),
            width=12,
            bars=True,
            no_value=_NOBODY,
        ),
    ]


def _dags(base: Links) -> Panel:
    by = "cluster, dag_id, team, owner, severity, tags"
    whose = f"group by ({by}) (airflow_db_dag_info{{{_CHOSEN}}})"
    fails = f"({_increase(_FAILED_RUNS)}) * on (cluster, dag_id) group_right () {whose}"
    streak = (
        "max by (cluster, dag_id) (airflow_db_dag_consecutive_failures) * on (cluster, dag_id) group_right () " + whose
    )
    return table(
        "Failing DAGs and whose they are",
        "Good: nothing. Failed runs in the time range, and in a row.",
        [Query(f"topk({ROWS}, {fails} > 0)"), Query(f"topk({ROWS}, {streak} > 0)")],
        [
            Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
            Column("A", "Failed runs", decimals=0),
            Column("B", "In a row", decimals=0, steps=(("transparent", None), (WARN, 1.0), (BAD, 3.0))),
            Column("team", "Team"),
            Column("owner", "Owner"),
            Column("severity", "Severity"),
            Column("tags", "Tags"),
            Column("cluster", "Cluster"),
        ],
        no_value="nothing failed, or the metadata database is not read",
    )


def _time() -> list[Panel]:
    waited, started = (_sum("team", _increase(f"{_WAIT}_{part}", "$__rate_interval")) for part in ("sum", "count"))
    return [
        bars(
            "Run time by team",
            "Time that tasks ran in the time range, summed: what a team costs.",
            Query(_of("team", _increase(_RUN_TIME)), "{{team}}", instant=True),
            unit="s",
            no_value=_NOBODY,
        ),
        bars(
            "Run time by owner",
            "Time that tasks ran in the time range, summed.",
            Query(_of("owner", _increase(_RUN_TIME)), "{{owner}}", instant=True),
            unit="s",
            no_value=_NOBODY,
        ),
        bars(
            "Queue time by team",
            "Good: far below the run time. Time that task instances were queued in the time range, summed.",
            Query(_of("team", _increase(_WAIT + "_sum")), "{{team}}", instant=True),
            unit="s",
            no_value=_NOBODY,
        ),
        timeseries(
            "Work at a time",
            "Task instances that run, by team, on the average of each step of time.",
            Query(_of("team", _AT_WORK), "{{team}}"),
            width=12,
            stacked=True,
            coarse=True,
            no_value="nothing runs, or the metadata database is not read",
        ),
        timeseries(
            "Mean wait",
            "Good: seconds. Mean time that the team's task instances were queued.",
            Query(f"topk({ROWS}, {waited} / ({started} > 0))", "{{team}}"),
            unit="s",
            width=12,
            coarse=True,
            no_value="nothing waited, or the metadata database is not read",
        ),
    ]


def _messages() -> list[Panel]:
    team = 'team=~"$team"'
    return [
        timeseries(
            "Messages delivered",
            "What Alertmanager and the channels took, by team and channel, in each step of time.",
            Query(
                f"topk({ROWS}, sum by (team, channel) "
                f"(increase(windsock_channel_sent_total{{{team}}}[$__rate_interval])) > 0)",
                "{{team}} {{channel}}",
            ),
            width=12,
            bars=True,
            no_value="no callback had to tell anything",
        ),
        timeseries(
            "Messages that nobody got yet",
            "Good: nothing. Failed deliveries, and messages given up, by team.",
            Query(
                f"topk({ROWS}, sum by (team, channel) "
                f"(increase(windsock_channel_failed_total{{{team}}}[$__rate_interval])) > 0)",
                "failed {{team}} {{channel}}",
            ),
            Query(
                f"topk({ROWS}, sum by (team, channel) "
                f"(increase(windsock_channel_dead_total{{{team}}}[$__rate_interval])) > 0)",
                "given up {{team}} {{channel}}",
            ),
            width=12,
            bars=True,
            no_value="every message was delivered",
        ),
    ]
