"""Summaries: quantiles of the last minutes, with the sum and the count of all times."""

from __future__ import annotations

import time
from itertools import chain
from math import ceil, nan
from typing import TYPE_CHECKING

from .kinds import Histogram

if TYPE_CHECKING:
    from windsock.catalog import Quantiles

# Values that one step of the window holds: 5 steps of 500 give what the default asks for, an error of 0.001 at 0.99.
_CAPACITY = 500
Weighted = list[tuple[float, int]]


class Summary(Histogram):
    """A histogram of one bucket, which is the sum and the count, and a window of the youngest values.

    As in Prometheus' Go client the window moves in `age_buckets` steps of `max_age`: it holds the values of the step
    that is going on and of those before it, one less than `age_buckets`. Up to 500 values a step the quantiles are
    exact; beyond, neighbours are merged pair by pair, so that memory stays bounded. A value's age counts from the
    scrape that takes it in.
    """

    __slots__ = ("_born", "_keep", "_seconds", "_window", "quantiles")

    def __init__(self, text: str, quantiles: Quantiles) -> None:
        super().__init__(text, ())
        self.quantiles = quantiles.shown
        self._keep = quantiles.age_buckets
        self._seconds = quantiles.max_age / quantiles.age_buckets
        self._born = time.monotonic()
        self._window: tuple[int, list[Weighted]] = (0, [[]])

    def values(self) -> list[float]:
        """The value of each of `quantiles`; NaN where nothing came for `max_age`."""
        held = sorted(chain.from_iterable(self._steps()))
        total = sum(weight for _, weight in held)
        return [_quantile(held, ceil(total * quantile)) for quantile in self.quantiles]

    def _observe(self, numbers: list[float], factor: float, times: int) -> None:
        super()._observe(numbers, factor, times)
        steps = self._steps()
        steps[-1] += [(number * factor, times) for number in numbers]
        if len(steps[-1]) > _CAPACITY:
            steps[-1] = _thinned(steps[-1])

    def _steps(self) -> list[Weighted]:
        """The values of each step, the one that is going on last."""
        # Two threads may come here at once: what they make of the same window is the same.
        number, steps = self._window
        now = int((time.monotonic() - self._born) / self._seconds)
        if now > number:
            fresh: list[Weighted] = [[] for _ in range(min(now - number, self._keep))]
            steps = [*steps, *fresh][-self._keep :]
            self._window = now, steps
        return steps


def _quantile(held: Weighted, rank: int) -> float:
    reached = 0
    for value, weight in held:
        reached += weight
        if reached >= rank:
            return value
    return nan


def _thinned(step: Weighted) -> Weighted:
    """At most `_CAPACITY` values: of two neighbours, now the lower and now the upper stands for both."""
    step = sorted(step)
    while len(step) > _CAPACITY:
        pairs = [step[index : index + 2] for index in range(0, len(step), 2)]
        step = [(pair[index % len(pair)][0], sum(weight for _, weight in pair)) for index, pair in enumerate(pairs)]
    return step
