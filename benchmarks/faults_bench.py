"""The Airflow that faults.py breaks, each of its components a process, and what `windsock up` starts beside it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import yaml

from windsock.airflow.versions import NEWEST
from windsock.demo.stack import stack
from windsock.demo.stack.folder import Folder
from windsock.demo.stack.programs import Programs, find
from windsock.parts import ALERTMANAGER, PROMETHEUS
from windsock.settings import sources

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real import programs  # noqa: E402  the servers that tests run
from real.airflow import Airflow  # noqa: E402
from real.databases import Postgres  # noqa: E402
from real.server import free_port  # noqa: E402

if TYPE_CHECKING:
    import argparse

HISTORY = timedelta(minutes=15)
"""In which the promised DAG runs for each of the last days, and the alert about yesterday ends: what is missed while it
goes on is no message. Long enough for a machine that is busy."""
PROMISE = timedelta(minutes=3)
"""From when the run is due to its promised end."""
LATE = "a DAG's run is late (`finish_by`)"
TUNED = {
    # An hour and five minutes, which nobody waits for.
    "AirflowPoolStarving": {"threshold": "2m", "for": "1m"},
}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Bench:
    """All that runs, and what the inbox has got."""

    def __init__(self, home: Path, options: argparse.Namespace, cleanup: contextlib.ExitStack) -> None:
        self.wrong = home / "faults"
        self.wrong.mkdir()
        self.seen = 0
        self.titles: list[tuple[float, str]] = []
        self.firing: list[tuple[float, str]] = []
        self.session = requests.Session()
        self.session.trust_env = False
        self.postgres = Postgres()
        cleanup.callback(self.postgres.remove)
        # After what runs before: its history, of a week.
        self.due = (datetime.now(tz=timezone.utc) + HISTORY).replace(second=0, microsecond=0)
        (self.wrong / "due").write_text(self.due.isoformat())
        database = self.postgres.create("airflow")
        statsd = free_port(socket.SOCK_DGRAM)
        dags = {"dags.py": (ROOT / "benchmarks" / "faults_dags.py").read_text()}
        variables = {
            "FAULTS": str(self.wrong),
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(statsd),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
            "WINDSOCK__CALLBACKS__SPOOL__DIR": str(home / "spool"),
        }
        self.airflow = Airflow(NEWEST, dags, variables, database)
        cleanup.callback(self.airflow.remove)
        folder = Folder(home / "stack")
        folder.home.mkdir()
        config = home / "windsock.yaml"
        config.write_text(yaml.safe_dump(self._settings(statsd, late=any(word in LATE for word in options.only))))
        os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database
        found = find()
        if options.current:
            found = Programs(
                str(programs.find("prometheus", PROMETHEUS.current)),
                str(programs.find("alertmanager", ALERTMANAGER.current)),
            )
        self.started: list[subprocess.Popen[bytes]] = []
        cleanup.callback(self._end)
        self.stack = stack.start(folder, found, sources.read(config), None, say)
        self._scrape_all(folder)
        self.airflow.variables["WINDSOCK_CONFIG"] = str(folder.settings)
        # Tasks that begin before the API answers fail.
        self.airflow.start("api")
        self.airflow.start("scheduler", "dag-processor", "triggerer")
        self.airflow.wait_for_dags("steady", "deferred", "shares", "crowded", "failing", "promised")
        pool = {"name": "narrow", "slots": 1, "include_deferred": False}
        self.airflow.wait(lambda: self.airflow.api("POST", "/pools", pool), 180, "the pool")
        threading.Thread(target=self._watch, daemon=True).start()

    def _settings(self, statsd: int, *, late: bool) -> dict[str, Any]:
        promised = (self.due + PROMISE).strftime("%H:%M UTC")
        return {
            "cluster": "prod",
            "defaults": {"slack": "#oncall"},
            "exporter": {
                "statsd": {"listen": [f"udp://127.0.0.1:{statsd}"]},
                "web": {"listen": f"127.0.0.1:{free_port()}"},
            },
            "callbacks": {"attach": [{"match": {"tag": "bench"}, "on": ["failure", "success"]}]},
            # Of a DAG that is new, and catches up, what was due yesterday is late as well.
            "slo": {"promised": {"finish_by": promised}} if late else {},
            "alerts": {"rules": TUNED},
        }

    def _scrape_all(self, folder: Folder) -> None:
        """Prometheus and Alertmanager as well, as docs/alerts.md has it."""
        file = folder.run / "prometheus.yml"
        content = yaml.safe_load(file.read_text())
        for job in ("prometheus", "alertmanager"):
            targets = [self.stack.addresses.url(job).removeprefix("http://")]
            content["scrape_configs"].append({"job_name": job, "static_configs": [{"targets": targets}]})
        file.write_text(yaml.safe_dump(content))
        self.session.post(f"{self.stack.addresses.url('prometheus')}/-/reload", timeout=30).raise_for_status()

    def _end(self) -> None:
        pids = [process.pid for process in self.stack.processes if process.death() is None]
        for pid in [*pids, *(one.pid for one in self.started if one.poll() is None)]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGTERM)

    # -- what is broken ------------------------------------------------------------------------------------------------

    def flag(self, name: str) -> None:
        """Let that go wrong from now on."""
        (self.wrong / name).touch()

    def run(self, dag_id: str) -> None:
        """Let that go wrong, in a run of the DAG of this name."""
        self.flag(dag_id)
        self.airflow.trigger(dag_id)

    def unflag(self, name: str) -> None:
        (self.wrong / name).unlink(missing_ok=True)

    def kill(self, component: str, number: int = signal.SIGKILL) -> None:
        self.airflow.stop(component, number=number)

    def kill_exporter(self) -> None:
        process = next(one for one in self.stack.processes if one.part.name == "exporter")
        os.kill(process.pid, signal.SIGKILL)

    def start_exporter(self) -> None:
        process = next(one for one in self.stack.processes if one.part.name == "exporter")
        with process.log.open("ab") as log:
            self.started.append(subprocess.Popen([process.script], stdout=log, stderr=log, start_new_session=True))

    def start_database(self) -> None:
        """And the components that ended without it, as whoever supervises them does."""
        self.postgres.up()
        for name, process in tuple(self.airflow.processes.items()):
            if process.ended():
                say(f"{name} had ended without its database")
                self.airflow.stop(name)
                self.airflow.start(name)

    def unpause(self) -> None:
        self.unflag("failing")
        self.airflow.pause("failing", paused=False)

    def pass_shares(self) -> None:
        """Twice as many that succeed: less than one try in twenty is left."""
        self.unflag("shares")
        for _ in range(2):
            self.airflow.trigger("shares")

    # -- what is told --------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Remember what fires, every five seconds."""
        while True:
            with contextlib.suppress(OSError, ValueError, KeyError):
                answer = self.session.get(f"{self.stack.addresses.url('prometheus')}/api/v1/alerts", timeout=5)
                for alert in answer.json()["data"]["alerts"]:
                    if alert["state"] == "firing" and alert["labels"]["severity"] != "info":
                        self.firing.append((time.time(), alert["labels"]["alertname"]))
            time.sleep(5)

    def look(self) -> list[tuple[float, str]]:
        """The messages that have come since the last look."""
        url = f"{self.stack.addresses.url('inbox')}/api/messages"
        answer = self.session.get(url, params={"since": str(self.seen), "platform": "slack"}, timeout=10).json()
        self.seen = answer["last"]
        found = [(one["received_at"], one["payload"]["attachments"][0]["title"]) for one in answer["messages"]]
        for at, title in found:
            say(f"{datetime.fromtimestamp(at, timezone.utc):%H:%M:%S}  {title}")
        self.titles += found
        return found
