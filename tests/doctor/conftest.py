"""A whole installation on this machine: exporter, Prometheus, Alertmanager and a metadata database, in good health."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from real.alertmanager import Alertmanager, Messages
from real.databases import SQLiteFolder
from real.server import Server, find, free_port
from real.tables import Database
from real.waiting import until

from windsock.airflow.versions import NEWEST
from windsock.alerts import build
from windsock.exporter.service import Service
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEAMS = {"data": {"match": {"dag": ["orders_*"]}, "slack": "#data"}}
CHANNELS = {"slack": {"token": "${SLACK_TOKEN}"}}


class Prometheus(Server):
    """One that scrapes an exporter; a test gives it another configuration for a while."""

    def __init__(self, exporter: str, alertmanager: str) -> None:
        super().__init__("")
        self.url = f"http://127.0.0.1:{self.port}"
        self._exporter = exporter
        self._alertmanager = alertmanager
        self._changes = 0
        self._alerting = True
        self.configure()
        self.start(
            find("prometheus", "prometheus"),
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            # What fires before Alertmanager is discovered would be sent again after a minute.
            "--rules.alert.resend-delay=1s",
        )

    def configure(self, rules: str | None = None, **changes: Any) -> None:
        """`changes` are of the scrape job; `alerting=False` leaves Alertmanager out."""
        self._changes += 1
        self._alerting = changes.pop("alerting", True)
        peers = [{"static_configs": [{"targets": [self._alertmanager]}]}] if self._alerting else []
        targets = [{"targets": [self._exporter], "labels": {"cluster": "prod"}}]
        # A target of this configuration is known by its URL.
        number = {"change": [str(self._changes)]}
        job = {"job_name": "windsock", "static_configs": targets, "params": number, **changes}
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [job],
            "alerting": {"alertmanagers": peers},
        }
        (self.folder / "rules.yml").write_text(rules or build.files(settings())[build.RULES])
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def change(self, rules: str | None = None, **changes: Any) -> None:
        self.configure(rules, **changes)
        self.process.send_signal(signal.SIGHUP)
        self.wait()

    def wait(self) -> None:
        """Until it works as it is configured: every target was scraped, every rule evaluated."""
        until(self._works, why=(self.folder / "log").read_text)

    def get(self, path: str) -> Any:
        return requests.get(f"{self.url}/api/v1/{path}", timeout=60).json()["data"]

    def _works(self) -> bool:
        targets = self.get("targets")["activeTargets"]
        # Those that are due each second: others have minutes until their turn.
        rules = [rule for group in self.get("rules")["groups"] if group["interval"] == 1 for rule in group["rules"]]
        return (
            bool(targets)
            and all(one["scrapeUrl"].endswith(f"change={self._changes}") for one in targets)
            and all(one["health"] != "unknown" for one in (*targets, *rules) if one.get("scrapeInterval", "1s") == "1s")
            and bool(self.get("alertmanagers")["activeAlertmanagers"]) is self._alerting
        )


class Installation:
    """The parts, and the settings that all of them share."""

    def __init__(self, folder: Any) -> None:
        self.messages = Messages()
        self.alertmanager = Alertmanager(settings(), self.messages)
        self.exporter = Service(
            settings(
                exporter={"statsd": {"listen": ["udp://127.0.0.1:0"]}, "web": {"listen": "127.0.0.1:0"}},
                metadata={"url": "${AIRFLOW_DB}"},
            )
        )
        self.exporter.__enter__()
        self.prometheus = Prometheus(self.exporter.web.address, self.alertmanager.url.removeprefix("http://"))
        self.spool = folder / "spool"
        self._ended = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        """As a scheduler does."""
        while not self._ended.wait(1):
            self.send("airflow.scheduler_heartbeat:1|c")

    def send(self, line: str) -> None:
        host, _, port = self.exporter.addresses()[0].rpartition("/")[2].rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(line.encode(), (host, int(port)))

    def settings(self, **changes: Any) -> Settings:
        """What windsock.yaml says of it; `changes` are whole sections."""
        return settings(
            **{
                "alertmanager": {"urls": [self.alertmanager.url]},
                "prometheus": {"urls": [self.prometheus.url]},
                "doctor": {"exporters": [f"http://{self.exporter.web.address}"]},
                "metadata": {"url": "${AIRFLOW_DB}"},
                "callbacks": {"spool": {"dir": str(self.spool)}},
                **changes,
            }
        )

    def close(self) -> None:
        self._ended.set()
        self.prometheus.remove()
        self.exporter.__exit__(None, None, None)
        self.alertmanager.remove()
        self.messages.close()


def settings(**given: Any) -> Settings:
    # As rules.yml has links to the exporter, they are the same whatever port it has got.
    base = {
        "cluster": "prod",
        "teams": TEAMS,
        "channels": CHANNELS,
        "links": {"exporter": "https://windsock.example.org"},
    }
    return Settings.model_validate({**base, **given})


@pytest.fixture
def installation(whole: Installation) -> Installation:
    """It works as it is configured: what the test before has changed is over."""
    until(lambda: whole.alertmanager.alerts(alertname="Watchdog"))
    return whole


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    database = Database(SQLiteFolder(folder), NEWEST)
    database.dag("orders_load")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLACK_TOKEN", "xoxb-1")
        patch.setenv("AIRFLOW_DB", database.url)
        patch.setenv("AIRFLOW_HOME", str(folder / "nowhere"))
        found = Installation(folder)
        found.prometheus.wait()
        yield found
        found.close()


@pytest.fixture
def closed() -> str:
    """The URL of a port where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def respond() -> Iterator[Callable[[bytes], str]]:
    """Start a server that answers everything with these bytes; returns its URL."""
    with contextlib.ExitStack() as running:

        def start(content: bytes) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

                def log_message(self, *args: Any) -> None:
                    pass

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            running.callback(server.server_close)
            running.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield start
