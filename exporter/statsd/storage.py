"""The thread that stores: what the receiver has read waits for it in a queue with an upper bound.

So a burst of new series, which take some twenty times as long as known ones, does not keep the receiver from reading:
the kernel's buffer holds some tens of thousands of datagrams, the queue several hundred thousand.
"""

from __future__ import annotations

import queue
import time
from itertools import chain, groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from windsock.exporter.process.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from windsock.exporter.series.rate import RateWindow

    from .ingest import Ingest
    from .lag import Lag

_MOST_WAITING = 64 << 20
"""Bytes that may wait; what comes then is left to the kernel, whose buffer fills, and which counts what it drops."""
_ENTRY = 64
"""What Python needs for a datagram beside its text."""
_PAUSE = 0.02
"""Seconds for which what is read may wait: to store fifty times a second takes a quarter less than after each read."""
_AT_ONCE = 16
"""Reads that are stored together."""
_TICK = 1.0


class _Read(NamedTuple):
    lines: Sequence[bytes]
    sender: Hashable
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

    def put(self, lines: Sequence[bytes], sender: Hashable, lag: Lag, since: float) -> None:
        """Let lines of one sender wait that did not come before `since`. Only the receiver's thread may call it."""
        size = sum(map(len, lines)) + _ENTRY * len(lines)
        self._offered += size
        self._queue.put(_Read(lines, sender, lag, since, size))

    def stop(self) -> None:
        """Store what waits; returns when that is done."""
        self._queue.put(None)
        if self.is_alive():
            self.join()

    def _store(self) -> None:
        read: _Read | None
        while True:
            try:
                read = self._queue.get(timeout=max(0.0, self._ticked + _TICK - time.monotonic()))
            except queue.Empty:
                self._tick()
                continue
            reads = []
            while read is not None:
                reads.append(read)
                if len(reads) == _AT_ONCE or self._queue.empty():
                    break
                read = self._queue.get()
            self._feed(reads)
            if read is None:
                return
            if time.monotonic() - self._ticked >= _TICK:
                self._tick()
            if self._queue.empty():
                time.sleep(_PAUSE)

    def _feed(self, reads: list[_Read]) -> None:
        self.woke = time.monotonic()
        try:
            for sender, same in groupby(reads, attrgetter("sender")):
                self._ingest.feed(list(chain.from_iterable(read.lines for read in same)), sender)
        finally:
            self._taken += sum(read.size for read in reads)
        now = time.monotonic()
        for read in reads:
            read.lag.note(read.since, now)

    def _tick(self) -> None:
        self.woke = self._ticked = time.monotonic()
        self._ingest.tick()
        for chore in self.chores:
            chore()
        self._rates.tick(self._ticked)
