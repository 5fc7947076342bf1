"""Who may still be stored: upper bounds of all series and their bytes, of a metric's, of a DAG's, and of labels."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windsock.catalog import Metric
    from windsock.settings.exporter import Budgets

    from .labels import Labels

_BUDGETS = ("series", "bytes", "metric", "dag", "label_names", "label")
# What stands in a line beside the metric's name, the labels' names and their values: braces, quotes, `le`, the number.
_LINE, _LABEL = 30, 4
# A series holds its labels, its text and what they were made of; a histogram's lines are more than that.
_HELD = 3
# A metric's heading names it twice; and what Python needs for a metric of its own.
_HEADING, _METRIC = 2, 1000


class Budget:
    """Counts series as they come and go."""

    def __init__(self, limits: Budgets) -> None:
        self.limits = limits
        self.overflows: Counter[str] = Counter(dict.fromkeys(_BUDGETS, 0))
        """How often each budget kept a new series out."""
        self.series = 0
        self.bytes = 0
        # Not a `Counter`: it asks Python for each key that it does not have, and here each is new at first.
        self.metrics: dict[str, int] = {}
        self.dags: dict[str, int] = {}
        self.labels: dict[str, dict[str, int]] = {}

    def admit(self, metric: Metric, labels: Labels) -> str | None:
        """Count a new series in, or return the budget that keeps it out."""
        size = _size(metric, labels) + (0 if metric.family in self.metrics else _heading(metric))
        refusal = self._refusal(metric.family, labels, size)
        if refusal is not None:
            self.overflows[refusal] += 1
            return refusal
        self.series += 1
        self.bytes += size
        self.metrics[metric.family] = self.metrics.get(metric.family, 0) + 1
        for name, value in labels:
            values = self.labels.get(name)
            if values is None:
                values = self.labels[name] = {}
            values[value] = values.get(value, 0) + 1
            if name == "dag_id":
                self.dags[value] = self.dags.get(value, 0) + 1
        return None

    def release(self, metric: Metric, labels: Labels) -> None:
        """Count a series out that was admitted."""
        self.series -= 1
        self.bytes -= _size(metric, labels)
        _take(self.metrics, metric.family)
        if metric.family not in self.metrics:
            self.bytes -= _heading(metric)
        for name, value in labels:
            _take(self.labels[name], value)
            if not self.labels[name]:
                del self.labels[name]
            if name == "dag_id":
                _take(self.dags, value)

    def _refusal(self, family: str, labels: Labels, size: int) -> str | None:
        if self.series >= self.limits.series:
            return "series"
        if self.bytes + size > self.limits.bytes:
            return "bytes"
        if self.metrics.get(family, 0) >= self.limits.metric:
            return "metric"
        return self._refusal_of_labels(labels)

    def _refusal_of_labels(self, labels: Labels) -> str | None:
        names = len(self.labels)
        for name, value in labels:
            if name == "dag_id" and self.dags.get(value, 0) >= self.limits.dag:
                return "dag"
            values = self.labels.get(name)
            if values is None:
                names += 1
                if names > self.limits.label_names:
                    return "label_names"
            elif len(values) >= self.limits.label and value not in values:
                return "label"
        return None


def overflow(refusal: str) -> Labels:
    """The labels of the series that all of a metric share which a budget keeps out."""
    return (("overflow", refusal),)


def refused_by(labels: Labels) -> str | None:
    """The budget whose `overflow` these are, if they are."""
    return next((refusal for refusal in _BUDGETS if labels == overflow(refusal)), None)


def _size(metric: Metric, labels: Labels) -> int:
    # Its labels stand in one text, which is as wide as the widest of its letters.
    text = len(metric.family) + _LINE + _width("".join(map("".join, labels))) + _LABEL * len(labels)
    lines = 1
    # The buckets with +Inf, or the quantiles; the sum and the count.
    if metric.kind == "histogram":
        lines = len(metric.buckets) + 3
    elif metric.kind == "summary":
        lines = len(metric.quantiles.shown) + 2
    return text * max(lines, _HELD)


def _heading(metric: Metric) -> int:
    return _HEADING * _width(metric.family) + _METRIC


def _width(text: str) -> int:
    """Bytes of a text in memory, at most."""
    return len(text) * (1 if text.isascii() else 4)


def _take(counter: dict[str, int], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
