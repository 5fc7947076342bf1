"""What can be chosen at the top of a board; "All" is one `.*` in each query, however many values there are.

What a board has for each DAG or task in full would cost seconds for all of thousands: such a board begins with one.
"""

from __future__ import annotations

from typing import Any

from grafanalib import core

from .panels import DATA_SOURCE

_CHOSEN = 'cluster=~"$cluster"'


def variable(name: str, label: str, query: str) -> Any:
    """A choice of label values."""
    return core.Template(
        name, query, label=label, dataSource=DATA_SOURCE, includeAll=True, multi=True, allValue=".*", refresh=2
    )


def few(name: str, label: str, query: str) -> Any:
    """A choice of some values, never of all: at first, the first."""
    return core.Template(name, query, label=label, dataSource=DATA_SOURCE, multi=True, refresh=2)


def worst_first(name: str, label: str, ranked: str) -> Any:
    """A choice of some values, never of all: at first, the one whose sample is largest."""
    return core.Template(
        name,
        f"query_result(sort_desc({ranked}))",
        label=label,
        dataSource=DATA_SOURCE,
        multi=True,
        refresh=2,
        sort=core.SORT_DISABLED,
        regex=f'/{name}="([^"]*)"/',
    )


def single(name: str, label: str, query: str) -> Any:
    """A choice of exactly one value: at first, the first."""
    return core.Template(name, query, label=label, dataSource=DATA_SOURCE, refresh=2)


def values(selector: str, name: str) -> str:
    """Grafana's query for the values of one label."""
    return f"label_values({selector}, {name})"


def either(*metrics: str) -> str:
    """A selector of several metrics: what one version of Airflow does not send, the database knows."""
    return f'{{__name__=~"{"|".join(metrics)}",{_CHOSEN}}}'


CLUSTER = variable("cluster", "Cluster", values('up{job="windsock"}', "cluster"))
# Every supported Airflow sends the second one for each DAG that has runs, whatever its outcome.
_KNOWN = ("airflow_db_dag_paused", "airflow_dagrun_dependency_check_seconds_count")
DAG = variable("dag_id", "DAG", values(either(*_KNOWN), "dag_id"))
_ENDED = f"max by (cluster, dag_id) (airflow_db_dag_last_run_timestamp_seconds{{{_CHOSEN}}})"
_FAILED = f'max by (cluster, dag_id) (airflow_db_dag_last_run_state{{{_CHOSEN},state="failed"}}) == 1'
# Also those of which nothing is known at the end of the time range, so that a board is not empty when windsock is down.
_WHENEVER = f"max_over_time(count by (dag_id) ({either(*_KNOWN)})[$__range:10m])"
# DAGs whose last run failed come before all others; of both, those whose run ended last, and then those without any.
ONE_DAG = worst_first(
    "dag_id",
    "DAG",
    f"max by (dag_id) (1e10 * ({_FAILED}) + {_ENDED} or {_ENDED} or 0 * {_WHENEVER})",
)
# Known by when they wait for a slot, which every version sends, or by how they ended.
ONE_TASK = few(
    "task_id",
    "Task",
    values(
        '{__name__=~"airflow_task_scheduled_duration_seconds_count|airflow_task_duration_seconds_count",'
        f'{_CHOSEN},dag_id=~"$dag_id"}}',
        "task_id",
    ),
)
TEAM = variable("team", "Team", values(f"airflow_db_dag_info{{{_CHOSEN}}}", "team"))
OWNER = variable("owner", "Owner", values(f"airflow_db_dag_info{{{_CHOSEN}}}", "owner"))
TAG = variable("tags", "Tags", values(f"airflow_db_dag_info{{{_CHOSEN}}}", "tags"))
POOL = variable("pool_name", "Pool", values(either("airflow_db_pool_slots", "airflow_pool_open_slots"), "pool_name"))
QUEUE = variable("queue", "Queue", values(f"airflow_db_executor_task_instances{{{_CHOSEN}}}", "queue"))
