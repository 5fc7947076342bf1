"""When an estimate becomes an alarm, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass

EARLY, LATE = 0.95, 0.4
"""The probability from which it is an alarm. While there is time, only what is as good as sure: it costs nothing to
look again, and much of it comes right. At the last look at which somebody can act still, two in five: then it is said
now or never. Chosen with `benchmarks/at_risk.py`, on seeds 11 to 30."""
TOO_LATE = 0.25
"""Of a run's usual duration, left to the promised end: with less than that nobody can do anything before the promise
itself is broken."""
NEAR = 0.275
"""The same: no look below it is waited for, though there may be time for one more."""
ENDS = 0.2
"""Lower, so that an estimate that goes up and down between two looks is one alarm."""


@dataclass
class Risk:
    """Of one run."""

    on: bool = False
    _left: float | None = None
    """At the look before."""

    def look(self, chance: float, *, left: float, usual: float) -> bool:
        """Return whether it is at risk.

        `chance` is the probability that it is late, `left` the seconds to the promised end, `usual` those of a run.
        """
        between = 0.0 if self._left is None else self._left - left
        self._left = left
        last = left < max(NEAR * usual, TOO_LATE * usual + between)
        begins = left >= TOO_LATE * usual and chance >= (LATE if last else EARLY)
        self.on = chance >= ENDS if self.on else begins
        return self.on
