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
from real.server import free_port

from windsock.airflow.versions import NEWEST, NEXT

pytestmark = pytest.mark.timeout(1200)


def failure(stack, code):
    """The one message of a start that failed."""
    assert stack.wait(180) == code, stack.text
    assert "Traceback" not in stack.text
    assert stack.is_gone(within=0)
    (first,) = [index for index, line in enumerate(stack.lines) if line.startswith("windsock: ")]
    return "\n".join(stack.lines[first:])


@pytest.fixture
def config(tmp_path):
    def write(text):
        (tmp_path / "windsock.yaml").write_text(text)
        return str(tmp_path / "windsock.yaml")

    return write


def test_a_misspelt_key(up, config):
    file = config("cluster: prod\nexporter:\n  web:\n    lisen: 127.0.0.1:9102\n")
    stack = up("--config", file)
    assert failure(stack, 2) == f"windsock: {file}:4: exporter.web.lisen: unknown key; did you mean 'listen'?"


def test_a_port_in_use(up, config):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        file = config(f"exporter:\n  web: {{listen: '{address}'}}\n")
        stack = up("--airflow", "none", "--config", file)
        assert failure(stack, 1) == (
            f"windsock: {address} is in use: free it, or change exporter.web.listen ({file}:2)"
        )


@pytest.mark.parametrize("missing", ["prometheus", "prometheus-alertmanager"])
def test_a_missing_program(up, tmp_path, missing):
    for name in {"prometheus", "prometheus-alertmanager", "apt-get"} - {missing}:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    stack = up(PATH=str(tmp_path))
    assert failure(stack, 1) == f"windsock: {missing} is not installed: apt-get install {missing}"


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
def test_wrong_usage(up, arguments, message):
    assert failure(up(*arguments), 2) == message


def test_a_folder_of_other_files(up, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    stack = up("--home", str(tmp_path))
    assert failure(stack, 1).startswith(f"windsock: {tmp_path} is no folder of `windsock up`")


def test_a_part_that_does_not_start_shows_the_end_of_its_log(up, config, tmp_path):
    grafana = tmp_path / "grafana-server"
    grafana.write_text("#!/bin/sh\necho 'database is locked'\nexit 4\n")
    grafana.chmod(0o755)
    stack = up("--airflow", "none", PATH=f"{tmp_path}:{os.environ['PATH']}")
    message = failure(stack, 1)
    assert message.startswith("windsock: grafana ended while it started (exit code 4); the end of ")
    assert message.endswith("/run/logs/grafana.log:\n  database is locked")


@pytest.fixture
def free(config):
    """A windsock.yaml whose exporter does not need the default ports, which someone may have."""
    ports = free_port(), free_port(socket.SOCK_DGRAM)
    return config(
        f"exporter:\n  web: {{listen: '127.0.0.1:{ports[0]}'}}\n  statsd: {{listen: ['udp://127.0.0.1:{ports[1]}']}}\n"
    )


def test_an_own_airflow_is_told_how_to_attach_and_its_metrics_arrive(up, free):
    stack = up("--airflow", "none", "--config", free, WINDSOCK__CLUSTER="prod")
    stack.line("What happens:")
    settings = dict(shlex.split(line)[1].split("=") for line in stack.lines if line.startswith("    export "))
    assert settings["AIRFLOW__METRICS__STATSD_ON"] == "True"
    assert settings["WINDSOCK_CONFIG"].endswith("/.windsock/run/windsock.yaml")
    address = settings["AIRFLOW__METRICS__STATSD_HOST"], int(settings["AIRFLOW__METRICS__STATSD_PORT"])
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"airflow.scheduler_heartbeat:1|c", address)
    deadline = time.monotonic() + 120
    while "airflow_scheduler_heartbeat_total" not in requests.get(stack.url("Exporter"), timeout=60).text:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert stack.end(signal.SIGTERM) == 0
    assert stack.is_gone(within=0)


def test_a_part_that_is_killed_is_told_and_can_be_started_again(up, free):
    stack = up("--airflow", "none", "--config", free)
    stack.line("What happens:")
    requests.get(stack.url("Exporter"), timeout=60)
    for pid in stack.left():
        if "\0exporter\0" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    told = stack.line("part died", "exporter: killed by SIGKILL")
    (script,) = shlex.split(told.split("to start it again: ")[1])
    assert stack.process.poll() is None
    again = subprocess.Popen([script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        stack.line("part is back", "exporter")
        requests.get(stack.url("Exporter"), timeout=60)
    finally:
        again.terminate()
        again.wait()
    assert stack.end() == 0


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


def test_without_grafana_a_preview_stands_in_its_place(up, free):
    stack = up("--airflow", "none", "--config", free)
    stack.line("preview is ready")
    url = stack.url("Preview")
    assert requests.get(f"{url}/d/windsock-overview", timeout=60).status_code == 200
    assert requests.get(f"{url}/api/v1/query?query=up", timeout=60).json()["status"] == "success"
    assert requests.get(f"{url}/api/boards", timeout=60).json()["scrape_interval"] == 5
    # Where the dashboard link of a page leads.
    assert f"grafana: {url}" in (stack.place / ".windsock/run/windsock.yaml").read_text()
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
