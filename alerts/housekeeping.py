"""Rules about backfills and about the metadata database itself: what stands still, and what grows."""

from __future__ import annotations

from .limit import Limit
from .promql import HOUR, SLOWLY, known
from .rule import Group, Rule

_RUNS = f"max by (cluster, dag_id, backfill_id, state) ({known('airflow_db_backfill_runs', 10)})"
_AT_WORK = f"""group by (cluster, dag_id, backfill_id) ({known('airflow_db_backfill_runs{state="running"}', 10)})"""
_PAUSED = f"max by (cluster, dag_id, backfill_id) ({known('airflow_db_backfill_paused', 10)}) == 1"

_SIZE = "airflow_db_table_size_bytes"
_WEEK = 7 * 24 * 60
GROWN = 1.25
"""Times its size of a week ago: so it doubles within a month."""

HOUSEKEEPING = Group(
    "airflow-housekeeping",
    (
        Rule(
            name="AirflowBackfillStuck",
            found=(
                f"sum by (cluster, dag_id, backfill_id) ({_RUNS})\n"
                f"unless on (cluster, dag_id, backfill_id)\n{_AT_WORK}\n"
                f"unless on (cluster, dag_id, backfill_id)\n{_PAUSED}"
            ),
            for_="30m",
            severity="warning",
            by=("cluster", "dag_id", "backfill_id", "team"),
            summary="Backfill {{ $labels.backfill_id }} of {{ $labels.dag_id }} stands still",
            description="It is neither complete nor paused, and none of its runs has been running for half an hour.",
        ),
        Rule(
            name="AirflowTableGrowing",
            limit=Limit(
                of=f"max by (cluster, table) ({known(_SIZE, HOUR)})",
                sign=">",
                threshold=10 * (1 << 30),
                unit="bytes",
                also="and on (cluster, table)\n"
                f"max by (cluster, table) ({known(_SIZE, HOUR)})\n"
                f"  > {GROWN} * max by (cluster, table) ({known(_SIZE, HOUR, _WEEK)})",
            ),
            severity="warning",
            by=("cluster", "table"),
            summary="The table {{ $labels.table }} of {{ $labels.cluster }} has grown to {{ $value | humanize1024 }}B",
            description="A quarter of that or more has come within a week: at this rate it doubles within a month.",
        ),
        Rule(
            name="AirflowDatabaseSlow",
            # A statement that finds some rows by an index.
            limit=Limit(
                of=f"""max by (cluster) ({known('windsock_metadata_query_duration_seconds{query="components"}')})""",
                sign=">",
                threshold=1,
                unit="seconds",
            ),
            for_="10m",
            severity="warning",
            summary="The metadata database of {{ $labels.cluster }} takes {{ $value | humanizeDuration }} for a small"
            " query",
            description="A query that takes milliseconds elsewhere has been slow for ten minutes: schedulers and the"
            " API server wait as long for each of theirs.",
        ),
    ),
    interval=SLOWLY,
)
