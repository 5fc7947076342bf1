"""A part: what it is started with, when it is ready, and what is said when it dies."""

import http.server
import signal
import sys
import threading

import pytest
import requests
from real.waiting import until

from windsock.demo.stack import stack
from windsock.demo.stack.airflow import is_healthy
from windsock.demo.stack.process import Part, Process
from windsock.exceptions import StackError


@pytest.fixture
def run(folder):
    started = []

    def begin(*command, name="part", url="http://127.0.0.1:1/", **rest):
        part = Part(name, command, rest.pop("environment", {"PATH": "/usr/bin:/bin"}), url, **rest)
        started.append(Process(part, folder))
        return started[-1]

    yield begin
    for process in started:
        process._popen.kill()
        process._popen.wait()


def ended(process):
    return until(process.death)


def test_a_part_sees_its_own_environment_and_nothing_of_the_user_s(run, monkeypatch):
    monkeypatch.setenv("WINDSOCK__CLUSTER", "prod")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org")
    process = run("env", environment={"PATH": "/usr/bin:/bin", "QUOTED": 'it\'s $HOME; "so"'})
    assert ended(process) == "exit code 0"
    lines = set(process.log.read_text().splitlines())
    assert 'QUOTED=it\'s $HOME; "so"' in lines
    assert {line.split("=")[0] for line in lines} - {"PWD", "_", "SHLVL"} == {"PATH", "QUOTED"}


def test_arguments_of_the_start_are_not_part_of_the_script(run, folder):
    process = run("echo", "always", arguments=("at start",))
    ended(process)
    assert process.log.read_text() == "always at start\n"
    assert "at start" not in process.script.read_text()
    assert process.script == folder.scripts / "part"
    assert process.script.stat().st_mode & 0o777 == 0o700


def test_its_own_session_keeps_the_terminal_s_ctrl_c_away(run):
    process = run(sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid(), os.getcwd())")
    ended(process)
    assert process.log.read_text().startswith("True ")
    assert process.log.read_text().strip().endswith("/run/tmp")


def test_how_it_ended_is_said_with_the_end_of_its_log(run):
    process = run("sh", "-c", "seq 100; exit 3")
    assert ended(process) == "exit code 3"
    assert process.tail().splitlines()[0] == f"the end of {process.log}:"
    assert process.tail().splitlines()[1:] == [f"  {number}" for number in range(89, 101)]


def test_a_killed_one_names_the_signal(run):
    process = run("sleep", "60")
    assert process.death() is None
    process._popen.send_signal(signal.SIGKILL)
    assert ended(process) == "killed by SIGKILL"


def test_a_part_that_dies_or_never_answers_ends_the_start(run):
    with requests.Session() as session:
        dies = run("sh", "-c", "echo no such option; exit 1", name="exporter")
        ended(dies)
        with pytest.raises(StackError, match=r"exporter ended while it started \(exit code 1\).*\n  no such option"):
            stack._wait((dies,), session, print)
        hangs = run("sleep", "60", name="inbox", patience=0.3)
        with pytest.raises(StackError, match=r"inbox was not ready after 0\.3 s; the end of .*inbox\.log"):
            stack._wait((hangs,), session, print)


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
def test_it_is_ready_when_its_health_endpoint_says_so(run, status, ready):
    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Health) as server, requests.Session() as session:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        process = run("sleep", "60", url=f"http://127.0.0.1:{server.server_port}/")
        assert process.is_ready(session) is ready
        server.shutdown()


def test_airflow_is_ready_when_all_that_the_demo_needs_is_healthy():
    class Answer:
        ok = True

        def __init__(self, **states):
            self.states = states

        def json(self):
            return {name: {"status": state} for name, state in self.states.items()}

    states = dict.fromkeys(("metadatabase", "scheduler", "dag_processor", "triggerer"), "healthy")
    assert is_healthy(Answer(**states))
    assert not is_healthy(Answer(**{**states, "dag_processor": None}))
    assert not is_healthy(Answer(**{**states, "scheduler": "unhealthy"}))
