"""When an estimate becomes an alarm, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass

BEGINS = 0.64
"""Chosen with `benchmarks/at_risk.py`, on its first seed: what begins no more than one false alarm in fifty runs."""
ENDS = 0.3
"""Lower, so that an estimate that goes up and down between two looks is one alarm."""
TOO_SOON = 0.2
"""Of a run's usual duration: with less than that left, nobody can do anything before the promise itself is broken."""


@dataclass
class Risk:
    """Of one run."""

    on: bool = False

    def look(self, chance: float, *, left: float, usual: float) -> bool:
        """Return whether it is at risk.

        `chance` is the probability that it is late, `left` the seconds to the promised end, `usual` those of a run.
        """
        self.on = chance >= ENDS if self.on else chance >= BEGINS and left >= TOO_SOON * usual
        return self.on
