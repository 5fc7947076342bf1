"""Counters by fewer labels, which the exporter adds up: a rule that asks for a DAG need not read each of its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import catalog

from .kinds import Counter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.catalog import Metric

    from .labels import Labels
    from .store import SeriesStore

EVERY = 5.0
"""Seconds between two additions: a look at each of 30,000 series takes some milliseconds of the thread that stores."""


class Sums:
    """The sums of one store. Only the thread that writes to it may call this."""

    def __init__(self, store: SeriesStore, now: float) -> None:
        self._store = store
        self._next = now + EVERY

    def step(self, now: float) -> None:
        """Add what has been counted since, if it is time."""
        if now >= self._next:
            self._next = now + EVERY
            self.add()

    def add(self) -> None:
        """Add what has been counted since the last call."""
        for metric, labels, series in self._parts():
            grown = series.value - series.added
            if grown:
                series.added = series.value
                kept = tuple(pair for pair in labels if pair[0] in metric.labels)
                total = self._store.series(metric, kept)
                if isinstance(total, Counter):
                    total.value += grown

    def skip(self) -> None:
        """Take what is there for added: it was restored, and so were the sums."""
        for _, _, series in self._parts():
            series.added = series.value

    def _parts(self) -> Iterator[tuple[Metric, Labels, Counter]]:
        for metric in catalog.sums():
            family = self._store.families.get(catalog.SUMMED[metric.family])
            # What a mapping names like it has labels of its own.
            if family is None or family.metric.source != "statsd":
                continue
            # What is beyond a budget is of no DAG.
            for labels, series in family.series.items():
                if isinstance(series, Counter) and labels not in family.beyond:
                    yield metric, labels, series
