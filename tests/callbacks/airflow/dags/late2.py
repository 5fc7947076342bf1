"""An SLA (2.11)."""

import time
from datetime import datetime, timedelta, timezone

from airflow import DAG
from airflow.decorators import task

from windsock.callbacks import sla_missed

with DAG(
    "late.sla",
    schedule=timedelta(seconds=15),
    start_date=datetime.now(timezone.utc).replace(second=0, microsecond=0) - timedelta(minutes=2),
    catchup=False,
    max_active_runs=1,
    tags=["team:data"],
    sla_miss_callback=sla_missed,
):

    @task(sla=timedelta(seconds=1))
    def takes_its_time():
        time.sleep(20)

    takes_its_time()
