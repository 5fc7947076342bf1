"""No callback in the DAG: `callbacks.attach` in windsock.yaml gives one to all DAGs that it matches.

The tag `windsock:off` keeps a DAG out of it. Trigger it with `{"rows": 0}` to see it fail. Airflow 2.11 and 3.x.
"""

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.decorators import task

COMMON = {"start_date": datetime(2026, 1, 1, tzinfo=timezone.utc), "catchup": False, "params": {"rows": 120}}


@task
def settle(**context):
    if not context["params"]["rows"]:
        raise ValueError("nothing to settle")


with DAG("settlements", tags=["team:payments"], schedule=None, **COMMON):
    settle()

with DAG("settlements_trial", tags=["team:payments", "windsock:off"], schedule=None, **COMMON):
    settle()
