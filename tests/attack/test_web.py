"""Peers that hold places, guess passwords or hide one request in another; files that run out; threads that die."""

from __future__ import annotations

import base64
import contextlib
import resource
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt
import pytest
import requests

from windsock import settings
from windsock.exporter.service import Service
from windsock.exporter.statsd import receiver
from windsock.exporter.web import http as web
from windsock.exporter.web import tls, turns, users

LINE = b"airflow.scheduler_heartbeat:1|c\n"
HEARTBEAT = "airflow_scheduler_heartbeat_total"


@pytest.fixture
def serve():
    """Start exporters, ended with the test; `serve("tcp://127.0.0.1:0", web={…})`."""
    with contextlib.ExitStack() as running:

        def start(*listen: str, **exporter) -> Service:
            chosen = {"statsd": {"listen": listen}, "web": {"listen": "127.0.0.1:0"}} | exporter
            return running.enter_context(Service(settings.Settings.model_validate({"exporter": chosen})))

        yield start


@pytest.fixture
def connect():
    """Connect to a service's `address`, from one of this machine's."""
    with contextlib.ExitStack() as opened:

        def to(address: str, source: str = "127.0.0.1", said: bytes = b"") -> socket.socket:
            port = int(address.rpartition(":")[2])
            sock = opened.enter_context(socket.create_connection(("127.0.0.1", port), 10, (source, 0)))
            sock.sendall(said)
            return sock

        yield to


