"""The exporter's HTTP side, as scrapers, probes and people meet it."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import pytest
import requests

from windsock.exceptions import WindsockError

LINE = b"airflow.scheduler_heartbeat:1|c"


@pytest.fixture
def service(serve):
    return serve("udp://127.0.0.1:0")


@pytest.fixture
def feed(service, scrape, eventually):
    """Send datagrams, and wait until they are stored."""

    def send(*datagrams: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in (*datagrams, b"airflow.triggers.succeeded:1|c"):
                sender.sendto(datagram, ("127.0.0.1", int(service.addresses()[0].rpartition(":")[2])))
        eventually(lambda: "airflow_triggers_succeeded_total" in scrape(service))

    return send


class TestProbes:
    @pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
    def test_a_running_exporter_is_healthy_and_ready(self, path, service, read):
        answer = requests.get(read.url(service, path), timeout=60)
        assert (answer.status_code, answer.text) == (200, "ok\n")

    def test_an_exporter_that_receives_nothing_any_more_is_neither(self, service, read):
        service._receiver._stopping.set()
        service._receiver.join()
        for path in ("/-/healthy", "/-/ready"):
            assert requests.get(read.url(service, path), timeout=60).status_code == 503
        assert requests.get(read.url(service), timeout=60).status_code == 200, "what was counted is still shown"


class TestRequests:
    @pytest.mark.parametrize("path", ["/nothing", "/metrics/", "/..//etc/passwd", "/%00", "/-/quit"])
    def test_what_is_not_there(self, path, service, read):
        assert requests.get(read.url(service, path), timeout=60).status_code == 404

    def test_a_query_changes_nothing(self, service, read):
        assert "windsock_build_info" in requests.get(read.url(service, "/metrics?x=1"), timeout=60).text

    @pytest.mark.parametrize("path", ["/metrics", "/", "/-/healthy", "/nothing"])
    def test_head_tells_the_same_without_a_body(self, path, service, read):
        head, get = (requests.request(method, read.url(service, path), timeout=60) for method in ("HEAD", "GET"))
        assert head.status_code == get.status_code
        assert head.headers["Content-Type"] == get.headers["Content-Type"]
        assert abs(int(head.headers["Content-Length"]) - int(get.headers["Content-Length"])) < 100
        assert head.content == b""

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
    def test_other_methods_are_refused(self, method, service, read):
        assert requests.request(method, read.url(service), timeout=60).status_code in (405, 501)

    def test_gzip_where_it_is_asked_for(self, service, read):
        plain = requests.get(read.url(service), headers={"Accept-Encoding": "identity"}, timeout=60)
        assert "Content-Encoding" not in plain.headers
        packed = requests.get(read.url(service), headers={"Accept-Encoding": "gzip"}, timeout=60, stream=True)
        assert packed.headers["Content-Encoding"] == "gzip"
        raw = packed.raw.read(decode_content=False)
        assert len(raw) < len(plain.content) / 2
        assert set(read.values(gzip.decompress(raw).decode())) >= set(read.values(plain.text))

    def test_a_connection_is_kept(self, service):
        connection = http.client.HTTPConnection(service.web.address, timeout=60)
        connection.connect()
        own = connection.sock.getsockname()
        for _ in range(3):
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            assert (answer.status, answer.version) == (200, 11)
            answer.read()
            assert connection.sock.getsockname() == own
        connection.close()

    @pytest.mark.parametrize(
        "request_",
        [
            b"GET /metrics\r\n\r\n",
            b"nonsense\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"\x00\xff\r\n\r\n",
            b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
            b"",
        ],
        ids=lambda text: repr(text[:20]),
    )
    def test_a_bad_request_does_no_harm(self, request_, service, scrape):
        host, _, port = service.web.address.partition(":")
        # It may be cut off before it has said all.
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=60) as client:
            client.sendall(request_)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65_536):
                pass
        assert scrape(service)

    def test_a_slow_client_keeps_nobody_waiting(self, service, feed, scrape):
        """One asks for metrics and does not read them, one does not finish its question, one says nothing."""
        feed(*[b"airflow.ti.start,dag_id=d%d,task_id=t:1|c" % index for index in range(5000)])
        host, _, port = service.web.address.partition(":")
        slow = [socket.create_connection((host, int(port))) for _ in range(3)]
        slow[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow[0].sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        slow[1].sendall(b"GET /metrics HT")
        time.sleep(0.2)

        started = time.monotonic()
        assert len(scrape(service)) > 5000
        assert time.monotonic() - started < 30
        for one in slow:
            one.close()

    def test_twenty_scrapers_at_once_all_get_an_answer(self, service, feed, scrape):
        feed(*[b"airflow.ti.start,dag_id=d%d,task_id=t:1|c" % index for index in range(2000)])
        with ThreadPoolExecutor(20) as scrapers:
            shown = list(scrapers.map(lambda _: scrape(service), range(40)))
        assert all(sum(name.startswith("airflow_ti_start") for name in one) == 2000 for one in shown)

    def test_the_scrape_itself_is_measured(self, service, scrape):
        started = time.monotonic()
        scrape(service)
        seconds = time.monotonic() - started
        assert 0 < scrape(service)["windsock_scrape_duration_seconds"] < seconds


class TestPage:
    @pytest.fixture
    def page(self, service, read):
        def get() -> str:
            answer = requests.get(read.url(service, "/"), timeout=60)
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            return answer.text

        return get

    def test_what_it_tells(self, page, service, feed):
        feed(*[b"airflow.ti.start,dag_id=d,task_id=t:1|c", b"airflow.odd.thing:1|c"])
        text = page()
        assert service.addresses()[0] in text
        assert "influxdb" in text
        assert "airflow.odd.thing:1|c" in text

    def tags(self, text: str) -> list[tuple[str, dict[str, str | None]]]:
        found: list[tuple[str, dict[str, str | None]]] = []
        parser = HTMLParser()
        parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
        parser.feed(text)
        return found

    def test_an_unmapped_line_can_not_add_to_the_page(self, page, feed):
        feed(
            b"<script>alert(1)</script>:1|c", b'airflow."><img src=x onerror=alert(1)>:1|c', b"airflow.\xe2\x80\xae:1|c"
        )
        assert not {"script", "img", "iframe", "object"} & {tag for tag, _ in self.tags(page())}
        assert "&lt;script&gt;alert(1)&lt;/script&gt;:1|c" in page()

    def test_it_needs_no_javascript_and_nothing_from_elsewhere(self, page):
        for tag, attributes in self.tags(page()):
            assert tag != "script"
            assert not any(name.startswith("on") for name in attributes)
            for name in ("src", "href", "action"):
                assert not (attributes.get(name) or "").startswith(("http", "//"))


class TestAddress:
    def test_ipv6(self, serve, read):
        service = serve(web={"listen": "[::1]:0"})
        assert service.web.address.startswith("[::1]:")
        assert requests.get(read.url(service), timeout=60).ok

    def test_a_port_that_is_taken(self, service, serve):
        with pytest.raises(WindsockError) as caught:
            serve(web={"listen": service.web.address})
        assert str(caught.value) == (
            f"can't serve metrics on {service.web.address}: Address already in use; choose another with --web-listen"
        )
