"""The web server under people who mean no good, or do not know better; and how the program starts and ends."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import threading
import time

import pytest
import requests

from windsock.exporter.service import Service
from windsock.exporter.web import http as web


def connect(service, count: int, stack: contextlib.ExitStack) -> list[socket.socket]:
    host, _, port = service.web.address.rpartition(":")
    return [stack.enter_context(socket.create_connection((host, int(port)), timeout=60)) for _ in range(count)]


def is_open(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return bool(sock.recv(1))
    except BlockingIOError:
        return True
    except OSError:
        return False


class TestManyConnections:
    def test_a_thousand_idle_ones_do_not_keep_a_scraper_out(self, serve, scrape):
        service = serve("udp://127.0.0.1:0")
        before = scrape(service)["process_open_fds"]  # of all tests so far: some leave a connection that hangs
        with contextlib.ExitStack() as stack:
            idle = connect(service, 1000, stack)
            for _ in range(3):
                started = time.monotonic()
                assert scrape(service)["windsock_build_info" + _labels(service)] == 1
                assert time.monotonic() - started < 30, "they are not what it waits for: that takes 90 seconds"
            assert sum(map(is_open, idle)) < 100
            assert scrape(service)["process_open_fds"] - before < 1200

    def test_the_last_ones_stay(self, serve, eventually):
        service = serve()
        with contextlib.ExitStack() as stack:
            first, *_, last = connect(service, 200, stack)
            eventually(lambda: not is_open(first))
            assert is_open(last)

    def test_heads_that_drip_in_do_not_keep_a_scraper_out(self, serve, scrape):
        service = serve()
        with contextlib.ExitStack() as stack:
            for sock in connect(service, 300, stack):
                sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Drip: ")
            assert scrape(service)

    def test_readers_that_do_not_read_do_not_keep_a_scraper_out(self, serve, send, scrape, eventually):
        service = serve("udp://127.0.0.1:0")
        names = [f"airflow.dag_processing.last_duration,file_name=f{n}:1|ms" for n in range(3000)]
        for start in range(0, len(names), 100):
            send(service.addresses()[0], *names[start : start + 100])
            time.sleep(0.002)
        eventually(lambda: scrape(service)["windsock_series"] == 3000)
        with contextlib.ExitStack() as stack:
            greedy = connect(service, 40, stack)
            for sock in greedy:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
            assert scrape(service)
            assert len(service.web.connections._sending) <= 16

    def test_where_all_are_worked_for_the_next_is_told_to_come_again(self, monkeypatch, serve, eventually):
        monkeypatch.setattr(web, "_CONNECTIONS", 3)
        service = serve()
        with contextlib.ExitStack() as stack:
            service.rendering.acquire()
            stack.callback(service.rendering.release)
            for sock in connect(service, 3, stack):
                sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: service.web.connections.working() == 3)
            answer = requests.get(f"http://{service.web.address}/-/healthy", timeout=60)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")

    def test_who_says_nothing_for_long_is_hung_up(self, monkeypatch, serve, eventually):
        monkeypatch.setattr(web, "_PATIENCE", 0.3)
        service = serve()
        with contextlib.ExitStack() as stack:
            silent, dripping = connect(service, 2, stack)

            def gone() -> bool:
                with contextlib.suppress(OSError):
                    dripping.send(b"X")
                return not is_open(silent) and not is_open(dripping)

            eventually(gone)


class TestRequests:
    def test_one_connection_carries_many(self, serve, talk):
        service = serve()
        answer = talk(
            service,
            b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\nHEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
            b"GET /-/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        assert answer.count(b"HTTP/1.1 200 OK") == 3
        assert answer.endswith(b"ok\n")

    @pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/nowhere"])
    def test_head_is_get_without_the_body(self, path, serve):
        service = serve()
        url = f"http://{service.web.address}{path}"
        head, get = requests.head(url, timeout=60), requests.get(url, timeout=60)
        assert (head.status_code, head.text) == (get.status_code, "")
        assert head.headers["Content-Type"] == get.headers["Content-Type"]
        assert abs(int(head.headers["Content-Length"]) - int(get.headers["Content-Length"])) < 2000

    def test_every_answer_says_not_to_guess(self, serve):
        headers = requests.get(f"http://{serve().web.address}/metrics", timeout=60).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Server"] == "windsock"

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
            (b"GET /metrics HTTP/1.1\r\n" + b"X: a\r\n" * 5000 + b"\r\n", 431),
            (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
            (b"GET /metrics HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431),
            (b"GET /metrics HTTP/3.0\r\n\r\n", 505),
            (b"GET /metrics FTP/1.0\r\n\r\n", 400),
            (b"nonsense\r\n\r\n", 400),
            (b"BREW /pot HTTP/1.1\r\n\r\n", 501),
            (b"POST /metrics HTTP/1.1\r\nConnection: close\r\n\r\n", 405),
            (b"POST /-/reload HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 200),
            (b"GET /metrics HTTP/1.0\r\n\r\n", 200),
            (b"GET //metrics HTTP/1.0\r\n\r\n", 200),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        ],
    )
    def test_strange_ones_are_answered_and_done_with(self, request_, status, serve, talk, scrape):
        service = serve()
        with contextlib.suppress(ConnectionResetError):
            answer = talk(service, request_)
            assert re.match(rb"HTTP/1\.[01] (\d+) |<!DOCTYPE", answer)[1] == str(status).encode()
        assert scrape(service)

    @pytest.mark.parametrize("path", ["/", "/metrics"])
    def test_a_bug_is_a_500_and_a_traceback_in_the_log(self, path, serve, scrape, caplog, monkeypatch):
        service = serve()
        with monkeypatch.context() as broken:
            broken.setattr(service, "stores", lambda: 1 / 0)
            answer = requests.get(f"http://{service.web.address}{path}", timeout=60)
        assert (answer.status_code, answer.text) == (500, "that is a bug; the exporter's log shows its traceback\n")
        assert f"{path} can't be answered" in caplog.text
        assert "ZeroDivisionError" in caplog.text
        assert scrape(service)

    def test_what_a_body_holds_is_not_taken_for_a_request(self, serve, talk):
        smuggled = b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"
        for head in (f"Content-Length: {len(smuggled)}", "Transfer-Encoding: chunked"):
            answer = talk(serve(), f"GET /nowhere HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode() + smuggled)
            assert answer.count(b"HTTP/1.1") == 1
            assert b"Connection: close" in answer


class TestHealth:
    def test_both_are_well_while_lines_are_received(self, serve):
        service = serve("udp://127.0.0.1:0")
        for path in ("healthy", "ready"):
            assert requests.get(f"http://{service.web.address}/-/{path}", timeout=60).text == "ok\n"

    def test_a_receiver_that_is_stuck_is_not_healthy(self, serve, eventually):
        service = serve("udp://127.0.0.1:0")
        stuck = service._ingest.tick
        go_on, stopped = threading.Event(), threading.Event()
        service._ingest.tick = lambda: stopped.set() or go_on.wait(120) or stuck()
        assert stopped.wait(120)
        service._receiver.storage.woke -= 10
        answer = requests.get(f"http://{service.web.address}/-/healthy", timeout=60)
        assert (answer.status_code, answer.text) == (503, "nothing is being received any more\n")
        assert "not receiving" in requests.get(f"http://{service.web.address}/", timeout=60).text
        service._ingest.tick = stuck
        go_on.set()


class TestStartAndEnd:
    @pytest.mark.parametrize(
        ("kind", "option", "message"),
        [
            (
                socket.SOCK_DGRAM,
                "--statsd-listen",
                r"can't listen on udp://\S+: Address already in use: another program",
            ),
            (socket.SOCK_STREAM, "--web-listen", r"can't serve metrics on \S+: Address already in use; choose another"),
        ],
    )
    def test_a_port_in_use_is_one_clear_message(self, kind, option, message, program):
        with socket.socket(socket.AF_INET, kind) as taken:
            taken.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                taken.listen()
            place = f"127.0.0.1:{taken.getsockname()[1]}"
            url = f"udp://{place}" if option == "--statsd-listen" else place
            options = {"--statsd-listen": "udp://127.0.0.1:0", "--web-listen": "127.0.0.1:0", option: url}
            running = program(*(word for pair in options.items() for word in pair))
            assert running.process.wait(60) == 1
        said = running.log.read_text()
        assert re.fullmatch(rf"windsock: {message}.*{option}\n", said)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_ends_soon_and_well(self, number, program, send, lines, tmp_path):
        running = program(
            *("--statsd-listen", "udp://127.0.0.1:0", "--statsd-listen", f"unix://{tmp_path}/s"),
            *("--web-listen", "127.0.0.1:0"),
        )
        with contextlib.ExitStack() as stack:
            host, port = re.search(r"http://([\d.]+):(\d+)", running.metrics).groups()
            stack.enter_context(socket.create_connection((host, int(port))))
            stack.enter_context(socket.socket(socket.AF_UNIX)).connect(f"{tmp_path}/s")
            send(f"udp://127.0.0.1:{running.port('udp')}", *[lines.heartbeat] * 100)
            started = time.monotonic()
            assert running.end(number) == 0
            assert time.monotonic() - started < 30
        assert not (tmp_path / "s").exists()
        assert "Traceback" not in running.log.read_text()

    def test_what_waits_in_the_kernel_is_taken_in_at_the_end(self, lines, send, read, tmp_path, eventually):
        listen = ["udp://127.0.0.1:0", f"unix://{tmp_path}/s"]
        with socket.socket(socket.AF_UNIX) as connection, Service(read.configure(statsd={"listen": listen})) as service:
            connection.connect(f"{tmp_path}/s")
            eventually(lambda: len(service._receiver._streams) == 1)
            service._ingest.tick = lambda: time.sleep(1.5)
            eventually(lambda: time.monotonic() - service._receiver.storage.woke > 0.7)
            send(service.addresses()[0], *[lines.heartbeat] * 100)
            connection.sendall(f"{lines.heartbeat}\n{lines.heartbeat}".encode())
        assert service.store.families[lines.series].series[()].value == 102

    def test_what_has_arrived_is_stored_before_the_end(self, tmp_path, program, send, lines, read, eventually):
        state = tmp_path / "state.json"
        (tmp_path / "windsock.yaml").write_text(f"exporter: {{state_file: {state}}}\n")
        arguments = ("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0")
        running = program(*arguments)
        running.process.send_signal(signal.SIGSTOP)
        send(f"udp://127.0.0.1:{running.port('udp')}", *[lines.heartbeat] * 150)
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGCONT)
        assert running.process.wait(60) == 0
        again = program(*arguments)
        assert read.values(requests.get(again.metrics, timeout=60).text)[lines.series] == 150


def _labels(service) -> str:
    text = requests.get(f"http://{service.web.address}/metrics", timeout=60).text
    return re.search(r"^windsock_build_info(\{.*\})", text, re.MULTILINE)[1]
