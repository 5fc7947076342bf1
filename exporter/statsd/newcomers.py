"""The metrics that lines bring along: any name, made a metric as it arrives, never too many, forgotten when idle."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .line import LONGEST_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.catalog import Kind, Metric
    from windsock.exporter.series.store import Family
    from windsock.settings.exporter import Budgets

KINDS: Mapping[str, Kind] = {"c": "counter", "g": "gauge", "ms": "histogram", "h": "histogram", "d": "histogram"}
"""What a line's type is exposed as."""
_ALL = 20
"""Names of all DAGs together, for each that one DAG may have."""


class Newcomers:
    """The names that are known, and the DAGs that have each; what has no DAG is as one of its own."""

    def __init__(self, limits: Budgets) -> None:
        self.limits = limits
        self._families: dict[str, Metric] = {}
        self._dags: dict[str, set[str]] = {}
        """By exposed name."""
        self._names: Counter[str] = Counter()
        """How many a DAG has."""
        self._held = 0
        """How many all DAGs have."""

    def __len__(self) -> int:
        return len(self._families)

    def get(self, family: str) -> Metric | None:
        """The metric that has this exposed name."""
        return self._families.get(family)

    def restore(self, metric: Metric) -> None:
        """Know a metric again that was admitted before a restart."""
        self._families.setdefault(metric.family, metric)

    def admit(self, metric: Metric, dag_id: str) -> bool:
        """Whether a DAG, or what is none's, may bring the metric along; if so, it is known from now on."""
        dags = self._dags.get(metric.family, set())
        if dag_id in dags:
            return True
        if not self._has_room(metric, dag_id):
            return False
        self._families.setdefault(metric.family, metric)
        self._dags.setdefault(metric.family, dags).add(dag_id)
        self._names[dag_id] += 1
        self._held += 1
        return True

    def forget(self, name: str, family: Family | None) -> bool:
        """Give back what those DAGs had of an exposed name that have no series of it left; returns whether any had."""
        if name not in self._families:
            return False
        series = family.series if family is not None else ()
        left = {next((value for label, value in labels if label == "dag_id"), "") for labels in series}
        dags = self._dags.get(name, set())
        gone = dags - left
        dags -= gone
        self._held -= len(gone)
        self._names.subtract(gone)
        for dag_id in gone:
            if not self._names[dag_id]:
                del self._names[dag_id]
        if family is None:
            del self._families[name]
            self._dags.pop(name, None)
        return bool(gone) or family is None

    def _has_room(self, metric: Metric, dag_id: str) -> bool:
        if self._names[dag_id] >= self.limits.custom:
            return False
        if metric.family not in self._families and len(self._families) >= self.limits.custom * _ALL:
            return False
        if dag_id not in self._names and (len(self._names) >= self.limits.label or len(dag_id) > LONGEST_ID):
            return False
        return self._held < self.limits.series
