"""`exporter.statsd.relay`: everything goes to another StatsD server too."""

from __future__ import annotations

import socket
import threading
import time
from types import SimpleNamespace

import pytest
from real.server import free_port

from windsock import settings
from windsock.exceptions import SettingsError
from windsock.exporter.statsd import relay as relay_module
from windsock.exporter.statsd import send as send_module


def receive(sock: socket.socket, count: int) -> list[bytes]:
    return [sock.recv(65536) for _ in range(count)]


def url(sock: socket.socket) -> str:
    return f"udp://127.0.0.1:{sock.getsockname()[1]}"


def relayed(figures: dict[str, float]) -> dict[str, float]:
    return {
        outcome: figures[f'windsock_relay_datagrams_total{{outcome="{outcome}"}}']
        for outcome in ("relayed", "dropped", "refused")
    }


@pytest.mark.parametrize("batches", [True, False], ids=["sendmmsg", "send"])
def test_datagrams_arrive_byte_for_byte(batches, monkeypatch, lines, serve, peer, send, scrape, eventually):
    monkeypatch.setattr(relay_module, "BATCH", 16)
    if not batches:
        monkeypatch.setattr(send_module.sys, "platform", "darwin")
    other = peer()
    service = serve("udp://127.0.0.1:0", statsd={"relay": url(other)})
    sent = [lines.heartbeat, "nonsense", "a:1|c\nb:2|g\n", "x" * 9000, "ä:1|c", *(f"n.{i}:1|c" for i in range(100))]
    send(service.addresses()[0], *sent)
    assert receive(other, len(sent)) == [line.encode() for line in sent]
    eventually(lambda: relayed(scrape(service)) == {"relayed": len(sent), "dropped": 0, "refused": 0})
    assert scrape(service)[lines.series] == 1


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_lines_of_a_connection_become_datagrams(kind, lines, tmp_path, serve, peer, send):
    other = peer()
    place = "127.0.0.1:0" if kind == "tcp" else f"{tmp_path}/s"
    service = serve(f"{kind}://{place}", statsd={"relay": url(other)})
    send(service.addresses()[0], lines.heartbeat, "a:1|c")
    assert receive(other, 2) == [lines.heartbeat.encode(), b"a:1|c"]


def test_refused_senders_are_not_passed_on(lines, serve, peer, send):
    other = peer()
    service = serve("udp://127.0.0.1:0", statsd={"relay": url(other), "allow": ["127.0.0.2"]})
    send(service.addresses()[0], "no:1|c", source="127.0.0.1")
    send(service.addresses()[0], lines.heartbeat, source="127.0.0.2")
    assert receive(other, 1) == [lines.heartbeat.encode()]


def test_a_peer_that_is_gone_costs_nothing_and_is_met_again(lines, serve, peer, send, scrape, eventually):
    other = peer()
    address = other.getsockname()
    other.close()
    service = serve("udp://127.0.0.1:0", statsd={"relay": f"udp://127.0.0.1:{address[1]}"})
    for _ in range(5):
        send(service.addresses()[0], *[lines.heartbeat] * 200)
        time.sleep(0.12)
    eventually(lambda: scrape(service)[lines.series] == 1000)
    figures = relayed(scrape(service))
    assert figures["refused"] > 0
    assert figures["relayed"] < 50, "after a refusal it waits for a moment"
    assert service.relay().problem == "nothing listens there"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
        back.bind(address)
        back.settimeout(0.2)
        eventually(lambda: send(service.addresses()[0], lines.heartbeat) or _arrives(back))


def _arrives(sock: socket.socket) -> bool:
    try:
        return bool(sock.recv(100))
    except TimeoutError:
        return False


def test_a_name_that_does_not_resolve_is_said_and_tried_again(
    monkeypatch, lines, serve, peer, send, scrape, eventually, caplog
):
    monkeypatch.setattr(relay_module, "_RETRY_AFTER", 0.1)
    monkeypatch.setattr(relay_module, "_WELL_AFTER", 0.0)
    other = peer()
    known: list[tuple[str, int]] = []

    def look_up(*_, **__):
        if not known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", known[0])]

    monkeypatch.setattr(relay_module, "socket", SimpleNamespace(getaddrinfo=look_up, SOCK_DGRAM=socket.SOCK_DGRAM))
    service = serve("udp://127.0.0.1:0", statsd={"relay": "udp://statsd.invalid:8125"})
    send(service.addresses()[0], lines.heartbeat)
    eventually(lambda: relayed(scrape(service))["dropped"] == 1)
    assert "udp://statsd.invalid:8125: datagrams can't be passed on: Name or service not known" in caplog.text
    known.append(other.getsockname())
    other.settimeout(0.2)
    eventually(lambda: send(service.addresses()[0], lines.heartbeat) or _arrives(other))
    eventually(lambda: not service.relay().problem)


def test_what_waits_has_an_upper_bound(monkeypatch, lines, serve, peer, send, scrape, eventually):
    monkeypatch.setattr(relay_module, "_MOST_WAITING", 10 * len(lines.heartbeat))

    go_on = threading.Event()

    def look_up(*_, **__):
        go_on.wait(120)
        raise OSError("no answer")

    monkeypatch.setattr(relay_module, "socket", SimpleNamespace(getaddrinfo=look_up, SOCK_DGRAM=socket.SOCK_DGRAM))
    service = serve("udp://127.0.0.1:0", statsd={"relay": url(peer())})
    for _ in range(50):
        send(service.addresses()[0], *[lines.heartbeat] * 5)
        time.sleep(0.005)
    eventually(lambda: scrape(service)[lines.series] == 250)
    assert service.relay()._overflowed > 200
    go_on.set()
    eventually(lambda: relayed(scrape(service)) == {"relayed": 0, "dropped": 250, "refused": 0})


def test_the_exporter_never_sends_to_itself(lines, serve, send, scrape, eventually):
    port = free_port(socket.SOCK_DGRAM)
    service = serve(f"udp://0.0.0.0:{port}", statsd={"relay": f"udp://localhost:{port}"})
    send(f"udp://127.0.0.1:{port}", lines.heartbeat)
    eventually(lambda: relayed(scrape(service))["dropped"] == 1)
    assert service.relay().problem == "that is this exporter itself"
    assert scrape(service)[lines.series] == 1


@pytest.mark.parametrize(
    ("statsd", "expected"),
    [
        ("relay: statsd:8125", "expected udp://HOST:PORT"),
        ("relay: tcp://statsd:8125", "expected udp://HOST:PORT"),
        ("relay: udp://statsd:0", "expected udp://HOST:PORT"),
        ("relay: udp://statsd:99999", "expected udp://HOST:PORT"),
        ("relay: udp://127.0.0.1:9125", "would go round for ever"),
    ],
)
def test_what_is_no_relay_is_an_error(statsd, expected, tmp_path):
    file = tmp_path / "windsock.yaml"
    file.write_text(f"exporter:\n  statsd:\n    {statsd}\n")
    with pytest.raises(SettingsError, match=rf"windsock.yaml:3: exporter.statsd.relay.*{expected}"):
        settings.load(file, {})
