"""Rates: what the exporter's own counters did in the last minute."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from .kinds import Counter

if TYPE_CHECKING:
    from .own import OwnMetrics

_STEP = 10.0
_STEPS = 7


class RateWindow:
    """Remembers what the counters showed every ten seconds of the last minute."""

    def __init__(self, own: OwnMetrics) -> None:
        self._own = own
        self._past: deque[tuple[float, dict[Counter, float]]] = deque(maxlen=_STEPS)
        self._lines = own.counter("windsock_lines_total")
        self._counted = 0.0
        self._arrived: float | None = None

    def tick(self, now: float) -> None:
        """Take note of the counters where it is time for that; called about once a second."""
        self.arrived()
        if not self._past or now - self._past[-1][0] >= _STEP:
            series = [one for family in list(self._own.store.families.values()) for one in list(family.series.values())]
            self._past.append((now, {one: one.value for one in series if isinstance(one, Counter)}))

    def arrived(self) -> float | None:
        """When the last line arrived (seconds since 1970, to a second or so); None: none has."""
        if self._lines.value != self._counted:
            self._counted, self._arrived = self._lines.value, time.time()
        return self._arrived

    def rate(self, counter: Counter, now: float) -> float:
        """Its growth a second, over the last minute or since the start; 0 where it is too early to say."""
        then, values = self._past[0] if self._past else (now, {})
        return (counter.value - values.get(counter, 0)) / (now - then) if now - then >= 1 else 0.0
