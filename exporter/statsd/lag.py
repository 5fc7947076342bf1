"""How far storing is behind receiving."""

from __future__ import annotations

from collections import deque


class Lag:
    """An upper bound of the time that a listener's datagrams wait until they are stored."""

    def __init__(self) -> None:
        self._behind: float | None = None
        self._longest = 0.0
        self._seconds: deque[float] = deque([0.0], maxlen=60)

    def note(self, since: float, now: float, *, more: bool) -> None:
        """At `now` what was read is stored; none of it came before `since`, unless there was `more` the last time."""
        since = since if self._behind is None else self._behind
        self._behind = since if more else None
        self._longest = max(self._longest, now - since)

    def tick(self) -> None:
        """Begin another second."""
        self._seconds.append(self._longest)
        self._longest = 0.0

    @property
    def longest(self) -> float:
        """Seconds, the most of about the last minute."""
        return max(self._longest, *self._seconds.copy())
