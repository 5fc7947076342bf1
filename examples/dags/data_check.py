"""A check of data that alerts and lets the DAG go on; the alert ends when the check is good again.

Trigger it with `{"rows": 0}` to see it. Airflow 2.11 and 3.x.
"""

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.decorators import task

from windsock.callbacks import check

with DAG(
    "orders_checked",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["team:payments"],
    params={"rows": 120},
):

    @task
    def load(**context):
        rows = context["params"]["rows"]
        # The name is the alert's identity: values belong into the message.
        check(rows, f"orders has {rows} rows today", name="orders is not empty")

    load()
