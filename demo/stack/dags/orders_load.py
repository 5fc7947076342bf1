"""Fails by an exception every minute: the page that `windsock up --check` waits for."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

import windsock.callbacks


def load() -> None:
    """Fail. The password is made up, and masked before the text leaves the task's process."""
    raise ConnectionError("the warehouse refused the connection: postgresql://loader:hunter2@warehouse/orders")


with DAG(
    "orders_load",
    schedule=timedelta(minutes=1),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["team:data", "tier:1"],
    default_args={"owner": "data", "retries": 0, "on_failure_callback": windsock.callbacks.on_failure},
):
    PythonOperator(task_id="load", python_callable=load)
