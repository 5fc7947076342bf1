"""windsock itself: what it received, what it lost, what it runs."""

from __future__ import annotations

from .panels import Column, Panel, table, timeseries
from .queries import Query


def own_panels() -> list[Panel]:
    """Whether what the other rows show can be believed."""
    return [
        timeseries(
            "StatsD lines",
            "Lines that arrived and samples that were stored, a second. The rest is repeats and what is listed beside.",
            Query("sum(rate(windsock_lines_total[$__rate_interval]))", "lines"),
            Query("sum(rate(windsock_samples_total[$__rate_interval]))", "stored"),
            unit="cps",
        ),
        timeseries(
            "Lost or refused",
            "Should be empty. Dropped by the kernel: raise the read buffer. No budget: too many series.",
            Query("sum(rate(windsock_kernel_drops_total[$__rate_interval])) > 0", "dropped by the kernel"),
            Query("sum(rate(windsock_unmapped_total[$__rate_interval])) > 0", "unknown name"),
            Query("sum by (reason) (rate(windsock_sample_errors_total[$__rate_interval])) > 0", "{{reason}}"),
            Query("sum(rate(windsock_overflow_total[$__rate_interval])) > 0", "no budget"),
            Query("sum(rate(windsock_ingest_errors_total[$__rate_interval])) > 0", "internal errors"),
            unit="cps",
            no_value="nothing lost",
        ),
        timeseries(
            "Series",
            "Series that the exporter holds, and the metrics that have the most; a histogram counts as one.",
            Query("sum(windsock_series)", "all"),
            Query("sum by (metric) (windsock_metric_series)", "{{metric}}"),
        ),
        timeseries(
            "Callbacks",
            "Alert events that the callbacks delivered and could not deliver, a minute, sent through Airflow's StatsD.",
            Query("60 * sum(rate(windsock_callback_sent_total[$__rate_interval]))", "delivered"),
            Query("60 * sum(rate(windsock_callback_failed_total[$__rate_interval]))", "failed"),
            unit="cpm",
            colors={"delivered": "green", "failed": "red"},
        ),
        timeseries(
            "Time to render the exposition",
            "How long the exporter took for the last scrape.",
            Query("max by (instance) (windsock_scrape_duration_seconds)", "{{instance}}"),
            unit="s",
        ),
        table(
            "What runs",
            "The exporter's version, and the Airflow it hears: told by the metrics, so empty until some have arrived.",
            [
                Query("max by (cluster, instance, version, python) (windsock_build_info)"),
                Query("max by (cluster, instance, major, dialect) (windsock_airflow_version_info)"),
            ],
            [
                Column("cluster", "Cluster"),
                Column("instance", "Exporter"),
                Column("version", "windsock"),
                Column("python", "Python"),
                Column("major", "Airflow"),
                Column("dialect", "Dialect"),
            ],
            width=8,
        ),
    ]
