"""DAG processing: are changes seen, which file is broken or slow?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links
from windsock.dashboards.board import Row, board
from windsock.dashboards.panels import ALIVE, BAD, FROM_ONE_BAD, GOOD, WARN, Panel, bars, stat, timeseries
from windsock.dashboards.queries import Query, first
from windsock.dashboards.sources import PROCESSOR, ROWS, alive, quantile, quantiles, worst
from windsock.dashboards.tables import Column, table

if TYPE_CHECKING:
    from windsock.settings import Settings

_PARSED = "airflow_dag_processing_last_duration_seconds_bucket"


def processing(settings: Settings) -> str:  # noqa: ARG001  one signature for all boards
    """The page of how DAG files become DAGs."""
    return board(
        uid=links.PROCESSING_UID,
        title="Airflow DAG processing",
        description="Are changes of DAG files seen in time, and which file is broken or slow?",
        rows=[Row("", _now()), Row("Files", _files()), Row("Work", _work())],
    )


def _now() -> list[Panel]:
    return [
        stat(
            "DAG processor",
            "Good: alive. Airflow 2 may parse inside the scheduler, and then nothing is said here.",
            Query(alive(PROCESSOR), "{{cluster}}", instant=True),
            words=ALIVE,
            no_value="not heard",
            recent="15m",
        ),
        stat(
            "Broken files",
            "Good: 0. Files that can't be imported.",
            Query(
                "sum(count by (cluster) (airflow_db_import_error_timestamp_seconds) or "
                "max by (cluster) (airflow_dag_processing_import_errors))",
                instant=True,
            ),
            steps=FROM_ONE_BAD,
        ),
        stat(
            "One pass",
            "Good: far below min_file_process_interval (30 s). Time of the last pass over all files.",
            Query("max(airflow_dag_processing_total_parse_time)"),
            unit="s",
            steps=((GOOD, None), (WARN, 30.0), (BAD, 300.0)),
        ),
        stat(
            "Longest unseen",
            "Good: below the interval of parsing. How long ago the file was parsed that waits longest.",
            Query("max(airflow_dag_processing_last_run_seconds_ago)"),
            unit="s",
            steps=((GOOD, None), (WARN, 120.0), (BAD, 600.0)),
        ),
        stat(
            "Files that wait",
            "Good: back at 0 soon. Files in the queue of the processor.",
            Query("max(airflow_dag_processing_file_path_queue_size)"),
        ),
        stat(
            "DAGs",
            "Good: no sudden fall. DAGs that are not stale; where the database is not read, those of the last pass.",
            Query(first("count(airflow_db_dag_paused)", "max(airflow_dagbag_size)")),
        ),
    ]


def _files() -> list[Panel]:
    return [
        table(
            "Files that can't be imported",
            "Good: nothing. With the time since it was last found so.",
            [
                Query(
                    f"topk({ROWS}, time() - max by (cluster, bundle_name, file_path) "
                    "(airflow_db_import_error_timestamp_seconds))"
                )
            ],
            [
                Column("file_path", "File"),
                Column("bundle_name", "Bundle"),
                Column("A", "Last seen", unit="s", decimals=0),
                Column("cluster", "Cluster"),
            ],
            no_value="every file can be imported",
        ),
        bars(
            "Slowest files",
            "Good: under a second. 95th percentile of the time to parse a file in the time range.",
            Query(
                f"topk(10, {quantile(0.95, _PARSED, by='bundle_name, file_name', window='$__range')} > 0)",
                "{{file_name}}",
                instant=True,
            ),
            unit="s",
            width=12,
        ),
        table(
            "DAGs that were not parsed for long",
            "Good: minutes. The DAGs whose files were parsed longest ago.",
            [Query(worst("time() - airflow_db_dag_last_parsed_timestamp_seconds"))],
            [
                Column("dag_id", "DAG"),
                Column("A", "Parsed ago", unit="s", decimals=0, steps=(("transparent", None), (WARN, 600.0))),
                Column("cluster", "Cluster"),
            ],
        ),
        timeseries(
            "Callers' trouble with files",
            "Good: nothing. Files whose parsing took too long, or that could not be imported, in each step of time.",
            Query(
                "topk(5, sum by (file_path) "
                "(increase(airflow_dag_processing_processor_timeouts_total[$__rate_interval])) > 0)",
                "timed out {{file_path}}",
            ),
            Query(
                "topk(5, sum by (file_path) (increase(windsock_listener_import_errors_total[$__rate_interval])) > 0)",
                "import {{file_path}}",
            ),
            Query(
                "sum by (reason) (increase(windsock_policy_errors_total[$__rate_interval])) > 0", "policy {{reason}}"
            ),
            width=12,
            bars=True,
            no_value="no file gave trouble",
        ),
    ]


def _work() -> list[Panel]:
    return [
        timeseries(
            "Time of a pass",
            "Good: a level line. Over all files; the file that waits longest.",
            Query("max(airflow_dag_processing_total_parse_time)", "all files"),
            Query("max(airflow_dag_processing_last_run_seconds_ago)", "oldest file"),
            unit="s",
        ),
        timeseries(
            "Time to parse a file",
            "Good: under a second; beyond 30 s Airflow kills it.",
            *quantiles(_PARSED),
            unit="s",
            steps=(("transparent", None), (BAD, 30.0)),
        ),
        timeseries(
            "Queue and processes",
            "Good: the queue empties. Files that wait, and processes that parse (Airflow 3 counts their starts only).",
            Query("max(airflow_dag_processing_file_path_queue_size)", "files that wait"),
            Query("sum(airflow_dag_processing_processes)", "processes (Airflow 3: all that began)"),
        ),
        timeseries(
            "DAG versions",
            "Good: some after each deployment. A line that never ends is a DAG that changes each time it is parsed.",
            Query(
                "topk(5, sum by (dag_id) (increase(airflow_dag_serialization_version_created_total[$__rate_interval])) "
                "> 0)",
                "new {{dag_id}}",
            ),
            Query(
                "topk(5, sum by (dag_id) (increase(airflow_dag_serialization_version_updated_total[$__rate_interval])) "
                "> 0)",
                "updated {{dag_id}}",
            ),
            bars=True,
            no_value="no new version, or an Airflow before 3.4, which does not count them",
        ),
        timeseries(
            "Callbacks in the processor",
            "Good: few. It runs the callbacks of DAGs too, a minute; and fills its queue of files.",
            *(
                Query(f"60 * sum(rate(airflow_dag_processing_{name}_total[$__rate_interval]))", text)
                for name, text in (
                    ("other_callback_count", "callbacks"),
                    ("callback_only_count", "processes for a callback alone"),
                    ("sla_callback_count", "SLA callbacks"),
                    ("file_path_queue_update_count", "queue filled"),
                )
            ),
            unit="cpm",
        ),
        timeseries(
            "Tasks that vanished",
            "Good: none, but for deployments. Tasks that a DAG lost or got back, in each step of time.",
            Query("sum(increase(airflow_task_removed_from_dag_total[$__rate_interval]))", "removed"),
            Query("sum(increase(airflow_task_restored_to_dag_total[$__rate_interval]))", "restored"),
            bars=True,
            no_value="none",
        ),
    ]
