"""The metrics that lines bring along: any name, made a metric as it arrives, and never too many."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.catalog import Kind, Metric
    from windsock.settings.exporter import Budgets

KINDS: Mapping[str, Kind] = {"c": "counter", "g": "gauge", "ms": "histogram", "h": "histogram", "d": "histogram"}
"""What a line's type is exposed as."""
_ALL = 20
"""Names of all DAGs together, for each that one DAG may have."""


class Newcomers:
    """The names seen so far, by DAG."""

    def __init__(self, limits: Budgets) -> None:
        self.limits = limits
        self._families: dict[str, Metric] = {}
        self._dags: defaultdict[str, set[str]] = defaultdict(set)

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
        names = self._dags.get(dag_id, set())
        if metric.family in names:
            return True
        new = metric.family not in self._families
        if len(names) >= self.limits.custom or (new and len(self._families) >= self.limits.custom * _ALL):
            return False
        if dag_id not in self._dags and len(self._dags) >= self.limits.label:
            return False
        self._families.setdefault(metric.family, metric)
        self._dags[dag_id].add(metric.family)
        return True
