"""The hot path: from a batch of datagrams to the series.

Most lines of counters and gauges repeat to the byte, so a batch is first counted (in C, by `collections.Counter`) and
each distinct datagram looked up as a whole. Timers never repeat: of them only the text around the value is looked up,
and the value's bytes are appended to their series' list. Whatever follows from a text is worked out once, by `Learner`.
"""

from __future__ import annotations

import logging
import time
from collections import Counter as Tally
from typing import TYPE_CHECKING

from .expiry import Expiry
from .learn import ADD, CHANGE, SET, SKIP, Learner

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from windsock.exporter.own import OwnMetrics
    from windsock.settings import Expiry as ExpirySettings

    from .learn import Action
    from .store import Gauge, SeriesStore
    from .translate import Translator

log = logging.getLogger(__name__)

_FOLD_AFTER = 50_000


class Ingest:
    """Feeds lines into a store. One thread calls it."""

    def __init__(self, store: SeriesStore, translator: Translator, own: OwnMetrics, expiry: ExpirySettings) -> None:
        self._store = store
        self._learner = Learner(store, translator, own, self._feed)
        self._expiry = Expiry(store, expiry, time.monotonic())
        self._unfolded = 0
        self._lines = own.counter("windsock_lines_total")
        self._timers = own.counter("windsock_samples_total", type="timer")
        self._counters = own.counter("windsock_samples_total", type="counter")
        self._gauges = own.counter("windsock_samples_total", type="gauge")
        self._errors = own.counter("windsock_ingest_errors_total")

    def feed(self, datagrams: Sequence[bytes], sender: Hashable = None) -> None:
        """Store what one sender's datagrams say. Never raises: what can't be stored is counted."""
        self._lines.value += len(datagrams)
        try:
            self._feed(datagrams, sender)
        except Exception:
            self._errors.value += 1
            if self._errors.value == 1:
                log.exception("a batch failed inside the exporter; further ones are only counted")

    def tick(self) -> None:
        """Do what waits for time to pass; about once a second."""
        self._learner.tick()
        if self._expiry.step(time.monotonic()):
            self._learner.forget()

    @property
    def examples(self) -> dict[str, str]:
        """A line for each unmapped prefix."""
        return self._learner.examples

    def _feed(self, datagrams: Sequence[bytes], sender: Hashable) -> None:  # noqa: C901  a call a line would cost more
        actions, timers = self._learner.actions, self._learner.timers
        counted = gauged = timed = 0
        replayed: list[Gauge] = []
        # Counting from the end and going through the counts from their end keeps the order of last appearances, and
        # of a gauge only the last value matters.
        for datagram, times in reversed(Tally(reversed(datagrams)).items()):
            action = actions.get(datagram)
            if action is None:
                head, _, rest = datagram.partition(b":")
                value, _, tail = rest.partition(b"|")
                append = timers.get((head, tail))
                if append is not None:
                    timed += times
                    for _ in range(times):
                        append(value)
                    continue
                action = self._learner.learn(datagram, times, sender)
                if action is None:
                    continue
            do, series, amount = action
            if do == ADD:
                series.value += amount * times
                counted += times
            elif do == SKIP:
                series.value += times
            elif series not in replayed:
                gauged += times
                if do == SET:
                    series.values[sender] = amount
                elif do == CHANGE and times > 1 and self._replay(datagrams, action, sender):
                    replayed.append(series)
                else:
                    series.add(amount * times, sender)
                series.last = sender
        self._counters.value += counted
        self._gauges.value += gauged
        self._timers.value += timed
        self._unfolded += timed
        if self._unfolded > _FOLD_AFTER:
            self._unfolded = 0
            self._store.fold(wait=False)

    def _replay(self, datagrams: Sequence[bytes], action: Action, sender: Hashable) -> bool:
        """A change that came several times: where a value was set in between, that and what changed it afterwards."""
        total = 0.0
        for datagram in reversed(datagrams):
            do, series, amount = self._learner.actions.get(datagram, (SKIP, None, 0.0))
            if series is action[1]:
                total += amount
                if do == SET:
                    action[1].values[sender] = total
                    return True
        return False
