"""Rates: what counters did in the last minute."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .statsd.store import Counter

_SECONDS = 60


class Minute:
    """Remembers what some counters showed at each second of the last minute."""

    def __init__(self) -> None:
        self._counters: dict[Counter, None] = {}
        self._past: deque[tuple[float, dict[Counter, float]]] = deque(maxlen=_SECONDS)

    def watch(self, counter: Counter) -> Counter:
        """Keep the rate of `counter`, which is returned."""
        self._counters[counter] = None
        return counter

    def tick(self, now: float) -> None:
        """Take note of the counters, about once a second."""
        self._past.append((now, {counter: counter.value for counter in self._counters}))

    def rate(self, counter: Counter, now: float) -> float:
        """Its growth a second, over the last minute or since the start; 0 where it is too early to say."""
        then, values = self._past[0] if self._past else (now, {})
        return (counter.value - values.get(counter, 0)) / (now - then) if now > then else 0.0
