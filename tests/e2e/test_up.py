"""What a user meets when something is not as it should be: one clear message, and nothing left running.

Airflow is left out: what is tested here comes before it, or beside it.
"""

import os
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests
from real.command import windsock
from real.server import free_port

from windsock.airflow.versions import NEWEST, NEXT

from .conftest import processes, starting

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def refused(place):
    """The one message of a start that comes to nothing, after which nothing runs."""

    def run(code, *arguments, **environment):
        done = windsock("up", *arguments, cwd=place, environ={**os.environ, **environment})
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert processes(place) == []
        assert done.stderr.startswith("windsock: ")
        assert "windsock: " not in done.stdout + done.stderr.removeprefix("windsock: ")
        return done.stderr.rstrip("\n")

    return run


@pytest.fixture
def config(tmp_path):
    def write(text):
        (tmp_path / "windsock.yaml").write_text(text)
        return str(tmp_path / "windsock.yaml")

    return write


def test_a_misspelt_key(refused, config):
    file = config("cluster: prod\nexporter:\n  web:\n    lisen: 127.0.0.1:9102\n")
    assert (
        refused(2, "--config", file) == f"windsock: {file}:4: exporter.web.lisen: unknown key; did you mean 'listen'?"
    )


def test_a_port_in_use(refused, config):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        file = config(f"exporter:\n  web: {{listen: '{address}'}}\n")
        assert refused(1, "--airflow", "none", "--config", file) == (
            f"windsock: {address} is in use: free it, or change exporter.web.listen ({file}:2)"
        )


@pytest.mark.parametrize("missing", ["prometheus", "prometheus-alertmanager"])
def test_a_missing_program(refused, tmp_path, missing):
    for name in {"prometheus", "prometheus-alertmanager", "apt-get"} - {missing}:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert refused(1, PATH=str(tmp_path)) == f"windsock: {missing} is not installed: apt-get install {missing}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--airflow", "1.10.15"], f"windsock: --airflow 1.10.15: expected none or one of {NEWEST}, {NEXT}"),
        (
            ["--airflow", "none", "--check"],
            "windsock: --check and --prepare are about the demo's Airflow: leave out --airflow none",
        ),
        (["--config", "nowhere.yaml"], "windsock: nowhere.yaml: no such file (from --config)"),
    ],
)
def test_wrong_usage(refused, arguments, message):
    assert refused(2, *arguments) == message


