"""How the demo's Airflow is set up, as that Airflow understands it."""

from __future__ import annotations

import os
import subprocess

from real import environments

from windsock.airflow.versions import NEWEST
from windsock.demo.stack import airflow

RETRIES = "from airflow.sdk.api import client as c; print(c.API_RETRIES, c.API_RETRY_WAIT_MIN, c.API_RETRY_WAIT_MAX)"


def test_a_task_waits_for_the_api_server_for_as_long_as_airflow_may_take_to_start(folder, places):
    """On a busy machine it is there long after the scheduler; with Airflow's own five retries tasks fail unstarted."""
    venv = environments.airflow(NEWEST)
    (folder.run / "airflow-home").mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [venv / "bin" / "python", "-c", RETRIES],
        env={**os.environ, **airflow.environment(venv, folder, places)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    retries, least, most = map(float, done.stdout.split()[-3:])
    assert least == most
    assert retries * most >= airflow.PATIENCE
