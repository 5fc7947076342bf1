"""OTLP over HTTP: what is answered, to whom, and what a bad client can't do."""

from __future__ import annotations

import gzip
import json
import socket
import time
import zlib
from urllib.parse import urlsplit

import pytest
import requests
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from windsock.exceptions import SettingsError
from windsock.exporter.otlp import intake
from windsock.settings import load

FINISHED = 'airflow_ti_finish_total{dag_id="d",state="success",task_id="t"}'
PROTOBUF, JSON = "application/x-protobuf", "application/json"


@pytest.fixture
def running(serve, exports):
    """An exporter that runs at the time of what `exports` makes."""

    def start(*listen: str, state_file: str | None = None, began: float = 0, **otlp):
        service = serve(*listen, otlp={"listen": "127.0.0.1:0", **otlp}, state_file=state_file)
        service.intake.clock = lambda: exports.now / 1e9 + 60
        service.intake.streams.before = service.intake.streams.until = exports.now + int(began * 1e9)
        return service

    return start


def post(service, body: bytes, content: str = PROTOBUF, path: str = "", **headers: str) -> requests.Response:
    address = service.otlp.url.replace("/v1/metrics", path or "/v1/metrics")
    return requests.post(address, data=body, headers={"Content-Type": content, **headers}, timeout=60)


def shown(service, eventually, scrape, value: float) -> None:
    eventually(lambda: scrape(service).get(FINISHED) == value)


class TestForms:
    def test_protobuf(self, running, exports, scrape, eventually):
        service = running()
        answer = post(service, exports.sum(3, start=1).SerializeToString())
        assert (answer.status_code, answer.headers["Content-Type"], answer.content) == (200, PROTOBUF, b"")
        shown(service, eventually, scrape, 3)

    def test_json(self, running, exports, scrape, eventually):
        service = running()
        body = json_format.MessageToJson(exports.sum(3, start=1)).encode()
        answer = post(service, body, "application/json; charset=utf-8")
        assert (answer.status_code, answer.headers["Content-Type"], answer.json()) == (200, JSON, {})
        shown(service, eventually, scrape, 3)

    def test_json_as_the_protocol_has_it(self, running, exports, scrape, eventually):
        """Numbers of enumerations, 64 bits as a number or as a text, names that nobody knows."""
        point = {
            "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in FACT.items()],
            "startTimeUnixNano": str(exports.now + 1),
            "timeUnixNano": exports.now + 60 * 10**9,
            "asInt": "3",
            "newField": 1,
        }
        metric = {"name": "airflow.ti.finish", "sum": {"aggregationTemporality": 2, "isMonotonic": True}}
        metric["sum"]["dataPoints"] = [point]
        body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
        service = running()
        assert post(service, json.dumps(body).encode(), JSON).status_code == 200
        shown(service, eventually, scrape, 3)

    def test_gzip(self, running, exports, scrape, eventually):
        service = running()
        body = gzip.compress(exports.sum(3, start=1).SerializeToString())
        assert post(service, body, **{"Content-Encoding": "gzip"}).status_code == 200
        shown(service, eventually, scrape, 3)

    def test_many_exports_over_one_connection(self, running, exports):
        service = running()
        with requests.Session() as session:
            for value in range(20):
                body = exports.sum(value, start=1).SerializeToString()
                headers = {"Content-Type": PROTOBUF}
                assert session.post(service.otlp.url, data=body, headers=headers, timeout=60).status_code == 200

    def test_a_part_that_is_refused_is_told(self, running, exports):
        service = running()
        request = exports.sum(-1, start=1)
        request.MergeFrom(exports.sum(1, start=1, tags={"dag_id": "other"}))
        request.MergeFrom(exports.sum(1, start=1, name="airflow.ti.finish.d.t.success"))
        told = ExportMetricsServiceResponse.FromString(post(service, request.SerializeToString()).content)
        assert told.partial_success.rejected_data_points == 1
        assert told.partial_success.error_message == "points that were not stored: 1 negative"


FACT = {"dag_id": "d", "task_id": "t", "state": "success"}