def until(question, seconds: float = 120):
    """Ask until the answer is true."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, answer
        time.sleep(0.02)
    return answer


def figures(url: str) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in requests.get(url, timeout=20).text.split("\n")]
    return {name: float(value) for name, _, value in lines if name[:1] not in ("", "#")}


def counted(service, name: str, **labels: str) -> float:
    return service.own.counter(name, **labels).value


def beats(service) -> float:
    family = service.store.families.get(HEARTBEAT)
    return family.series[()].value if family is not None else 0


class TestStatsD:
    """Streams of lines, of which there are few places here."""

    @pytest.fixture
    def service(self, serve, monkeypatch):
        monkeypatch.setattr(receiver, "_CONNECTIONS", 40)
        return serve("tcp://127.0.0.1:0")

    def test_those_that_say_nothing_shut_nobody_out(self, service, connect):
        for _ in range(100):
            connect(service.addresses()[0])
        for said, source in enumerate(("127.0.0.1", "127.0.0.2"), 1):

            def tried(said: int = said, source: str = source) -> bool:
                connect(service.addresses()[0], source, LINE)
                return beats(service) >= said

            until(tried, 30)
        assert len(service._receiver._streams) <= 40
        assert counted(service, "windsock_connections_hung_up_total", reason="crowded")

    def test_those_of_one_address_leave_places_to_others(self, service, connect):
        for _ in range(60):
            connect(service.addresses()[0], said=LINE)
        until(lambda: counted(service, "windsock_sample_errors_total", reason="too_many_connections") == 30)
        until(lambda: beats(service) == 30)  # three quarters; who speaks is not hung up
        for _ in range(10):
            connect(service.addresses()[0], "127.0.0.2", LINE)
        until(lambda: beats(service) == 40)

    def test_who_is_silent_for_long_is_taken_for_dead(self, service, connect, monkeypatch):
        silent = connect(service.addresses()[0], said=LINE)
        until(lambda: beats(service) == 1)
        monkeypatch.setattr(receiver, "_IDLE", 0.1)
        assert silent.recv(1) == b""
        assert counted(service, "windsock_connections_hung_up_total", reason="idle") == 1

    def test_an_unfinished_line_holds_no_more_than_the_longest_one(self, service, connect):
        """Of a thousand connections that is 8 MB; it was 64."""
        for _ in range(10):
            connect(service.addresses()[0], said=b"x" * 9000)
        until(lambda: counted(service, "windsock_sample_errors_total", reason="line_too_long") == 10)
        assert [stream.rest for stream in service._receiver._streams.values()] == [b""] * 10


class TestPasswords:
    @pytest.fixture
    def service(self, serve, tmp_path):
        hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(8)).decode()
        self.file = tmp_path / "web.yml"
        self.file.write_text(f"basic_auth_users: {{alice: {hashed}}}\n")
        return serve(web={"listen": "127.0.0.1:0", "config_file": str(self.file)})

    @pytest.fixture
    def guessed(self, service, connect):
        """Sixteen connections that guess, each as fast as it is answered."""
        ended = threading.Event()

        def guess(number: int) -> None:
            sock = connect(service.web.address)
            with contextlib.suppress(OSError):
                while not ended.is_set():
                    sock.sendall(asked(f"wrong{number}"))
                    sock.recv(4096)

        with ThreadPoolExecutor(16) as guessers:
            for number in range(16):
                guessers.submit(guess, number)
            until(lambda: service.web.access.rules.users._turns._waiting)
            yield
            ended.set()

    def test_the_right_one_is_let_in_whoever_guesses(self, service, guessed, monkeypatch):
        url = service.web.url
        assert [requests.get(url, auth=("alice", "right"), timeout=20).status_code for _ in range(12)] == [200] * 12
        checked = []
        real = users.bcrypt.checkpw
        monkeypatch.setattr(users.bcrypt, "checkpw", lambda *given: checked.append(given[0]) or real(*given))
        self.file.write_text(self.file.read_text() + "http_server_config: {headers: {X-Frame-Options: deny}}\n")
        assert requests.get(url, auth=("alice", "right"), timeout=20).headers["X-Frame-Options"] == "deny"
        assert requests.post(url.replace("metrics", "-/reload"), auth=("alice", "right"), timeout=20).ok
        assert requests.get(url, auth=("alice", "right"), timeout=20).ok
        assert b"right" not in checked, "not even where the file was read again"

    def test_who_is_not_let_in_uses_up_no_request_of_those_who_are(self, service):
        url = service.web.url
        self.file.write_text(self.file.read_text() + "rate_limit: {interval: 1h, burst: 2}\n")
        for auth in (None, ("alice", "wrong"), ("bob", "right")) * 2:
            assert requests.get(url, auth=auth, timeout=20).status_code == 401
        found = [requests.get(url, auth=("alice", "right"), timeout=20).status_code for _ in range(3)]
        assert found == [200, 200, 429]

    def test_addresses_take_turns(self):
        order, asked = turns.Turns(), []

        def ask(address: str) -> None:
            with order.turn(address):
                asked.append(address)

        with ThreadPoolExecutor(12) as threads, order.turn("first"):
            for address in [*["many"] * 10, "one"]:
                threads.submit(ask, address)
                until(lambda: True)
            until(lambda: sum(map(len, order._waiting.values())) == 11)
        assert asked.index("one") <= 1

    def test_too_many_of_one_address_are_told_to_come_again(self, service, connect, monkeypatch):
        monkeypatch.setattr(turns, "_MOST_WAITING", 2)
        with service.web.access.rules.users._turns.turn("held"):
            for number in range(2):
                connect(service.web.address, said=asked(f"wrong{number}"))
            until(lambda: [len(lane) for lane in service.web.access.rules.users._turns._waiting.values()] == [2])
            answer = requests.get(service.web.url, auth=("alice", "right"), timeout=60)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")

    def test_who_comes_again_with_the_same_password_has_a_turn(self, service, connect, monkeypatch):
        """More guesses of the same address than can be checked: a scraper repeats itself, and a guesser does not."""
        monkeypatch.setattr(turns, "_MOST_WAITING", 2)
        ended = threading.Event()

        def flood() -> None:
            number = 0
            while not ended.is_set():
                number += 1
                with contextlib.suppress(OSError):
                    connect(service.web.address, said=asked(f"wrong{number}")).close()
                time.sleep(0.002)

        with ThreadPoolExecutor(1) as flooding:
            flooding.submit(flood)
            until(lambda: service.web.access.rules.users._refused)
            try:
                until(lambda: requests.get(service.web.url, auth=("alice", "right"), timeout=60).ok)
            finally:
                ended.set()


def asked(password: str) -> bytes:
    credentials = base64.b64encode(f"alice:{password}".encode()).decode()
    return f"GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {credentials}\r\n\r\n".encode()


def test_one_address_does_not_take_all_places_of_the_web_server(serve, connect):
    service = serve()
    with service.rendering:
        for _ in range(web._CONNECTIONS):
            connect(service.web.address, said=b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: service.web.connections.working() == 48)
        other = connect(service.web.address, "127.0.0.2", b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n")
        assert other.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 0\r\nContent-Length: 44",
        b"Content-Length: 44\r\nContent-Length: 0",
        b"Content-Length: 0, 44",
        b"Content-Length: +44",
        b"Content-Length: 4_4",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 44",
        b"Content-Length : 44",
        b"X: a\r\n Content-Length: 44\r\nno header at all\r\nContent-Length: 44",
    ],
)
def test_no_request_hides_in_another(head, serve, connect):
    hidden = b"GET /-/healthy HTTP/1.1\r\nHost: b\r\nX: yyyyy\r\n\r\n"
    sock = connect(serve().web.address, said=b"GET /nowhere HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n" + hidden)
    answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


class TestThreads:
    """What nobody expects, such as no memory, and what is no Exception."""

    @pytest.mark.parametrize("error", [MemoryError, SystemExit, KeyError])
    @pytest.mark.parametrize("thread", ["receiver", "storage"])
    def test_what_takes_lines_comes_back_and_is_counted(self, thread, error, serve, connect):
        service = serve("tcp://127.0.0.1:0")
        place, name = {"receiver": (service._receiver.storage, "full"), "storage": (service._ingest, "tick")}[thread]
        real, raised = getattr(place, name), []

        def once() -> object:
            if not raised:
                raised.append(1)
                raise error
            return real()

        setattr(place, name, once)
        until(lambda: raised)
        until(lambda: not service.alive())
        assert requests.get(service.web.url.replace("metrics", "-/healthy"), timeout=60).status_code == 503
        connect(service.addresses()[0], said=LINE)
        until(lambda: beats(service) == 1)
        assert figures(service.web.url)[f'windsock_thread_restarts_total{{thread="{thread}"}}'] == 1

    def test_the_web_server_comes_back(self, serve, monkeypatch):
        service = serve()
        raised = []

        def once() -> None:
            if not raised:
                raised.append(1)
                raise SystemExit

        monkeypatch.setattr(service.web, "service_actions", once)
        until(lambda: raised)
        assert figures(service.web.url)['windsock_thread_restarts_total{thread="web"}'] == 1

    def test_a_certificate_that_breaks_the_code_does_not_end_it(self, serve, tmp_path, monkeypatch):
        file = tmp_path / "web.yml"
        file.write_text("")
        service = serve(web={"listen": "127.0.0.1:0", "config_file": str(file)})
        monkeypatch.setattr(tls, "context", lambda *_: 1 / 0)
        file.write_text("rate_limit: {}\n")
        assert requests.get(service.web.url, timeout=60).ok

    def test_a_bug_in_a_reload_does_not_end_it(self, serve):
        service = serve()
        service._reread = lambda: {}[0]
        answer = requests.post(service.web.url.replace("metrics", "-/reload"), timeout=60)
        assert (answer.status_code, "that is a bug" in answer.text) == (400, True)
        assert figures(service.web.url)["windsock_config_reload_success"] == 0


def test_exhausted_files_take_no_core_and_keep_nobody_out_for_good(serve, connect):
    service = serve("tcp://127.0.0.1:0")
    places = [service.addresses()[0], service.web.address]
    for place in places:
        connect(place)
    until(lambda: len(service._receiver._streams) == len(service.web.connections._waiting) == 1)
    time.sleep(1)  # now the one that says nothing may go
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as opened:
        clients = [opened.enter_context(socket.socket()) for _ in range(20)]
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (max(int(one.name) for one in Path("/proc/self/fd").iterdir()) + 1, hard)
        )
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with contextlib.suppress(OSError):
            while True:
                opened.enter_context(socket.socket())
        for number, client in enumerate(clients):
            client.connect(("127.0.0.1", int(places[number % 2].rpartition(":")[2])))
        before = time.process_time()
        time.sleep(1)
        assert time.process_time() - before < 0.3
    connect(places[0], said=LINE)
    until(lambda: beats(service) == 1)
    assert figures(service.web.url)['windsock_connections_hung_up_total{reason="no_files"}'] >= 1
