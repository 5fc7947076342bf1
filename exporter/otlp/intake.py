"""From an export to the series: each point counts for what is new in it, under the name that StatsD gives the fact.

Whoever serves a request calls `take`; the thread that stores calls `drain`, so that a series has one writer.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from .buckets import Explicit, Exponential, MalformedError
from .changes import Changes, Senders
from .meaning import Meanings, kind_of
from .point import About, identity_of, tags_of, unsound
from .streams import Intervals, Stream, Streams

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as OtlpMetric

    from windsock.catalog import Metric
    from windsock.exporter.series.own import OwnMetrics
    from windsock.exporter.series.store import SeriesStore
    from windsock.exporter.statsd.translate import Translator
    from windsock.settings.exporter import Exporter as ExporterSettings

    from .buckets import Observed
    from .streams import Instance

_FROM_STATSD = "statsdreceiver"
"""In the scope's name of what an OpenTelemetry collector made of StatsD lines."""
_AHEAD = 300.0
"""Seconds that a sender's clock may be ahead. Later times would make what is yet to come doubtful."""
_DELTA, _CUMULATIVE = 1, 2
_PATIENCE = 0.01
"""Seconds that the thread that stores waits; what it does not get it gets a second later."""
_MOST_WAITING = 250_000
"""Series that may wait for the thread that stores; it comes every second."""
_NANOSECONDS = 1e9


