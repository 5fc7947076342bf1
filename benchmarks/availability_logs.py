"""Logs while one node of Elasticsearch is gone: is a line lost or doubled, and how long is none found?

    python benchmarks/availability_logs.py [--seconds 60] [--rate 200] [--two] [--only WORD]

Two nodes hold each index once more than once (`logs.replicas: 1`, the default), and a third one only votes; with --two
there is no third. Filebeat knows the first two and ships `rate` lines a second of a task. In turn the node with the
primary, the one with its copy, and the one that votes are killed, or frozen with SIGSTOP, for `seconds`; lines go on
until the cluster is whole again. By fault: whether that node led the cluster, the lines, those lost and doubled, the
longest time in which no new one was found, and seconds from the end of the fault until the cluster was whole. Exits
with 1 where a line was lost or doubled.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from real.elasticsearch import CACHE, Elasticsearch, Filebeat
from real.server import Server, free_port
from real.waiting import until

from windsock.demo.stack import shipping

INDEX = "bench"
PATIENCE = 600.0
NO_HEAP_TO_SPARE = "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1"


class Node(Elasticsearch):
    """One of a cluster, which is there when enough others are up."""

    def __init__(self, name: str, transport: dict[str, int], *, data: bool) -> None:
        Server.__init__(self, "nobody")
        self.name, self.version, self.data = name, shipping.ELASTICSEARCH, data
        self.home = shipping.elasticsearch(CACHE, print, self.version)
        self.url = f"http://127.0.0.1:{self.port}"
        self._state = self.folder / "state"
        self._state.mkdir()
        self.become = shipping.configure(self.home, self._state, f"127.0.0.1:{self.port}")
        self.folder.chmod(0o755)
        file = self._state / "config" / "elasticsearch.yml"
        options = yaml.safe_load(file.read_text())
        del options["discovery.type"]
        options |= {
            "node.name": name,
            "node.roles": ["master", "data"] if data else ["master"],
            "transport.port": transport[name],
            "discovery.seed_hosts": [f"127.0.0.1:{port}" for port in transport.values()],
            "cluster.initial_master_nodes": list(transport),
        }
        file.write_text(yaml.safe_dump(options))

    def up(self) -> None:
        variables = {**shipping.environment(self._state, self.version), "ES_JAVA_OPTS": NO_HEAP_TO_SPARE}
        self.start("env", *(f"{key}={value}" for key, value in variables.items()), *self.become)

    def hit(self, way: str) -> None:
        """`killed`, `frozen`, or as before (anything else)."""
        if way == "killed":
            self.kill()
        elif self.process is None:
            self.up()
        else:
            os.killpg(self.process.pid, signal.SIGSTOP if way == "frozen" else signal.SIGCONT)

    def found(self) -> int:
        """Documents in its own copy: no other node is asked."""
        return int(self.ask("GET", f"{INDEX}-*/_count?preference=_only_local").get("count", 0))


class Lines:
    """Numbered lines of one task, until it is ended."""

    def __init__(self, folder: Path, rate: float) -> None:
        path = folder / "dag_id=bench/run_id=manual/task_id=load/attempt=1.log"
        path.parent.mkdir(parents=True)
        self._file, self._every, self.written = path.open("a"), 1 / rate, 0

    def run(self, done: threading.Event) -> None:
        while not done.wait(self._every):
            now = datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
            line = {"timestamp": now, "level": "info", "event": f"line {self.written}", "n": self.written}
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
            self.written += 1


class Cluster:
    """The nodes, Filebeat, and the lines."""

    def __init__(self, stack: contextlib.ExitStack, names: list[str], rate: float) -> None:
        transport = {name: free_port() for name in names}
        self.nodes = [Node(name, transport, data=name != "three") for name in names]
        for node in self.nodes:
            stack.callback(node.remove)
            stack.callback(node.stop, signal.SIGKILL)
            node.up()
        until(lambda: self.whole(self.nodes[0]), PATIENCE)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="windsock-nodes-")))
        (folder / "logs").mkdir()
        logs = {
            "folder": str(folder / "logs"),
            "index": INDEX,
            "lifecycle": False,  # this build of Elasticsearch has none
            "stats": f"127.0.0.1:{free_port()}",
            "elasticsearch": {"urls": [node.url for node in self.nodes if node.data]},
        }
        (folder / "windsock.yaml").write_text(yaml.safe_dump({"logs": logs}))
        for command in (["install"], ["build", "--filebeat-version", "7.17", "--out", str(folder / "built")]):
            given = [sys.executable, "-m", "windsock", "logs", *command, "--config", str(folder / "windsock.yaml")]
            subprocess.run(given, check=True, stdout=subprocess.DEVNULL)
        self.filebeat = Filebeat(folder / "built", (folder / "built" / "filebeat.yml").read_text())
        stack.callback(self.filebeat.stop)
        self.filebeat.up()
        self.lines = Lines(folder / "logs", rate)

    def whole(self, asked: Node) -> bool:
        health = asked.ask("GET", "_cluster/health?timeout=1s&master_timeout=1s")
        return bool(health.get("status") == "green" and health["number_of_nodes"] == len(self.nodes))

    def node(self, which: str) -> Node:
        """The one that has this part now."""
        if which == "votes":
            return self.nodes[-1]
        shards = self.nodes[0].ask("GET", f"_cat/shards/{INDEX}-*?format=json")
        holder = next(one["node"] for one in shards if (one["prirep"] == "p") == (which == "primary"))
        return next(node for node in self.nodes if node.name == holder)

    def leads(self, node: Node) -> bool:
        return bool(self.nodes[0].ask("GET", "_cat/master?format=json")[0]["node"] == node.name)


def gap(asked: Node, done: threading.Event, longest: list[float]) -> None:
    """The longest time between two looks of which the later one found more."""
    count, since = asked.found(), time.monotonic()
    while not done.wait(0.1):
        now = asked.found()
        if now > count:
            longest[0] = max(longest[0], time.monotonic() - since)
            count, since = now, time.monotonic()


def fault(cluster: Cluster, which: str, way: str, seconds: float) -> list[Any]:
    """A row of the table."""
    done, seen, longest = threading.Event(), threading.Event(), [0.0]
    first, writer = cluster.lines.written, threading.Thread(target=cluster.lines.run, args=(done,), daemon=True)
    writer.start()
    until(lambda: cluster.nodes[0].found() > first, PATIENCE)
    until(lambda: cluster.whole(cluster.nodes[0]), PATIENCE)
    hit = cluster.node(which)
    led = cluster.leads(hit)
    asked = next(node for node in cluster.nodes if node.data and node is not hit)
    looker = threading.Thread(target=gap, args=(asked, seen, longest), daemon=True)
    looker.start()
    hit.hit(way)
    time.sleep(seconds)
    hit.hit("over")
    over = time.monotonic()
    until(lambda: cluster.whole(asked), PATIENCE)
    whole = time.monotonic() - over
    done.set()
    writer.join()
    end = time.monotonic() + 180
    while asked.found() < cluster.lines.written and time.monotonic() < end:  # what is lost is counted below
        time.sleep(0.5)
    seen.set()
    looker.join()
    numbers = [one["_source"]["extra"]["n"] for one in asked.documents(f"{INDEX}-*")]
    lost, doubled = cluster.lines.written - len(set(numbers)), len(numbers) - len(set(numbers))
    sent = cluster.lines.written - first
    return [f"{which} {way}", "yes" if led else "no", sent, lost, doubled, round(longest[0], 1), round(whole, 1)]


COLUMNS = ("node", "led", "lines", "lost", "doubled", "longest without a new line, s", "whole again, s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--two", action="store_true", help="without the third node, which only votes")
    parser.add_argument("--only", default="", help="faults whose name has this word")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bad = False
    with contextlib.ExitStack() as stack:
        cluster = Cluster(stack, ["one", "two"] if options.two else ["one", "two", "three"], options.rate)
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
        parts = ["primary", "copy"] if options.two else ["primary", "copy", "votes"]
        faults = itertools.product(parts, ("killed", "frozen"))
        for which, way in (pair for pair in faults if options.only in " ".join(pair)):
            row = fault(cluster, which, way, options.seconds)
            print(f"| {' | '.join(map(str, row))} |", flush=True)
            bad |= row[3] > 0 or row[4] > 0
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
