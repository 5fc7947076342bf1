"""Who may still be stored: upper bounds of the series in all, of one metric, of one DAG, and of one label's values."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windsock.settings.exporter import Budgets

    from .labels import Labels

_BUDGETS = ("series", "metric", "dag", "label")


class Budget:
    """Counts series as they come and go."""

    def __init__(self, limits: Budgets) -> None:
        self.limits = limits
        self.overflows: Counter[str] = Counter(dict.fromkeys(_BUDGETS, 0))
        """How often each budget kept a new series out."""
        self.series = 0
        self.metrics: Counter[str] = Counter()
        self.dags: Counter[str] = Counter()
        self.labels: dict[str, Counter[str]] = {}

    def admit(self, family: str, labels: Labels) -> str | None:
        """Count a new series in, or return the budget that keeps it out."""
        refusal = self._refusal(family, labels)
        if refusal is not None:
            self.overflows[refusal] += 1
            return refusal
        self.series += 1
        self.metrics[family] += 1
        for name, value in labels:
            self.labels.setdefault(name, Counter())[value] += 1
            if name == "dag_id":
                self.dags[value] += 1
        return None

    def release(self, family: str, labels: Labels) -> None:
        """Count a series out that was admitted."""
        self.series -= 1
        _take(self.metrics, family)
        for name, value in labels:
            _take(self.labels[name], value)
            if name == "dag_id":
                _take(self.dags, value)

    def _refusal(self, family: str, labels: Labels) -> str | None:
        if self.series >= self.limits.series:
            return "series"
        if self.metrics[family] >= self.limits.metric:
            return "metric"
        for name, value in labels:
            if name == "dag_id" and self.dags[value] >= self.limits.dag:
                return "dag"
            values = self.labels.get(name, ())
            if len(values) >= self.limits.label and value not in values:
                return "label"
        return None


def _take(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
