"""A metric that no catalogue knows: made when the first line with its name comes."""

from __future__ import annotations

from dataclasses import dataclass

from windsock.catalog import Metric


@dataclass(frozen=True)
class MappedMetric(Metric):
    """What a mapping makes of a StatsD name; `name` is the exposed name too."""

    quantiles: tuple[float, ...] = ()
    """Of a summary: which quantiles it shows, between 0 and 1."""
    max_age: float = 600.0
    """Of a summary: the seconds that its quantiles look back."""
    age_buckets: int = 5
    """Of a summary: the steps in which values become too old."""
