"""What happened when, drawn over every panel of every board: alerts, failed runs, new versions of DAGs."""

from __future__ import annotations

from .panels import BAD, DATA_SOURCE, WARN, Json
from .queries import Query

MOST = 50
"""Series of an annotation: more marks than that say nothing."""


def _annotation(name: str, expr: str, color: str, text: str, *, title: str = "{{dag_id}}") -> Json:
    return {
        "name": name,
        "datasource": DATA_SOURCE,
        "enable": True,
        "iconColor": color,
        "expr": Query(expr).scoped,
        # A step as long as the window draws regions; a smaller one would draw a line for each point.
        "step": "15m",
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "cluster",
    }


ANNOTATIONS = (
    # What goes on is a region over the plot: one for each DAG would cover it in the very hour of a storm.
    _annotation(
        "Firing alerts",
        'max by (cluster, alertname, severity) (max_over_time(ALERTS{alertstate="firing",alertname!="Watchdog"}[15m]))',
        BAD,
        "{{severity}}",
        title="{{alertname}}",
    ),
    _annotation(
        "Failed runs",
        'sum by (cluster) (increase(airflow_db_dag_runs_finished_total{state="failed"}[15m])) > 0',
        WARN,
        "of the chosen DAGs",
        title="Runs failed",
    ),
    # Airflow 3.4 is the first to send it: there is no other source.
    _annotation(
        "DAG version changes",
        f"topk({MOST}, sum by (cluster, dag_id) (increase(airflow_dag_serialization_version_created_total[15m])) > 0)",
        "purple",
        "a new version of the DAG (Airflow 3.4 and later)",
    ),
)
"""Those of runs are about the chosen DAGs where a board lets choose."""