class TestRefused:
    @pytest.mark.parametrize(
        ("status", "body", "given"),
        [
            (400, b"\xff\xff", {}),
            (400, b"{", {"content": JSON}),
            (400, b"[1]", {"content": JSON}),
            (400, b'{"resourceMetrics": 1}', {"content": JSON}),
            (400, b"[" * 5000, {"content": JSON}),
            (400, b"no gzip", {"Content-Encoding": "gzip"}),
            (400, gzip.compress(b"x" * 1000, mtime=0)[:-20], {"Content-Encoding": "gzip"}),
            (415, b"", {"content": "text/plain"}),
            (415, b"", {"content": ""}),
            (415, b"", {"Content-Encoding": "br"}),
            (404, b"", {"path": "/v1/traces"}),
            (413, b"x" * 70_000, {}),
            (413, gzip.compress(b"\0" * 70_000, mtime=0), {"Content-Encoding": "gzip"}),
            (413, b" " * 9000, {"content": JSON}),
        ],
    )
    def test_with_the_status_that_the_protocol_has(self, status, body, given, running, exports):
        service = running(max_body=65536)
        answer = post(service, body, **given)
        assert answer.status_code == status
        assert answer.content
        assert post(service, exports.sum(1).SerializeToString()).status_code == 200
        own = requests.get(service.web.url, timeout=60).text
        assert f'windsock_otlp_requests_total{{status="{status}"}} 1' in own

    def test_an_error_is_a_status_of_the_protocol(self, running):
        service = running()
        assert post(service, b"{", JSON).json()["message"].startswith("not an ExportMetricsServiceRequest")
        assert post(service, b"\xff").content[:3] == b"\x08\x03\x12"

    def test_a_bomb_is_not_unpacked(self, running):
        service = running(max_body=1 << 20)
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(60)), packer.flush()])
        before = time.thread_time()
        assert post(service, bomb, **{"Content-Encoding": "gzip"}).status_code == 413
        assert time.thread_time() - before < 1

    def test_without_a_length(self, running):
        service = running()
        answer = requests.post(service.otlp.url, data=iter([b"x"]), headers={"Content-Type": PROTOBUF}, timeout=60)
        assert answer.status_code == 411

    def test_nothing_else_is_served(self, running):
        service = running()
        assert requests.get(service.otlp.url.replace("/v1/metrics", "/metrics"), timeout=60).status_code == 405

    def test_too_much_at_once_comes_again(self, running, exports, monkeypatch):
        service = running()
        monkeypatch.setattr(intake, "_MOST_WAITING", -1)
        answer = post(service, exports.sum(1).SerializeToString())
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")


class TestClients:
    def test_who_sends_slowly_holds_up_nobody(self, running, exports, scrape, eventually):
        service = running("udp://127.0.0.1:0")
        place = urlsplit(service.otlp.url)
        slow = []
        try:
            for _ in range(60):
                slow.append(socket.create_connection((place.hostname, place.port), timeout=60))
                slow[-1].sendall(b"POST /v1/metrics HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nHost: a\r\n")
                slow[-1].sendall(b"Content-Length: 100\r\n\r\nx")
            assert post(service, exports.sum(3, start=1).SerializeToString()).status_code == 200
            udp = urlsplit(service.addresses()[0])
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"airflow.ti.finish,dag_id=d,task_id=t,state=success:1|c", (udp.hostname, udp.port))
            shown(service, eventually, scrape, 4)
        finally:
            for sock in slow:
                sock.close()

    def test_bodies_that_are_held_have_a_bound(self, running, exports, eventually):
        service = running(max_body=1 << 20)
        place = urlsplit(service.otlp.url)
        slow = []
        try:
            for _ in range(4):
                slow.append(socket.create_connection((place.hostname, place.port), timeout=60))
                slow[-1].sendall(b"POST /v1/metrics HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nHost: a\r\n")
                slow[-1].sendall(b"Content-Length: 1048576\r\n\r\nx")
            eventually(lambda: service.otlp.held._left == 0)
            assert post(service, exports.sum(3).SerializeToString()).status_code == 429
        finally:
            for sock in slow:
                sock.close()
        eventually(lambda: service.otlp.held._left == 4 << 20)

    def test_only_networks_that_are_allowed(self, running, exports, scrape):
        service = running(allow=["10.0.0.0/8"])
        with pytest.raises(requests.ConnectionError):
            post(service, exports.sum(1).SerializeToString())
        refused = f'windsock_refused_total{{listener="{service.otlp.url}"}}'
        assert scrape(service)[refused] >= 1


class TestPage:
    def test_who_sends_no_statsd_is_not_called_silent(self, running, exports):
        service = running()
        service.started -= 90
        page = f"http://{service.web.address}/"
        assert "No StatsD line and no OpenTelemetry export has arrived in" in requests.get(page, timeout=60).text
        service.intake.clock = time.time
        service.intake.streams.before = 0
        post(service, exports.sum(1, at=-(10**8)).SerializeToString())
        text = requests.get(page, timeout=60).text
        assert "has arrived" not in text
        assert "0 points stored, 1 processes are remembered" in text


class TestSettings:
    def test_it_is_off_where_nothing_is_said(self, serve):
        assert serve().otlp is None

    def test_an_address_that_is_taken(self, serve, running):
        address = running().otlp.address
        with pytest.raises(Exception, match=r"can't receive OpenTelemetry's metrics on \S+: Address already in use"):
            serve(otlp={"listen": address})

    @pytest.mark.parametrize("other", ["naming: helm-chart", "mapping_config: m.yml"])
    def test_other_names_than_windsocks_own_are_an_error(self, other, tmp_path):
        file = tmp_path / "windsock.yaml"
        file.write_text(f"exporter:\n  otlp: {{listen: '127.0.0.1:4318'}}\n  {other}\n")
        with pytest.raises(SettingsError, match=r"otlp: OpenTelemetry's metrics have windsock's own names"):
            load(file)

    def test_what_was_taken_is_there_after_a_clean_restart(self, running, exports, tmp_path, scrape, serve):
        """What was answered with 200 is stored, however soon the exporter ends, and not counted again by the next."""
        state = str(tmp_path / "state")
        body = exports.sum(3, start=1).SerializeToString()
        service = running(state_file=state)
        assert post(service, body).status_code == 200
        service.__exit__(None, None, None)
        service = running(state_file=state, began=120)
        assert scrape(service)[FINISHED] == 3
        for value in (3, 4):
            post(service, exports.sum(value, start=1).SerializeToString())
        service.intake.drain(service.store)
        assert scrape(service)[FINISHED] == 3
