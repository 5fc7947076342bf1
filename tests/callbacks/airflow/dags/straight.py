"""A task that fails until a file is there, and one with many instances that fail at once."""

import os
from datetime import datetime, timezone
from pathlib import Path

from airflow.sdk import DAG, task

from windsock.callbacks import on_failure, on_success

COMMON = {"start_date": datetime(2026, 1, 1, tzinfo=timezone.utc), "catchup": False}
BOTH = {"on_failure_callback": on_failure, "on_success_callback": on_success, "owner": "ana"}

with DAG(
    "straight.mends", tags=["team:pay"], on_failure_callback=on_failure, default_args=BOTH, schedule=None, **COMMON
):

    @task
    def load():
        if not Path(os.environ["MENDED"]).exists():
            raise ValueError("<!channel> no rows")

    load()

with DAG("straight.burst", tags=["team:pay"], default_args=BOTH, schedule=None, **COMMON):

    @task
    def each(number):
        raise ValueError(f"no. {number}")

    each.expand(number=list(range(12)))
