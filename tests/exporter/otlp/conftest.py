"""Exports made by hand, those of a real Airflow, and an exporter that takes them without sockets."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from windsock.airflow.versions import NEWEST

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

CAPTURE = Path(__file__).parents[2] / "data" / "captures" / f"airflow-{NEWEST}-otlp.jsonl.gz"
SECOND = 10**9
NOW = 1_800_000_000 * SECOND
"""The time that the made-up exports have, in nanoseconds."""


class Exports:
    """Makes exports; times are seconds after `NOW`."""

    now = NOW

    def attributes(self, into: Any, given: dict[str, Any]) -> None:
        for key, value in given.items():
            held = into.add(key=key).value
            kind = {bool: "bool_value", int: "int_value", float: "double_value"}.get(type(value), "string_value")
            setattr(held, kind, value)

    def empty(self, instance: str = "i1", scope: str = "airflow", **resource: str) -> tuple[Any, Any]:
        """A request, and its one list of metrics."""
        request = ExportMetricsServiceRequest()
        part = request.resource_metrics.add()
        about = {"service.name": "airflow", **resource}
        self.attributes(part.resource.attributes, {**about, "service.instance.id": instance} if instance else about)
        scoped = part.scope_metrics.add()
        scoped.scope.name = scope
        return request, scoped.metrics

    def timed(self, points: Any, start: float | None, at: float, tags: dict[str, Any]) -> Any:
        point = points.add(time_unix_nano=NOW + int(at * SECOND))
        if start is not None:
            point.start_time_unix_nano = NOW + int(start * SECOND)
        self.attributes(point.attributes, tags)
        return point

    def sum(
        self,
        value: float,
        start: float | None = 0,
        at: float = 60,
        name: str = "airflow.ti.finish",
        *,
        instance: str = "i1",
        tags: dict[str, Any] | None = None,
        delta: bool = False,
        monotonic: bool = True,
        **more: str,
    ) -> ExportMetricsServiceRequest:
        """One point of a counter: of a task that finished, where nothing else is said."""
        request, metrics = self.empty(instance, **more)
        data = metrics.add(name=name).sum
        data.is_monotonic, data.aggregation_temporality = monotonic, 1 if delta else 2
        finished = {"dag_id": "d", "task_id": "t", "state": "success"}
        point = self.timed(data.data_points, start, at, finished if tags is None else tags)
        setattr(point, "as_int" if isinstance(value, int) else "as_double", value)
        return request

    def gauge(self, value: float, at: float = 60, name: str = "airflow.pool.open_slots", *, instance: str = "i1"):
        request, metrics = self.empty(instance)
        points = metrics.add(name=name).gauge.data_points
        self.timed(points, None, at, {"pool_name": "default_pool"}).as_double = value
        return request

    def exponential(
        self,
        counts: dict[int, int],
        total: float,
        scale: int = 20,
        start: float | None = 0,
        at: float = 60,
        *,
        name: str = "airflow.task.duration",
        unit: str = "ms",
        zero: int = 0,
        negative: int = 0,
        instance: str = "i1",
        delta: bool = False,
    ) -> ExportMetricsServiceRequest:
        """Observations by the index of their bucket, and the sum of all."""
        request, metrics = self.empty(instance)
        data = metrics.add(name=name, unit=unit).exponential_histogram
        data.aggregation_temporality = 1 if delta else 2
        point = self.timed(data.data_points, start, at, {"dag_id": "d", "task_id": "t"})
        point.scale, point.sum, point.zero_count = scale, total, zero
        point.count = sum(counts.values()) + zero + negative
        if counts:
            point.positive.offset = min(counts)
            point.positive.bucket_counts.extend(counts.get(index, 0) for index in range(min(counts), max(counts) + 1))
        point.negative.bucket_counts.append(negative)
        return request

    def explicit(
        self, bounds: list[float], counts: list[int], total: float, start: float = 0, at: float = 60, unit: str = "ms"
    ) -> ExportMetricsServiceRequest:
        request, metrics = self.empty()
        data = metrics.add(name="airflow.task.duration", unit=unit).histogram
        data.aggregation_temporality = 2
        point = self.timed(data.data_points, start, at, {"dag_id": "d", "task_id": "t"})
        point.explicit_bounds.extend(bounds)
        point.bucket_counts.extend(counts)
        point.count, point.sum = sum(counts), total
        return request


@pytest.fixture(scope="session")
def exports() -> Exports:
    return Exports()


@pytest.fixture(scope="session")
def capture() -> list[ExportMetricsServiceRequest]:
    """What an Airflow 3.3.2 exported in three minutes, its LocalExecutor's task processes included."""
    lines = gzip.decompress(CAPTURE.read_bytes()).splitlines()
    return [ExportMetricsServiceRequest.FromString(base64.b64decode(json.loads(line)["body"])) for line in lines]


@pytest.fixture
def receive(make_pipeline) -> Callable[..., Any]:
    """An exporter that began before all exports; keywords are settings of `exporter.otlp`."""

    def make(began: float = -3600, **otlp: Any) -> Receiving:
        return Receiving(make_pipeline(otlp={"listen": "127.0.0.1:0", **otlp}), began)

    return make


class Receiving:
    def __init__(self, pipeline: Any, began: float) -> None:
        self.pipeline = pipeline
        pipeline.service.otlp.server_close()
        self.intake = pipeline.service.intake
        self.began(NOW + int(began * SECOND))
        self.at(60)

    def began(self, nanoseconds: int) -> None:
        """What may have been counted by another exporter before this one."""
        self.intake.streams.before = self.intake.streams.until = nanoseconds

    def at(self, seconds: float) -> Receiving:
        """Let it be so many seconds after `NOW`."""
        self.intake.clock = lambda: NOW / SECOND + seconds
        return self

    def take(self, *requests: ExportMetricsServiceRequest) -> Counter[str]:
        """Take exports; returns what became of the last one's points."""
        for request in requests:
            outcomes = self.intake.take(request)
        return outcomes

    def series(self, start: str = "airflow_") -> dict[str, float]:
        """What is exposed about Airflow, buckets left out."""
        self.intake.drain(self.pipeline.service.store)
        return {name: value for name, value in self.pipeline.airflow().items() if name.startswith(start)}

    def buckets(self, family: str = "airflow_task_duration_seconds") -> dict[str, float]:
        """By `le`."""
        self.intake.drain(self.pipeline.service.store)
        start = f"{family}_bucket{{"
        lines = [line for line in self.pipeline.text().splitlines() if line.startswith(start)]
        return {line.split('le="')[1].split('"')[0]: float(line.rsplit(" ", 1)[1]) for line in lines}

    def own(self) -> dict[str, float]:
        self.intake.drain(self.pipeline.service.store)
        return self.pipeline.own()
