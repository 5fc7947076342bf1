"""What windsock receives, holds and reads: StatsD lines, series, the metadata database."""

from __future__ import annotations

from windsock.dashboards.panels import WARN, Panel, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import ROWS
from windsock.dashboards.tables import Column, table


def line_panels() -> list[Panel]:
    """What arrived over StatsD, and what of it was lost."""
    return [
        timeseries(
            "Received",
            "Good: stored is about half of the lines. The rest repeats a fact under another name.",
            Query("sum(rate(windsock_lines_total[$__rate_interval]))", "lines"),
            Query("sum(rate(windsock_samples_total[$__rate_interval]))", "stored"),
            Query("sum by (listener) (rate(windsock_datagrams_total[$__rate_interval]))", "datagrams {{listener}}"),
            Query("sum(rate(windsock_duplicates_total[$__rate_interval]))", "repeats"),
            Query("sum by (reason) (rate(windsock_ignored_total[$__rate_interval])) > 0", "ignored: {{reason}}"),
            unit="cps",
        ),
        timeseries(
            "Lost or refused",
            "Good: nothing. Dropped by the kernel: raise the read buffer. No budget: too many series.",
            Query("sum(rate(windsock_kernel_drops_total[$__rate_interval])) > 0", "dropped by the kernel"),
            Query("sum by (prefix) (rate(windsock_unmapped_total[$__rate_interval])) > 0", "unknown: {{prefix}}"),
            Query("sum by (reason) (rate(windsock_sample_errors_total[$__rate_interval])) > 0", "{{reason}}"),
            Query("sum by (budget) (rate(windsock_overflow_total[$__rate_interval])) > 0", "no budget: {{budget}}"),
            Query("sum(rate(windsock_ingest_errors_total[$__rate_interval])) > 0", "internal errors"),
            Query("sum(rate(windsock_refused_total[$__rate_interval])) > 0", "not an allowed network"),
            Query(
                "sum by (reason) (rate(windsock_connections_hung_up_total[$__rate_interval])) > 0",
                "hung up: {{reason}}",
            ),
            unit="cps",
            no_value="nothing lost",
        ),
        timeseries(
            "Put right",
            "What Airflow sends in a wrong unit or under an ambiguous name, a second.",
            Query("sum by (reason) (rate(windsock_corrections_total[$__rate_interval])) > 0", "{{reason}}"),
            Query("sum(rate(windsock_ambiguous_ids_total[$__rate_interval])) > 0", "ambiguous names"),
            Query("sum by (reason) (rate(windsock_tags_left_out_total[$__rate_interval])) > 0", "no label: {{reason}}"),
            Query(
                "sum by (outcome) (rate(windsock_relay_datagrams_total[$__rate_interval])) > 0", "relay: {{outcome}}"
            ),
            unit="cps",
            no_value="nothing to put right",
        ),
        timeseries(
            "Receive buffer",
            "Good: the backlog is far below the buffer. Asked for and not granted: raise net.core.rmem_max.",
            Query("max by (listener) (windsock_receive_backlog_bytes)", "backlog {{listener}}"),
            Query("max by (listener) (windsock_read_buffer_bytes)", "granted {{listener}}"),
            Query("max by (listener) (windsock_read_buffer_asked_bytes)", "asked {{listener}}"),
            unit="bytes",
            width=12,
        ),
        timeseries(
            "Pauses and rendering",
            "Good: well under a second. The longest that a datagram may have waited, and the time of the last scrape.",
            Query("max by (instance) (windsock_receive_pause_seconds)", "pause {{instance}}"),
            Query("max by (instance) (windsock_scrape_duration_seconds)", "scrape {{instance}}"),
            unit="s",
            width=12,
            steps=(("transparent", None), (WARN, 1.0)),
        ),
    ]


