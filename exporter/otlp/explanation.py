"""What becomes of exports that stand in a file, and why: for people whose dashboards are empty."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from windsock import regular
from windsock.exceptions import WindsockError
from windsock.exporter.series.budget import Budget
from windsock.exporter.series.own import OwnMetrics
from windsock.exporter.series.store import SeriesStore
from windsock.exporter.statsd.custom import Custom
from windsock.exporter.statsd.target import Target
from windsock.exporter.statsd.translate import Translator
from windsock.exporter.statsd.unmapped import Unmapped
from windsock.exporter.web.bodies import JSON, RequestError
from windsock.text import clean

from . import message
from .intake import Intake
from .meaning import kind_of
from .outcomes import OUTCOMES, REFUSALS
from .point import tags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    from windsock.catalog import Metric
    from windsock.settings.exporter import Exporter as ExporterSettings

_MOST = 256 << 20
_NANOSECONDS = 1e9
_MEANINGS = {**OUTCOMES, **REFUSALS}


def explain(path: Path, settings: ExporterSettings, metrics: Iterable[Metric]) -> Iterator[dict[str, Any]]:
    """An entry for each metric and set of attributes, and one for the whole; raises WindsockError.

    The file holds one export as it is posted (protobuf or JSON), or JSON exports line by line, as a collector's `file`
    exporter writes them. An exporter that began before all of them is supposed.
    """
    metrics = tuple(metrics)
    statsd = Translator(metrics, settings.statsd, Custom(settings), _unmapped(settings))
    intake = Intake(settings, metrics, statsd, OwnMetrics(), began=0)
    requests = list(_read(path))
    latest = max((point.time_unix_nano for request in requests for *_, point in _points(request)), default=0)
    intake.clock = lambda: latest / _NANOSECONDS
    seen: set[Any] = set()
    outcomes: Counter[str] = Counter()
    for request in requests:
        outcomes += intake.take(request)
        for metric, data, held, point in _points(request):
            tags = tags_of(point.attributes)
            if (metric.name, data, tags) not in seen:
                seen.add((metric.name, data, tags))
                yield {
                    "point": clean(_shown(metric.name, tags)),
                    "type": data,
                    **_entry(intake, metric, data, held, tags),
                }
    store = SeriesStore(Budget(settings.budgets))
    intake.drain(store)
    yield {
        "exports": len(requests),
        "instances": len(intake.streams),
        "series": len(store),
        "points": [f"{points} {outcome}: {_MEANINGS[outcome]}" for outcome, points in outcomes.most_common()],
    }


def _entry(intake: Intake, metric: Any, data: str, held: Any, tags: Any) -> dict[str, Any]:
    kind = kind_of(data, held, metric.unit)
    found = intake.meanings.find(metric.name, kind, tags) if kind and tags is not None else "malformed"
    if data == "summary":
        found = "summary"
    elif kind is None:
        found = "unit"
    if not isinstance(found, Target):
        return {"stored": False, "reason": _MEANINGS[found]}
    labels = ",".join(f'{name}="{clean(value)}"' for name, value in found.labels)
    effect = {"add": "adds what is new", "set": "sets", "observe": "observes"}[found.operation]
    return {
        "stored": True,
        "metric": found.metric.name,
        "help": found.metric.help,
        "series": f"{found.metric.family}{{{labels}}}" if labels else found.metric.family,
        "effect": effect,
        "left out": [f"the attribute {clean(tag)}: {why}" for tag, why in found.left_out],
    }


def _points(request: ExportMetricsServiceRequest) -> Iterator[tuple[Any, str, Any, Any]]:
    for part in request.resource_metrics:
        for scope in part.scope_metrics:
            for metric in scope.metrics:
                data = metric.WhichOneof("data")
                if data:
                    held = getattr(metric, data)
                    yield from ((metric, data, held, point) for point in held.data_points)


def _read(path: Path) -> Iterator[ExportMetricsServiceRequest]:
    try:
        content = regular.content(path, _MOST)
    except (OSError, ValueError) as error:
        raise WindsockError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        if not content.lstrip().startswith(b"{"):
            yield message.read(content, message.PROTOBUF, _encoding(content), _MOST)
            return
        lines = [line for line in content.splitlines() if line.strip()]
        whole = [content] if len(lines) > 1 and not _is_json(lines[0]) else lines
        for line in whole:
            yield message.read(line, JSON, "", _MOST)
    except RequestError as error:
        raise WindsockError(f"{path}: {error}: expected OTLP's protobuf, or JSON, one export a line") from None


def _encoding(content: bytes) -> str:
    return "gzip" if content.startswith(b"\x1f\x8b") else ""


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _shown(name: str, tags: Any) -> str:
    return f"{name}{{{','.join(f'{tag}={value}' for tag, value in tags or ())}}}"


def _unmapped(settings: ExporterSettings) -> Unmapped | None:
    return Unmapped(settings) if settings.statsd.unmapped == "keep" else None
