"""What the exporter says about itself, kept in a series store like everything else."""

from __future__ import annotations

import heapq
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

from windsock import catalog
from windsock.settings.exporter import Budgets

from .budget import Budget
from .kinds import Counter, Gauge
from .store import SeriesStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.catalog import Metric

_SERIES_PER_METRIC = 100
_Kind = TypeVar("_Kind", Counter, Gauge)


class OwnMetrics:
    """windsock_* counters and gauges; a label value beyond the hundredth of its metric is counted as `other`."""

    def __init__(self) -> None:
        self.store = SeriesStore(Budget(Budgets(series=10_000)))

    def counter(self, name: str, **labels: str) -> Counter:
        """Return the counter; add to its `value`."""
        return self._series(catalog.family(name), labels, Counter)

    def gauge(self, name: str, **labels: str) -> Gauge:
        """Return the gauge; call its `set`."""
        return self._series(catalog.family(name), labels, Gauge)

    def counters(self, name: str) -> list[tuple[str, Counter]]:
        """The counters of a metric with one label: its value, and the counter."""
        family = self.store.families.get(name)
        found = sorted(family.series.items()) if family is not None else []
        return [(labels[0][1], one) for labels, one in found if labels and isinstance(one, Counter)]

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self.gauge(name, **labels).set(value)

    def set_all(self, name: str, label: str, values: Mapping[str, float], most: int) -> None:
        """Set a gauge with one label to exactly `values`; where there are more than `most`, the least are `other`."""
        copy = dict(values)
        shown = dict(heapq.nlargest(most, copy.items(), key=itemgetter(1)))
        if len(copy) > len(shown):
            shown["other"] = sum(copy.values()) - sum(shown.values())
        metric = catalog.family(name)
        family = self.store.families.get(metric.family)
        for labels in list(family.series) if family is not None else ():
            if labels[0][1] not in shown:
                self.store.drop(metric, labels)
        for value, figure in shown.items():
            self.set(name, figure, **{label: value})

    def _series(self, metric: Metric, labels: dict[str, str], kind: type[_Kind]) -> _Kind:
        key = tuple(sorted(labels.items()))
        family = self.store.families.get(metric.family)
        if family is not None and key not in family.series and len(family.series) >= _SERIES_PER_METRIC:
            key = tuple((name, "other") for name in sorted(labels))
        series = self.store.series(metric, key)
        if not isinstance(series, kind):
            raise TypeError(f"{metric.family} is a {metric.kind}")
        return series
