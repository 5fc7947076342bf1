"""A configuration of OpenTelemetry's collector that makes one series a fact of Airflow's exports, under our names.

It is for who has a collector and no place for the exporter. What it can't do stands in docs/otlp.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from windsock import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.catalog import Metric
    from windsock.settings.exporter import Otlp

LEGACY = "legacy"
"""What the names of metrics begin with that are the same facts again, or none of the catalogue."""
_MILLISECOND = 0.001


def configuration(settings: Otlp, listen: str, expose: str) -> dict[str, Any]:
    """The whole file: receivers on the host `listen`, processors, and Prometheus' exporter on HOST:PORT `expose`."""
    processors = {
        # Each process is an instance: its differences are added to those of all others.
        "cumulative_to_delta": {"initial_value": "auto", "max_staleness": f"{settings.forget:g}s"},
        "resource": {"attributes": [{"key": "service.instance.id", "action": "delete"}]},
        "delta_to_cumulative": {"max_stale": "168h"},
        "metrics_transform": {"transforms": list(_transforms(settings.prefix))},
    }
    protocols = {"grpc": {"endpoint": f"{listen}:4317"}, "http": {"endpoint": f"{listen}:4318"}}
    return {
        "receivers": {"otlp": {"protocols": protocols}},
        "processors": processors,
        "exporters": {
            # The names have their units already; what comes in ms says so still, and would get one more.
            "prometheus": {
                "endpoint": expose,
                "metric_expiration": "168h",
                "translation_strategy": "UnderscoreEscapingWithoutSuffixes",
            }
        },
        "service": {
            "pipelines": {
                "metrics": {"receivers": ["otlp"], "processors": list(processors), "exporters": ["prometheus"]}
            }
        },
    }


def _transforms(prefix: str) -> Iterator[dict[str, Any]]:
    start = f"{prefix}." if prefix else ""
    for metric in catalog.statsd():
        if "{" not in metric.name:
            # OpenTelemetry's Python writes names in lower case.
            yield _update(f"{start}{metric.name}".lower(), metric.family, **_seconds(metric))
    # A dollar is doubled, else the collector takes it for a variable of its environment.
    yield _update(f"^{re.escape(start)}(.*)$", f"{LEGACY}_$${{1}}", match_type="regexp")


def _update(include: str, name: str, **more: Any) -> dict[str, Any]:
    return {"include": include, "action": "update", "new_name": name, **more}


def _seconds(metric: Metric) -> dict[str, Any]:
    if metric.kind != "histogram":
        return {}
    return {"operations": [{"action": "experimental_scale_value", "experimental_scale": _MILLISECOND}]}
