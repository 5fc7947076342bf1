"""The kinds of series, each with what its samples add up to between two scrapes.

One thread writes; scrapes read. Nothing here waits for a lock on the way of a line: a counter is one attribute, a
timer's values are only appended to a list, and turned into buckets when someone looks or the lists grow long.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from .number import parse_number

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from windsock.settings.exporter import Policy

# Sampling rates of one histogram: a client has one, and each keeps a list of its own.
_MOST_INBOXES = 32
_DIGITS = b"0123456789.+-eE"
_MILLISECONDS = 0.001
_POLICIES: dict[str, Callable[[Iterable[float]], float]] = {"max": max, "min": min, "sum": sum}


class Counter:
    """A sum that only grows."""

    __slots__ = ("added", "mark", "text", "value")

    def __init__(self, text: str) -> None:
        self.text = text
        self.value: float = 0
        self.added: float = 0
        """How much of it is in a sum by fewer labels."""
        self.mark: float = -1
        """What expiry saw at its last visit."""


class Gauge:
    """The last value of each sender; a sender is an address without its port.

    `values` are those since the last visit of expiry, `older` those of the time between its last two visits.
    """

    __slots__ = ("last", "older", "policy", "text", "values")

    def __init__(self, text: str, policy: Policy) -> None:
        self.text = text
        self.policy = policy
        self.values: dict[Hashable, float] = {}
        self.older: dict[Hashable, float] = {}
        self.last: Hashable = None

    @property
    def value(self) -> float:
        """One value out of what several senders say, by the policy."""
        senders = {**self.older, **self.values}
        if self.policy == "last" or len(senders) < 2:
            return senders.get(self.last, 0)
        return _POLICIES[self.policy](senders.values())

    def set(self, value: float, sender: Hashable = None) -> None:
        """Say a value; what has no senders, such as a database, is said by None."""
        self.values[sender] = value
        self.last = sender

    def add(self, amount: float, sender: Hashable) -> None:
        """Change what `sender` said."""
        before = self.values.get(sender)
        self.values[sender] = amount + (self.older.get(sender, 0) if before is None else before)

    def age(self) -> bool:
        """Forget what was not said again since the last but one call; returns whether nothing is left."""
        self.older, self.values = self.values, {}
        return not self.older


class Age(NamedTuple):
    """Seconds since `moment` as of what `clock` says, or parts of `unit` seconds; none before it."""

    moment: float
    unit: float
    clock: Clock

    def seconds(self) -> float:
        """The value of a gauge that shows it."""
        return max(0.0, self.clock.now - self.moment) / self.unit


def age(moment: float | None, clock: Clock, unit: float = 1.0) -> Age | float:
    """The age of what may have no time, and is no age old then."""
    return Age(moment, unit, clock) if moment is not None else 0.0


class Clock:
    """The moment as of which ages are shown: those of what was not looked at since do not grow."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0.0


class Reading(Gauge):
    """A gauge that no senders set: the last number, or an age that grows with its clock and is not set again."""

    __slots__ = ("found",)

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: float | Age = 0

    @property
    def value(self) -> float:
        """What was found last."""
        found = self.found
        return found.seconds() if isinstance(found, Age) else found

    def set(self, value: float | Age, sender: Hashable = None) -> None:
        """Say what was found."""
        del sender
        self.found = value


class Histogram:
    """Observations in buckets of seconds; `counts` is not cumulative, its last element is +Inf."""

    __slots__ = ("added", "bounds", "counts", "durations", "mark", "pending", "sum", "tallies", "text")

    def __init__(self, text: str, bounds: tuple[float, ...]) -> None:
        self.text = text
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self.pending: dict[tuple[float, int], list[bytes]] = {}
        self.durations: list[float] = []
        """Seconds that were observed and are not in the buckets yet."""
        self.tallies: list[tuple[Sequence[int], float]] = []
        """Counts of all buckets, and the sum in seconds, that came as such and are not in them yet."""
        self.added: tuple[Sequence[int], float] = ((0,) * len(self.counts), 0.0)
        """What of the counts, and of their sum, is in a sum by fewer labels."""
        self.mark: float = -1
        """What expiry saw at its last visit."""

    @property
    def observed(self) -> int:
        """A number that grows with every observation."""
        tallied = sum(sum(counts) for counts, _ in self.tallies)
        return sum(self.counts) + len(self.durations) + tallied + sum(map(len, self.pending.values()))

    def observe(self, seconds: float) -> None:
        """Add a duration."""
        self.durations.append(seconds)

    def tally(self, counts: Sequence[int], seconds: float) -> None:
        """Add observations that are in these buckets already, and their sum."""
        self.tallies.append((counts, seconds))

    def inbox(self, factor: float, times: int) -> list[bytes] | None:
        """Where to append raw values: each times `factor` is milliseconds, and counts `times` times (sampling).

        None where that would be one inbox too many.
        """
        found = self.pending.get((factor, times))
        if found is None and len(self.pending) < _MOST_INBOXES:
            found = self.pending[factor, times] = []
        return found

    def fold(self) -> tuple[int, int]:
        """Take the raw values in; returns how many were no numbers, and how many had their unit corrected."""
        bad = corrected = 0
        for (factor, times), values in list(self.pending.items()):
            count = len(values)
            if not count:
                continue
            taken = values[:count]
            del values[:count]
            numbers, wrong = _numbers(taken)
            bad += wrong
            corrected += len(numbers) if factor != 1 else 0
            self._observe(numbers, factor * _MILLISECONDS, times)
        if count := len(self.durations):
            seconds = self.durations[:count]
            del self.durations[:count]
            self._observe(seconds, 1.0, 1)
        if count := len(self.tallies):
            tallies = self.tallies[:count]
            del self.tallies[:count]
            self.sum += sum(total for _, total in tallies)
            self.counts = [sum(column) for column in zip(self.counts, *(counts for counts, _ in tallies), strict=True)]
        return bad, corrected

    def _observe(self, numbers: list[float], factor: float, times: int) -> None:
        self.sum += sum(numbers) * factor * times
        bounds = [round(bound / factor, 9) for bound in self.bounds] if len(numbers) >= 16 else None
        if bounds is None:
            for number in numbers:
                self.counts[bisect_left(self.bounds, round(number * factor, 12))] += times
            return
        numbers.sort()
        below = 0
        for index, bound in enumerate(bounds):
            reached = bisect_right(numbers, bound, below)
            self.counts[index] += (reached - below) * times
            below = reached
        self.counts[-1] += (len(numbers) - below) * times


Series = Counter | Gauge | Histogram


def _numbers(values: list[bytes]) -> tuple[list[float], int]:
    """The durations among raw values, those below zero (a clock was set back) as zero, and how many were none."""
    if not b"".join(values).translate(None, _DIGITS):
        try:
            numbers = sorted(map(float, values))
        except ValueError:
            pass
        else:
            if numbers[0] >= 0 and numbers[-1] < float("inf"):
                return numbers, 0
    good: list[float] = []
    bad = 0
    for value in values:
        for part in value.split(b":"):
            number = parse_number(part.decode(errors="replace"))
            if number is None or number in (float("inf"), float("-inf")):
                bad += 1
            else:
                good.append(max(number, 0.0))
    return good, bad
