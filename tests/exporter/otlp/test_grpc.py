"""OTLP over gRPC, as OpenTelemetry's clients speak it: what is answered, to whom, and what a bad client can't do."""

from __future__ import annotations

import socket
import threading

import grpc
import pytest
import requests
from google.protobuf import any_pb2, duration_pb2
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub

from windsock.exceptions import WindsockError
from windsock.exporter.otlp import grpc_server, intake
from windsock.exporter.otlp.grpc_server import host

FINISHED = 'airflow_ti_finish_total{dag_id="d",state="success",task_id="t"}'
EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"


@pytest.fixture
def running(serve, exports):
    """An exporter that takes gRPC alone, at the time of what `exports` makes."""

    def start(*listen: str, **otlp):
        service = serve(*listen, otlp={"grpc": "127.0.0.1:0", **otlp})
        service.intake.clock = lambda: exports.now / 1e9 + 60
        service.intake.streams.before = service.intake.streams.until = exports.now
        return service

    return start


@pytest.fixture
def client():
    """A client of a service; keywords are those of the channel."""
    opened = []

    def connect(service, **options) -> grpc.Channel:
        opened.append(grpc.insecure_channel(service.grpc.address, **options))
        return opened[-1]

    yield connect
    for channel in opened:
        channel.close()


@pytest.fixture
def export(client):
    """Export once; returns the answer."""

    def send(service, request, **options) -> ExportMetricsServiceResponse:
        return MetricsServiceStub(client(service)).Export(request, timeout=120, **options)

    return send


@pytest.fixture
def slow(client):
    """Begin an export of which never a byte comes."""
    never = threading.Event()

    def endless():
        never.wait(200)
        yield b""

    yield lambda service: client(service).stream_unary(EXPORT).future(endless(), timeout=180)
    never.set()


def refused(send, *given, **options) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        send(*given, **options)
    return caught.value


def refused_or_none(send, *given) -> grpc.RpcError | None:
    try:
        send(*given)
    except grpc.RpcError as error:
        return error
    return None


class TestTaken:
    def test_an_export_counts_as_over_http(self, running, export, exports, scrape, eventually):
        service = running(listen="127.0.0.1:0")
        assert export(service, exports.sum(3, start=1)) == ExportMetricsServiceResponse()
        again = exports.sum(4, start=1, at=61), grpc.Compression.Gzip
        assert not export(service, again[0], compression=again[1]).HasField("partial_success")
        eventually(lambda: scrape(service).get(FINISHED) == 4)
        assert scrape(service)['windsock_otlp_requests_total{status="200"}'] == 2

    def test_a_part_that_is_refused_is_told(self, running, export, exports):
        request = exports.sum(-1, start=1)
        request.MergeFrom(exports.sum(1, start=1, tags={"dag_id": "other"}))
        told = export(running(), request).partial_success
        assert (told.rejected_data_points, told.error_message) == (1, "points that were not stored: 1 negative")

    def test_what_was_taken_is_there_after_a_clean_restart(self, running, serve, export, exports, tmp_path, scrape):
        state = {"state_file": str(tmp_path / "state")}
        service = serve(otlp={"grpc": "127.0.0.1:0"}, **state)
        service.intake.clock = lambda: exports.now / 1e9 + 60
        service.intake.streams.before = service.intake.streams.until = exports.now
        export(service, exports.sum(3, start=1))
        service.__exit__(None, None, None)
        assert scrape(serve(otlp={"grpc": "127.0.0.1:0"}, **state))[FINISHED] == 3


