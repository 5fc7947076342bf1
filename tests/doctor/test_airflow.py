"""What the doctor says of Airflow's processes on this host: their own variables, their packages, their age."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from windsock.alerts.health.airflow import examine
from windsock.settings import Settings

ON = {
    "AIRFLOW__METRICS__STATSD_ON": "True",
    "AIRFLOW__METRICS__STATSD_PORT": "9125",
}
ATTACH = {"attach": [{"on": ["failure"]}]}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An Airflow's folder, and an environment with its program, which does nothing, and StatsD's package."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    for folder in ("bin", "lib/python3.11/site-packages/statsd"):
        (tmp_path / "env" / folder).mkdir(parents=True)
    (tmp_path / "env/bin/airflow").write_text("print(flush=True)\ninput()\n")
    (tmp_path / "airflow.cfg").write_text("[metrics]\nstatsd_on = False\n")
    os.utime(tmp_path / "airflow.cfg", (0, time.time() - 3600))
    return tmp_path


@pytest.fixture
def start(home):
    running = []

    def run(component, executable=None, **variables):
        program = str(home / "env/bin/airflow")
        words = [sys.executable, program, component]
        command = [" ".join(words), "-c", f"exec(open({program!r}).read())"] if executable else words
        process = subprocess.Popen(
            command, executable=executable, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        running.append(process)
        assert process.stdout.readline() == b"\n"
        return process

    yield run
    for process in running:
        if process.poll() is None:
            process.communicate(b"\n", timeout=180)


def found(**sections):
    return {one.check: one for one in examine(Settings.model_validate(sections)) if one.grade != "unseen"}


def test_what_a_process_was_given_goes_before_the_file_and_the_shell(home, start):
    assert set(found()) == {"airflow.statsd_off"}
    process = start("scheduler", AIRFLOW_HOME=str(home), **ON)
    assert found() == {}
    start("celery", AIRFLOW_HOME="/another")
    assert found() == {}
    for one in examine(Settings.model_validate({"exporter": {"statsd": {"prefix": "prod"}}})):
        assert one.check == "airflow.statsd_prefix"
        assert f"; scheduler, process {process.pid})" in one.looked_at


def test_a_file_that_was_changed_after_the_start(home, start):
    process = start("scheduler", AIRFLOW_HOME=str(home), **ON)
    # Airflow writes the file itself at its first start.
    os.utime(home / "airflow.cfg", (0, time.time() + 30))
    assert found() == {}
    os.utime(home / "airflow.cfg", (0, time.time() + 600))
    one = found()["airflow.restart"]
    assert one.grade == "warning"
    assert one.found.endswith(f"go on with what it said: scheduler (process {process.pid}).")


def test_a_scheduler_that_hides_its_variables_behind_its_title(home, start):
    """As that of Airflow 2 does; the web server shows its own, which may be others."""
    start("webserver", AIRFLOW_HOME=str(home))
    start("scheduler", sys.executable)
    os.utime(home / "airflow.cfg", (0, time.time() + 600))
    said = found()
    assert set(said) == {"airflow.restart"}
    assert "scheduler (process" in said["airflow.restart"].found
    perhaps = {one.check: one for one in examine(Settings()) if one.grade == "unseen"}
    assert perhaps["airflow.statsd_off"].found.startswith("Unless its own variables say otherwise: Airflow sends no")
    assert "; scheduler hides its variables)" in perhaps["airflow.statsd_off"].looked_at


def test_packages_that_are_not_there(home, start):
    start("triggerer", AIRFLOW_HOME=str(home), **ON)
    (home / "env/lib/python3.11/site-packages/statsd").rmdir()
    said = found(callbacks=ATTACH)
    assert set(said) == {"airflow.statsd_package", "airflow.windsock_package", "airflow.windsock_config"}
    assert said["airflow.statsd_package"].found == (
        "[metrics] statsd_on is set, and the package statsd is not installed where triggerer runs."
    )


def test_callbacks_that_are_attached_in_a_file_that_airflow_does_not_read(home, start):
    (home / "env/lib/python3.11/site-packages/windsock-0.1.0.dist-info").mkdir()
    process = start("scheduler", AIRFLOW_HOME=str(home), **ON)
    assert set(found(callbacks=ATTACH)) == {"airflow.windsock_config"}
    process.communicate(b"\n", timeout=180)
    start("scheduler", AIRFLOW_HOME=str(home), WINDSOCK_CONFIG="/srv/windsock.yaml", **ON)
    assert found(callbacks=ATTACH) == {}


def test_one_process_that_was_given_something_else(home, start):
    start("scheduler", AIRFLOW_HOME=str(home), **ON)
    start("dag-processor", AIRFLOW_HOME=str(home), **ON)
    process = start("triggerer", AIRFLOW_HOME=str(home), **{**ON, "AIRFLOW__METRICS__STATSD_PORT": "8125"})
    (one,) = examine(Settings())
    assert (one.check, one.grade) == ("airflow.statsd_port", "critical")
    assert f"; triggerer, process {process.pid})" in one.looked_at


def test_another_windsock_than_this_one(home, start):
    (home / "env/lib/python3.11/site-packages/windsock-0.0.9.dist-info").mkdir()
    start("scheduler", AIRFLOW_HOME=str(home), **ON)
    one = found()["airflow.windsock_version"]
    assert (one.grade, one.found[:58]) == ("warning", "Where scheduler runs, windsock 0.0.9 is installed, and thi")


@pytest.mark.parametrize(("key", "package"), [("STATSD_DATADOG_ENABLED", "datadog"), ("OTEL_ON", "opentelemetry")])
def test_a_client_that_is_not_installed(key, package, home, start):
    start("scheduler", AIRFLOW_HOME=str(home), **ON, **{f"AIRFLOW__METRICS__{key}": "True"})
    assert set(found()) == {f"airflow.{package}_package"}
    (home / f"env/lib/python3.11/site-packages/{package}").mkdir()
    assert found() == {}


OTLP = {"exporter": {"otlp": {"listen": "127.0.0.1:4318"}}}
ANYBODY = {"exporter": {"statsd": {"listen": ["udp://0.0.0.0:9125"]}}}
FILE = "[metrics]\nstatsd_on = True\nstatsd_port = 9125\n"


@pytest.mark.parametrize(
    ("check", "lines", "sections"),
    [
        ("airflow.statsd_off", "[metrics]\nstatsd_on = False\n", {}),
        ("airflow.statsd_off", "[core]\n", {}),
        ("airflow.statsd_off", "[metrics]\notel_on = True\notel_port = 4318\n", {}),
        (None, "[metrics]\notel_on = True\notel_port = 4318\n", OTLP),
        ("airflow.otel_port", "[metrics]\notel_on = True\notel_port = 4319\n", OTLP),
        ("airflow.otel_host", "[metrics]\notel_on = True\notel_port = 4318\notel_host = otel.invalid\n", OTLP),
        ("airflow.statsd_port", "[metrics]\nstatsd_on = True\nstatsd_port = 8125\n", {}),
        ("airflow.statsd_host", f"{FILE}statsd_host = 10.1.2.3\n", {}),
        (None, f"{FILE}statsd_host = 10.1.2.3\n", ANYBODY),
        ("airflow.statsd_host", f"{FILE}statsd_host = exporter.invalid\n", ANYBODY),
        ("airflow.statsd_prefix", f"{FILE}statsd_prefix = prod\n", {}),
        ("airflow.allow_list", f"{FILE}metrics_allow_list = executor,pool\n", {}),
        ("airflow.block_list", f"{FILE}metrics_block_list = scheduler,ti\n", {}),
        (None, f"{FILE}metrics_block_list = pool\n", {}),
    ],
)
def test_airflows_own_settings(check, lines, sections, home, monkeypatch):
    resolve = socket.getaddrinfo

    def without_a_network(host, *rest):
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", without_a_network)
    (home / "airflow.cfg").write_text(lines)
    assert set(found(**sections)) == ({check} if check else set())
