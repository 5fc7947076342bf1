"""A real Airflow, a task that fails, and its page; and that all of it is gone afterwards."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
import requests

from windsock.airflow.versions import NEWEST

pytestmark = pytest.mark.timeout(600)

HOPS = ("task failed (Airflow)", "alert in Alertmanager", "page in the inbox", "failure counted: exporter, Prometheus")


def prometheus(stack, path, **query):
    return requests.get(f"{stack.url('Prometheus').removesuffix('/alerts')}/api/v1/{path}", query, timeout=10).json()[
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


def wait_for(test, timeout=60):
    deadline = time.monotonic() + timeout
    while not test():
        assert time.monotonic() < deadline
        time.sleep(1)


def test_the_page_of_a_failed_task_arrives_and_nothing_is_left(up, place):
    stack = up("--check")
    assert stack.wait(500) == 0, stack.text
    seconds = {}
    for hop in HOPS:
        seconds[hop] = float(re.search(r"([+-][\d.]+) s", stack.line(hop))[1])
    assert seconds["task failed (Airflow)"] == 0
    # Alertmanager waits five seconds for more of the group.
    assert 4 < seconds["page in the inbox"] < 15
    stack.line("the page has DAG, task, run, exception, log link (it opens) and dashboard link; no secret is in it")
    assert re.search(r"[\d.]+ s from the failure to the page$", stack.lines[-1])
    assert stack.is_gone(within=0)
    assert [path.name for path in place.iterdir()] == [".windsock"]
    again = up("--prepare")
    assert again.wait(60) == 0
    assert again.lines[-1].endswith(f"Airflow is installed in {place}/.windsock/airflow-{NEWEST}")
    inside = sorted(path.name for path in (place / ".windsock").iterdir())
    assert inside == [".gitignore", f"airflow-{NEWEST}", "install.log", "lock", "run"]


def test_it_streams_events_refuses_a_second_start_and_ends_on_ctrl_c(up, place):
    stack = up()
    stack.line("What happens:", timeout=300)
    begun = time.monotonic()
    second = subprocess.run(
        [sys.executable, "-m", "windsock", "up"], cwd=place, capture_output=True, text=True, timeout=30, check=False
    )
    assert second.returncode == 1
    assert second.stderr == (
        f"windsock: the stack in {place}/.windsock runs already (`windsock up`, pid {stack.process.pid}): "
        "end that one with Ctrl-C, or start a second one with --home\n"
    )
    stack.line("alert fires", "AirflowTaskFailed", "dag_id=orders_load")
    stack.line("page ", "slack #data-alerts", "orders_load")
    assert time.monotonic() - begun < 120
    # Its process is killed: no callback runs and no metric says so; what reads the database tells.
    stack.line("page ", "slack #data-alerts", "reports_render", timeout=180)
    # The addresses of the table are where a user finds things, Airflow's without a password.
    assert requests.get(stack.url("Airflow"), timeout=10).status_code == 200
    assert "orders_load" in requests.get(stack.url("Inbox"), timeout=10).text
    assert "# TYPE airflow_" in requests.get(stack.url("Exporter"), timeout=10).text
    token = requests.get(f"{stack.url('Airflow')}/auth/token", timeout=10).json()["access_token"]
    errors = requests.get(
        f"{stack.url('Airflow')}/api/v2/importErrors", headers={"Authorization": f"Bearer {token}"}, timeout=10
    ).json()
    assert errors["total_entries"] == 0, errors
    wait_for(lambda: len(names(stack)) >= 30)
    wait_for(lambda: counted(stack) == failed_tries(place) != {})
    # The legacy form holds what the modern one has as labels; both would count everything twice.
    assert not [name for name in names(stack) if re.search("orders|payments|reports|default_pool|PythonOperator", name)]
    assert stack.end(signal.SIGINT) == 0
    assert stack.lines[-1] == "ending all parts"
    assert stack.is_gone(within=0)


def test_kill_9_leaves_no_process_of_airflow(up):
    stack = up()
    stack.line("airflow is ready", timeout=300)
    assert len(stack.left()) > 10
    os.kill(stack.process.pid, signal.SIGKILL)
    assert stack.is_gone(within=10)
