"""A task that fails until a file is there, one with many instances that fail at once, one to be killed, and two that
say it in words of their own.
"""

import os
from datetime import datetime, timezone
from pathlib import Path

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

from windsock.callbacks import Notify, on_failure, on_success

COMMON = {"start_date": datetime(2026, 1, 1, tzinfo=timezone.utc), "catchup": False}
BOTH = {"on_failure_callback": on_failure, "on_success_callback": on_success, "owner": "ana"}

with DAG("direct.mends", tags=["team:pay"], on_failure_callback=on_failure, default_args=BOTH, schedule=None, **COMMON):

    @task
    def load(**context):
        if (context["dag_run"].conf or {}).get("fail") or not Path(os.environ["MENDED"]).exists():
            raise ValueError("<!channel> no rows")

    load()

with DAG("direct.burst", tags=["team:pay"], default_args=BOTH, schedule=None, **COMMON):

    @task
    def each(number):
        raise ValueError(f"no. {number}")

    each.expand(number=list(range(12)))

with DAG("direct.killed", tags=["team:pay"], default_args=BOTH, schedule=None, **COMMON):

    @task
    def waits():
        # This process only: all others reach Slack.
        os.environ["WINDSOCK__CHANNELS__SLACK__API_URL"] = os.environ["SILENT"]
        Path(os.environ["MENDED"]).with_suffix(".pid").write_text(str(os.getpid()))
        raise ValueError("killed while it is told")

    waits()

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"

with DAG("direct.worded", tags=["team:pay"], schedule=None, **COMMON):

    @task(on_failure_callback=Notify(template="In our own words: {{ task_id }} of {{ dag_id }}, {{ exception }}"))
    def words():
        raise ValueError("no rows")

    words()

with DAG("direct.endless", tags=["team:pay"], schedule=None, **COMMON):

    @task(on_failure_callback=Notify(template=ENDLESS))
    def never():
        Path(os.environ["MENDED"]).with_suffix(".endless").write_text(str(os.getpid()))
        raise ValueError("killed while its words are made")

    never()
