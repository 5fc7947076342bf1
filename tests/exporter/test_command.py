"""`windsock exporter` as a program, and `windsock explain`."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from typing import TYPE_CHECKING

import pytest
import requests
from real import command

if TYPE_CHECKING:
    import subprocess

LINE = b"airflow.scheduler_heartbeat:1|c"


@pytest.fixture
def windsock(tmp_path):
    """Run a command to its end."""

    def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return command.windsock(*arguments, cwd=tmp_path, environ=os.environ, given=given)

    return run


class TestExporter:
    def test_it_says_where_it_listens_and_serves(self, program, read, eventually):
        running = program("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0")
        assert re.fullmatch(
            r"listening on udp://127\.0\.0\.1:\d+; metrics on http://127\.0\.0\.1:\d+/metrics\n", running.greeting
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(LINE, ("127.0.0.1", running.port("udp")))
        eventually(lambda: "airflow_scheduler_heartbeat_total 1\n" in requests.get(running.metrics, timeout=60).text)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_well(self, number, program):
        running = program("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0")
        assert running.end(number) == 0
        assert "Traceback" not in running.log.read_text()

    def test_several_listeners(self, program):
        running = program(
            "--statsd-listen",
            "udp://127.0.0.1:0",
            "--statsd-listen",
            "tcp://127.0.0.1:0",
            "--web-listen",
            "127.0.0.1:0",
        )
        assert running.port("udp")
        assert running.port("tcp")

    def test_a_configuration_file_and_a_variable(self, program, tmp_path):
        (tmp_path / "windsock.yaml").write_text(
            "exporter: {statsd: {listen: 'udp://127.0.0.1:0', prefix: prod}, web: {listen: '127.0.0.1:0'}}\n".replace(
                "'udp://127.0.0.1:0'", "['udp://127.0.0.1:0', 'tcp://127.0.0.1:0']"
            )
        )
        running = program(environ={"WINDSOCK__EXPORTER__STATSD__LISTEN": '["tcp://127.0.0.1:0"]'})
        assert running.port("tcp")
        assert "udp" not in running.greeting

    @pytest.mark.parametrize("kind", ["udp", "web"])
    def test_a_port_in_use_is_one_message_and_exit_code_1(self, kind, windsock):
        type_ = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, type_) as taken:
            taken.bind(("127.0.0.1", 0))
            if kind == "web":
                taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            options = {"udp": ("127.0.0.1:0", f"udp://{address}"), "web": (address, "udp://127.0.0.1:0")}[kind]
            result = windsock("exporter", "--web-listen", options[0], "--statsd-listen", options[1])
        assert result.returncode == 1
        assert re.fullmatch(rf"windsock: can't .+\b{re.escape(address)}: Address already in use.+\n", result.stderr)
        assert result.stdout == ""

    @pytest.mark.parametrize(
        ("option", "value", "message"),
        [
            ("--web-listen", "9102", "windsock: --web-listen: exporter.web.listen: expected HOST:PORT, got '9102'\n"),
            ("--read-buffer", "4GiB", "--read-buffer: exporter.statsd.read_buffer: input should be less than"),
            ("--read-buffer", "much", "--read-buffer: exporter.statsd.read_buffer: expected a size such as 512KiB"),
            ("--statsd-listen", "http://x", "expected udp://HOST:PORT, tcp://HOST:PORT"),
        ],
    )
    def test_a_wrong_option_is_named(self, option, value, message, windsock):
        result = windsock("exporter", option, value)
        assert result.returncode == 2
        assert message in result.stderr
        assert "Traceback" not in result.stderr

    def test_check_config(self, windsock, tmp_path):
        assert windsock("exporter", "--check-config").returncode == 0
        (tmp_path / "windsock.yaml").write_text("exporter: {webb: {}}\n")
        result = windsock("exporter", "--check-config")
        assert result.returncode == 2
        assert result.stderr == "windsock: windsock.yaml:1: exporter.webb: unknown key; did you mean 'web'?\n"

    def test_a_small_buffer_is_a_warning_that_says_what_to_raise(self, program):
        running = program(
            "--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0", "--read-buffer", "2047MiB"
        )
        running.end()
        assert "raise net.core.rmem_max" in running.log.read_text()


class TestExplain:
    def explained(self, windsock, *lines, given="") -> list[dict]:
        result = windsock("explain", "--json", *lines, given=given)
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    def test_what_a_line_becomes(self, windsock):
        (found,) = self.explained(windsock, "airflow.ti.finish,dag_id=d,task_id=t,state=failed:1|c")
        assert found["series"] == 'airflow_ti_finish_total{dag_id="d",state="failed",task_id="t"}'
        assert found["stored"] is True
        assert found["dialect"] == "influxdb"
        assert found["effect"] == "adds 1"

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("airflow.nonsense:1|c", "no metric of the catalogue has this name (nonsense)"),
            ("airflow.scheduler_heartbeat:1|g", "can't be stored (type_conflict)"),
            ("airflow.scheduler_heartbeat:1o|c", "not a StatsD line: bad value"),
            ("nothing", "not a StatsD line: no colon"),
            ("airflow.ti.finish:1|c|#a:b", None),
        ],
    )
    def test_why_a_line_is_not_stored(self, line, reason, windsock):
        (found,) = self.explained(windsock, line)
        assert found.get("reason") == reason
        assert found["stored"] is (reason is None)

    def test_a_correction_is_told(self, windsock):
        (found,) = self.explained(windsock, "airflow.dag_processing.last_duration,bundle_name=b,file_name=f:0.25|ms")
        assert found["effect"] == "observes 0.25 s"
        assert found["corrections"] == ["the value is in seconds although the line says milliseconds"]

    def test_lines_on_standard_input_and_several_samples_in_one(self, windsock):
        found = self.explained(windsock, given="airflow.scheduler_heartbeat:1|c\nairflow.dagbag_size:1|g\n")
        assert [one["sample"] for one in found] == ["airflow.scheduler_heartbeat:1|c", "airflow.dagbag_size:1|g"]
        assert len(self.explained(windsock, "airflow.dagbag_size:1:2:3|g")) == 3

    def test_bytes_that_are_no_text(self, windsock):
        (found,) = self.explained(windsock, "airflow.\udcff:1|c")
        assert found["stored"] is False

    def test_for_people(self, windsock):
        result = windsock("explain", "airflow.pool.open_slots.default_pool:128|g")
        assert result.returncode == 0
        assert 'airflow_pool_open_slots{pool_name="default_pool"}' in result.stdout
        assert "Slots of the pool that are free." in result.stdout
        assert "legacy name" in result.stdout
