"""The series store: all series by metric and labels, within their budgets."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .budget import overflow
from .kinds import Counter, Gauge, Histogram, Reading
from .labels import render
from .summary import Summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.catalog import Metric

    from .budget import Budget
    from .kinds import Series
    from .labels import Labels


# Metrics that lines name, so that there may be ever new ones.
_ENDLESS = ("mapping", "custom", "unmapped")


class Family:
    """All series of one metric."""

    __slots__ = ("_sent", "beyond", "metric", "series", "unborn")

    def __init__(self, metric: Metric, *, sent: bool = True) -> None:
        self.metric = metric
        self._sent = sent
        self.series: dict[Labels, Series] = {}
        self.unborn: dict[Series, float | None] = {}
        """Counters and histograms that no scrape has shown as 0 yet, or only since the time given."""
        self.beyond: set[Labels] = set()
        """Series that no budget counts: what is beyond a budget shares them."""

    def add(self, labels: Labels, text: str) -> Series:
        """Make a series that is not there; `text` are its labels as `render` gives them."""
        series = _new(self.metric, text, sent=self._sent)
        if not isinstance(series, Gauge):
            self.unborn[series] = None
        self.series[labels] = series
        return series


class SeriesStore:
    """All families by their exposed name, within their budgets; `sent`: its gauges may have several senders."""

    def __init__(self, budget: Budget, *, sent: bool = True) -> None:
        self.families: dict[str, Family] = {}
        self.budget = budget
        self.bad_values = 0
        self.corrected = 0
        self._sent = sent
        self._folding = threading.Lock()

    def __len__(self) -> int:
        return self.budget.series

    def series(self, metric: Metric, labels: Labels) -> Series | None:
        """Return the series, made where it is new.

        Where a budget keeps it out, counters and histograms get the series that all of their metric share then, so that
        sums stay right; a gauge gets None, and so does a metric that is new and of which there may be ever more.
        """
        family = self.families.get(metric.family)
        series = family.series.get(labels) if family is not None else None
        if series is not None:
            return series
        text = render(labels)
        refusal = self.budget.admit(metric, labels, text)
        if refusal is not None and (metric.kind == "gauge" or (family is None and metric.source in _ENDLESS)):
            return None
        if refusal is not None:
            return self.shared(metric, refusal)
        if family is None:
            family = self.families[metric.family] = Family(metric, sent=self._sent)
        return family.add(labels, text)

    def shared(self, metric: Metric, refusal: str) -> Series:
        """Return the series of all that a budget keeps out, which no budget counts; made where it is new."""
        family = self.families.setdefault(metric.family, Family(metric, sent=self._sent))
        labels = overflow(refusal)
        if labels not in family.series:
            family.beyond.add(labels)
        return family.series.get(labels) or family.add(labels, render(labels))

    def labels(self, metric: Metric) -> list[Labels]:
        """Those of each series that a metric has now, but for what is beyond a budget."""
        family = self.families.get(metric.family)
        return [labels for labels in family.series if labels not in family.beyond] if family is not None else []

    def drop(self, metric: Metric, labels: Labels) -> None:
        """Forget one series, if it is there."""
        family = self.families.get(metric.family)
        series = family.series.pop(labels, None) if family is not None else None
        if family is not None and series is not None:
            family.unborn.pop(series, None)
            if labels in family.beyond:
                family.beyond.discard(labels)
            else:
                self.budget.release(family.metric, labels, render(labels))

    def forget_empty(self, name: str) -> bool:
        """Forget a family without series that a line named, for there may be ever new ones; returns whether it was."""
        family = self.families[name]
        empty = not family.series and family.metric.source in _ENDLESS
        if empty:
            del self.families[name]
        return empty

    def fold(self, *, wait: bool = True) -> None:
        """Turn raw timer values into buckets; with `wait=False` it does nothing while another thread is at it."""
        if not self._folding.acquire(blocking=wait):
            return
        try:
            for histogram in self._histograms():
                bad, corrected = histogram.fold()
                self.bad_values += bad
                self.corrected += corrected
        finally:
            self._folding.release()

    def _histograms(self) -> Iterator[Histogram]:
        for family in list(self.families.values()):
            if family.metric.kind in ("histogram", "summary"):
                for series in list(family.series.values()):
                    if isinstance(series, Histogram):
                        yield series


def _new(metric: Metric, text: str, *, sent: bool) -> Series:
    if metric.kind == "counter":
        return Counter(f"{metric.family}{{{text}}} " if text else f"{metric.family} ")
    if metric.kind == "gauge":
        start = f"{metric.family}{{{text}}} " if text else f"{metric.family} "
        return Gauge(start, metric.note.policy) if sent else Reading(start)
    return Summary(text, metric.quantiles) if metric.kind == "summary" else Histogram(text, metric.buckets)
