"""`windsock logs watch`: what Prometheus is told while lines arrive, and while they do not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request

import pytest
from real.server import free_port
from real.waiting import until

from windsock import catalog

from .conftest import task_file


class Watcher:
    def __init__(self, shipping):
        self.port = free_port()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "windsock", "logs", "watch", "--listen", f"127.0.0.1:{self.port}"),
                *("--config", str(shipping.folder / "windsock.yaml")),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def values(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        return {
            name: float(value)
            for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        }

    def until(self, ask):
        def answer():
            assert self.process.poll() is None, self.process.stdout.read()
            return ask(self.values()) and self.values()

        return until(answer, why=lambda: str(self.values()))

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(60)
        self.process.stdout.close()


@pytest.fixture
def watch():
    watchers = []

    def start(shipping):
        watchers.append(Watcher(shipping))
        return watchers[-1]

    yield start
    for one in watchers:
        one.stop()


def test_what_arrives_is_counted_and_the_canary_is_found(ship, watch, elasticsearch):
    shipping = ship()
    elasticsearch.ask("PUT", f"{shipping.index}-2026.11.22", {"mappings": {"properties": {"event": {"type": "date"}}}})
    shipping.filebeat.up()
    watcher = watch(shipping)
    task_file(shipping.logs, '{"timestamp":"2026-11-23T00:00:00Z","event":"e"}\n' * 5)
    task_file(shipping.logs, '{"timestamp":"2026-11-22T00:00:00Z","event":"e"}\n', task="rejected")
    found = watcher.until(
        lambda now: (
            now['windsock_log_canaries_total{outcome="found"}'] == 1 and now.get("windsock_log_rejected_lines") == 1
        )
    )
    assert found["windsock_log_up"] == 1
    assert 0 < found["windsock_log_canary_latency_seconds"] < 60
    assert found["windsock_log_read_total"] >= 7
    assert found["windsock_log_acknowledged_total"] >= 6
    assert found["windsock_log_queue_limit_lines"] == 8192
    # Each name is one of the catalogue.
    names = {name.partition("{")[0] for name in found if not name.endswith("_created")}
    assert names <= {metric.family for metric in catalog.own()}
    watcher.stop()
    assert watcher.process.returncode == 0


def test_without_filebeat_it_says_so_and_the_canary_gets_older(ship, watch):
    watcher = watch(ship())
    found = watcher.until(lambda now: now.get("windsock_log_canary_latency_seconds", 0) > 3)
    assert found["windsock_log_up"] == 0
    assert "windsock_log_read_total" not in found
    assert found['windsock_log_canaries_total{outcome="found"}'] == 0


def test_a_canary_that_cant_be_written_is_counted(ship, watch):
    shipping = ship()
    shipping.logs.rmdir()
    found = watch(shipping).until(lambda now: now['windsock_log_canaries_total{outcome="unwritten"}'] == 1)
    assert "windsock_log_canary_latency_seconds" not in found
    assert not shipping.logs.exists()


def test_a_wrong_address_is_one_line(tmp_path):
    command = [sys.executable, "-m", "windsock", "logs", "watch", "--listen", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False)
    assert (done.returncode, "expected HOST:PORT" in done.stderr) == (2, True)
