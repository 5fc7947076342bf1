"""sd_notify and socket activation, with real sockets and a real process."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from windsock.exceptions import WindsockError
from windsock.exporter import systemd

UNITS = Path(__file__).parents[3] / "deploy" / "systemd"

# What systemd does: the sockets from number 3 on, their count, their names, and whom they are for.
_LAUNCH = """
import os, sys
numbers, names, command = sys.argv[1].split(","), sys.argv[2], sys.argv[3:]
kept = [os.dup(int(number)) for number in numbers]
for place, number in enumerate(kept, 3):
    os.dup2(number, place)
    os.set_inheritable(place, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("\0" + address[1:] if address.startswith("@") else address)
        self.sock.settimeout(120)

    def hear(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.sock.recv(4096).decode().split("\n"))

    def until(self, field: str) -> list[dict[str, str]]:
        """Everything up to the first message with `field`."""
        heard = [self.hear()]
        while field not in heard[-1]:
            heard.append(self.hear())
        return heard


@pytest.fixture(params=["file", "abstract"])
def manager(request, tmp_path):
    address = str(tmp_path / "notify") if request.param == "file" else f"@windsock-test-{os.getpid()}"
    found = Manager(address)
    yield found
    found.sock.close()


def arguments() -> tuple[str, ...]:
    return ("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0")


def test_the_life_of_a_service_is_told(manager, program):
    running = program(*arguments(), environ={"NOTIFY_SOCKET": manager.address})
    ready = manager.hear()
    assert ready["READY"] == "1"
    assert re.fullmatch(r"listening on udp://127\.0\.0\.1:\d+: nothing received yet, 0 series", ready["STATUS"])

    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    os.kill(running.process.pid, signal.SIGHUP)
    reloading, *_, ready = manager.until("READY")
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert ready == {"READY": "1"}

    assert running.end() == 0
    assert manager.until("STOPPING")[-1] == {"STOPPING": "1"}


def test_a_failed_reload_is_over_too(manager, program, tmp_path):
    (tmp_path / "windsock.yaml").write_text("cluster: a\n")
    running = program(*arguments(), environ={"NOTIFY_SOCKET": manager.address})
    manager.until("READY")
    (tmp_path / "windsock.yaml").write_text("cluster: [\n")
    os.kill(running.process.pid, signal.SIGHUP)
    assert "RELOADING" in manager.until("READY")[0]
    assert running.process.poll() is None


def test_the_watchdog_is_fed_in_time(manager, program):
    running = program(*arguments(), environ={"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "400000"})
    manager.until("READY")
    heard = []
    for _ in range(9):
        assert "WATCHDOG" in manager.until("WATCHDOG")[-1]
        heard.append(time.monotonic())
    # A busy machine keeps some of them back: one that came in time shows how often it means to.
    assert min(later - earlier for earlier, later in itertools.pairwise(heard)) < 0.3
    running.end()


def test_another_process_watchdog_is_none_of_ours(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert systemd.watchdog_seconds() == 0.4
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_seconds() is None


@pytest.mark.parametrize("address", ["/nobody/listens/here", "@nobody-listens-here", "vsock:2:1234", ""])
def test_nobody_needs_to_listen(address, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.notify("READY=1")


@pytest.fixture
def activate(tmp_path):
    """Start the exporter with inherited sockets, as systemd does; returns the process and its first line."""
    with contextlib.ExitStack() as cleanup:

        def start(sockets: dict[str, socket.socket], *more: str) -> tuple[subprocess.Popen[str], str]:
            for sock in sockets.values():
                cleanup.enter_context(sock)
            numbers = [sock.fileno() for sock in sockets.values()]
            process = subprocess.Popen(
                [
                    *(sys.executable, "-c", _LAUNCH, ",".join(map(str, numbers)), ":".join(sockets)),
                    *(sys.executable, "-m", "windsock", "exporter", *more),
                ],
                pass_fds=numbers,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=tmp_path,
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if not name.startswith("WINDSOCK")},
            )
            cleanup.callback(process.stdout.close)
            cleanup.callback(lambda: process.poll() is None and (os.killpg(process.pid, 9), process.wait()))
            return process, process.stdout.readline()

        yield start


def bound(family: int, kind: int, address, *, listening: bool = False) -> socket.socket:
    sock = socket.socket(family, kind)
    sock.bind(address)
    if listening:
        sock.listen()
    return sock


def udp(host: str = "127.0.0.1") -> socket.socket:
    return bound(socket.AF_INET, socket.SOCK_DGRAM, (host, 0))


def tcp(host: str = "127.0.0.1") -> socket.socket:
    return bound(socket.AF_INET, socket.SOCK_STREAM, (host, 0), listening=True)


class TestActivation:
    def test_inherited_sockets_take_the_place_of_configured_ones(self, activate, read, send, lines, eventually):
        statsd, web = udp(), tcp()
        process, greeting = activate({"windsock-exporter.socket": statsd, "web": web})
        place, page = statsd.getsockname()[1], web.getsockname()[1]
        assert greeting == f"listening on udp://127.0.0.1:{place}; metrics on http://127.0.0.1:{page}/metrics\n"
        send(f"udp://127.0.0.1:{place}", lines.heartbeat)

        def value() -> float | None:
            return read.values(requests.get(f"http://127.0.0.1:{page}/metrics", timeout=60).text).get(lines.series)

        eventually(lambda: value() == 1)
        process.terminate()
        assert process.wait(60) == 0

    def test_what_arrives_while_nobody_runs_is_not_lost(self, activate, read, send, lines, eventually):
        statsd, web = udp(), tcp()
        send(f"udp://127.0.0.1:{statsd.getsockname()[1]}", *[lines.heartbeat] * 20)
        activate({"statsd": statsd, "web": web})
        url = f"http://127.0.0.1:{web.getsockname()[1]}/metrics"
        eventually(lambda: read.values(requests.get(url, timeout=60).text).get(lines.series) == 20)

    def test_a_kind_without_a_socket_is_opened_as_configured(self, activate, tmp_path):
        unix = bound(socket.AF_UNIX, socket.SOCK_DGRAM, str(tmp_path / "given"))
        process, greeting = activate(
            {"s": unix},
            *("--statsd-listen", "udp://127.0.0.1:0", "--statsd-listen", f"unixgram://{tmp_path}/own"),
            *("--web-listen", "127.0.0.1:0"),
        )
        assert re.match(rf"listening on unixgram://{tmp_path}/given, udp://127\.0\.0\.1:\d+; metrics on", greeting)
        assert not (tmp_path / "own").exists()
        process.terminate()
        assert process.wait(60) == 0
        assert (tmp_path / "given").exists(), "the file is systemd's"

    def test_the_web_socket_is_known_by_its_port_too(self, activate):
        web, other = tcp(), tcp()
        port = web.getsockname()[1]
        _, greeting = activate({"a": other, "b": web}, *arguments()[:2], "--web-listen", f"0.0.0.0:{port}")
        assert f"tcp://127.0.0.1:{other.getsockname()[1]}" in greeting
        assert greeting.endswith(f"metrics on http://127.0.0.1:{port}/metrics\n")

    def test_a_buffer_that_systemd_granted_is_not_made_smaller(self, activate, read, eventually):
        statsd, web = udp(), tcp()
        statsd.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 150_000)
        activate({"s": statsd, "web": web}, "--read-buffer", "64KiB")
        text = requests.get(f"http://127.0.0.1:{web.getsockname()[1]}/metrics", timeout=60).text
        name = f"udp://127.0.0.1:{statsd.getsockname()[1]}"
        assert f'windsock_read_buffer_bytes{{listener="{name}"}} 150000' in text

    def test_a_connection_is_no_listener(self, activate):
        listening = tcp()
        connected = socket.create_connection(listening.getsockname())
        process, said = activate({"s": connected})
        assert "file descriptor 3 of the service manager is no socket to receive on" in said
        assert "Accept=no" in said
        assert process.wait(60) == 1
        listening.close()

    def test_a_file_is_no_socket(self, monkeypatch, tmp_path):
        monkeypatch.setattr(systemd, "_FIRST", os.open(tmp_path / "file", os.O_CREAT))
        environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
        with pytest.raises(WindsockError, match=r"file descriptor \d+ of the service manager is no socket: "):
            systemd.sockets("127.0.0.1:9102", environ)
        os.close(systemd._FIRST)

    def test_the_web_socket_must_be_tcp(self, activate):
        process, said = activate({"web": udp()})
        assert re.search(r"the socket named web, udp://127\.0\.0\.1:\d+, is not one for TCP", said)
        assert process.wait(60) == 1

    def test_sockets_for_another_process_are_left_alone(self):
        environ = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"}
        assert systemd.sockets("127.0.0.1:9102", environ) == systemd.Sockets()
        assert not environ, "a child must not take them for its own"


class TestUnits:
    """What the repository ships for systemd."""

    @pytest.mark.parametrize("name", ["windsock-exporter.socket", "windsock-exporter-web.socket"])
    def test_sockets_go_with_the_service(self, name):
        assert "Service=windsock-exporter.service" in (UNITS / name).read_text().splitlines()
        service = (UNITS / "windsock-exporter.service").read_text()
        assert name in re.search(r"^Sockets=(.*)$", service, re.MULTILINE)[1].split()

    def test_the_addresses_are_the_default_ones(self, read):
        statsd = (UNITS / "windsock-exporter.socket").read_text()
        web = (UNITS / "windsock-exporter-web.socket").read_text()
        assert "ListenDatagram=127.0.0.1:9125\n" in statsd
        assert "ListenStream=127.0.0.1:9102\nFileDescriptorName=web\n" in web

    def test_systemd_takes_them(self, tmp_path):
        for unit in UNITS.iterdir():
            text = unit.read_text().replace("/opt/windsock/bin/windsock", sys.executable)
            (tmp_path / unit.name).write_text(text)
        units = sorted(map(str, tmp_path.iterdir()))
        try:
            found = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.fail("systemd-analyze is not installed: apt-get install systemd")
        assert (found.returncode, found.stderr) == (0, "")
