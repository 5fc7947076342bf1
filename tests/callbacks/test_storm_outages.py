"""A storm in which senders and Alertmanagers are killed: no failure untold, and none told twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from real.alertmanager import Alertmanager, Messages
from real.server import free_port

from windsock.callbacks.delivery import deliver, flush
from windsock.settings import Settings

REFUSED = "OperationalError: connection to server at {} failed: Connection refused"
SENDER = """
import json, sys, time
from windsock.callbacks.delivery import deliver
from windsock.events import Event
from windsock.settings import Settings

given = json.loads(sys.argv[1])
event = Event("AirflowTaskFailed", "airflow", given["dag_id"], "r1", task_id="load", team="default",
              severity="warning", annotations=given["annotations"])
deliver(event, Settings.model_validate(given["settings"]), time.monotonic() + 600)
"""


@pytest.fixture
def messages():
    running = Messages()
    yield running
    running.close()


def names(count):
    return [f"dag_{number}" for number in range(count)]


def wait_until_told(messages, dags, seconds=60):
    """Each of them once, and nothing else."""
    wanted = Counter({(dag_id,): 1 for dag_id in dags})
    end = time.monotonic() + seconds
    while (told := messages.news("dag_id")[0]) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    assert told == wanted


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def storms_of(messages):
    return {post["groupLabels"].get("storm", "") for post in messages.posts} - {""}


def test_one_of_three_peers_is_away_and_one_is_killed_in_the_middle(event, messages, soon, tmp_path):
    ports = tuple(free_port() for _ in range(3))
    servers = [Alertmanager(Settings(), messages, port, ports, peer_timeout="500ms") for port in ports[:2]]
    urls = [*(server.url for server in servers), f"http://127.0.0.1:{free_port()}"]

    def fail(number):
        """On a host of its own, which knows nothing of the others."""
        given = {"alertmanager": {"urls": urls}, "callbacks": {"spool": {"dir": str(tmp_path / f"spool{number}")}}}
        one = event(dag_id=f"dag_{number}", team="default", annotations={"exception": REFUSED.format(number)})
        assert deliver(one, Settings.model_validate(given), soon()).problem == ""

    try:
        for number in range(24):
            if number == 8:
                servers[0].stop(signal.SIGKILL)
            if number == 16:
                servers[0].up()
            fail(number)
        wait_until_told(messages, names(24))
        assert len(storms_of(messages)) == 1
    finally:
        for server in servers:
            server.remove()


def test_what_killed_processes_were_sending_is_one_storm_and_told_once(event, messages, silent, soon, tmp_path):
    server = Alertmanager(Settings(), messages)
    here = {"callbacks": {"spool": {"dir": str(tmp_path / "spool")}}}
    queue = tmp_path / "spool" / "cluster-airflow" / "queue"
    processes = []
    try:
        for number, dag_id in enumerate(names(6)):
            # Half of them are taken before their sender can know it: one peer has the alert, the other says nothing.
            urls = [silent.url, server.url] if number % 2 else [silent.url]
            one = event(dag_id=dag_id, annotations={"exception": REFUSED.format(number)})
            given = {"dag_id": dag_id, "annotations": one.annotations}
            given["settings"] = {**here, "alertmanager": {"urls": urls}}
            processes.append(subprocess.Popen([sys.executable, "-c", SENDER, json.dumps(given)]))
        wait_for(lambda: len(list(queue.glob("*.json"))) == 6)
        wait_for(lambda: len(server.alerts()) == 3)
        for process in processes:
            process.kill()
            process.wait(60)
        assert len(list(queue.glob("*.json"))) == 6
        settings = Settings.model_validate({**here, "alertmanager": {"urls": [server.url]}})
        assert flush(settings, soon()).delivered == 6
        wait_until_told(messages, names(6))
        assert len(storms_of(messages)) == 1
    finally:
        for process in processes:
            process.kill()
            process.wait(60)
        server.remove()
