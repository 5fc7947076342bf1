"""The catalogue's metrics with the exporter's own settings over them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from windsock import catalog
from windsock.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from windsock.catalog import Kind, Metric
    from windsock.settings.exporter import Exporter as ExporterSettings


def metrics(settings: ExporterSettings) -> tuple[Metric, ...]:
    """Every metric that StatsD can bring, with the buckets and policies that are configured. Raises SettingsError."""
    problems = [
        *_unknown("gauges", settings.gauges, "gauge"),
        *_unknown("buckets", settings.buckets, "histogram"),
    ]
    if problems:
        raise SettingsError(problems)
    return tuple(adjusted(metric, settings) for metric in catalog.statsd())


def adjusted(metric: Metric, settings: ExporterSettings) -> Metric:
    """A metric with the buckets or the policy that are configured for it."""
    if metric.family in settings.gauges:
        return replace(metric, note=replace(metric.note, policy=settings.gauges[metric.family]))
    if metric.family in settings.buckets:
        return replace(metric, buckets=tuple(sorted(set(settings.buckets[metric.family]))))
    return metric


def _unknown(key: str, given: Iterable[str], kind: Kind) -> list[str]:
    known = [metric.family for metric in catalog.statsd() if metric.kind == kind]
    problems = []
    for name in given:
        if name not in known and not name.startswith(("airflow_custom_", catalog.UNMAPPED)):
            import difflib  # noqa: PLC0415  where something is wrong

            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append(f"windsock.yaml: exporter.{key}.{name}: no {kind} has this name{hint}")
    return problems
