"""A real Airflow of each version, a real Alertmanager with windsock's routes, and the inbox at its end.

An Airflow takes half a minute of a processor to start: all modules share it. Each adds its DAGs, which see the
configuration that the module gives them.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from real.airflow import Airflow
from real.server import find, free_port
from real.waiting import until

from windsock.airflow.versions import NEWEST, OLDEST
from windsock.alerts import build
from windsock.alerts.routes import Timing
from windsock.demo.inbox import Inbox
from windsock.settings import Settings
from windsock.storms import SIGNS

DAGS = Path(__file__).parent / "dags"


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


VERSIONS = (NEWEST, OLDEST)


@pytest.fixture(scope="session", params=VERSIONS)
def version(request):
    """An Airflow's; each has a place of its own."""
    return request.param


@pytest.fixture(scope="session")
def place(version, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alerts")
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


@pytest.fixture(scope="session")
def airflow(version, place, postgres):
    """It runs, without a DAG. What the DAGs' files do not say otherwise is told at `place`."""
    # On SQLite 2.11 runs no LocalExecutor, and the API of 3.x answers 500 while tasks write.
    database = postgres.create(f"callbacks_{version.replace('.', '_')}")
    running = Airflow(version, {}, place.variables(), database)
    try:
        yield running.start()
    finally:
        running.remove()
