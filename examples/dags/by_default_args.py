"""Callbacks by hand: each task tells of its failure and of its recovery, the run tells of its own.

Trigger it with `{"rows": 0}` to see it fail, and with the default to see the alert end. Airflow 2.11 and 3.x.
"""

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.decorators import task

from windsock.callbacks import Notify, on_failure, on_success

with DAG(
    "orders_daily",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["team:payments"],
    params={"rows": 120},
    on_failure_callback=on_failure,  # of the run as a whole
    default_args={"on_failure_callback": on_failure, "on_success_callback": on_success},  # of each task
):

    @task
    def load(**context):
        rows = context["params"]["rows"]
        if not rows:
            raise ValueError("the source has no orders today")
        return rows

    # What an author chooses for one task stands before default_args.
    @task(on_failure_callback=Notify(severity="info"))
    def publish(rows):
        return f"{rows} orders"

    publish(load())
