"""A real Airflow of each version, a real Alertmanager with windsock's routes, and the inbox at its end; an exporter.

An Airflow takes half a minute of a processor to start: tests of the callbacks, the plugin and the examples share it.
Each module adds its DAGs, which see the configuration that the module gives them. What serves Airflow's pages is
configured for the plugin, everything else for the callbacks.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import requests

from windsock.alerts import build
from windsock.alerts.routes import Timing
from windsock.demo.inbox import Inbox
from windsock.exporter.service import Service
from windsock.settings import Settings
from windsock.storms import SIGNS

from .airflow import Airflow
from .environments import VERSIONS
from .server import find, free_port
from .waiting import until
from .workers import end_with_group

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "an-open-secret"
"""What reads the plugin's metrics."""
TEAMS = {
    "WINDSOCK_CONFIG": "",
    "WINDSOCK__TEAMS__DATA__MATCH__OWNER": "data",
    "WINDSOCK__TEAMS__DATA__SLACK": "#data",
}
"""Those of the plugin's DAGs and pages."""


@dataclass
class Place:
    """Where an Airflow's alerts go, and what arrived."""

    folder: Path
    inbox: Inbox
    url: str
    notes: Path
    config: Path

    def alerts(self, **labels):
        """What fires, as Alertmanager's API gives it."""
        filters = [f'{name}="{value}"' for name, value in labels.items()]
        answer = requests.get(f"{self.url}/api/v2/alerts", params={"filter": filters}, timeout=60)
        answer.raise_for_status()
        return [alert for alert in answer.json() if alert["labels"]["alertname"] not in SIGNS]

    def wait(self, count=1, timeout=200, **labels):
        """Wait until so many alerts fire with these labels; returns them."""
        end = time.monotonic() + timeout
        while True:
            found = self.alerts(**labels)
            if len(found) == count:
                return found
            assert time.monotonic() < end, f"{labels}: {len(found)} instead of {count}; all: {self.shown()}"
            time.sleep(0.3)

    def shown(self):
        return [alert["labels"] for alert in self.alerts()]

    def variables(self):
        return {"WINDSOCK_CONFIG": str(self.config), "ZOO_NOTES": str(self.notes)}

    def fire(self, dag_id, alertname, summary, **more):
        """An alert that the plugin shows: of another cluster than those of the callbacks."""
        labels = {"alertname": alertname, "cluster": "airflow", "dag_id": dag_id, "severity": "critical"}
        notes = {"summary": summary, "log_url": "http://logs.example.org/1", "runbook_url": "javascript:alert(1)"}
        alert = {"labels": {**labels, **more}, "annotations": notes, "startsAt": "2026-01-02T03:04:05Z"}
        alert["endsAt"] = "2999-01-01T00:00:00Z"
        requests.post(f"{self.url}/api/v2/alerts", json=[alert], timeout=60).raise_for_status()


def _settings(folder, inbox, url):
    return {
        "cluster": "zoo",
        "alertmanager": {"urls": [url], "secrets_dir": str(folder / "secrets")},
        "links": {"grafana": "https://grafana.example.org", "runbooks": "https://runbooks.example.org"},
        "channels": {"slack": {"api_url": inbox.addresses["slack_api"], "token": "${SLACK_TOKEN}"}},
        "teams": {
            "data": {"match": {"tag": "team:data"}, "slack": "#data"},
            "payments": {"match": {"tag": "team:payments"}, "slack": "#payments"},
        },
        "defaults": {"slack": "#data-alerts"},
        "severity": [{"match": {"tag": ["tier:1"]}, "is": "critical"}],
        "callbacks": {
            "budget": 18,  # on a busy machine the dag processor is slow to say which tasks failed
            "spool": {"dir": str(folder / "state")},
            "attach": [{"match": {"tag": "attach"}, "on": ["failure", "success", "run_failure"]}],
        },
    }


@contextlib.contextmanager
def _place(folder):
    url = f"http://127.0.0.1:{free_port()}"
    with Inbox() as inbox:
        values = _settings(folder, inbox, url)
        config = folder / "windsock.yaml"
        config.write_text(json.dumps(values))
        (folder / "secrets").mkdir()
        (folder / "secrets" / "slack_token").write_text("xoxb-test")
        settings = Settings.model_validate(values)
        for name, text in build.files(
            settings,
            Timing(group_wait="1s", group_interval="2s", storm_wait="1s", beside_wait="1s", again_interval="2s"),
        ).items():
            (folder / name).write_text(text)
        program = find("prometheus-alertmanager", "prometheus-alertmanager")
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [
                    program,
                    "--config.file=alertmanager.yml",
                    "--storage.path=data",
                    "--cluster.listen-address=",
                    f"--web.listen-address={url.removeprefix('http://')}",
                ],
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            here = Place(folder, inbox, url, folder / "notes.txt", config)
            here.notes.touch()
            until(lambda: here.alerts() == [])
            yield here
        finally:
            process.terminate()
            process.wait(60)


def _variables(version, place, exporter):
    """What the processes of an Airflow have, and what those that serve its pages have instead."""
    users = place.folder / "passwords.json"
    users.write_text(json.dumps({"ada": "admin", "eve": "admin"}))
    common = {
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": exporter.addresses()[0].rpartition(":")[2],
        # One version for each dialect without and with tags.
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": str(version[0] == "3"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ada:admin,eve:",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(users),
    }
    pages = {
        **TEAMS,
        "WINDSOCK__PLUGIN__TOKEN": "${THE_TOKEN}",
        "THE_TOKEN": TOKEN,
        "WINDSOCK__LINKS__GRAFANA": place.url,  # some server that answers
        "WINDSOCK__LINKS__RUNBOOKS": "http://runbooks.example.org",
        "WINDSOCK__ALERTMANAGER__URLS": place.url,
    }
    return common | place.variables(), common | pages


@contextlib.contextmanager
def _airflow(version, place, exporter, postgres):
    variables, pages = _variables(version, place, exporter)
    # On SQLite 2.11 runs no LocalExecutor, and the API of 3.x answers 500 while tasks write.
    database = postgres.create(f"shared_{version.replace('.', '_')}")
    running = Airflow(version, {}, variables, database, pages=pages)
    try:
        running.start("api", "scheduler", *(["dag-processor"] if version[0] == "3" else []))
        if version[0] == "3":
            running.sign_in("ada")
        yield running
    finally:
        running.remove()


@dataclass
class Shared:
    """An Airflow that runs, without a DAG, where `ada` may do all and `eve` nothing, and what is around it."""

    version: str
    place: Place
    """What the DAGs' files do not say otherwise is told here."""
    exporter: Service
    """Where its lines go."""
    airflow: Airflow


@pytest.fixture(scope="session", params=VERSIONS)
def shared(request, postgres, tmp_path_factory):
    """Each version in turn."""
    version = request.param
    chosen = {"statsd": {"listen": ["udp://127.0.0.1:0"]}, "web": {"listen": "127.0.0.1:0"}}
    with (
        _place(tmp_path_factory.mktemp("alerts")) as place,
        Service(Settings.model_validate({"exporter": chosen})) as exporter,
        _airflow(version, place, exporter, postgres) as airflow,
    ):
        end_with_group(airflow.remove)
        yield Shared(version, place, exporter, airflow)
