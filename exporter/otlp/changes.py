"""What waits for the thread that stores: added up, a change a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from windsock.exporter.series import kinds

if TYPE_CHECKING:
    from collections.abc import Hashable

    from windsock.exporter.series.labels import Labels
    from windsock.exporter.series.store import SeriesStore
    from windsock.exporter.statsd.target import Target

    from .buckets import Observed

_MOST_SENDERS = 100
_OTHERS = "others"
"""What each sender says of a gauge is kept; of many, the last is shown, as with StatsD's."""


@dataclass
class _Change:
    """What a series is to be given: an amount, or counts of buckets and a sum, or what senders say."""

    target: Target
    amount: float = 0.0
    tallies: list[int] | None = None
    said: dict[tuple[Hashable, bool], float] | None = None
    """Of a gauge, by sender: a value, or (True) a change."""


class Changes(dict[tuple[str, "Labels"], _Change]):
    """By series."""

    def add(self, target: Target, amount: float) -> None:
        """Let a counter grow."""
        self._of(target).amount += amount

    def observe(self, target: Target, observed: Observed, factor: float) -> None:
        """Give a histogram observations; `factor` turns their unit into seconds."""
        change = self._of(target)
        counts, seconds = observed.spread(target.metric.buckets, factor)
        old = change.tallies
        change.tallies = counts if old is None else [one + more for one, more in zip(old, counts, strict=True)]
        change.amount += seconds

    def say(self, target: Target, sender: Hashable, value: float, *, change: bool) -> None:
        """Set what a sender says of a gauge, or change it."""
        of = self._of(target)
        if of.said is None:
            of.said = {}
        before = of.said.pop((sender, change), 0.0)
        of.said[sender, change] = value + before if change else value

    def give(self, store: SeriesStore) -> int:
        """Give everything to the series; returns for how many there was none within the budgets."""
        refused = 0
        for change in self.values():
            series = store.series(change.target.metric, change.target.labels)
            refused += not _give(series, change)
        return refused

    def _of(self, target: Target) -> _Change:
        key = target.metric.family, target.labels
        found = self.get(key)
        if found is None:
            found = self[key] = _Change(target)
        return found


class Senders:
    """Who is told apart, until that is too many."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._known: set[Hashable] = set()
        self._since = 0.0

    def meet(self, identity: Hashable, now: float) -> Hashable:
        """Who a sender is taken for: itself, or one of the others."""
        if now - self._since > self._patience:
            self._since = now
            self._known.clear()
        if identity not in self._known:
            if len(self._known) >= _MOST_SENDERS:
                return _OTHERS
            self._known.add(identity)
        return identity


def _give(series: Any, change: _Change) -> bool:
    """Whether there is a series to give it to."""
    if isinstance(series, kinds.Counter):
        series.value += _whole(change.amount)
    elif isinstance(series, kinds.Histogram):
        series.tally(change.tallies or (), change.amount)
    elif isinstance(series, kinds.Gauge):
        for (sender, is_change), value in (change.said or {}).items():
            if is_change:
                series.add(_whole(value), sender)
                series.last = sender
            else:
                series.set(_whole(value), sender)
    else:
        return False
    return True


def _whole(number: float) -> float:
    return int(number) if number == number // 1 and abs(number) < 2**53 else number
