"""`windsock up --logs`: what happens is told, what a task printed is found, and kill -9 leaves nothing."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from windsock.airflow.versions import NEWEST
from windsock.parts import ELASTICSEARCH, FILEBEAT

from .conftest import starting

CACHE = Path(__file__).resolve().parents[2] / ".windsock"

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def place():
    """Elasticsearch runs as another user where the stack is root's: he must get at it, which he can't below /root."""
    folder = Path(tempfile.mkdtemp(prefix="windsock up "))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def stack(place):
    """One for all tests, the last of which ends it."""
    home = place / ".windsock"
    home.mkdir()
    for kept in (f"filebeat-{FILEBEAT.oldest}", f"elasticsearch-{ELASTICSEARCH.oldest}"):
        # Built by the tests of the logs; here it only matters that what is there is taken.
        shutil.copytree(CACHE / kept, home / kept, symlinks=True, copy_function=os.link)
    # An environment can't be moved. `make test` has brought it up to date.
    (home / f"airflow-{NEWEST}").symlink_to(CACHE / f"airflow-{NEWEST}")
    with starting(place) as up:
        yield up("--logs")


def get(url, body=None, token=None):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return json.load(answer)


def prometheus(stack, path, **query):
    return requests.get(f"{stack.url('Prometheus').removesuffix('/alerts')}/api/v1/{path}", query, timeout=60).json()[
        "data"
    ]


def names(stack):
    return prometheus(stack, "label/__name__/values", **{"match[]": '{__name__=~"airflow_.+"}'})


def counted(stack):
    """Failed tries by DAG, as the rules see them."""
    found = prometheus(stack, "query", query="sum by (dag_id) (airflow_ti_failures_total)")["result"]
    return {row["metric"]["dag_id"]: int(row["value"][1]) for row in found}


def failed_tries(place):
    """Failed tries by DAG, as Airflow itself wrote them down: the last tries, and those that were tried again.

    Without those that were killed: StatsD never hears of them.
    """
    file = place / ".windsock" / "run" / "airflow-home" / "airflow.db"
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        return dict(
            database.execute(
                "SELECT dag_id, count(*) FROM (SELECT dag_id, state FROM task_instance"
                " UNION ALL SELECT dag_id, state FROM task_instance_history)"
                " WHERE state IN ('failed', 'up_for_retry') AND dag_id != 'reports_render' GROUP BY dag_id"
            ).fetchall()
        )


def wait_for(test, timeout=240):
    deadline = time.monotonic() + timeout
    while not test():
        assert time.monotonic() < deadline
        time.sleep(1)


def test_it_streams_events_and_refuses_a_second_start(stack, place):
    stack.line("What happens:", timeout=300)
    begun = time.monotonic()
    second = subprocess.run(
        [sys.executable, "-m", "windsock", "up"], cwd=place, capture_output=True, text=True, timeout=180, check=False
    )
    assert second.returncode == 1
    assert second.stderr == (
        f"windsock: the stack in {place}/.windsock runs already (`windsock up`, pid {stack.process.pid}): "
        "end that one with Ctrl-C, or start a second one with --home\n"
    )
    stack.line("alert fires", "AirflowTaskFailed", "dag_id=orders_load")
    stack.line("page ", "slack #data-alerts", "orders_load")
    assert time.monotonic() - begun < 240
    # Its process is killed: no callback runs and no metric says so; what reads the database tells.
    stack.line("page ", "slack #data-alerts", "reports_render", timeout=180)
    # The addresses of the table are where a user finds things, Airflow's without a password.
    assert requests.get(stack.url("Airflow"), timeout=60).status_code == 200
    assert "orders_load" in requests.get(stack.url("Inbox"), timeout=60).text
    assert "# TYPE airflow_" in requests.get(stack.url("Exporter"), timeout=60).text
    token = requests.get(f"{stack.url('Airflow')}/auth/token", timeout=60).json()["access_token"]
    errors = requests.get(
        f"{stack.url('Airflow')}/api/v2/importErrors", headers={"Authorization": f"Bearer {token}"}, timeout=60
    ).json()
    assert errors["total_entries"] == 0, errors
    wait_for(lambda: len(names(stack)) >= 30)
    wait_for(lambda: counted(stack) == failed_tries(place) != {})
    # The legacy form holds what the modern one has as labels; both would count everything twice.
    assert not [name for name in names(stack) if re.search("orders|payments|reports|default_pool|PythonOperator", name)]


def test_the_log_of_the_demos_failed_task_is_shipped_and_read_back(stack):
    elasticsearch = stack.line("elasticsearch is ready", timeout=280).rpartition(" ")[2]
    stack.line("filebeat is ready", timeout=120)
    query = {"query": {"bool": {"filter": [{"term": {"dag_id": "orders_load"}}, {"term": {"level": "error"}}]}}}
    end, hits = time.monotonic() + 280, []
    while not hits:
        assert time.monotonic() < end, stack.text
        time.sleep(1)
        with contextlib.suppress(OSError):  # its index is being made
            hits = get(f"{elasticsearch}/airflow-logs-2*/_search?ignore_unavailable=true", query)["hits"]["hits"]
    line = hits[0]["_source"]
    assert line["error"]["type"]
    assert "hunter2" not in json.dumps(hits)
    airflow = stack.url("Airflow")
    token = get(f"{airflow}/auth/token")["access_token"]
    path = f"{airflow}/api/v2/dags/orders_load/dagRuns/{quote(line['run_id'], safe='')}/taskInstances/{line['task_id']}"
    while True:
        shown = get(f"{path}/logs/{line['try_number']}?full_content=true", token=token)["content"]
        if "lines in Elasticsearch" in json.dumps(shown):
            break
        assert time.monotonic() < end, shown
        time.sleep(1)
    stack.line("log-watch is ready")
    prometheus = stack.url("Prometheus").removesuffix("/alerts")
    seen = quote('windsock_log_canaries_total{cluster="demo", outcome="found"} > 0')
    while not get(f"{prometheus}/api/v1/query?query={seen}")["data"]["result"]:
        assert time.monotonic() < end, stack.text
        time.sleep(1)


def test_kill_9_leaves_no_process(stack):
    assert len(stack.left()) > 10
    os.kill(stack.process.pid, signal.SIGKILL)
    assert stack.is_gone(within=10)
