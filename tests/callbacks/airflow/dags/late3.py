"""Deadline Alerts (3.1 and later), on the triggerer and on an executor."""

import time
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback, task

from windsock.callbacks import on_deadline_missed, on_deadline_missed_sync

CALLBACKS = {
    "late.async": AsyncCallback(on_deadline_missed, kwargs={"name": "by six", "team": "payments"}),
    "late.sync": SyncCallback(on_deadline_missed_sync, kwargs={"severity": "critical", "team": "data"}),
}
for dag_id, callback in CALLBACKS.items():
    with DAG(
        dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        deadline=DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(seconds=1), callback=callback
        ),
    ):

        @task
        def takes_its_time():
            time.sleep(20)

        takes_its_time()
