"""An SLA, which is what Airflow 2.11 has in place of deadlines: the team is told of each run that has late tasks."""

from datetime import datetime, timedelta, timezone

from airflow import DAG
from airflow.decorators import task

from windsock.callbacks import sla_missed

with DAG(
    "orders_in_time",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["team:payments"],
    sla_miss_callback=sla_missed,
):

    @task(sla=timedelta(hours=1))
    def load():
        return "orders"

    load()
