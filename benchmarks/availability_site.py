"""Hosts on a bridge, what runs on them, and what all of them reach: the site of availability.py."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import requests
import yaml

from windsock.airflow.versions import NEWEST
from windsock.alerts import build
from windsock.demo.inbox import Inbox
from windsock.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real.databases import Postgres  # noqa: E402  the servers that tests run
from real.tables import Database  # noqa: E402
from real.waiting import until  # noqa: E402

NET = "10.77.0."
HERE = f"{NET}1"
INBOX, DATABASE = 8025, 5432
COUNTED = "airflow_scheduler_heartbeat_total"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Host:
    """A namespace with one address, and a cable that can be pulled out."""

    def __init__(self, stack: contextlib.ExitStack, number: int, name: str) -> None:
        self.name, self.address = name, f"{NET}{10 + number}"
        self._space, self._cable = f"windsock-{name}", f"wsk{number}"
        ip("netns", "add", self._space)
        stack.callback(ip, "netns", "delete", self._space)
        ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self._space)
        ip("link", "set", self._cable, "master", "wskbridge", "up")
        for command in (
            ("address", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            ip("-netns", self._space, *command)

    def command(self, *arguments: str) -> list[str]:
        return ["ip", "netns", "exec", self._space, *arguments]

    def hit(self, way: str) -> None:
        ip("link", "set", self._cable, "down" if way == "cut" else "up")


class Part:
    """A program on a host, ready where `url` answers."""

    def __init__(self, stack: contextlib.ExitStack, host: Host, folder: Path, url: str, *command: str) -> None:
        self.host, self.url = host, url
        self._folder, self._command = folder, host.command(*command)
        stack.callback(self.end)
        self.start()

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=self._folder, start_new_session=True, env=_environment()
            )
        until(lambda: requests.get(self.url, timeout=5).ok, why=(self._folder / "log").read_text)

    def hit(self, way: str) -> None:
        """`killed`, `frozen`, or as before (anything else)."""
        if way in ("killed", "frozen"):
            os.killpg(self.process.pid, signal.SIGKILL if way == "killed" else signal.SIGSTOP)
        elif self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGCONT)
        else:
            self.start()

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("WINDSOCK")}


async def _relay(there: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    other_reader, other_writer = await asyncio.open_connection("127.0.0.1", there)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                # The inbox answers to loopback names only.
                target.write(data.replace(f"Host: {HERE}".encode(), b"Host: 127.0.0.1"))
                await target.drain()
        target.close()

    await asyncio.gather(copy(reader, other_writer), copy(other_reader, writer))


def relay(port: int, there: int) -> None:
    """What listens on this machine's own loopback only is on the bridge too."""

    async def serve() -> None:
        server = await asyncio.start_server(lambda *pair: _relay(there, *pair), HERE, port)
        await server.serve_forever()

    threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()


