"""What goes wrong in the second half of benchmarks/panels.py: a full pool, a storm, deadlines, and metrics of a DAG."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import DAG, task

try:
    from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference
except ImportError:  # 3.1
    from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference

from windsock import metrics
from windsock.callbacks import on_deadline_missed, on_failure

MINUTE = timedelta(minutes=1)
SINCE: dict[str, Any] = {
    "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "catchup": False,
    "tags": ["incident"],
    "default_args": {"owner": "ops", "on_failure_callback": on_failure},
}


def promised(within: timedelta) -> DeadlineAlert:
    """A deadline from when the run was queued."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=within, callback=AsyncCallback(on_deadline_missed)
    )


with DAG("crowd", schedule=MINUTE, **SINCE):  # six tasks for one slot

    @task(pool="narrow")
    def waits(number: int) -> None:
        time.sleep(20 + number)

    waits.expand(number=[0] * 6)

with DAG("storm", schedule=MINUTE, **SINCE):

    @task
    def breaks(number: int) -> None:
        raise ConnectionError(f"warehouse:5432 does not answer {number}")

    breaks.expand(number=list(range(12)))

with DAG("patient", schedule=MINUTE, deadline=promised(timedelta(hours=1)), **SINCE):  # both wait while all are asked
    TimeDeltaSensor(task_id="wait", delta=timedelta(minutes=20), deferrable=True)

with DAG("frozen", schedule="@once", **SINCE):  # what sends its heartbeats is stopped
    BashOperator(task_id="stops", bash_command="kill -STOP $(ps -o ppid= -p $PPID); sleep 600")

for seconds in (1, 600):  # missed, and kept
    with DAG(f"deadline_{seconds}", schedule=MINUTE, deadline=promised(timedelta(seconds=seconds)), **SINCE):

        @task
        def works() -> None:
            metrics.gauge("rows_loaded", 12)
            metrics.count("rows_rejected")
            with metrics.timed("copying"):
                time.sleep(8)

        works()
