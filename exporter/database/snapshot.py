"""The series that the database's rows become: gauges as of the last pass, counters and histograms that only grow."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from windsock import catalog
from windsock.exporter.series.budget import Budget
from windsock.exporter.series.kinds import Counter, Gauge, Histogram
from windsock.exporter.series.store import SeriesStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from windsock.exporter.series.labels import Labels
    from windsock.settings.exporter import Budgets


Sample = tuple[str, "Labels", float]
"""A metric's name, the labels of one of its series, and the value."""


class Snapshot:
    """A series store with the exporter's budgets. One thread writes; scrapes read."""

    def __init__(self, budgets: Budgets) -> None:
        self.store = SeriesStore(Budget(budgets))

    def replace(self, families: Iterable[str], samples: Iterable[Sample]) -> None:
        """Set the gauges `families` to exactly `samples`: a series that is not among them goes.

        Where `samples` raises, nothing has changed.
        """
        found: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
        for name, labels, value in samples:
            found[name][labels] = value
        for name in families:
            metric, values = catalog.family(name), found[name]
            family = self.store.families.get(name)
            there = family.series if family is not None else {}
            # Sets of what dictionaries hold are made without hashing labels anew: thousands of DAGs have tens of
            # thousands of series in each pass.
            for labels in set(there).difference(values):
                self.store.drop(metric, labels)
            for labels, value in values.items():
                series = there.get(labels) or self.store.series(metric, labels)
                if isinstance(series, Gauge):
                    series.set(value)

    def set(self, name: str, value: float) -> None:
        """Set a gauge without labels."""
        self.replace((name,), [(name, (), value)])

    def count(self, name: str, labels: Labels) -> None:
        """Add 1 to a counter."""
        series = self.store.series(catalog.family(name), labels)
        if isinstance(series, Counter):
            series.value += 1

    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        """Add a duration to a histogram."""
        series = self.store.series(catalog.family(name), labels)
        if isinstance(series, Histogram):
            series.observe(seconds)

    def forget(self, known: Iterable[str]) -> None:
        """Drop the counters and histograms of DAGs that are not among `known`."""
        dags = set(known)
        for family in list(self.store.families.values()):
            for labels in [one for one in family.series if family.metric.kind != "gauge" and _of_none(one, dags)]:
                self.store.drop(family.metric, labels)


def _of_none(labels: Labels, dags: set[str]) -> bool:
    return any(name == "dag_id" and value not in dags for name, value in labels)
