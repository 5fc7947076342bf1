"""The hot path: from a batch of datagrams to the series.

Most lines of counters and gauges repeat to the byte, so a batch is first counted (in C, by `collections.Counter`) and
each distinct datagram looked up as a whole. Timers never repeat: of them only the text around the value is looked up,
and the value's bytes are appended to their series' list. Whatever follows from a text is worked out once, by `Learner`.
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter as Tally
from typing import TYPE_CHECKING

from windsock.exporter.series.expiry import Expiry
from windsock.exporter.series.number import LONGEST
from windsock.exporter.series.sums import Sums

from .learn import ADD, SET, SKIP, Learner

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from windsock.exporter.series.own import OwnMetrics
    from windsock.exporter.series.store import SeriesStore
    from windsock.settings.exporter import Expiry as ExpirySettings

    from .learn import Action
    from .translate import Translator

log = logging.getLogger(__name__)

_FOLD_AFTER = 50_000
# What each sender says of a gauge is kept, and UDP's addresses can be made up. Airflow's components are some ten; of
# what its pods say, the last is shown.
_MOST_SENDERS = 100
_OTHERS = "others"
_SIGNED = re.compile(rb":[+-]")
"""A third of the time that looking for the two takes, one after the other."""


class Ingest:
    """Feeds lines into a store. One thread calls it."""

    def __init__(self, store: SeriesStore, translator: Translator, own: OwnMetrics, expiry: ExpirySettings) -> None:
        self._store = store
        self._learner = Learner(store, translator, own, self._feed)
        self._expiry = Expiry(store, expiry, time.monotonic())
        self.sums = Sums(store, time.monotonic())
        self._senders: set[Hashable] = set()
        self._forget_senders = expiry.gauges
        self._forgot_senders = time.monotonic()
        self._unfolded = 0
        self._lines = own.counter("windsock_lines_total")
        self._timers = own.counter("windsock_samples_total", type="timer")
        self._counters = own.counter("windsock_samples_total", type="counter")
        self._gauges = own.counter("windsock_samples_total", type="gauge")
        self._errors = own.counter("windsock_ingest_errors_total")

    def _learn(self, datagram: bytes, times: int, sender: Hashable) -> Action | None:
        try:
            return self._learner.learn(datagram, times, sender)
        except Exception as error:  # noqa: BLE001  a bug met by one datagram must not cost the rest of its batch
            self._fail(error)
            return None

    def _fail(self, error: Exception) -> None:
        self._errors.value += 1
        if self._errors.value == 1:
            log.error("a datagram failed inside the exporter; further ones are only counted", exc_info=error)

    def feed(self, datagrams: Sequence[bytes], sender: Hashable = None) -> None:
        """Store what one sender's datagrams say. Never raises: what can't be stored is counted."""
        if sender not in self._senders:
            sender = self._meet(sender)
        try:
            self._feed(datagrams, sender)
        except Exception as error:  # noqa: BLE001  the thread goes on; what failed is counted and logged
            self._fail(error)
        # Last: a scrape that shows the lines shows what they say.
        self._lines.value += len(datagrams)

    def tick(self) -> None:
        """Do what waits for time to pass; about once a second."""
        now = time.monotonic()
        if now - self._forgot_senders > self._forget_senders:
            self._forgot_senders = now
            self._senders.clear()
        # First: what expires has not counted for long.
        self.sums.step(now)
        dropped = self._expiry.step(now)
        if dropped:
            self._learner.forget(dropped)
        self._learner.tick()

    def _meet(self, sender: Hashable) -> Hashable:
        """Who a new sender is taken for: itself, or one of the others where there are many."""
        if len(self._senders) >= _MOST_SENDERS:
            return _OTHERS
        self._senders.add(sender)
        return sender

    @property
    def examples(self) -> dict[str, str]:
        """A line for each unmapped prefix."""
        return self._learner.examples

    @property
    def rejected(self) -> dict[str, str]:
        """The last line that was rejected for each reason."""
        return self._learner.rejected

    def _feed(self, datagrams: Sequence[bytes], sender: Hashable) -> None:
        find, find_timer = self._learner.actions.get, self._learner.timers.get
        counted = gauged = timed = 0
        for datagram, times in _tally(datagrams):
            action = find(datagram)
            if action is None:
                head, _, rest = datagram.partition(b":")
                value, _, tail = rest.partition(b"|")
                append = find_timer((head, tail))
                if append is not None and len(value) <= LONGEST:
                    timed += times
                    append(value)
                    if times > 1:  # hardly ever, and a range costs a sixth of all that a timer does
                        for _ in range(times - 1):
                            append(value)
                    continue
                action = self._learn(datagram, times, sender)
                if action is None:
                    continue
            do, series, amount = action
            if do == ADD:
                series.value += amount * times
                counted += times
            elif do == SKIP:
                series.value += times
            else:
                gauged += times
                if do == SET:
                    series.values[sender] = amount
                else:
                    series.add(amount * times, sender)
                series.last = sender
        self._counters.value += counted
        self._gauges.value += gauged
        self._count_timers(timed)

    def _count_timers(self, timed: int) -> None:
        self._timers.value += timed
        self._unfolded += timed
        if self._unfolded > _FOLD_AFTER:
            self._unfolded = 0
            self._store.fold(wait=False)


def _tally(datagrams: Sequence[bytes]) -> Iterable[tuple[bytes, int]]:
    """Each distinct datagram once, in the order of last appearances, with the number of times that it is there.

    Of a gauge only the last value matters. A value with a sign is a change of what is there, so its place matters too:
    a batch that may hold one is gone through as it came.
    """
    tally = Tally(reversed(datagrams))
    text = b"\n".join(tally)
    if _SIGNED.search(text):
        return [(datagram, 1) for datagram in datagrams]
    return reversed(tally.items())
