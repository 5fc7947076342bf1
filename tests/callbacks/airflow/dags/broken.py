"""One DAG for each way in which an Alertmanager can be out of reach of the process of a task that fails."""

import json
import os
import time
from datetime import datetime, timezone
from pathlib import Path

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

from windsock.callbacks import on_failure

for name, url in json.loads(os.environ["BROKEN"]).items():
    with DAG(
        f"broken.{name}",
        default_args={"on_failure_callback": on_failure},
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
    ):

        @task
        def fails(name, url):
            # This process only: for all others Alertmanager is where the configuration says.
            os.environ["WINDSOCK__ALERTMANAGER__URLS"] = url
            with Path(os.environ["ZOO_NOTES"]).open("a") as notes:
                notes.write(json.dumps({"name": name, "pid": os.getpid(), "time": time.time()}) + "\n")
            raise ValueError("no rows")

        fails(name, url)
