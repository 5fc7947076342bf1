"""Rules about the DAG processors and the files that they parse."""

from __future__ import annotations

from .limit import Limit
from .promql import EVERY, HOUR, SLOWLY, grown, known, step
from .record import Record
from .rule import Group, Rule
from .scheduling import ALIVE_WITHIN, newest

_PARSED = known("airflow_db_dag_last_parsed_timestamp_seconds")
_TIMEOUTS = "cluster_file_path:airflow_dag_processing_processor_timeouts:growth1m"
_BEHIND = 3600
"""Seconds; by default Airflow parses each file every 30 s, and those who have many files, every five minutes."""

PARSING = Group(
    "airflow-parsing",
    (
        Rule(
            name="AirflowDagProcessorDown",
            limit=Limit(of=newest("DagProcessorJob"), sign=">", threshold=ALIVE_WITHIN, unit="seconds"),
            for_="1m",
            severity="warning",
            summary="No DAG processor of {{ $labels.cluster }} has had a heartbeat for {{ $value | humanizeDuration }}",
            description="New and changed DAG files are not taken in, and callbacks of DAGs do not run. What is"
            " scheduled goes on.",
        ),
        Rule(
            name="AirflowDagImportError",
            expr=(
                f"max by (cluster, file_path, bundle_name) ({known('airflow_db_import_error_timestamp_seconds')}) > 0"
            ),
            # A deployment that copies file after file is in order after minutes.
            for_="10m",
            severity="warning",
            by=("cluster", "file_path", "bundle_name"),
            summary="{{ $labels.file_path }} of {{ $labels.cluster }} can't be imported",
            description="Its DAGs stay as they were before it broke, or are gone: no run of theirs begins then.",
        ),
        Rule(
            name="AirflowDagFileTimeouts",
            limit=Limit(
                of=grown(_TIMEOUTS, HOUR, "cluster, file_path"),
                sign=">",
                threshold=2,
            ),
            severity="warning",
            by=("cluster", "file_path"),
            summary="Parsing {{ with $labels.file_path }}{{ . }}{{ else }}DAG files{{ end }} took too long:"
            " {{ $value }} times within an hour",
            description="The DAG processor of {{ $labels.cluster }} killed what parsed it: its changes are not seen,"
            " and other files wait meanwhile.",
        ),
    ),
    (
        Record(
            _TIMEOUTS,
            f"sum by (cluster, file_path) ({step('airflow_dag_processing_processor_timeouts_total')})",
        ),
    ),
    interval=EVERY,
)

PARSED = Group(
    "airflow-parsed",
    (
        Rule(
            name="AirflowDagParsingStopped",
            # Also a processor that lives and hangs, and one that is part of a scheduler.
            limit=Limit(of=f"time() - max by (cluster) ({_PARSED})", sign=">", threshold=1800, unit="seconds"),
            for_="5m",
            severity="warning",
            summary="No DAG file of {{ $labels.cluster }} has been parsed for {{ $value | humanizeDuration }}",
            description="New and changed DAGs are not seen. Either the DAG processor hangs, or it has no files.",
        ),
        Rule(
            name="AirflowDagParsingBehind",
            limit=Limit(
                of=f"count by (cluster) (time() - max by (cluster, dag_id) ({_PARSED}) > {_BEHIND})",
                sign=">",
                threshold=0,
                also=f"and on (cluster)\ntime() - max by (cluster) ({_PARSED}) < {_BEHIND / 2:g}",
            ),
            for_="15m",
            severity="warning",
            summary="DAGs of {{ $labels.cluster }} whose files were not parsed for an hour: {{ $value }}",
            description="Others are parsed: the processor does not get to the rest, or can't read them.",
        ),
    ),
    interval=SLOWLY,
)
