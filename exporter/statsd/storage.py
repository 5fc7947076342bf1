"""The thread that stores: what the receiver has read waits for it in a queue with an upper bound.

So a burst of new series, which take some twenty times as long as known ones, does not keep the receiver from reading:
the kernel's buffer holds some tens of thousands of datagrams, the queue several hundred thousand.
"""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, NamedTuple

from windsock.exporter.process.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from windsock.exporter.series.rate import RateWindow

    from .datagrams import Batch
    from .ingest import Ingest
    from .lag import Lag

_MOST_WAITING = 64 << 20
"""Bytes that may wait; what comes then is left to the kernel, whose buffer fills, and which counts what it drops."""
_ENTRY = 64
"""What Python needs for a datagram beside its text."""
_TICK = 1.0


class _Read(NamedTuple):
    batch: Batch
    lag: Lag
    since: float
    size: int


class Storage(Worker):
    """Feeds one `Ingest` until `stop`."""

    def __init__(self, ingest: Ingest, rates: RateWindow) -> None:
        super().__init__("storage", self._store)
        self.chores: tuple[Callable[[], None], ...] = ()
        """What the thread that stores does about once a second for others."""
        self.woke = time.monotonic()
        """When the thread last looked for something to store."""
        self._ingest = ingest
        self._rates = rates
        self._queue: queue.SimpleQueue[_Read | None] = queue.SimpleQueue()
        # One thread only writes each figure: of two that add to it, one would be lost now and then.
        self._offered = self._taken = 0
        self._ticked = time.monotonic()

    def full(self) -> bool:
        """Whether nothing more should be read for now."""
        return self._offered - self._taken > _MOST_WAITING

    def put(self, batch: Batch, size: int, lag: Lag, since: float) -> None:
        """Let lines wait, of `size` bytes, that did not come before `since`. Only the receiver's thread may call it."""
        size += _ENTRY * sum(map(len, batch.values()))
        self._offered += size
        self._queue.put(_Read(batch, lag, since, size))

    def stop(self) -> None:
        """Store what waits; returns when that is done."""
        self._queue.put(None)
        if self.is_alive():
            self.join()

    def _store(self) -> None:
        while True:
            try:
                read = self._queue.get(timeout=max(0.0, self._ticked + _TICK - time.monotonic()))
            except queue.Empty:
                self._tick()
                continue
            if read is None:
                return
            self.woke = time.monotonic()
            try:
                for sender, lines in read.batch.items():
                    self._ingest.feed(lines, sender)
            finally:
                self._taken += read.size
            now = time.monotonic()
            read.lag.note(read.since, now)
            if now - self._ticked >= _TICK:
                self._tick()

    def _tick(self) -> None:
        self.woke = self._ticked = time.monotonic()
        self._ingest.tick()
        for chore in self.chores:
            chore()
        self._rates.tick(self._ticked)
