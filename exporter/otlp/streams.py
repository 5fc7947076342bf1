"""What each stream of points said last, so that a point counts for what is new in it: in bounded memory, never twice.

A stream is one set of attributes of one instrument of one process. Airflow's processes are thousands an hour, each an
instance of its own that is never heard again, so what was silent for long is forgotten. Of a stream that is not
remembered one can't tell whether it was counted and forgotten, or is new. This decides:

- One that began after everything that was ever forgotten, and after the exporter, is new: all of it counts.
- Any other is doubtful. Its points count for nothing up to the first of a time after everything that was forgotten,
  which may be known to nobody else; from there on differences count. What it said until then is lost rather than
  counted twice.

In OpenTelemetry's Python, which is Airflow's, a set of attributes begins when it is used for the first time. So what is
new in a scheduler that has run for days is new here, too.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable

Key = tuple[int, int]
"""The hash of the instrument's name and the attributes, however long they are, and the start in nanoseconds since 1970:
another process, another start."""
_BUCKETS = 20
"""Of a histogram, that take as much memory as a stream does without."""


class Stream:
    """`time` is that of the newest point that said more, `said` what its kind remembers, `heard` when it came."""

    __slots__ = ("heard", "said", "sure", "time")

    def __init__(self, time: int, said: Any, heard: float) -> None:
        self.time = time
        self.said = said
        self.heard = heard
        self.sure = True
        """Whether what is more than `said` was not counted before."""

    @property
    def weight(self) -> int:
        """What it takes of the room that there is."""
        return 1 + len(getattr(self.said, "buckets", ())) // _BUCKETS


class Instance:
    """The streams of one process, or of several that can't be told apart; the one that was silent for longest first."""

    __slots__ = ("before", "heard", "streams", "until")

    def __init__(self, before: int, until: int, heard: float) -> None:
        self.before = before
        """What began until then may have been counted and forgotten."""
        self.until = until
        """What was said until then, too."""
        self.heard = heard
        self.streams: dict[Key, Stream] = {}


class Streams:
    """All instances, the one that was silent for longest first."""

    def __init__(self, began: int, patience: float, most: int) -> None:
        self.before = began
        """The exporter's start, or that of the youngest stream that was forgotten; nanoseconds since 1970."""
        self.until = began
        """The exporter's start, or the newest time of a stream that was forgotten."""
        self.size = 0
        self.silent = self.crowded = 0
        """Streams that were forgotten: as nothing was heard for `patience` seconds, as there were more than `most`."""
        self._patience = patience
        self._most = most
        self._instances: OrderedDict[Hashable, Instance] = OrderedDict()

    def __len__(self) -> int:
        return len(self._instances)

    def instance(self, identity: Hashable, now: float) -> Instance:
        """The instance that exports."""
        found = self._instances.get(identity)
        if found is None:
            found = self._instances[identity] = Instance(self.before, self.until, now)
        else:
            self._instances.move_to_end(identity)
            found.heard = now
        return found

    def find(self, instance: Instance, key: Key, now: float) -> Stream | None:
        """A stream that is remembered; now it was heard."""
        stream = instance.streams.pop(key, None)
        if stream is not None:
            stream.heard = now
            instance.streams[key] = stream
        return stream

    def remember(self, instance: Instance, key: Key, stream: Stream) -> None:
        """Remember a stream from now on."""
        instance.streams[key] = stream
        self.size += stream.weight

    def begin(self, instance: Instance, key: Key, stream: Stream) -> bool:
        """Remember a cumulative stream; returns whether its first point counts."""
        self.remember(instance, key, stream)
        if key[1] > instance.before:
            return True
        stream.sure = stream.time > instance.until
        return False

    def grow(self, instance: Instance, stream: Stream, time: int, said: Any) -> bool:
        """Remember that a cumulative stream said more; returns whether the difference counts."""
        counts = stream.sure
        self.size -= stream.weight
        stream.said, stream.time = said, time
        self.size += stream.weight
        stream.sure = counts or time > instance.until
        return counts

    def repeat(self, instance: Instance, stream: Stream, time: int) -> None:
        """A cumulative stream said nothing more."""
        stream.sure = stream.sure or time > instance.until

    def forget(self, now: float) -> None:
        """Forget what was silent for long, and of what is too much the instances that were silent for longest."""
        before = now - self._patience
        while self._instances:
            identity, oldest = next(iter(self._instances.items()))
            if oldest.heard >= before and max(self.size, len(self._instances)) <= self._most:
                break
            if oldest.heard < before:
                self.silent += len(oldest.streams)
            else:
                self.crowded += len(oldest.streams)
            for key, stream in oldest.streams.items():
                self.before = max(self.before, _reached(key, stream))
                self.until = max(self.until, stream.time)
                self.size -= stream.weight
            del self._instances[identity]

    def forget_silent(self, instance: Instance, now: float) -> None:
        """Forget streams of an instance that goes on: where an id is used by many processes, it never is silent."""
        before = now - self._patience
        while instance.streams:
            key, stream = next(iter(instance.streams.items()))
            if stream.heard >= before:
                break
            del instance.streams[key]
            instance.before = max(instance.before, _reached(key, stream))
            instance.until = max(instance.until, stream.time)
            self.size -= stream.weight
            self.silent += 1


def _reached(key: Key, stream: Stream) -> int:
    """Until when a stream that is forgotten makes others doubtful: a cumulative one by its start."""
    return stream.said.until if isinstance(stream.said, Intervals) else key[1]


class Intervals:
    """Which points of a stream of deltas were counted: by their end, the last of them one by one."""

    __slots__ = ("_ends", "_since", "until")

    _MOST = 64
    """As many exports late a delta may come; one is a minute."""

    def __init__(self, since: int) -> None:
        self._since = since
        self._ends: set[int] = set()
        self.until = since

    def take(self, start: int, end: int) -> bool:
        """Whether a delta counts: it was not counted, and is not so old that one could not tell."""
        if start < self._since or end in self._ends:
            return False
        self._ends.add(end)
        self.until = max(self.until, end)
        if len(self._ends) > self._MOST:
            oldest = min(self._ends)
            self._ends.discard(oldest)
            self._since = max(self._since, oldest)
        return True
