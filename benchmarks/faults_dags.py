"""DAGs that benchmarks/faults.py breaks: what is to go wrong is a file in the folder FAULTS."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import DAG, task

WRONG = Path(os.environ["FAULTS"])
MINUTE = timedelta(minutes=1)
COMMON: dict[str, Any] = {
    "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "catchup": False,
    "max_active_runs": 1,
    "tags": ["bench"],
}


def wait_while(name: str) -> None:
    """Last for as long as that is to go wrong."""
    while (WRONG / name).exists():
        time.sleep(1)


with DAG("steady", schedule=MINUTE, **COMMON):

    @task
    def work() -> None:
        """Succeed."""

    work()

with DAG("deferred", schedule=MINUTE, **COMMON):
    # Airflow takes one for failed that is back before the scheduler has seen it leave: seconds on a busy machine.
    TimeDeltaSensor(task_id="later", delta=timedelta(seconds=30), deferrable=True)

with DAG("shares", schedule=None, **COMMON):

    @task(retries=2, retry_delay=timedelta(seconds=5), max_active_tis_per_dag=4)
    def share(number: int, **context: Any) -> None:
        """Of 68, four fail twice: 6 % of the tasks, and one try in ten."""
        if number % 17 == 16 and context["ti"].try_number < 3 and (WRONG / "shares").exists():
            raise ValueError(number)

    share.expand(number=list(range(68)))

with DAG("crowded", schedule=None, **COMMON):

    @task(pool="narrow")
    def occupy(_: int) -> None:
        """Take the only slot of the pool, while others wait for it."""
        wait_while("crowded")

    occupy.expand(_=[1, 2, 3])

with DAG("failing", schedule=MINUTE, max_consecutive_failed_dag_runs=3, **COMMON):

    @task
    def fail() -> None:
        """Fail until Airflow pauses the DAG."""
        if (WRONG / "failing").exists():
            raise RuntimeError("the warehouse is closed")

    fail()

due = datetime.fromisoformat((WRONG / "due").read_text())
with DAG(
    "promised",
    schedule=f"{due.minute} {due.hour} * * *",
    start_date=due - timedelta(days=6),
    catchup=True,
    max_active_runs=1,
    tags=["bench"],
):

    @task
    def load(**context: Any) -> None:
        """Take ten seconds, and longer today."""
        time.sleep(10)
        if context["data_interval_end"] >= due:
            wait_while("promised")

    @task
    def publish() -> None:
        """Come after it."""
        time.sleep(20)

    load() >> publish()
