"""Airflow's next version in the stack that `windsock up --airflow` starts: one for all that windsock does with it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest
import requests
from real import environments

from windsock.airflow.versions import NEXT

from .conftest import Up

pytestmark = pytest.mark.timeout(1200)

DAGS = (
    (Path(__file__).parents[1] / "callbacks" / "airflow" / "dags" / "late3.py").read_text()
    + """
with DAG("attached", schedule="@once", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), tags=["attach"]):

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def settle(account):
        if account:
            raise ValueError(f"account {account} is closed")

    settle.expand(account=[0, 1])
"""
)
CONFIG = """\
callbacks:
  attach:
  - {match: {tag: attach}, on: [failure, retry, run_failure]}
"""


class Next:
    """The stack, asked as its users do."""

    def __init__(self, up: Up) -> None:
        self.up = up
        self.airflow = up.url("Airflow")
        self.errors_at_first: set[str] = set()
        self.token = self.json(f"{self.airflow}/auth/token")["access_token"]

    def json(self, url: str, **query: str):
        answer = requests.get(url, query, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def get(self, path: str) -> requests.Response:
        return requests.get(self.airflow + path, headers={"Authorization": f"Bearer {self.token}"}, timeout=60)

    def trigger(self, dag_id: str) -> bool:
        """Make a run; whether there is one: an API server on a busy SQLite answers 500 at times."""
        answer = requests.post(
            f"{self.airflow}/api/v2/dags/{dag_id}/dagRuns",
            json={"logical_date": None},
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        return answer.ok

    def exposed(self) -> str:
        return requests.get(self.up.url("Exporter"), timeout=60).text

    def errors(self) -> set[str]:
        """The collector's, without those of a busy machine."""
        found = re.findall(r"^windsock_metadata_query_errors_total(\S+ \d+)$", self.exposed(), re.MULTILINE)
        return {one for one in found if not re.search('reason="(timeout|no_time|depends|connection)"', one)}

    def alert(self, **labels: str):
        """An alert that fires with these labels, waited for."""
        url = self.up.url("Alertmanager").partition("/#")[0].rstrip("/")
        query = [("filter", f'{name}="{value}"') for name, value in labels.items()]

        def ask():
            return requests.get(f"{url}/api/v2/alerts", query, timeout=60).json()

        return wait_for(ask, self.up)[0]


def wait_for(ask, up, seconds=180):
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(requests.RequestException, KeyError):
            if found := ask():
                return found
        assert time.monotonic() < end, up.text
        time.sleep(0.5)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    place = tmp_path_factory.mktemp("next")
    (place / ".windsock").mkdir()
    # What `windsock up` would install is there: the same requirements.
    made = environments.airflow(NEXT)
    shutil.copytree(made, place / ".windsock" / made.name, symlinks=True, copy_function=os.link)
    (place / "windsock.yaml").write_text(CONFIG)
    up = Up(place, ["--airflow", NEXT, "--config", str(place / "windsock.yaml")], {})
    try:
        up.line("What happens:", timeout=300)
        assert "installing" not in up.text
        # Before others fail too: what fails beside a storm, and two deadlines are one, has no message of its own.
        up.line("page ", "slack #data-alerts", "orders_load", timeout=180)
        running = Next(up)
        # What had finished before its first look is nothing that it counts; on a busy machine that look comes late.
        wait_for(lambda: 'last_success_timestamp_seconds{query="finished"}' in running.exposed(), up)
        running.errors_at_first = running.errors()  # it had started before Airflow made its database
        (place / ".windsock" / "run" / "dags" / "next.py").write_text(DAGS)
        for dag_id in ("late.async", "late.sync"):
            wait_for(lambda dag_id=dag_id: running.get(f"/api/v2/dags/{dag_id}").ok, up)
            wait_for(lambda dag_id=dag_id: running.trigger(dag_id), up)
        yield running
    finally:
        if up.process.poll() is None:
            up.end()


def test_a_failed_task_is_told_by_its_callback_and_by_the_policys(stack):
    stack.up.line("alert fires", "AirflowTaskRetrying", "dag_id=attached", timeout=120)
    failed = stack.alert(alertname="AirflowTaskFailed", dag_id="attached")
    assert failed["labels"]["task_id"] == "settle"
    assert failed["annotations"]["exception"] == "ValueError: account 1 is closed"
    # The second is the reconciler's, who knows how many there are.
    assert failed["annotations"]["map_index"] in {"1", "1 of 2 failed: 1"}
    assert stack.alert(alertname="AirflowDagRunFailed", dag_id="attached")["annotations"]["failed_task"] == "settle"


@pytest.mark.parametrize("dag_id", ["late.async", "late.sync"])
def test_a_missed_deadline_is_told(stack, dag_id):
    # By what was seen: the alert ends with its run's success.
    stack.up.line("alert fires", "AirflowDeadlineMissed", f"dag_id={dag_id}", timeout=180)


def test_a_killed_task_is_told_by_what_reads_the_database(stack):
    stack.up.line("alert fires", "AirflowTaskFailed", "dag_id=reports_render", timeout=240)


def test_the_exporter_counts_what_the_lines_and_the_database_say(stack):
    failed = 'airflow_db_task_instances_finished_total{dag_id="attached",state="failed"} 1\n'
    text = wait_for(lambda: next((text for text in [stack.exposed()] if failed in text), ""), stack.up)
    assert "\nairflow_db_up 1\n" in text
    assert stack.errors() == stack.errors_at_first
    assert 'windsock_airflow_version_info{dialect="influxdb",major="3"} 1' in text
    assert re.search(
        r'^airflow_ti_finish_total\{dag_id="attached",.*state="failed",task_id="settle"\} ', text, re.MULTILINE
    )
    # Both are timers whose unit could be told wrong, by a factor of a thousand.
    for family, least, most in (("dag_processing_last_duration", 0.03, 30), ("task_queued_duration", 0.003, 120)):
        sums = [float(one) for one in re.findall(rf"^airflow_{family}_seconds_sum\S* (\S+)", text, re.MULTILINE)]
        counts = [float(one) for one in re.findall(rf"^airflow_{family}_seconds_count\S* (\S+)", text, re.MULTILINE)]
        assert least < sum(sums) / sum(counts) < most, family


def test_the_plugins_page_shows_what_fires_and_what_the_database_says(stack):
    stack.alert(alertname="AirflowTaskFailed", dag_id="attached")
    page = stack.get("/windsock/dags/attached")
    assert page.status_code == 200
    assert "account 1 is closed" in page.text
    assert "airflow_db_up 1" in stack.get("/windsock/metrics").text


def test_a_log_is_where_filebeat_looks_and_its_lines_are_what_is_read(stack):
    stack.alert(alertname="AirflowTaskFailed", dag_id="attached")
    logs = stack.up.place / ".windsock" / "run" / "airflow-home" / "logs"
    (file,) = logs.glob("dag_id=attached/run_id=*/task_id=settle/map_index=1/attempt=2.log")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert all({"timestamp", "level", "event", "logger"} <= line.keys() for line in lines)
    (failed,) = (line for line in lines if line.get("error_detail"))
    assert failed["error_detail"][0]["exc_type"] == "ValueError"
    assert failed["level"] == "error"


def test_ctrl_c_ends_it(stack):
    assert stack.up.end() == 0
    assert stack.up.lines[-1] == "ending all parts"
    assert stack.up.is_gone(within=0)
