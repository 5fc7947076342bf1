"""How far storing is behind receiving."""

from __future__ import annotations

from collections import deque


class Lag:
    """An upper bound of the time that a listener's datagrams wait until they are stored."""

    def __init__(self) -> None:
        self._behind: float | None = None
        self._longest = 0.0
        self._seconds: deque[float] = deque([0.0], maxlen=60)

    def since(self, looked: float, *, more: bool) -> float:
        """Since when at the earliest waits what was read now: the last look, unless there was `more` than was read.

        The receiver's thread asks; the others are the storing thread's.
        """
        since = looked if self._behind is None else self._behind
        self._behind = since if more else None
        return since

    def note(self, since: float, now: float) -> None:
        """At `now` something is stored that waited since `since` at the earliest."""
        self._longest = max(self._longest, now - since)

    def tick(self) -> None:
        """Begin another second."""
        self._seconds.append(self._longest)
        self._longest = 0.0

    @property
    def longest(self) -> float:
        """Seconds, the most of about the last minute."""
        return max(self._longest, *self._seconds.copy())
