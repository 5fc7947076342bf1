"""Who may still be stored: upper bounds of all series and their bytes, of a metric's, of a DAG's, and of labels."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windsock.catalog import Metric
    from windsock.settings.exporter import Budgets

    from .labels import Labels

_BUDGETS = ("series", "bytes", "metric", "dag", "label_names", "label")
# What stands in a line beside the metric's name and the labels: braces, `le`, the number.
_LINE = 30
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
        self.labels: dict[str, dict[str, int]] = {}
        """Series by a label's name and value."""

    def admit(self, metric: Metric, labels: Labels, text: str) -> str | None:
        """Count a new series in, or return the budget that keeps it out. `text` are its labels as they are exposed."""
        known = self.metrics.get(metric.family, 0)
        size = _size(metric, text) + (0 if known else _heading(metric))
        refusal = self._refusal(known, labels, size)
        if refusal is not None:
            self.overflows[refusal] += 1
            return refusal
        self.series += 1
        self.bytes += size
        self.metrics[metric.family] = known + 1
        for name, value in labels:
            values = self.labels.get(name)
            if values is None:
                values = self.labels[name] = {}
            values[value] = values.get(value, 0) + 1
        return None

    def release(self, metric: Metric, labels: Labels, text: str) -> None:
        """Count a series out that was admitted."""
        self.series -= 1
        self.bytes -= _size(metric, text)
        _take(self.metrics, metric.family)
        if metric.family not in self.metrics:
            self.bytes -= _heading(metric)
        for name, value in labels:
            _take(self.labels[name], value)
            if not self.labels[name]:
                del self.labels[name]

    def _refusal(  # noqa: PLR0911  one return for each budget
        self, known: int, labels: Labels, size: int
    ) -> str | None:
        """`known` are the series of its metric."""
        limits = self.limits
        if self.series >= limits.series:
            return "series"
        if self.bytes + size > limits.bytes:
            return "bytes"
        if known >= limits.metric:
            return "metric"
        names = len(self.labels)
        for name, value in labels:
            values = self.labels.get(name)
            if values is None:
                names += 1
                if names > limits.label_names:
                    return "label_names"
            elif name == "dag_id" and values.get(value, 0) >= limits.dag:
                return "dag"
            elif len(values) >= limits.label and value not in values:
                return "label"
        return None


def overflow(refusal: str) -> Labels:
    """The labels of the series that all of a metric share which a budget keeps out."""
    return (("overflow", refusal),)


def refused_by(labels: Labels) -> str | None:
    """The budget whose `overflow` these are, if they are."""
    return next((refusal for refusal in _BUDGETS if labels == overflow(refusal)), None)


def _size(metric: Metric, text: str) -> int:
    # Its labels stand in one text, which is as wide as the widest of its letters.
    line = len(metric.family) + _LINE + _width(text)
    lines = 1
    # The buckets with +Inf, or the quantiles; the sum and the count.
    if metric.kind == "histogram":
        lines = len(metric.buckets) + 3
    elif metric.kind == "summary":
        lines = len(metric.quantiles.shown) + 2
    return line * max(lines, _HELD)


def _heading(metric: Metric) -> int:
    return _HEADING * _width(metric.family) + _METRIC


def _width(text: str) -> int:
    """Bytes of a text in memory, at most."""
    return len(text) * (1 if text.isascii() else 4)


def _take(counter: dict[str, int], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
