"""When an estimate becomes an alarm, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass

BEGINS = 0.55
"""Chosen by `benchmarks/at_risk.py`, on its first seed."""
ENDS = 0.3
"""Lower, so that an estimate that goes up and down between two looks is one alarm."""
LOOKS = 2
"""One after the other, before it is an alarm."""
TOO_SOON = 0.2
"""Of a run's usual duration: with less than that left, nobody can do anything before the promise itself is broken."""


@dataclass
class Risk:
    """Of one run."""

    on: bool = False
    seen: int = 0

    def look(self, chance: float, *, left: float, usual: float) -> bool:
        """Return whether it is at risk.

        `chance` is the probability that it is late, `left` the seconds to the promised end, `usual` those of a run.
        """
        self.seen = self.seen + 1 if chance >= BEGINS else 0
        self.on = chance >= ENDS if self.on else self.seen >= LOOKS and left >= TOO_SOON * usual
        return self.on
