"""A zoo of DAGs that finish in every way there is, for Airflow 2.11 and 3.x; read by benchmarks/zoo.py's Airflow."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.exceptions import AirflowSkipException

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
    from airflow.sdk import DAG, Asset, task
except ImportError:  # 2.11
    from airflow import DAG
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import task
    from airflow.operators.bash import BashOperator
    from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
SINCE: dict[str, Any] = {"start_date": START, "catchup": False}
orders = Asset("s3://lake/orders")

with DAG("lake.orders", schedule=MINUTE, **SINCE):  # dots in the id, an asset, a skipped task and what follows it

    @task(outlets=[orders])
    def load() -> None:
        pass

    @task
    def nothing_new() -> None:
        raise AirflowSkipException("nothing to do")

    load() >> nothing_new() >> BashOperator(task_id="report", bash_command="true")

with DAG("report", schedule=[orders], **SINCE):  # started by the asset
    BashOperator(task_id="grp.write", bash_command="sleep 0.5")

with DAG("mapped", schedule=MINUTE, **SINCE):

    @task
    def double(number: int) -> int:
        return number * 2

    double.expand(number=[1, 2, 3, 4])

with DAG("retried", schedule=MINUTE, **SINCE):  # the third try succeeds

    @task(retries=2, retry_delay=timedelta(seconds=2))
    def sometimes(ti: Any = None) -> None:
        if ti.try_number < 3:
            raise RuntimeError(f"try {ti.try_number}")

    sometimes()

with DAG("fails", schedule=MINUTE, **SINCE):  # a failure, and what it holds up

    @task
    def breaks() -> None:
        raise ValueError("no such table")

    breaks() >> BashOperator(task_id="after", bash_command="true")

with DAG("killed", schedule=MINUTE, **SINCE):  # its process ends without a word
    BashOperator(task_id="gone", bash_command="kill -9 $PPID; sleep 5")

with DAG("waits", schedule=MINUTE, **SINCE):  # deferred
    TimeDeltaSensor(task_id="wait", delta=timedelta(seconds=5), deferrable=True)

with DAG("slow", schedule=MINUTE, dagrun_timeout=timedelta(seconds=25), **SINCE):  # its time is up
    BashOperator(task_id="sleeps", bash_command="sleep 40")
