"""A real Prometheus scrapes the real exporter."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
import requests
from real.server import free_port

from windsock.airflow.versions import NEWEST

LINE = b"airflow.ti_failures,dag_id=d,task_id=t:1|c"
FAILED = 'airflow_ti_failures_total{dag_id="d",task_id="t"}'


@pytest.fixture
def prometheus(tmp_path, eventually):
    """Start a Prometheus that scrapes one address each second; gives a function that asks it."""
    started = []

    def start(target: str):
        binary = shutil.which("prometheus") or pytest.fail("prometheus is not installed: apt-get install prometheus")
        (tmp_path / "prometheus.yml").write_text(
            "scrape_configs:\n  - job_name: windsock\n    scrape_interval: 1s\n    scrape_timeout: 1s\n"
            f"    static_configs: [{{targets: ['{target}'], labels: {{cluster: test}}}}]\n"
        )
        port = free_port()
        started.append(
            subprocess.Popen(
                [
                    binary,
                    f"--config.file={tmp_path}/prometheus.yml",
                    f"--storage.tsdb.path={tmp_path}/data",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=subprocess.DEVNULL,
                stderr=(tmp_path / "prometheus.log").open("w"),
                start_new_session=True,
            )
        )

        def ask(query: str) -> list[dict]:
            answer = requests.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}, timeout=60)
            return answer.json()["data"]["result"]

        eventually(lambda: ask("up == 1"))
        return ask

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def send(service, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, ("127.0.0.1", int(service.addresses()[0].rpartition(":")[2])))


def test_the_first_failure_of_a_dag_is_an_increase_of_1(serve, prometheus, eventually):
    """Prometheus takes the series' 0 as its beginning, so it adds nothing in front; at the end it adds, as it always
    does, what the last scrape interval may have brought: a little more than 1, and less the longer the range.
    """
    service = serve("udp://127.0.0.1:0")
    ask = prometheus(service.web.address)
    send(service, LINE)
    eventually(lambda: [one["value"][1] for one in ask(f"{FAILED} == 1")], 15)
    points = [float(value) for _, value in ask(f"{FAILED}[1m]")[0]["values"]]
    assert points[0] == 0
    assert points[1] == 1

    eventually(lambda: len(ask(f"{FAILED}[1m]")[0]["values"]) >= 6, 15)
    (increase,) = ask(f"increase({FAILED}[1m])")
    assert 1 <= float(increase["value"][1]) <= 1.4
    # A histogram's count begins at 0 too.
    send(service, b"airflow.task.duration,dag_id=d,task_id=t:1500|ms")
    name = 'airflow_task_duration_seconds_count{dag_id="d",task_id="t"}'
    eventually(lambda: [one["value"][1] for one in ask(f"{name} == 1")], 15)
    assert [float(value) for _, value in ask(f"{name}[1m]")[0]["values"]][:2] == [0, 1]


def stored(ask):
    """Airflow's series as Prometheus has them now."""
    return {str(sorted(one["metric"].items())): float(one["value"][1]) for one in ask('{__name__=~"airflow_.+"}')}


def test_a_capture_arrives_whole_and_with_its_kinds(serve, prometheus, captures, scrape, eventually):
    service = serve("udp://127.0.0.1:0")
    ask = prometheus(service.web.address)
    lines = captures[f"airflow-{NEWEST}-influxdb"]
    for start in range(0, len(lines), 500):
        send(service, *lines[start : start + 500])
        time.sleep(0.01)
    eventually(lambda: ask(f"windsock_lines_total == {len(lines)}"), 20)
    shown = scrape(service)
    airflow = [name for name in shown if name.startswith("airflow_")]
    assert len(airflow) > 900
    # A new counter is a 0 at first.
    total = sum(shown[name] for name in airflow)
    eventually(lambda: sum(stored(ask).values()) == pytest.approx(total), 15)
    assert len(stored(ask)) == len(airflow)
    names = {one["metric"]["__name__"] for one in ask('count by (__name__) ({__name__=~"airflow_.+"})')}
    assert len(names) >= 30
    assert float(ask("histogram_quantile(0.5, sum by (le) (airflow_task_duration_seconds_bucket))")[0]["value"][1]) < 5


def test_odd_label_values_reach_prometheus(serve, prometheus, eventually):
    service = serve("udp://127.0.0.1:0")
    ask = prometheus(service.web.address)
    odd = 'a"b\\c é漢 {x}'
    send(service, f"airflow.pool.open_slots,pool_name={odd}:3|g".encode())
    found = eventually(lambda: ask("airflow_pool_open_slots"))
    assert found[0]["metric"]["pool_name"] == odd
    assert found[0]["value"][1] == "3"


def grown(points: list[list]) -> float:
    """What a counter grew by: each step up, and after a reset all that it came to. `increase()` before it adds what may
    have happened outside of its samples.
    """
    values = [float(value) for _, value in points]
    return sum(after - before if after >= before else after for before, after in itertools.pairwise(values))


@pytest.mark.parametrize(("number", "kept"), [(signal.SIGTERM, True), (signal.SIGKILL, False)])
def test_a_restart_loses_and_invents_nothing(number, kept, program, prometheus, eventually, tmp_path):
    """A clean stop keeps the counters; after a kill they begin at 0, which Prometheus understands."""
    state = {"WINDSOCK__EXPORTER__STATE_FILE": str(tmp_path / "state.json")}
    address = f"127.0.0.1:{free_port()}"
    first = program("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", address, environ=state)
    ask = prometheus(address)

    def send_to(running, count: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(count):
                sender.sendto(LINE, ("127.0.0.1", running.port("udp")))

    send_to(first, 100)
    eventually(lambda: ask(f"{FAILED} == 100"), 15)
    send_to(first, 50)
    eventually(lambda: ask(f"{FAILED} == 150"), 15)
    first.end(number)
    assert (tmp_path / "state.json").exists() == kept

    second = program("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", address, environ=state)
    send_to(second, 30)
    eventually(lambda: ask(f"{FAILED} == {180 if kept else 30}"), 15)
    assert grown(ask(f"{FAILED}[5m]")[0]["values"]) == 180
    assert not (tmp_path / "state.json").exists()
