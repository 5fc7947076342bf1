"""What is passed on: an endpoint gets every series as it is exposed, and an endpoint that fails costs nothing else."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from windsock import settings
from windsock.exporter.otlp import forward, outgoing
from windsock.exporter.service import Service

LINE = b"airflow.ti.finish,dag_id=d,task_id=t,state=success:1|c"
FINISHED = "airflow_ti_finish_total"
POINTS = 'windsock_otlp_forwarded_points_total{{outcome="{}"}}'


class Endpoint(HTTPServer):
    """Keeps what it is sent, and gives the answers that it is told: (status, headers, body); then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.exports: list[ExportMetricsServiceRequest] = []
        self.heads: list[tuple[str, dict[str, str]]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def points(self, name: str) -> list[tuple[dict[str, str], object]]:
        """All of a metric, with their labels."""
        held = [
            getattr(metric, metric.WhichOneof("data"))
            for export in list(self.exports)
            for metric in export.resource_metrics[0].scope_metrics[0].metrics
            if metric.name == name
        ]
        return [
            ({one.key: one.value.string_value for one in point.attributes}, point)
            for data in held
            for point in data.data_points
        ]


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self):
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heads.append((self.path, dict(self.headers)))
        status, headers, said = self.server.answers.pop(0) if self.server.answers else (200, {}, b"")
        if status == 200:
            self.server.exports.append(ExportMetricsServiceRequest.FromString(body))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(said)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint():
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def running():
    """Exporters of the cluster `prod` that pass on to a URL."""
    started = []

    def start(url: str, state_file: str | None = None, **otlp) -> Service:
        given = {
            "statsd": {"listen": ["udp://127.0.0.1:0"]},
            "web": {"listen": "127.0.0.1:0"},
            "state_file": state_file,
            "otlp": {"forward": url, "forward_interval": "1s", **otlp},
        }
        started.append(Service(settings.Settings.model_validate({"cluster": "prod", "exporter": given})))
        return started[-1].__enter__()

    yield start
    for service in started:
        if service.forward.is_alive():
            service.__exit__(None, None, None)


def send(service: Service, *lines: bytes) -> None:
    host, _, port = service.addresses()[0].removeprefix("udp://").rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for line in lines:
            sock.sendto(line, (host, int(port)))


class TestPassedOn:
    def test_series_arrive_as_they_are_exposed(self, running, endpoint, eventually):
        service = running(endpoint.url)
        send(service, LINE, LINE, b"airflow.task.duration,dag_id=d,task_id=t:1500|ms", b"airflow.dagbag_size:7|g")
        duration = "airflow_task_duration_seconds"
        eventually(
            lambda: endpoint.points(FINISHED) and endpoint.points(duration) and endpoint.points("airflow_dagbag_size")
        )
        labels, first = endpoint.points(FINISHED)[0]
        last = endpoint.points(FINISHED)[-1][1]
        assert labels == {"dag_id": "d", "task_id": "t", "state": "success"}
        assert (first.as_int, last.as_int) == (0, 2), "else nobody sees the first event grow"
        began = int(service.started * 10**9)
        assert began == first.start_time_unix_nano == last.start_time_unix_nano
        assert began <= first.time_unix_nano < last.time_unix_nano
        took = endpoint.points(duration)[-1][1]
        assert (took.count, took.sum, sum(took.bucket_counts)) == (1, 1.5, 1)
        assert endpoint.points("airflow_dagbag_size")[-1][1].as_int == 7
        metrics = endpoint.exports[-1].resource_metrics[0].scope_metrics[0].metrics
        kinds = {one.name: (one.WhichOneof("data"), one.unit) for one in metrics}
        assert kinds[FINISHED] == ("sum", "")
        assert kinds[duration] == ("histogram", "s")
        assert kinds["windsock_series"][0] == "gauge"

    def test_who_sends_stays_the_same(self, running, endpoint, eventually):
        running(endpoint.url)
        eventually(lambda: endpoint.exports)
        said = {one.key: one.value.string_value for one in endpoint.exports[0].resource_metrics[0].resource.attributes}
        assert said == {"service.name": "airflow", "service.instance.id": "prod", "cluster": "prod"}

    def test_the_address_and_its_secret(self, running, endpoint, eventually, monkeypatch):
        monkeypatch.setenv("INTAKE_KEY", "s3cr3t")
        running(f"{endpoint.url}/otlp/v1/metrics", http={"headers": {"DD-API-KEY": "${INTAKE_KEY}"}})
        eventually(lambda: endpoint.heads)
        path, headers = endpoint.heads[0]
        assert (path, headers["DD-API-KEY"], headers["Content-Type"]) == (
            "/otlp/v1/metrics",
            "s3cr3t",
            "application/x-protobuf",
        )
        assert forward.endpoint("http://collector:4318") == "http://collector:4318/v1/metrics"

    def test_many_series_are_several_exports(self, running, endpoint, eventually, monkeypatch):
        monkeypatch.setattr(outgoing, "_MOST_POINTS", 10)
        service = running(endpoint.url)
        send(service, *(LINE.replace(b"=t,", b"=t%d," % number) for number in range(35)))
        eventually(lambda: len({labels["task_id"] for labels, _ in endpoint.points(FINISHED)}) == 35)
        assert all(sum(endpoint_points(export).values()) <= 40 for export in endpoint.exports)

    def test_what_came_last_is_sent_when_it_ends(self, running, endpoint, eventually, scrape):
        service = running(endpoint.url, forward_interval="1h")
        eventually(lambda: endpoint.exports)
        send(service, LINE)
        eventually(lambda: any(name.startswith(FINISHED) for name in scrape(service)))
        service.__exit__(None, None, None)
        assert endpoint.points(FINISHED)[-1][1].as_int == 1

    def test_counters_that_go_on_have_no_new_beginning(self, running, endpoint, eventually, tmp_path, scrape):
        state = str(tmp_path / "state")
        service = running(endpoint.url, state)
        send(service, LINE)
        eventually(lambda: endpoint.points(FINISHED))
        service.__exit__(None, None, None)
        before = len(endpoint.points(FINISHED))
        running(endpoint.url, state)
        eventually(lambda: len(endpoint.points(FINISHED)) > before)
        point = endpoint.points(FINISHED)[before][1]
        assert (point.as_int, point.start_time_unix_nano) == (1, 0)


