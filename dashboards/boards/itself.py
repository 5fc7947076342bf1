"""windsock itself: can what the other boards show be believed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.boards.delivery import delivery_panels, logs_panels, reconciler_panels
from windsock.dashboards.boards.received import database_panels, line_panels, series_panels
from windsock.dashboards.panels import BAD, FROM_ONE_BAD, GOOD, UP, WARN, Panel, stat
from windsock.dashboards.queries import Query

if TYPE_CHECKING:
    from windsock.settings import Settings


def itself(settings: Settings) -> str:  # noqa: ARG001  one signature for all boards
    """The page of the exporter, the reader of the database, the reconciler, the callbacks, the way of the logs."""
    return board(
        uid=links.OWN_UID,
        title="Airflow windsock itself",
        description="Can what the other boards show be believed: what was received, lost, read, told, shipped.",
        rows=[
            Row("", _now()),
            Row("StatsD lines", line_panels()),
            Row("Series and configuration", series_panels()),
            Row("Metadata database", database_panels()),
            Row("Messages", delivery_panels()),
            Row("The reconciler", reconciler_panels()),
            Row("Logs", logs_panels()),
        ],
    )


def _now() -> list[Panel]:
    return [
        stat(
            "Exporter",
            "Good: up. Whether Prometheus reaches the exporter.",
            Query('min by (cluster) (up{job="windsock"})', "{{cluster}}", instant=True),
            words=UP,
            no_value="not scraped",
        ),
        stat(
            "Database",
            "Good: up. Whether Airflow's metadata database answers, and lets itself be read.",
            Query("min by (cluster) (airflow_db_up)", "{{cluster}}", instant=True),
            words=UP,
            no_value="not read",
        ),
        stat(
            "Reconciler",
            "Good: seconds. Time since its last pass over the database.",
            Query("time() - max(windsock_reconcile_last_pass_timestamp_seconds)", instant=True),
            unit="s",
            decimals=0,
            steps=((GOOD, None), (WARN, 120.0), (BAD, 300.0)),
            no_value="none runs",
        ),
        stat(
            "Way of the logs",
            "Good: up. Whether Filebeat answers.",
            Query("min by (cluster) (windsock_log_up)", "{{cluster}}", instant=True),
            words=UP,
            no_value="not watched",
        ),
        stat(
            "Lines lost",
            "Good: 0. Datagrams that the kernel dropped in the time range: raise the read buffer.",
            Query("sum(increase(windsock_kernel_drops_total[$__range]))", instant=True),
            steps=FROM_ONE_BAD,
            decimals=0,
        ),
        stat(
            "Configuration",
            "Good: taken over. Whether the last reading of the configuration was good.",
            Query("min by (cluster) (windsock_config_reload_success)", "{{cluster}}", instant=True),
            words={0: ("refused", BAD), 1: ("taken over", GOOD)},
        ),
    ]
