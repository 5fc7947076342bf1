"""When a pass is due, and when what the last one left unread is read on."""

from __future__ import annotations

import math
import threading
import time
from typing import Literal


class Rhythm:
    """Of one collector. Its thread waits; whoever else makes a pass says so. Times are on the monotonic clock.

    `behind` are the seconds beyond an interval that the thread leaves to them.
    """

    def __init__(self, interval: float, behind: float) -> None:
        self.begun = time.monotonic()
        """When the last pass was."""
        self._interval = interval
        self._behind = behind
        self._due = self.begun
        self._more = math.inf
        self._ended = False
        self._stirred = threading.Event()
        """Set where the thread has something to do earlier than it knew."""

    def begin(self, now: float) -> None:
        """A pass begins."""
        self.begun, self._due = now, now + self._interval + self._behind

    def rest(self, begun: float, *, unread: bool) -> None:
        """What was `begun` has ended. What it left `unread` waits as long as it took: half of the time is others'."""
        now = time.monotonic()
        self._more = 2 * now - begun if unread else math.inf
        if unread:
            self._stirred.set()

    def wait(self) -> Literal["pass", "more"] | None:
        """Return what is to be done when it is; None: it is at its end."""
        while not self._ended:
            now = time.monotonic()
            if now >= min(self._due, self._more):
                return "pass" if now >= self._due else "more"
            self._stirred.wait(min(self._due, self._more) - now)
            self._stirred.clear()
        return None

    def end(self) -> None:
        """Let the thread end."""
        self._ended = True
        self._stirred.set()
