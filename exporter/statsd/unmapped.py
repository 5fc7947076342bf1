"""The metrics of Airflow plugins and providers that the catalogue does not know, under a prefix of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from windsock import catalog
from windsock.exporter.series.metrics import adjusted

from .names import Found
from .newcomers import KINDS, Newcomers
from .prefix import foreign_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.catalog import Metric
    from windsock.settings.exporter import Exporter

# What Airflow lets through: `stat_name_handler` may let more, and be counted as a bad name.
_NAME = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_./-]{1,250}")
_HISTOGRAM = ("_bucket", "_count", "_sum")


class Unmapped:
    """The names seen so far; `metrics` holds what they became."""

    def __init__(self, settings: Exporter) -> None:
        self._settings = settings
        self.metrics = Newcomers(settings.budgets)

    def find(self, name: str, kind: str, tags: Mapping[str, str]) -> Found | str | None:
        """The metric of a name without Airflow's prefix; the reason for which it is none; None: not to be kept.

        A name of the catalogue behind another prefix would be there a second time, as soon as the prefix is set right.
        """
        metric = self.metric(name, KINDS[kind])
        if metric is None:
            return "bad_name"
        known = self.metrics.get(metric.family)
        if known is None and foreign_prefix(name, "") is not None:
            return None
        if known is not None and (known.kind, known.name) != (metric.kind, metric.name):
            return "type_conflict" if known.name == metric.name else "name_conflict"
        if known is None and self._collides(metric):
            return "name_conflict"
        if not self.metrics.admit(metric, tags.get("dag_id", "")):
            return "unmapped_budget"
        return Found(known or metric, {}, "modern")

    def metric(self, name: str, kind: catalog.Kind) -> Metric | None:
        """The metric that a name would be; None where it is no name."""
        return adjusted(catalog.unmapped(name, kind), self._settings) if _NAME.fullmatch(name) else None

    def _collides(self, metric: Metric) -> bool:
        """Whether a sample of the metric would be called like one of another metric's."""
        if metric.kind == "histogram":
            return any(self.metrics.get(metric.family + end) is not None for end in _HISTOGRAM)
        bases = (self.metrics.get(metric.family.removesuffix(end)) for end in _HISTOGRAM)
        return any(base is not None and base.kind == "histogram" for base in bases)
