"""Which counts have grown lately: what was lost once, weeks ago, is not what is wrong now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LATELY = 3600.0
"""Seconds since a count grew, after which it is over."""
_MOST = 1000
"""Counts that are remembered: one each of some thirty kinds, and of each listener and prefix."""


class Lately:
    """What counts were when they were last looked at, and when they grew."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[float, float]] = {}

    def grew(self, what: str, count: float) -> bool:
        """Whether `count` has grown within the last hour, as far as the looks at it tell; 0 never has."""
        if not count:
            return False
        before, since = self._seen.get(what, (0.0, 0.0))
        if count != before:
            since = self._clock()
            if what in self._seen or len(self._seen) < _MOST:
                self._seen[what] = count, since
        return self._clock() - since < LATELY
