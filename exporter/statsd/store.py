"""The series: what the lines add up to between two scrapes.

One thread writes; scrapes read. Nothing here waits for a lock on the way of a line: a counter is one attribute, a
timer's values are only appended to a list, and turned into buckets when someone looks or the lists grow long.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from windsock.exporter.mapping.metric import MappedMetric

from .line import parse_number

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from windsock.catalog import Metric
    from windsock.settings import Policy

    from .budget import Budget
    from .translate import Labels

_DIGITS = b"0123456789.+-eE"
_MILLISECONDS = 0.001
_POLICIES: dict[str, Callable[[Iterable[float]], float]] = {"max": max, "min": min, "sum": sum}


class Counter:
    """A sum that only grows."""

    __slots__ = ("mark", "text", "value")

    def __init__(self, text: str) -> None:
        self.text = text
        self.value: float = 0
        self.mark: float = -1
        """What expiry saw at its last visit."""


class Gauge:
    """The last value of each sender; a sender is an address without its port.

    `values` are those since the last visit of expiry, `older` those of the time between its last two visits.
    """

    __slots__ = ("last", "older", "policy", "text", "values")

    def __init__(self, text: str, policy: Policy) -> None:
        self.text = text
        self.policy = policy
        self.values: dict[Hashable, float] = {}
        self.older: dict[Hashable, float] = {}
        self.last: Hashable = None

    @property
    def value(self) -> float:
        """One value out of what several senders say, by the policy."""
        senders = {**self.older, **self.values}
        if self.policy == "last" or len(senders) < 2:
            return senders.get(self.last, 0)
        return _POLICIES[self.policy](senders.values())

    def add(self, amount: float, sender: Hashable) -> None:
        """Change what `sender` said."""
        before = self.values.get(sender)
        self.values[sender] = amount + (self.older.get(sender, 0) if before is None else before)

    def age(self) -> bool:
        """Forget what was not said again since the last but one call; returns whether nothing is left."""
        self.older, self.values = self.values, {}
        return not self.older


class Histogram:
    """Observations in milliseconds, in buckets of seconds; `counts` is not cumulative, its last element is +Inf."""

    __slots__ = ("bounds", "counts", "mark", "pending", "sum", "text")

    def __init__(self, text: str, bounds: tuple[float, ...]) -> None:
        self.text = text
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self.pending: dict[tuple[float, int], list[bytes]] = {}
        self.mark: float = -1
        """What expiry saw at its last visit."""

    @property
    def observed(self) -> int:
        """A number that grows with every observation."""
        return sum(self.counts) + sum(map(len, self.pending.values()))

    def inbox(self, factor: float, times: int) -> list[bytes]:
        """Where to append raw values: each times `factor` is milliseconds, and counts `times` times (sampling)."""
        return self.pending.setdefault((factor, times), [])

    def fold(self) -> tuple[int, int]:
        """Take the raw values in; returns how many were no numbers, and how many had their unit corrected."""
        bad = corrected = 0
        for (factor, times), values in list(self.pending.items()):
            count = len(values)
            if not count:
                continue
            taken = values[:count]
            del values[:count]
            numbers, wrong = _numbers(taken)
            bad += wrong
            corrected += len(numbers) if factor != 1 else 0
            self._observe(numbers, factor * _MILLISECONDS, times)
        return bad, corrected

    def _observe(self, numbers: list[float], factor: float, times: int) -> None:
        self.sum += sum(numbers) * factor * times
        bounds = [round(bound / factor, 9) for bound in self.bounds] if len(numbers) >= 16 else None
        if bounds is None:
            for number in numbers:
                self.counts[bisect_left(self.bounds, round(number * factor, 12))] += times
            return
        numbers.sort()
        below = 0
        for index, bound in enumerate(bounds):
            reached = bisect_right(numbers, bound, below)
            self.counts[index] += (reached - below) * times
            below = reached
        self.counts[-1] += (len(numbers) - below) * times


Series = Counter | Gauge | Histogram


class Family:
    """All series of one metric."""

    __slots__ = ("metric", "series", "unborn")

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.series: dict[Labels, Series] = {}
        self.unborn: dict[Series, float | None] = {}
        """Counters and histograms that no scrape has shown as 0 yet, or only since the time given."""

    def add(self, labels: Labels) -> Series:
        """Make a series that is not there."""
        series = _new(self.metric, labels)
        if not isinstance(series, Gauge):
            self.unborn[series] = None
        self.series[labels] = series
        return series


class SeriesStore:
    """All families by their exposed name, within their budgets."""

    def __init__(self, budget: Budget) -> None:
        self.families: dict[str, Family] = {}
        self.budget = budget
        self.bad_values = 0
        self.corrected = 0
        self._folding = threading.Lock()

    def __len__(self) -> int:
        return self.budget.series

    def series(self, metric: Metric, labels: Labels) -> Series | None:
        """Return the series, made where it is new.

        Where a budget keeps it out, counters and histograms get the series that all of their metric share then, so that
        sums stay right; a gauge gets None.
        """
        family = self.families.get(metric.family)
        if family is None:
            family = self.families[metric.family] = Family(metric)
        series = family.series.get(labels)
        if series is None:
            refusal = self.budget.admit(metric.family, labels)
            if refusal is not None:
                if metric.kind == "gauge":
                    return None
                labels = (("overflow", refusal),)
            series = family.series.get(labels) or family.add(labels)
        return series

    def labels(self, metric: Metric) -> list[Labels]:
        """Those of each series that a metric has now."""
        family = self.families.get(metric.family)
        return list(family.series) if family is not None else []

    def drop(self, metric: Metric, labels: Labels) -> None:
        """Forget one series, if it is there."""
        family = self.families.get(metric.family)
        series = family.series.pop(labels, None) if family is not None else None
        if family is not None and series is not None:
            family.unborn.pop(series, None)
            if not is_overflow(labels):
                self.budget.release(metric.family, labels)

    def forget_empty(self, name: str) -> bool:
        """Forget a family without series that a line named, for there may be ever new ones; returns whether it was."""
        family = self.families[name]
        empty = not family.series and family.metric.source in ("mapping", "custom", "unmapped")
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


def is_overflow(labels: Labels) -> bool:
    """Whether a series is what its metric's series beyond a budget share."""
    return len(labels) == 1 and labels[0][0] == "overflow"