class Site:
    """All of it, running."""

    def __init__(self, stack: contextlib.ExitStack, alertmanager: str, prometheus: str) -> None:
        self._stack = stack
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="windsock-availability-")))
        self.folder.chmod(0o755)
        ip("link", "add", "wskbridge", "type", "bridge")
        stack.callback(ip, "link", "delete", "wskbridge")
        ip("address", "add", f"{HERE}/24", "dev", "wskbridge")
        ip("link", "set", "wskbridge", "up")
        self.hosts = [Host(stack, number, name) for number, name in enumerate(("one", "two", "three"))]
        self.postgres = Postgres()
        stack.callback(self.postgres.remove)
        relay(DATABASE, self.postgres.port)
        self.database = Database(self.postgres, NEWEST)
        self.inbox = stack.enter_context(Inbox(rate_limit=True))
        relay(INBOX, int(self.inbox.url.rpartition(":")[2]))
        (self.folder / "slack_token").write_text("xoxb-for-the-benchmark")
        self.sections: dict[str, Any] = {
            "cluster": "prod",
            "channels": {"slack": {"api_url": f"http://{HERE}:{INBOX}/slack/api", "token": "${SLACK_TOKEN}"}},
            "defaults": {"slack": "#data-alerts"},
            "alertmanager": {
                "urls": [f"http://{host.address}:9093" for host in self.hosts],
                "secrets_dir": str(self.folder),
            },
            "callbacks": {"spool": {"dir": str(self.folder / "spool")}},
        }
        self.settings = Settings.model_validate(self.sections)
        made = build.files(self.settings)
        self.alertmanagers = [self._alertmanager(alertmanager, host, made) for host in self.hosts]
        self.exporters = [self._exporter(host) for host in self.hosts[:2]]
        self.prometheis = [self._prometheus(prometheus, host, made) for host in self.hosts[:2]]
        until(lambda: all(self._peers(part) == len(self.hosts) for part in self.alertmanagers))
        until(lambda: self.leader() is not None)

    def place(self, host: Host, name: str) -> Path:
        made = self.folder / f"{name}-{host.name}"
        made.mkdir()
        return made

    def _alertmanager(self, program: str, host: Host, made: dict[str, str]) -> Part:
        folder = self.place(host, "alertmanager")
        for name, text in made.items():
            (folder / name).write_text(text)
        others = [f"--cluster.peer={other.address}:9094" for other in self.hosts if other is not host]
        return Part(
            self._stack,
            host,
            folder,
            f"http://{host.address}:9093/-/ready",
            program,
            "--config.file=alertmanager.yml",
            "--storage.path=data",
            f"--web.listen-address={host.address}:9093",
            f"--cluster.listen-address={host.address}:9094",
            *others,
        )

    def _exporter(self, host: Host) -> Part:
        folder = self.place(host, "exporter")
        sections = {
            **self.sections,
            "exporter": {
                "statsd": {"listen": [f"udp://{host.address}:9125"]},
                # Two Prometheis scrape it, and each has to see a counter's 0.
                "web": {"listen": f"{host.address}:9102", "birth_hold": "15s"},
                "state_file": str(folder / "state"),
            },
            "metadata": {"url": "${AVAILABILITY_DATABASE}"},
            "reconcile": {"store": str(folder / "reconciler.db")},
        }
        (folder / "windsock.yaml").write_text(yaml.safe_dump(sections))
        url = self.database.url.replace(f"127.0.0.1:{self.postgres.port}", f"{HERE}:{DATABASE}")
        os.environ["AVAILABILITY_DATABASE"] = url
        command = (sys.executable, "-m", "windsock", "exporter", "--config", "windsock.yaml")
        return Part(self._stack, host, folder, f"http://{host.address}:9102/-/ready", *command)

    def _prometheus(self, program: str, host: Host, made: dict[str, str]) -> Part:
        folder = self.place(host, "prometheus")
        (folder / build.RULES).write_text(made[build.RULES])
        targets = [f"{other.address}:9102" for other in self.hosts[:2]]
        told = [f"{other.address}:9093" for other in self.hosts]
        config = {
            "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
            "rule_files": [build.RULES],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": told}]}]},
            "scrape_configs": [
                {"job_name": "windsock", "static_configs": [{"targets": targets, "labels": {"cluster": "prod"}}]}
            ],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        options = (
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address={host.address}:9090",
        )
        return Part(self._stack, host, folder, f"http://{host.address}:9090/-/ready", program, *options)

    def _peers(self, part: Part) -> int:
        status = requests.get(f"http://{part.host.address}:9093/api/v2/status", timeout=5).json()
        return len(status["cluster"]["peers"])

    def leader(self) -> Part | None:
        """The exporter that reads the database."""
        for part in self.exporters:
            with contextlib.suppress(requests.RequestException):
                text = requests.get(f"http://{part.host.address}:9102/metrics", timeout=5).text
                if "\nwindsock_metadata_leader 1" in text:
                    return part
        return None

    def grown(self, since: float) -> list[int]:
        """By Prometheus: what the counter of both exporters has grown by."""
        sums = []
        for part in self.prometheis:
            query = {"query": f"{COUNTED}[{int(time.time() - since)}s]"}
            url = f"http://{part.host.address}:9090/api/v1/query"
            result = requests.get(url, query, timeout=30).json()["data"]["result"]
            sums.append(0)
            for row in result:
                values = [float(value) for _, value in row["values"]]
                pairs = itertools.pairwise(values)
                sums[-1] += int(sum(after - before if after >= before else after for before, after in pairs))
        return sums
