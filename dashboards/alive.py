"""Is it alive: what beats, what is down, what fires now."""

from __future__ import annotations

from .panels import FROM_ONE_RED, NEUTRAL, Column, Panel, stat, table, timeseries
from .queries import Query

_MUST_BEAT = (("red", None),)


def alive_panels() -> list[Panel]:
    """One word for each component, and what fires."""
    return [
        _heartbeat("Scheduler", "airflow_scheduler_heartbeat_total", "No scheduler: no task starts.", must=True),
        _heartbeat(
            "DAG processor",
            "airflow_dag_processor_heartbeat_total",
            "Stopped: new and changed DAGs are not seen. Airflow 2 parses inside the scheduler and says nothing here.",
        ),
        _heartbeat(
            "Triggerer",
            "airflow_triggerer_heartbeat_total",
            "Stopped: deferred tasks wait for ever. Without deferrable operators an installation may run none.",
        ),
        stat(
            "Exporter",
            "Whether Prometheus reaches windsock's exporter. While it is down all else on this page stands still.",
            Query('min by (cluster) (up{job="windsock"})', "{{cluster}}", instant=True),
            steps=_MUST_BEAT,
            words={0: ("down", "red"), 1: ("up", "green")},
            no_value="not scraped",
        ),
        stat(
            "Alerts firing",
            "Alerts that Prometheus' rules raise now. Failures that callbacks report go to Alertmanager directly.",
            Query('count(ALERTS{alertstate="firing",alertname!="Watchdog"}) or vector(0)', instant=True),
            steps=FROM_ONE_RED,
        ),
        stat(
            "Import errors",
            "DAG files that can't be imported: their DAGs don't run.",
            Query("max(airflow_dag_processing_import_errors)"),
            steps=FROM_ONE_RED,
        ),
        timeseries(
            "Heartbeats",
            "Heartbeats a minute. A line that ends is a component that stopped; one that falls is one of several.",
            Query("60 * sum(rate(airflow_scheduler_heartbeat_total[$__rate_interval]))", "scheduler"),
            Query("60 * sum(rate(airflow_dag_processor_heartbeat_total[$__rate_interval]))", "DAG processor"),
            Query("60 * sum(rate(airflow_triggerer_heartbeat_total[$__rate_interval]))", "triggerer"),
            unit="cpm",
            width=12,
        ),
        table(
            "What fires",
            "What Prometheus' rules say now; the runbook is linked in the alert's message.",
            [Query('sum by (alertname, severity, cluster, dag_id, pool_name) (ALERTS{alertstate="firing"})')],
            [
                Column("alertname", "Alert"),
                Column("severity", "Severity"),
                Column("cluster", "Cluster"),
                Column("dag_id", "DAG"),
                Column("pool_name", "Pool"),
            ],
            no_value="nothing fires",
        ),
    ]


def _heartbeat(title: str, metric: str, description: str, *, must: bool = False) -> Panel:
    return stat(
        title,
        f"Whether a heartbeat arrived of late. {description}",
        Query(f"sum by (cluster) (rate({metric}[$__rate_interval])) > bool 0", "{{cluster}}", instant=True),
        steps=_MUST_BEAT if must else NEUTRAL,
        words={0: ("stopped", "red"), 1: ("alive", "green")},
        no_value="not heard",
        recent="15m",
    )
