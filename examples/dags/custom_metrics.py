"""Numbers of a DAG's own, over Airflow's StatsD: `airflow_custom_orders_loaded` and its like in Prometheus.

Airflow 2.11 and 3.x; docs/custom-metrics.md has the names, and rules over them.
"""

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.decorators import task

from windsock import metrics

with DAG(
    "orders_measured",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["team:payments"],
    params={"rows": 120},
):

    @task
    def load(**context):
        rows = context["params"]["rows"]
        with metrics.timed("warehouse_copy"):
            metrics.gauge("orders_loaded", rows, unit="rows")
        metrics.count("orders_rejected", 3)

    load()
