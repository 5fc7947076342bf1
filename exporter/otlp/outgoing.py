"""From series to exports: what a scrape would show, as cumulative OpenTelemetry metrics of one stable resource."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any, cast

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE, Metric

from windsock.exporter.series.kinds import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from windsock.exporter.series.kinds import Series
    from windsock.exporter.series.labels import Labels
    from windsock.exporter.series.store import Family, SeriesStore
    from windsock.exporter.series.summary import Summary

_MOST_POINTS = 2000
"""Of one export; with a histogram's buckets some hundred KB, where receivers take 4 MB and more."""
_UNITS = {"seconds": "s", "bytes": "By"}
"""The catalogue's, as OpenTelemetry writes them: they are in the names already; Prometheus says none twice."""
_LARGEST = 2**63 - 1
_MOST_KNOWN = 1_000_000
"""Four times as many series as there may be at once; later ones begin with their value."""


class Outgoing:
    """Makes the exports of one installation.

    A counter or a histogram that was in none before is shown as 0 at the time of the last one, too: nobody would see
    its first event grow otherwise.
    """

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._known: set[tuple[str, Labels]] = set()
        self._before = 0

    def exports(self, stores: Iterable[tuple[SeriesStore, int]], now: int) -> list[tuple[bytes, int]]:
        """Return the bodies, in gzip, and how many points are in each.

        Times are nanoseconds since 1970: `now`, and for each store when its counters began, 0 where that is not known.
        """
        made, request = [], self._empty()
        points = 0
        for metric, series in self._metrics(stores, now):
            if points >= _MOST_POINTS:
                made.append((_packed(request), points))
                request, points = self._empty(), 0
            request.resource_metrics[0].scope_metrics[0].metrics.append(metric)
            points += series
        if points:
            made.append((_packed(request), points))
        self._before = now
        return made

    def _metrics(self, stores: Iterable[tuple[SeriesStore, int]], now: int) -> Iterator[tuple[Metric, int]]:
        for store, began in stores:
            store.fold()
            for _, family in sorted(store.families.items()):
                series = list(family.series.items())
                for start in range(0, len(series), _MOST_POINTS):
                    some = series[start : start + _MOST_POINTS]
                    yield self._metric(family, some, began, now), len(some)

    def _metric(self, family: Family, series: list[tuple[Labels, Series]], began: int, now: int) -> Metric:
        about = family.metric
        made = Metric()
        made.name, made.description, made.unit = about.family, about.help, _UNITS.get(about.unit, "")
        for labels, one in series:
            if isinstance(one, Gauge):
                _number(_timed(made.gauge.data_points, labels, 0, now), one.value)
                continue
            if began and self._is_new(about.family, labels) and (zero := max(self._before, began)) < now:
                _fill(made, labels, one, (began, zero), zero=True)
            _fill(made, labels, one, (began, now))
        return made

    def _is_new(self, family: str, labels: Labels) -> bool:
        if len(self._known) >= _MOST_KNOWN or (family, labels) in self._known:
            return False
        self._known.add((family, labels))
        return True

    def _empty(self) -> ExportMetricsServiceRequest:
        request = ExportMetricsServiceRequest()
        part = request.resource_metrics.add()
        said = {"service.name": "airflow", "service.instance.id": self._cluster, "cluster": self._cluster}
        for name, text in said.items():
            part.resource.attributes.add(key=name).value.string_value = text
        part.scope_metrics.add().scope.name = "windsock"
        return request


def _fill(made: Metric, labels: Labels, one: Series, times: tuple[int, int], *, zero: bool = False) -> None:
    """Add a point of what grows."""
    if isinstance(one, Counter):
        made.sum.is_monotonic = True
        made.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        _number(_timed(made.sum.data_points, labels, *times), 0 if zero else one.value)
    elif isinstance(one, Histogram):
        made.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        point = _timed(made.histogram.data_points, labels, *times)
        counts = [0] * len(one.counts) if zero else one.counts
        point.explicit_bounds.extend(one.bounds)
        point.bucket_counts.extend(counts)
        point.count, point.sum = sum(counts), 0 if zero else one.sum
    elif not zero:
        summary = cast("Summary", one)
        point = _timed(made.summary.data_points, labels, *times)
        point.count, point.sum = summary.counts[0], summary.sum
        for quantile, value in zip(summary.quantiles, summary.values(), strict=True):
            point.quantile_values.add(quantile=quantile, value=value)


def _timed(points: Any, labels: Labels, began: int, now: int) -> Any:
    point = points.add(start_time_unix_nano=began, time_unix_nano=now)
    for name, value in labels:
        point.attributes.add(key=name).value.string_value = value
    return point


def _number(point: Any, value: float) -> None:
    if isinstance(value, int) and abs(value) <= _LARGEST:
        point.as_int = value
    else:
        point.as_double = value


def _packed(request: ExportMetricsServiceRequest) -> bytes:
    return gzip.compress(request.SerializeToString(), 1)
