"""One at a time, and each lane in its turn: who asks a thousand times does not make others wait for it."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

_MOST_WAITING = 32
"""In one lane: fewer than an address may have connections, so that it hears that it is to come again."""


class BusyError(Exception):
    """Too many wait in this lane already."""


class Turns:
    """Hands the turn round the lanes, such as an address; those in one have it in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: dict[Hashable, deque[threading.Event]] = {}

    @contextlib.contextmanager
    def turn(self, lane: Hashable) -> Iterator[None]:
        """Wait until it is the turn of `lane`, and have it for the block. Raises BusyError, at once."""
        event = self._ask(lane)
        if event is not None:
            event.wait()
        try:
            yield
        finally:
            self._pass_on()

    def _ask(self, lane: Hashable) -> threading.Event | None:
        """What to wait for; None where it is free."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return None
            own = self._waiting.setdefault(lane, deque())
            if len(own) >= _MOST_WAITING:
                raise BusyError
            own.append(threading.Event())
            return own[-1]

    def _pass_on(self) -> None:
        with self._lock:
            if not self._waiting:
                self._taken = False
                return
            lane = next(iter(self._waiting))
            own = self._waiting.pop(lane)
            own.popleft().set()
            if own:
                self._waiting[lane] = own  # behind all others
