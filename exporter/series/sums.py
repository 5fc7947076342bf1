"""Counters and histograms by fewer labels, which the exporter adds up: who asks for a DAG need not read its tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from windsock import catalog

from .kinds import Counter, Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        """Add what has been counted since the last call; of a histogram, what a scrape has turned into buckets."""
        for metric, labels, series in self._parts():
            grown = _grown(series)
            if grown is None:
                continue
            total = self._store.series(metric, tuple(pair for pair in labels if pair[0] in metric.labels))
            if isinstance(total, Counter) and isinstance(grown, float):
                total.value += grown
            elif isinstance(total, Histogram) and isinstance(grown, tuple):
                total.tally(*grown)

    def skip(self) -> None:
        """Take what is there for added: it was restored, and so were the sums."""
        for _, _, series in self._parts():
            _grown(series)

    def _parts(self) -> Iterator[tuple[Metric, Labels, Counter | Histogram]]:
        for metric in catalog.sums():
            family = self._store.families.get(catalog.SUMMED[metric.family])
            # What a mapping names like it has labels of its own.
            if family is None or family.metric.source != "statsd":
                continue
            # With the buckets that are configured.
            whole = replace(metric, buckets=family.metric.buckets)
            # What is beyond a budget is of no DAG.
            for labels, series in family.series.items():
                if isinstance(series, (Counter, Histogram)) and labels not in family.beyond:
                    yield whole, labels, series


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
