"""Succeeds every minute; one of its tasks is mapped."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

import windsock.callbacks


def extract() -> list[list[int]]:
    """Three batches."""
    return [[1], [2], [3]]


def transform(batch: int) -> int:
    """Work on one batch."""
    return batch * 2


with DAG(
    "orders_etl",
    schedule=timedelta(minutes=1),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["team:data"],
    default_args={"owner": "data", "on_failure_callback": windsock.callbacks.on_failure},
):
    extract_batches = PythonOperator(task_id="extract_batches", python_callable=extract)
    PythonOperator.partial(task_id="transform", python_callable=transform).expand(op_args=extract_batches.output)
