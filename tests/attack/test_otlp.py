"""Exports that mean ill: bounded in memory and time, counted, and never wrong without a word."""

from __future__ import annotations

import resource
import time

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from windsock import catalog
from windsock.exporter.otlp import message
from windsock.exporter.otlp.intake import Intake
from windsock.exporter.series.own import OwnMetrics
from windsock.exporter.statsd.translate import Translator
from windsock.settings.exporter import Exporter

MOST = Exporter().otlp.max_body
NOW = 1_800_000_000


def number(value: int) -> bytes:
    low, value = value & 127, value >> 7
    return bytes([low | 128]) + number(value) if value else bytes([low])


def field(place: int, content: bytes) -> bytes:
    return number(place << 3 | 2) + number(len(content)) + content


def metric(content: bytes) -> bytes:
    """An export of one metric."""
    return field(1, field(2, field(2, content)))


def filled(part: bytes) -> bytes:
    """So many of a part as an export may have bytes."""
    return part * ((MOST - 100) // len(part))


def nested(depth: int) -> bytes:
    """A list in a list in a list …"""
    return field(5, field(1, nested(depth - 1))) if depth else b""


NAME, TIMER = field(1, b"airflow.ti.finish"), field(1, b"airflow.task.duration")
TIMES = b"\x11" + (NOW * 10**9).to_bytes(8, "little") + b"\x19" + (NOW * 10**9 + 1).to_bytes(8, "little")
SUM = b"\x10\x02\x18\x01"
BOMBS = {
    "resources": filled(b"\x0a\x00"),
    "attributes of a resource": field(1, field(1, filled(b"\x0a\x00"))),
    "scopes": field(1, filled(b"\x12\x00")),
    "metrics": field(1, field(2, filled(b"\x12\x00"))),
    "points": metric(NAME + field(7, SUM + filled(b"\x0a\x00"))),
    "attributes of a point": metric(NAME + field(7, SUM + field(1, TIMES + filled(b"\x3a\x00")))),
    "buckets": metric(
        TIMER + field(2, b"") + field(10, b"\x10\x02" + field(1, TIMES + field(8, field(2, filled(b"\1")))))
    ),
    "a name": metric(field(1, filled(b"a")) + field(7, SUM + field(1, TIMES))),
    "nested values": field(1, field(1, field(1, field(1, b"k") + field(2, nested(200))))),
}


@pytest.fixture
def intake():
    metrics = catalog.statsd()
    made = Intake(Exporter(), metrics, Translator(metrics), OwnMetrics(), began=0)
    made.clock = lambda: NOW + 60.0
    return made


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_protobuf_of_the_largest_size_takes_little_time_and_memory(bomb, intake):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.thread_time()
    try:
        (outcome,) = intake.take(message.read(BOMBS[bomb], message.PROTOBUF, "", MOST)) or ("nothing",)
    except message.RequestError as error:
        outcome = str(error.status)
    assert outcome in ("400", "413", "malformed", "too_long")
    assert time.thread_time() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10, "KiB"
    assert len(intake.meanings.translator.ids.known) == 0


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 9,
        b'{"resourceMetrics":[{},{},',
        b'{"a":' * 400,
        b"[{}," * 9999,
        b"1e999",
        b'"\\ud800"',
        b'{"\\ud800": 1}',
    ],
)
def test_json_that_is_none(text, intake):
    with pytest.raises(message.RequestError) as caught:
        message.read(text, message.JSON, "", MOST)
    assert caught.value.status == 400


def test_a_million_processes_are_as_many_as_there_is_room_for(intake):
    """Here 6000 with room for 1000; each is heard once."""
    intake.streams._most = 1000
    request = ExportMetricsServiceRequest.FromString(
        metric(NAME + field(7, SUM + field(1, TIMES + b"\x31" + (1).to_bytes(8, "little"))))
    )
    part = request.resource_metrics[0]
    identity = part.resource.attributes.add(key="service.instance.id").value
    point = part.scope_metrics[0].metrics[0].sum.data_points[0]
    for instance in range(6000):
        identity.string_value = str(instance)
        point.start_time_unix_nano = NOW * 10**9 + instance
        point.time_unix_nano = NOW * 10**9 + instance + 1
        assert intake.take(request) == {"stored": 1}
    assert intake.streams.size == len(intake.streams) == 1000
    assert len(intake._changes) == 1


def test_ids_and_attributes_take_no_room_beyond_that(intake):
    """Ids that nothing is said of, that are long, and histograms of many buckets."""
    intake.streams._most = 1000
    for number in range(1500):
        request = ExportMetricsServiceRequest()
        resource = request.resource_metrics.add().resource
        resource.attributes.add(key="service.instance.id").value.string_value = f"{number}" * 1000
        intake.take(request)
    assert len(intake.streams) == 1000
    assert all(len(str(identity)) < 300 for identity in intake.streams._instances)
    timer = metric(TIMER + field(10, b"\x10\x02" + field(1, TIMES + b"\x21" + (9000).to_bytes(8, "little"))))
    request = ExportMetricsServiceRequest.FromString(timer)
    point = request.resource_metrics[0].scope_metrics[0].metrics[0].exponential_histogram.data_points[0]
    point.positive.bucket_counts.extend([1] * 9000)
    for number in range(50):
        point.start_time_unix_nano = NOW * 10**9 + number
        assert intake.take(request) == {"stored": 1}
        assert intake.streams.size <= 1000


def test_times_in_the_future_make_nothing_doubtful_that_comes_later(intake):
    """A sender whose clock is wrong must not make the exporter forget the others."""
    request = ExportMetricsServiceRequest.FromString(metric(NAME + field(7, SUM + field(1, TIMES))))
    point = request.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]
    point.start_time_unix_nano = point.time_unix_nano = 2**63
    assert intake.take(request) == {"in_future": 1}
    assert intake.streams.before == 0
    assert intake.streams.size == 0
