"""Series by fewer labels, which the exporter adds up: who asks for a DAG need not read its tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from windsock import catalog

from .kinds import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from windsock.catalog import Metric

    from .labels import Labels
    from .store import Family, SeriesStore

EVERY = 5.0
"""Seconds between two additions: a look at each of 30,000 series takes up to 40 ms of the thread that stores."""


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
        """Add what has been counted since the last call; of a histogram, what a scrape has turned into buckets.

        A gauge becomes what its parts say now.
        """
        for metric, family in self._wholes():
            if metric.kind == "gauge":
                self._level(metric, family)
            else:
                self._grow(metric, family)

    def skip(self) -> None:
        """Take what is there for added: it was restored, and so were the sums."""
        for _, family in self._wholes():
            for _, series in _counting(family):
                _grown(series)

    def _wholes(self) -> Iterator[tuple[Metric, Family]]:
        """What is added up, and the family of its parts."""
        for metric in catalog.sums():
            family = self._store.families.get(catalog.SUMMED[metric.family])
            # What a mapping names like it has labels of its own.
            if family is not None and family.metric.source == "statsd":
                # With the buckets that are configured.
                yield replace(metric, buckets=family.metric.buckets), family

    def _grow(self, metric: Metric, family: Family) -> None:
        for labels, series in _counting(family):
            grown = _grown(series)
            if grown is None:
                continue
            total = self._store.series(metric, _kept(metric, labels))
            if isinstance(total, Counter) and isinstance(grown, float):
                total.value += grown
            elif isinstance(total, Histogram) and isinstance(grown, tuple):
                total.tally(*grown)

    def _level(self, metric: Metric, family: Family) -> None:
        totals: dict[Labels, float] = {}
        for labels, part in family.series.items():
            if isinstance(part, Gauge) and labels not in family.beyond:
                whole = _kept(metric, labels)
                totals[whole] = totals.get(whole, 0) + part.value
        # Not left to expiry: what has no parts any more would say its last value for minutes.
        for labels in self._store.labels(metric):
            if labels not in totals:
                self._store.drop(metric, labels)
        for labels, value in totals.items():
            total = self._store.series(metric, labels)
            if isinstance(total, Gauge):
                total.set(value)


def _kept(metric: Metric, labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] in metric.labels)


def _counting(family: Family) -> Iterator[tuple[Labels, Counter | Histogram]]:
    # What is beyond a budget is of no DAG.
    for labels, series in family.series.items():
        if isinstance(series, (Counter, Histogram)) and labels not in family.beyond:
            yield labels, series


def _grown(series: Counter | Histogram) -> float | tuple[Sequence[int], float] | None:
    """What has been counted since the last call; None: nothing."""
    if isinstance(series, Counter):
        grown, series.added = series.value - series.added, series.value
        return float(grown) if grown else None
    counts, before = tuple(series.counts), series.added
    if counts == before[0]:
        return None
    # A scrape may be between the two: what it has put into one of them only comes with the next call.
    series.added = counts, series.sum
    return [now - then for now, then in zip(counts, before[0], strict=True)], series.added[1] - before[1]
