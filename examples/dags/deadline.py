"""A deadline: the run has to end within an hour of being queued, else the team is told. Airflow 3.1 and later.

Airflow gives such a callback neither owner nor tags of the DAG, so `team` says whose it is.
"""

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference, task

from windsock.callbacks import on_deadline_missed

with DAG(
    "orders_by_six",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=1),
        callback=AsyncCallback(on_deadline_missed, kwargs={"name": "by six", "team": "payments"}),
    ),
):

    @task
    def load():
        return "orders"

    load()
