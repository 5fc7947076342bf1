"""The triggerer and deferrable tasks: are waits served?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.links import CELL, dag_links
from windsock.dashboards.panels import ALIVE, BAD, GOOD, WARN, Panel, stat, timeseries
from windsock.dashboards.queries import Query, first
from windsock.dashboards.sources import TRIGGERER, alive, quantile, quantiles, worst
from windsock.dashboards.tables import Column, table

if TYPE_CHECKING:
    from windsock.settings import Links, Settings


def triggerer(settings: Settings) -> str:
    """The page of what waits without a worker."""
    return board(
        uid=links.TRIGGERER_UID,
        title="Airflow triggerer",
        description="Deferrable tasks: do triggerers run, have they room, does a trigger block or fail, who waits?",
        rows=[Row("", _now()), Row("Triggers and their time", _triggers()), Row("Who waits", _who(settings.links))],
    )


def _now() -> list[Panel]:
    return [
        stat(
            "Triggerer",
            "Good: alive. Stopped: deferred tasks wait for ever. Without deferrable operators there may be none.",
            Query(alive(TRIGGERER), "{{cluster}}", instant=True),
            words=ALIVE,
            no_value="not heard",
            recent="15m",
            width=6,
        ),
        stat(
            "Triggers that nobody runs",
            "Good: 0. Triggers that no triggerer has taken.",
            Query('sum(airflow_db_triggers{state="waiting"}) or 0 * count(airflow_db_up == 1)', instant=True),
            steps=((GOOD, None), (WARN, 1.0), (BAD, 100.0)),
            width=6,
        ),
        stat(
            "Room left",
            "Good: above 0. Triggers that the triggerers could still take.",
            Query("sum(max by (cluster, hostname) (airflow_triggerer_capacity_left))", instant=True),
            steps=((BAD, None), (WARN, 1.0), (GOOD, 100.0)),
            width=6,
        ),
        stat(
            "Longest wait",
            "Good: below what the task waits for takes. Of the task instances that are deferred.",
            Query("max(airflow_db_deferred_oldest_age_seconds) or 0 * count(airflow_db_up == 1)", instant=True),
            unit="s",
            decimals=0,
            width=6,
        ),
    ]


def _triggers() -> list[Panel]:
    return [
        timeseries(
            "Triggers",
            "Good: assigned alone. By the database: taken by a triggerer (assigned) or not (waiting).",
            Query("sum by (state) (airflow_db_triggers)", "{{state}}"),
            Query("sum(max by (cluster, hostname) (airflow_triggers_running))", "running, as triggerers say"),
        ),
        timeseries(
            "Capacity",
            "Good: every triggerer has room. By host.",
            Query("topk(10, max by (hostname) (airflow_triggers_running))", "running {{hostname}}"),
            Query("topk(10, max by (hostname) (airflow_triggerer_capacity_left))", "room {{hostname}}"),
        ),
        timeseries(
            "Outcome",
            "Good: fired alone. Triggers that fired or failed, in each step of time; blocked: one held up all others.",
            Query("sum(increase(airflow_triggers_succeeded_total[$__rate_interval]))", "fired"),
            Query("sum(increase(airflow_triggers_failed_total[$__rate_interval]))", "failed"),
            Query("sum(increase(airflow_triggers_blocked_main_thread_total[$__rate_interval]))", "blocked"),
            bars=True,
            colors={"fired": GOOD, "failed": BAD, "blocked": WARN},
        ),
        timeseries(
            "Oldest trigger",
            "Good: no line that only grows. By whether a triggerer has it.",
            Query("max by (state) (airflow_db_trigger_oldest_age_seconds)", "{{state}}"),
            unit="s",
        ),
        timeseries(
            "Delay of triggers",
            "Good: under a second. Time that a trigger waited to be run, and to create a batch of them.",
            *quantiles("airflow_triggerer_trigger_queue_delay_seconds_bucket", prefix="wait "),
            Query(quantile(0.95, "airflow_triggerer_batch_trigger_creation_duration_seconds_bucket"), "batch p95"),
            unit="s",
            no_value="Airflow before 3.4 does not send it",
        ),
        timeseries(
            "Deferred task instances",
            "Good: falls again. By the database; StatsD where it is not read.",
            Query(
                first('sum(airflow_db_task_instances{state="deferred"})', "sum(airflow_dag_ti_deferred)"), "deferred"
            ),
        ),
    ]


def _who(base: Links) -> list[Panel]:
    return [
        table(
            "Deferred for longest",
            "Good: below what the task waits for takes. By DAG.",
            [
                Query(worst("airflow_db_deferred_oldest_age_seconds")),
                Query(worst('airflow_db_task_instances{state="deferred"}')),
            ],
            [
                Column("dag_id", "DAG", links=dag_links(base, CELL.format("DAG"))),
                Column("A", "Longest", unit="s", decimals=0),
                Column("B", "Deferred now"),
                Column("cluster", "Cluster"),
            ],
            width=24,
            no_value="nothing is deferred",
        )
    ]
