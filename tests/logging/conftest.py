"""Real Filebeat and real Elasticsearch, and what a user of `windsock logs` does with them."""

from __future__ import annotations

import json
import os
import tarfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from real import command
from real.elasticsearch import Elasticsearch, Filebeat
from real.server import free_port
from real.waiting import until
from real.workers import end_with_group

from windsock.parts import ELASTICSEARCH

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

DATA = Path(__file__).resolve().parents[1] / "data" / "logs"


@pytest.fixture(scope="session")
def elasticsearch():
    server = Elasticsearch()
    end_with_group(server.remove)
    yield server
    server.remove()


@pytest.fixture(scope="session")
def elasticsearch_9():
    server = Elasticsearch(ELASTICSEARCH.current)
    end_with_group(server.remove)
    yield server
    server.remove()


class Shipping:
    """windsock.yaml, what `windsock logs` makes of it, and Filebeat with that."""

    def __init__(self, folder: Path, server: Elasticsearch, index: str, logs: dict[str, Any], **rest: Any) -> None:
        self.folder = folder
        self.server = server
        self.index = index
        self.stats = free_port()
        self.logs = folder / "logs"
        self.logs.mkdir()
        values = {
            "folder": str(self.logs),
            "index": index,
            "replicas": 0,
            "lifecycle": False,
            "retention": "36500d",
            "stats": f"127.0.0.1:{self.stats}",
            "elasticsearch": {"urls": [server.url]},
            **logs,
        }
        (folder / "windsock.yaml").write_text(yaml.safe_dump({"logs": values, **rest}))
        self.windsock("install")
        self.windsock("build", "--filebeat-version", "7.17", "--out", str(folder / "built"))
        home = folder / "filebeat"
        home.mkdir()
        self.filebeat = Filebeat(home, (folder / "built" / "filebeat.yml").read_text())

    def windsock(self, *arguments: str) -> str:
        given = (*arguments, "--config", self.folder / "windsock.yaml")
        done = command.windsock("logs", *given, cwd=Path.cwd(), environ=os.environ)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def events(self) -> Counter[str]:
        """What Filebeat counts of its output: acked, duplicates, dropped …; it answers before it has an output."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.stats}/stats", timeout=60) as answer:
            return Counter(json.load(answer)["libbeat"].get("output", {}).get("events", {}))

    def until(self, ask: Callable[[], Any]) -> Any:
        # Filebeat needs a second, and Elasticsearch writes a part of an index for each question.
        return until(ask, why=self.filebeat.log, least=0.3)

    def arrived(self, count: int, pattern: str = "-*") -> list[dict[str, Any]]:
        """The documents, once there are `count` of them, and no more a moment later."""
        self.until(lambda: self.server.count(self.index + pattern) >= count)
        time.sleep(1)
        return self.server.documents(self.index + pattern)


@pytest.fixture
def ship(tmp_path, elasticsearch, request):
    """`ship(server=…, **logs)`: a Shipping of its own; its Filebeat is ended with the test."""
    made: list[Shipping] = []

    def make(server: Elasticsearch | None = None, rest: dict[str, Any] | None = None, **logs: Any) -> Shipping:
        folder = tmp_path / f"ship{len(made)}"
        folder.mkdir()
        index = f"test-{abs(hash((request.node.nodeid, len(made)))):x}"
        made.append(Shipping(folder, server or elasticsearch, index, logs, **(rest or {})))
        return made[-1]

    yield make
    for one in made:
        one.filebeat.stop()


def unpack(version: str, folder: Path) -> None:
    with tarfile.open(DATA / f"airflow-{version}.tar.gz") as packed:
        packed.extractall(folder, filter="data")
    for file in folder.rglob("*.log*"):
        os.utime(file)  # files of some days ago are not looked at


def task_file(logs: Path, text: str | bytes = "", *, dag: str = "orders", attempt: str = "attempt=1.log", **parts: str):
    """Write a task's log file; returns its path."""
    run, task = parts.get("run", "manual__2026-11-22T05:00:00+00:00"), parts.get("task", "load")
    path = logs / f"dag_id={dag}" / f"run_id={run}" / f"task_id={task}" / parts.get("map", "") / attempt
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture(scope="session")
def windsock():
    """`windsock logs …` in a folder; returns the ended process."""

    def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return command.windsock("logs", *arguments, cwd=cwd, environ=os.environ)

    return run
