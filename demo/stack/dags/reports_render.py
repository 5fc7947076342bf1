"""Is killed in every other run, as for want of memory: no callback runs, no metric says so, the reconciler tells."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

import windsock.callbacks


def render(**context: Any) -> None:
    """End without a word in the runs of even minutes; the next run's success resolves the alert."""
    if context["data_interval_end"].minute % 2 == 0:
        os.kill(os.getpid(), signal.SIGKILL)


with DAG(
    "reports_render",
    schedule=timedelta(minutes=1),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["team:data"],
    default_args={"owner": "data", "retries": 0, "on_failure_callback": windsock.callbacks.on_failure},
):
    PythonOperator(task_id="render", python_callable=render)
