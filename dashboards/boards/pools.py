"""Pools and queues: what is full, who waits, who takes the slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.boards.executors import oldest_queued
from windsock.dashboards.links import CELL, dag_links
from windsock.dashboards.panels import BAD, FROM_ONE_BAD, GOOD, IDLE, WARN, Panel, stat, timeseries
from windsock.dashboards.queries import Query, first
from windsock.dashboards.sources import ROWS, quantiles, worst
from windsock.dashboards.tables import Column, table
from windsock.dashboards.variables import POOL, QUEUE

if TYPE_CHECKING:
    from windsock.settings import Links, Settings

_POOL = 'pool_name=~"$pool_name"'
_QUEUE = 'queue=~"$queue"'
_STATES = ("running", "queued", "deferred", "scheduled")
_BY = "cluster, pool_name"
_FREE = first(
    f"min by ({_BY}) (airflow_db_pool_open_slots{{{_POOL}}})", f"min by ({_BY}) (airflow_pool_open_slots{{{_POOL}}})"
)
_LATELY = "5m"
"""A pool that is too small has a free slot now and then, for as long as the scheduler takes to fill it."""


def _starving(window: str) -> str:
    """By pool, how many waited at most within `window`."""
    return first(
        *(
            f"max by ({_BY}) (max_over_time({gauge}{{{_POOL}}}[{window}]))"
            for gauge in ("airflow_db_pool_starving_tasks", "airflow_pool_starving_tasks")
        )
    )


def pools(settings: Settings) -> str:
    """The page of slots: pools, queues, and the DAGs that fill them."""
    return board(
        uid=links.POOLS_UID,
        title="Airflow pools and queues",
        description="What is full, who waits for it, and who takes the slots: pools, queues, DAGs.",
        variables=[POOL, QUEUE],
        rows=[Row("", _now()), Row("Pools", _pools()), Row("Queues", _queues()), Row("Who", _who(settings.links))],
    )


def _now() -> list[Panel]:
    return [
        stat(
            "Full pools",
            "Good: 0. Pools without a free slot.",
            Query(f"count(({_FREE}) <= 0) or 0 * count({_FREE})", instant=True),
            steps=FROM_ONE_BAD,
            width=6,
        ),
        stat(
            "Waiting for a pool",
            "Good: 0. Task instances that are ready and whose pool has no free slot, the most in the last 5 minutes.",
            Query(f"sum({_starving(_LATELY)})", instant=True),
            steps=FROM_ONE_BAD,
            width=6,
        ),
        stat(
            "Queued",
            "Good: falls soon. Task instances that wait for a worker.",
            Query(
                f'sum(airflow_db_executor_task_instances{{state="queued",{_QUEUE}}}) or 0 * count(airflow_db_up == 1)',
                instant=True,
            ),
            width=6,
        ),
        oldest_queued(),
    ]


def _pools() -> list[Panel]:
    return [
        timeseries(
            "Free slots",
            "Good: above 0. At zero the pool's task instances wait, whatever the executor could do.",
            Query(f"bottomk({ROWS}, ({_FREE}) < +Inf)", "{{pool_name}}"),
            steps=(("transparent", None), (BAD, 0.0)),
        ),
        timeseries(
            "Slots by what takes them",
            "Good: mostly running. Deferred ones take a slot where the pool says so; scheduled ones ask for one.",
            *(
                Query(
                    first(
                        f'sum(airflow_db_pool_used_slots{{state="{state}",{_POOL}}})',
                        f"sum(max by ({_BY}) (airflow_pool_{state}_slots{{{_POOL}}}))",
                    ),
                    state,
                )
                for state in _STATES
            ),
            stacked=True,
            colors={"running": GOOD, "queued": WARN, "deferred": IDLE, "scheduled": "purple"},
        ),
        timeseries(
            "Waiting for a slot",
            "Good: 0. Task instances that are ready and find no slot: by pool, and all by the scheduler's count.",
            Query(f"topk({ROWS}, {_starving('$__interval')})", "{{pool_name}}"),
            Query("max(airflow_scheduler_tasks_starving)", "scheduler"),
        ),
        table(
            "The fullest pools",
            "Good: below 80 %. Share of the slots that running and queued task instances take; how many waited at most "
            "in the last 5 minutes.",
            [
                Query(
                    f'topk({ROWS}, sum by ({_BY}) (airflow_db_pool_used_slots{{state=~"running|queued",{_POOL}}}) '
                    f"/ max by ({_BY}) (airflow_db_pool_slots{{{_POOL}}}))"
                ),
                Query(f"topk({ROWS}, {_starving(_LATELY)})"),
                Query(f"bottomk({ROWS}, {_FREE})"),
                Query(f"topk({ROWS}, max by ({_BY}) (airflow_db_pool_slots{{{_POOL}}}))"),
            ],
            [
                Column("pool_name", "Pool"),
                Column("A", "Taken", unit="percentunit", steps=(("transparent", None), (WARN, 0.8), (BAD, 1.0))),
                Column("B", "Waiting", steps=(("transparent", None), (BAD, 1.0))),
                Column("C", "Free", steps=((BAD, None), ("transparent", 1.0))),
                Column("D", "Slots"),
                Column("cluster", "Cluster"),
            ],
            width=24,
        ),
    ]


def _queues() -> list[Panel]:
    return [
        timeseries(
            "By queue",
            "Good: running, not queued. Task instances by queue and state; a queue that only grows has no worker.",
            Query(
                f"topk({ROWS}, sum by (queue, state) "
                f"(max_over_time(airflow_db_executor_task_instances{{{_QUEUE}}}[$__interval])))",
                "{{queue}} {{state}}",
            ),
            stacked=True,
        ),
        timeseries(
            "By queue, as StatsD says",
            "Airflow 3.3 and later count them by queue, DAG and task.",
            *(
                Query(f"topk(10, sum by (queue) (airflow_dag_ti_{state}{{{_QUEUE}}}))", f"{{{{queue}}}} {state}")
                for state in ("queued", "running")
            ),
        ),
        timeseries(
            "Time to a slot, and to a worker",
            "Good: seconds. From scheduled to queued by queue; from queued to running over all. Of all DAGs.",
            Query(
                "topk(10, histogram_quantile(0.95, sum by (queue, le) "
                f"(rate(airflow_queue_scheduled_duration_seconds_bucket{{{_QUEUE}}}"
                "[$__rate_interval]))))",
                "slot p95 {{queue}}",
            ),
            *quantiles(
                "airflow_db_queue_wait_seconds_bucket",
                "airflow_queue_queued_duration_seconds_bucket",
                prefix="worker ",
            ),
            unit="s",
        ),
    ]


def _who(base: Links) -> list[Panel]:
    rows = [
        ("Who takes the slots", "running", "Task instances that run, of the DAGs that have most."),
        ("Who waits", "scheduled|queued", "Task instances that are scheduled or queued, of the DAGs that have most."),
    ]
    return [
        *(
            timeseries(
                title,
                f"Good: no DAG starves the others. {text}",
                Query(
                    f'topk(10, sum by (dag_id) (airflow_db_task_instances{{state=~"{state}"}}))',
                    "{{dag_id}}",
                ),
                stacked=True,
                links=dag_links(base),
                no_value="none at the moment",
            )
            for title, state, text in rows
        ),
        table(
            "Who has waited longest",
            "Good: below a minute. The oldest scheduled or queued task instance of each DAG.",
            [Query(worst('airflow_db_task_instance_oldest_age_seconds{state=~"scheduled|queued"}', "cluster, dag_id"))],
            [
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("A", "Waits", unit="s", decimals=0, steps=(("transparent", None), (WARN, 60.0), (BAD, 600.0))),
                Column("cluster", "Cluster"),
            ],
            width=8,
            no_value="nothing waits",
        ),
    ]
