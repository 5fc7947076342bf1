"""What a datagram does, worked out when its text is seen for the first time, and remembered within bounds."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from windsock.exporter.series.kinds import Histogram
from windsock.exporter.series.number import parse_number

from .legacy import Held, carries
from .line import LineError, parse, split
from .memory import Memory
from .prefix import foreign_prefix
from .target import Rejected, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from windsock.exporter.series.labels import Labels
    from windsock.exporter.series.own import OwnMetrics
    from windsock.exporter.series.store import SeriesStore

    from .legacy import Key
    from .shapes import Alike
    from .translate import Translator

# What a known datagram does to its series, with an amount; CHANGE is what a gauge's value with a sign does.
ADD, SKIP, SET, CHANGE = range(4)
Action = tuple[int, Any, float]

_KNOWN_DATAGRAMS = 65_536
_KNOWN_HEADS = 262_144
# Airflow's names have 250 characters at most; what is far longer is not worth its memory.
_KNOWN_BYTES = 1024
# Bytes that one of the memories may take, and what Python needs for an entry beside its text.
_MEMORY = 32 << 20
_ENTRY, _TARGET = 300, 800
_HELD_DATAGRAMS = 1000
_HELD_BYTES = 8 << 20
_TWIN_DUE = 1.0
_EXACT = 2**53
"""Below that a float holds each whole number."""
_REVIEW_EVERY = 60.0


class Learner:
    """The memory of the hot path: whole datagrams in `actions`, timers without their value in `timers`."""

    def __init__(
        self,
        store: SeriesStore,
        translator: Translator,
        own: OwnMetrics,
        feed: Callable[[Sequence[bytes], Hashable], None],
    ) -> None:
        self.actions: Memory[bytes, Action] = Memory(_KNOWN_DATAGRAMS, _MEMORY)
        self.timers: Memory[tuple[bytes, bytes], Callable[[bytes], None]] = Memory(_KNOWN_HEADS, _MEMORY)
        self.examples: dict[str, str] = {}
        self.rejected: dict[str, str] = {}
        self._targets: Memory[tuple[bytes, bytes], tuple[Target, float]] = Memory(_KNOWN_HEADS, _MEMORY)
        self._once: dict[tuple[Histogram, float, int], _Once] = {}
        self._held: dict[Key, tuple[float, list[tuple[bytes, Hashable]]]] = {}
        self._held_bytes = 0
        self._store = store
        self._translator = translator
        self._own = own
        self._feed = feed
        self._generation = translator.generation
        self._reviewed = time.monotonic()
        self._extra_lines = own.counter("windsock_lines_total")
        self._ambiguous = own.counter("windsock_ambiguous_ids_total")
        for form in ("legacy", "untagged"):
            own.counter("windsock_duplicates_total", form=form)

    def learn(self, datagram: bytes, times: int, sender: Hashable) -> Action | None:
        """Return what `datagram` does; None where that is done already (a timer, several samples) or put off."""
        alike = self._translator.recall(datagram, datagram.partition(b":")[0])
        if alike is not None:
            self._renew()
            action = self._alike(alike, datagram, times)
            if action is not None:
                self._keep(datagram, action)
            return action
        line = datagram.rstrip(b"\r\n")
        # One colon and no line feed: that is one sample, or none.
        parts = split(line) if line.count(b":") > 1 or b"\n" in line else [line]
        if parts != [line]:
            self._extra_lines.value += (sum(bool(one.strip()) for one in line.splitlines()) - 1) * times
            for _ in range(times):
                self._feed(parts, sender)
            return None
        action = self._action(datagram, line, times, sender)
        if action is not None:
            self._keep(datagram, action)
        return action

    def _keep(self, datagram: bytes, action: Action) -> None:
        if len(datagram) <= _KNOWN_BYTES:
            self.actions.keep(datagram, action, _ENTRY + len(datagram))

    def _alike(self, alike: Alike, datagram: bytes, times: int) -> Action | None:
        target, labels, value, rate = alike.target, alike.labels, alike.value, alike.rate
        if target.left_out:
            self._count_left_out(target)
        if target.operation == "observe":
            head, _, rest = datagram.partition(b":")
            key = (head, rest.partition(b"|")[2]) if len(datagram) <= _KNOWN_BYTES else None
            # `_replace` would take four times as long.
            target = Target._make((target.metric, labels, *target[2:]))
            self._observe(target, key, value.encode(), times, rate)
            return None
        return self._change(target, labels, float(value), signed=False, rate=rate)

    def _count_left_out(self, target: Target) -> None:
        for _, why in target.left_out:
            self._own.counter("windsock_tags_left_out_total", reason=why).value += 1

    def forget(self, families: Iterable[str] = ()) -> None:
        """Series were dropped, of these exposed names: what refers to them must be looked up anew."""
        if sum(self._translator.forget(name, self._store.families.get(name)) for name in families):
            self._targets.clear()
        self.actions.clear()
        self.timers.clear()
        self._once.clear()
        self._say_unmapped()

    def tick(self) -> None:
        """Give up waiting for twins that did not come, and have contradicted decisions made anew."""
        now = time.monotonic()
        for key, (due, _) in list(self._held.items()):
            if now >= due:
                self._settle(key)
        if now - self._reviewed >= _REVIEW_EVERY:
            self._reviewed = now
            self._translator.forms.review()
        self._renew()

    def _action(self, datagram: bytes, line: bytes, times: int, sender: Hashable) -> Action | None:
        head, _, rest = datagram.partition(b":")
        value, _, tail = rest.partition(b"|")
        target, rate = self._targets.get((head, tail), (None, 1.0))
        signed = value[:1] in b"+-"
        number = parse_number(value.decode(errors="replace")) if target is not None else None
        if target is None or number is None:
            try:
                sample = parse(line)
            except LineError as error:
                return self._reject(Rejected("sample_errors", error.reason), line)
            verdict = self._translator.translate(sample.head, line_feed=line != datagram)
            self._renew()
            if isinstance(verdict, Held):
                self._hold(verdict.key, datagram, times, sender)
                return None
            if isinstance(verdict, Rejected):
                return self._reject(verdict, line)
            target, number, signed, rate = verdict, sample.value, sample.signed, sample.head.rate
            if target.metric.source == "unmapped":
                self._say_unmapped()
            self._count_left_out(target)
            self._translator.remember(datagram, sample.head, target)
            # The sample of a line whose tags hold colons begins elsewhere: such a line is known only as a whole.
            simple = len(line) <= _KNOWN_BYTES and parse_number(value.decode(errors="replace")) is not None
            if target.operation == "observe" and not target.judged:
                key = (head, tail) if simple else None
                self._observe(target, key, value if simple else b"%r" % number, times, rate)
                return None
            if simple:
                self._targets.keep((head, tail), (target, rate), _TARGET + len(line))
        if target.judged:
            file = target.labels, sender
            factor = self._translator.parse_times.factor(file, number, time.monotonic())
            self._observe(target._replace(factor=factor), None, b"%r" % number, times, rate)
            return None
        return self._change(target, target.labels, number, signed=signed, rate=rate)

    def _change(self, target: Target, labels: Labels, number: float, *, signed: bool, rate: float) -> Action:
        """Of the series with these labels; those of `target` may be another's."""
        number *= target.factor
        if target.operation == "add" and math.isinf(number):
            return self._reject(Rejected("sample_errors", "bad_value"), b"")
        if target.metric.kind == "counter" and number < 0:
            return self._reject(Rejected("sample_errors", "negative_counter"), b"")
        series = self._series(target, labels)
        if series is None:
            return self._reject(Rejected("sample_errors", "over_budget"), b"")
        amount: float = int(number) if number.is_integer() and abs(number) < _EXACT else number
        if target.operation == "set":
            return CHANGE if signed and target.relative else SET, series, amount
        if target.metric.kind == "gauge":
            return CHANGE, series, amount
        return ADD, series, amount if rate == 1 else number / rate

    def _observe(self, target: Target, key: tuple[bytes, bytes] | None, value: bytes, times: int, rate: float) -> None:
        series = self._series(target, target.labels)
        if not isinstance(series, Histogram):
            self._own.counter("windsock_sample_errors_total", reason="over_budget").value += times
            return
        times_each = round(1 / rate)
        inbox = series.inbox(target.factor, times_each)
        if inbox is None:
            self._own.counter("windsock_sample_errors_total", reason="too_many_rates").value += times
            return
        append = inbox.append
        if target.once:
            # Shared by all spellings of the series: the two lines differ where the DAG's id has dots.
            append = self._once.setdefault((series, target.factor, times_each), _Once(append))
        for _ in range(times):
            append(value)
        self._own.counter("windsock_samples_total", type="timer").value += times
        if key is not None:
            self.timers.keep(key, append, _ENTRY + len(key[0]) + len(key[1]))

    def _series(self, target: Target, labels: Labels) -> Any:
        if target.ambiguous:
            self._ambiguous.value += 1
        series = self._store.series(target.metric, labels)
        if series is None and target.metric.family not in self._store.families:
            self._translator.forget(target.metric.family, None)
        return series

    def _say_unmapped(self) -> None:
        if self._translator.unmapped is not None:
            self._own.set("windsock_unmapped_metrics", len(self._translator.unmapped.metrics))

    def _reject(self, why: Rejected, line: bytes) -> Action:
        label = {"unmapped": "prefix", "duplicates": "form"}.get(why.kind, "reason")
        if why.kind == "unmapped":
            self._exemplify(why.reason, line)
        if why.kind == "sample_errors" and line:
            self.rejected[why.reason] = line[:200].decode(errors="replace")
        return SKIP, self._own.counter(f"windsock_{why.kind}_total", **{label: why.reason}), 0.0

    def _exemplify(self, prefix: str, line: bytes) -> None:
        """Keep the first line of a prefix, or the first that is Airflow's: that one says which prefix to set."""
        known, own = self.examples.get(prefix), self._translator.prefix
        text = line[:200].decode(errors="replace")
        if known is None:
            if len(self.examples) < 100:
                self.examples[prefix] = text
        elif own is not None and foreign_prefix(known, own) is None and foreign_prefix(text, own) is not None:
            self.examples[prefix] = text

    def _hold(self, key: Key, datagram: bytes, times: int, sender: Hashable) -> None:
        _, waiting = self._held.setdefault(key, (time.monotonic() + _TWIN_DUE, []))
        waiting += [(datagram, sender)] * times
        self._held_bytes += len(datagram) * times
        if len(self._held) > _HELD_DATAGRAMS or self._held_bytes > _HELD_BYTES:
            self._release_met()
        if len(waiting) >= _HELD_DATAGRAMS or len(self._held) > _HELD_DATAGRAMS or self._held_bytes > _HELD_BYTES:
            self._settle(key)

    def _settle(self, key: Key) -> None:
        """Stop waiting for a twin: where none came, the legacy line is all that there is."""
        if self._translator.forms.is_open(key):
            self._translator.forms.settle(key)
        self._release(key)

    def _release_met(self) -> None:
        """Let go what has met its twin, or whose form is decided."""
        for key in list(self._held):
            if key in self._held and not self._translator.forms.is_open(key):
                self._release(key)

    def _release(self, key: Key) -> None:
        _, waiting = self._held.pop(key)
        self._held_bytes -= sum(len(datagram) for datagram, _ in waiting)
        for datagram, sender in waiting:
            self._feed((datagram,), sender)

    def _renew(self) -> None:
        """After the translator learned something: forget what was worked out before, and let go what was held."""
        if self._translator.generation == self._generation:
            return
        self._generation = self._translator.generation
        self.forget()
        self._targets.clear()
        self._translator.forget_shapes()
        for metric in self._translator.forms.take_abandoned():
            for labels in self._store.labels(metric):
                if not carries(metric, dict(labels)):
                    self._store.drop(metric, labels)
        self._release_met()


class _Once:
    """Appends a value unless it equals the one before."""

    def __init__(self, append: Callable[[bytes], None]) -> None:
        self._append = append
        self._last = b""

    def __call__(self, value: bytes) -> None:
        if value != self._last:
            self._last = value
            self._append(value)
