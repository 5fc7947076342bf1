"""A real Elasticsearch and a real Filebeat, from what package registries serve.

`PYTHONPATH=tests python -m real.elasticsearch` fetches the current Elasticsearch, so that no test waits for it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

from windsock.demo.stack import shipping
from windsock.parts import ELASTICSEARCH

from .server import Server, free_port

CACHE = Path(__file__).resolve().parents[2] / ".windsock"


class Elasticsearch(Server):
    """One node with its own data; `kill()` and `up()` as often as a test wants."""

    patience = 240.0  # 15 s on an idle machine

    def __init__(self, version: str = shipping.ELASTICSEARCH) -> None:
        super().__init__("nobody")
        self.version = version
        self.home = shipping.elasticsearch(CACHE, print, version)
        self.url = f"http://127.0.0.1:{self.port}"
        state = self.folder / "state"
        state.mkdir()
        self.become = shipping.configure(self.home, state, f"127.0.0.1:{self.port}")
        self.folder.chmod(0o755)
        try:
            self.up()
        except BaseException:
            self.remove()
            raise

    def command(self, *arguments: str) -> list[str]:
        return list(arguments)

    def up(self) -> None:
        variables = shipping.environment(self.folder / "state", self.version)
        self.start("env", *(f"{key}={value}" for key, value in variables.items()), *self.become)
        end = time.monotonic() + self.patience
        while self.ask("GET", "_cluster/health?wait_for_status=yellow&timeout=5s").get("status") not in {
            "yellow",
            "green",
        }:
            assert time.monotonic() < end, "the cluster does not get ready"
            time.sleep(0.2)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON, that of an error too; {} where it does not answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)
        except OSError:
            return {}

    def documents(self, index: str) -> list[dict[str, Any]]:
        """All hits of an index pattern, by shard order; each with `_id`, `_index` and `_source`."""
        self.ask("POST", f"{index}/_refresh")
        found: list[dict[str, Any]] = []
        page = self.ask("POST", f"{index}/_search?scroll=1m", {"size": 5000, "sort": ["_doc"]})
        while page["hits"]["hits"]:
            found += page["hits"]["hits"]
            page = self.ask("POST", "_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})
        self.ask("DELETE", "_search/scroll", {"scroll_id": page["_scroll_id"]})
        return found

    def delete(self, indices: str) -> None:
        """Delete all indices of a pattern."""
        allowed = {"persistent": {"action.destructive_requires_name": False}}
        assert self.ask("PUT", "_cluster/settings", allowed)["acknowledged"]
        assert self.ask("DELETE", indices)["acknowledged"]

    def count(self, index: str, query: str = "*") -> int:
        """How many documents of an index pattern match a query in Lucene's syntax."""
        self.ask("POST", f"{index}/_refresh")
        return self.ask("GET", f"{index}/_count?q={quote(query)}").get("count", 0)


class Filebeat:
    """Runs with a filebeat.yml, and keeps its registry over `kill()` and `up()`."""

    def __init__(self, folder: Path, configuration: str) -> None:
        self.program = shipping.filebeat(CACHE, print)
        self.folder = folder
        self.stats = free_port()
        file = folder / "filebeat.yml"
        file.write_text(configuration)
        file.chmod(0o600)
        self.process: subprocess.Popen[bytes] | None = None

    def up(self) -> Filebeat:
        with (self.folder / "filebeat.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "-e", "-c", "filebeat.yml", "--path.home", self.folder, "--path.config", self.folder],
                cwd=self.folder,
                env={**os.environ, "HOME": str(self.folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def log(self) -> str:
        return (self.folder / "filebeat.log").read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
            self.process.wait(30)
            self.process = None

    def kill(self) -> None:
        self.stop(signal.SIGKILL)


if __name__ == "__main__":
    shipping.elasticsearch(CACHE, print, ELASTICSEARCH.current)
