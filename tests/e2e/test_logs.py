"""`windsock up --logs`: what a task of the demo printed is found in Elasticsearch, and read back on Airflow's page."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest

from windsock.airflow.versions import NEWEST

CACHE = Path(__file__).resolve().parents[2] / ".windsock"


@pytest.fixture
def place():
    """Elasticsearch runs as another user where the stack is root's: he must get at it, which he can't below /root."""
    folder = Path(tempfile.mkdtemp(prefix="windsock up "))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def get(url, body=None, token=None):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=15) as answer:
        return json.load(answer)


@pytest.mark.timeout(600)
def test_the_log_of_the_demos_failed_task_is_shipped_and_read_back(up, place):
    home = place / ".windsock"
    home.mkdir()
    for kept in ("filebeat-7.17.29", "elasticsearch-8.19.21"):
        # Built by the tests of the logs; here it only matters that what is there is taken.
        shutil.copytree(CACHE / kept, home / kept, symlinks=True, copy_function=os.link)
    # An environment can't be moved. `make test` has brought it up to date; test_check.py has one built.
    (home / f"airflow-{NEWEST}").symlink_to(CACHE / f"airflow-{NEWEST}")
    stack = up("--logs")
    elasticsearch = stack.line("elasticsearch is ready", timeout=280).rpartition(" ")[2]
    stack.line("filebeat is ready", timeout=120)
    query = {"query": {"bool": {"filter": [{"term": {"dag_id": "orders_load"}}, {"term": {"level": "error"}}]}}}
    end, hits = time.monotonic() + 90, []
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
    assert stack.end() == 0, stack.text
    assert stack.is_gone()