def _new(metric: Metric, labels: Labels) -> Series:
    text = ",".join(f'{name}="{_escape(value)}"' for name, value in labels)
    if metric.kind == "counter":
        return Counter(f"{metric.family}{{{text}}} " if text else f"{metric.family} ")
    if metric.kind == "gauge":
        return Gauge(f"{metric.family}{{{text}}} " if text else f"{metric.family} ", metric.note.policy)
    if metric.kind == "summary" and isinstance(metric, MappedMetric):
        from windsock.exporter.mapping.summary import Summary  # noqa: PLC0415  it is a Histogram, and needs this module

        return Summary(text, metric)
    return Histogram(text, metric.buckets)


def _escape(value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return value


def _numbers(values: list[bytes]) -> tuple[list[float], int]:
    """The durations among raw values, those below zero (a clock was set back) as zero, and how many were none."""
    if not b"".join(values).strip(_DIGITS):
        try:
            numbers = [float(value) for value in values]
        except ValueError:
            pass
        else:
            if min(numbers) >= 0 and max(numbers) < float("inf"):
                return numbers, 0
    good: list[float] = []
    bad = 0
    for value in values:
        for part in value.split(b":"):
            number = parse_number(part.decode(errors="replace"))
            if number is None or number in (float("inf"), float("-inf")):
                bad += 1
            else:
                good.append(max(number, 0.0))
    return good, bad
