"""OpenTelemetry's histograms, explicit and exponential: what one adds to an earlier one, in the catalogue's buckets.

Both come down to observations by the upper end of the bucket that holds them. Where a bucket lies across a bound of the
catalogue, its observations are counted above the bound: a duration may be shown as longer than it was, by no more than
the width of its bucket, and never as shorter. Of an exponential histogram of scale s that is a factor of 2^(2^-s): with
the 160 buckets of OpenTelemetry's SDKs 1.09 where the durations span six orders of magnitude, and 1.000001 for one
alone. What lies in a single bucket is placed by its mean, which is exact for one observation.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint, HistogramDataPoint

_SCALES = range(-10, 21)
"""Those that OpenTelemetry's data model names."""
_MOST = 10_000
"""Buckets of one point; OpenTelemetry's SDKs have 160."""
_LARGEST = 1024
"""The power of two that a double can't hold any more."""


class MalformedError(ValueError):
    """What can't be a histogram."""


@dataclass(frozen=True)
class Observed:
    """Observations of a while, in the unit that they came in."""

    counts: dict[float, int]
    """By the upper end of their bucket."""
    sum: float
    count: int

    def spread(self, bounds: Sequence[float], factor: float) -> tuple[list[int], float]:
        """How many there are in each bucket that ends at one of `bounds` (seconds) or above all, and the sum of all.

        `factor` turns the unit into seconds. A duration below zero is a clock that was set back, and counts as zero.
        """
        ends = self.counts
        if len(ends) == 1:
            ends = {min(next(iter(ends)), self.sum / self.count): self.count}
        counts = [0] * (len(bounds) + 1)
        for end, count in ends.items():
            counts[bisect_left(bounds, round(max(end, 0.0) * factor, 12))] += count
        return counts, max(self.sum, 0.0) * factor


class Exponential:
    """One point of an exponential histogram, as small as it can be remembered."""

    __slots__ = ("buckets", "count", "low", "scale", "sum")

    def __init__(self, point: ExponentialHistogramDataPoint) -> None:
        if point.scale not in _SCALES:
            raise MalformedError("scale")
        if len(point.positive.bucket_counts) + len(point.negative.bucket_counts) > _MOST:
            raise MalformedError("buckets")
        self.count, self.sum, self.scale = point.count, _finite(point.sum), point.scale
        offset = point.positive.offset
        self.buckets = {offset + place: count for place, count in enumerate(point.positive.bucket_counts) if count}
        self.low = point.zero_count + sum(point.negative.bucket_counts)
        if self.low + sum(self.buckets.values()) != self.count:
            raise MalformedError("count")

    def since(self, earlier: Exponential | None) -> Observed:
        """What came after `earlier`, which is one of the same stream. Raises MalformedError where it was more."""
        if earlier is None:
            return Observed(self._ends(self.buckets, self.low, self.scale), self.sum, self.count)
        # Where a stream's range grows its buckets are merged in pairs, so the finer one is made as coarse.
        scale = min(self.scale, earlier.scale)
        grown = Counter(self.at(scale))
        grown.subtract(earlier.at(scale))
        low = self.low - earlier.low
        if low < 0 or min(grown.values(), default=0) < 0:
            raise MalformedError("shrunk")
        return Observed(self._ends(grown, low, scale), self.sum - earlier.sum, self.count - earlier.count)

    def at(self, scale: int) -> dict[int, int]:
        """The buckets, merged in pairs until their scale is `scale`."""
        steps = self.scale - scale
        if not steps:
            return self.buckets
        merged: Counter[int] = Counter()
        for index, count in self.buckets.items():
            merged[index >> steps] += count
        return merged

    @staticmethod
    def _ends(buckets: dict[int, int], low: int, scale: int) -> dict[float, int]:
        ends = {0.0: low} if low else {}
        for index, count in buckets.items():
            if count:
                power = (index + 1) * 2.0**-scale
                end = 2.0**power if power < _LARGEST else math.inf
                ends[end] = ends.get(end, 0) + count
        return ends


class Explicit:
    """One point of a histogram with bounds of its own."""

    __slots__ = ("bounds", "buckets", "count", "sum")

    def __init__(self, point: HistogramDataPoint) -> None:
        if len(point.explicit_bounds) + len(point.bucket_counts) > _MOST:
            raise MalformedError("buckets")
        self.count, self.sum = point.count, _finite(point.sum)
        self.bounds = tuple(point.explicit_bounds)
        self.buckets = tuple(point.bucket_counts) or (point.count,)
        if any(not low < high for low, high in zip((-math.inf, *self.bounds), self.bounds, strict=False)):
            raise MalformedError("bounds")
        if len(self.buckets) != len(self.bounds) + 1 or sum(self.buckets) != self.count:
            raise MalformedError("count")

    def since(self, earlier: Explicit | None) -> Observed:
        """As that of `Exponential`; other bounds within one stream are malformed too."""
        if earlier is not None and earlier.bounds != self.bounds:
            raise MalformedError("bounds")
        before = earlier.buckets if earlier is not None else (0,) * len(self.buckets)
        grown = [count - old for count, old in zip(self.buckets, before, strict=True)]
        if min(grown) < 0:
            raise MalformedError("shrunk")
        ends = {end: count for end, count in zip((*self.bounds, math.inf), grown, strict=True) if count}
        return Observed(
            ends,
            self.sum - (earlier.sum if earlier is not None else 0.0),
            self.count - (earlier.count if earlier is not None else 0),
        )


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise MalformedError("sum")
    return value
