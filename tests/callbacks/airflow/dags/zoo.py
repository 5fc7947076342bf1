"""One DAG for each thing that a callback is called for, on Airflow 2.11 and 3.x."""

import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

try:
    from airflow.sdk import DAG, task, task_group
except ImportError:
    from airflow import DAG
    from airflow.decorators import task, task_group

from airflow.exceptions import AirflowSkipException

from windsock.callbacks import Notify, check, on_failure, on_retry, on_skipped, on_success

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
COMMON = {"start_date": START, "catchup": False}
SECRET = "postgresql://etl:" + "hunter2hunter2" + "@warehouse/orders"


def note(what):
    """A line into the test's folder: what an author's own callback does."""

    def write(context):
        with Path(os.environ["ZOO_NOTES"]).open("a") as file:
            file.write(f"{what} {context['run_id']}\n")

    return write


author = note("author")

with DAG(
    "pay.fail",
    tags=["team:payments", "tier:1"],
    on_failure_callback=on_failure,
    default_args={
        "owner": "ada",
        "retries": 1,
        "retry_delay": timedelta(seconds=1),
        "on_failure_callback": on_failure,
        "on_retry_callback": on_retry,
    },
    schedule=None,
    **COMMON,
):

    def load(statement):
        raise ConnectionError(f"no answer to {statement!r} from {SECRET}")

    @task_group
    def grp():
        @task
        def fails():
            load("insert into orders")

        fails()

    grp()

with DAG(
    "pay.mapped", tags=["team:payments"], default_args={"on_failure_callback": on_failure}, schedule=None, **COMMON
):

    @task
    def numbers():
        return list(range(6))

    @task(max_active_tis_per_dag=3)
    def settle(number):
        if number:
            raise ValueError(f"account {number} is closed")

    settle.expand(number=numbers())

with DAG("two.fail", tags=["team:data"], on_failure_callback=on_failure, schedule=None, **COMMON):

    @task
    def first():
        raise KeyError("first")

    @task(trigger_rule="all_done")
    def second():
        raise KeyError("second")

    first() >> second()

with DAG(
    "policy.fail",
    tags=["team:data", "attach"],
    default_args={"on_failure_callback": [author]},
    schedule=None,
    **COMMON,
):

    @task
    def one():
        raise RuntimeError("attached by the policy")

    @task(on_failure_callback=[on_failure, author])
    def two():
        raise RuntimeError("attached by the author")

    one()
    two()

with DAG("policy.off", tags=["attach", "windsock:off"], schedule=None, **COMMON):

    @task
    def off():
        raise RuntimeError("nobody hears it")

    off()

with DAG(
    "back",
    tags=["team:data"],
    on_failure_callback=on_failure,
    on_success_callback=on_success,
    default_args={"on_failure_callback": on_failure, "on_success_callback": on_success},
    schedule=None,
    **COMMON,
):

    @task
    def flips(**context):
        if (context["dag_run"].conf or {}).get("fail"):
            raise TimeoutError("the source is late")

    flips()

with DAG(
    "cleared",
    tags=["team:data"],
    on_failure_callback=on_failure,
    default_args={"on_failure_callback": on_failure, "on_success_callback": on_success},
    schedule=None,
    **COMMON,
):

    @task
    def mends(**context):
        if context["ti"].try_number == 1:
            raise TimeoutError("the source is late")

    @task
    def after_it():
        while not Path(os.environ["ZOO_NOTES"]).with_suffix(".go").exists():
            time.sleep(0.3)

    mends() >> after_it()

with DAG("checks", tags=["team:data"], schedule=None, **COMMON):

    @task
    def count(**context):
        rows = (context["dag_run"].conf or {}).get("rows", 0)
        check(rows, "orders has no rows today", name="orders is not empty")

    @task
    def after():
        pass

    count() >> after()

with DAG(
    "skips",
    tags=["team:data"],
    default_args={"on_skipped_callback": on_skipped},
    schedule=None,
    **COMMON,
):

    @task
    def nothing():
        raise AirflowSkipException("no file today")

    nothing()

with DAG(
    "chosen",
    tags=["team:data"],
    default_args={"on_failure_callback": Notify(team="payments", severity="critical")},
    schedule=None,
    **COMMON,
):

    @task
    def x():
        raise ValueError("x")

    x()

with DAG(
    "slow",
    tags=["team:data"],
    dagrun_timeout=timedelta(seconds=4),
    on_failure_callback=on_failure,
    schedule=None,
    **COMMON,
):

    @task
    def sleeps():
        time.sleep(60)

    sleeps()
