"""A whole installation on this machine: exporter, Prometheus, Alertmanager, and what windsock.yaml says of them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import requests
import sqlalchemy as sa
import yaml

from windsock.alerts import build
from windsock.exporter import parts
from windsock.exporter.service import Service
from windsock.settings import Settings

from .alertmanager import Alertmanager, Messages
from .server import Server, find, free_port
from .waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from .tables import Database

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
        """`changes` are of the scrape job, `config` is of the whole; `alerting=False` leaves Alertmanager out."""
        self._changes += 1
        self._alerting = changes.pop("alerting", True)
        whole = changes.pop("config", {})
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
            **whole,
        }
        (self.folder / "rules.yml").write_text(rules or build.files(settings())[build.RULES])
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def change(self, rules: str | None = None, **changes: Any) -> None:
        self.configure(rules, **changes)
        self.reload()
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

    def __init__(self, folder: Path, port: int = 0, database: Database | None = None) -> None:
        """`port` is StatsD's. Where no Airflow runs, `database` is its: both get the heartbeats of a scheduler."""
        self.messages = Messages()
        self.alertmanager = Alertmanager(settings(), self.messages)
        self._port, self.web = port, free_port()
        self._runs = database is None
        self.listen()
        self.prometheus = Prometheus(self.exporter.web.address, self.alertmanager.url.removeprefix("http://"))
        self.spool = folder / "spool"
        self._ended = threading.Event()
        if database is not None:
            schedule(database)
            threading.Thread(target=self._beat, args=(database,), daemon=True).start()

    def listen(self, statsd: dict[str, Any] | None = None, **sections: Any) -> None:
        """An exporter that has heard nothing yet, in place of the one that runs."""
        self.deaf()
        own = {
            "statsd": {"listen": [f"udp://127.0.0.1:{self._port}"], **(statsd or {})},
            "web": {"listen": f"127.0.0.1:{self.web}"},
        }
        exporter = own | sections.pop("exporter", {})
        found = settings(**{"metadata": {"url": "${AIRFLOW_DB}"}, **sections, "exporter": exporter})
        # Where no Airflow runs there is nothing to read but what the doctor itself reads.
        self.exporter = Service(found, parts=parts.make(found)) if self._runs else Service(found)
        self.exporter.__enter__()

    def deaf(self) -> None:
        """No exporter."""
        running: Service | None = self.__dict__.pop("exporter", None)
        if running is not None:
            running.__exit__(None, None, None)

    def _beat(self, database: Database) -> None:
        """As a scheduler does."""
        while not self._ended.wait(1):
            self.send("airflow.scheduler_heartbeat:1|c")
            with contextlib.suppress(sa.exc.OperationalError):  # somebody reads it at the moment
                database.update("job", {"id": 1}, latest_heartbeat=time.time())

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
                "doctor": {"exporters": [f"http://127.0.0.1:{self.web}"]},
                "metadata": {"url": "${AIRFLOW_DB}"},
                "callbacks": {"spool": {"dir": str(self.spool)}},
                **changes,
            }
        )

    def close(self) -> None:
        self._ended.set()
        self.prometheus.remove()
        self.deaf()
        self.alertmanager.remove()
        self.messages.close()


def schedule(database: Database) -> None:
    """A scheduler's heartbeat, of now."""
    job = {"id": 1, "job_type": "SchedulerJob", "state": "running", "hostname": "here"}
    database.insert("job", {**job, "latest_heartbeat": time.time()})


def settings(**given: Any) -> Settings:
    # As rules.yml has links to the exporter, they are the same whatever port it has got.
    base = {
        "cluster": "prod",
        "teams": TEAMS,
        "channels": CHANNELS,
        "links": {"exporter": "https://windsock.example.org"},
    }
    return Settings.model_validate({**base, **given})
