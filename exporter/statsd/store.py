"""The series: what the lines add up to between two scrapes.

One thread writes; scrapes read. Nothing here waits for a lock on the way of a line: a counter is one attribute, a
timer's values are only appended to a list, and turned into buckets when someone looks or the lists grow long.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from .line import parse_number

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from windsock.catalog import Metric

    from .translate import Labels

_DIGITS = b"0123456789.+-eE"
_MILLISECONDS = 0.001


class Counter:
    """A sum that only grows."""

    __slots__ = ("text", "value")

    def __init__(self, text: str) -> None:
        self.text = text
        self.value: float = 0


class Gauge:
    """The last value of each sender; a sender is an address without its port."""

    __slots__ = ("last", "text", "values")

    def __init__(self, text: str) -> None:
        self.text = text
        self.values: dict[Hashable, float] = {}
        self.last: Hashable = None

    @property
    def value(self) -> float:
        """What was set last, by whomever."""
        return self.values.get(self.last, 0)


class Histogram:
    """Observations in milliseconds, in buckets of seconds; `counts` is not cumulative, its last element is +Inf."""

    __slots__ = ("bounds", "counts", "pending", "sum", "text")

    def __init__(self, text: str, bounds: tuple[float, ...]) -> None:
        self.text = text
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self.pending: dict[tuple[float, int], list[bytes]] = {}

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


class SeriesStore:
    """All families by their exposed name, within a budget of series."""

    def __init__(self, budget: int) -> None:
        self.families: dict[str, Family] = {}
        self.rejected = 0
        self.bad_values = 0
        self.corrected = 0
        self._budget = budget
        self._count = 0
        self._folding = threading.Lock()

    def __len__(self) -> int:
        return self._count

    def series(self, metric: Metric, labels: Labels) -> Series | None:
        """Return the series, made where it is new; None where the budget is used up."""
        family = self.families.get(metric.family)
        if family is None:
            family = self.families[metric.family] = Family(metric)
        series = family.series.get(labels)
        if series is None:
            if self._count >= self._budget:
                self.rejected += 1
                return None
            self._count += 1
            series = _new(metric, labels)
            if not isinstance(series, Gauge):
                family.unborn[series] = None
            family.series[labels] = series
        return series

    def drop(self, metric: Metric, labels: Labels) -> None:
        """Forget one series, if it is there."""
        family = self.families.get(metric.family)
        series = family.series.pop(labels, None) if family is not None else None
        if family is not None and series is not None:
            family.unborn.pop(series, None)
            self._count -= 1

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
            if family.metric.kind == "histogram":
                for series in list(family.series.values()):
                    if isinstance(series, Histogram):
                        yield series


def _new(metric: Metric, labels: Labels) -> Series:
    text = ",".join(f'{name}="{_escape(value)}"' for name, value in labels)
    if metric.kind == "counter":
        return Counter(f"{metric.family}{{{text}}} " if text else f"{metric.family} ")
    if metric.kind == "gauge":
        return Gauge(f"{metric.family}{{{text}}} " if text else f"{metric.family} ")
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