class Intake:
    """`began` and the clock are seconds since 1970."""

    def __init__(
        self,
        settings: ExporterSettings,
        metrics: Iterable[Metric],
        statsd: Translator,
        own: OwnMetrics,
        *,
        began: float | None = None,
    ) -> None:
        began = time.time() if began is None else began
        self.meanings = Meanings(settings, metrics, statsd)
        self.streams = Streams(int(began * _NANOSECONDS), settings.otlp.forget, settings.otlp.streams)
        self.clock = time.time
        self.arrived: float | None = None
        """When the last export came; None: none has."""
        self._stale = settings.otlp.forget
        self._hears_statsd = bool(settings.statsd.listen)
        self._own = own
        self._lock = threading.Lock()
        self._changes = Changes()
        self._senders = Senders(settings.expiry.gauges)
        self._outcomes: Counter[str] = Counter()
        for outcome in ("stored", "repeated", "legacy"):
            own.counter("windsock_otlp_points_total", outcome=outcome)

    @property
    def is_full(self) -> bool:
        """Whether too much waits for `drain`."""
        return len(self._changes) > _MOST_WAITING

    def take(self, request: ExportMetricsServiceRequest) -> Counter[str]:
        """Take an export; returns what became of its points."""
        with self._lock:
            self._outcomes = Counter()
            now = self.arrived = self.clock()
            try:
                for part in request.resource_metrics:
                    self._take_resource(part, now)
            finally:
                self.streams.forget(now)
                for outcome, points in self._outcomes.items():
                    self._own.counter("windsock_otlp_points_total", outcome=outcome).value += points
            return self._outcomes

    def drain(self, store: SeriesStore, patience: float = _PATIENCE) -> None:
        """Give the series what came; for the thread that stores, which does not wait for an export that is taken."""
        if not self._lock.acquire(timeout=patience):
            return
        try:
            changes, self._changes = self._changes, Changes()
            self._own.set("windsock_otlp_instances", len(self.streams))
            self._own.set("windsock_otlp_streams", self.streams.size)
            for reason, forgotten in (("silent", self.streams.silent), ("crowded", self.streams.crowded)):
                self._own.counter("windsock_otlp_forgotten_streams_total", reason=reason).value = forgotten
        finally:
            self._lock.release()
        self._own.counter("windsock_sample_errors_total", reason="over_budget").value += changes.give(store)

    def _take_resource(self, part: Any, now: float) -> None:
        identity = identity_of(part.resource)
        instance = self.streams.instance(identity, now)
        for scope in part.scope_metrics:
            twice = self._hears_statsd and _FROM_STATSD in scope.scope.name
            for metric in scope.metrics:
                if twice:
                    self._count(metric, "from_statsd")
                else:
                    self._take_metric(metric, identity, instance, now)
        self.streams.forget_silent(instance, now)

    def _take_metric(self, metric: OtlpMetric, identity: Hashable, instance: Instance, now: float) -> None:
        data = metric.WhichOneof("data")
        if data not in ("sum", "gauge", "histogram", "exponential_histogram"):
            self._count(metric, data or "malformed")
            return
        held = getattr(metric, data)
        temporality = held.aggregation_temporality if data != "gauge" else 0
        if temporality not in (_DELTA, _CUMULATIVE) and data != "gauge":
            self._count(metric, "temporality")
            return
        kind = kind_of(data, held, metric.unit)
        if kind is None:
            self._count(metric, "unit")
            return
        latest = int((now + _AHEAD) * _NANOSECONDS)
        for point in held.data_points:
            outcome = unsound(point, latest)
            if not outcome:
                tags = tags_of(point.attributes)
                found = self.meanings.find(metric.name, kind, tags) if tags is not None else "malformed"
                if isinstance(found, str):
                    outcome = found
                else:
                    about = About(found, identity, instance, (hash((metric.name, tags)), 0), temporality == _DELTA, now)
                    outcome = self._take_point(point, data, about)
            self._outcomes[outcome] += 1

    def _take_point(self, point: Any, data: str, about: About) -> str:
        if data in ("histogram", "exponential_histogram"):
            return self._take_histogram(point, Explicit if data == "histogram" else Exponential, about)
        value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
        if math.isnan(value) or (data != "gauge" and math.isinf(value)):
            return "not_a_number"
        if data == "gauge":
            return self._take_gauge(point, value, about)
        if about.target.metric.kind == "counter" and value < 0:
            return "negative"
        return self._take_sum(point, value, about)

    def _take_gauge(self, point: Any, value: float, about: About) -> str:
        if point.time_unix_nano < (about.now - self._stale) * _NANOSECONDS:
            return "stale"
        stream = self.streams.find(about.instance, about.key, about.now)
        if stream is None:
            self.streams.remember(about.instance, about.key, Stream(point.time_unix_nano, None, about.now))
        elif point.time_unix_nano <= stream.time:
            return "repeated"
        else:
            stream.time = point.time_unix_nano
        self._say(about, value, change=False)
        return "stored"

    def _take_sum(  # noqa: PLR0911  one return for each way not to be stored
        self, point: Any, value: float, about: About
    ) -> str:
        gauge = about.target.metric.kind == "gauge"
        if about.delta:
            if not self._is_new_delta(point, about):
                return "repeated"
            self._say(about, value, change=True) if gauge else self._changes.add(about.target, value)
            return "stored"
        if not point.start_time_unix_nano:
            return "no_start_time"
        about.key = about.key[0], point.start_time_unix_nano
        stream = self.streams.find(about.instance, about.key, about.now)
        if stream is None:
            sure = self.streams.begin(about.instance, about.key, Stream(point.time_unix_nano, value, about.now))
            if not gauge and not sure:
                return "doubtful"
            grown = value
        elif point.time_unix_nano <= stream.time if gauge else value <= stream.said:
            self.streams.repeat(about.instance, stream, point.time_unix_nano)
            return "repeated"
        else:
            grown = value - stream.said
            if not self.streams.grow(about.instance, stream, point.time_unix_nano, value) and not gauge:
                return "doubtful"
        self._say(about, grown, change=True) if gauge else self._changes.add(about.target, grown)
        return "stored"

    def _take_histogram(  # noqa: PLR0911  as above
        self, point: Any, form: type[Any], about: About
    ) -> str:
        try:
            said = form(point)
            if about.delta:
                if not self._is_new_delta(point, about):
                    return "repeated"
                return self._observe(said.since(None), about)
            if not point.start_time_unix_nano:
                return "no_start_time"
            about.key = about.key[0], point.start_time_unix_nano
            stream = self.streams.find(about.instance, about.key, about.now)
            if stream is None:
                sure = self.streams.begin(about.instance, about.key, Stream(point.time_unix_nano, said, about.now))
                return self._observe(said.since(None), about) if sure else "doubtful"
            if type(stream.said) is not form:
                return "malformed"
            if said.count <= stream.said.count:
                self.streams.repeat(about.instance, stream, point.time_unix_nano)
                return "repeated"
            observed = said.since(stream.said)
            counts = self.streams.grow(about.instance, stream, point.time_unix_nano, said)
            return self._observe(observed, about) if counts else "doubtful"
        except MalformedError:
            return "malformed"

    def _is_new_delta(self, point: Any, about: About) -> bool:
        stream = self.streams.find(about.instance, about.key, about.now)
        if stream is None:
            stream = Stream(point.time_unix_nano, Intervals(about.instance.before), about.now)
            self.streams.remember(about.instance, about.key, stream)
        intervals = stream.said
        return isinstance(intervals, Intervals) and intervals.take(point.start_time_unix_nano, point.time_unix_nano)

    def _observe(self, observed: Observed, about: About) -> str:
        if not observed.count:
            return "repeated"
        factor = about.target.factor
        if about.target.judged:
            file, mean = (about.target.labels, about.identity), observed.sum / observed.count
            factor = self.meanings.translator.parse_times.factor(file, mean, time.monotonic())
        self._changes.observe(about.target, observed, factor / 1000)
        return "stored"

    def _say(self, about: About, value: float, *, change: bool) -> None:
        sender = self._senders.meet(about.identity, about.now)
        self._changes.say(about.target, sender, value, change=change)

    def _count(self, metric: OtlpMetric, outcome: str) -> None:
        data = metric.WhichOneof("data")
        self._outcomes[outcome] += len(getattr(metric, data).data_points) if data else 1
