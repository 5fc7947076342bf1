"""Fails in its first try and succeeds in the second: counted, and nobody is paged."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

import windsock.callbacks


def settle(**context: Any) -> None:
    """Fail once."""
    if context["ti"].try_number == 1:
        raise TimeoutError("the bank did not answer")


with DAG(
    "payments_settle",
    schedule=timedelta(minutes=1),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["team:payments"],
    default_args={
        "owner": "payments",
        "retries": 1,
        "retry_delay": timedelta(seconds=5),
        "on_failure_callback": windsock.callbacks.on_failure,
    },
):
    PythonOperator(task_id="settle", python_callable=settle)