def test_a_folder_of_other_files(refused, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert refused(1, "--home", str(tmp_path)).startswith(f"windsock: {tmp_path} is no folder of `windsock up`")


def test_a_part_that_does_not_start_shows_the_end_of_its_log(refused, tmp_path):
    grafana = tmp_path / "grafana-server"
    grafana.write_text("#!/bin/sh\necho 'database is locked'\nexit 4\n")
    grafana.chmod(0o755)
    message = refused(1, "--airflow", "none", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert message.startswith("windsock: grafana ended while it started (exit code 4); the end of ")
    assert message.endswith("/run/logs/grafana.log:\n  database is locked")


@pytest.fixture(scope="module")
def free(tmp_path_factory):
    """A windsock.yaml whose exporter does not need the default ports, which someone may have."""
    ports = free_port(), free_port(socket.SOCK_DGRAM)
    file = tmp_path_factory.mktemp("free") / "windsock.yaml"
    file.write_text(
        f"exporter:\n  web: {{listen: '127.0.0.1:{ports[0]}'}}\n  statsd: {{listen: ['udp://127.0.0.1:{ports[1]}']}}\n"
    )
    return str(file)


@pytest.fixture(scope="module")
def running(free, tmp_path_factory):
    """One for all who look at it, the last of whom ends it; the other ends are below."""
    with starting(tmp_path_factory.mktemp("another stack")) as begin:
        yield begin("--airflow", "none", "--config", free, WINDSOCK__CLUSTER="prod")


def test_an_own_airflow_is_told_how_to_attach_and_its_metrics_arrive(running):
    running.line("What happens:")
    settings = dict(shlex.split(line)[1].split("=") for line in running.lines if line.startswith("    export "))
    assert settings["AIRFLOW__METRICS__STATSD_ON"] == "True"
    assert settings["WINDSOCK_CONFIG"].endswith("/.windsock/run/windsock.yaml")
    address = settings["AIRFLOW__METRICS__STATSD_HOST"], int(settings["AIRFLOW__METRICS__STATSD_PORT"])
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"airflow.scheduler_heartbeat:1|c", address)
    deadline = time.monotonic() + 120
    while "airflow_scheduler_heartbeat_total" not in requests.get(running.url("Exporter"), timeout=60).text:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_without_grafana_a_preview_stands_in_its_place(running):
    running.line("preview is ready")
    url = running.url("Preview")
    assert requests.get(f"{url}/d/windsock-overview", timeout=60).status_code == 200
    assert requests.get(f"{url}/api/v1/query?query=up", timeout=60).json()["status"] == "success"
    assert requests.get(f"{url}/api/boards", timeout=60).json()["scrape_interval"] == 5
    # Where the dashboard link of a page leads.
    assert f"grafana: {url}" in (running.place / ".windsock/run/windsock.yaml").read_text()


def test_a_part_that_is_killed_is_told_and_can_be_started_again(running):
    running.line("What happens:")
    requests.get(running.url("Exporter"), timeout=60)
    for pid in running.left():
        if "\0exporter\0" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    told = running.line("part died", "exporter: killed by SIGKILL")
    (script,) = shlex.split(told.split("to start it again: ")[1])
    assert running.process.poll() is None
    again = subprocess.Popen([script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        running.line("part is back", "exporter")
        requests.get(running.url("Exporter"), timeout=60)
    finally:
        again.terminate()
        again.wait()


def test_a_service_manager_ends_it(running):
    running.line("What happens:")
    assert running.end(signal.SIGTERM) == 0
    assert running.is_gone(within=0)


def test_grafana_is_started_where_it_is_installed(up, free, tmp_path):
    grafana = tmp_path / "grafana-server"
    grafana.write_text(
        "#!/usr/bin/python3\n"
        "import http.server, os\n"
        "open(os.environ['GF_PATHS_PROVISIONING'] + '/datasources/windsock.yaml').close()\n"
        "os.makedirs(os.environ['GF_PATHS_DATA'] + '/api/health')\n"
        "os.chdir(os.environ['GF_PATHS_DATA'])\n"
        "http.server.test(http.server.SimpleHTTPRequestHandler, port=int(os.environ['GF_SERVER_HTTP_PORT']), "
        "bind=os.environ['GF_SERVER_HTTP_ADDR'])\n"
    )
    grafana.chmod(0o755)
    stack = up("--airflow", "none", "--config", free, PATH=f"{tmp_path}:{os.environ['PATH']}")
    stack.line("grafana is ready")
    assert requests.get(stack.url("Grafana"), timeout=60).status_code == 200
    assert [path.name for path in stack.place.glob(".windsock/run/dashboards/*.json")]
    assert not (stack.place / ".windsock/run/logs/preview.log").exists()
    assert stack.end() == 0
    assert stack.is_gone(within=0)


def test_kill_9_of_either_process_leaves_nothing(up, free):
    stack = up("--airflow", "none", "--config", free)
    stack.line("What happens:")
    assert len(stack.left()) >= 5
    (worker,) = [
        pid
        for pid in stack.left()
        if os.getpgid(pid) == stack.process.pid  # the parts have sessions of their own
    ]
    os.kill(worker, signal.SIGKILL)
    assert stack.wait(120) == 1
    assert stack.lines[-1] == "windsock: the stack was ended by SIGKILL"
    assert stack.is_gone(within=0)