def series_panels() -> list[Panel]:
    """What is held, and what runs."""
    return [
        timeseries(
            "Series",
            "Good: level. Series that are held, and the metrics that have the most; a histogram counts as one.",
            Query("sum(windsock_series)", "all"),
            Query(f"topk({ROWS}, sum by (metric) (windsock_metric_series))", "{{metric}}"),
            Query("sum(windsock_metadata_series)", "from the database"),
            Query("sum(windsock_unmapped_metrics)", "unknown names that are kept"),
        ),
        timeseries(
            "Restarts",
            "Good: nothing. Threads that died of an error, and what listeners could not send, in each step of time.",
            Query("sum by (thread) (increase(windsock_thread_restarts_total[$__rate_interval])) > 0", "{{thread}}"),
            Query("sum(increase(windsock_listener_dropped_total[$__rate_interval])) > 0", "dropped by listeners"),
            bars=True,
            no_value="nothing died",
        ),
        timeseries(
            "Runs that listeners saw",
            "Runs that began and ended, as the plugin in Airflow's processes tells, in each step of time.",
            Query("sum by (state) (increase(windsock_listener_dag_runs_total[$__rate_interval]))", "{{state}}"),
            bars=True,
            no_value="no plugin of windsock in Airflow's processes",
        ),
        table(
            "What runs",
            "The exporter's version, and the Airflow it hears: told by the metrics, so empty until some have arrived.",
            [
                Query("max by (cluster, instance, version, python) (windsock_build_info)"),
                Query("max by (cluster, instance, major, dialect) (windsock_airflow_version_info)"),
                Query("time() - max by (cluster, instance) (windsock_config_reload_timestamp_seconds)"),
            ],
            [
                Column("cluster", "Cluster"),
                Column("instance", "Exporter"),
                Column("version", "windsock"),
                Column("python", "Python"),
                Column("major", "Airflow"),
                Column("dialect", "Dialect"),
                Column("C", "Configuration read", unit="s", decimals=0),
            ],
            width=14,
            height=5,
        ),
        table(
            "What is wrong with the installation",
            "Good: nothing. What `windsock doctor` finds, as far as the exporter can look by itself.",
            [Query(f"topk({ROWS}, max by (cluster, check, severity) (windsock_doctor_finding) > 0)")],
            [Column("check", "Finding"), Column("severity", "Severity"), Column("cluster", "Cluster")],
            width=10,
            height=5,
            no_value="nothing, as far as the exporter looks",
        ),
    ]


def database_panels() -> list[Panel]:
    """How the metadata database is read, and what is in it."""
    return [
        timeseries(
            "A pass",
            "Good: far below the interval of reading (15 s). And how many of the exporters are the one that reads.",
            Query("max(windsock_metadata_collection_duration_seconds)", "pass"),
            Query(f"topk({ROWS}, max by (query) (windsock_metadata_query_duration_seconds))", "{{query}}"),
            unit="s",
        ),
        timeseries(
            "Queries that fail",
            "Good: nothing. By query and reason; new series that a budget kept out.",
            Query(
                "sum by (query, reason) (increase(windsock_metadata_query_errors_total[$__rate_interval])) > 0",
                "{{query}}: {{reason}}",
            ),
            Query("sum by (budget) (increase(windsock_metadata_overflow_total[$__rate_interval])) > 0", "{{budget}}"),
            bars=True,
            no_value="none failed",
        ),
        table(
            "Queries",
            "Good: seconds ago. When each last succeeded, and whether this Airflow's schema has what it needs.",
            [
                Query("time() - max by (cluster, query) (windsock_metadata_last_success_timestamp_seconds)"),
                Query("max by (cluster, query) (windsock_metadata_query_supported)"),
            ],
            [
                Column("query", "Query"),
                Column("A", "Last success", unit="s", decimals=0, steps=(("transparent", None), (WARN, 120.0))),
                Column("B", "Supported"),
                Column("cluster", "Cluster"),
            ],
            width=8,
            no_value="not read: metadata in windsock.yaml",
        ),
        timeseries(
            "Leader and statements",
            "Good: one leader of a cluster. Statements of the last pass.",
            Query("sum by (cluster) (windsock_metadata_leader)", "leaders {{cluster}}"),
            Query("max(windsock_metadata_statements)", "statements"),
            width=12,
        ),
        table(
            "Airflow's tables",
            "Good: `airflow db clean` keeps them small. Rows as the database estimates them, size, age of the oldest.",
            [
                Query("max by (cluster, table) (airflow_db_table_size_bytes)"),
                Query("max by (cluster, table) (airflow_db_table_rows)"),
                Query("time() - min by (cluster, table) (airflow_db_table_oldest_row_timestamp_seconds)"),
            ],
            [
                Column("table", "Table"),
                Column("A", "Size", unit="bytes"),
                Column("B", "Rows"),
                Column("C", "Oldest row", unit="s"),
                Column("cluster", "Cluster"),
            ],
            no_value="not read",
        ),
    ]
