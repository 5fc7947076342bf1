"""Is killed in every other run, as for want of memory: no callback runs, no metric says so, the reconciler tells."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

import windsock.callbacks


def render() -> None:
    """End without a word in the first run and in every other one after it; the success between resolves the alert."""
    killed = Path(os.environ["AIRFLOW_HOME"], "reports_render.killed")
    if killed.exists():
        killed.unlink()
    else:
        killed.touch()
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
