"""A real Airflow of each version with the plugin, an Alertmanager for its pages, an exporter for its lines."""

from __future__ import annotations

import contextlib
import json
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests
from real.environments import VERSIONS
from real.server import Server, find

from windsock import settings
from windsock.exporter.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "an-open-secret"
DOCS = Path(__file__).parents[3] / "docs" / "custom-metrics.md"
DAGS = {
    "orders.py": """
from datetime import datetime
try:
    from airflow.sdk import DAG, Asset, task
except ImportError:
    from airflow import DAG
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import task

start = dict(schedule=None, start_date=datetime(2026, 1, 1))
with DAG("team.orders", tags=["tier:1"], default_args={"owner": "data"}, **start):
    @task(outlets=[Asset("s3://lake/orders")])
    def load():
        from windsock import metrics
        metrics.gauge("orders_loaded", 1234, unit="rows")
        metrics.gauge("balance", -3)
        metrics.count("orders_rejected", 2)
        metrics.timing("api_call", 0.25)
        with metrics.timed("inner"):
            pass
        metrics.gauge("Bad Name", 1)
        metrics.count("orders_rejected", -1)
        metrics.gauge("orders_loaded", "many")
    load()
with DAG("fails", **start):
    @task
    def breaks():
        raise ValueError("no such table")
    breaks()
""",
    "broken.py": "import nothing_there  # so that Airflow takes this for a file with a dag, airflow\n",
}
ROUTES = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


class Alertmanager(Server):
    def __init__(self) -> None:
        super().__init__("")
        (self.folder / "alertmanager.yml").write_text(ROUTES)
        program = find("prometheus-alertmanager", "prometheus-alertmanager", "usr/bin/alertmanager")
        listen = [f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="]
        self.start(program, "--config.file=alertmanager.yml", "--storage.path=data", *listen)
        self.url = f"http://127.0.0.1:{self.port}"

    def fire(self, dag_id: str, alertname: str, summary: str, **more: str) -> None:
        labels = {"alertname": alertname, "cluster": "airflow", "dag_id": dag_id, "severity": "critical"}
        notes = {"summary": summary, "log_url": "http://logs.example.org/1", "runbook_url": "javascript:alert(1)"}
        alert = {"labels": {**labels, **more}, "annotations": notes, "startsAt": "2026-01-02T03:04:05Z"}
        alert["endsAt"] = "2999-01-01T00:00:00Z"
        requests.post(f"{self.url}/api/v2/alerts", json=[alert], timeout=60).raise_for_status()


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[Alertmanager]:
    server = Alertmanager()
    server.fire("team.orders", "AirflowTaskFailed", "load failed: <b>no such table</b>", task_id="load")
    server.fire("fails", "AirflowTaskFailed", "breaks failed")
    server.fire("", "WindsockFailing", "")
    yield server
    server.remove()


@pytest.fixture(scope="module", params=VERSIONS)
def version(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def exporter(version) -> Iterator[Service]:
    del version  # one for each
    chosen = {"statsd": {"listen": ["udp://127.0.0.1:0"]}, "web": {"listen": "127.0.0.1:0"}}
    with Service(settings.Settings.model_validate({"exporter": chosen})) as service:
        yield service


@pytest.fixture(scope="module")
def here(version, run_airflow, postgres, alertmanager, exporter, tmp_path_factory) -> Iterator[SimpleNamespace]:
    """`airflow`, `get(path, **headers)` that returns status and text, and `exposed()` of the exporter."""
    passwords = tmp_path_factory.mktemp("simple") / "passwords.json"
    passwords.write_text(json.dumps({"ada": "admin", "eve": "admin"}))
    port = exporter.addresses()[0].rpartition(":")[2]
    variables = {
        "WINDSOCK__PLUGIN__TOKEN": "${THE_TOKEN}",
        "THE_TOKEN": TOKEN,
        "WINDSOCK__TEAMS__DATA__MATCH__OWNER": "data",
        "WINDSOCK__TEAMS__DATA__SLACK": "#data",
        "WINDSOCK__LINKS__GRAFANA": alertmanager.url,  # some server that answers
        "WINDSOCK__LINKS__RUNBOOKS": "http://runbooks.example.org",
        "WINDSOCK__ALERTMANAGER__URLS": alertmanager.url,
        # That a file can still not be imported is told when it is parsed again.
        f"AIRFLOW__{'DAG_PROCESSOR' if version[0] == '3' else 'SCHEDULER'}__MIN_FILE_PROCESS_INTERVAL": "5",
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": port,
        # One version for each dialect without and with tags.
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": str(version[0] == "3"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ada:admin,eve:",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
    example = re.search(r"<!-- dag -->\n```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]
    if version[0] == "2":
        example = "from airflow import DAG\nfrom airflow.decorators import task\n" + re.sub(
            ".*airflow.sdk.*\n", "", example
        )
    database = postgres.create(f"plugin_{version.replace('.', '_')}")
    airflow = run_airflow(version, {**DAGS, "docs.py": example}, variables, database)
    if version[0] == "2":
        eve = ("--username", "eve", "--password", "admin", "--email", "eve@example.org")
        airflow.run("users", "create", *eve, "--role", "Public", "--firstname", "Eve", "--lastname", "Else")
    else:
        airflow._token = sign_in(airflow, "ada")

    def get(path: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(airflow.url + path, headers=headers)
        try:
            with urllib.request.build_opener(Stay()).open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def known(user: str) -> dict[str, str]:
        if version[0] == "2":
            name = {"ada": "admin"}.get(user, user)
            return {"Authorization": requests.auth._basic_auth_str(name, "admin")}
        return {"Authorization": f"Bearer {sign_in(airflow, user)}"}

    def exposed() -> str:
        return requests.get(f"http://{exporter.web.address}/metrics", timeout=20).text

    yield SimpleNamespace(version=version, airflow=airflow, get=get, known=known, exposed=exposed)
    airflow.stop()


class Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer."""

    def redirect_request(self, *_: Any) -> None:
        return None


def sign_in(airflow: Any, user: str) -> str:
    """3.x: the token of a user."""
    body = json.dumps({"username": user, "password": "admin"}).encode()
    request = urllib.request.Request(f"{airflow.url}/auth/token", body, {"Content-Type": "application/json"})

    def ask() -> str:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(json.load(answer)["access_token"])

    return str(airflow.wait(ask, 60, "a token"))


@pytest.fixture
def eventually() -> Any:
    def ask(question: Any, seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(AssertionError):
                return question()
            if time.monotonic() > end:
                return question()
            time.sleep(0.3)

    return ask