class TestRefused:
    def test_what_is_no_export(self, running, client, scrape):
        service = running()
        error = refused(client(service).unary_unary(EXPORT), b"\xff\xff", timeout=120)
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert error.details().startswith("not an ExportMetricsServiceRequest")
        assert scrape(service)['windsock_otlp_requests_total{status="400"}'] == 1

    def test_a_stream_without_a_message(self, running, client):
        assert refused(client(running()).stream_unary(EXPORT), iter(()), timeout=120).code().name == "INVALID_ARGUMENT"

    @pytest.mark.parametrize("packing", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
    def test_what_is_too_large_even_when_it_is_packed(self, packing, running, client, export, exports):
        service = running(max_body=65536)
        error = refused(client(service).unary_unary(EXPORT), bytes(60 << 20), timeout=120, compression=packing)
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in error.details(), "gRPC's own word: it was not unpacked"
        assert "grpc-status-details-bin" not in dict(error.trailing_metadata()), "it is not to come again"
        export(service, exports.sum(3, start=1))

    def test_more_points_than_its_size_allows(self, running, client):
        request = ExportMetricsServiceRequest.FromString(b"\x0a\x00" * 5000)
        error = refused(client(running(max_body=65536)).unary_unary(EXPORT), request.SerializeToString(), timeout=120)
        assert (error.code().name, "more points" in error.details()) == ("RESOURCE_EXHAUSTED", True)

    def test_too_much_at_once_is_to_come_again(self, running, export, exports, monkeypatch):
        monkeypatch.setattr(intake, "_MOST_WAITING", -1)
        error = refused(export, running(), exports.sum(1))
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        said = dict(error.trailing_metadata())["grpc-status-details-bin"]
        # google.rpc.Status has the shape of this message's fields; its third is an Any with a RetryInfo, whose first
        # field is a Duration.
        detail = any_pb2.Any.FromString(said[said.index(b"\x1a") + 2 :])
        assert detail.type_url.endswith("/google.rpc.RetryInfo")
        assert duration_pb2.Duration.FromString(detail.value[2:]).seconds == 2

    def test_other_methods(self, running, client):
        method = EXPORT.replace("metrics", "trace").replace("Metrics", "Trace")
        assert refused(client(running()).unary_unary(method), b"", timeout=120).code().name == "UNIMPLEMENTED"

    def test_other_networks(self, running, export, exports, scrape, eventually):
        service = running(allow=["10.0.0.0/8"])
        assert refused(export, service, exports.sum(1)).code() == grpc.StatusCode.PERMISSION_DENIED
        series = f'windsock_refused_total{{listener="{service.grpc.url}"}}'
        eventually(lambda: scrape(service).get(series) == 1)
        service.grpc.allow(["127.0.0.0/8"])
        export(service, exports.sum(1))


class TestClients:
    def test_who_sends_slowly_keeps_places_from_his_own_address_alone(
        self, running, slow, export, exports, monkeypatch
    ):
        service = running(listen="127.0.0.1:0")
        monkeypatch.setattr(grpc_server, "_SHARE", 2)
        monkeypatch.setattr(grpc_server, "_WAIT", 0.1)
        calls = [slow(service) for _ in range(2)]
        error = None
        while error is None:  # until both are read
            error = refused_or_none(export, service, exports.sum(1))
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        body, content = exports.sum(1).SerializeToString(), {"Content-Type": "application/x-protobuf"}
        assert requests.post(service.otlp.url, data=body, headers=content, timeout=60).status_code == 200
        calls[0].cancel()
        while refused_or_none(export, service, exports.sum(1)) is not None:
            pass  # until his place is free

    def test_who_sends_slowly_is_hung_up_on(self, running, slow, monkeypatch):
        monkeypatch.setattr(grpc_server, "_PATIENCE", 0.1)
        error = slow(running()).exception()
        assert (error.code().name, error.details()) == ("DEADLINE_EXCEEDED", "no whole export within 0.1 s")

    def test_one_that_speaks_no_http2(self, running, export, exports):
        service = running()
        place, _, port = service.grpc.address.rpartition(":")
        with socket.create_connection((place, int(port)), timeout=60) as sock:
            sock.sendall(b"POST /v1/metrics HTTP/1.1\r\n\r\n" + bytes(100_000))
            export(service, exports.sum(1))


class TestStart:
    def test_an_address_that_is_taken(self, serve, running):
        address = running().grpc.address
        with pytest.raises(WindsockError, match=r"can't receive OpenTelemetry's metrics over gRPC on \S+: another"):
            serve(otlp={"grpc": address})

    @pytest.mark.parametrize(
        ("peer", "address"),
        [
            ("ipv4:10.1.2.3:4711", "10.1.2.3"),
            ("ipv6:%5B::1%5D:4711", "::1"),
            ("ipv6:%5Bfe80::1%25eth0%5D:1", "fe80::1"),
        ],
    )
    def test_who_a_peer_is(self, peer, address):
        assert host(peer) == address