def endpoint_points(export: ExportMetricsServiceRequest) -> dict[str, int]:
    metrics = export.resource_metrics[0].scope_metrics[0].metrics
    return {metric.name: len(getattr(metric, metric.WhichOneof("data")).data_points) for metric in metrics}


class TestFailures:
    def test_an_endpoint_that_is_busy_is_asked_again(self, running, endpoint, eventually, scrape, monkeypatch):
        monkeypatch.setattr(forward, "_PAUSE", 0.01)
        endpoint.answers += [(503, {}, b""), (429, {"Retry-After": "1"}, b"")]
        service = running(endpoint.url, forward_interval="1h")
        eventually(lambda: endpoint.exports)
        assert len(endpoint.heads) == 3
        eventually(lambda: scrape(service)[POINTS.format("taken")] > 0)
        assert scrape(service)[POINTS.format("failed")] == 0
        assert not service.forward.problem

    def test_what_is_refused_is_not_repeated_and_said(self, running, endpoint, eventually, scrape):
        endpoint.answers += [(403, {}, b"who are you, token=abcdefgh12345678?")] * 1000
        service = running(endpoint.url, forward_interval="1h")
        eventually(lambda: scrape(service)[POINTS.format("failed")] > 0)
        assert len(endpoint.heads) == 1
        page = requests.get(f"http://{service.web.address}/", timeout=60).text
        assert "exporter.otlp.forward gets nothing: 403 who are you" in page
        assert "abcdefgh12345678" not in page

    def test_points_that_the_other_side_rejects_are_counted(self, running, endpoint, eventually, scrape):
        told = ExportMetricsServiceResponse()
        told.partial_success.rejected_data_points, told.partial_success.error_message = 3, "too old"
        endpoint.answers.append((200, {}, told.SerializeToString()))
        service = running(endpoint.url, forward_interval="1h")
        eventually(lambda: scrape(service)[POINTS.format("rejected")] == 3)

    def test_nobody_there(self, running, eventually, scrape, caplog):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            with caplog.at_level(logging.WARNING):
                service = running(f"http://127.0.0.1:{taken.getsockname()[1]}/a/secret/path")
                send(service, LINE)
                eventually(lambda: scrape(service)[POINTS.format("failed")] > 0)
            said = [one.getMessage() for one in caplog.records if "passed on" in one.getMessage()]
        assert len(said) == 1, "once, not each second"
        assert "Connection refused" in said[0]
        assert "secret" not in said[0]

    def test_a_secret_that_is_not_there_is_an_error_at_the_start(self, running):
        with pytest.raises(Exception, match=r"INTAKE_KEY is not set; exporter\.otlp\.http\.bearer names it"):
            running("http://127.0.0.1:1", http={"bearer": "${INTAKE_KEY}"})
