"""Senders over real sockets, certificates, and raw HTTP."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import bcrypt
import pytest
import requests
from real.alertmanager import Alertmanager, Messages
from real.certificates import Authority
from real.page import Page

from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from windsock.exporter.service import Service

LINE = "airflow.scheduler_heartbeat:1|c"


@pytest.fixture(scope="session")
def alertmanager() -> Iterator[Alertmanager]:
    messages = Messages()
    server = Alertmanager(Settings(), messages)
    yield server
    server.remove()
    messages.close()


@pytest.fixture
def send() -> Callable[..., None]:
    """Send lines to a listener's address, each as a datagram, or all over one connection."""

    def to(address: str, *lines: str, source: str = "") -> None:
        parts = urlsplit(address)
        kind = socket.SOCK_STREAM if parts.scheme in {"tcp", "unix"} else socket.SOCK_DGRAM
        if parts.scheme in {"unix", "unixgram"}:
            family, place = socket.AF_UNIX, parts.path
        else:
            family = socket.AF_INET6 if ":" in (parts.hostname or "") else socket.AF_INET
            place = (parts.hostname, parts.port)
        with socket.socket(family, kind) as sock:
            if source:
                sock.bind((source, 0))
            sock.connect(place)
            if kind == socket.SOCK_STREAM:
                sock.sendall("".join(f"{line}\n" for line in lines).encode())
            else:
                for line in lines:
                    sock.send(line.encode())

    return to


@pytest.fixture
def peer() -> Iterator[Callable[[], socket.socket]]:
    """Another StatsD server: a UDP socket that somebody reads from."""
    opened = []

    def start() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.append(sock)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        return sock

    yield start
    for sock in opened:
        sock.close()


@pytest.fixture
def talk() -> Callable[..., bytes]:
    """Write bytes to the web server as they are, and read until it hangs up."""

    def say(service: Service, data: bytes, *, timeout: float = 60) -> bytes:
        host, _, port = service.web.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=timeout) as sock:
            sock.sendall(data)
            answer = b""
            while chunk := sock.recv(65536):
                answer += chunk
        return answer

    return say


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="session")
def pair(authority) -> tuple[Path, Path]:
    """A server's certificate and key."""
    return authority.sign("server")


@pytest.fixture
def get(authority):
    """Ask for a path, by the scheme that is in force."""

    def fetch(service, path="/-/healthy", **options):
        url = service.web.url.removesuffix("/metrics") + path
        return requests.get(url, timeout=60, **{"verify": str(authority.certificate), **options})

    return fetch


@pytest.fixture(scope="session")
def hashed() -> Callable[..., str]:
    """Hash a password; cost 4 is the least that bcrypt takes."""
    return lambda password, cost=4: bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


@pytest.fixture
def web_file(tmp_path) -> Callable[[str], str]:
    """Write a web configuration file; returns its path."""

    def write(text: str) -> str:
        file = tmp_path / "web.yml"
        file.write_text(text)
        return str(file)

    return write


@pytest.fixture(scope="session")
def lines() -> SimpleNamespace:
    """A line that is stored, and the series that it adds 1 to."""
    return SimpleNamespace(heartbeat=LINE, series="airflow_scheduler_heartbeat_total")


@pytest.fixture
def look():
    def at(service) -> Page:
        answer = requests.get(f"http://{service.web.address}/", timeout=60)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return Page(answer.text)

    return at


@pytest.fixture
def replay(send, scrape, eventually):
    """Send datagrams and wait until all have been taken in."""

    def to(service, datagrams, count: int) -> None:
        for start in range(0, len(datagrams), 100):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.connect(service.listeners()[0].sock.getsockname())
                for datagram in datagrams[start : start + 100]:
                    sock.send(datagram)
            time.sleep(0.002)
        eventually(lambda: scrape(service)["windsock_lines_total"] >= count)

    return to
